//! OAuth 2 (RFC 6749): a short-lived token in place of a password.
//!
//! One token is shared by all connections of an account, and asked for anew before it expires. Where the endpoint hands out
//! another refresh token, the old one may be void at once, so the new one is kept in the state directory (`kept`).
//! No token and no secret is ever logged or part of an error.

mod assertion;
mod grant;
mod kept;

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::failure::Failure;

/// How long before its end a token is not used any more: a login may take a minute, and clocks differ.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long a token is good where the endpoint does not say. RFC 6749 5.1 only recommends that it does; an hour is usual.
const USUAL_LIFE: Duration = Duration::from_secs(3600);

/// How tokens are got.
#[derive(Clone, Debug)]
pub struct Oauth2Settings {
    /// The token endpoint.
    pub token_url: String,
    /// The scope to ask for, where one is.
    pub scope: Option<String>,
    /// Who asks, and by what right.
    pub grant: Grant,
    /// The file for a refresh token that the endpoint hands out in place of the configured one.
    pub kept: PathBuf,
}

/// By what right a token is asked for.
#[derive(Clone, Debug)]
pub enum Grant {
    /// The user has consented once (RFC 6749 6).
    RefreshToken {
        /// The application.
        client_id: String,
        /// Its secret, where it has one.
        client_secret: Option<SecretString>,
        /// What the consent left behind.
        refresh_token: SecretString,
    },
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
        let granted = grant::ask(&self.settings, &self.username).await.map_err(Failure::Final)?;
        let life = granted.life.unwrap_or(USUAL_LIFE);
        let until = asked + life.saturating_sub(MARGIN).max(life / 2);
        *held = Some(Held { secret: granted.token.clone(), until });
        Ok(Token { secret: granted.token, age: Age::Fresh })
    }

    /// The server does not take the token: the next one is asked for anew.
    pub(super) async fn forget(&self) {
        *self.held.lock().await = None;
    }
}
