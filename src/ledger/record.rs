//! The records of the ledger, as they are written: JSON, so that later versions can add to them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::LedgerError;
use super::audit::BatchId;
use super::state::Status;
use super::undo::Undo;
use crate::delivery::{Attempt, ChannelName, DeliveryKey, DestinationName, Part, PartnerName, Reason, Receipt, Timeliness};
use crate::mail::{Address, Digest, MessageId, MessageKey, ThreadId};
use crate::position::SourceName;

/// One message, once, whatever number of positions it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// Where the vault keeps its bytes; the form is the vault's own.
    pub vault: String,
    /// Its thread when it was admitted; merges are followed by [`super::Ledger::thread`].
    pub thread: ThreadId,
    /// The date that orders it: the sender's, or else what dates it best.
    pub date: DateTime<Utc>,
    /// When the server or the archive got it, which the bytes do not hold.
    pub internal_date: Option<DateTime<Utc>>,
    /// The source that showed it first.
    pub source: SourceName,
    /// Whether it was seen in a mailbox of what we sent.
    pub sent: bool,
    /// Its Message-ID.
    pub message_id: Option<MessageId>,
    /// The subject, cut to what a list shows.
    pub subject: String,
    /// Everyone in From, To and Cc, From first.
    pub audience: Vec<Address>,
    /// How it ends, unless its crossings say so.
    pub end: End,
    /// Its ways to channels.
    pub crossings: Vec<CrossingId>,
    /// The run that saw it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchId>,
    /// What was odd about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How a message ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Its crossings say how.
    Routed,
    /// Nobody but ourselves is on it.
    Internal,
    /// Outsiders are on it, but no partner.
    Unmapped,
    /// A person must look: nothing can be routed.
    Held(Reason),
}

/// One message on its way to one channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CrossingId {
    /// The message.
    pub message: MessageKey,
    /// The destination.
    pub destination: DestinationName,
    /// The channel.
    pub channel: ChannelName,
}

/// The way of one message to one channel: its deliveries, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossing {
    /// Which one.
    pub id: CrossingId,
    /// The partner whose channel it is.
    pub partner: PartnerName,
    /// The date that orders it in the channel.
    pub date: DateTime<Utc>,
    /// When it arrived, where it arrived live: it need not wait behind mail of the past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<DateTime<Utc>>,
    /// Whether newer messages of its thread stood in the channel when it was begun.
    #[serde(default, skip_serializing_if = "Timeliness::is_in_time")]
    pub timeliness: Timeliness,
    /// The parts, in the order in which they are posted. Only the first until the message was rendered.
    pub deliveries: Vec<Delivery>,
    /// Whether all parts are known.
    pub expansion: Expansion,
    /// The gates whose hold a person has lifted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<String>,
}

/// Whether a crossing knows all its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expansion {
    /// Only the first part is known.
    Pending,
    /// All parts are.
    Done,
}

/// One part of one message on its way to one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The part.
    pub part: Part,
    /// Its key, the same in every run.
    pub key: DeliveryKey,
    /// Where it stands.
    pub status: Status,
    /// The first post under which it goes, where that is not the one of its thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Receipt>,
    /// Its last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
    /// What became of its post, where its batch was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
}

/// The attempt by which a delivery was made, and the run that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The run.
    pub batch: Option<BatchId>,
    /// The attempt.
    pub attempt: Attempt,
}

impl Crossing {
    /// A crossing whose first part is planned.
    pub fn planned(id: CrossingId, partner: PartnerName, date: DateTime<Utc>) -> Self {
        let first = Delivery::planned(&id, Part::Text(0));
        Self {
            id,
            partner,
            date,
            arrived: None,
            timeliness: Timeliness::InTime,
            deliveries: vec![first],
            expansion: Expansion::Pending,
            released: Vec::new(),
        }
    }

    /// Why it waits for a person, where it does.
    pub fn waiting(&self) -> Option<&Reason> {
        self.deliveries.iter().find_map(|delivery| delivery.status.waiting())
    }

    /// Whether the engine still has something to do: a part is open, and no piece of the text waits for a person. A file
    /// that waits does not keep the other files back.
    pub fn is_open(&self) -> bool {
        let blocked = |delivery: &Delivery| matches!(delivery.part, Part::Text(_)) && delivery.status.waiting().is_some();
        !self.deliveries.iter().any(blocked) && self.deliveries.iter().any(|delivery| delivery.status.is_open())
    }
}

impl Delivery {
    /// A delivery that is to be posted.
    pub fn planned(crossing: &CrossingId, part: Part) -> Self {
        let key = DeliveryKey::of(&crossing.message, &crossing.destination, &crossing.channel, part);
        Self { part, key, status: Status::Planned, under: None, made: None, undo: None }
    }
}

/// How one position ended. There are more of these than of anything else, so they are written as a letter and the
/// bytes, not as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PositionRecord {
    /// It showed this message first.
    Admitted(MessageKey),
    /// It showed a message that was known.
    Duplicate(MessageKey),
    /// Its message cannot be read, for this reason.
    Unreadable(String),
}

impl PositionRecord {
    /// The record as bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Admitted(key) => [b"A", key.digest().as_bytes().as_slice()].concat(),
            Self::Duplicate(key) => [b"D", key.digest().as_bytes().as_slice()].concat(),
            Self::Unreadable(reason) => [b"U", reason.as_bytes()].concat(),
        }
    }

    /// Reads what [`PositionRecord::to_bytes`] wrote.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, LedgerError> {
        let damaged = || LedgerError::Damaged("a position cannot be read".into());
        let (letter, rest) = bytes.split_first().ok_or_else(damaged)?;
        let key = || rest.try_into().map(|digest| MessageKey::new(Digest::from_bytes(digest))).map_err(|_| damaged());
        match letter {
            b'A' => Ok(Self::Admitted(key()?)),
            b'D' => Ok(Self::Duplicate(key()?)),
            b'U' => Ok(Self::Unreadable(String::from_utf8_lossy(rest).into_owned())),
            _ => Err(damaged()),
        }
    }
}

/// How the last scan of a source ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// It was read to its end.
    Complete,
    /// It was not: a mailbox failed, or the run was stopped.
    Incomplete,
}
