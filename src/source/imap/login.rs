//! Who we are: capabilities, the login, and ID.

use std::collections::BTreeSet;

use async_imap::imap_proto::{Capability, Response, Status};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::command::{Command, Connection, Greeting};
use super::failure::Failure;
use super::names::quote;
use super::oauth2::{Age, Tokens};
use super::{ImapSettings, Login};
use crate::source::SourceError;

/// What a server says that it can do, in capital letters.
#[derive(Clone, Debug, Default)]
pub(super) struct Capabilities(BTreeSet<String>);

impl Capabilities {
    /// Asks the server. They differ before and after TLS and the login, so they are asked for each time. A server
    /// that does not want to say offers nothing.
    pub(super) async fn ask(connection: &mut Connection) -> Result<Self, Failure> {
        Self::ask_first(connection).await.map(|(capabilities, _)| capabilities)
    }

    /// Asks the server in the first command of a connection, where it may turn out that it knows us already: Courier greets
    /// with `* OK [ALERT] …` before it greets with `* PREAUTH`.
    async fn ask_first(connection: &mut Connection) -> Result<(Self, Greeting), Failure> {
        let (mut found, mut greeting) = (BTreeSet::new(), Greeting::Stranger);
        let asked = connection.run(Command::new("CAPABILITY"), |answer| {
            if let Response::Capabilities(capabilities) = answer {
                found.extend(capabilities.iter().map(name));
            } else if is_preauth(answer) {
                greeting = Greeting::Known;
            }
        });
        match asked.await {
            Ok(()) => Ok((Self(found), greeting)),
            Err(Failure::No(_) | Failure::Bad(_)) => Ok((Self::default(), greeting)),
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

/// Whether a server says that it knows us already.
pub(super) fn is_preauth(answer: &Response<'_>) -> bool {
    matches!(answer, Response::Data { status: Status::PreAuth, .. })
}

/// Logs in, and says what the server can do then. A server that knows us already is shown no password.
pub(super) async fn log_in(
    connection: &mut Connection,
    settings: &ImapSettings,
    tokens: Option<&Tokens>,
) -> Result<Capabilities, Failure> {
    let (offered, greeting) = Capabilities::ask_first(connection).await?;
    if greeting == Greeting::Known {
        return Ok(offered);
    }
    match (&settings.login, tokens) {
        (Login::Password(password), _) => {
            let user = User { name: &settings.username, password };
            user.log_in(connection, &offered).await.map_err(|failure| refusal(settings, failure))?;
        }
        (Login::Oauth2(_), Some(tokens)) => show_token(connection, settings, &offered, tokens).await?,
        (Login::Oauth2(_), None) => return Err(Failure::Lost("there is nobody to ask for a token".to_owned())),
    }
    Capabilities::ask(connection).await
}

/// Logs in by a token. One that was taken before and is refused now may have been revoked, and is asked for anew, once.
async fn show_token(
    connection: &mut Connection,
    settings: &ImapSettings,
    offered: &Capabilities,
    tokens: &Tokens,
) -> Result<(), Failure> {
    let Some(mechanism) = Mechanism::of(offered) else {
        let why = "it offers neither XOAUTH2 nor OAUTHBEARER".to_owned();
        return Err(no_entry(settings, why, "use password, or another server"));
    };
    let token = tokens.token().await?;
    let mut shown = connection.run(mechanism.command(settings, &token.secret, offered), |_| {}).await;
    if token.age == Age::Kept && shown.as_ref().is_err_and(|failure| matches!(failure, Failure::No(_)) && !failure.may_pass()) {
        tokens.forget().await;
        let token = tokens.token().await?;
        shown = connection.run(mechanism.command(settings, &token.secret, offered), |_| {}).await;
    }
    match shown {
        Err(Failure::No(why) | Failure::Bad(why)) if !Failure::No(why.clone()).may_pass() => {
            tokens.forget().await;
            let advice = "check that username is the mailbox of who logged in, that the scope allows IMAP, and that IMAP is switched \
                          on for it";
            Err(no_entry(settings, format!("the token was given but is not taken ({why})"), advice))
        }
        other => other,
    }
}

/// The server does not let the user in, whatever token is shown.
fn no_entry(settings: &ImapSettings, why: String, advice: &str) -> Failure {
    let (what, username) = (settings.host.clone(), settings.username.clone());
    Failure::Final(SourceError::Token { what, username, why, advice: advice.to_owned() })
}

/// How a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    /// Google's and Microsoft's own.
    Xoauth2,
    /// RFC 7628.
    OauthBearer,
}

impl Mechanism {
    fn of(offered: &Capabilities) -> Option<Self> {
        if offered.has("AUTH=XOAUTH2") { Some(Self::Xoauth2) } else { offered.has("AUTH=OAUTHBEARER").then_some(Self::OauthBearer) }
    }

    /// The command. A server that refuses first says why in a challenge, which is answered before its NO comes.
    fn command(self, settings: &ImapSettings, token: &SecretString, offered: &Capabilities) -> Command {
        let (user, token) = (settings.username.as_str(), token.expose_secret());
        let (name, credentials, answer) = match self {
            Self::Xoauth2 => ("XOAUTH2", format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"), String::new()),
            Self::OauthBearer => {
                // RFC 5801 4: what parts a name from the rest is written otherwise in it.
                let user = user.replace('=', "=3D").replace(',', "=2C");
                let (host, port) = (&settings.host, settings.port);
                let text = format!("n,a={user},\u{1}host={host}\u{1}port={port}\u{1}auth=Bearer {token}\u{1}\u{1}");
                ("OAUTHBEARER", text, STANDARD.encode("\u{1}"))
            }
        };
        let credentials = STANDARD.encode(credentials);
        let command = if offered.has("SASL-IR") {
            Command::new(format!("AUTHENTICATE {name} {credentials}"))
        } else {
            Command::new(format!("AUTHENTICATE {name}")).then(credentials)
        };
        command.then(answer)
    }
}

/// A user with a password.
struct User<'a> {
    name: &'a str,
    password: &'a SecretString,
}

impl User<'_> {
    async fn log_in(&self, connection: &mut Connection, offered: &Capabilities) -> Result<(), Failure> {
        let attempt = self.authenticate(connection, offered).await;
        // Some servers offer AUTH=PLAIN and do not know it. A throttled server says BAD too, and is not asked twice.
        let is_unknown = matches!(&attempt, Err(failure @ Failure::Bad(_)) if !failure.may_pass());
        if is_unknown && offered.has("AUTH=PLAIN") && !offered.has("LOGINDISABLED") {
            return connection.run(self.login(), |_| {}).await;
        }
        attempt
    }

    async fn authenticate(&self, connection: &mut Connection, offered: &Capabilities) -> Result<(), Failure> {
        if offered.has("AUTH=PLAIN") {
            return connection.run(self.authenticate_plain(offered), |_| {}).await;
        }
        if !offered.has("LOGINDISABLED") {
            return connection.run(self.login(), |_| {}).await;
        }
        if !offered.has("AUTH=LOGIN") {
            return Err(Failure::No("the server takes no password on this connection; it may want TLS or OAuth".to_owned()));
        }
        connection.run(self.authenticate_login(), |_| {}).await
    }

    /// AUTHENTICATE PLAIN (RFC 4616): user name and password in UTF-8, whatever characters they hold.
    fn authenticate_plain(&self, offered: &Capabilities) -> Command {
        let credentials = STANDARD.encode(format!("\0{}\0{}", self.name, self.password.expose_secret()));
        if offered.has("SASL-IR") {
            Command::new(format!("AUTHENTICATE PLAIN {credentials}"))
        } else {
            Command::new("AUTHENTICATE PLAIN").then(credentials)
        }
    }

    /// AUTHENTICATE LOGIN, which no RFC describes and some servers offer alone: it asks for one after the other.
    fn authenticate_login(&self) -> Command {
        Command::new("AUTHENTICATE LOGIN").then(STANDARD.encode(self.name)).then(STANDARD.encode(self.password.expose_secret()))
    }

    /// LOGIN, with literals for what cannot stand in a quoted string (RFC 3501 4.3).
    fn login(&self) -> Command {
        let (username, password) = (self.name, self.password.expose_secret());
        let plain = |text: &str| text.is_ascii().then(|| quote(text)).flatten();
        match (plain(username), plain(password)) {
            (Some(username), Some(password)) => Command::new(format!("LOGIN {username} {password}")),
            _ => Command::new(format!("LOGIN {{{}}}", username.len()))
                .then(format!("{username} {{{}}}", password.len()))
                .then(password),
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
