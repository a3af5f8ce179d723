//! The one HTTP client: a request goes out once, and what comes back says whether it may have taken
//! effect. Nothing is sent again in here, and no redirect is followed: both are decisions of those who know what the
//! request does. (Where a server closes an idle connection, the library takes another for a request of which it has not
//! begun to send anything; what it has begun it hands back as lost.)

mod query;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
pub(crate) use reqwest::header::HeaderValue;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Url};
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

pub(crate) use self::query::{query_of, with_query};

/// The longest answer that is read: a page of history with its metadata stays far below it.
const ANSWER_MAX_BYTES: usize = 32 * 1024 * 1024;
/// The slowest upload that is waited for, in bytes a second.
const UPLOAD_MIN_BYTES_PER_SECOND: u64 = 128 * 1024;
/// What is waited where a server asks for it without saying how long, or says it in a way that cannot be read.
const WAIT_DEFAULT: Duration = Duration::from_secs(30);
/// The shortest wait that is taken from a server: `Retry-After: 0` must not become a busy loop.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest wait that is taken from a server; a longer one is asked for again.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// How long is waited for what. reqwest has no limits of its own.
#[derive(Clone, Copy, Debug)]
struct Timeouts {
    /// For the connection, TLS included.
    connect: Duration,
    /// Between two pieces of the answer, and for its first.
    read: Duration,
    /// From the first byte that is sent to the last that is received.
    whole: Duration,
}

impl Timeouts {
    /// For a call: TCP repeats its first packet after 1 s and 3 s, so 10 s are three tries; an API that is silent for 30 s
    /// does not answer any more; no page of an answer takes a minute.
    const CALL: Self = Self { connect: Duration::from_secs(10), read: Duration::from_secs(30), whole: Duration::from_secs(60) };
    /// For an upload: the answer comes after the last byte was sent, so the wait for it counts from the start, too. Each
    /// upload sets a shorter limit of its own, by its size.
    const UPLOAD: Self =
        Self { connect: Duration::from_secs(10), read: Duration::from_secs(4 * 3600), whole: Duration::from_secs(4 * 3600) };
}

/// The address of an API, ending in `/`.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl(Url);

impl BaseUrl {
    /// Reads an address. A `/` is added where it does not end in one. Only `https` is taken, and `http` to this machine:
    /// a token goes along with each request.
    pub(crate) fn parse(text: &str) -> Result<Self, SetupError> {
        let unusable = |why: &str| SetupError::Address { address: text.to_owned(), why: why.to_owned() };
        let mut url = Url::parse(text).map_err(|error| unusable(&error.to_string()))?;
        if url.cannot_be_a_base() || url.host_str().is_none() {
            return Err(unusable("it names no host"));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let base = Self(url);
        match base.0.scheme() {
            "https" => Ok(base),
            "http" if base.is_this_machine() => Ok(base),
            _ => Err(unusable("only https is used, and http to this machine")),
        }
    }

    /// The address of a method below the base.
    pub(crate) fn method(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }

    fn is_this_machine(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// A token as it goes along with a request; it does not print.
#[derive(Clone, Debug)]
pub(crate) struct Token(HeaderValue);

impl Token {
    /// A bearer token (RFC 6750 2.1).
    pub(crate) fn bearer(secret: &SecretString) -> Result<Self, SetupError> {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", secret.expose_secret().trim())).map_err(|_| SetupError::Token)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// The address of the API cannot be used.
    #[error("the address {address} cannot be used: {why}")]
    Address {
        /// As it was written.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot be sent.
    #[error("the token holds characters that no token has")]
    Token,
    /// TLS cannot be set up, as a rule since the machine has no certificates of authorities.
    #[error("tls cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The client cannot be built.
    #[error("the http client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lost {
    /// The request never left: it has certainly had no effect.
    #[error("{0}")]
    NotSent(String),
    /// The request may have arrived.
    #[error("{0}")]
    NoAnswer(String),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body, whole.
    pub(crate) body: Vec<u8>,
    headers: HeaderMap,
}

impl Reply {
    /// An answer out of thin air.
    #[cfg(test)]
    pub(crate) fn new(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Self {
        let header = |(name, value): &(&'static str, &'static str)| {
            (reqwest::header::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        Self { status, headers: headers.iter().map(header).collect(), body: body.as_bytes().to_vec() }
    }

    /// The value of a header, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the server asks to wait.
    pub(crate) fn wait(&self) -> Duration {
        wait_asked(&self.headers)
    }
}

/// A client for one API.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    calls: Client,
    uploads: Client,
}

impl Http {
    /// A client for the API at this address.
    pub(crate) fn new(base: &BaseUrl) -> Result<Self, SetupError> {
        Ok(Self { calls: client(base, Timeouts::CALL)?, uploads: client(base, Timeouts::UPLOAD)? })
    }

    /// Posts fields as a form, with a token.
    pub(crate) async fn post_form(&self, url: &str, token: &Token, fields: &[(&str, &str)]) -> Result<Reply, Lost> {
        send(self.calls.post(url).header(AUTHORIZATION, &token.0).form(fields)).await
    }

    /// Posts fields as a form to an address of its own, without a token: what is secret stands in the fields.
    pub(crate) async fn post_fields(&self, url: &str, fields: &[(&str, &str)]) -> Result<Reply, Lost> {
        send(self.calls.post(url).form(fields)).await
    }

    /// Posts bytes as they are, without a token: the address of an upload is secret enough, and need not be the API's.
    pub(crate) async fn post_bytes(&self, url: &str, bytes: Vec<u8>) -> Result<Reply, Lost> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let limit = Timeouts::CALL.whole + Duration::from_secs(size / UPLOAD_MIN_BYTES_PER_SECOND);
        let request = self.uploads.post(url).header(CONTENT_TYPE, "application/octet-stream");
        send(request.timeout(limit.min(Timeouts::UPLOAD.whole)).body(bytes)).await
    }
}

fn client(base: &BaseUrl, timeouts: Timeouts) -> Result<Client, SetupError> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls(base)?)
        .user_agent(concat!("mailferry/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.read)
        .timeout(timeouts.whole)
        // Shorter than servers keep idle connections: one that is closed just as a post goes out is an unknown outcome.
        .pool_idle_timeout(Duration::from_secs(10));
    // HTTPS_PROXY and NO_PROXY are honoured, but what runs on this machine is never asked for through a proxy.
    let client = if base.is_this_machine() { client.no_proxy() } else { client };
    Ok(client.build()?)
}

/// TLS with the platform's authorities. Plain HTTP to this machine works where the platform has none.
fn tls(base: &BaseUrl) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    match builder.clone().with_platform_verifier() {
        Ok(verified) => Ok(verified.with_no_client_auth()),
        Err(_) if base.0.scheme() == "http" => Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()),
        Err(error) => Err(error),
    }
}

async fn send(request: RequestBuilder) -> Result<Reply, Lost> {
    let mut response = request.send().await.map_err(lost)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    // Whatever breaks now, the request has arrived.
    while let Some(chunk) = response.chunk().await.map_err(|error| Lost::NoAnswer(told(error)))? {
        if body.len() + chunk.len() > ANSWER_MAX_BYTES {
            return Err(Lost::NoAnswer(format!("the answer is longer than {ANSWER_MAX_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers, body })
}

/// Sorts what the client says of a request without an answer. `is_connect` is said only of errors before there is a
/// connection (name, TCP, proxy, TLS, and their common time limit), never of one on which sending has begun; `is_builder`
/// of requests that could not be put together. All else may have arrived.
fn lost(error: reqwest::Error) -> Lost {
    let never_left = error.is_connect() || error.is_builder();
    let text = told(error);
    if never_left { Lost::NotSent(text) } else { Lost::NoAnswer(text) }
}

/// An error with its causes. The address is left out, since that of an upload is a secret.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// `Retry-After` in both of its grammars (RFC 9110 10.2.3): seconds, or a date, which is measured by the server's own
/// `Date`, so that our clock plays no part.
fn wait_asked(headers: &HeaderMap) -> Duration {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text: &str| DateTime::parse_from_rfc2822(text).ok();
    let asked = text(RETRY_AFTER).and_then(|value| match value.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let until = date(value)?.signed_duration_since(date(text(DATE)?)?);
            Some(until.to_std().unwrap_or(Duration::ZERO))
        }
    });
    asked.unwrap_or(WAIT_DEFAULT).clamp(WAIT_MIN, WAIT_MAX)
}

#[cfg(test)]
mod tests;
