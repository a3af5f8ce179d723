//! Asks for a token, by the right that is configured.

use secrecy::SecretString;

use super::endpoint::{Answer, Endpoint, Field, plain};
use super::refusal::Why;
use super::{Consent, Grant, assertion, kept};
use crate::source::SourceError;

/// Asks for a token.
pub(super) async fn ask(endpoint: Endpoint<'_>) -> Result<Answer, SourceError> {
    let settings = endpoint.settings;
    let mut fields = match &settings.grant {
        Grant::User(consent) => return refresh(endpoint, consent).await,
        Grant::ClientCredentials { client_id, client_secret } => {
            vec![plain("grant_type", "client_credentials"), plain("client_id", client_id), ("client_secret", client_secret.clone())]
        }
        Grant::ServiceAccount { key_file } => {
            let scope = settings.scope.as_deref().unwrap_or_default();
            let signed = assertion::signed(key_file, &settings.token_url, endpoint.username, scope);
            let signed = signed.map_err(|why| endpoint.refused(&settings.token_url, Why::new(why, "correct service_account")))?;
            let fields = [plain("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", signed)];
            return endpoint.demand(&settings.token_url, &fields).await;
        }
    };
    fields.extend(settings.scope.iter().map(|scope| plain("scope", scope)));
    endpoint.demand(&settings.token_url, &fields).await
}

/// Shows the refresh token, and keeps the one that is handed out in its place, if one is.
async fn refresh(endpoint: Endpoint<'_>, consent: &Consent) -> Result<Answer, SourceError> {
    let settings = endpoint.settings;
    let (origin, file) = (settings.origin(consent), &settings.kept);
    let cannot_keep = |error: std::io::Error| {
        let why = format!("its refresh token cannot be kept in {}: {error}", file.display());
        endpoint.refused(&settings.token_url, Why::new(why, "let this user write there"))
    };
    let _turn = kept::turn(file).await.map_err(cannot_keep)?;
    let Some(token) = kept::latest(file, &origin).or_else(|| consent.refresh_token.clone()) else {
        let advice = format!("run `mailferry login {}`", settings.source);
        return Err(endpoint.refused(&settings.token_url, Why::new("nobody has logged in yet", advice)));
    };
    let answer: Answer = endpoint.demand(&settings.token_url, &refresh_fields(endpoint, consent, token)).await?;
    if let Some(new) = &answer.refresh_token {
        kept::keep(file, &origin, new).map_err(cannot_keep)?;
    }
    Ok(answer)
}

/// RFC 6749 6. A scope that is not configured is not sent: it is what was consented to.
fn refresh_fields(endpoint: Endpoint<'_>, consent: &Consent, token: SecretString) -> Vec<Field> {
    let mut fields = vec![plain("grant_type", "refresh_token")];
    fields.extend(consent.client());
    fields.push(("refresh_token", token));
    fields.extend(endpoint.settings.scope.iter().map(|scope| plain("scope", scope)));
    fields
}
