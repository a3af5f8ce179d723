//! What the refusals of an authorization server mean, and what to do about each.
//!
//! The word of RFC 6749 (5.2, 4.1.2.1) or RFC 8628 (3.5) says the kind; Microsoft says the cause by a number in the
//! description (learn.microsoft.com, reference-error-codes), Google by its words.

use serde::Deserialize;

use super::super::failure::said;
use super::{Grant, Oauth2Settings};
use crate::http::Reply;

/// Why there is no token, and what to do: two halves of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Why {
    pub(super) what: String,
    pub(super) advice: String,
}

impl Why {
    pub(super) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }
}

/// A refusal as it came: RFC 6749 5.2.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) error: String,
    #[serde(default)]
    pub(super) error_description: String,
    /// The HTTP status, where it came as an answer of its own.
    #[serde(skip)]
    pub(super) status: Option<u16>,
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Somebody took the consent back, or changed the password.
    Revoked,
    /// It was not used for too long, or the organisation lets it live for so long only.
    Expired,
    /// One of the two, and the server does not say which.
    RevokedOrExpired,
    /// It is void, and the server says no more.
    Void,
    /// Nobody has consented.
    NoConsent,
    /// Somebody was asked for consent and said no.
    Declined,
    /// Nobody answered in time.
    Unanswered,
    /// The user has to do something at the login, as a rule a second factor.
    SignInAgain,
    /// A rule of the organisation.
    Rule,
    /// The account is disabled, locked, or not assigned to the application.
    Account,
    /// Neither the id nor the secret of the application is right.
    Application,
    /// Its secret is over.
    SecretExpired,
    /// It has none, and one was sent.
    NoSecretWanted,
    /// The application may not ask so.
    NotAllowed,
    /// No such scope.
    Scope,
    /// It is not where the answer may be sent.
    Redirect,
    /// Something else.
    Other,
    /// No word at all.
    Nothing,
}

impl Refusal {
    /// What an answer says, if anything.
    pub(super) fn of(reply: &Reply) -> Self {
        let refusal: Self = serde_json::from_slice(&reply.body).unwrap_or_default();
        Self { status: Some(reply.status), ..refusal }
    }

    /// Whether the server itself is in trouble, so that asking again later may help.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.status, Some(429 | 500..)) || matches!(self.error.as_str(), "temporarily_unavailable" | "server_error")
    }

    /// Why there is no token, and what to do.
    pub(super) fn why(&self, settings: &Oauth2Settings) -> Why {
        let cause = self.cause();
        let code = match (self.error.as_str(), self.status) {
            ("", Some(status)) => format!("status {status}"),
            (error, _) => said(Some(error)),
        };
        let what = match self.error_description.as_str() {
            "" => format!("{} ({code})", cause.what()),
            description => format!("{} ({code}: {})", cause.what(), said(Some(description))),
        };
        Why { what, advice: cause.advice(settings) }
    }

    fn cause(&self) -> Cause {
        let by_number = match self.number() {
            // ExpiredOrRevokedGrant, …InactiveToken, the fixed life of a single-page app, SignInFrequency, flow token.
            Some(70_008 | 700_082 | 700_084 | 70_043 | 50_089) => Some(Cause::Expired),
            // FreshTokenNeeded, SsoArtifactInvalidOrExpired and …Revoked: revoked, or the password was changed.
            Some(50_173 | 50_132 | 50_133) => Some(Cause::Revoked),
            // DelegationDoesNotExist, TokenForItselfRequiresGraphPermission, resource or permission not installed.
            Some(65_001 | 90_008 | 500_011 | 650_056 | 65_005) => Some(Cause::NoConsent),
            Some(65_004) => Some(Cause::Declined),
            Some(70_019) => Some(Cause::Unanswered),
            Some(50_072 | 50_074 | 50_076 | 50_078 | 50_079 | 50_158 | 50_085 | 50_125 | 50_055) => Some(Cause::SignInAgain),
            // Conditional Access: device, place, application, risk.
            Some(50_005 | 50_097 | 50_131 | 53_000..=53_004 | 53_010 | 53_011 | 530_034 | 530_035) => Some(Cause::Rule),
            // UserDisabled, locked, not assigned to the application.
            Some(50_057 | 50_053 | 50_105) => Some(Cause::Account),
            Some(7_000_222) => Some(Cause::SecretExpired),
            Some(70_002 | 7_000_215 | 7_000_218 | 700_016 | 700_011) => Some(Cause::Application),
            Some(700_025) => Some(Cause::NoSecretWanted),
            Some(70_001) => Some(Cause::NotAllowed),
            Some(70_011 | 28_002 | 28_003) => Some(Cause::Scope),
            Some(50_011 | 70_004) => Some(Cause::Redirect),
            Some(_) | None => None,
        };
        by_number.unwrap_or_else(|| self.cause_by_word())
    }

    fn cause_by_word(&self) -> Cause {
        let says = |word| self.error_description.to_ascii_lowercase().contains(word);
        match self.error.as_str() {
            "consent_required" => Cause::NoConsent,
            "interaction_required" | "login_required" => Cause::SignInAgain,
            "invalid_grant" if says("revoked") && says("expired") => Cause::RevokedOrExpired,
            "invalid_grant" if says("revoked") => Cause::Revoked,
            "invalid_grant" if says("expired") => Cause::Expired,
            "invalid_grant" => Cause::Void,
            "admin_policy_enforced" | "org_internal" => Cause::Rule,
            "access_denied" | "authorization_declined" => Cause::Declined,
            "expired_token" | "code_expired" => Cause::Unanswered,
            "invalid_client" | "deleted_client" | "disabled_client" => Cause::Application,
            "unauthorized_client" | "unsupported_grant_type" => Cause::NotAllowed,
            "invalid_scope" => Cause::Scope,
            "redirect_uri_mismatch" => Cause::Redirect,
            "" => Cause::Nothing,
            _ => Cause::Other,
        }
    }

    /// Microsoft's number: `AADSTS50173: …`. It is read whole, since 70008 is the beginning of 700082.
    fn number(&self) -> Option<u32> {
        let (_, after) = self.error_description.split_once("AADSTS")?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).take(9).collect();
        digits.parse().ok()
    }
}

impl Cause {
    fn what(self) -> &'static str {
        match self {
            Self::Revoked => "the login was revoked: by the user or an administrator, or with a change of the password",
            Self::Expired => "the login has expired: it was not used for too long, or the organisation sets how long one lasts",
            Self::RevokedOrExpired => "the login was revoked or has expired",
            Self::Void => "the login is not valid any more",
            Self::NoConsent => "nobody has consented yet that the application reads this mailbox",
            Self::Declined => "the consent was declined",
            Self::Unanswered => "nobody logged in before the code expired",
            Self::SignInAgain => "the user has to sign in again, as a rule with a second factor",
            Self::Rule => "a rule of the organisation refuses it",
            Self::Account => "the account is disabled or locked, or is not assigned to the application",
            Self::Application => "the application is not known by this client_id and client_secret",
            Self::SecretExpired => "the client_secret has expired",
            Self::NoSecretWanted => "the application is a public one, and has no secret",
            Self::NotAllowed => "the application may not ask for this",
            Self::Scope => "the scope is not known there, or not given in this way",
            Self::Redirect => "the application may not be answered on this machine",
            Self::Other => "it does not say more",
            Self::Nothing => "it answers with no reason",
        }
    }

    fn advice(self, settings: &Oauth2Settings) -> String {
        let log_in = match &settings.grant {
            Grant::User(_) => format!("run `mailferry login {}`", settings.source),
            Grant::ClientCredentials { .. } | Grant::ServiceAccount { .. } => {
                "ask the administrator to consent to the application anew".to_owned()
            }
        };
        match self {
            Self::Revoked | Self::Expired | Self::Void | Self::SignInAgain | Self::Unanswered => log_in,
            Self::RevokedOrExpired => {
                format!("{log_in}; an application that is only in test at Google loses its logins after 7 days: publish it")
            }
            Self::NoConsent => match &settings.grant {
                Grant::User(_) => format!("{log_in}, or ask the administrator to consent where users may not"),
                Grant::ClientCredentials { .. } | Grant::ServiceAccount { .. } => {
                    "ask the administrator to consent to it (Microsoft: the application permission IMAP.AccessAsApp)".to_owned()
                }
            },
            Self::Declined => format!("{log_in} and consent, as somebody who may"),
            Self::Rule => "ask the administrator to let this application and this machine pass".to_owned(),
            Self::Account => "ask the administrator for it".to_owned(),
            Self::Application => "check both; the secret is its value, not its id, and expires, too".to_owned(),
            Self::SecretExpired => "create another where the application is registered, and put it in place".to_owned(),
            Self::NoSecretWanted => "leave client_secret out".to_owned(),
            Self::NotAllowed => {
                "ask the administrator to allow it: its flow where it is registered (Microsoft: \"allow public client \
                                 flows\"), or its client id and this scope under domain-wide delegation (Google)"
                    .to_owned()
            }
            Self::Scope => "leave scope out, or correct it; Google gives no IMAP scope to --device, only to a browser".to_owned(),
            Self::Redirect => {
                "register http://127.0.0.1 (Google: a desktop app; Microsoft: http://localhost, for mobile and desktop \
                               applications) as its redirect URI, or use --device"
                    .to_owned()
            }
            Self::Other => "look its answer up in the provider's documentation".to_owned(),
            Self::Nothing => "check token_url".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::super::Consent;
    use super::*;

    fn user() -> Oauth2Settings {
        Oauth2Settings {
            source: "vendors".to_owned(),
            token_url: "https://id.example/token".to_owned(),
            scope: None,
            grant: Grant::User(Consent::for_tests()),
            kept: "state/oauth2/x".into(),
        }
    }

    fn why(body: &str, settings: &Oauth2Settings) -> String {
        let Why { what, advice } = Refusal::of(&Reply::new(400, &[], body)).why(settings);
        format!("{what}; {advice}")
    }

    #[test]
    fn refusals_are_told_apart_with_what_to_do() {
        for (error, description, words, advice) in [
            (
                "invalid_grant",
                "Token has been expired or revoked.",
                "was revoked or has expired",
                "`mailferry login vendors`; an app",
            ),
            ("invalid_grant", "", "not valid any more (invalid_grant)", "`mailferry login vendors`"),
            ("invalid_grant", "AADSTS700082: inactive for 90 days", "has expired: it", "`mailferry login vendors`"),
            ("invalid_grant", "AADSTS70008: expired", "has expired: it", "`mailferry login vendors`"),
            (
                "invalid_grant",
                "AADSTS50173: The provided grant has expired due to it being revoked",
                "was revoked: by",
                "login vendors",
            ),
            ("invalid_grant", "AADSTS65001: not consented", "nobody has consented", "or ask the administrator to consent"),
            ("consent_required", "", "nobody has consented", "or ask the administrator"),
            ("interaction_required", "", "has to sign in again", "`mailferry login vendors`"),
            ("interaction_required", "AADSTS50076: must use multi-factor", "a second factor", "login vendors"),
            ("invalid_grant", "AADSTS53003: blocked", "a rule of the organisation", "ask the administrator"),
            ("invalid_grant", "AADSTS50057: disabled", "account is disabled", "ask the administrator"),
            ("invalid_client", "", "not known by this client_id", "check both"),
            ("invalid_client", "AADSTS7000222: expired", "client_secret has expired", "create another"),
            ("invalid_client", "AADSTS700025: Client is public", "has no secret", "leave client_secret out"),
            ("unauthorized_client", "", "may not ask for this", "domain-wide delegation"),
            ("unauthorized_client", "AADSTS700016: not found", "not known by this client_id", "check both"),
            ("invalid_scope", "", "scope is not known", "leave scope out"),
            ("access_denied", "", "was declined", "and consent"),
            ("admin_policy_enforced", "", "a rule of the organisation", "ask the administrator"),
            ("redirect_uri_mismatch", "", "may not be answered", "register http://127.0.0.1"),
            ("teapot", "", "(teapot)", "documentation"),
        ] {
            let body = serde_json::json!({ "error": error, "error_description": description }).to_string();
            let said = why(&body, &user());
            assert!(said.contains(words) && said.contains(advice), "{error} {description}: {said}");
        }
        assert!(why("<html>", &user()).contains("status 400"));
    }

    #[test]
    fn an_application_is_sent_to_its_administrator_and_not_to_a_login() {
        let grant = Grant::ClientCredentials { client_id: "us".to_owned(), client_secret: SecretString::from("hush") };
        let said = why(r#"{"error":"invalid_grant","error_description":"AADSTS65001: x"}"#, &Oauth2Settings { grant, ..user() });
        assert!(said.contains("IMAP.AccessAsApp") && !said.contains("mailferry login"), "{said}");
    }

    #[test]
    fn a_server_in_trouble_is_asked_again_later() {
        assert!(Refusal::of(&Reply::new(503, &[], "")).may_pass());
        assert!(Refusal::of(&Reply::new(400, &[], r#"{"error":"temporarily_unavailable"}"#)).may_pass());
        assert!(!Refusal::of(&Reply::new(400, &[], r#"{"error":"invalid_grant"}"#)).may_pass());
    }
}
