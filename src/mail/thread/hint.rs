//! Where a message that names no parent may find its like.
//!
//! A subject alone glues strangers together, and so does Outlook's Thread-Index, which survives when an old mail is
//! taken as a form for a new one. So a hint needs a reply on one side, two people on both sides, and nearness in time.

use chrono::{DateTime, Duration, Utc};

use super::{Hint, Member};
use crate::mail::id::Digest;
use crate::mail::subject::{self, Kind};
use crate::mail::{Correspondent, Message};

/// The version of what a bucket is.
const VERSION: &[u8] = b"mailferry bucket 1";

/// Gmail joins by subject within a week; two give those who were on holiday their chance, and a monthly report none.
const SUBJECT_DAYS: u32 = 14;
/// Outlook's conversation says more than a subject does; a quarter of a year parts what a template glues.
const CONVERSATION_DAYS: u32 = 90;
/// Clocks differ: how much earlier than its parent an answer may be dated.
const SKEW_HOURS: i64 = 24;
/// An answer has the author and a reader of what it answers: two at least. One alone is a list that strangers write to.
const COMMON_PEOPLE: usize = 2;
/// A subject says something among few. Where a crowd reads along, its answers are many, and two talks of one name are
/// soon alive at once; and what is remembered of a message must stay small.
const MOST_PEOPLE: usize = 8;
/// Letters and digits that a subject needs in order to say something.
const SUBJECT_LETTERS: usize = 5;

/// Subjects that say nothing about what they are a subject of.
const GENERIC: [&str; 40] = [
    "hello",
    "hallo",
    "hi there",
    "hey there",
    "hi all",
    "hello all",
    "hello everyone",
    "thanks",
    "thank you",
    "danke",
    "merci",
    "question",
    "questions",
    "frage",
    "urgent",
    "important",
    "update",
    "updates",
    "status",
    "report",
    "meeting",
    "meetings",
    "reminder",
    "invoice",
    "rechnung",
    "facture",
    "order",
    "request",
    "anfrage",
    "follow up",
    "follow-up",
    "feedback",
    "no subject",
    "(no subject)",
    "kein betreff",
    "(kein betreff)",
    "(sans objet)",
    "untitled",
    "notification",
    "information",
];

/// Whether a message names a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parents {
    /// At least one.
    Named,
    /// None at all.
    None,
}

/// The buckets of a message.
pub(super) fn hints(message: &Message, parents: Parents) -> Vec<Hint> {
    let Some(date) = message.date.or(message.received) else { return Vec::new() };
    // A message that names its parents says nothing by its subject: it need not be looked at when an answer looks for
    // its like, since the thread's own beginning, or another lost answer, stands in the bucket too.
    let speaks = parents == Parents::None;
    let subject = speaks.then(|| subject_bucket(&message.subject)).flatten().map(|bucket| (bucket, SUBJECT_DAYS));
    let conversation = message.conversation.as_deref().and_then(conversation_bucket);
    let buckets: Vec<_> = conversation.map(|bucket| (bucket, CONVERSATION_DAYS)).into_iter().chain(subject).collect();
    if buckets.is_empty() {
        return Vec::new();
    }
    let member = Member {
        key: message.key,
        date: date.with_timezone(&Utc),
        people: people(message),
        orphan: parents == Parents::None && subject::kind(&message.subject) == Kind::Reply,
    };
    if !(COMMON_PEOPLE..=MOST_PEOPLE).contains(&member.people.len()) {
        return Vec::new();
    }
    buckets.into_iter().map(|(bucket, window_days)| Hint { bucket, member: member.clone(), window_days }).collect()
}

/// Whether two members of one bucket belong together. It is the same from both sides, so that the order of arrival does
/// not matter.
pub(super) fn belong_together(one: &Member, other: &Member) -> bool {
    let is_in_time = match (one.orphan, other.orphan) {
        (true, true) => true,
        (true, false) => follows(one.date, other.date),
        (false, true) => follows(other.date, one.date),
        (false, false) => false,
    };
    is_in_time && one.key != other.key && common(&one.people, &other.people) >= COMMON_PEOPLE
}

/// Whether an answer of this date can follow a message of that one.
fn follows(answer: DateTime<Utc>, message: DateTime<Utc>) -> bool {
    answer.checked_add_signed(Duration::hours(SKEW_HOURS)).is_none_or(|latest| latest >= message)
}

fn common(one: &[u32], other: &[u32]) -> usize {
    one.iter().filter(|person| other.binary_search(person).is_ok()).count()
}

/// The conversation of a Thread-Index: its GUID. The six bytes before it are a date in either of two layouts ([MS-OXOMSG]
/// 2.2.1.3 and its note 2), and a conversation that goes through Outlook and Exchange may be seen with both. Programs that
/// know no GUID write zeros.
fn conversation_bucket(index: &[u8]) -> Option<Digest> {
    let guid = index.get(6..22).filter(|guid| guid.iter().any(|byte| *byte != 0))?;
    Some(Digest::of_fields(&[VERSION, b"conversation", guid]))
}

fn subject_bucket(subject: &str) -> Option<Digest> {
    let base = subject::base(subject).to_lowercase();
    let letters = base.chars().filter(|c| c.is_alphanumeric()).count();
    // One ideograph says as much as a word.
    let wide = base.chars().filter(|c| ('\u{2e80}'..='\u{9fff}').contains(c) || ('\u{ac00}'..='\u{d7af}').contains(c)).count();
    let says_something = letters + wide >= SUBJECT_LETTERS && !GENERIC.contains(&base.trim_end_matches(['!', '?', '.']));
    says_something.then(|| Digest::of_fields(&[VERSION, b"subject", base.as_bytes(), numbers(subject).as_bytes()]))
}

/// The tags that hold a number, such as `[Ticket 4711]`: they tell two talks of one name apart. The counter of `Re[2]:`
/// is none.
fn numbers(subject: &str) -> String {
    let mut tags = String::new();
    let mut before = ' ';
    let mut rest = subject.chars();
    while let Some(c) = rest.next() {
        if c == '[' && !before.is_alphanumeric() {
            let tag = rest.as_str().split(']').next().unwrap_or_default();
            if tag.contains(|c: char| c.is_ascii_digit()) {
                tags.push_str(&tag.to_lowercase());
                tags.push(']');
            }
        }
        before = c;
    }
    tags
}

/// Short digests of the people, sorted.
fn people(message: &Message) -> Vec<u32> {
    let short = |person: &Correspondent| {
        let digest = Digest::of(person.address.folded().as_bytes());
        digest.as_bytes().first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
    };
    let mut people: Vec<u32> = message.audience().take(MOST_PEOPLE * 4).filter_map(short).collect();
    people.sort_unstable();
    people.dedup();
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_that_say_nothing_are_no_bucket() {
        for subject in ["", "Re:", "Hello", "Re: Invoice", "Re: hi", "(no subject)", "[list]", "Question?"] {
            assert_eq!(subject_bucket(subject), None, "{subject}");
        }
        assert_eq!(subject_bucket("Re: [list] The  plan"), subject_bucket("The  Plan"));
        assert_eq!(subject_bucket("Re[2]: The plan"), subject_bucket("The plan"));
        assert_ne!(subject_bucket("Re: [Ticket 1] The plan"), subject_bucket("[Ticket 2] The plan"));
        assert!(subject_bucket("答复：合同").is_none() && subject_bucket("答复：合同草案").is_some());
    }
}
