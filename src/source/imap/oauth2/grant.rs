//! One question to a token endpoint, and what its refusals mean.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::super::failure::said;
use super::{Grant, Oauth2Settings, assertion, kept};
use crate::http::{BaseUrl, Http, Reply};
use crate::source::SourceError;

/// A token, and for how long it is good.
pub(super) struct Granted {
    pub(super) token: SecretString,
    pub(super) life: Option<Duration>,
}

/// RFC 6749 5.1.
#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    expires_in: Option<u64>,
    refresh_token: Option<SecretString>,
}

/// RFC 6749 5.2.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Asks for a token.
pub(super) async fn ask(settings: &Oauth2Settings, username: &str) -> Result<Granted, SourceError> {
    let refused = |why: String| SourceError::Token { what: settings.token_url.clone(), username: username.to_owned(), why };
    let unreachable = |why: String| SourceError::Unreachable { what: settings.token_url.clone(), why };
    let base = BaseUrl::parse(&settings.token_url).map_err(|error| refused(error.to_string()))?;
    let http = Http::new(&base).map_err(|error| refused(error.to_string()))?;
    let fields = fields(settings, username).map_err(refused)?;
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
    let reply = http.post_fields(&settings.token_url, &fields).await.map_err(|lost| unreachable(lost.to_string()))?;
    match reply.status {
        200 => {}
        429 | 500.. => return Err(unreachable(format!("it answers with status {}; it is asked again later", reply.status))),
        _ => return Err(refused(why(&reply))),
    }
    let answer: Answer =
        serde_json::from_slice(&reply.body).map_err(|_| refused("what it answers is no token; check token_url".to_owned()))?;
    if let (Grant::RefreshToken { refresh_token, .. }, Some(new)) = (&settings.grant, &answer.refresh_token) {
        kept::keep(&settings.kept, refresh_token, new)
            .map_err(|error| refused(format!("its new refresh token cannot be kept in {}: {error}", settings.kept.display())))?;
    }
    Ok(Granted { token: answer.access_token, life: answer.expires_in.map(Duration::from_secs) })
}

/// What is sent; the reason where it cannot be put together.
fn fields(settings: &Oauth2Settings, username: &str) -> Result<Vec<(&'static str, SecretString)>, String> {
    let plain = |text: &str| SecretString::from(text);
    let mut fields = Vec::new();
    match &settings.grant {
        Grant::RefreshToken { client_id, client_secret, refresh_token } => {
            fields.push(("grant_type", plain("refresh_token")));
            fields.push(("client_id", plain(client_id)));
            fields.extend(client_secret.iter().map(|secret| ("client_secret", secret.clone())));
            fields.push(("refresh_token", kept::latest(&settings.kept, refresh_token)));
        }
        Grant::ClientCredentials { client_id, client_secret } => {
            fields.push(("grant_type", plain("client_credentials")));
            fields.push(("client_id", plain(client_id)));
            fields.push(("client_secret", client_secret.clone()));
        }
        Grant::ServiceAccount { key_file } => {
            let scope = settings.scope.as_deref().unwrap_or_default();
            fields.push(("grant_type", plain("urn:ietf:params:oauth:grant-type:jwt-bearer")));
            fields.push(("assertion", assertion::signed(key_file, &settings.token_url, username, scope)?));
            return Ok(fields);
        }
    }
    fields.extend(settings.scope.iter().map(|scope| ("scope", plain(scope))));
    Ok(fields)
}

/// Why there is no token, and what to do. Microsoft's numbers: learn.microsoft.com, reference-error-codes.
fn why(reply: &Reply) -> String {
    let refusal: Refusal = serde_json::from_slice(&reply.body).unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|word| refusal.error_description.contains(word));
    let (what, advice) = match refusal.error.as_str() {
        "consent_required" | "interaction_required" => CONSENT,
        "invalid_grant" if has(&["AADSTS65001", "AADSTS65004", "AADSTS500011"]) => CONSENT,
        "invalid_grant" if has(&["AADSTS700082", "AADSTS70008", "AADSTS50173", "AADSTS70043"]) => EXPIRED,
        "invalid_grant" if has(&["AADSTS50076", "AADSTS50079", "AADSTS50158"]) => {
            ("the user has to sign in again with a second factor", "consent anew and put the new refresh token in place")
        }
        "invalid_grant" if has(&["evoked"]) => (
            "the refresh token was revoked or has expired",
            "consent anew and put the new refresh token in place; an application that is only in test at Google loses it after 7 days",
        ),
        "invalid_grant" => ("what was granted is not valid any more", "consent anew, and check that username is who consented"),
        "invalid_client" => ("the application is not known by this client_id and client_secret", "check both; secrets expire, too"),
        "unauthorized_client" => (
            "the application may not ask for this",
            "let an administrator consent to it (Microsoft), or allow its client id and this scope under domain-wide delegation (Google)",
        ),
        "invalid_scope" => ("the scope is not known there", "leave scope out, or correct it"),
        "" => ("it answers with no reason", "check token_url"),
        _ => ("it does not say more", "look its answer up in the provider's documentation"),
    };
    let code = if refusal.error.is_empty() { format!("status {}", reply.status) } else { said(Some(&refusal.error)) };
    match refusal.error_description.as_str() {
        "" => format!("{what} ({code}); {advice}"),
        description => format!("{what} ({code}: {}); {advice}", said(Some(description))),
    }
}

const CONSENT: (&str, &str) =
    ("nobody has consented yet that the application reads this mailbox", "let the user or an administrator consent to it");

const EXPIRED: (&str, &str) = (
    "the refresh token has expired: it was not used for too long, or the password was changed",
    "consent anew and put the new refresh token in place",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart_with_what_to_do() {
        for (status, body, words) in [
            (400, r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#, "was revoked"),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired"}"#,
                "has expired: it",
            ),
            (400, r#"{"error":"invalid_grant","error_description":"AADSTS65001: not consented"}"#, "nobody has consented"),
            (401, r#"{"error":"invalid_client"}"#, "check both"),
            (400, r#"{"error":"unauthorized_client"}"#, "domain-wide delegation"),
            (404, "<html>", "status 404"),
        ] {
            let why = why(&Reply::new(status, &[], body));
            assert!(why.contains(words) && why.contains("; "), "{body}: {why}");
        }
    }
}
