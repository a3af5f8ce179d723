//! OAuth 2 (RFC 6749): a short-lived token in place of a password.
//!
//! One token is shared by all connections of an account, and asked for anew before it expires (`grant`, `endpoint`). Where
//! the endpoint hands out another refresh token, the old one may be void at once, so the new one is kept in the state
//! directory (`kept`). A user consents by a browser or a code (`consent`). What a refusal means and what to do about it is
//! said in one place (`refusal`). No token and no secret is ever logged or part of an error.

mod assertion;
mod consent;
mod endpoint;
mod grant;
mod kept;
mod refusal;

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use self::endpoint::{Endpoint, Field, plain};
use super::failure::Failure;
use crate::mail::id::Digest;

pub use self::consent::{Prompt, Way, log_in};

/// How long before its end a token is not used any more: a login may take a minute, and clocks differ.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long a token is good where the endpoint does not say. RFC 6749 5.1 only recommends that it does; an hour is usual.
const USUAL_LIFE: Duration = Duration::from_secs(3600);

/// How often it is looked, in a pause, whether somebody has logged in.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How tokens are got.
#[derive(Clone, Debug)]
pub struct Oauth2Settings {
    /// The name of the source, for advice.
    pub source: String,
    /// The token endpoint.
    pub token_url: String,
    /// The scope to ask for with each token, where one is.
    pub scope: Option<String>,
    /// Who asks, and by what right.
    pub grant: Grant,
    /// The file for refresh tokens that are handed out.
    pub kept: PathBuf,
}

impl Oauth2Settings {
    /// Whose consent a kept refresh token has to be of.
    fn origin(&self, consent: &Consent) -> String {
        let origin = match &consent.refresh_token {
            Some(configured) => Digest::of(configured.expose_secret().as_bytes()),
            None => Digest::of_fields(&[b"login", self.token_url.as_bytes(), consent.client_id.as_bytes()]),
        };
        origin.to_string()
    }
}

/// By what right a token is asked for.
#[derive(Clone, Debug)]
pub enum Grant {
    /// A user consents once (RFC 6749 6).
    User(Consent),
    /// An administrator has consented for the application (RFC 6749 4.4; Microsoft).
    ClientCredentials {
        /// The application.
        client_id: String,
        /// Its secret.
        client_secret: SecretString,
    },
    /// A service account that may act for the user (RFC 7523; Google).
    ServiceAccount {
        /// Its key, as Google gives it out (JSON).
        key_file: PathBuf,
    },
}

/// What a user consents to, and how.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The application.
    pub client_id: String,
    /// Its secret, where it has one.
    pub client_secret: Option<SecretString>,
    /// What a consent given elsewhere left behind. `None`: the user logs in by [`log_in`].
    pub refresh_token: Option<SecretString>,
    /// Where the user is sent to consent by a browser, with the query that the provider wants there.
    pub authorization_url: Option<String>,
    /// Where a code for another device is got (RFC 8628 3.1).
    pub device_url: Option<String>,
    /// The scope that the user is asked for.
    pub scope: String,
    /// What this machine is called in the address that the browser is sent back to.
    pub redirect_host: RedirectHost,
}

/// What this machine is called in a redirect URI (RFC 8252 7.3, 8.3). A listener is on 127.0.0.1 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectHost {
    /// `127.0.0.1`.
    Loopback,
    /// `localhost`: Microsoft's form to register an application takes no other without TLS.
    Localhost,
}

impl RedirectHost {
    fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "127.0.0.1",
            Self::Localhost => "localhost",
        }
    }
}

impl Consent {
    /// Who asks (RFC 6749 2.3.1).
    fn client(&self) -> Vec<Field> {
        let mut fields = vec![plain("client_id", &self.client_id)];
        fields.extend(self.client_secret.iter().map(|secret| ("client_secret", secret.clone())));
        fields
    }

    #[cfg(test)]
    fn for_tests() -> Self {
        Self {
            client_id: "us".to_owned(),
            client_secret: None,
            refresh_token: None,
            authorization_url: None,
            device_url: None,
            scope: "mail".to_owned(),
            redirect_host: RedirectHost::Loopback,
        }
    }
}

/// Whether a token was asked for just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// It was.
    Fresh,
    /// It was there.
    Kept,
}

/// A token to log in with.
pub(super) struct Token {
    pub(super) secret: SecretString,
    pub(super) age: Age,
}

/// The tokens of one account.
#[derive(Debug)]
pub(super) struct Tokens {
    settings: Oauth2Settings,
    username: String,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    secret: SecretString,
    until: Instant,
}

impl Tokens {
    pub(super) fn new(settings: Oauth2Settings, username: String) -> Self {
        Self { settings, username, held: Mutex::new(None) }
    }

    /// A token that is good for a while. Several connections that need one at once wait for one answer.
    pub(super) async fn token(&self) -> Result<Token, Failure> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.until > Instant::now()) {
            return Ok(Token { secret: held.secret.clone(), age: Age::Kept });
        }
        let asked = Instant::now();
        let granted = grant::ask(Endpoint { settings: &self.settings, username: &self.username }).await.map_err(Failure::Final)?;
        let life = granted.life().unwrap_or(USUAL_LIFE);
        let until = asked + life.saturating_sub(MARGIN).max(life / 2);
        *held = Some(Held { secret: granted.access_token.clone(), until });
        Ok(Token { secret: granted.access_token, age: Age::Fresh })
    }

    /// Waits so long, or until somebody has logged in: a person who did that should not have to wait for the pause's end.
    pub(super) async fn rest(&self, pause: Duration) {
        let (before, until) = (kept::mark(&self.settings.kept), Instant::now() + pause);
        while Instant::now() < until && kept::mark(&self.settings.kept) == before {
            sleep_until(until.min(Instant::now() + LOOK_EVERY)).await;
        }
    }

    /// The server does not take the token: the next one is asked for anew.
    pub(super) async fn forget(&self) {
        *self.held.lock().await = None;
    }
}
