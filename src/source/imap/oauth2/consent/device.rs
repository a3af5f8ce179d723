//! By a code that is typed in on any device (RFC 8628): for a machine that no browser reaches.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{Answer, Asking, Prompt};
use crate::source::SourceError;
use crate::source::imap::failure::said;
use crate::source::imap::oauth2::endpoint::{Unanswered, plain};
use crate::source::imap::oauth2::refusal::Refusal;

/// Between two questions where the server does not say (RFC 8628 3.2).
const USUAL_INTERVAL: Duration = Duration::from_secs(5);

/// What is added where the server asks to slow down (RFC 8628 3.5).
const SLOWER_BY: Duration = Duration::from_secs(5);

/// The longest pause that is taken from a server, so that a person who has logged in does not wait for nothing.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// The longest that a code is waited for: Microsoft gives 15 minutes, Google 30.
const LONGEST_LIFE: Duration = Duration::from_secs(3600);

/// RFC 8628 3.2. Google's endpoint is older than the RFC and says `verification_url`.
#[derive(Deserialize)]
struct Given {
    device_code: SecretString,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

/// Gets a code, shows it, and asks until the user has typed it in.
pub(super) async fn ask(asking: Asking<'_>, tell: &impl Fn(Prompt)) -> Result<Answer, SourceError> {
    let (endpoint, consent) = (asking.endpoint, asking.consent);
    let url = asking.url(consent.device_url.as_ref(), "device_url")?;
    let mut fields = consent.client();
    fields.push(plain("scope", &consent.scope));
    let given: Given = endpoint.demand(url, &fields).await?;
    let life = Duration::from_secs(given.expires_in).min(LONGEST_LIFE);
    let until = Instant::now() + life;
    let whole_url = given.verification_uri_complete.map(|url| said(Some(&url)));
    tell(Prompt::Code { code: said(Some(&given.user_code)), url: said(Some(&given.verification_uri)), whole_url, life });

    let mut fields = vec![plain("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", given.device_code)];
    fields.extend(consent.client());
    let mut interval = given.interval.map_or(USUAL_INTERVAL, Duration::from_secs).clamp(Duration::from_secs(1), LONGEST_INTERVAL);
    let token_url = &endpoint.settings.token_url;
    let mut told = None;
    while Instant::now() + interval < until {
        if told.replace(interval) != Some(interval) {
            tell(Prompt::Pending(interval));
        }
        sleep(interval).await;
        match endpoint.ask(token_url, &fields).await {
            Ok(answer) => return Ok(answer),
            Err(Unanswered::Refused(refusal)) if refusal.error == "authorization_pending" => {}
            Err(Unanswered::Refused(refusal)) if refusal.error == "slow_down" => {
                interval = (interval + SLOWER_BY).min(LONGEST_INTERVAL);
            }
            // Asked less often where the connection is bad (RFC 8628 3.5).
            Err(Unanswered::Failed(SourceError::Unreachable { .. })) => interval = (interval * 2).min(LONGEST_INTERVAL),
            Err(unanswered) => return Err(endpoint.error(token_url, unanswered)),
        }
    }
    let expired = Refusal { error: "expired_token".to_owned(), ..Refusal::default() };
    Err(endpoint.refused(url, expired.why(endpoint.settings)))
}
