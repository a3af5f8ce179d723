//! What is said of a request without an answer is true.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

#[test]
fn a_wait_is_read_in_both_grammars_and_stays_in_bounds() {
    let seconds = |text| Reply::new(429, &[("retry-after", text)], "").wait().as_secs();
    assert_eq!(seconds("7"), 7);
    assert_eq!(seconds("0"), 1);
    assert_eq!(seconds("999999"), 3600);
    assert_eq!(seconds("soon"), 30);
    assert_eq!(seconds("-5"), 30);
    assert_eq!(Reply::new(429, &[], "").wait().as_secs(), 30);
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(seconds(date), 30, "a date says nothing without the server's own");
    let both = [("retry-after", "Sun, 06 Nov 1994 08:50:17 GMT"), ("date", date)];
    assert_eq!(Reply::new(429, &both, "").wait().as_secs(), 40);
}

#[test]
fn a_token_does_not_print_and_holds_no_line_ends() {
    let token = Token::bearer(&SecretString::from("xoxb-1\n")).unwrap();
    assert!(!format!("{token:?}").contains("xoxb"));
    assert!(Token::bearer(&SecretString::from("xoxb-1\r\nx: y")).is_err());
}

#[test]
fn only_https_leaves_this_machine() {
    assert_eq!(BaseUrl::parse("https://slack.com/api").unwrap().method("auth.test"), "https://slack.com/api/auth.test");
    for local in ["http://127.0.0.1:9911/api/", "http://localhost/", "http://[::1]:80/api/"] {
        assert!(BaseUrl::parse(local).is_ok(), "{local}");
    }
    for bad in ["http://slack.com/api/", "http://127.0.0.1.evil.example/", "ftp://x/", "slack.com/api/", "mailto:a@b", ""] {
        assert!(matches!(BaseUrl::parse(bad), Err(SetupError::Address { .. })), "{bad}");
    }
}

async fn ask(url: &str, timeouts: Timeouts) -> Result<Reply, Lost> {
    let base = BaseUrl::parse("http://127.0.0.1/").unwrap();
    send(client(&base, timeouts).unwrap().post(url).body("x")).await
}

/// A server that reads a request, writes `answer` and then does what `after` says.
async fn server(answer: &'static str, keep_open: std::ops::ControlFlow<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(answer.as_bytes()).await.unwrap();
        if keep_open.is_continue() {
            std::future::pending::<()>().await;
        }
    });
    url
}

#[tokio::test]
async fn a_refused_connection_never_sent_anything() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(ask(&url, Timeouts::CALL).await, Err(Lost::NotSent(_))));
}

#[tokio::test]
async fn a_server_that_hangs_up_may_have_acted() {
    let url = server("", std::ops::ControlFlow::Break(())).await;
    assert!(matches!(ask(&url, Timeouts::CALL).await, Err(Lost::NoAnswer(_))));
}

#[tokio::test]
async fn what_fails_before_there_is_a_connection_was_never_sent() {
    let short = Timeouts { connect: Duration::from_millis(100), ..Timeouts::CALL };
    let secure = |url: &str| url.replace("http:", "https:");
    let garbage = server("HTTP/1.1 400 Bad Request\r\n\r\n", std::ops::ControlFlow::Break(())).await;
    let silence = server("", std::ops::ControlFlow::Continue(())).await;
    for url in [secure(&garbage), secure(&silence), "http://no-such-host.invalid/".to_owned()] {
        let outcome = ask(&url, short).await;
        assert!(matches!(outcome, Err(Lost::NotSent(_))), "{url}: {outcome:?}");
    }
}

/// A server that answers the first request of each connection with `answer` and keeps it open, and closes it in the
/// midst of the second; how many requests it has begun to read.
async fn fickle() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let begun = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&begun);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 65_536];
            let mut read = 0;
            while !request[..read].ends_with(b"\r\n\r\nx") {
                read += stream.read(&mut request[read..]).await.unwrap();
            }
            count.fetch_add(1, Ordering::SeqCst);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            if stream.read(&mut request[..10]).await.unwrap_or(0) > 0 {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (url, begun)
}

#[tokio::test]
async fn a_kept_connection_that_closes_while_it_is_written_to_may_have_carried_the_request() {
    let (url, begun) = fickle().await;
    let client = client(&BaseUrl::parse("http://127.0.0.1/").unwrap(), Timeouts::CALL).unwrap();
    assert_eq!(send(client.post(&url).body("x")).await.unwrap().status, 200);
    let outcome = send(client.post(&url).body("y".repeat(1 << 20))).await;
    assert!(matches!(outcome, Err(Lost::NoAnswer(_))), "{outcome:?}");
    assert_eq!(begun.load(Ordering::SeqCst), 2, "it was sent once, and not again");
}

#[tokio::test]
async fn a_kept_connection_that_closed_before_is_no_reason_to_lose_or_repeat_a_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (closed, mut waits) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            drop(stream);
            closed.send(()).await.unwrap();
        }
    });
    let client = client(&BaseUrl::parse("http://127.0.0.1/").unwrap(), Timeouts::CALL).unwrap();
    for _ in 0..20 {
        match send(client.post(&url).body("x")).await {
            Ok(reply) => {
                assert_eq!(reply.status, 200);
                waits.recv().await.unwrap();
            }
            // It closed just as the request went out, and the server saw none of it.
            Err(lost) => assert!(matches!(lost, Lost::NoAnswer(_)), "{lost:?}"),
        }
        assert!(waits.try_recv().is_err(), "it was sent twice");
    }
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let url = server("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ok\":true", std::ops::ControlFlow::Break(())).await;
    assert!(matches!(ask(&url, Timeouts::CALL).await, Err(Lost::NoAnswer(_))));
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_and_may_have_acted() {
    let short = Duration::from_millis(50);
    for timeouts in [Timeouts { read: short, ..Timeouts::CALL }, Timeouts { whole: short, ..Timeouts::CALL }] {
        let url = server("HTTP/1.1 200 OK\r\n", std::ops::ControlFlow::Continue(())).await;
        assert!(matches!(ask(&url, timeouts).await, Err(Lost::NoAnswer(_))), "{timeouts:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_secrets_in_addresses_are_not_told() {
    let redirect = "HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let url = server(redirect, std::ops::ControlFlow::Continue(())).await;
    assert_eq!(ask(&url, Timeouts::CALL).await.unwrap().status, 307);
    let Err(Lost::NotSent(text)) = ask("http://127.0.0.1:1/secret-upload", Timeouts::CALL).await else {
        panic!("port 1 answers");
    };
    assert!(!text.contains("secret"), "{text}");
}
