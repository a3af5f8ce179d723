//! What a thread holds already when a message of it is about to be posted: files that need not be posted again, and what
//! was said, by which a turn is known that was never in the mailbox.
//!
//! The answer changes while mail comes in, and a message that is half posted must go on as it began. So it is asked once,
//! before the parts of a message are written down; from then on the parts say what was decided.

use std::collections::BTreeSet;

use super::{World, arrivals};
use crate::delivery::{Part, Timeliness};
use crate::destination::post::HiddenText;
use crate::ledger::{Crossing, Delivery, Expansion, MessageRecord};
use crate::mail::text::{self, Reading};
use crate::mail::turn::{Lines, Said, unsaid};
use crate::mail::{self, Digest, Message, ThreadId};

/// Other messages of a thread that are read for one message: the nearest before it first, which mostly say all that it
/// quotes.
const MOST_MESSAGES: usize = 200;

/// What is settled of a message's parts beside its text.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// The attachments whose bytes stand in the thread already.
    pub(super) above: BTreeSet<u32>,
    /// The attachments that were not to be carried when the message was begun, though they would be today.
    pub(super) left_out: BTreeSet<u32>,
    /// The turn that stands nowhere but in the hidden text.
    pub(super) unsaid: Option<Lines>,
    /// Where the hidden text is for readers.
    pub(super) hidden: HiddenText,
    /// How many threads of this channel have turned out to go on in this one, and are to say so.
    pub(super) links: u32,
    /// Whether newer messages of the thread stand in this channel.
    pub(super) timeliness: Timeliness,
}

impl Before {
    /// Of a message that is new to its channel, as a dry run sees it.
    pub(super) fn nothing(world: &World) -> Self {
        Self { hidden: world.config.hidden, ..Self::default() }
    }

    /// Of the message of a crossing.
    pub(super) fn of(world: &World, crossing: &Crossing, message: &Message, reading: &Reading) -> anyhow::Result<Self> {
        let is_begun = crossing.expansion == Expansion::Done;
        let thread = world.ledger.thread(&world.ledger.message(&crossing.id.message)?)?;
        // Most messages have no file and, once they were begun, nothing to find out: the others need not be read for them.
        let asks = !message.attachments.is_empty() || !is_begun && !reading.hidden.is_empty();
        let others = if asks { Others::of(world, crossing, &thread)? } else { Others::none(world) };
        let posted = if message.attachments.is_empty() { BTreeSet::new() } else { others.posted_files(crossing)? };
        if is_begun {
            return Ok(settled(crossing, message, &posted));
        }
        let unsaid = if reading.hidden.is_empty() { None } else { others.unsaid(message, &reading.hidden)? };
        let attachments = (0_u32..).zip(&message.attachments);
        let above = attachments.filter(|(_, file)| posted.contains(&file.sha256)).map(|(index, _)| index).collect();
        let links = world.ledger.severed(&thread, &crossing.id)?;
        let timeliness = arrivals::timeliness(world, crossing, &thread)?;
        Ok(Self { above, unsaid, links, timeliness, ..Self::nothing(world) })
    }
}

/// What the parts of a crossing say that was decided.
fn settled(crossing: &Crossing, message: &Message, posted: &BTreeSet<Digest>) -> Before {
    let mut before = Before { timeliness: crossing.timeliness, ..Before::default() };
    let parts: BTreeSet<Part> = crossing.deliveries.iter().map(|delivery| delivery.part).collect();
    let mut own = BTreeSet::new();
    for (index, file) in (0_u32..).zip(&message.attachments) {
        if parts.contains(&Part::File(index)) {
            own.insert(file.sha256);
        } else if !own.contains(&file.sha256) {
            let why = if posted.contains(&file.sha256) { &mut before.above } else { &mut before.left_out };
            why.insert(index);
        }
    }
    before.unsaid = parts.iter().find_map(|part| match part {
        Part::Quote(lines) => Some(*lines),
        Part::Text(_) | Part::File(_) | Part::Hidden | Part::Link(_) => None,
    });
    before.links = (0_u32..).zip(parts.iter().filter(|part| matches!(part, Part::Link(_)))).map(|(n, _)| n + 1).last().unwrap_or(0);
    before.hidden = if parts.contains(&Part::Hidden) { HiddenText::AsFile } else { HiddenText::InVault };
    before
}

/// The other messages of a thread, the nearest before a message first, then those after it.
struct Others<'w> {
    world: &'w World,
    /// Each with whether it comes before.
    records: Vec<(MessageRecord, bool)>,
}

impl<'w> Others<'w> {
    /// Where nothing is to be found out of them.
    fn none(world: &'w World) -> Self {
        Self { world, records: Vec::new() }
    }

    fn of(world: &'w World, crossing: &Crossing, thread: &ThreadId) -> anyhow::Result<Self> {
        let keys = world.ledger.messages_of(thread)?;
        let place = keys.iter().position(|key| *key == crossing.id.message).unwrap_or(keys.len());
        let (before, after) = keys.split_at_checked(place).unwrap_or((&keys, &[]));
        let before = before.iter().rev().map(|key| (key, true));
        let nearest = before.chain(after.iter().skip(1).map(|key| (key, false))).take(MOST_MESSAGES);
        let records = nearest.map(|(key, is_before)| Ok((world.ledger.message(key)?, is_before)));
        Ok(Self { world, records: records.collect::<anyhow::Result<_>>()? })
    }

    /// The digests of the files that stand in the channel of a crossing, in this thread.
    fn posted_files(&self, crossing: &Crossing) -> anyhow::Result<BTreeSet<Digest>> {
        let mut files = BTreeSet::new();
        for (record, _) in &self.records {
            let same_channel = |id: &&crate::ledger::CrossingId| {
                (&id.destination, &id.channel) == (&crossing.id.destination, &crossing.id.channel)
            };
            let Some(id) = record.crossings.iter().find(same_channel) else { continue };
            let deliveries = self.world.ledger.crossing(id)?.deliveries;
            let delivered = deliveries.into_iter().filter(Delivery::stands);
            let indexes: Vec<u32> = delivered
                .filter_map(|delivery| match delivery.part {
                    Part::File(index) => Some(index),
                    Part::Text(_) | Part::Quote(_) | Part::Hidden | Part::Link(_) => None,
                })
                .collect();
            if indexes.is_empty() {
                continue;
            }
            let message = mail::parse(&self.world.vault().load(&record.vault)?);
            let listed = (0_u32..).zip(message.attachments).filter(|(index, _)| indexes.contains(index));
            files.extend(listed.map(|(_, file)| file.sha256));
        }
        Ok(files)
    }

    /// The lines of the hidden text that nobody in the thread said. What earlier messages hide counts as said: where they
    /// quoted the same turn, it was recovered there.
    fn unsaid(&self, message: &Message, hidden: &str) -> anyhow::Result<Option<Lines>> {
        let mut said = Said::default();
        said.add(&text::read_under(&message.subject, &message.body).text);
        let mut found = unsaid(hidden, &said);
        for (record, is_before) in &self.records {
            if found.is_none() {
                break;
            }
            let other = mail::parse(&self.world.vault().load(&record.vault)?);
            let reading = text::read_under(&other.subject, &other.body);
            said.add(&reading.text);
            if *is_before {
                said.add(&reading.hidden);
            }
            found = unsaid(hidden, &said);
        }
        Ok(found)
    }
}
