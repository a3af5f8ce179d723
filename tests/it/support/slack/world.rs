//! The state of the other side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::faults::Faults;

/// A workspace, as Slack knows it, and what was asked of it.
#[derive(Debug)]
pub(crate) struct World {
    /// The only token that is let in.
    pub(crate) token: String,
    /// The scopes of the token.
    pub(crate) scopes: BTreeSet<String>,
    /// The channels by id.
    pub(crate) channels: BTreeMap<String, Channel>,
    /// The files by id.
    pub(crate) files: BTreeMap<String, File>,
    /// Every call that was acted upon, in order.
    pub(crate) calls: Vec<Call>,
    /// What goes wrong.
    pub(crate) faults: Faults,
    /// How often each of these methods may be called: earlier calls are refused with 429.
    pub(crate) rates: BTreeMap<&'static str, Duration>,
    /// The longest page of a listing or of history, whatever is asked for.
    pub(crate) page_max: usize,
    /// The longest text that is not cut; Slack's own figure is 40,000.
    pub(crate) text_max_chars: usize,
    /// How often `files.info` is asked before it shows where a file is shared.
    pub(crate) shares_show_after: u32,
    /// The least time between two posts in one channel; earlier ones are refused with 429.
    pub(crate) least_gap: Option<Duration>,
    /// From where the plan of the workspace hides history: the answers say that they are limited.
    pub(crate) is_limited: bool,
    pub(super) upload_base: String,
    pub(super) last_post: BTreeMap<String, Instant>,
    pub(super) last_call: BTreeMap<String, Instant>,
    last_ts: i64,
    last_id: u32,
}

/// A channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Channel {
    /// Its name.
    pub(crate) name: String,
    /// Whether only members see it.
    pub(crate) is_private: bool,
    /// Whether it is archived.
    pub(crate) is_archived: bool,
    /// Whether the bot is in it.
    pub(crate) is_member: bool,
    /// What it is for.
    pub(crate) purpose: String,
    /// The error with which every post is refused.
    pub(crate) refuses: Option<&'static str>,
    /// Everything in it, replies included, in order.
    pub(crate) messages: Vec<Message>,
}

/// A message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// Its id and time.
    pub(crate) ts: String,
    /// The `ts` of its root, where it is a reply.
    pub(crate) thread_ts: Option<String>,
    /// `text`, as it was sent.
    pub(crate) text: String,
    /// `blocks`.
    pub(crate) blocks: Value,
    /// `metadata`.
    pub(crate) metadata: Value,
    /// The titles of the files that it shares.
    pub(crate) files: Vec<String>,
    /// The ids of these files.
    pub(crate) file_ids: Vec<String>,
    /// The person who wrote it; `None`: our bot.
    pub(crate) user: Option<String>,
    /// Who reacted, by the name of the reaction.
    pub(crate) reactions: BTreeMap<String, BTreeSet<String>>,
    /// Whether it was deleted while its thread goes on: nothing but a stone stands in its place.
    pub(crate) is_tombstone: bool,
}

impl Message {
    /// The delivery key in its metadata; empty where there is none.
    pub(crate) fn key(&self) -> &str {
        self.metadata["event_payload"]["key"].as_str().unwrap_or_default()
    }
}

/// A file.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    /// Its name.
    pub(crate) name: String,
    /// How many bytes were announced.
    pub(crate) length: usize,
    /// The bytes, once they were uploaded.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Where it is shared: channel and `ts`.
    pub(crate) share: Option<(String, String)>,
    /// Whether it was deleted.
    pub(crate) is_deleted: bool,
    /// How often it was asked about since.
    pub(super) asked: u32,
}

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The method; `upload` for the bytes of a file.
    pub(crate) method: String,
    /// The arguments, in order.
    pub(crate) fields: Vec<(String, String)>,
}

impl Call {
    /// An argument.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

impl World {
    pub(super) fn new(upload_base: String) -> Self {
        let scopes = "chat:write channels:read groups:read channels:manage groups:write channels:join channels:history \
                      groups:history files:write files:read";
        Self {
            token: "xoxb-fake-1".to_owned(),
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            channels: BTreeMap::new(),
            files: BTreeMap::new(),
            calls: Vec::new(),
            faults: Faults::default(),
            rates: BTreeMap::new(),
            page_max: usize::MAX,
            text_max_chars: 40_000,
            shares_show_after: 0,
            least_gap: None,
            is_limited: false,
            upload_base,
            last_post: BTreeMap::new(),
            last_call: BTreeMap::new(),
            last_ts: 0,
            last_id: 0,
        }
    }

    /// Adds a channel; its id.
    pub(crate) fn add(&mut self, channel: Channel) -> String {
        let id = self.new_id('C');
        self.channels.insert(id.clone(), channel);
        id
    }

    /// The channel with this name.
    pub(crate) fn channel(&self, name: &str) -> &Channel {
        self.channels.values().find(|channel| channel.name == name).unwrap_or_else(|| panic!("there is no channel {name}"))
    }

    /// Somebody answers in a thread; the `ts` of the answer.
    pub(crate) fn answer(&mut self, channel: &str, root: &str, text: &str) -> String {
        let ts = self.new_ts();
        let user = Some("U0ANN".to_owned());
        let message =
            Message { ts: ts.clone(), thread_ts: Some(root.to_owned()), text: text.to_owned(), user, ..Message::default() };
        self.channels.get_mut(channel).unwrap().messages.push(message);
        ts
    }

    /// Somebody reacts to a message.
    pub(crate) fn react(&mut self, channel: &str, ts: &str, name: &str) {
        let messages = &mut self.channels.get_mut(channel).unwrap().messages;
        let message = messages.iter_mut().find(|message| message.ts == ts).unwrap();
        message.reactions.entry(name.to_owned()).or_default().insert("U0ANN".to_owned());
    }

    /// The keys of all posts that stand in a channel, in order; those of files are empty.
    pub(crate) fn keys(&self, name: &str) -> Vec<String> {
        self.channel(name).messages.iter().filter(|message| !message.is_tombstone).map(|message| message.key().to_owned()).collect()
    }

    /// The calls of a method.
    pub(crate) fn calls_of(&self, method: &str) -> Vec<&Call> {
        self.calls.iter().filter(|call| call.method == method).collect()
    }

    pub(super) fn new_id(&mut self, kind: char) -> String {
        self.last_id += 1;
        format!("{kind}{:09}", self.last_id)
    }

    /// A `ts` that no message has: the time, and never the same twice.
    pub(super) fn new_ts(&mut self) -> String {
        self.last_ts = chrono::Utc::now().timestamp_micros().max(self.last_ts + 1);
        format!("{}.{:06}", self.last_ts / 1_000_000, self.last_ts % 1_000_000)
    }
}

/// A `ts` as a number of microseconds; `None` where it is none.
pub(super) fn micros(ts: &str) -> Option<i64> {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, "0"));
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    Some(seconds.parse::<i64>().ok()? * 1_000_000 + digits.parse::<i64>().ok()?)
}
