//! A piece of text as Slack wants it: `text`, which notifications, screen readers and searches read, and `blocks`, which
//! the channel shows. Both say the same.
//!
//! The first piece shows who wrote to whom, when and about what; the others only say which piece they are. In `blocks`,
//! all words of others stand in `plain_text` and in rich text elements of type `text`, where Slack reads no markup.

use serde_json::{Value, json};

use super::heading;
use super::text::{escaped, literal};
use crate::destination::post::{Heading, Post};

/// The `event_type` of our posts.
const EVENT_TYPE: &str = "mailferry_message";
/// Slack cuts a longer `text`, with `"ok": true` and a warning.
pub(super) const TEXT_MAX_CHARS: usize = 40_000;
/// The longest text of one element.
const ELEMENT_MAX_CHARS: usize = 3_000;

/// The arguments of `chat.postMessage` that say something.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// `text`: escaped.
    pub text: String,
    /// `blocks`, as JSON.
    pub blocks: String,
    /// `metadata`, as JSON: what finds the post again.
    pub metadata: String,
}

impl Message {
    /// The message of a post that is the piece `number` (from 1) of so many.
    pub(super) fn new(post: &Post, text: &str, number: u32, of: u32) -> Self {
        let (lines, mut blocks) = match number {
            0 | 1 => first(&post.heading, of),
            _ => further(&post.heading, number, of),
        };
        let body = literal(text.trim_end());
        blocks.extend(rich_text(&body));
        let metadata = json!({"event_type": EVENT_TYPE, "event_payload": {"key": post.key.to_string()}});
        Self {
            text: escaped(format!("{}\n\n{body}", lines.join("\n")).trim_end()),
            blocks: Value::Array(blocks).to_string(),
            metadata: metadata.to_string(),
        }
    }
}

/// The delivery key that a message carries, where it is one of ours.
pub(super) fn key_of(message: &Value) -> Option<&str> {
    let metadata = message.get("metadata")?;
    let is_ours = metadata.get("event_type").and_then(Value::as_str) == Some(EVENT_TYPE);
    metadata.get("event_payload")?.get("key")?.as_str().filter(|_| is_ours)
}

/// The lines and the blocks above the first piece.
fn first(heading: &Heading, of: u32) -> (Vec<String>, Vec<Value>) {
    let (author, subject) = (heading::author(heading), heading::subject(heading));
    let mut small = heading::people(heading);
    small.push(heading::date(heading));
    small.extend(heading::remarks(heading));
    if of > 1 {
        small.push(format!("1/{of}"));
    }
    let bold = |text: &str| json!({"type": "text", "text": text, "style": {"bold": true}});
    let title = json!({"type": "rich_text_section", "elements": [bold(&subject)]});
    let context = std::iter::once(&author).chain(&small).map(|text| plain(text)).collect::<Vec<_>>();
    let blocks = vec![json!({"type": "context", "elements": context}), json!({"type": "rich_text", "elements": [title]})];
    let lines = std::iter::once(author).chain(small).chain([format!("Subject: {subject}")]).collect();
    (lines, blocks)
}

/// The line and the block above each further piece.
fn further(heading: &Heading, number: u32, of: u32) -> (Vec<String>, Vec<Value>) {
    let line = format!("{number}/{of} · {}", heading::author(heading));
    let block = json!({"type": "context", "elements": [plain(&line)]});
    (vec![line], vec![block])
}

/// Text without markup. Without `emoji`, `:smile:` stays what it is.
fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// A block of literal text; none where there is no text, as Slack refuses empty elements.
fn rich_text(text: &str) -> Option<Value> {
    let chars: Vec<char> = text.chars().collect();
    let elements: Vec<_> =
        chars.chunks(ELEMENT_MAX_CHARS).map(|piece| json!({"type": "text", "text": piece.iter().collect::<String>()})).collect();
    let section = json!({"type": "rich_text_section", "elements": elements});
    (!elements.is_empty()).then(|| json!({"type": "rich_text", "elements": [section]}))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::{ChannelName, DeliveryKey, DestinationName, Part, Timeliness};
    use crate::destination::post::{Content, DatedBy};
    use crate::mail::{Address, Correspondent, Digest, MessageKey};

    fn person(name: &str, address: &str) -> Correspondent {
        Correspondent { name: name.to_owned(), address: Address::normal(address) }
    }

    fn post(heading: Heading, text: &str, number: u32, of: u32) -> Post {
        let (destination, channel) = (DestinationName::new("slack"), ChannelName::new("acme"));
        let key = DeliveryKey::of(&MessageKey::new(Digest::of(b"m")), &destination, &channel, Part::Text(number));
        Post { key, part: Part::Text(number), heading, content: Content::Text { text: text.to_owned(), number, of } }
    }

    fn heading() -> Heading {
        Heading {
            author: Some(person("Ann Lee", "ann@acme.example")),
            via: None,
            remarks: Vec::new(),
            to: vec![person("Bob", "bob@ourco.example")],
            cc: vec![person("", "legal@ourco.example")],
            subject: "Contract <v2>".to_owned(),
            date: DateTime::parse_from_rfc3339("2021-03-01T09:05:00+01:00").unwrap(),
            dated_by: DatedBy::Sender,
            timeliness: Timeliness::InTime,
        }
    }

    fn message(text: &str, number: u32, of: u32) -> Message {
        Message::new(&post(heading(), text, number, of), text, number, of)
    }

    #[test]
    fn the_first_piece_carries_the_heading() {
        let message = message("Hello & welcome\n\n> quoted\n", 1, 1);
        insta::assert_snapshot!(message.text, @r"
        Ann Lee &lt;ann@acme.example&gt;
        To: Bob &lt;bob@ourco.example&gt;
        Cc: legal@ourco.example
        1 Mar 2021 09:05 +01:00 (08:05 UTC)
        Subject: Contract &lt;v2&gt;

        Hello &amp; welcome

        &gt; quoted
        ");
    }

    #[test]
    fn further_pieces_only_say_which_they_are() {
        let message = message("the rest", 2, 3);
        assert_eq!(message.text, "2/3 · Ann Lee &lt;ann@acme.example&gt;\n\nthe rest");
        assert!(!message.blocks.contains("Contract"));
    }

    #[test]
    fn the_first_of_several_pieces_is_numbered() {
        assert!(message("the beginning", 1, 3).text.contains("\n1/3\n"));
        assert!(!message("the whole", 1, 1).text.contains("1/1"));
    }

    #[test]
    fn an_empty_text_leaves_the_heading_alone() {
        let message = message(" \n", 1, 1);
        assert!(message.text.ends_with("Contract &lt;v2&gt;"));
        assert_eq!(serde_json::from_str::<Value>(&message.blocks).unwrap().as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_metadata_is_what_the_contract_says() {
        let metadata: Value = serde_json::from_str(&message("x", 1, 1).metadata).unwrap();
        let key = post(heading(), "x", 1, 1).key.to_string();
        assert_eq!(metadata, json!({"event_type": "mailferry_message", "event_payload": {"key": key}}));
    }

    #[test]
    fn a_post_is_known_by_type_and_key() {
        let message = |kind: &str, key: &str| json!({"ts": "1.2", "metadata": {"event_type": kind, "event_payload": {"key": key}}});
        assert_eq!(key_of(&message(EVENT_TYPE, "abc")), Some("abc"));
        assert_eq!(key_of(&message("other_app", "abc")), None);
        assert_eq!(key_of(&json!({"ts": "1.2", "metadata": {"event_type": EVENT_TYPE}})), None);
        assert_eq!(key_of(&json!({"ts": "1.2"})), None);
    }

    /// All `(type, text)` pairs of some blocks.
    fn texts(value: &Value) -> Vec<(String, String)> {
        match value {
            Value::Object(map) => {
                let own = match (map.get("type"), map.get("text")) {
                    (Some(Value::String(kind)), Some(Value::String(text))) => vec![(kind.clone(), text.clone())],
                    _ => Vec::new(),
                };
                own.into_iter().chain(map.values().flat_map(texts)).collect()
            }
            Value::Array(list) => list.iter().flat_map(texts).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_stays_within_slacks_limits_and_is_literal(
            name in "\\PC{0,300}",
            subject in "\\PC{0,600}",
            recipients in 0_usize..400,
            text in "(\\PC|\n){0,3500}",
            number in 1_u32..4,
        ) {
            let to = (0..recipients).map(|n| person(&name, &format!("{n}@{name}"))).collect();
            let remarks = vec![subject.clone(); 5];
            let via = Some(person(&name, &name));
            let heading = Heading { author: via.clone(), via, remarks, to, cc: Vec::new(), subject, ..heading() };
            let message = Message::new(&post(heading, &text, number, 3), &text, number, 3);
            let blocks: Value = serde_json::from_str(&message.blocks).unwrap();
            let shown = texts(&blocks);
            prop_assert!(shown.iter().all(|(kind, _)| kind == "plain_text" || kind == "text"));
            prop_assert!(shown.iter().all(|(_, text)| (1..=3000).contains(&text.chars().count())));
            let total: usize = shown.iter().map(|(_, text)| text.chars().count()).sum();
            prop_assert!(total < 13_200, "{total}");
            prop_assert!(message.text.chars().count() < TEXT_MAX_CHARS);
            prop_assert!(!message.text.contains(['<', '>']));
        }
    }
}
