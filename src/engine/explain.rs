//! Why a message is where it is: its thread, its channels, its state, its dates, and who or what decided so. Everything is
//! asked anew of the ledger, the vault and the configuration; nothing is changed.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::World;
use super::prepared::origin;
use crate::delivery::{ChannelName, DestinationName, Part, PartnerName};
use crate::ledger::{BatchId, Crossing, Delivery, End, MessageRecord, Status, Undo};
use crate::mail::dating::{Clock, dating};
use crate::mail::thread::{Hint, Links, links_under, parents};
use crate::mail::{self, Address, Byline, Digest, Message, MessageId, MessageKey, ThreadId, text};
use crate::policy::gate::{Case, Verdict, judge, judge_partner};
use crate::policy::{Approvals, Party, Trust, byline};
use crate::position::SourceName;

/// Other messages of the thread that are compared with the message, the nearest in time.
const MOST_COMPARED: usize = 100;
/// Reasons why a message is in its thread that are told.
const MOST_REASONS: usize = 10;

/// All that is to be said of one message.
#[derive(Debug, Serialize)]
pub struct Story {
    /// The message.
    pub message: MessageKey,
    /// Its Message-ID.
    pub message_id: Option<MessageId>,
    /// Its subject.
    pub subject: String,
    /// The source that showed it first.
    pub source: SourceName,
    /// The run that saw it first.
    pub batch: Option<BatchId>,
    /// Whether it stands in a mailbox of what we sent.
    pub sent: bool,
    /// Its people.
    pub people: People,
    /// Its dates.
    pub dates: Dates,
    /// Its thread.
    pub thread: Place,
    /// How it ends, unless its ways say so.
    pub end: String,
    /// Its ways to channels.
    pub ways: Vec<Way>,
    /// What a post does not show of its text.
    pub hidden: String,
    /// Its files.
    pub files: Vec<File>,
    /// What was odd about it.
    pub notes: Vec<String>,
}

/// The people of a message.
#[derive(Debug, Serialize)]
pub struct People {
    /// Whom a post shows as the author.
    pub author: Option<Address>,
    /// The list that passed it on under its own name.
    pub via: Option<Address>,
    /// What a post says of the people.
    pub remarks: Vec<String>,
    /// Everyone in From, To and Cc, with whose they are.
    pub audience: Vec<(Address, String)>,
}

/// The dates of a message.
#[derive(Debug, Serialize)]
pub struct Dates {
    /// The one that orders it.
    pub used: DateTime<Utc>,
    /// Whose clock that is.
    pub clock: Clock,
    /// Why the sender's own date is not used.
    pub why: Option<&'static str>,
    /// The sender's own, with its offset.
    pub own: Option<String>,
    /// Our server's.
    pub received: Option<String>,
    /// The mailbox's.
    pub mailbox: Option<DateTime<Utc>>,
}

/// The place of a message in a thread.
#[derive(Debug, Serialize)]
pub struct Place {
    /// The thread.
    pub id: ThreadId,
    /// Its messages.
    pub messages: usize,
    /// Why the message is in it, each a sentence.
    pub because: Vec<String>,
}

/// The way of a message to one channel.
#[derive(Debug, Serialize)]
pub struct Way {
    /// The partner.
    pub partner: PartnerName,
    /// The destination.
    pub destination: DestinationName,
    /// The channel.
    pub channel: ChannelName,
    /// The partner's people on the message.
    pub because: Vec<Address>,
    /// How the channel was opened, or what it waits for.
    pub opened: String,
    /// What the gates say today, each with what it is asked about.
    pub gates: Vec<(&'static str, String)>,
    /// The gates whose hold a person has lifted.
    pub released: Vec<String>,
    /// Its parts, in order.
    pub parts: Vec<Step>,
}

/// One part of a message on its way.
#[derive(Debug, Serialize)]
pub struct Step {
    /// The part.
    pub part: String,
    /// Where it stands.
    pub state: &'static str,
    /// The receipt, or the reason.
    pub detail: String,
}

/// A file of a message.
#[derive(Debug, Serialize)]
pub struct File {
    /// Its name.
    pub name: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Digest,
}

impl World {
    /// Tells the story of a message.
    ///
    /// # Errors
    /// When the ledger or the vault cannot be read, or the ledger does not know it.
    pub fn explain(&self, key: &MessageKey) -> anyhow::Result<Story> {
        let record = self.ledger.message(key)?;
        let message = mail::parse(&self.vault().load(&record.vault)?);
        let reading = text::read_under(&message.subject, &message.body);
        let crossings = record.crossings.iter().map(|id| self.ledger.crossing(id)).collect::<Result<Vec<_>, _>>()?;
        let ways = crossings.iter().map(|crossing| self.way(&record, &message, crossing)).collect::<anyhow::Result<_>>()?;
        Ok(Story {
            message: *key,
            message_id: message.message_id.clone(),
            subject: message.subject.clone(),
            source: record.source.clone(),
            batch: record.batch,
            sent: record.sent,
            people: self.people_of(&message),
            dates: dates(&message, &record, (self.clock)()),
            thread: self.place_of(key, &message, &record)?,
            end: ending(&record.end),
            ways,
            hidden: reading.hidden.clone(),
            files: message
                .attachments
                .iter()
                .map(|file| File { name: file.name.clone(), size: file.size, sha256: file.sha256 })
                .collect(),
            notes: record.notes.into_iter().chain(reading.notes).collect(),
        })
    }

    fn people_of(&self, message: &Message) -> People {
        let Byline { author, via, remarks } = byline(&self.config.directory, message);
        let whose = |address: &Address| match self.config.directory.party(address) {
            Party::Ourselves => "ourselves".to_owned(),
            Party::Partner(partner) => partner.name.to_string(),
            Party::Unmapped => "nobody that the configuration names".to_owned(),
        };
        let audience = message.audience().map(|person| (person.address.clone(), whose(&person.address))).collect();
        People { author: author.map(|person| person.address), via: via.map(|person| person.address), remarks, audience }
    }

    fn way(&self, record: &MessageRecord, message: &Message, crossing: &Crossing) -> anyhow::Result<Way> {
        let directory = &self.config.directory;
        let is_theirs =
            |address: &&Address| matches!(directory.party(address), Party::Partner(partner) if partner.name == crossing.partner);
        let mut gates = Vec::new();
        let opened = match directory.partner(&crossing.partner) {
            None => "the configuration no longer names the partner".to_owned(),
            Some(partner) => {
                let approval = self.ledger.approval(&partner.name)?;
                let origin = origin(self, &record.source, record.sent);
                let arrivals = self.arrivals_with(crossing)?;
                let loops = &self.config.rules.loops;
                let case = Case { message, origin: &origin, partner, directory, loops, arrivals };
                gates.push(("approval, nda", said(judge_partner(&self.config.rules, partner, approval.as_ref()))));
                gates.push(("audience, authenticity, loops", said(judge(&case, &crossing.released))));
                match approval {
                    Some(approval) => format!("approved by {} on {}", approval.by, approval.at.format("%-d %b %Y %H:%M UTC")),
                    None if partner.trust == Trust::ByRule => "trusted by the configuration".to_owned(),
                    None if self.config.rules.approval == Approvals::NotRequired => "the policy asks for no approval".to_owned(),
                    None => "nobody has approved the partner".to_owned(),
                }
            }
        };
        Ok(Way {
            partner: crossing.partner.clone(),
            destination: crossing.id.destination.clone(),
            channel: crossing.id.channel.clone(),
            because: message.audience().map(|person| &person.address).filter(is_theirs).cloned().collect(),
            opened,
            gates,
            released: crossing.released.clone(),
            parts: crossing.deliveries.iter().map(step).collect(),
        })
    }

    fn place_of(&self, key: &MessageKey, message: &Message, record: &MessageRecord) -> anyhow::Result<Place> {
        let thread = self.ledger.thread(record)?;
        let (mut others, mut seen) = (Vec::new(), Vec::new());
        self.ledger.each_message(|other, its| {
            seen.extend(its.message_id.iter().filter(|id| parents(message).any(|parent| parent == *id)).cloned());
            if other != *key && self.ledger.thread(&its)? == thread {
                others.push((other, its));
            }
            Ok(())
        })?;
        let messages = others.len() + 1;
        others.sort_by_key(|(other, its)| ((its.date - record.date).abs(), *other));
        others.truncate(MOST_COMPARED);
        let own = links_under(message, self.config.reuse);
        let mut because = Vec::new();
        for (other, its) in &others {
            if because.len() >= MOST_REASONS {
                break;
            }
            let that = mail::parse(&self.vault().load(&its.vault)?);
            let relation = relation((message, &own), (&that, &links_under(&that, self.config.reuse)));
            because.extend(relation.map(|relation| format!("{relation} {}", name_of(other, its))));
        }
        let unseen: Vec<_> = parents(message).filter(|id| !seen.contains(id)).collect();
        if let Some(last) = unseen.last() {
            because.push(format!("it names {} messages that were never seen, the last of them <{last}>", unseen.len()));
        }
        if because.is_empty() {
            because.push("it names no other message, and none that was seen names it".to_owned());
        }
        Ok(Place { id: thread, messages, because })
    }
}

/// How two messages of one thread belong together, said of the first; `None` where only others join them.
fn relation((message, own): (&Message, &Links), (other, its): (&Message, &Links)) -> Option<String> {
    let names = |one: &Message, two: &Message| parents(one).any(|id| two.message_id.as_ref() == Some(id));
    if names(message, other) {
        return Some("it names".to_owned());
    }
    if names(other, message) {
        return Some("it is named by".to_owned());
    }
    if message.message_id.is_some() && message.message_id == other.message_id {
        return Some("it has the Message-ID of".to_owned());
    }
    if let Some(shared) = parents(message).find(|id| parents(other).any(|its| its == *id)) {
        return Some(format!("it names <{shared}>, as does"));
    }
    let shares = |hint: &&Hint| its.hints.iter().any(|its| its.bucket == hint.bucket);
    own.hints
        .iter()
        .find(shares)
        .map(|_| "it names no parent, but has the subject or Outlook's conversation, the people and the time of".to_owned())
}

fn name_of(key: &MessageKey, record: &MessageRecord) -> String {
    let short: String = key.to_string().chars().take(12).collect();
    format!("{short} of {}, “{}”", record.date.format("%-d %b %Y"), record.subject)
}

fn dates(message: &Message, record: &MessageRecord, now: DateTime<Utc>) -> Dates {
    let dating = dating(message, record.internal_date, now);
    Dates {
        used: record.date,
        clock: dating.clock,
        why: dating.why,
        own: message.date.map(|date| date.to_rfc3339()),
        received: message.received.map(|date| date.to_rfc3339()),
        mailbox: record.internal_date,
    }
}

fn ending(end: &End) -> String {
    match end {
        End::Routed => "goes to channels".to_owned(),
        End::Internal => "internal: nobody but ourselves is in its From, To and Cc, so it is never posted".to_owned(),
        End::Unmapped => "unmapped: outsiders are on it, but no partner, so it is never posted".to_owned(),
        End::Held(reason) => format!("held: {reason}"),
    }
}

fn said(verdict: Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Hold(reason) => format!("hold: {reason}"),
        Verdict::Drop(reason) => format!("drop: {reason}"),
    }
}

fn step(delivery: &Delivery) -> Step {
    let detail = match (&delivery.undo, &delivery.status) {
        (Some(Undo::Retracted(at)), _) => format!("deleted again on {}", at.format("%-d %b %Y %H:%M UTC")),
        (Some(Undo::Kept(why)), _) => format!("kept though its batch was undone: {why}"),
        (None, Status::Delivered(receipt)) => receipt.id.clone(),
        (None, Status::Held(reason) | Status::Rejected(reason) | Status::Dropped(reason)) => reason.to_string(),
        (None, Status::InFlight(attempt)) => format!("attempted on {}", attempt.at.format("%-d %b %Y %H:%M UTC")),
        (None, Status::Planned) => String::new(),
    };
    let part = match delivery.part {
        Part::Text(number) => format!("text {}", number + 1),
        Part::Quote(_) => "recovered quotation".to_owned(),
        Part::File(number) => format!("file {}", number + 1),
        Part::Hidden => "hidden text".to_owned(),
        Part::Link(_) => "pointer from a thread that goes on in this one".to_owned(),
    };
    Step { part, state: delivery.status.name(), detail }
}
