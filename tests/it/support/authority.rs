//! A strict authorization server: RFC 6749 with PKCE (RFC 7636), the device grant (RFC 8628), refresh tokens that are
//! replaced and not shown twice (RFC 9700 4.14), and the introspection (RFC 7662) by which a mail server asks.
//!
//! What a client does that it must not is answered as the RFCs say, and noted: a test demands at its end that nothing was.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Form, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

const CLIENT: &str = "us";
const SECRET: &str = "hush-client";

/// A server that runs until it is dropped.
pub(crate) struct Authority {
    address: SocketAddr,
    books: Shared,
    _runtime: tokio::runtime::Runtime,
}

type Shared = Arc<Mutex<Books>>;
type Fields = Form<Vec<(String, String)>>;

/// What the user does about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Pending,
    Consents,
    Declines,
}

struct Code {
    challenge: String,
    redirect: String,
    until: Instant,
    family: Option<usize>,
}

struct DeviceCode {
    decision: Decision,
    until: Instant,
    interval: Duration,
    asked: Instant,
}

struct Refresh {
    family: usize,
    is_used: bool,
}

/// What it knows. Public fields are what a test turns.
pub(crate) struct Books {
    /// What a client did that it must not.
    pub(crate) offences: Vec<String>,
    /// How often each grant gave a token.
    pub(crate) granted: BTreeMap<String, u32>,
    /// Every secret that was given out.
    pub(crate) secrets: Vec<String>,
    /// How long an access token is good.
    pub(crate) life: Duration,
    /// What the user does at the page that asks for consent.
    pub(crate) decision: Decision,
    /// How long a device code is good.
    pub(crate) device_life: Duration,
    /// The interval that is asked for at first.
    pub(crate) interval: Duration,
    /// So many polls are asked to slow down though they came in time.
    pub(crate) slow_downs: u32,
    /// So many questions for a token are answered as if the server were away.
    pub(crate) absences: u32,
    /// Tokens that a mail server asked about after their end.
    pub(crate) stale: u32,
    codes: BTreeMap<String, Code>,
    devices: BTreeMap<String, DeviceCode>,
    refreshes: BTreeMap<String, Refresh>,
    /// Access tokens, with their family and their end.
    access: BTreeMap<String, (usize, Instant)>,
    /// Each family is what one consent gave; `false` once it is revoked.
    families: Vec<bool>,
    count: u32,
}

impl Authority {
    pub(crate) fn start() -> Self {
        let books = Shared::new(Mutex::new(Books {
            offences: Vec::new(),
            granted: BTreeMap::new(),
            secrets: vec![SECRET.to_owned()],
            life: Duration::from_secs(3600),
            decision: Decision::Consents,
            device_life: Duration::from_secs(60),
            interval: Duration::from_secs(1),
            slow_downs: 0,
            absences: 0,
            stale: 0,
            codes: BTreeMap::new(),
            devices: BTreeMap::new(),
            refreshes: BTreeMap::new(),
            access: BTreeMap::new(),
            families: Vec::new(),
            count: 0,
        }));
        let routes = Router::new()
            .route("/authorize", get(authorize))
            .route("/device", post(device))
            .route("/token", post(token))
            .route("/introspect", post(introspect))
            .with_state(books.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, books, _runtime: runtime }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// `oauth2 = { … }` of a source whose user logs in here. The secret is in the environment.
    pub(crate) fn settings(&self) -> String {
        format!(
            "oauth2 = {{ token_url = {:?}, authorization_url = {:?}, device_url = {:?}, client_id = {CLIENT:?}, consent = \"user\", \
             client_secret = {{ command = \"echo {SECRET}\" }}, scope = \"mail offline_access\" }}",
            self.url("token"),
            self.url("authorize"),
            self.url("device")
        )
    }

    /// The lines of Dovecot's `oauth2.conf.ext`.
    pub(crate) fn dovecot(&self) -> String {
        format!(
            "introspection_mode = post\nintrospection_url = {}\nusername_attribute = username\nusername_format = %u\n\
             active_attribute = active\nactive_value = true\ntimeout_msecs = 5000\n",
            self.url("introspect")
        )
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// What the user does at the page where a code is typed in.
    pub(crate) fn decide(&mut self, decision: Decision) {
        for device in self.devices.values_mut() {
            device.decision = decision;
        }
    }

    /// Takes back every consent, as a user does at their account's page.
    pub(crate) fn revoke_all(&mut self) {
        self.families.fill(false);
    }

    /// Whether a consent stands.
    pub(crate) fn stands(&self) -> bool {
        self.families.iter().any(|stands| *stands)
    }

    fn offence(&mut self, what: &str) {
        self.offences.push(what.to_owned());
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.count += 1;
        let secret = format!("{kind}-{}", URL_SAFE_NO_PAD.encode(digest(&SHA256, format!("{kind} {}", self.count).as_bytes())));
        self.secrets.push(secret.clone());
        secret
    }

    fn give(&mut self, grant: &str, family: usize) -> Response {
        *self.granted.entry(grant.to_owned()).or_default() += 1;
        let (access, refresh) = (self.fresh("access"), self.fresh("refresh"));
        self.access.insert(access.clone(), (family, Instant::now() + self.life));
        self.refreshes.insert(refresh.clone(), Refresh { family, is_used: false });
        let body = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": self.life.as_secs(), "refresh_token": refresh,
        });
        Json(body).into_response()
    }

    fn new_family(&mut self) -> usize {
        self.families.push(true);
        self.families.len() - 1
    }

    fn by_code(&mut self, fields: &BTreeMap<String, String>) -> Response {
        let Some(code) = self.codes.get(&fields["code"]) else { return refusal("invalid_grant", "no such code") };
        if let Some(family) = code.family {
            self.families[family] = false;
            self.offence("a code was shown twice");
            return refusal("invalid_grant", "the code was used");
        }
        let verifier = fields.get("code_verifier").map_or("", String::as_str);
        let is_verifier =
            (43..=128).contains(&verifier.len()) && code.challenge == URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let is_redirect = fields.get("redirect_uri") == Some(&code.redirect);
        if !is_verifier || !is_redirect || code.until < Instant::now() {
            self.offence("a code was shown with a wrong verifier or redirect_uri, or too late");
            return refusal("invalid_grant", "wrong verifier or redirect_uri, or too late");
        }
        let family = self.new_family();
        self.codes.get_mut(&fields["code"]).unwrap().family = Some(family);
        self.give("authorization_code", family)
    }

    fn by_device(&mut self, fields: &BTreeMap<String, String>) -> Response {
        let now = Instant::now();
        let is_forced = self.slow_downs > 0;
        let Some(device) = self.devices.get_mut(&fields["device_code"]) else { return refusal("invalid_grant", "no such code") };
        let elapsed = now - std::mem::replace(&mut device.asked, now);
        if device.until < now {
            return refusal("expired_token", "");
        }
        let is_early = elapsed < device.interval;
        if is_early || is_forced {
            device.interval += Duration::from_secs(5);
            self.slow_downs = self.slow_downs.saturating_sub(1);
            if is_early {
                self.offence("it was polled too fast");
            }
            return refusal("slow_down", "");
        }
        match device.decision {
            Decision::Pending => refusal("authorization_pending", ""),
            Decision::Declines => refusal("access_denied", ""),
            Decision::Consents => {
                self.devices.remove(&fields["device_code"]);
                let family = self.new_family();
                self.give("device_code", family)
            }
        }
    }

    fn by_refresh(&mut self, fields: &BTreeMap<String, String>) -> Response {
        let Some(refresh) = self.refreshes.get_mut(&fields["refresh_token"]) else {
            return refusal("invalid_grant", "no such token");
        };
        let family = refresh.family;
        // What a user revoked may be shown time and again: somebody has to find out.
        if !self.families[family] {
            return refusal("invalid_grant", "Token has been revoked.");
        }
        if std::mem::replace(&mut refresh.is_used, true) {
            self.families[family] = false;
            self.offence("a refresh token was shown twice");
            return refusal("invalid_grant", "Token has been revoked.");
        }
        self.give("refresh_token", family)
    }
}

fn refusal(error: &str, description: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error, "error_description": description }))).into_response()
}

/// The fields, none of which may come twice (RFC 6749 3.2).
fn once(books: &mut Books, fields: Vec<(String, String)>) -> BTreeMap<String, String> {
    let count = fields.len();
    let fields: BTreeMap<_, _> = fields.into_iter().collect();
    if fields.len() < count {
        books.offence("a parameter came twice");
    }
    fields
}

fn is_client(fields: &BTreeMap<String, String>) -> bool {
    fields.get("client_id").is_some_and(|id| id == CLIENT) && fields.get("client_secret").is_some_and(|secret| secret == SECRET)
}

async fn authorize(State(books): State<Shared>, Form(fields): Fields) -> Response {
    let mut books = books.lock().unwrap();
    let fields = once(&mut books, fields);
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let redirect = field("redirect_uri");
    let port = redirect.strip_prefix("http://127.0.0.1:").and_then(|port| port.parse::<u16>().ok());
    let challenge = field("code_challenge");
    let is_right = field("client_id") == CLIENT
        && port.is_some()
        && field("response_type") == "code"
        && field("code_challenge_method") == "S256"
        && challenge.len() == 43
        && field("state").len() >= 22
        && field("scope") == "mail offline_access"
        && !fields.contains_key("client_secret");
    if !is_right {
        books.offence("the request for consent is wrong");
        return (StatusCode::BAD_REQUEST, "wrong").into_response();
    }
    let state = field("state");
    let location = if books.decision == Decision::Consents {
        let code = books.fresh("code");
        let until = Instant::now() + Duration::from_secs(60);
        books.codes.insert(code.clone(), Code { challenge, redirect: redirect.clone(), until, family: None });
        format!("{redirect}/?code={code}&state={state}")
    } else {
        format!("{redirect}/?error=access_denied&error_description=The+user+said+no&state={state}")
    };
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

async fn device(State(books): State<Shared>, Form(fields): Fields) -> Response {
    let mut books = books.lock().unwrap();
    let fields = once(&mut books, fields);
    if !is_client(&fields) || fields.get("scope").is_none_or(|scope| scope != "mail offline_access") {
        books.offence("the request for a device code is wrong");
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    let code = books.fresh("device");
    let (life, interval, asked) = (books.device_life, books.interval, Instant::now());
    books.devices.insert(code.clone(), DeviceCode { decision: Decision::Pending, until: asked + life, interval, asked });
    let body = json!({
        "device_code": code, "user_code": "WDJB-MJHT", "verification_uri": "https://id.example/device",
        "verification_uri_complete": "https://id.example/device?user_code=WDJB-MJHT",
        "expires_in": life.as_secs(), "interval": interval.as_secs(),
    });
    Json(body).into_response()
}

async fn token(State(books): State<Shared>, Form(fields): Fields) -> Response {
    let mut books = books.lock().unwrap();
    let fields = once(&mut books, fields);
    if !is_client(&fields) {
        books.offence("a client showed no right secret");
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    if let Some(left) = books.absences.checked_sub(1) {
        books.absences = left;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match fields.get("grant_type").map_or("", String::as_str) {
        "authorization_code" => books.by_code(&fields),
        "urn:ietf:params:oauth:grant-type:device_code" => books.by_device(&fields),
        "refresh_token" => books.by_refresh(&fields),
        _ => refusal("unsupported_grant_type", ""),
    }
}

async fn introspect(State(books): State<Shared>, Form(fields): Fields) -> Json<Value> {
    let mut books = books.lock().unwrap();
    let token = fields.into_iter().find(|(name, _)| name == "token").map(|(_, token)| token).unwrap_or_default();
    let Some((family, until)) = books.access.get(&token).copied() else { return Json(json!({ "active": false })) };
    if until < Instant::now() {
        books.stale += 1;
        return Json(json!({ "active": false }));
    }
    Json(if books.families[family] { json!({ "active": true, "username": "alice" }) } else { json!({ "active": false }) })
}
