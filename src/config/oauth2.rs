//! `oauth2 = { … }` of a source: how tokens are got.

use super::table::Table;
use super::{Setting, secret};
use crate::mail::id::Digest;
use crate::source::imap::{Grant, Oauth2Settings};

/// Whose tokens they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Google,
    Microsoft,
}

const PROVIDERS: &[(&str, Provider)] = &[("google", Provider::Google), ("microsoft", Provider::Microsoft)];

/// Where Google gives tokens.
const GOOGLE: &str = "https://oauth2.googleapis.com/token";

/// All of the mailbox: what Google asks for IMAP. A service account may also use
/// `https://www.googleapis.com/auth/gmail.imap_admin`.
const GOOGLE_SCOPE: &str = "https://mail.google.com/";

/// What an administrator consented to for the application.
const MICROSOFT_SCOPE: &str = "https://outlook.office365.com/.default";

/// Reads the table. `source` is the name of the source.
pub(super) fn oauth2(above: &mut Table<'_>, source: &str, setting: &Setting<'_>) -> Option<Oauth2Settings> {
    let mut table = above.table("oauth2")?;
    let provider = table.choice("provider", PROVIDERS);
    let tenant = table.text("tenant").map_or_else(|| "common".to_owned(), |tenant| tenant.value);
    let token_url = table.text("token_url").map(|url| url.value).or_else(|| {
        Some(match provider? {
            Provider::Google => GOOGLE.to_owned(),
            Provider::Microsoft => format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
        })
    });
    if token_url.is_none() && !table.has("provider") {
        table.missing("provider", "provider = \"google\" or \"microsoft\", or token_url = \"https://…\"");
    }
    let scope = table.text("scope").map(|scope| scope.value);
    let grant = grant(&mut table, setting);
    table.finish();
    let grant = grant?;
    let default_scope = match (&grant, provider) {
        (Grant::ServiceAccount { .. }, _) => Some(GOOGLE_SCOPE),
        (Grant::ClientCredentials { .. }, Some(Provider::Microsoft)) => Some(MICROSOFT_SCOPE),
        (Grant::ClientCredentials { .. } | Grant::RefreshToken { .. }, _) => None,
    };
    let kept = setting.state.join("oauth2").join(Digest::of(source.as_bytes()).to_string());
    Some(Oauth2Settings { token_url: token_url?, scope: scope.or_else(|| default_scope.map(ToOwned::to_owned)), grant, kept })
}

/// By what right: what is written says it.
fn grant(table: &mut Table<'_>, setting: &Setting<'_>) -> Option<Grant> {
    if table.has("service_account") {
        let given = table.text("service_account")?;
        return Some(Grant::ServiceAccount { key_file: setting.path(&given, table)? });
    }
    let client_id = table.required_text("client_id", "client_id = \"…\"");
    if table.has("refresh_token") {
        let client_secret = match table.has("client_secret") {
            true => Some(secret::secret(table, "client_secret", "OAUTH2_CLIENT_SECRET", setting)?),
            false => None,
        };
        let refresh_token = secret::secret(table, "refresh_token", "OAUTH2_REFRESH_TOKEN", setting)?;
        return Some(Grant::RefreshToken { client_id: client_id?.value, client_secret, refresh_token });
    }
    if !table.has("client_secret") {
        let forms = "refresh_token = { env = \"OAUTH2_REFRESH_TOKEN\" } for a user who consented, client_secret for an application, \
                     or service_account = \"key.json\"";
        table.missing("refresh_token", forms);
        return None;
    }
    let client_secret = secret::secret(table, "client_secret", "OAUTH2_CLIENT_SECRET", setting)?;
    Some(Grant::ClientCredentials { client_id: client_id?.value, client_secret })
}
