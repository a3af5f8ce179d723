//! How far a mailbox was read, across connections and tries.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tokio::sync::OwnedSemaphorePermit;

use super::allowance::Purpose;
use super::cursor::Cursor;

/// How often a message is asked for alone before it is sent as unreadable. Yahoo refuses some messages one time in three.
pub(super) const TRIES_ALONE: u32 = 3;

/// Messages in a row that may be given up. More of them are no bad messages: the server gives none to this account now.
const GIVEN_UP_IN_A_ROW: u32 = 20;

/// UIDs that are remembered as sent lately before those that are not listed again are forgotten.
const MAX_LATELY: usize = 4096;

/// How far a mailbox was read. It outlives the connection: where one breaks, the next goes on.
#[derive(Debug, Default)]
pub(super) struct Progress {
    cursor: Cursor,
    /// The lowest UID that may still have to be sent; 0 before the mailbox was opened.
    next: u32,
    /// What the progress bar was told.
    pub(super) expected: Expectation,
    /// Sizes are not asked for up to here: a connection broke over that.
    pub(super) without_outlines_to: u32,
    /// Messages are asked for alone up to here: a connection broke within a batch.
    pub(super) alone_to: u32,
    /// The beginning of a large message.
    pub(super) partial: Option<Partial>,
    /// How many messages were listed, where the mailbox is listed from its beginning.
    pub(super) listed: Option<u64>,
    /// What was read without being listed.
    pub(super) unlisted: BTreeSet<u32>,
    /// What the messages are read for, until the mailbox was read to its end.
    pub(super) purpose: Purpose,
    /// What is read now.
    pub(super) order: Order,
    /// How much of the mailbox is listed.
    pub(super) depth: Depth,
    /// Messages that earlier readings had passed by.
    pub(super) missed: u64,
    /// Whether the date of the last message of earlier runs was asked for.
    pub(super) compared: Compared,
    /// What was sent lately, of the generation of the cursor: the ledger may not have it yet.
    lately: BTreeSet<u32>,
    /// Where the last reading of this process ended.
    ended: Option<Cursor>,
    suspect: Suspect,
    given_up_in_a_row: u32,
}

/// Whether the last message of earlier runs was compared with the one that has its UID now. Once: if the connection broke
/// over that, it is done without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Compared {
    /// Not yet.
    #[default]
    No,
    /// It was, or cannot be.
    Yes,
}

/// In which order messages are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// By their UIDs, as SEARCH names them.
    #[default]
    Listed,
    /// Those that SEARCH does not name, after all others.
    Hidden,
}

/// How much of a mailbox is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Depth {
    /// What is new, and the last messages before it.
    #[default]
    New,
    /// All of it, and each message that is not known is read: whatever earlier readings missed.
    Whole,
}

/// Whether the progress bar was told what to expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Expectation {
    /// Not yet.
    #[default]
    Unsaid,
    /// It was.
    Said,
}

/// The beginning of a large message.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) uid: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) internal_date: Option<DateTime<Utc>>,
    /// The turn to hold a large message in memory.
    pub(super) _turn: OwnedSemaphorePermit,
}

/// A message that could not be had, and how often.
#[derive(Clone, Copy, Debug, Default)]
struct Suspect {
    uid: u32,
    tries: u32,
}

impl Progress {
    /// The cursor.
    pub(super) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The lowest UID that may still have to be sent.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Whether it counts UIDs of this UIDVALIDITY.
    pub(super) fn belongs_to(&self, uid_validity: u32) -> bool {
        self.next > 0 && self.cursor.uid_validity() == uid_validity
    }

    /// Something that changes with each step forward.
    pub(super) fn mark(&self) -> (u32, usize) {
        (self.next, self.partial.as_ref().map_or(0, |partial| partial.bytes.len()))
    }

    /// Begins at a cursor.
    pub(super) fn begin(&mut self, cursor: Cursor) {
        let next = if self.depth == Depth::Whole { 1 } else { cursor.first_wanted() };
        let listed = (next == 1).then_some(0);
        let is_continued = self.ended.is_some_and(|ended| ended.is_of_one_generation(&cursor));
        let lately = if is_continued { std::mem::take(&mut self.lately) } else { BTreeSet::new() };
        let (expected, compared, depth) = (self.expected, self.compared, self.depth);
        *self = Self { cursor, next, listed, lately, expected, compared, depth, ..Self::default() };
    }

    /// The mailbox was read to its end: how to read on later in the same process. It will be looked at as by another run,
    /// but for what was sent and may still be on its way to the ledger.
    pub(super) fn again(self) -> Self {
        let ended = Some(self.cursor);
        Self { ended, lately: self.lately, expected: Expectation::Said, compared: self.compared, ..Self::default() }
    }

    /// Where the last reading of this process ended, if the UIDs still mean the same.
    pub(super) fn ended(&self, uid_validity: u32) -> Option<Cursor> {
        self.ended.filter(|ended| ended.uid_validity() == uid_validity)
    }

    /// A new connection: whether the last UID names its message still has to be asked again.
    pub(super) fn compare_again(&mut self) {
        self.compared = Compared::No;
    }

    /// The last that is settled, over all readings of this process.
    pub(super) fn latest(&self) -> Cursor {
        self.ended.unwrap_or(self.cursor)
    }

    /// Whether this UID was sent lately.
    pub(super) fn was_sent_lately(&self, uid: u32) -> bool {
        self.lately.contains(&uid)
    }

    /// A message is sent. One that stands below where a reading begins should have been sent before.
    pub(super) fn count_missed(&mut self, uid: u32) {
        self.missed += u64::from(uid < self.cursor.first_wanted());
    }

    /// Everything up to `uid` was sent, is known from earlier runs or is gone.
    pub(super) fn pass(&mut self, uid: u32) {
        self.next = self.next.max(uid.saturating_add(1));
        self.cursor.pass(uid);
        self.lately.insert(uid);
        if self.lately.len() > MAX_LATELY {
            self.lately = self.lately.split_off(&self.cursor.first_wanted());
        }
        self.partial = None;
    }

    /// A message came, at this date: it tells later whether its UID names it still.
    pub(super) fn date(&mut self, uid: u32, internal_date: Option<DateTime<Utc>>) {
        self.cursor.date(uid, internal_date);
    }

    /// Counts what of a slice that was listed is done, and remembers what was read along with it; the rest will be listed
    /// again.
    pub(super) fn count_listed(&mut self, slice: &[u32], unlisted: Vec<u32>) {
        let next = self.next;
        let done = slice.iter().filter(|uid| **uid < next).count() as u64;
        self.listed = self.listed.map(|listed| listed + done);
        self.unlisted.extend(unlisted.into_iter().filter(|uid| *uid < next));
    }

    /// Counts one more failure at a message and says whether it was the last that is tried.
    pub(super) fn is_given_up(&mut self, uid: u32) -> bool {
        self.suspect = Suspect { uid, tries: self.tries(uid) + 1 };
        self.suspect.tries >= TRIES_ALONE
    }

    /// A message came: the server does give messages.
    pub(super) fn arrived(&mut self) {
        self.given_up_in_a_row = 0;
    }

    /// Counts a message that is given up, and says whether it is one too many in a row.
    pub(super) fn gives_nothing(&mut self) -> bool {
        self.given_up_in_a_row += 1;
        self.given_up_in_a_row > GIVEN_UP_IN_A_ROW
    }

    /// More of a message came than ever before: the failures at it count anew.
    pub(super) fn clear(&mut self, uid: u32) {
        if self.suspect.uid == uid {
            self.suspect.tries = 0;
        }
    }

    /// How often a message could not be had.
    pub(super) fn tries(&self, uid: u32) -> u32 {
        if self.suspect.uid == uid { self.suspect.tries } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_given_up_after_so_many_failures_in_a_row() {
        let mut progress = Progress::default();
        assert!(!progress.is_given_up(5));
        assert!(!progress.is_given_up(5));
        progress.clear(5);
        assert!((1..TRIES_ALONE).all(|_| !progress.is_given_up(5)));
        assert!(progress.is_given_up(5));
        assert!(!progress.is_given_up(6), "the next message counts for itself");
    }

    #[test]
    fn a_server_that_gives_no_message_at_all_is_told_from_bad_messages() {
        let mut progress = Progress::default();
        assert!((0..GIVEN_UP_IN_A_ROW).all(|_| !progress.gives_nothing()));
        progress.arrived();
        assert!((0..GIVEN_UP_IN_A_ROW).all(|_| !progress.gives_nothing()));
        assert!(progress.gives_nothing());
    }

    #[test]
    fn a_new_generation_begins_at_the_start() {
        let mut progress = Progress::default();
        assert!(!progress.belongs_to(0), "nothing was opened yet");
        progress.begin(Cursor::resume(None, 7));
        progress.pass(1000);
        assert!(progress.belongs_to(7) && !progress.belongs_to(8));
        assert_eq!(progress.next(), 1001);
        progress.begin(Cursor::resume(None, 8));
        assert_eq!(progress.next(), 1);
    }
}
