//! The words that the ledger and the destinations share: what is on its way, and the proof that it arrived.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::mail::id::{Digest, MessageKey};
use crate::mail::turn::Lines;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// Wraps the text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a channel as the configuration gives it, without a `#`.
    ChannelName
}
name! {
    /// The name of a partner as the configuration gives it.
    PartnerName
}
name! {
    /// The name of a destination as the configuration gives it.
    DestinationName
}
name! {
    /// A destination's own id of a channel, such as Slack's `C0123456789`.
    ChannelId
}
name! {
    /// What a destination gave in preparation of a post, by which the post can be found again: Slack's file id for an
    /// upload, empty for a text.
    Handle
}

/// One part of a message in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The n-th piece of the text, from 0.
    Text(u32),
    /// A turn of the talk that stands nowhere but in these lines of the hidden text, a text of its own.
    Quote(Lines),
    /// The attachment with this index in [`crate::mail::Message::attachments`].
    File(u32),
    /// The hidden text, as a file.
    Hidden,
    /// The n-th pointer, from 0: under the first post of a thread that has turned out to go on in another one.
    Link(u32),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(n) => write!(f, "text/{n}"),
            Self::Quote(lines) => write!(f, "quote/{}+{}", lines.first, lines.count),
            Self::File(n) => write!(f, "file/{n}"),
            Self::Hidden => f.write_str("hidden"),
            Self::Link(n) => write!(f, "link/{n}"),
        }
    }
}

/// Digest of (message, destination, channel, part): the same in every run, sent along with the post, searchable over there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryKey(Digest);

impl DeliveryKey {
    /// The key of one part of one message in one channel of one destination.
    pub fn of(message: &MessageKey, destination: &DestinationName, channel: &ChannelName, part: Part) -> Self {
        Self(Digest::of_fields(&[
            b"delivery",
            message.digest().as_bytes(),
            destination.as_str().as_bytes(),
            channel.as_str().as_bytes(),
            part.to_string().as_bytes(),
        ]))
    }
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The destination's proof of a post: its own id, which is also what a reply names as its root (Slack's `ts`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Receipt {
    /// The destination's id of the post.
    pub id: String,
}

/// One attempt at a post, as the ledger recorded it before the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When the intent was recorded: no effect of the attempt is older than this (but for the clocks' difference).
    pub at: DateTime<Utc>,
    /// What the destination gave in preparation.
    pub handle: Handle,
    /// The first post of the thread under which it goes; `None` where it begins one. A thread may be found to be another's
    /// part while the outcome is unknown: the post is where it was sent, not where it would be sent now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Receipt>,
}

/// Whether a message comes to its channel in the order of its thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timeliness {
    /// It does.
    #[default]
    InTime,
    /// Newer messages of its thread were posted before it.
    Late,
}

impl Timeliness {
    /// Whether it does.
    pub fn is_in_time(&self) -> bool {
        *self == Self::InTime
    }
}

/// Why a message waits for a person, or was dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// The gate that said so, such as `approval`; or `destination`, `reading` where no gate was asked.
    pub gate: String,
    /// The sentence for people.
    pub text: String,
}

impl Reason {
    /// A reason of the named gate.
    pub fn new(gate: impl Into<String>, text: impl Into<String>) -> Self {
        Self { gate: gate.into(), text: text.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.gate, self.text)
    }
}

/// Who opened a partner's channel, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The person, as `--by` names them.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}
