//! One call of the API: who may make it, with which arguments, and what the answer looks like.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::world::World;
use super::{chat, conversations, files};

/// The methods that read a JSON body.
const READS_JSON: [&str; 8] = [
    "auth.test",
    "chat.delete",
    "chat.postMessage",
    "conversations.create",
    "conversations.join",
    "conversations.setPurpose",
    "files.completeUploadExternal",
    "files.delete",
];

/// Our bot: as a user, and as a bot.
pub(super) const BOT_USER: &str = "U0FERRY";
pub(super) const BOT: &str = "B0FERRY";

/// Why a call is refused: the error, and the scope that is missing.
#[derive(Debug)]
pub(super) struct Refusal {
    error: &'static str,
    needed: Option<&'static str>,
    message: Option<String>,
}

impl From<&'static str> for Refusal {
    fn from(error: &'static str) -> Self {
        Self { error, needed: None, message: None }
    }
}

impl Refusal {
    pub(super) fn because(error: &'static str, message: impl Into<String>) -> Self {
        Self { error, needed: None, message: Some(message.into()) }
    }
}

pub(super) type Outcome = Result<Value, Refusal>;

/// A call as it came in.
#[derive(Debug)]
pub(super) struct Request {
    method: String,
    token: Option<String>,
    pub(super) fields: Vec<(String, String)>,
    warning: Option<&'static str>,
}

impl Request {
    pub(super) fn read(method: &str, headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(body);
        let content_type = header("content-type");
        let is_json = content_type.starts_with("application/json");
        let fields = match content_type.split(';').next() {
            Some("application/x-www-form-urlencoded") => form(&body),
            Some("application/json") if READS_JSON.contains(&method) => json_fields(&body),
            _ => Vec::new(),
        };
        let token = header("authorization").strip_prefix("Bearer ").map(str::to_owned);
        let warning = (is_json && !content_type.contains("charset")).then_some("missing_charset");
        Self { method: method.to_owned(), token, fields, warning }
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        let missing = || Refusal::because("invalid_arguments", format!("[ERROR] missing required field: {name}"));
        self.field(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.field(name), Some("true" | "1"))
    }

    /// Refuses arguments that the method does not have.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Refusal> {
        match self.fields.iter().find(|(field, _)| !names.contains(&field.as_str())) {
            Some((field, _)) => Err(Refusal::because("invalid_arguments", format!("[ERROR] no such argument: {field}"))),
            None => Ok(()),
        }
    }

    /// The limit of a page: within 1 and 999, as Slack wants it.
    pub(super) fn limit(&self, world: &World) -> Result<usize, Refusal> {
        let limit = self.field("limit").map_or(Ok(100), str::parse).map_err(|_| Refusal::from("invalid_limit"))?;
        if (1..=999).contains(&limit) { Ok(limit.min(world.page_max)) } else { Err("invalid_limit".into()) }
    }

    /// Where a page begins.
    pub(super) fn start(&self) -> Result<usize, Refusal> {
        let Some(cursor) = self.field("cursor").filter(|cursor| !cursor.is_empty()) else { return Ok(0) };
        cursor.strip_prefix("next:").and_then(|number| number.parse().ok()).ok_or_else(|| "invalid_cursor".into())
    }

    pub(super) fn answer(&self, world: &mut World) -> Response {
        match self.token.as_deref() {
            None => return refused(&"not_authed".into(), world),
            Some(token) if token != world.token => return refused(&"invalid_auth".into(), world),
            Some(_) => {}
        }
        if let Err(wait) = in_time(world, &self.method) {
            return too_early(wait);
        }
        match self.dispatch(world) {
            Ok(mut value) => {
                value["ok"] = json!(true);
                if let Some(warning) = self.warning {
                    value["warning"] = json!(warning);
                }
                super::json(200, &value)
            }
            Err(refusal) => refused(&refusal, world),
        }
    }

    fn dispatch(&self, world: &mut World) -> Outcome {
        match self.method.as_str() {
            "auth.test" => Ok(json!({
                "team": "Our Co",
                "user": "mailferry",
                "user_id": BOT_USER,
                "bot_id": BOT,
                "url": "https://ourco.slack.example/",
            })),
            "chat.postMessage" => chat::post_message(world, self),
            "chat.delete" => chat::delete(world, self),
            "conversations.list" => conversations::list(world, self),
            "conversations.create" => conversations::create(world, self),
            "conversations.join" => conversations::join(world, self),
            "conversations.setPurpose" => conversations::set_purpose(world, self),
            "conversations.history" => conversations::history(world, self),
            "conversations.replies" => conversations::replies(world, self),
            "files.getUploadURLExternal" => files::get_upload_url(world, self),
            "files.completeUploadExternal" => files::complete(world, self),
            "files.delete" => files::delete(world, self),
            "files.info" => files::info(world, self),
            _ => Err("unknown_method".into()),
        }
    }
}

/// Refuses a call for which the token lacks the scope.
pub(super) fn needs(world: &World, scope: &'static str) -> Result<(), Refusal> {
    if world.scopes.contains(scope) {
        return Ok(());
    }
    Err(Refusal { error: "missing_scope", needed: Some(scope), message: None })
}

fn refused(refusal: &Refusal, world: &World) -> Response {
    let mut value = json!({"ok": false, "error": refusal.error});
    if let Some(needed) = refusal.needed {
        value["needed"] = json!(needed);
        value["provided"] = json!(world.scopes.iter().cloned().collect::<Vec<_>>().join(","));
    }
    if let Some(message) = &refusal.message {
        value["response_metadata"] = json!({"messages": [message]});
    }
    match refusal.error {
        "ratelimited" => {
            let mut response = super::json(429, &value);
            response.headers_mut().insert("retry-after", "1".parse().unwrap());
            response
        }
        _ => super::json(200, &value),
    }
}

/// Counts a call of a method that may only be called so often; how long it is too early.
fn in_time(world: &mut World, method: &str) -> Result<(), Duration> {
    let Some(gap) = world.rates.get(method) else { return Ok(()) };
    let now = Instant::now();
    match world.last_call.get(method).map(|last| *last + *gap) {
        Some(next) if now < next => Err(next - now),
        _ => {
            world.last_call.insert(method.to_owned(), now);
            Ok(())
        }
    }
}

fn too_early(wait: Duration) -> Response {
    let mut response = super::json(429, &json!({"ok": false, "error": "ratelimited"}));
    response.headers_mut().insert("retry-after", wait.as_secs_f64().ceil().to_string().parse().unwrap());
    response
}

fn form(body: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://form.invalid/?{body}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn json_fields(body: &str) -> Vec<(String, String)> {
    let Ok(Value::Object(map)) = serde_json::from_str(body) else { return Vec::new() };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    map.into_iter().map(|(name, value)| (name, text(value))).collect()
}
