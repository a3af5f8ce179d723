//! A token endpoint (RFC 6749), with the introspection (RFC 7662) by which a mail server asks whether a token is good.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A running endpoint. It stops when it is dropped.
pub(crate) struct TokenEndpoint {
    address: SocketAddr,
    state: Shared,
    serving: JoinHandle<()>,
}

type Shared = Arc<Mutex<Tokens>>;

/// What it knows, and what it was asked.
#[derive(Default)]
pub(crate) struct Tokens {
    /// The fields of each question for a token.
    pub(crate) asked: Vec<BTreeMap<String, String>>,
    /// What is answered first: a status and a body. After these a new token is given each time.
    pub(crate) answers: VecDeque<(u16, Value)>,
    /// The tokens that are good.
    pub(crate) good: BTreeSet<String>,
    /// The refresh token that goes along with each token.
    pub(crate) rotates_to: Option<String>,
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl TokenEndpoint {
    pub(crate) async fn start() -> Self {
        let state = Shared::default();
        let routes = Router::new().route("/token", post(token)).route("/introspect", post(introspect)).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, state, serving }
    }

    pub(crate) fn token_url(&self) -> String {
        format!("http://{}/token", self.address)
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What Dovecot has to know of it: the lines of its `oauth2.conf.ext`.
    pub(crate) fn dovecot(&self) -> String {
        format!(
            "introspection_mode = post\nintrospection_url = http://{}/introspect\nusername_attribute = username\n\
             username_format = %u\nactive_attribute = active\nactive_value = true\ntimeout_msecs = 5000\n",
            self.address
        )
    }
}

type Fields = Form<BTreeMap<String, String>>;

async fn token(State(state): State<Shared>, Form(fields): Fields) -> (StatusCode, Json<Value>) {
    let mut tokens = state.lock().unwrap();
    tokens.asked.push(fields);
    if let Some((status, body)) = tokens.answers.pop_front() {
        return (StatusCode::from_u16(status).unwrap(), Json(body));
    }
    let token = format!("good-{}", tokens.asked.len());
    tokens.good.insert(token.clone());
    let mut body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 });
    if let Some(next) = &tokens.rotates_to {
        body["refresh_token"] = json!(next);
    }
    (StatusCode::OK, Json(body))
}

async fn introspect(State(state): State<Shared>, Form(fields): Fields) -> Json<Value> {
    let is_good = fields.get("token").is_some_and(|token| state.lock().unwrap().good.contains(token));
    Json(if is_good { json!({ "active": true, "username": "alice" }) } else { json!({ "active": false }) })
}
