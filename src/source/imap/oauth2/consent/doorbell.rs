//! A port of this machine that takes exactly one answer of a browser (RFC 8252 7.3), and shows a page in return.
//!
//! Anybody on this machine, and any page in its browser, can ring. Only who knows the `state` is let in (RFC 6749 10.12);
//! all others are sent away, and the wait goes on.

use std::net::Ipv4Addr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::http::query_of;
use crate::source::imap::oauth2::refusal::Refusal;

/// The longest request that is read, in bytes. Microsoft's codes are up to 2 kB long, and cookies of other programs on this
/// machine may come along.
const MAX_REQUEST_BYTES: usize = 32 * 1024;

/// How long a visitor may take: a browser that is on this machine takes no time.
const VISIT: Duration = Duration::from_secs(10);

/// Visitors at once: browsers open some connections ahead and say nothing on them.
const MAX_VISITORS: usize = 16;

/// What the browser brought: the code, or why there is none.
type Brought = Result<SecretString, Refusal>;

/// A port that is open.
pub(super) struct Doorbell {
    listener: TcpListener,
    port: u16,
}

impl Doorbell {
    /// Opens a port that is free, on this machine alone.
    pub(super) async fn open() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the one answer; then the port is closed.
    pub(super) async fn answer(self, state: &SecretString) -> Brought {
        let mut visitors = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if visitors.len() < MAX_VISITORS => match accepted {
                    Ok((stream, _)) => drop(visitors.spawn(visit(stream, self.port, state.clone()))),
                    // Out of descriptors, or the visitor is gone already: the next one may do better.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                },
                Some(visited) = visitors.join_next() => if let Ok(Some(brought)) = visited {
                    return brought;
                },
            }
        }
    }
}

/// Hears one visitor out; `None` for all but the right one.
async fn visit(mut stream: TcpStream, port: u16, state: SecretString) -> Option<Brought> {
    let request = timeout(VISIT, read(&mut stream)).await.ok()??;
    let judged = judge(&request, port, state.expose_secret());
    let (status, text) = match &judged {
        Ok(Ok(_)) => ("200 OK", "mailferry has its answer. You may close this window; the terminal says how it went on."),
        Ok(Err(_)) => ("200 OK", "There was no consent. You may close this window; the terminal says what to do."),
        Err(status) => (*status, "This is not what mailferry waits for."),
    };
    // The answer stands whether or not the browser shows the page.
    drop(timeout(VISIT, respond(&mut stream, status, text)).await);
    judged.ok()
}

/// The head of a request.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(piece.get(..read)?);
        if head.len() > MAX_REQUEST_BYTES {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

/// What a request brings, or the status with which it is sent away.
fn judge(request: &str, port: u16, state: &str) -> Result<Brought, &'static str> {
    let mut lines = request.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let hosts = lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    let hosts: Vec<&str> = hosts.map(|(_, host)| host.trim()).collect();
    // A foreign name that was made to point here is no redirect of ours.
    if hosts != [format!("127.0.0.1:{port}")] && hosts != [format!("localhost:{port}")] {
        return Err("421 Misdirected Request");
    }
    if method != "GET" {
        return Err("405 Method Not Allowed");
    }
    if target != "/" && !target.starts_with("/?") {
        return Err("404 Not Found");
    }
    let fields = query_of(target);
    // RFC 6749 3.1: no parameter twice.
    let one = |name: &str| {
        let mut found = fields.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        found.next().filter(|_| found.next().is_none())
    };
    if one("state") != Some(state) {
        return Err("400 Bad Request");
    }
    match (one("code"), one("error")) {
        (Some(code), None) if !code.is_empty() => Ok(Ok(SecretString::from(code))),
        (None, Some(error)) => {
            let error_description = one("error_description").unwrap_or_default().to_owned();
            Ok(Err(Refusal { error: error.to_owned(), error_description, status: None }))
        }
        (Some(_), _) | (None, None) => Err("400 Bad Request"),
    }
}

async fn respond(stream: &mut TcpStream, status: &str, text: &str) -> std::io::Result<()> {
    let page = format!("<!doctype html><meta charset=\"utf-8\"><title>mailferry</title><p>{text}</p>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n\r\n",
        page.len()
    );
    stream.write_all((head + &page).as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:7\r\nAccept: */*\r\n\r\n")
    }

    #[test]
    fn only_the_answer_with_our_state_is_taken() {
        let code = judge(&get("/?code=a%2Fb&state=s"), 7, "s").unwrap().unwrap();
        assert_eq!(code.expose_secret(), "a/b");
        assert!(judge(&get("/?code=x&state=s").replace("127.0.0.1:7", "localhost:7"), 7, "s").is_ok());
        let refusal = judge(&get("/?error=access_denied&error_description=no+way&state=s"), 7, "s").unwrap().unwrap_err();
        assert_eq!((refusal.error.as_str(), refusal.error_description.as_str()), ("access_denied", "no way"));
        for (request, status) in [
            (get("/?code=x&state=t"), "400"),
            (get("/?code=x"), "400"),
            (get("/?code=x&state=t&state=s"), "400"),
            (get("/?code=x&code=y&state=s"), "400"),
            (get("/?code=x&error=y&state=s"), "400"),
            (get("/?code=&state=s"), "400"),
            (get("/?state=s"), "400"),
            (get("/favicon.ico"), "404"),
            (get("/elsewhere?code=x&state=s"), "404"),
            (get("http://elsewhere.example/?code=x&state=s"), "404"),
            (get("/?code=x&state=s").replace("GET", "POST"), "405"),
            (get("/?code=x&state=s").replace("127.0.0.1:7", "evil.example:7"), "421"),
            (get("/?code=x&state=s").replace("Accept: */*", "Host: evil.example"), "421"),
            (String::new(), "421"),
        ] {
            assert!(judge(&request, 7, "s").unwrap_err().starts_with(status), "{request}");
        }
    }
}
