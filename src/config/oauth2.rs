//! `oauth2 = { … }` of a source: how tokens are got.

use super::table::Table;
use super::{Setting, name, secret};
use crate::mail::id::Digest;
use crate::source::imap::{Consent, Grant, Oauth2Settings, RedirectHost};

/// Whose tokens they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Google,
    Microsoft,
}

const PROVIDERS: &[(&str, Provider)] = &[("google", Provider::Google), ("microsoft", Provider::Microsoft)];

/// Who consents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consents {
    User,
    Administrator,
}

const CONSENTS: &[(&str, Consents)] = &[("user", Consents::User), ("administrator", Consents::Administrator)];

const REDIRECT_HOSTS: &[(&str, RedirectHost)] = &[("127.0.0.1", RedirectHost::Loopback), ("localhost", RedirectHost::Localhost)];

/// All of the mailbox: what Google asks for IMAP. A service account may also use
/// `https://www.googleapis.com/auth/gmail.imap_admin`.
const GOOGLE_SCOPE: &str = "https://mail.google.com/";

/// What an administrator consented to for the application.
const MICROSOFT_APPLICATION_SCOPE: &str = "https://outlook.office365.com/.default";

/// What a user consents to; without `offline_access` there is no refresh token.
const MICROSOFT_USER_SCOPE: &str = "https://outlook.office.com/IMAP.AccessAsUser.All offline_access";

/// The endpoints of a provider.
struct Endpoints {
    token: String,
    authorization: String,
    device: String,
}

impl Provider {
    fn endpoints(self, tenant: &str) -> Endpoints {
        match self {
            // developers.google.com/identity/protocols/oauth2, native-app and limited-input-device. Without
            // access_type=offline there is no refresh token, and without prompt=consent none for who consented before.
            Self::Google => Endpoints {
                token: "https://oauth2.googleapis.com/token".to_owned(),
                authorization: "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent".to_owned(),
                device: "https://oauth2.googleapis.com/device/code".to_owned(),
            },
            // learn.microsoft.com/entra/identity-platform, v2-oauth2-auth-code-flow and v2-oauth2-device-code.
            Self::Microsoft => {
                let base = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0");
                Endpoints {
                    token: format!("{base}/token"),
                    authorization: format!("{base}/authorize"),
                    device: format!("{base}/devicecode"),
                }
            }
        }
    }
}

/// Reads the table. `source` is the name of the source.
pub(super) fn oauth2(above: &mut Table<'_>, source: &str, setting: &Setting<'_>) -> Option<Oauth2Settings> {
    let mut table = above.table("oauth2")?;
    let provider = table.choice("provider", PROVIDERS);
    let tenant = table.text("tenant").map_or_else(|| "common".to_owned(), |tenant| tenant.value);
    let known = provider.map(|provider| provider.endpoints(&tenant));
    let token_url = endpoint(&mut table, "token_url").or_else(|| known.as_ref().map(|known| known.token.clone()));
    if token_url.is_none() && !table.has("provider") {
        table.missing("provider", "provider = \"google\" or \"microsoft\", or token_url = \"https://…\"");
    }
    let scope = table.text("scope").map(|scope| scope.value);
    let grant = grant(&mut table, provider, scope.as_deref(), setting);
    let grant = grant.map(|grant| ways(&mut table, grant, known, provider));
    table.finish();
    let grant = grant?;
    let scope = match (&grant, provider) {
        (Grant::ServiceAccount { .. }, _) => scope.or_else(|| Some(GOOGLE_SCOPE.to_owned())),
        (Grant::ClientCredentials { .. }, Some(Provider::Microsoft)) => {
            scope.or_else(|| Some(MICROSOFT_APPLICATION_SCOPE.to_owned()))
        }
        (Grant::ClientCredentials { .. }, _) => scope,
        // What was consented to is what a refresh gives; a scope is asked for only where the login was elsewhere.
        (Grant::User(consent), _) => scope.filter(|_| consent.refresh_token.is_some()),
    };
    let kept = setting.state.join("oauth2").join(Digest::of(source.as_bytes()).to_string());
    Some(Oauth2Settings { source: source.to_owned(), token_url: token_url?, scope, grant, kept })
}

/// An address that secrets are sent to.
fn endpoint(table: &mut Table<'_>, key: &'static str) -> Option<String> {
    let given = table.text(key)?;
    if let Some(fault) = name::endpoint_fault(&given.value) {
        table.complaints.add(&given.place, fault);
    }
    Some(given.value)
}

/// By what right: what is written says it.
fn grant(table: &mut Table<'_>, provider: Option<Provider>, scope: Option<&str>, setting: &Setting<'_>) -> Option<Grant> {
    if table.has("service_account") {
        let given = table.text("service_account")?;
        return Some(Grant::ServiceAccount { key_file: setting.path(&given, table)? });
    }
    let client_id = table.required_text("client_id", "client_id = \"…\"");
    let consents = table.choice("consent", CONSENTS);
    let client_secret = match table.has("client_secret") {
        true => Some(secret::secret(table, "client_secret", "OAUTH2_CLIENT_SECRET", setting)?),
        false => None,
    };
    let refresh_token = match table.has("refresh_token") {
        true => Some(secret::secret(table, "refresh_token", "OAUTH2_REFRESH_TOKEN", setting)?),
        false => None,
    };
    // At Google an application has no right of its own, and a secret alone says at Microsoft that it has one.
    let usual = match (&refresh_token, &client_secret, provider) {
        (None, Some(_), Some(Provider::Microsoft) | None) => Consents::Administrator,
        (Some(_), _, _) | (None, None, _) | (None, Some(_), Some(Provider::Google)) => Consents::User,
    };
    match consents.unwrap_or(usual) {
        Consents::User => Some(Grant::User(Consent {
            client_id: client_id?.value,
            client_secret,
            refresh_token,
            authorization_url: None,
            device_url: None,
            scope: scope.map_or_else(|| usual_scope(provider).to_owned(), ToOwned::to_owned),
            redirect_host: RedirectHost::Loopback,
        })),
        Consents::Administrator => {
            if client_secret.is_none() {
                table.missing("client_secret", "client_secret = { env = \"OAUTH2_CLIENT_SECRET\" }, the application's own");
            }
            Some(Grant::ClientCredentials { client_id: client_id?.value, client_secret: client_secret? })
        }
    }
}

fn usual_scope(provider: Option<Provider>) -> &'static str {
    match provider {
        Some(Provider::Google) => GOOGLE_SCOPE,
        Some(Provider::Microsoft) => MICROSOFT_USER_SCOPE,
        None => "offline_access",
    }
}

/// Where a user logs in. The keys are read for every grant, so that they are known.
fn ways(table: &mut Table<'_>, grant: Grant, known: Option<Endpoints>, provider: Option<Provider>) -> Grant {
    let (authorization_url, device_url) = (endpoint(table, "authorization_url"), endpoint(table, "device_url"));
    let redirect_host = table.choice("redirect_host", REDIRECT_HOSTS);
    let Grant::User(consent) = grant else { return grant };
    let (known_authorization, known_device) = known.map(|known| (known.authorization, known.device)).unzip();
    let has_a_way = authorization_url.is_some() || device_url.is_some() || known_authorization.is_some();
    if consent.refresh_token.is_none() && !has_a_way {
        let forms = "authorization_url = \"https://…\" or device_url = \"https://…\" for `mailferry login`, or refresh_token = { env = \
                     \"OAUTH2_REFRESH_TOKEN\" } of a login elsewhere";
        table.missing("authorization_url", forms);
    }
    let usual_host = if provider == Some(Provider::Microsoft) { RedirectHost::Localhost } else { RedirectHost::Loopback };
    Grant::User(Consent {
        authorization_url: authorization_url.or(known_authorization),
        device_url: device_url.or(known_device),
        redirect_host: redirect_host.unwrap_or(usual_host),
        ..consent
    })
}
