//! Whether an attempt took effect: a text is found by the key in its metadata, a file by its id.
//!
//! `None` is only said when everything was read that could hold the post. What cannot be read is a failure, and a scope
//! that is missing for it concerns this lookup alone ([`Failure::Refused`]): other deliveries go on.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::api::{Api, Trouble};
use super::channels::Cursor;
use super::files;
use super::message::EVENT_TYPE;
use super::method::Method;
use crate::delivery::{Attempt, ChannelId, DeliveryKey, Receipt};
use crate::destination::Failure;

/// How far Slack's clock may stand behind ours.
const CLOCKS_APART: Duration = Duration::from_secs(60);
/// Messages a page. What is looked for is as a rule among the last few; where Slack gives only 15 (apps that are
/// distributed but not on its marketplace), the pages are followed all the same.
const PAGE: &str = "200";
/// The most pages that are read.
const PAGES_MAX: usize = 5_000;

#[derive(Deserialize)]
struct Page {
    messages: Vec<Value>,
    #[serde(default)]
    has_more: bool,
    is_limited: Option<bool>,
    response_metadata: Option<Cursor>,
}

/// Finds a text by its key among what was posted since the attempt: in the channel, or in the thread of `root`.
pub(super) async fn text(
    api: &Api,
    channel: &ChannelId,
    root: Option<&Receipt>,
    key: &DeliveryKey,
    attempt: &Attempt,
) -> Result<Option<Receipt>, Failure> {
    let (oldest, key) = (timestamp(attempt.at - CLOCKS_APART), key.to_string());
    let method = if root.is_some() { Method::ConversationsReplies } else { Method::ConversationsHistory };
    let mut fields = vec![
        ("channel", channel.as_str()),
        ("oldest", oldest.as_str()),
        ("inclusive", "true"),
        ("include_all_metadata", "true"),
        ("limit", PAGE),
    ];
    fields.extend(root.map(|root| ("ts", root.id.as_str())));
    let mut cursors = BTreeSet::new();
    let mut cursor = String::new();
    while cursors.len() < PAGES_MAX {
        let mut fields = fields.clone();
        if !cursor.is_empty() {
            fields.push(("cursor", &cursor));
        }
        let page = api.call::<Page>(method, &fields).await.map_err(refused)?.body;
        if let Some(found) = page.messages.iter().find(|message| carries(message, &key)) {
            return receipt(method, found).map(Some);
        }
        match next_page(method, page)? {
            None => return Ok(None),
            Some(next) if cursors.insert(next.clone()) => cursor = next,
            Some(_) => return Err(cut(method, "the same page comes again")),
        }
    }
    Err(Failure::Refused(format!("{method}: more than {PAGES_MAX} pages since the attempt; look for the post by hand")))
}

/// Finds a file by its id.
pub(super) async fn file(api: &Api, channel: &ChannelId, attempt: &Attempt, settle: Duration) -> Result<Option<Receipt>, Failure> {
    match files::shared(api, channel, &attempt.handle, settle).await {
        Ok(receipt) => Ok(receipt),
        Err(trouble) if trouble.error() == Some("file_not_found") => Ok(None),
        Err(trouble) => Err(refused(trouble)),
    }
}

/// Where to go on; `None` at the end, which only a page that says so is.
fn next_page(method: Method, page: Page) -> Result<Option<String>, Failure> {
    let next = page.response_metadata.and_then(|next| next.next_cursor).filter(|cursor| !cursor.is_empty());
    match next {
        Some(cursor) => Ok(Some(cursor)),
        None if page.has_more => Err(cut(method, "there is more, but not where")),
        None if page.is_limited == Some(true) => {
            Err(Failure::Refused(format!("{method}: the plan of the workspace hides part of what was posted")))
        }
        None => Ok(None),
    }
}

fn carries(message: &Value, key: &str) -> bool {
    let metadata = message.get("metadata");
    let event_type = metadata.and_then(|metadata| metadata.get("event_type")).and_then(Value::as_str);
    let payload = metadata.and_then(|metadata| metadata.get("event_payload")?.get("key")).and_then(Value::as_str);
    event_type == Some(EVENT_TYPE) && payload == Some(key)
}

fn receipt(method: Method, message: &Value) -> Result<Receipt, Failure> {
    match message.get("ts").and_then(Value::as_str) {
        Some(ts) => Ok(Receipt { id: ts.to_owned() }),
        None => Err(cut(method, "the post is there without its ts")),
    }
}

fn cut(method: Method, what: &str) -> Failure {
    Trouble::incomplete(method, what).into()
}

fn refused(trouble: Trouble) -> Failure {
    let lacks_scope = trouble.error() == Some("missing_scope");
    let failure = Failure::from(trouble);
    if lacks_scope { Failure::Refused(failure.to_string()) } else { failure }
}

/// A time as Slack writes it: seconds and six digits, which no float holds exactly.
fn timestamp(at: DateTime<Utc>) -> String {
    format!("{}.{:06}", at.timestamp(), at.timestamp_subsec_micros())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_post_is_known_by_type_and_key() {
        let message = |kind: &str, key: &str| json!({"ts": "1.2", "metadata": {"event_type": kind, "event_payload": {"key": key}}});
        assert!(carries(&message(EVENT_TYPE, "abc"), "abc"));
        assert!(!carries(&message(EVENT_TYPE, "abd"), "abc"));
        assert!(!carries(&message("other_app", "abc"), "abc"));
        assert!(!carries(&json!({"ts": "1.2", "metadata": {"event_type": EVENT_TYPE}}), "abc"));
        assert!(!carries(&json!({"ts": "1.2"}), "abc"));
    }

    #[test]
    fn only_a_page_that_says_so_is_the_last() {
        let next = |page: Value| next_page(Method::ConversationsHistory, Page::deserialize(&page).unwrap());
        assert_eq!(next(json!({"messages": []})), Ok(None));
        assert_eq!(next(json!({"messages": [], "has_more": false, "response_metadata": {"next_cursor": ""}})), Ok(None));
        let more = json!({"messages": [], "has_more": true, "response_metadata": {"next_cursor": "c"}});
        assert_eq!(next(more), Ok(Some("c".to_owned())));
        assert!(matches!(next(json!({"messages": [], "has_more": true})), Err(Failure::Transient(_))));
        assert!(matches!(next(json!({"messages": [], "is_limited": true})), Err(Failure::Refused(_))));
    }

    #[test]
    fn times_have_six_digits() {
        let at = DateTime::from_timestamp(1_614_586_000, 42_000).unwrap();
        assert_eq!(timestamp(at), "1614586000.000042");
    }
}
