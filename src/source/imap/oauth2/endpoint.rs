//! One question to an authorization server, and its answer.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Oauth2Settings;
use super::refusal::{Refusal, Why};
use crate::http::{BaseUrl, Http};
use crate::source::SourceError;

/// A field of a form.
pub(super) type Field = (&'static str, SecretString);

/// A field that is no secret.
pub(super) fn plain(name: &'static str, text: &str) -> Field {
    (name, SecretString::from(text))
}

/// A token as it is given: RFC 6749 5.1.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    pub(super) access_token: SecretString,
    expires_in: Option<u64>,
    pub(super) refresh_token: Option<SecretString>,
}

impl Answer {
    /// How long the token is good, where the endpoint says.
    pub(super) fn life(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }
}

/// Why a question was not answered as it was meant.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The server said no.
    Refused(Refusal),
    /// It may answer another time, or nothing can be asked of it; the error says which.
    Failed(SourceError),
}

/// The endpoints that one account is asked for.
#[derive(Clone, Copy)]
pub(super) struct Endpoint<'a> {
    pub(super) settings: &'a Oauth2Settings,
    pub(super) username: &'a str,
}

impl Endpoint<'_> {
    /// Posts fields to an address, and reads the answer.
    pub(super) async fn ask<T: for<'de> Deserialize<'de>>(&self, url: &str, fields: &[Field]) -> Result<T, Unanswered> {
        let unusable = |error: String| Unanswered::Failed(self.refused(url, Why::new(error, "correct it in oauth2")));
        let base = BaseUrl::parse(url).map_err(|error| unusable(error.to_string()))?;
        let http = Http::new(&base).map_err(|error| unusable(error.to_string()))?;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
        let unreachable = |why| Unanswered::Failed(SourceError::Unreachable { what: url.to_owned(), why });
        let reply = http.post_fields(url, &fields).await.map_err(|lost| unreachable(lost.to_string()))?;
        if reply.status == 200 {
            let why = || Why::new("what it answers is no token", "check token_url");
            return serde_json::from_slice(&reply.body).map_err(|_| Unanswered::Failed(self.refused(url, why())));
        }
        let refusal = Refusal::of(&reply);
        if refusal.may_pass() {
            return Err(unreachable(format!("it answers with status {}; it is asked again later", reply.status)));
        }
        Err(Unanswered::Refused(refusal))
    }

    /// The same, where every refusal is the end.
    pub(super) async fn demand<T: for<'de> Deserialize<'de>>(&self, url: &str, fields: &[Field]) -> Result<T, SourceError> {
        self.ask(url, fields).await.map_err(|unanswered| self.error(url, unanswered))
    }

    /// What an unanswered question means for the account.
    pub(super) fn error(&self, url: &str, unanswered: Unanswered) -> SourceError {
        match unanswered {
            Unanswered::Refused(refusal) => self.refused(url, refusal.why(self.settings)),
            Unanswered::Failed(error) => error,
        }
    }

    /// The account cannot log in.
    pub(super) fn refused(&self, what: &str, Why { what: why, advice }: Why) -> SourceError {
        SourceError::Token { what: what.to_owned(), username: self.username.to_owned(), why, advice }
    }
}
