//! Which messages belong to one conversation.
//!
//! A thread is a connected component of Message-ID, References and In-Reply-To, messages that we never saw included
//! (as notmuch does it). A message that names no parent at all may join by a *hint*: Outlook's conversation, or, last
//! of all, the subject: only a reply, only within a window of time, only where people are common to both.
//!
//! The partition does not depend on the order of arrival. What is remembered is behind [`Memory`]: a map for `inspect`,
//! the ledger for the rest.

mod hint;
mod map;
mod reuse;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::Message;
use super::id::{Digest, MessageId, MessageKey, ThreadId};

pub use self::map::MapMemory;
pub use self::reuse::{Example, Reuse, Reuses, Turn, begins_anew};

/// What one message says about its place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

/// The version of how threads are named; a thread of another version has another id.
const VERSION: &[u8] = b"mailferry thread 1";

/// Providers that put ids of their own into References, one for everything: mu found them too.
const FAKE_DOMAINS: [&str; 1] = ["@protonmail.internalid"];

/// The members of one bucket that are looked at. A subject that so many messages share within a window says nothing, and
/// joins nobody any more.
const MOST_MEMBERS: usize = 256;

/// What a message says about its place in a conversation. Reused threads are joined.
pub fn links(message: &Message) -> Links {
    links_under(message, Reuse::Joined)
}

/// The same, where the settings say what becomes of reused threads. A ledger has to see all its messages under one setting:
/// those that were placed under another are not found.
pub fn links_under(message: &Message, reuse: Reuse) -> Links {
    let ids = match reuse {
        Reuse::Split => reuse::faces(message),
        Reuse::Joined => {
            let mut seen = BTreeSet::new();
            message.message_id.iter().chain(parents(message)).filter(|id| seen.insert(*id)).cloned().collect()
        }
    };
    let is_answer = parents(message).next().is_some();
    let hints = hint::hints(message, if is_answer { hint::Parents::Named } else { hint::Parents::None });
    Links { key: message.key, ids, hints }
}

/// The ids among References and In-Reply-To that name messages, oldest first.
pub fn parents(message: &Message) -> impl Iterator<Item = &MessageId> {
    message.references.iter().chain(&message.in_reply_to).filter(|id| names_a_message(id, message))
}

/// Whether an id among the parents names a message. Some programs write the author's address there ("Your message of
/// Monday, <ann@acme.example>"), which would make one thread of all that she ever wrote.
fn names_a_message(id: &MessageId, message: &Message) -> bool {
    let is_fake = FAKE_DOMAINS.iter().any(|domain| id.as_str().ends_with(domain));
    let everyone = || message.audience().chain(&message.sender).chain(&message.reply_to).chain(&message.bcc).chain(&message.behind);
    let is_person = || everyone().any(|person| person.address.as_str().eq_ignore_ascii_case(id.as_str()));
    !is_fake && !is_person()
}

/// Finds the thread of a message that was not seen before, merging the threads that it shows to be one. The caller
/// remembers the message's own thread.
///
/// # Errors
/// Whatever the memory cannot do.
pub fn place<M: Memory>(links: &Links, memory: &mut M) -> Result<ThreadId, M::Error> {
    let mut threads = BTreeSet::new();
    let mut places = Vec::with_capacity(links.ids.len());
    for id in &links.ids {
        let thread = memory.thread_of_id(id)?;
        threads.extend(thread);
        places.push((id, thread));
    }
    for hint in &links.hints {
        threads.extend(threads_of_kin(hint, memory)?);
    }
    // The smallest id wins: which one it is does not depend on the order in which they were found.
    let winner = threads.first().copied().unwrap_or_else(|| new_thread(links));
    for loser in threads.into_iter().filter(|thread| *thread != winner) {
        memory.merge(loser, winner)?;
    }
    for (id, _) in places.into_iter().filter(|(_, thread)| thread.is_none()) {
        memory.put_id(id, winner)?;
    }
    for hint in &links.hints {
        memory.put_member(&hint.bucket, &hint.member)?;
    }
    Ok(winner)
}

/// The threads of those in a bucket that belong together with the member.
fn threads_of_kin<M: Memory>(hint: &Hint, memory: &mut M) -> Result<Vec<ThreadId>, M::Error> {
    let window = chrono::Duration::days(i64::from(hint.window_days));
    let date = hint.member.date;
    let (from, to) = (date.checked_sub_signed(window).unwrap_or(date), date.checked_add_signed(window).unwrap_or(date));
    let members = memory.members(&hint.bucket, from, to, MOST_MEMBERS)?;
    if members.len() >= MOST_MEMBERS {
        return Ok(Vec::new());
    }
    let mut threads = Vec::new();
    for member in members {
        if hint::belong_together(&hint.member, &member) {
            threads.extend(memory.thread_of_message(&member.key)?);
        }
    }
    Ok(threads)
}

/// The id of a thread that nobody saw before: by the oldest id that the message names, so that a run over the same mail
/// in another order most often gives the same. No two threads get one id, since that id is known from now on.
fn new_thread(links: &Links) -> ThreadId {
    let digest = match links.ids.get(1).or(links.ids.first()) {
        Some(id) => Digest::of_fields(&[VERSION, b"id", id.as_str().as_bytes()]),
        None => Digest::of_fields(&[VERSION, b"message", links.key.digest().as_bytes()]),
    };
    ThreadId::new(digest)
}
