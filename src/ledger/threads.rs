//! The ledger's memory of threads, for [`crate::mail::thread::place`].

use chrono::{DateTime, Utc};

use super::admit::message_in;
use super::keys::{self, table};
use super::live;
use super::record::{CrossingId, MessageRecord};
use super::store::{Overlay, Store, after, walk};
use super::{Ledger, LedgerError, decode, encode};
use crate::delivery::Receipt;
use crate::mail::id::Digest;
use crate::mail::thread::{Member, Memory};
use crate::mail::{MessageId, MessageKey, ThreadId};

/// The threads as one transaction sees them.
pub(super) struct Threads<'a, 'b>(pub(super) &'a mut Overlay<'b>);

/// Merges that are followed before the index is called broken: each merge makes one, and a chain is as long as the
/// thread has merges.
const MAX_ALIASES: usize = 10_000;

impl Threads<'_, '_> {
    /// Moves all rows under one prefix to another one.
    fn move_rows(&mut self, from: &[u8], to: &[u8]) -> Result<(), LedgerError> {
        for (key, value) in self.0.scan(from, &after(from), usize::MAX)?.rows {
            self.0.put([to, key.get(from.len()..).unwrap_or_default()].concat(), value);
            self.0.remove(key);
        }
        Ok(())
    }
}

impl Memory for Threads<'_, '_> {
    type Error = LedgerError;

    fn thread_of_id(&mut self, id: &MessageId) -> Result<Option<ThreadId>, LedgerError> {
        let Some(bytes) = self.0.get(&keys::thread_of_id(id))? else { return Ok(None) };
        Ok(Some(current(&thread_from(&bytes)?, |key| self.0.get(key))?))
    }

    fn thread_of_message(&mut self, key: &MessageKey) -> Result<Option<ThreadId>, LedgerError> {
        let Some(bytes) = self.0.get(&keys::message(key))? else { return Ok(None) };
        let record: MessageRecord = decode(&bytes)?;
        Ok(Some(current(&record.thread, |key| self.0.get(key))?))
    }

    fn put_id(&mut self, id: &MessageId, thread: ThreadId) -> Result<(), LedgerError> {
        self.0.put(keys::thread_of_id(id), thread.digest().as_bytes().to_vec());
        Ok(())
    }

    fn merge(&mut self, loser: ThreadId, winner: ThreadId) -> Result<(), LedgerError> {
        if loser == winner {
            return Ok(());
        }
        self.0.put(keys::thread_alias(&loser), winner.digest().as_bytes().to_vec());
        // A posted root stays where it is: the merged thread goes on under the winner's root, or under the loser's
        // where the winner has none in that channel.
        let (lost, won) = (keys::roots_of(&loser), keys::roots_of(&winner));
        for (key, receipt) in self.0.scan(&lost, &after(&lost), usize::MAX)?.rows {
            let channel = key.get(lost.len()..).unwrap_or_default();
            let moved = [won.as_slice(), channel].concat();
            if self.0.get(&moved)?.is_none() {
                self.0.put(moved, receipt);
            } else {
                // Two first posts stand: the next message of the thread in this channel links them.
                let id = decode::<Receipt>(&receipt)?.id;
                self.0.put([keys::severed_of(&winner).as_slice(), channel, id.as_bytes()].concat(), receipt);
            }
        }
        live::merge_newest(self.0, &loser, &winner)?;
        self.move_rows(&keys::arrived_of(loser.digest()), &keys::arrived_of(winner.digest()))?;
        self.move_rows(&keys::severed_of(&loser), &keys::severed_of(&winner))?;
        self.move_rows(&keys::messages_of(&loser), &keys::messages_of(&winner))
    }

    fn members(
        &mut self,
        bucket: &Digest,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Member>, LedgerError> {
        let (first, last) = (keys::members_from(bucket, from), after(&keys::members_from(bucket, to)));
        let page = self.0.scan(&first, &last, limit)?;
        page.rows.iter().take(limit).map(|(_, value)| decode(value)).collect()
    }

    fn put_member(&mut self, bucket: &Digest, member: &Member) -> Result<(), LedgerError> {
        self.0.put(keys::member(bucket, member.date, &member.key), encode(member)?);
        Ok(())
    }
}

impl Ledger {
    /// The messages of a thread, in order of date.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn messages_of(&self, thread: &ThreadId) -> Result<Vec<MessageKey>, LedgerError> {
        let mut messages = Vec::new();
        walk(self.store(), &keys::messages_of(thread), |key, _| {
            messages.extend(key.last_chunk::<32>().map(|digest| MessageKey::new(Digest::from_bytes(*digest))));
            Ok(())
        })?;
        Ok(messages)
    }

    /// How many first posts stand in a channel of threads that have turned out to go on in this one, and do not say so yet.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn severed(&self, thread: &ThreadId, id: &CrossingId) -> Result<u32, LedgerError> {
        let mut severed = 0;
        walk(self.store(), &keys::severed_in(thread, &id.destination, &id.channel), |_, _| {
            severed += 1;
            Ok(())
        })?;
        Ok(severed)
    }
}

/// Takes the next severed first post of a thread in a channel, which is going to be linked.
pub(super) fn take_severed(transaction: &mut Overlay<'_>, id: &CrossingId) -> Result<Option<Receipt>, LedgerError> {
    let thread = current_in_overlay(transaction, &message_in(transaction, &id.message)?.thread)?;
    let prefix = keys::severed_in(&thread, &id.destination, &id.channel);
    let Some((key, receipt)) = transaction.scan(&prefix, &after(&prefix), usize::MAX)?.rows.into_iter().next() else {
        return Ok(None);
    };
    transaction.remove(key);
    decode(&receipt).map(Some)
}

/// The thread that a thread has become, merges followed.
pub(super) fn current(
    thread: &ThreadId,
    get: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, LedgerError>,
) -> Result<ThreadId, LedgerError> {
    let mut thread = *thread;
    for _ in 0..MAX_ALIASES {
        match get(&keys::thread_alias(&thread))? {
            Some(bytes) => thread = thread_from(&bytes)?,
            None => return Ok(thread),
        }
    }
    Err(LedgerError::Damaged(format!("the merges of thread {thread} do not end")))
}

/// The same, straight from a store.
pub(super) fn current_in(store: &dyn Store, thread: &ThreadId) -> Result<ThreadId, LedgerError> {
    current(thread, |key| store.get(key))
}

/// The same, as a transaction sees it.
pub(super) fn current_in_overlay(transaction: &Overlay<'_>, thread: &ThreadId) -> Result<ThreadId, LedgerError> {
    current(thread, |key| transaction.get(key))
}

fn thread_from(bytes: &[u8]) -> Result<ThreadId, LedgerError> {
    let bytes = bytes.try_into().map_err(|_| {
        let table = String::from_utf8_lossy(table::THREAD_ALIAS);
        LedgerError::Damaged(format!("a thread id in table {table} has {} bytes", bytes.len()))
    })?;
    Ok(ThreadId::new(Digest::from_bytes(bytes)))
}
