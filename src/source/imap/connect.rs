//! From a host and a port to a connection that is logged in.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;
use tracing::debug;

use super::command::{Command, Connection, Greeting};
use super::failure::Failure;
use super::login::{Capabilities, is_preauth, log_in};
use super::oauth2::Tokens;
use super::objects::Objects;
use super::patience::Patience;
use super::wire::Wire;
use super::{Compression, ImapSettings, Security, tls};
use crate::source::SourceError;

/// Why a server that knows us before TLS began is refused.
const NO_STARTTLS: &str = "the server skips the login, and with it STARTTLS";

/// How long the answer to LOGOUT is waited for: it changes nothing.
const GOODBYE: Duration = Duration::from_secs(2);

/// One account on one server: opens connections to it.
#[derive(Clone)]
pub(super) struct Account {
    pub(super) settings: ImapSettings,
    pub(super) patience: Patience,
    connector: Option<TlsConnector>,
    tokens: Option<Arc<Tokens>>,
}

/// A connection that is logged in.
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) capabilities: Capabilities,
    /// How it is secured, and whether it is compressed where that is wanted; for people.
    pub(super) manner: String,
}

impl Session {
    /// Says goodbye, as politeness asks; nothing depends on it.
    pub(super) async fn close(mut self) {
        self.connection.wait_for_answers(GOODBYE);
        if let Err(failure) = self.connection.run(Command::new("LOGOUT"), |_| {}).await {
            debug!(why = failure.why(), "logged out");
        }
    }
}

impl Account {
    /// An account whose trust anchors are read. Nothing is connected yet.
    pub(super) async fn new(settings: ImapSettings, patience: Patience, tokens: Option<Arc<Tokens>>) -> Result<Self, SourceError> {
        let connector = match settings.security {
            Security::Implicit | Security::StartTls => Some(
                tls::load(settings.ca_file.clone()).await.map_err(|why| SourceError::Tls { host: settings.host.clone(), why })?,
            ),
            Security::None if is_loopback(&settings.host) => None,
            Security::None => {
                let why = "a password is never sent without TLS, but to this machine itself".to_owned();
                return Err(SourceError::Tls { host: settings.host, why });
            }
        };
        Ok(Self { settings, patience, connector, tokens })
    }

    /// The same with another patience.
    pub(super) fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Waits so long before another try, or until there is another login to try.
    pub(super) async fn rest(&self, pause: Duration) {
        match &self.tokens {
            Some(tokens) => tokens.rest(pause).await,
            None => sleep(pause).await,
        }
    }

    /// Opens a connection, secures it and logs in.
    pub(super) async fn open(&self) -> Result<Session, Failure> {
        let securing = timeout(self.patience.connect, self.secure()).await;
        let (mut connection, greeting) = securing.unwrap_or_else(|_| Err(self.unreachable(self.silence())))?;
        let capabilities = match greeting {
            Greeting::Stranger => log_in(&mut connection, &self.settings, self.tokens.as_deref()).await?,
            Greeting::Known => Capabilities::ask(&mut connection).await?,
        };
        capabilities.introduce(&mut connection).await?;
        let compressed = self.compress(&mut connection, &capabilities).await?;
        connection.name_objects(Objects::of(&capabilities, &self.settings));
        connection.wait_for_answers(self.patience.answer);
        debug!(imap.host = %self.settings.host, "connected");
        Ok(Session { connection, capabilities, manner: self.security().to_owned() + compressed })
    }

    /// Has the connection compressed where that is wanted and the server is able and willing; says so for people. It comes
    /// after the login, so that no password is compressed: its length would say something about it.
    async fn compress(&self, connection: &mut Connection, capabilities: &Capabilities) -> Result<&'static str, Failure> {
        if self.settings.compression == Compression::Never {
            return Ok("");
        }
        if !capabilities.has("COMPRESS=DEFLATE") {
            debug!(imap.host = %self.settings.host, "not compressed: the server does not offer it");
            return Ok(", not compressed: the server does not offer it");
        }
        match connection.compress().await {
            Ok(()) => Ok(", compressed"),
            Err(refused @ (Failure::No(_) | Failure::Bad(_))) => {
                debug!(imap.host = %self.settings.host, why = refused.why(), "not compressed");
                Ok(", not compressed: the server refuses it")
            }
            Err(failure @ (Failure::Lost(_) | Failure::Final(_))) => Err(failure),
        }
    }

    /// Host and port, for people.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    async fn secure(&self) -> Result<(Connection, Greeting), Failure> {
        let tcp = self.dial().await?;
        match (self.settings.security, &self.connector) {
            (Security::Implicit, Some(connector)) => {
                let wire = self.handshake(connector, Box::new(tcp)).await?;
                self.greet(wire).await
            }
            (Security::StartTls, Some(connector)) => self.start_tls(connector, tcp).await,
            (Security::None, _) => self.greet(Box::new(tcp)).await,
            (Security::Implicit | Security::StartTls, None) => Err(self.insecure("TLS is not set up")),
        }
    }

    /// Tries the host's addresses in turn, each for a part of the time only: where IPv6 leads nowhere, IPv4 has its chance.
    async fn dial(&self) -> Result<TcpStream, Failure> {
        let limit = self.patience.connect / 3;
        let addresses =
            lookup_host((self.host(), self.settings.port)).await.map_err(|error| self.unreachable(error.to_string()))?;
        let mut why = "the host name has no address".to_owned();
        for address in addresses {
            match timeout(limit, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => {
                    tune(&tcp).map_err(|error| self.unreachable(error.to_string()))?;
                    return Ok(tcp);
                }
                Ok(Err(error)) => why = error.to_string(),
                Err(_) => why = format!("no answer from {} within {limit:?}", address.ip()),
            }
        }
        Err(self.unreachable(why))
    }

    /// STARTTLS (RFC 3501 6.2.1). Whatever comes in its place is a refusal: a password never follows it. PREAUTH before TLS
    /// is one too: in that state there is no STARTTLS, so whoever can write into the connection could prevent it (RFC 9051
    /// 11.3 speaks of this attack).
    async fn start_tls(&self, connector: &TlsConnector, tcp: TcpStream) -> Result<(Connection, Greeting), Failure> {
        let (mut connection, greeting) = self.greet(Box::new(tcp)).await?;
        let mut is_known = greeting == Greeting::Known;
        if is_known {
            return Err(self.insecure(NO_STARTTLS));
        }
        match connection.run(Command::new("STARTTLS"), |answer| is_known |= is_preauth(answer)).await {
            _ if is_known => return Err(self.insecure(NO_STARTTLS)),
            Ok(()) => {}
            Err(refusal @ (Failure::No(_) | Failure::Bad(_))) => return Err(self.insecure(refusal.why())),
            Err(failure @ (Failure::Lost(_) | Failure::Final(_))) => return Err(failure),
        }
        let wire = self.handshake(connector, connection.into_wire()).await?;
        Ok((self.connection(wire), Greeting::Stranger))
    }

    async fn handshake(&self, connector: &TlsConnector, wire: Box<dyn Wire>) -> Result<Box<dyn Wire>, Failure> {
        let name = ServerName::try_from(self.host().to_owned())
            .map_err(|_| self.insecure("no certificate can be made for this host name"))?;
        match connector.connect(name, wire).await {
            Ok(secured) => Ok(Box::new(secured)),
            Err(error) => Err(self.refused_handshake(&error)),
        }
    }

    /// A handshake that TLS itself refused, or one that the network cut short.
    fn refused_handshake(&self, error: &io::Error) -> Failure {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(refusal) => self.insecure(tls::words(refusal)),
            None => self.unreachable(format!("the connection broke during the TLS handshake ({})", error.kind())),
        }
    }

    async fn greet(&self, wire: Box<dyn Wire>) -> Result<(Connection, Greeting), Failure> {
        let mut connection = self.connection(wire);
        let greeting = connection.greeting().await?;
        Ok((connection, greeting))
    }

    fn connection(&self, wire: Box<dyn Wire>) -> Connection {
        Connection::new(wire, Objects::unnamed(&self.settings), self.patience.login, self.patience.command)
    }

    /// The host as names are resolved: an IPv6 address without its brackets.
    fn host(&self) -> &str {
        self.settings.host.trim_matches(['[', ']'])
    }

    fn security(&self) -> &'static str {
        match self.settings.security {
            Security::Implicit => "TLS",
            Security::StartTls => "STARTTLS",
            Security::None => "no TLS, this machine itself",
        }
    }

    /// What silence on a fresh connection often means: on a TLS port, the server waits for us to begin.
    fn silence(&self) -> String {
        let limit = self.patience.connect;
        match self.settings.security {
            Security::Implicit => format!("no answer within {limit:?}"),
            Security::StartTls | Security::None => {
                format!("no greeting within {limit:?}; a port that begins with TLS (993) needs tls = \"implicit\"")
            }
        }
    }

    fn unreachable(&self, why: String) -> Failure {
        Failure::Final(SourceError::Unreachable { what: self.address(), why })
    }

    fn insecure(&self, why: impl Into<String>) -> Failure {
        Failure::Final(SourceError::Tls { host: self.settings.host.clone(), why: why.into() })
    }
}

/// Has the system ask now and then whether a silent peer is still there (after 45 s, then 3 times after 15 s), and give up
/// what is not acknowledged for as long: a connection whose packets go nowhere is noticed within two minutes.
fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, Duration::from_secs(45))?;
    sockopt::set_tcp_keepintvl(tcp, Duration::from_secs(15))?;
    sockopt::set_tcp_keepcnt(tcp, 3)?;
    Ok(sockopt::set_tcp_user_timeout(tcp, 90_000)?)
}

/// Whether a host name can only mean this machine.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1", "127.0.0.1.example.com", "localhost.example.com", "example.com", "0.0.0.0"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
