//! A user logs in: by a browser on this machine (RFC 8252, RFC 7636), or by a code that is typed in elsewhere (RFC 8628).
//! What is left behind is a refresh token, kept in the state directory.

mod browser;
mod device;
mod doorbell;

use std::fs::File;
use std::time::Duration;

use super::endpoint::{Answer, Endpoint};
use super::refusal::Why;
use super::{Consent, Grant, Oauth2Settings, kept};
use crate::source::SourceError;

/// How the user logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a browser that reaches this machine.
    Browser,
    /// By a code that is typed in on any device.
    Device,
}

/// What the user has to know while they log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// They have to open this address.
    Open {
        /// The address.
        url: String,
        /// The port of this machine that the browser is sent back to.
        port: u16,
    },
    /// They have to type in this code.
    Code {
        /// The code.
        code: String,
        /// Where.
        url: String,
        /// The address that holds the code, where there is one.
        whole_url: Option<String>,
        /// How long it is good.
        life: Duration,
    },
    /// It is asked now and then whether they have, from now on with such pauses.
    Pending(Duration),
}

/// Lets a user log in and keeps the refresh token. `tell` is called with what they have to do, and returns at once.
///
/// # Errors
/// When nobody logs in, the server refuses, or the token cannot be kept.
pub async fn log_in(settings: &Oauth2Settings, username: &str, way: Way, tell: impl Fn(Prompt)) -> Result<(), SourceError> {
    let endpoint = Endpoint { settings, username };
    let Grant::User(consent) = &settings.grant else {
        let why = Why::new("it asks by the right of an application or a service account", "nobody has to log in for that");
        return Err(endpoint.refused(&settings.token_url, why));
    };
    let cannot_keep = |error: std::io::Error| {
        let why = format!("the refresh token cannot be kept in {}: {error}", settings.kept.display());
        endpoint.refused(&settings.token_url, Why::new(why, "let this user write there, and log in again"))
    };
    // Nobody should consent for nothing.
    drop(lock(settings).await.map_err(cannot_keep)?);
    let asking = Asking { endpoint, consent };
    let answer = match way {
        Way::Browser => browser::ask(asking, &tell).await?,
        Way::Device => device::ask(asking, &tell).await?,
    };
    let Some(token) = answer.refresh_token else {
        let why = Why::new(
            "it gave a token for now and none to refresh it by",
            "add offline_access to scope (Google: access_type=offline&prompt=consent to authorization_url)",
        );
        return Err(endpoint.refused(&settings.token_url, why));
    };
    // A mirror that shows the old one just now keeps what it gets first, so that this one stands.
    let _turn = lock(settings).await.map_err(cannot_keep)?;
    kept::keep(&settings.kept, &settings.origin(consent), &token).map_err(cannot_keep)
}

/// The turn at a place where a token can be kept.
async fn lock(settings: &Oauth2Settings) -> std::io::Result<Option<File>> {
    kept::make_room(&settings.kept)?;
    kept::turn(&settings.kept).await
}

/// Who asks a user for what.
#[derive(Clone, Copy)]
struct Asking<'a> {
    endpoint: Endpoint<'a>,
    consent: &'a Consent,
}

impl Asking<'_> {
    /// An address that this way needs; the error says which key names it.
    fn url<'u>(&self, url: Option<&'u String>, key: &str) -> Result<&'u str, SourceError> {
        url.map(String::as_str).ok_or_else(|| {
            let why = Why::new(format!("{key} is not configured"), format!("write {key} into oauth2, or log in the other way"));
            self.endpoint.refused(&self.endpoint.settings.token_url, why)
        })
    }
}
