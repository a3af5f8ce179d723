//! Live mail, and the order that it disturbs: what of it waits in a channel, how much of it arrived of one correspondent or
//! thread, and up to which date a thread was posted when an older message of it comes.
//!
//! What arrived is counted from rows of its own, so that the count is the same after a restart and never reads more than the
//! number that is asked for.

use chrono::{DateTime, Duration, Utc};

use super::admit::message_in;
use super::deliver::crossing_in;
use super::keys;
use super::record::{Crossing, CrossingId};
use super::store::{Overlay, after};
use super::threads::current_in_overlay;
use super::{Cursor, Ledger, LedgerError, decode, encode};
use crate::delivery::{ChannelName, DestinationName, Part};
use crate::mail::id::Digest;
use crate::mail::{Address, MessageKey, ThreadId};

/// Whose live mail is counted.
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// A correspondent's: the author.
    Correspondent(&'a Address),
    /// A thread's.
    Thread(&'a ThreadId),
}

impl Whose<'_> {
    fn digest(self) -> Digest {
        match self {
            Self::Correspondent(address) => Digest::of_fields(&[b"correspondent", address.folded().as_bytes()]),
            Self::Thread(thread) => *thread.digest(),
        }
    }
}

impl Ledger {
    /// How many live messages arrived on the way to a channel in the time that ends with one of them, that one included and
    /// those of the same second that come before it; at most `limit`.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn arrived(
        &self,
        whose: Whose<'_>,
        id: &CrossingId,
        (within, to): (Duration, DateTime<Utc>),
        limit: usize,
    ) -> Result<usize, LedgerError> {
        let whose = whose.digest();
        // Keys have whole seconds.
        let from = keys::arrived_from(&whose, id, to - within + Duration::seconds(1));
        let page = self.store().scan(&from, &after(&keys::arrived(&whose, id, to)), limit)?;
        Ok(page.rows.len().min(limit))
    }

    /// The next message that arrived live and waits in a channel, in order of arrival; the cursor moves past it.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn next_live(
        &self,
        destination: &DestinationName,
        channel: &ChannelName,
        cursor: &mut Cursor,
    ) -> Result<Option<MessageKey>, LedgerError> {
        let prefix = keys::live_of(destination, channel);
        let from = cursor.0.clone().unwrap_or_else(|| prefix.clone());
        let Some((key, _)) = self.store().scan(&from, &after(&prefix), 1)?.rows.into_iter().next() else { return Ok(None) };
        cursor.0 = Some(after(&key));
        Ok(message_of_key(&key))
    }

    /// The first message of a thread, by date, that waits in a channel's queue.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn first_waiting(
        &self,
        thread: &ThreadId,
        destination: &DestinationName,
        channel: &ChannelName,
    ) -> Result<Option<Crossing>, LedgerError> {
        const PAGE: usize = 64;
        let prefix = keys::messages_of(thread);
        let mut from = prefix.clone();
        loop {
            let rows = self.store().scan(&from, &after(&prefix), PAGE)?.rows;
            let Some((last, _)) = rows.last() else { return Ok(None) };
            from = after(last);
            for message in rows.iter().filter_map(|(key, _)| message_of_key(key)) {
                let id = CrossingId { message, destination: destination.clone(), channel: channel.clone() };
                let crossing = self.store().get(&keys::crossing(&id))?.map(|bytes| decode::<Crossing>(&bytes)).transpose()?;
                if let Some(crossing) = crossing.filter(Crossing::is_open) {
                    return Ok(Some(crossing));
                }
            }
        }
    }

    /// The date of the newest message of a thread that stands in a channel.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn newest(&self, thread: &ThreadId, id: &CrossingId) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let bytes = self.store().get(&keys::newest(thread, &id.destination, &id.channel))?;
        bytes.map(|bytes| decode(&bytes)).transpose()
    }
}

fn message_of_key(key: &[u8]) -> Option<MessageKey> {
    key.last_chunk::<32>().map(|digest| MessageKey::new(Digest::from_bytes(*digest)))
}

/// Counts a message that arrived live.
pub(super) fn counted(
    transaction: &mut Overlay<'_>,
    id: &CrossingId,
    (thread, author): (&ThreadId, Option<&Address>),
    arrived: DateTime<Utc>,
) {
    for whose in [Some(Whose::Thread(thread)), author.map(Whose::Correspondent)].into_iter().flatten() {
        transaction.put(keys::arrived(&whose.digest(), id, arrived), Vec::new());
    }
}

/// Notes that a message of a thread was posted.
pub(super) fn posted(
    transaction: &mut Overlay<'_>,
    thread: &ThreadId,
    id: &CrossingId,
    date: DateTime<Utc>,
) -> Result<(), LedgerError> {
    put_later(transaction, keys::newest(thread, &id.destination, &id.channel), date)
}

fn put_later(transaction: &mut Overlay<'_>, key: Vec<u8>, date: DateTime<Utc>) -> Result<(), LedgerError> {
    let before: Option<DateTime<Utc>> = transaction.get(&key)?.map(|bytes| decode(&bytes)).transpose()?;
    if before.is_none_or(|before| before < date) {
        transaction.put(key, encode(&date)?);
    }
    Ok(())
}

/// Two threads are one.
pub(super) fn merge_newest(transaction: &mut Overlay<'_>, loser: &ThreadId, winner: &ThreadId) -> Result<(), LedgerError> {
    let (lost, won) = (keys::newest_of(loser), keys::newest_of(winner));
    for (key, date) in transaction.scan(&lost, &after(&lost), usize::MAX)?.rows {
        put_later(transaction, [won.as_slice(), key.get(lost.len()..).unwrap_or_default()].concat(), decode(&date)?)?;
        transaction.remove(key);
    }
    Ok(())
}

/// The post of a message is gone: the newest one of its thread may be another.
pub(super) fn gone(transaction: &mut Overlay<'_>, crossing: &Crossing) -> Result<(), LedgerError> {
    let id = &crossing.id;
    let thread = current_in_overlay(transaction, &message_in(transaction, &id.message)?.thread)?;
    let key = keys::newest(&thread, &id.destination, &id.channel);
    let newest: Option<DateTime<Utc>> = transaction.get(&key)?.map(|bytes| decode(&bytes)).transpose()?;
    if newest != Some(crossing.date) {
        return Ok(());
    }
    transaction.remove(key);
    let prefix = keys::messages_of(&thread);
    for (member, _) in transaction.scan(&prefix, &after(&prefix), usize::MAX)?.rows {
        let Some(message) = message_of_key(&member) else { continue };
        let other = CrossingId { message, ..id.clone() };
        if transaction.get(&keys::crossing(&other))?.is_none() {
            continue;
        }
        let other = crossing_in(transaction, &other)?;
        if stands(&other) {
            posted(transaction, &thread, &other.id, other.date)?;
        }
    }
    Ok(())
}

fn stands(crossing: &Crossing) -> bool {
    crossing.deliveries.iter().any(|delivery| delivery.part == Part::Text(0) && delivery.stands())
}

/// Notes what an earlier format did not: that the message of a crossing was posted.
pub(super) fn restore_newest(transaction: &mut Overlay<'_>, crossing: &Crossing) -> Result<(), LedgerError> {
    if !stands(crossing) {
        return Ok(());
    }
    let thread = current_in_overlay(transaction, &message_in(transaction, &crossing.id.message)?.thread)?;
    posted(transaction, &thread, &crossing.id, crossing.date)
}
