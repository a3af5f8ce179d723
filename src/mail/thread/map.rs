//! Threads remembered in maps: for `inspect`, and for tests.

use std::collections::BTreeMap;
use std::convert::Infallible;

use chrono::{DateTime, Utc};

use super::{Member, Memory};
use crate::mail::id::{Digest, MessageId, MessageKey, ThreadId};

/// A memory that lasts as long as the program runs.
#[derive(Debug, Default)]
pub struct MapMemory {
    ids: BTreeMap<Digest, ThreadId>,
    messages: BTreeMap<MessageKey, ThreadId>,
    merged: BTreeMap<ThreadId, ThreadId>,
    buckets: BTreeMap<(Digest, DateTime<Utc>, MessageKey), Member>,
}

impl MapMemory {
    /// Remembers the thread that a message was placed in.
    pub fn remember(&mut self, key: MessageKey, thread: ThreadId) {
        self.messages.insert(key, thread);
    }

    /// The thread of a message as it is known now; `None` where the message was never remembered.
    pub fn thread_of(&self, key: &MessageKey) -> Option<ThreadId> {
        self.messages.get(key).map(|thread| self.current(*thread))
    }

    /// Follows the merges.
    fn current(&self, thread: ThreadId) -> ThreadId {
        let mut current = thread;
        while let Some(winner) = self.merged.get(&current) {
            current = *winner;
        }
        current
    }
}

impl Memory for MapMemory {
    type Error = Infallible;

    fn thread_of_id(&mut self, id: &MessageId) -> Result<Option<ThreadId>, Infallible> {
        Ok(self.ids.get(&Digest::of(id.as_str().as_bytes())).map(|thread| self.current(*thread)))
    }

    fn thread_of_message(&mut self, key: &MessageKey) -> Result<Option<ThreadId>, Infallible> {
        Ok(self.thread_of(key))
    }

    fn put_id(&mut self, id: &MessageId, thread: ThreadId) -> Result<(), Infallible> {
        self.ids.insert(Digest::of(id.as_str().as_bytes()), thread);
        Ok(())
    }

    fn merge(&mut self, loser: ThreadId, winner: ThreadId) -> Result<(), Infallible> {
        if loser != winner {
            self.merged.insert(loser, winner);
        }
        Ok(())
    }

    fn members(
        &mut self,
        bucket: &Digest,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Member>, Infallible> {
        let [least, most] = [[0; 32], [0xff; 32]].map(|bytes| MessageKey::new(Digest::from_bytes(bytes)));
        let range = self.buckets.range((*bucket, from, least)..=(*bucket, to, most));
        Ok(range.map(|(_, member)| member.clone()).take(limit).collect())
    }

    fn put_member(&mut self, bucket: &Digest, member: &Member) -> Result<(), Infallible> {
        self.buckets.insert((*bucket, member.date, member.key), member.clone());
        Ok(())
    }
}
