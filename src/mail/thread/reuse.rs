//! Old threads that are reused: an answer to some old mail, with a new subject and other people, that is no answer at all.
//!
//! A message begins anew where its base subject is not its parent's and none of its recipients was on the parent (its
//! author was: that is where the old mail came from). [`begins_anew`] says it of a message and its parent.
//!
//! To split there must not depend on the order of arrival either, and the parent may come late or never. So a message that
//! is to be split stands in the graph with *faces* instead of ids: one of each id with the message's own base subject, and
//! one of its own id for each person on it. It takes hold of its direct parent by the subject or by a recipient, and of
//! older ones by the subject alone; whoever shares no face is of another thread. It is all decided by the message itself.

use std::collections::{BTreeMap, BTreeSet};

use super::parents;
use crate::mail::id::{Digest, MessageId, MessageKey};
use crate::mail::{Message, subject};

/// What is done with a message that begins anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// It stays in the thread that it names.
    #[default]
    Joined,
    /// It begins a thread.
    Split,
}

/// People of one message that count: who writes to more does not reuse a thread, but addresses a crowd.
const MOST_PEOPLE: usize = 32;
/// Parents that are taken for the direct ones.
const MOST_DIRECT: usize = 4;

/// What of a message decides whether it begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    subject: u64,
    /// Everyone on it, sorted.
    people: Vec<u64>,
    /// To whom it goes, without its author; the author where it goes to nobody else.
    recipients: Vec<u64>,
}

impl Turn {
    /// Of a message.
    pub fn of(message: &Message) -> Self {
        let (people, recipients) = people(message);
        let mut people: Vec<u64> = people.iter().map(|person| short(person.as_bytes())).collect();
        people.sort_unstable();
        Self {
            subject: short(subject_of(message).as_bytes()),
            people,
            recipients: recipients.iter().map(|person| short(person.as_bytes())).collect(),
        }
    }
}

/// Whether a message that names this parent begins anew.
pub fn begins_anew(message: &Turn, parent: &Turn) -> bool {
    let was_there = |person: &u64| parent.people.binary_search(person).is_ok();
    message.subject != parent.subject && !message.recipients.iter().any(was_there)
}

/// The faces by which a message stands in the graph where reused threads are split.
pub(super) fn faces(message: &Message) -> Vec<MessageId> {
    let subject = subject_of(message);
    let (people, recipients) = people(message);
    let named: Vec<&MessageId> = parents(message).collect();
    let direct: BTreeSet<&MessageId> = direct(message).into_iter().collect();
    let by_subject = |id: &MessageId| face(id, b"subject", &subject);
    let own = message.message_id.iter().flat_map(|id| {
        std::iter::once(by_subject(id)).chain(people.iter().map(|person| face(id, b"person", person)).collect::<Vec<_>>())
    });
    let by_person = |id: &&MessageId| recipients.iter().map(|person| face(id, b"person", person)).collect::<Vec<_>>();
    let mut faces: Vec<MessageId> = own.chain(named.iter().map(|id| by_subject(id))).collect();
    faces.extend(direct.iter().flat_map(by_person));
    let mut seen = BTreeSet::new();
    faces.retain(|face| seen.insert(face.clone()));
    faces
}

/// The parents that the message answers: what In-Reply-To names, and the last of References.
fn direct(message: &Message) -> Vec<&MessageId> {
    let named: BTreeSet<&MessageId> = parents(message).collect();
    let answered = message.in_reply_to.iter().take(MOST_DIRECT).chain(message.references.last());
    answered.filter(|id| named.contains(id)).collect()
}

fn subject_of(message: &Message) -> String {
    subject::base(&message.subject).to_lowercase()
}

/// Everyone on a message, and to whom it goes.
fn people(message: &Message) -> (Vec<String>, Vec<String>) {
    let folded = |people: &mut dyn Iterator<Item = &crate::mail::Correspondent>| {
        let people: BTreeSet<String> = people.take(MOST_PEOPLE).map(|person| person.address.folded()).collect();
        people
    };
    let authors = folded(&mut message.from.iter());
    let mut recipients = folded(&mut message.to.iter().chain(&message.cc));
    recipients.retain(|person| !authors.contains(person));
    let everyone = authors.iter().chain(&recipients).cloned().collect();
    let recipients = if recipients.is_empty() { authors } else { recipients };
    (everyone, recipients.into_iter().collect())
}

fn face(id: &MessageId, kind: &[u8], value: &str) -> MessageId {
    MessageId::of_digest(&Digest::of_fields(&[b"mailferry face 1", id.as_str().as_bytes(), kind, value.as_bytes()]))
}

fn short(bytes: &[u8]) -> u64 {
    Digest::of(bytes).as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Messages that are remembered: each takes about two hundred bytes. A dry run over more says that it did not look at all.
const MOST_TURNS: usize = 250_000;
/// Examples that are kept.
const MOST_EXAMPLES: usize = 5;

/// Looks for reused threads while messages come in any order. For a dry run: it grows with the messages, up to a bound.
#[derive(Debug, Default)]
pub struct Reuses {
    /// By id.
    turns: BTreeMap<u64, (Turn, String)>,
    /// Messages whose parent has not come, by the id of that.
    waiting: BTreeMap<u64, Vec<(Turn, String)>>,
    seen: BTreeSet<MessageKey>,
    /// How many messages begin anew.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
    /// Whether there were too many messages to look at them all.
    pub is_cut: bool,
}

/// A message that begins anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Example {
    /// Its subject.
    pub subject: String,
    /// The subject of the message that it pretends to answer.
    pub answers: String,
}

impl Reuses {
    /// Looks at a message.
    pub fn see(&mut self, message: &Message) {
        if self.seen.contains(&message.key) {
            return;
        }
        if self.seen.len() >= MOST_TURNS {
            self.is_cut = true;
            return;
        }
        self.seen.insert(message.key);
        let turn = (Turn::of(message), message.subject.chars().take(80).collect::<String>());
        if let Some(parent) = direct(message).into_iter().next_back() {
            let parent = short(parent.as_str().as_bytes());
            match self.turns.get(&parent).cloned() {
                Some(answered) => self.compare(&turn, &answered),
                None => self.waiting.entry(parent).or_default().push(turn.clone()),
            }
        }
        if let Some(id) = &message.message_id {
            let id = short(id.as_str().as_bytes());
            for answer in self.waiting.remove(&id).unwrap_or_default() {
                self.compare(&answer, &turn);
            }
            self.turns.entry(id).or_insert(turn);
        }
    }

    fn compare(&mut self, (message, subject): &(Turn, String), (parent, answers): &(Turn, String)) {
        if !begins_anew(message, parent) {
            return;
        }
        self.count += 1;
        // The same ones whatever the order: the first by subject.
        self.examples.push(Example { subject: subject.clone(), answers: answers.clone() });
        self.examples.sort_unstable();
        self.examples.truncate(MOST_EXAMPLES);
    }
}
