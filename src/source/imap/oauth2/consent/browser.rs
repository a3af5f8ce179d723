//! By a browser: the authorization code, sent to a port of this machine (RFC 6749 4.1, RFC 8252), and good only for who
//! has the verifier that belongs to it (RFC 7636).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use super::doorbell::Doorbell;
use super::{Answer, Asking, Prompt};
use crate::http::with_query;
use crate::source::SourceError;
use crate::source::imap::oauth2::endpoint::plain;
use crate::source::imap::oauth2::refusal::Why;

/// How long a person may take: long enough to find a telephone for the second factor.
const WAIT: Duration = Duration::from_secs(15 * 60);

/// Bytes of a secret that nobody can guess: RFC 7636 4.1 recommends 32.
const SECRET_BYTES: usize = 32;

/// Sends the user to the server, waits for what the browser brings, and asks for the tokens.
pub(super) async fn ask(asking: Asking<'_>, tell: &impl Fn(Prompt)) -> Result<Answer, SourceError> {
    let (endpoint, consent) = (asking.endpoint, asking.consent);
    let url = asking.url(consent.authorization_url.as_ref(), "authorization_url")?;
    let failed = |why: String, advice: &str| endpoint.refused(url, Why::new(why, advice));
    let no_secret = |_| failed("this machine has no randomness".to_owned(), "look why the system refuses it");
    let (verifier, state) = (secret().map_err(no_secret)?, secret().map_err(no_secret)?);
    let doorbell = Doorbell::open().await.map_err(|error| failed(format!("no port can be opened: {error}"), "use --device"))?;
    let port = doorbell.port();
    let redirect = format!("http://{}:{port}", consent.redirect_host.as_str());
    let challenge = challenge(&verifier);
    let query = [
        ("response_type", "code"),
        ("client_id", &consent.client_id),
        ("redirect_uri", &redirect),
        ("scope", &consent.scope),
        ("state", state.expose_secret()),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let whole = with_query(url, &query).map_err(|error| failed(error.to_string(), "correct authorization_url"))?;
    tell(Prompt::Open { url: whole, port });
    let late = || failed("nobody logged in in time".to_owned(), "run it again");
    let code = timeout(WAIT, doorbell.answer(&state)).await.map_err(|_| late())?;
    let code = code.map_err(|refusal| endpoint.refused(url, refusal.why(endpoint.settings)))?;
    let mut fields = vec![plain("grant_type", "authorization_code"), ("code", code), plain("redirect_uri", &redirect)];
    fields.extend(consent.client());
    fields.push(("code_verifier", verifier));
    endpoint.demand(&endpoint.settings.token_url, &fields).await
}

/// A secret that nobody can guess, in letters that may stand anywhere (43 of them; RFC 7636 4.1).
fn secret() -> Result<SecretString, ring::error::Unspecified> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
}

/// S256 (RFC 7636 4.2).
fn challenge(verifier: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose_secret().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn two_secrets_differ_and_are_as_long_as_the_rfc_wants() {
        let (one, other) = (secret().unwrap(), secret().unwrap());
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(one.expose_secret().len(), 43);
    }
}
