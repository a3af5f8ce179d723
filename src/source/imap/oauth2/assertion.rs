//! What a service account signs to act for a user (RFC 7523, RFC 7515; RS256).

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

/// How long an assertion may be shown, in seconds: the most that Google takes.
const LIFE_SECONDS: i64 = 3600;

/// What is used of a key file.
#[derive(Deserialize)]
struct Key {
    client_email: String,
    private_key: SecretString,
}

/// A signed assertion for a user; the reason where there is none.
pub(super) fn signed(key_file: &Path, token_url: &str, username: &str, scope: &str) -> Result<SecretString, String> {
    let text = fs::read_to_string(key_file).map_err(|error| format!("{} cannot be read: {error}", key_file.display()))?;
    let key: Key = serde_json::from_str(&text)
        .map_err(|_| format!("{} is no key of a service account: create one of type JSON", key_file.display()))?;
    let unusable = || format!("the private key in {} cannot be used: create another", key_file.display());
    let der = PrivatePkcs8KeyDer::from_pem_slice(key.private_key.expose_secret().as_bytes()).map_err(|_| unusable())?;
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| unusable())?;
    let now = Utc::now().timestamp();
    let claims = json!({
        "iss": key.client_email, "sub": username, "scope": scope, "aud": token_url, "iat": now, "exp": now + LIFE_SECONDS,
    });
    let encoded = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signing = format!("{}.{}", encoded(&json!({ "alg": "RS256", "typ": "JWT" })), encoded(&claims));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signing.as_bytes(), &mut signature).map_err(|_| unusable())?;
    Ok(SecretString::from(format!("{signing}.{}", URL_SAFE_NO_PAD.encode(signature))))
}
