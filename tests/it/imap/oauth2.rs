//! Logging in by a token: against a real Dovecot that asks a token endpoint whether it is good.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mailferry::source::imap::{Consent, Grant, ImapSettings, ImapSource, Login, Oauth2Settings, RedirectHost, Security};
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::dovecot::trusting;
use super::{Memory, mail, scan, source};
use crate::support::dovecot::{Dovecot, Marked};
use crate::support::tokens::TokenEndpoint;

/// A Dovecot that takes tokens by these mechanisms, and the endpoint that gives them.
struct World {
    dovecot: Dovecot,
    endpoint: TokenEndpoint,
    directory: TempDir,
}

impl World {
    async fn start(mechanisms: &str) -> Self {
        let endpoint = TokenEndpoint::start().await;
        let directory = tempfile::tempdir().unwrap();
        let settings = directory.path().join("oauth2.conf.ext");
        std::fs::write(&settings, endpoint.dovecot()).unwrap();
        let more = format!(
            "auth_mechanisms = {mechanisms}\npassdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {}\n}}\n",
            settings.display()
        );
        let mut dovecot = Dovecot::start_with(Marked::Leaf, &more);
        dovecot.deliver("alice", "INBOX", &mail(1));
        Self { dovecot, endpoint, directory }
    }

    fn kept(&self) -> std::path::PathBuf {
        self.directory.path().join("state/oauth2/vendors")
    }

    fn source(&self, grant: Grant) -> ImapSource {
        let scope = Some("mail".to_owned());
        let oauth2 =
            Oauth2Settings { source: "vendors".into(), token_url: self.endpoint.token_url(), scope, grant, kept: self.kept() };
        source(ImapSettings {
            login: Login::Oauth2(Box::new(oauth2)),
            max_connections: 3,
            ..trusting(&self.dovecot, Security::Implicit)
        })
    }

    fn asked(&self) -> Vec<BTreeMap<String, String>> {
        self.endpoint.tokens().asked.clone()
    }
}

fn user() -> Grant {
    Grant::User(Consent {
        client_id: "us".into(),
        client_secret: Some("hush".to_owned().into()),
        refresh_token: Some("first".to_owned().into()),
        authorization_url: None,
        device_url: None,
        scope: "mail".into(),
        redirect_host: RedirectHost::Loopback,
    })
}

#[tokio::test]
async fn a_token_of_a_user_who_consented_opens_the_mailbox_by_either_mechanism() {
    for mechanisms in ["xoauth2", "oauthbearer", "plain xoauth2 oauthbearer"] {
        let world = World::start(mechanisms).await;
        let seen = scan(&world.source(user()), &Memory::default()).await;
        seen.expect_clean();
        assert_eq!(seen.messages.len(), 1, "{mechanisms}");
        let asked = world.asked();
        assert_eq!(asked.len(), 1, "one token for all connections");
        let expected = [
            ("client_id", "us"),
            ("client_secret", "hush"),
            ("grant_type", "refresh_token"),
            ("refresh_token", "first"),
            ("scope", "mail"),
        ];
        assert!(asked[0].iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected), "{asked:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_that_is_replaced_is_used_from_then_on() {
    let world = World::start("xoauth2").await;
    world.endpoint.tokens().rotates_to = Some("second".to_owned());
    scan(&world.source(user()), &Memory::default()).await.expect_clean();
    scan(&world.source(user()), &Memory::default()).await.expect_clean();
    let sent: Vec<String> = world.asked().into_iter().map(|fields| fields["refresh_token"].clone()).collect();
    assert_eq!(sent, ["first", "second"]);
}

#[tokio::test]
async fn a_token_that_was_revoked_is_asked_for_anew_once() {
    let world = World::start("xoauth2").await;
    let source = world.source(user());
    scan(&source, &Memory::default()).await.expect_clean();
    world.endpoint.tokens().good.clear();
    scan(&source, &Memory::default()).await.expect_clean();
    assert_eq!(world.asked().len(), 2);
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_shows_no_secret() {
    let world = World::start("xoauth2").await;
    let not_taken = (200, json!({ "access_token": "bad-token", "expires_in": 3600 }));
    let revoked = json!({ "error": "invalid_grant", "error_description": "Token has been expired or revoked." });
    let unconsented = json!({ "error": "invalid_grant", "error_description": "AADSTS65001: The user has not consented" });
    for (answer, words) in [
        ((400, revoked), "was revoked"),
        ((400, unconsented), "nobody has consented"),
        ((401, json!({ "error": "invalid_client" })), "client_secret"),
        ((200, json!({ "token": "elsewhere" })), "is no token"),
        ((503, json!({})), "asked again later"),
        (not_taken, "is not taken ([AUTHENTICATIONFAILED]"),
    ] {
        world.endpoint.tokens().answers.push_back(answer);
        let findings = mailferry::source::Source::check(&world.source(user())).await;
        let said = format!("{findings:?}");
        assert!(findings.len() == 1 && said.contains(words), "{words}: {said}");
        for secret in ["hush", "first", "bad-token", "elsewhere"] {
            assert!(!said.contains(&format!("{secret}\"")) && !said.contains(&format!("Bearer {secret}")), "{said}");
        }
    }
}

#[tokio::test]
async fn an_application_asks_with_its_secret() {
    let world = World::start("xoauth2").await;
    let grant = Grant::ClientCredentials { client_id: "us".into(), client_secret: "hush".to_owned().into() };
    scan(&world.source(grant), &Memory::default()).await.expect_clean();
    let asked = world.asked();
    assert_eq!((asked[0]["grant_type"].as_str(), asked[0]["scope"].as_str()), ("client_credentials", "mail"));
}

fn make_key(directory: &Path) -> (std::path::PathBuf, RsaKeyPair) {
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = directory.join("key.json");
    let pem = String::from_utf8(made.stdout).unwrap();
    std::fs::write(&file, json!({ "client_email": "ferry@project.example", "private_key": pem }).to_string()).unwrap();
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    (file, RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap())
}

#[tokio::test]
async fn a_service_account_signs_for_the_user() {
    let world = World::start("xoauth2").await;
    let (key_file, pair) = make_key(world.directory.path());
    scan(&world.source(Grant::ServiceAccount { key_file }), &Memory::default()).await.expect_clean();
    let asked = world.asked();
    assert_eq!(asked[0]["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (signed, signature) = asked[0]["assertion"].rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    public.verify(signed.as_bytes(), &signature).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap()).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("ferry@project.example"), &json!("alice")));
    assert_eq!((&claims["scope"], &claims["aud"]), (&json!("mail"), &json!(world.endpoint.token_url())));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
}

#[tokio::test]
async fn a_server_without_a_mechanism_for_tokens_says_so() {
    let world = World::start("plain login").await;
    let seen = scan(&world.source(user()), &Memory::default()).await;
    assert!(seen.error().to_string().contains("neither XOAUTH2 nor OAUTHBEARER"), "{}", seen.error());
    assert!(world.asked().is_empty());
}
