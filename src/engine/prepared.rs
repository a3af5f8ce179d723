//! A message made ready for a channel: read from the vault, judged by the gates, outlined.

use chrono::{DateTime, Utc};

use super::before::Before;
use super::{World, understand};
use crate::delivery::Part;
use crate::destination::Limits;
use crate::destination::post::{DatedBy, Letter, Outline, Post, outline};
use crate::ledger::{Crossing, Delivery};
use crate::mail::text::Reading;
use crate::mail::{self, Message, attachment};
use crate::policy::gate::{Carriage, Case, Origin, Verdict, carriage, judge};
use crate::policy::{UnverifiedSenders, byline};
use crate::position::SourceName;

/// Bytes of a file that are looked at to see whether it runs.
const HEAD_BYTES: usize = 512;

/// A message that can be posted.
pub(super) struct Prepared {
    raw: Vec<u8>,
    message: Message,
    /// What will be posted.
    pub(super) outline: Outline,
}

impl Prepared {
    /// Reads and judges the message of a crossing.
    pub(super) fn load(world: &World, crossing: &Crossing, limits: &Limits) -> anyhow::Result<(Self, Verdict)> {
        let record = world.ledger.message(&crossing.id.message)?;
        let raw = world.vault().load(&record.vault)?;
        let message = mail::parse(&raw);
        let verdict = verdict(world, crossing, &message, &origin(world, &record.source, record.sent))?;
        let dated_by = understand::dated(&message, record.internal_date, (world.clock)()).1;
        let reading = message.reading();
        let before = Before::of(world, crossing, &message, &reading)?;
        let outline =
            outline_of(world, &Read { message: &message, reading: &reading, raw: &raw }, &before, (record.date, dated_by), limits);
        Ok((Self { raw, message, outline }, verdict))
    }

    /// The message.
    pub(super) fn message(&self) -> &Message {
        &self.message
    }

    /// The post of one part; `None` where the message has no such part any more.
    pub(super) fn post(&self, delivery: &Delivery) -> Option<Post> {
        match delivery.part {
            Part::Text(number) => self.outline.text(number, delivery.key),
            Part::Quote(lines) => self.outline.quote(lines, delivery.key),
            Part::Hidden => self.outline.hidden(delivery.key),
            Part::Link(number) => Some(self.outline.link(number, delivery.key)),
            Part::File(index) => {
                let listed = self.message.attachments.get(usize::try_from(index).ok()?)?;
                let bytes = attachment::bytes(&self.raw, listed)?;
                Some(self.outline.file(index, listed, bytes, delivery.key))
            }
        }
    }
}

fn verdict(world: &World, crossing: &Crossing, message: &Message, origin: &Origin) -> anyhow::Result<Verdict> {
    let directory = &world.config.directory;
    // A partner that the configuration no longer names was held before the message was read.
    let Some(partner) = directory.partner(&crossing.partner) else { return Ok(Verdict::Pass) };
    let (loops, arrivals) = (&world.config.rules.loops, world.arrivals_with(crossing)?);
    Ok(judge(&Case { message, origin, partner, directory, loops, arrivals }, &crossing.released))
}

/// What the gates know of a message's source. A source that the configuration no longer names vouches for nothing.
pub(super) fn origin(world: &World, source: &SourceName, sent: bool) -> Origin {
    let configured = world.config.sources.iter().find(|config| &config.name == source);
    let nothing = Origin { sent: false, unverified: UnverifiedSenders::Hold, trusted_servers: Vec::new() };
    Origin { sent, ..configured.map_or(nothing, |config| config.origin.clone()) }
}

/// A message that was read.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    /// The message.
    pub(super) message: &'a Message,
    /// Its text.
    pub(super) reading: &'a Reading,
    /// Its bytes.
    pub(super) raw: &'a [u8],
}

/// What would be posted of a message.
pub(super) fn outline_of(
    world: &World,
    read: &Read<'_>,
    before: &Before,
    (date, dated_by): (DateTime<Utc>, DatedBy),
    limits: &Limits,
) -> Outline {
    let Read { message, reading, raw } = *read;
    let mut stubs = Vec::new();
    for (index, listed) in (0_u32..).zip(&message.attachments) {
        let bytes = attachment::bytes(raw, listed).unwrap_or_default();
        let head = bytes.get(..HEAD_BYTES).unwrap_or(&bytes);
        if let Carriage::Stub(reason) = carriage(listed, &world.config.rules, limits.file_bytes, Some(head)) {
            stubs.push((index, reason));
        } else if before.left_out.contains(&index) {
            stubs.push((index, "it was not to be carried when this message was begun".to_owned()));
        }
    }
    let byline = byline(&world.config.directory, message);
    let Before { above, unsaid, hidden, links, timeliness, .. } = before;
    let letter = Letter {
        message,
        byline: &byline,
        reading,
        date,
        dated_by,
        timeliness: *timeliness,
        stubs: &stubs,
        above,
        unsaid: *unsaid,
        hidden: *hidden,
        links: *links,
    };
    outline(&letter, limits)
}
