//! Who we are: capabilities, the login, and ID.

use std::collections::BTreeSet;

use async_imap::imap_proto::{Capability, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;

use super::ImapSettings;
use super::command::{Command, Connection};
use super::failure::Failure;
use super::names::quote;
use crate::source::SourceError;

/// What a server says that it can do, in capital letters.
#[derive(Clone, Debug, Default)]
pub(super) struct Capabilities(BTreeSet<String>);

impl Capabilities {
    /// Asks the server. They differ before and after TLS and the login, so they are asked for each time. A server
    /// that does not want to say offers nothing.
    pub(super) async fn ask(connection: &mut Connection) -> Result<Self, Failure> {
        let mut found = BTreeSet::new();
        let asked = connection.run(Command::new("CAPABILITY"), |answer| {
            if let Response::Capabilities(capabilities) = answer {
                found.extend(capabilities.iter().map(name));
            }
        });
        match asked.await {
            Ok(()) => Ok(Self(found)),
            Err(Failure::No(_) | Failure::Bad(_)) => Ok(Self::default()),
            Err(failure @ (Failure::Lost(_) | Failure::Final(_))) => Err(failure),
        }
    }

    /// Whether the server offers something, by its name in capital letters.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Says who we are where the server wants to know (RFC 2971). Gmail asks clients to; NetEase shows no mailbox without.
    pub(super) async fn introduce(&self, connection: &mut Connection) -> Result<(), Failure> {
        if !self.has("ID") {
            return Ok(());
        }
        let command = format!("ID (\"name\" \"mailferry\" \"version\" \"{}\")", env!("CARGO_PKG_VERSION"));
        match connection.run(Command::new(command), |_| {}).await {
            Err(Failure::No(_) | Failure::Bad(_)) | Ok(()) => Ok(()),
            Err(failure @ (Failure::Lost(_) | Failure::Final(_))) => Err(failure),
        }
    }
}

fn name(capability: &Capability<'_>) -> String {
    match capability {
        Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
        Capability::Auth(mechanism) => format!("AUTH={}", mechanism.to_ascii_uppercase()),
        Capability::Atom(atom) => atom.to_ascii_uppercase(),
    }
}

/// Logs in, and says what the server can do then.
pub(super) async fn log_in(connection: &mut Connection, settings: &ImapSettings) -> Result<Capabilities, Failure> {
    let offered = Capabilities::ask(connection).await?;
    let mut attempt = authenticate(connection, settings, &offered).await;
    // Some servers offer AUTH=PLAIN and do not know it. A throttled server says BAD too, and is not asked twice.
    let is_unknown = matches!(&attempt, Err(failure @ Failure::Bad(_)) if !failure.may_pass());
    if is_unknown && offered.has("AUTH=PLAIN") && !offered.has("LOGINDISABLED") {
        attempt = connection.run(login(settings), |_| {}).await;
    }
    attempt.map_err(|failure| refusal(settings, failure))?;
    Capabilities::ask(connection).await
}

async fn authenticate(connection: &mut Connection, settings: &ImapSettings, offered: &Capabilities) -> Result<(), Failure> {
    if offered.has("AUTH=PLAIN") {
        return connection.run(authenticate_plain(settings, offered), |_| {}).await;
    }
    if !offered.has("LOGINDISABLED") {
        return connection.run(login(settings), |_| {}).await;
    }
    if !offered.has("AUTH=LOGIN") {
        return Err(Failure::No("the server takes no password on this connection; it may want TLS or OAuth".to_owned()));
    }
    connection.run(authenticate_login(settings), |_| {}).await
}

/// AUTHENTICATE PLAIN (RFC 4616): user name and password in UTF-8, whatever characters they hold.
fn authenticate_plain(settings: &ImapSettings, offered: &Capabilities) -> Command {
    let credentials = STANDARD.encode(format!("\0{}\0{}", settings.username, settings.password.expose_secret()));
    if offered.has("SASL-IR") {
        Command::new(format!("AUTHENTICATE PLAIN {credentials}"))
    } else {
        Command::new("AUTHENTICATE PLAIN").then(credentials)
    }
}

/// AUTHENTICATE LOGIN, which no RFC describes and some servers offer alone: it asks for one after the other.
fn authenticate_login(settings: &ImapSettings) -> Command {
    Command::new("AUTHENTICATE LOGIN")
        .then(STANDARD.encode(&settings.username))
        .then(STANDARD.encode(settings.password.expose_secret()))
}

/// LOGIN, with literals for what cannot stand in a quoted string (RFC 3501 4.3).
fn login(settings: &ImapSettings) -> Command {
    let (username, password) = (settings.username.as_str(), settings.password.expose_secret());
    let plain = |text: &str| text.is_ascii().then(|| quote(text)).flatten();
    match (plain(username), plain(password)) {
        (Some(username), Some(password)) => Command::new(format!("LOGIN {username} {password}")),
        _ => {
            Command::new(format!("LOGIN {{{}}}", username.len())).then(format!("{username} {{{}}}", password.len())).then(password)
        }
    }
}

/// A wrong password is for a person; a busy or broken server is for later.
fn refusal(settings: &ImapSettings, failure: Failure) -> Failure {
    match failure {
        Failure::No(why) | Failure::Bad(why) if !Failure::No(why.clone()).may_pass() => {
            let (host, username) = (settings.host.clone(), settings.username.clone());
            Failure::Final(SourceError::Login { host, username, why })
        }
        other @ (Failure::No(_) | Failure::Bad(_) | Failure::Lost(_) | Failure::Final(_)) => other,
    }
}
