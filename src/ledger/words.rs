//! The changes in words, for those who read the trail.

use std::fmt;

use super::change::Change;
use super::record::CrossingId;
use super::state::Event;
use crate::mail::MessageKey;

/// Digits of a key that are enough for a reader.
const SHORT_DIGITS: usize = 12;

impl Change {
    /// The message that it is about, where it is about one.
    pub fn message(&self) -> Option<&MessageKey> {
        match self {
            Self::Admitted(candidate) => Some(&candidate.links.key),
            Self::Seen { message, .. } | Self::Rerouted { message, .. } => Some(message),
            Self::Expanded { crossing, .. }
            | Self::Happened { crossing, .. }
            | Self::Judged { crossing, .. }
            | Self::Released { crossing, .. }
            | Self::Retracted { crossing, .. }
            | Self::Kept { crossing, .. } => Some(&crossing.message),
            Self::Began { .. }
            | Self::Ended {}
            | Self::Unreadable { .. }
            | Self::Reached { .. }
            | Self::Scanned { .. }
            | Self::RoutedBy(_)
            | Self::Approved { .. }
            | Self::Restated { .. }
            | Self::Row { .. } => None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { command, version, user } => write!(f, "{user} began {command} (version {version})"),
            Self::Ended {} => f.write_str("the run ended"),
            Self::Admitted(candidate) => write!(f, "{} admitted from {}", short(&candidate.links.key), candidate.position),
            Self::Seen { position, message, .. } => write!(f, "{} seen again at {position}", short(message)),
            Self::Unreadable { position, reason, .. } => write!(f, "{position} cannot be read: {reason}"),
            Self::Reached { source, mailbox, .. } => write!(f, "{source}: {mailbox} was read further"),
            Self::Scanned { source, completeness } => write!(f, "the scan of {source} ended {completeness:?}"),
            Self::Rerouted { message, bound_for } => {
                let channels: Vec<_> = bound_for.iter().map(|bound| format!("#{} for {}", bound.channel, bound.partner)).collect();
                write!(f, "{} also goes to {}", short(message), channels.join(", "))
            }
            Self::RoutedBy(_) => f.write_str("all messages are routed by the partners of the configuration"),
            Self::Expanded { crossing, parts, .. } => write!(f, "{} has {} parts", Way(crossing), parts.len()),
            Self::Happened { crossing, part, event, .. } => write!(f, "{} {part} {event}", Way(crossing)),
            Self::Judged { crossing, event } => write!(f, "{} {event}", Way(crossing)),
            Self::Released { crossing, by } => write!(f, "{} released: {by}", Way(crossing)),
            Self::Approved { partner, approval } => write!(f, "{partner} approved by {}", approval.by),
            Self::Retracted { crossing, part, .. } => write!(f, "{} {part} deleted again", Way(crossing)),
            Self::Kept { crossing, part, why } => write!(f, "{} {part} kept: {why}", Way(crossing)),
            Self::Restated { why, rows } => write!(f, "the trail begins with {rows} rows of the ledger: {why}"),
            Self::Row { .. } => f.write_str("a row of the ledger"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attempted(_) => f.write_str("attempted"),
            Self::Delivered(receipt) => write!(f, "delivered as {}", receipt.id),
            Self::Absent => f.write_str("found absent"),
            Self::Rejected(reason) => write!(f, "rejected: {reason}"),
            Self::Held(reason) => write!(f, "held: {reason}"),
            Self::Dropped(reason) => write!(f, "dropped: {reason}"),
            Self::Released => f.write_str("released"),
        }
    }
}

/// One message on its way to one channel.
struct Way<'a>(&'a CrossingId);

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → #{}", short(&self.0.message), self.0.channel)
    }
}

fn short(key: &MessageKey) -> String {
    key.to_string().chars().take(SHORT_DIGITS).collect()
}
