//! How far a mailbox was read, and what is asked for next. No input, no output.
//!
//! A UID names one message for ever, as long as UIDVALIDITY stays. A server that was restored from a backup may break this
//! promise: it gives UIDs again that it gave before, to other messages. It shows by a UIDNEXT that has fallen, or, once it
//! has caught up, by the last message having another date than it had; then the mailbox is read anew, at new places.
//! Messages that were sent before are known again by their identity. What cannot be seen is a server that has caught up
//! and whose message under the last UID was expunged since.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::position::Checkpoint;

/// UIDs below the checkpoint that are listed again each time. Servers have shown a message only after a later one, so
/// that a bare cursor missed it (nextcloud/mail #13590).
const LISTED_AGAIN: u32 = 256;

/// UIDs in the first question. A `SEARCH` answer is parsed in quadratic time: 10,000 take 3 ms, 200,000 take 2 s.
const WINDOW: u32 = 10_000;

/// Answers to a window below which the next is four times as wide, so that gaps (Yahoo: 420,000) cost few questions.
const SPARSE: usize = 2_500;

/// What zones of time differ by.
const QUARTER_SECONDS: u64 = 15 * 60;

/// What they differ by at most, from UTC-12 to UTC+14.
const MOST_ZONES_APART_SECONDS: u64 = 26 * 60 * 60;

/// Which numbering the UIDs of a mailbox belong to: within one generation a UID names one message for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Generation {
    uid_validity: u32,
    /// How often the server began to count anew without saying so (GMX: UIDNEXT falls, UIDVALIDITY stays).
    #[serde(default, skip_serializing_if = "is_zero")]
    rewinds: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rewinds {
            0 => write!(f, "{}", self.uid_validity),
            rewinds => write!(f, "{}.{rewinds}", self.uid_validity),
        }
    }
}

/// How far a mailbox was read: what a checkpoint holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    #[serde(flatten)]
    generation: Generation,
    /// The highest UID that was sent.
    uid: u32,
    /// INTERNALDATE of that message in seconds since 1970, where it is known: whether the UID names it still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    internal_date: Option<i64>,
}

impl Cursor {
    /// Where to begin: at the checkpoint if it belongs to the same UIDVALIDITY, else at the start.
    pub(super) fn resume(checkpoint: Option<&Checkpoint>, uid_validity: u32) -> Self {
        let stored = checkpoint.and_then(|checkpoint| serde_json::from_str::<Self>(&checkpoint.0).ok());
        let fresh = Self { generation: Generation { uid_validity, rewinds: 0 }, ..Self::default() };
        stored.filter(|cursor| cursor.generation.uid_validity == uid_validity).unwrap_or(fresh)
    }

    /// The start of the mailbox, as the server began to count anew under the same UIDVALIDITY.
    pub(super) fn rewound(self) -> Self {
        let generation = Generation { rewinds: self.generation.rewinds.saturating_add(1), ..self.generation };
        Self { generation, ..Self::default() }
    }

    /// The UIDVALIDITY that it belongs to.
    pub(super) fn uid_validity(&self) -> u32 {
        self.generation.uid_validity
    }

    /// Whether two cursors count the same UIDs.
    pub(super) fn is_of_one_generation(&self, other: &Self) -> bool {
        self.generation == other.generation
    }

    /// The highest UID that was sent; 0 for none.
    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// The lowest UID that is asked for.
    pub(super) fn first_wanted(&self) -> u32 {
        self.uid.saturating_sub(LISTED_AGAIN).saturating_add(1)
    }

    /// Everything up to `uid` was sent.
    pub(super) fn pass(&mut self, uid: u32) {
        if uid > self.uid {
            (self.uid, self.internal_date) = (uid, None);
        }
    }

    /// Remembers when the last message came.
    pub(super) fn date(&mut self, uid: u32, internal_date: Option<DateTime<Utc>>) {
        if uid == self.uid {
            self.internal_date = internal_date.map(|date| date.timestamp());
        }
    }

    /// Whether it is remembered when the last message came.
    pub(super) fn is_dated(&self) -> bool {
        self.internal_date.is_some()
    }

    /// Whether a message that came at `internal_date` is not the last one that was sent, though it has its UID. Servers
    /// that keep no time zone tell another one after a move or in summer: whole quarters of an hour make no difference.
    pub(super) fn is_contradicted(&self, internal_date: DateTime<Utc>) -> bool {
        self.internal_date.is_some_and(|then| {
            let apart = internal_date.timestamp().abs_diff(then);
            apart % QUARTER_SECONDS != 0 || apart > MOST_ZONES_APART_SECONDS
        })
    }

    /// The place of a message; places sort as their UIDs do.
    pub(super) fn place(&self, uid: u32) -> String {
        format!("{}/{uid:010}", self.generation)
    }

    /// The checkpoint that stands for it.
    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        serde_json::to_string(self).ok().map(Checkpoint)
    }
}

/// A range of UIDs that is asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The lowest UID.
    pub(super) first: u32,
    /// The highest UID; `None` for `*`, whatever that is.
    pub(super) last: Option<u32>,
}

impl Window {
    /// Whether a UID was asked for: `n:*` also names the last message where that is below `n` (RFC 3501 6.4.8).
    pub(super) fn contains(&self, uid: u32) -> bool {
        self.first <= uid && self.last.is_none_or(|last| uid <= last)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) => write!(f, "{}:{last}", self.first),
            None => write!(f, "{}:*", self.first),
        }
    }
}

/// The windows over a mailbox: closed ones up to where UIDNEXT says that it ends, then an open one, as UIDNEXT is not to
/// be believed: absent on Courier and Winmail, rewound on GMX, far ahead on Yahoo and Gmail.
#[derive(Debug)]
pub(super) struct Windows {
    next: Option<u32>,
    uid_next: Option<u32>,
    width: u32,
}

impl Windows {
    /// The windows from `first` on.
    pub(super) fn new(first: u32, uid_next: Option<u32>) -> Self {
        Self { next: Some(first), uid_next, width: WINDOW }
    }

    /// The next window, given how many messages the last one held; `None` after the open one.
    pub(super) fn next(&mut self, found: usize) -> Option<Window> {
        self.width = if found < SPARSE { self.width.saturating_mul(4) } else { WINDOW };
        let first = self.next?;
        let last = first.checked_add(self.width - 1).filter(|last| self.uid_next.is_some_and(|uid_next| *last < uid_next));
        self.next = last.and_then(|last| last.checked_add(1));
        Some(Window { first, last })
    }
}

/// UIDs as a set for a command, ranges joined: `1:3,7`.
pub(super) fn uid_set(uids: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*uid) => *last = *uid,
            _ => ranges.push((*uid, *uid)),
        }
    }
    let written = ranges.iter().map(|(first, last)| if first == last { first.to_string() } else { format!("{first}:{last}") });
    written.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut windows: Windows) -> Vec<String> {
        std::iter::from_fn(|| windows.next(SPARSE)).map(|window| window.to_string()).collect()
    }

    #[test]
    fn a_checkpoint_goes_on_in_its_own_generation_only() {
        let mut cursor = Cursor::resume(None, 7);
        cursor.pass(42);
        let checkpoint = cursor.checkpoint().unwrap();
        assert_eq!(checkpoint.0, r#"{"uid_validity":7,"uid":42}"#);
        assert_eq!(Cursor::resume(Some(&checkpoint), 7).uid(), 42);
        assert_eq!(Cursor::resume(Some(&checkpoint), 8).uid(), 0);
        assert_eq!(Cursor::resume(Some(&Checkpoint("rubbish".into())), 7).uid(), 0);
    }

    #[test]
    fn a_place_never_comes_to_mean_another_message() {
        let mut cursor = Cursor::resume(None, 7);
        cursor.pass(9);
        let rewound = cursor.rewound();
        assert_eq!((cursor.place(9).as_str(), rewound.place(9).as_str()), ("7/0000000009", "7.1/0000000009"));
        let resumed = Cursor::resume(rewound.checkpoint().as_ref(), 7);
        assert_eq!(resumed.place(9), "7.1/0000000009");
    }

    #[test]
    fn another_message_under_the_last_uid_is_known_by_its_date() {
        let date = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let mut cursor = Cursor::resume(None, 7);
        cursor.pass(9);
        cursor.date(8, Some(date(1)));
        assert!(!cursor.is_dated() && !cursor.is_contradicted(date(5)), "nothing is remembered");
        cursor.date(9, Some(date(1_600_000_000)));
        let cursor = Cursor::resume(cursor.checkpoint().as_ref(), 7);
        assert!(!cursor.is_contradicted(date(1_600_000_000)));
        assert!(!cursor.is_contradicted(date(1_600_003_600)), "the same message, told in summer time");
        assert!(cursor.is_contradicted(date(1_600_003_601)) && cursor.is_contradicted(date(1_600_900_000)));
        let mut further = cursor;
        further.pass(10);
        assert!(!further.is_dated());
    }

    #[test]
    fn the_last_messages_are_listed_again() {
        let mut cursor = Cursor::resume(None, 7);
        assert_eq!(cursor.first_wanted(), 1);
        cursor.pass(1000);
        assert_eq!(cursor.first_wanted(), 745);
        cursor.pass(3);
        assert_eq!(cursor.uid(), 1000);
    }

    #[test]
    fn windows_end_with_an_open_one_whatever_uidnext_says() {
        assert_eq!(all(Windows::new(1, None)), ["1:*"], "Courier, Winmail, 163.com: no UIDNEXT");
        assert_eq!(all(Windows::new(500, Some(3))), ["500:*"], "GMX: UIDNEXT rewound");
        assert_eq!(all(Windows::new(1, Some(25_000))), ["1:10000", "10001:20000", "20001:*"]);
        assert_eq!(all(Windows::new(u32::MAX, Some(u32::MAX))), ["4294967295:*"]);
    }

    #[test]
    fn gaps_widen_the_windows() {
        let mut windows = Windows::new(1, Some(4_000_000_000));
        let count = std::iter::from_fn(|| windows.next(0)).count();
        assert!(count < 15, "Yahoo: UIDNEXT far ahead took {count} windows");
    }

    #[test]
    fn the_echo_of_an_open_window_is_not_in_it() {
        let window = Window { first: 10, last: None };
        assert!(!window.contains(9) && window.contains(10));
    }

    #[test]
    fn uid_sets_join_ranges() {
        assert_eq!(uid_set(&[1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
        assert_eq!(uid_set(&[u32::MAX]), "4294967295");
        assert_eq!(uid_set(&[]), "");
    }
}
