//! One call of the Web API: the request, the answer, and what an answer that is no success means.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::SlackSettings;
use super::errors::{self, Sort};
use super::method::{Effect, Method};
use super::tempo::Tempo;
use crate::destination::Failure;
use crate::http::{BaseUrl, Http, Lost, Reply, SetupError, Token};

/// How often a repeatable call is made again where Slack asks to wait. A listing of many pages has to wait in its midst:
/// beginning it anew each time, it would never end where one call a minute is allowed.
const WAITS_MAX: u32 = 10;
/// The longest wait that is kept in here; a longer one is the caller's to plan.
const WAIT_HERE_MAX: Duration = Duration::from_secs(120);
/// The errors by which a method is closed to the token for good, while others are open to it.
const CANNOT_LOOK: [&str; 5] =
    ["deprecated_endpoint", "method_deprecated", "missing_scope", "not_allowed_token_type", "unknown_method"];
/// How much of what a server says of an error is repeated.
const DETAIL_MAX_CHARS: usize = 300;

/// Slack's Web API.
#[derive(Debug)]
pub(super) struct Api {
    http: Http,
    base: BaseUrl,
    token: Token,
    tempo: Tempo,
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer<T> {
    /// What it says.
    pub(super) body: T,
    /// Slack's warnings by name, such as `message_truncated`.
    pub(super) warnings: Vec<String>,
    /// The scopes of the token, where Slack told them (`x-oauth-scopes`).
    pub(super) scopes: Option<Vec<String>>,
}

/// Why a call did not succeed.
#[derive(Debug)]
pub(super) struct Trouble {
    method: Method,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Asked to wait.
    Wait(Duration),
    /// Nothing was sent, or nobody acted on it.
    NotSent(String),
    /// It may have taken effect.
    NoAnswer(String),
    /// Slack's error.
    Named(Named),
    /// An answer that is whole, and will never say what it was asked for.
    Useless(String),
}

/// An answer that says `"ok": false`.
#[derive(Debug)]
struct Named {
    error: String,
    /// The scope that is missing.
    needed: Option<String>,
    /// What Slack says about the arguments.
    messages: Vec<String>,
}

impl Api {
    /// The API that the settings name.
    ///
    /// # Errors
    /// When the address or the token cannot be used, or TLS cannot be set up.
    pub(super) fn new(settings: &SlackSettings) -> Result<Self, Failure> {
        let stop = |error: SetupError| {
            let advice = match error {
                SetupError::Address { .. } => "correct api_url",
                SetupError::Token => "correct token",
                SetupError::Tls(_) | SetupError::Client(_) => "install the certificates of authorities on this machine",
            };
            Failure::Stop { why: error.to_string(), advice: advice.to_owned() }
        };
        let base = BaseUrl::parse(&settings.api_url).map_err(stop)?;
        let http = Http::new(&base).map_err(stop)?;
        let token = Token::bearer(&settings.token).map_err(stop)?;
        Ok(Self { http, base, token, tempo: Tempo::new(settings.posts_per_second) })
    }

    /// Calls a method with form fields, which every method takes (JSON bodies are not taken by all). Repeatable methods
    /// keep their tempo, and wait where Slack asks for it, within bounds; the others go out once, and at once: whoever posts
    /// has waited for the turn before the attempt was recorded.
    pub(super) async fn call<T: DeserializeOwned>(&self, method: Method, fields: &[(&str, &str)]) -> Result<Answer<T>, Trouble> {
        let trouble = |kind| Trouble { method, kind };
        if method.effect() == Effect::Once {
            return self.send(method, fields).await.map_err(trouble);
        }
        let mut waits_left = WAITS_MAX;
        loop {
            self.tempo.wait(method, WAIT_HERE_MAX).await.map_err(|left| trouble(Kind::Wait(left)))?;
            match self.send(method, fields).await {
                Err(Kind::Wait(pause)) => {
                    self.tempo.hold_back(method, pause);
                    if waits_left == 0 || pause > WAIT_HERE_MAX {
                        return Err(trouble(Kind::Wait(pause)));
                    }
                    tracing::debug!(method = method.name(), pause_s = pause.as_secs(), "slack asks to wait");
                    waits_left -= 1;
                }
                outcome => return outcome.map_err(trouble),
            }
        }
    }

    async fn send<T: DeserializeOwned>(&self, method: Method, fields: &[(&str, &str)]) -> Result<Answer<T>, Kind> {
        read(&self.http.post_form(&self.base.method(method.name()), &self.token, fields).await?)
    }

    /// Uploads the bytes of a file to the address that Slack gave for it. Nobody sees them before the upload is completed.
    pub(super) async fn upload(&self, url: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let failed = |text: String| Failure::Transient(format!("the upload of the file failed: {text}"));
        let reply = self.http.post_bytes(url, bytes).await.map_err(|lost| failed(lost.to_string()))?;
        match reply.status {
            200 if says_no(&reply) => Err(failed("slack answers it with an error".to_owned())),
            200 => Ok(()),
            429 => Err(Failure::Wait(reply.wait())),
            413 => Err(Failure::Refused("slack finds the file too large".to_owned())),
            status => Err(failed(format!("http status {status}"))),
        }
    }
}

/// The part that all answers share.
#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    error: Option<String>,
    needed: Option<String>,
    warning: Option<String>,
    response_metadata: Option<Value>,
}

impl Envelope {
    /// The texts of a list in `response_metadata`.
    fn remarks(&self, list: &str) -> Vec<String> {
        let texts = self.response_metadata.as_ref().and_then(|remarks| remarks.get(list)).and_then(Value::as_array);
        texts.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

/// Reads an answer. Slack says almost everything with HTTP status 200 and `ok`; what is not JSON comes from something in
/// between (a proxy, a page of a load balancer), which says nothing about what Slack did.
fn read<T: DeserializeOwned>(reply: &Reply) -> Result<Answer<T>, Kind> {
    match reply.status {
        429 => return Err(Kind::Wait(reply.wait())),
        300..=399 => return Err(Kind::NotSent(format!("http status {}: api_url leads elsewhere", reply.status))),
        _ => {}
    }
    let odd = |what: &str| Kind::NoAnswer(format!("http status {}: {what}", reply.status));
    let body: Value = serde_json::from_slice(&reply.body).map_err(|_| odd("the answer is not json"))?;
    let envelope = Envelope::deserialize(&body).map_err(|_| odd("the answer is not one of slack's"))?;
    if let (false, Some(error)) = (envelope.ok, &envelope.error) {
        return Err(refusal(error, &envelope, reply));
    }
    if !envelope.ok || !(200..300).contains(&reply.status) {
        return Err(odd("the answer contradicts itself"));
    }
    let answer = T::deserialize(&body).map_err(|error| odd(&format!("the answer lacks something: {error}")))?;
    let mut warnings = envelope.remarks("warnings");
    warnings.extend(envelope.warning.iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned()));
    let scopes = reply.header("x-oauth-scopes").filter(|scopes| !scopes.trim().is_empty());
    let scopes = scopes.map(|scopes| scopes.split(',').map(|scope| scope.trim().to_owned()).collect());
    Ok(Answer { body: answer, warnings, scopes })
}

/// Whether an upload was answered with an error of the API instead of the usual `OK - 12`.
fn says_no(reply: &Reply) -> bool {
    serde_json::from_slice::<Envelope>(&reply.body).is_ok_and(|envelope| !envelope.ok)
}

fn refusal(error: &str, envelope: &Envelope, reply: &Reply) -> Kind {
    match errors::sort(error) {
        Some(Sort::Wait) => Kind::Wait(reply.wait()),
        // A server that breaks may name any error for it; what it did before is not known.
        _ if reply.status >= 500 => Kind::NoAnswer(format!("http status {}: {error}", reply.status)),
        _ => {
            Kind::Named(Named { error: error.to_owned(), needed: envelope.needed.clone(), messages: envelope.remarks("messages") })
        }
    }
}

impl From<Lost> for Kind {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NotSent(text) => Self::NotSent(text),
            Lost::NoAnswer(text) => Self::NoAnswer(text),
        }
    }
}

impl Trouble {
    /// Slack's name of the error, where it gave one.
    pub(super) fn error(&self) -> Option<&str> {
        match &self.kind {
            Kind::Named(named) => Some(&named.error),
            Kind::Wait(_) | Kind::NotSent(_) | Kind::NoAnswer(_) | Kind::Useless(_) => None,
        }
    }

    /// An answer to this method that said `ok`, but not what it has to say.
    pub(super) fn incomplete(method: Method, what: &str) -> Self {
        Self { method, kind: Kind::NoAnswer(what.to_owned()) }
    }

    /// An answer to this method, which only reads, that can never say what has to be known.
    pub(super) fn useless(method: Method, why: impl Into<String>) -> Self {
        Self { method, kind: Kind::Useless(why.into()) }
    }

    /// What a method that only looks cannot see for want of a right concerns what is looked for, and nothing else: other
    /// deliveries go on.
    pub(super) fn concerning_this_alone(self) -> Failure {
        let lacks_right = self.error().is_some_and(|error| CANNOT_LOOK.contains(&error));
        let failure = Failure::from(self);
        if lacks_right { Failure::Refused(failure.to_string()) } else { failure }
    }
}

impl From<Trouble> for Failure {
    fn from(Trouble { method, kind }: Trouble) -> Self {
        let unknown = |text: String| match method.effect() {
            Effect::Once => Self::Unknown(text),
            Effect::Repeatable => Self::Transient(text),
        };
        let named = match kind {
            Kind::Wait(pause) => return Self::Wait(pause),
            Kind::NotSent(text) => return Self::Transient(format!("{method}: {text}")),
            Kind::NoAnswer(text) => return unknown(format!("{method}: {text}")),
            Kind::Useless(text) => return Self::Refused(format!("{method}: {text}")),
            Kind::Named(named) => named,
        };
        let why = format!("slack answers {method} with {}", named.describe());
        match errors::sort(&named.error).unwrap_or(Sort::Refused) {
            Sort::Wait | Sort::Passing => Self::Transient(why),
            Sort::Unknown => unknown(why),
            Sort::StaleChannel => Self::StaleChannel(why),
            Sort::Refused => Self::Refused(why),
            Sort::ChannelClosed(advice) => Self::ChannelClosed { why, advice: advice.to_owned() },
            Sort::Stop(advice) => Self::Stop { why, advice: advice.to_owned() },
        }
    }
}

impl Named {
    /// The error with all that Slack says about it, in bounds.
    fn describe(&self) -> String {
        let needed = self.needed.iter().map(|scope| format!(" (needed: {scope})"));
        let messages = self.messages.iter().map(|message| format!("; {message}"));
        let text: String = std::iter::once(self.error.clone()).chain(needed).chain(messages).collect();
        text.chars().filter(|c| !c.is_control()).take(DETAIL_MAX_CHARS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(method: Method, status: u16, body: &str) -> Result<(), Failure> {
        let headers: &[_] = if status == 429 { &[("retry-after", "9")] } else { &[] };
        let reply = Reply::new(status, headers, body);
        read::<Value>(&reply).map(|_| ()).map_err(|kind| Trouble { method, kind }.into())
    }

    const POST: Method = Method::ChatPostMessage;
    const READ: Method = Method::ConversationsHistory;

    #[test]
    fn what_may_have_taken_effect_is_unknown_for_a_post_and_passes_for_a_read() {
        for (status, body) in [
            (502, "<html>Bad Gateway</html>"),
            (404, "<html>Not Found</html>"),
            (200, ""),
            (200, r#"{"ok":tr"#),
            (200, r#"{"posted":1}"#),
            (200, r#"{"ok":false}"#),
            (200, r#"{"ok":false,"error":"fatal_error"}"#),
            (503, r#"{"ok":false,"error":"service_unavailable"}"#),
            (500, r#"{"ok":false,"error":"is_archived"}"#),
            (500, r#"{"ok":true,"ts":"1.2"}"#),
        ] {
            assert!(matches!(outcome(POST, status, body), Err(Failure::Unknown(_))), "{status} {body}");
            assert!(matches!(outcome(READ, status, body), Err(Failure::Transient(_))), "{status} {body}");
        }
    }

    #[test]
    fn a_rate_limit_is_a_wait_in_all_its_forms() {
        assert_eq!(outcome(POST, 429, ""), Err(Failure::Wait(Duration::from_secs(9))));
        assert_eq!(outcome(READ, 429, r#"{"ok":false,"error":"ratelimited"}"#), Err(Failure::Wait(Duration::from_secs(9))));
        assert_eq!(outcome(POST, 200, r#"{"ok":false,"error":"rate_limited"}"#), Err(Failure::Wait(Duration::from_secs(30))));
    }

    #[test]
    fn errors_go_where_the_table_sends_them() {
        let post = |error: &str| outcome(POST, 200, &format!(r#"{{"ok":false,"error":"{error}"}}"#)).unwrap_err();
        assert!(matches!(post("not_in_channel"), Failure::StaleChannel(_)));
        assert!(matches!(post("is_archived"), Failure::ChannelClosed { .. }));
        assert!(matches!(post("token_revoked"), Failure::Stop { .. }));
        assert!(matches!(post("team_added_to_org"), Failure::Transient(_)));
        let Failure::Refused(text) = post("error_of_next_year") else { panic!("not refused") };
        assert!(text.contains("error_of_next_year"), "{text}");
    }

    #[test]
    fn a_refusal_says_what_slack_said() {
        let scope = r#"{"ok":false,"error":"missing_scope","needed":"files:write","provided":"chat:write"}"#;
        let Err(Failure::Stop { why, .. }) = outcome(POST, 200, scope) else { panic!("not a stop") };
        assert!(why.contains("files:write"), "{why}");
        let blocks =
            r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] [json-pointer:/blocks/0]"]}}"#;
        let Err(Failure::Refused(why)) = outcome(POST, 200, blocks) else { panic!("not refused") };
        assert!(why.contains("json-pointer:/blocks/0"), "{why}");
    }

    #[test]
    fn a_redirect_did_nothing() {
        assert!(matches!(outcome(POST, 302, "<html>"), Err(Failure::Transient(_))));
    }
}
