//! The keys of the index. The first byte names the table; text fields end in a NUL, digests and dates have fixed lengths,
//! so that order and prefixes are what they seem.

use chrono::{DateTime, Utc};

use super::audit::BatchId;
use super::record::CrossingId;
use crate::delivery::{ChannelName, DestinationName, PartnerName};
use crate::mail::id::Digest;
use crate::mail::{MessageId, MessageKey, ObjectId, ThreadId};
use crate::position::{Position, SourceName};

/// The tables.
pub(super) mod table {
    pub(in crate::ledger) const FORMAT: &[u8] = b"F";
    pub(in crate::ledger) const ROUTING: &[u8] = b"D";
    pub(in crate::ledger) const MESSAGE: &[u8] = b"M";
    pub(in crate::ledger) const POSITION: &[u8] = b"P";
    pub(in crate::ledger) const CHECKPOINT: &[u8] = b"C";
    pub(in crate::ledger) const SOURCE: &[u8] = b"S";
    pub(in crate::ledger) const CROSSING: &[u8] = b"X";
    pub(in crate::ledger) const QUEUE: &[u8] = b"Q";
    pub(in crate::ledger) const APPROVAL: &[u8] = b"O";
    pub(in crate::ledger) const THREAD_OF_ID: &[u8] = b"I";
    pub(in crate::ledger) const THREAD_ALIAS: &[u8] = b"A";
    pub(in crate::ledger) const MEMBER: &[u8] = b"B";
    pub(in crate::ledger) const ROOT: &[u8] = b"R";
    pub(in crate::ledger) const BATCH: &[u8] = b"N";
    pub(in crate::ledger) const THREAD: &[u8] = b"T";
    /// First posts of threads that have turned out to go on in another one, and do not say so yet.
    pub(in crate::ledger) const SEVERED: &[u8] = b"L";
    /// What accounts call messages.
    pub(in crate::ledger) const OBJECT: &[u8] = b"G";
    /// What waits in a channel's queue and arrived live, in order of arrival.
    pub(in crate::ledger) const LIVE: &[u8] = b"U";
    /// What arrived live, by correspondent and by thread.
    pub(in crate::ledger) const ARRIVED: &[u8] = b"W";
    /// The date of the newest message of a thread that was posted in a channel.
    pub(in crate::ledger) const NEWEST: &[u8] = b"E";
    /// The last entry of the audit trail that the index shows.
    pub(in crate::ledger) const HEAD: &[u8] = b"H";
}

/// Bytes of a digest that are enough in a key that is looked up again in full.
const SHORT: usize = 16;

fn text(key: &mut Vec<u8>, field: &str) {
    // A NUL within a name would end the field early; names with one do not occur, and would only sort oddly.
    key.extend(field.bytes().map(|byte| byte.max(1)));
    key.push(0);
}

fn short(key: &mut Vec<u8>, digest: &Digest) {
    key.extend(digest.as_bytes().iter().take(SHORT));
}

/// A date whose bytes sort as it does.
pub(super) fn date(at: DateTime<Utc>) -> [u8; 8] {
    (at.timestamp().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

pub(super) fn message(key: &MessageKey) -> Vec<u8> {
    [table::MESSAGE, key.digest().as_bytes()].concat()
}

pub(super) fn object(object: &ObjectId) -> Vec<u8> {
    [table::OBJECT, object.digest().as_bytes()].concat()
}

pub(super) fn position(position: &Position) -> Vec<u8> {
    let mut key = positions_of(&position.source);
    text(&mut key, &position.mailbox);
    text(&mut key, &position.place);
    key
}

pub(super) fn positions_of(source: &SourceName) -> Vec<u8> {
    let mut key = table::POSITION.to_vec();
    text(&mut key, source.as_str());
    key
}

pub(super) fn checkpoint(source: &SourceName, mailbox: &str) -> Vec<u8> {
    let mut key = table::CHECKPOINT.to_vec();
    text(&mut key, source.as_str());
    text(&mut key, mailbox);
    key
}

pub(super) fn source(source: &SourceName) -> Vec<u8> {
    let mut key = table::SOURCE.to_vec();
    text(&mut key, source.as_str());
    key
}

pub(super) fn crossing(id: &CrossingId) -> Vec<u8> {
    let mut key = [table::CROSSING, id.message.digest().as_bytes()].concat();
    text(&mut key, id.destination.as_str());
    text(&mut key, id.channel.as_str());
    key
}

/// The prefix of one channel's queue.
pub(super) fn queue_of(destination: &DestinationName, channel: &ChannelName) -> Vec<u8> {
    let mut key = table::QUEUE.to_vec();
    text(&mut key, destination.as_str());
    text(&mut key, channel.as_str());
    key
}

pub(super) fn queue(id: &CrossingId, at: DateTime<Utc>) -> Vec<u8> {
    let mut key = queue_of(&id.destination, &id.channel);
    key.extend(date(at));
    key.extend(id.message.digest().as_bytes());
    key
}

/// The prefix of what waits in one channel and arrived live.
pub(super) fn live_of(destination: &DestinationName, channel: &ChannelName) -> Vec<u8> {
    let mut key = table::LIVE.to_vec();
    text(&mut key, destination.as_str());
    text(&mut key, channel.as_str());
    key
}

pub(super) fn live(id: &CrossingId, arrived: DateTime<Utc>) -> Vec<u8> {
    let mut key = live_of(&id.destination, &id.channel);
    key.extend(date(arrived));
    key.extend(id.message.digest().as_bytes());
    key
}

/// The prefix of what arrived live of one correspondent or thread, in all channels.
pub(super) fn arrived_of(whose: &Digest) -> Vec<u8> {
    let mut key = table::ARRIVED.to_vec();
    short(&mut key, whose);
    key
}

/// The same on the way to one channel, from a date on.
pub(super) fn arrived_from(whose: &Digest, id: &CrossingId, at: DateTime<Utc>) -> Vec<u8> {
    let mut key = arrived_of(whose);
    text(&mut key, id.destination.as_str());
    text(&mut key, id.channel.as_str());
    key.extend(date(at));
    key
}

pub(super) fn arrived(whose: &Digest, id: &CrossingId, at: DateTime<Utc>) -> Vec<u8> {
    let mut key = arrived_from(whose, id, at);
    short(&mut key, id.message.digest());
    key
}

/// The prefix of the newest dates of one thread, one for each channel.
pub(super) fn newest_of(thread: &ThreadId) -> Vec<u8> {
    [table::NEWEST, thread.digest().as_bytes()].concat()
}

pub(super) fn newest(thread: &ThreadId, destination: &DestinationName, channel: &ChannelName) -> Vec<u8> {
    let mut key = newest_of(thread);
    text(&mut key, destination.as_str());
    text(&mut key, channel.as_str());
    key
}

pub(super) fn approval(partner: &PartnerName) -> Vec<u8> {
    let mut key = table::APPROVAL.to_vec();
    text(&mut key, partner.as_str());
    key
}

pub(super) fn thread_of_id(id: &MessageId) -> Vec<u8> {
    let mut key = table::THREAD_OF_ID.to_vec();
    short(&mut key, &Digest::of(id.as_str().as_bytes()));
    key
}

pub(super) fn thread_alias(thread: &ThreadId) -> Vec<u8> {
    [table::THREAD_ALIAS, thread.digest().as_bytes()].concat()
}

/// The prefix of one bucket, from a date on.
pub(super) fn members_from(bucket: &Digest, at: DateTime<Utc>) -> Vec<u8> {
    let mut key = table::MEMBER.to_vec();
    short(&mut key, bucket);
    key.extend(date(at));
    key
}

pub(super) fn member(bucket: &Digest, at: DateTime<Utc>, message: &MessageKey) -> Vec<u8> {
    let mut key = members_from(bucket, at);
    short(&mut key, message.digest());
    key
}

/// The prefix of the severed roots of one thread: those of all channels.
pub(super) fn severed_of(thread: &ThreadId) -> Vec<u8> {
    [table::SEVERED, thread.digest().as_bytes()].concat()
}

/// The same in one channel.
pub(super) fn severed_in(thread: &ThreadId, destination: &DestinationName, channel: &ChannelName) -> Vec<u8> {
    let mut key = severed_of(thread);
    text(&mut key, destination.as_str());
    text(&mut key, channel.as_str());
    key
}

/// The prefix of one thread's messages, in order of date.
pub(super) fn messages_of(thread: &ThreadId) -> Vec<u8> {
    let mut key = table::THREAD.to_vec();
    short(&mut key, thread.digest());
    key
}

pub(super) fn message_of(thread: &ThreadId, at: DateTime<Utc>, message: &MessageKey) -> Vec<u8> {
    let mut key = messages_of(thread);
    key.extend(date(at));
    key.extend(message.digest().as_bytes());
    key
}

pub(super) fn batch(batch: BatchId) -> Vec<u8> {
    [table::BATCH, &batch.0.to_be_bytes()].concat()
}

/// The run that a key of the table names.
pub(super) fn batch_of(key: &[u8]) -> Option<BatchId> {
    key.get(1..)?.try_into().ok().map(|bytes| BatchId(u64::from_be_bytes(bytes)))
}

/// The prefix of one thread's roots, one for each channel.
pub(super) fn roots_of(thread: &ThreadId) -> Vec<u8> {
    [table::ROOT, thread.digest().as_bytes()].concat()
}

pub(super) fn root(thread: &ThreadId, destination: &DestinationName, channel: &ChannelName) -> Vec<u8> {
    let mut key = roots_of(thread);
    text(&mut key, destination.as_str());
    text(&mut key, channel.as_str());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_before_1970_sort_before_later_ones() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        assert!(date(at(-5)) < date(at(0)) && date(at(0)) < date(at(1_700_000_000)));
    }

    #[test]
    fn a_channel_is_no_prefix_of_another() {
        let (slack, a, b) = (DestinationName::new("slack"), ChannelName::new("ext-a"), ChannelName::new("ext-ab"));
        assert!(!queue_of(&slack, &b).starts_with(&queue_of(&slack, &a)));
    }
}
