//! A batch taken back: what it posted is deleted at the destination, but for what people answered or reacted to.
//!
//! A message is undone whole or kept whole. Later messages go before earlier ones, so that a thread's first post goes last;
//! it stays while anything else of ours stands below it. Deleting what is gone already does no harm, so an undo that is
//! killed goes on when it is run again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::reach::{Halt, Patience, Reach};
use super::{Stage, World, assemble};
use crate::delivery::{ChannelName, DestinationName, Part, Reason, Receipt};
use crate::destination::Regard;
use crate::ledger::{BatchId, Crossing, CrossingId, Delivery, Event, LedgerError, Status};
use crate::mail::MessageKey;

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is only said what would be done.
    Rehearse,
    /// It is done.
    Act,
}

/// What an undo did, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct UndoReport {
    /// The batch.
    pub batch: BatchId,
    /// Whether it was done, or only said.
    pub done: bool,
    /// By channel.
    pub channels: BTreeMap<ChannelName, ChannelUndo>,
    /// What failed, each a sentence that says what to do.
    pub failures: Vec<String>,
}

/// What an undo did in one channel.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChannelUndo {
    /// Posts that were deleted, files included.
    pub retracted: u64,
    /// Of these, files.
    pub files: u64,
    /// Posts that somebody had deleted before.
    pub gone: u64,
    /// Messages that stay, and why.
    pub kept: Vec<KeptMessage>,
    /// Posts of which it is not known whether they stand.
    pub in_doubt: u64,
}

/// A message that stays.
#[derive(Clone, Debug, Serialize)]
pub struct KeptMessage {
    /// The message.
    pub message: MessageKey,
    /// Its subject, cut to what a list shows.
    pub subject: String,
    /// Its posts, by the destination's own ids.
    pub posts: Vec<String>,
    /// What people did with it, or what stands below it.
    pub why: String,
}

/// A message that the batch posted something of.
struct Posted {
    id: CrossingId,
    date: DateTime<Utc>,
}

/// One channel's share of the work.
#[derive(Default)]
struct Work {
    messages: Vec<Posted>,
    /// How many posts of ours stand below each first post of a thread.
    below: BTreeMap<String, u64>,
}

impl World {
    /// Takes back what a batch posted, or says what would be taken back.
    ///
    /// # Errors
    /// When the ledger cannot be read or written. A channel in trouble is in the report; the others go on.
    pub async fn undo(self: &Arc<Self>, batch: BatchId, mode: Mode) -> anyhow::Result<UndoReport> {
        self.watch.stage(Stage::Undo);
        let mut report = UndoReport { batch, done: mode == Mode::Act, channels: BTreeMap::new(), failures: Vec::new() };
        for ((destination, channel), work) in self.posted_by(batch)? {
            let Some(to) = self.destinations.get(&destination).cloned() else {
                report
                    .failures
                    .push(format!("#{channel} is in the destination {destination}, which the configuration no longer names"));
                continue;
            };
            self.watch.to_deliver(work.messages.len() as u64);
            let spec = assemble::channel(&self.config, &destination, &channel);
            let reach = Reach::new(self.clone(), to, spec);
            let mut undoing =
                Undoing { world: self.clone(), reach, batch, mode, below: work.below, report: ChannelUndo::default() };
            let end = undoing.run(work.messages).await;
            report.channels.insert(channel.clone(), undoing.report);
            match end {
                Ok(()) => {}
                Err(Halt::Stopped) => {
                    report.failures.push("stopped before the end; run it again to go on".to_owned());
                    break;
                }
                Err(Halt::Failed(why)) => report.failures.push(format!("#{channel}: {why}")),
                Err(Halt::Broken(error)) => return Err(error),
            }
        }
        if mode == Mode::Act {
            self.watch.stage(Stage::Publish);
            for destination in self.destinations.values() {
                if let Err(failure) = destination.publish().await {
                    report.failures.push(format!("{}: {failure}", destination.name()));
                }
            }
        }
        Ok(report)
    }

    /// What a batch posted, channel by channel, the latest message first.
    fn posted_by(&self, batch: BatchId) -> Result<BTreeMap<(DestinationName, ChannelName), Work>, LedgerError> {
        let mut channels: BTreeMap<_, Work> = BTreeMap::new();
        self.ledger.each_crossing(|crossing| {
            let work: &mut Work = channels.entry((crossing.id.destination.clone(), crossing.id.channel.clone())).or_default();
            for delivery in crossing.deliveries.iter().filter(|delivery| delivery.stands()) {
                if let Some(root) = root_of(delivery) {
                    *work.below.entry(root.id.clone()).or_default() += 1;
                }
            }
            if crossing.deliveries.iter().any(|delivery| is_of(delivery, batch)) {
                work.messages.push(Posted { date: crossing.date, id: crossing.id });
            }
            Ok(())
        })?;
        channels.retain(|_, work| !work.messages.is_empty());
        for work in channels.values_mut() {
            work.messages.sort_by(|a, b| (b.date, &b.id).cmp(&(a.date, &a.id)));
        }
        Ok(channels)
    }
}

/// The first post of the thread below which a post stands; `None` for one that begins a thread.
fn root_of(delivery: &Delivery) -> Option<&Receipt> {
    delivery.made.as_ref()?.attempt.root.as_ref()
}

/// Whether a batch posted this, or may have, and it was not dealt with yet.
fn is_of(delivery: &Delivery, batch: BatchId) -> bool {
    let made = delivery.made.as_ref().is_some_and(|made| made.batch == Some(batch));
    made && delivery.undo.is_none() && matches!(delivery.status, Status::Delivered(_) | Status::InFlight(_))
}

/// One channel that is being undone.
struct Undoing {
    world: Arc<World>,
    reach: Reach,
    batch: BatchId,
    mode: Mode,
    below: BTreeMap<String, u64>,
    report: ChannelUndo,
}

impl Undoing {
    async fn run(&mut self, messages: Vec<Posted>) -> Result<(), Halt> {
        for posted in messages {
            if self.world.stop.is_asked() {
                return Err(Halt::Stopped);
            }
            let crossing = self.world.ledger.crossing(&posted.id)?;
            self.undo(crossing).await?;
            self.world.watch.crossed();
        }
        Ok(())
    }

    /// Undoes one message, or keeps it.
    async fn undo(&mut self, crossing: Crossing) -> Result<(), Halt> {
        let crossing = self.resolve(crossing).await?;
        let mut posts: Vec<(&Delivery, Receipt, Regard)> = Vec::new();
        for delivery in crossing.deliveries.iter().filter(|delivery| is_of(delivery, self.batch)) {
            let Status::Delivered(receipt) = &delivery.status else { continue };
            let root = root_of(delivery);
            match self.reach.ask(async |to, channel| to.regard(channel, root, receipt).await).await? {
                Ok(regard) => posts.push((delivery, receipt.clone(), regard)),
                Err(why) => return Err(Halt::Failed(why)),
            }
        }
        if let Some(why) = self.reason_to_keep(&posts) {
            return self.keep(&crossing, &posts, why);
        }
        let had_posts = !posts.is_empty();
        for (delivery, receipt, regard) in posts.into_iter().rev() {
            self.retract(&crossing.id, delivery, &receipt, &regard).await?;
        }
        let is_unfinished = crossing.deliveries.iter().any(|delivery| delivery.status == Status::Planned);
        if had_posts && is_unfinished && self.mode == Mode::Act {
            let reason = Reason::new("undo", format!("batch {} was undone", self.batch));
            self.world.ledger.record_all(&crossing.id, &Event::Dropped(reason))?;
        }
        Ok(())
    }

    /// Finds out what became of the posts whose outcome is unknown.
    async fn resolve(&mut self, mut crossing: Crossing) -> Result<Crossing, Halt> {
        for delivery in crossing.deliveries.clone() {
            let Status::InFlight(attempt) = &delivery.status else { continue };
            if self.mode == Mode::Rehearse {
                self.report.in_doubt += 1;
                continue;
            }
            match self.reach.resolve(&delivery, attempt, &mut Patience::default()).await? {
                Ok(event) => crossing = self.world.ledger.record(&crossing.id, delivery.part, event)?,
                Err(why) => {
                    tracing::warn!(delivery.key = %delivery.key, why, "the outcome of a post is in doubt");
                    self.report.in_doubt += 1;
                }
            }
        }
        Ok(crossing)
    }

    /// Why a message stays: people did something with one of its posts, or other posts stand below its own.
    fn reason_to_keep(&self, posts: &[(&Delivery, Receipt, Regard)]) -> Option<String> {
        let answered = posts.iter().find_map(|(_, _, regard)| match regard {
            Regard::Answered(what) => Some(what.clone()),
            Regard::Gone | Regard::Untouched => None,
        });
        let below = |(delivery, receipt, _): &(&Delivery, Receipt, Regard)| {
            let all = self.below.get(&receipt.id).copied().unwrap_or_default();
            let own = posts.iter().filter(|(other, _, _)| root_of(other) == Some(receipt)).count() as u64;
            let others = if root_of(delivery).is_none() { all.saturating_sub(own) } else { 0 };
            (others > 0).then(|| format!("{others} posts that stay are in its thread"))
        };
        answered.or_else(|| posts.iter().find_map(below))
    }

    fn keep(&mut self, crossing: &Crossing, posts: &[(&Delivery, Receipt, Regard)], why: String) -> Result<(), Halt> {
        let standing = || posts.iter().filter(|(_, _, regard)| *regard != Regard::Gone);
        if self.mode == Mode::Act {
            let parts: Vec<Part> = standing().map(|(delivery, _, _)| delivery.part).collect();
            self.world.ledger.kept(&crossing.id, &parts, &why)?;
        }
        let record = self.world.ledger.message(&crossing.id.message)?;
        let posts = standing().map(|(_, receipt, _)| receipt.id.clone()).collect();
        self.report.kept.push(KeptMessage { message: crossing.id.message, subject: record.subject, posts, why });
        Ok(())
    }

    async fn retract(&mut self, id: &CrossingId, delivery: &Delivery, receipt: &Receipt, regard: &Regard) -> Result<(), Halt> {
        if *regard == Regard::Gone {
            self.report.gone += 1;
        } else {
            self.report.retracted += 1;
            self.report.files += u64::from(matches!(delivery.part, Part::File(_)));
        }
        if let Some(below) = root_of(delivery).and_then(|root| self.below.get_mut(&root.id)) {
            *below = below.saturating_sub(1);
        }
        if self.mode == Mode::Rehearse {
            return Ok(());
        }
        if let (Regard::Untouched, Some(made)) = (regard, &delivery.made) {
            let retracted = self.reach.ask(async |to, channel| to.retract(channel, receipt, &made.attempt.handle).await).await?;
            retracted.map_err(Halt::Failed)?;
        }
        Ok(self.world.ledger.retracted(id, delivery)?)
    }
}

impl UndoReport {
    /// Whether nothing failed.
    pub fn is_well(&self) -> bool {
        self.failures.is_empty() && (!self.done || self.channels.values().all(|channel| channel.in_doubt == 0))
    }
}

impl fmt::Display for UndoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (deleted, kept) = if self.done { ("deleted", "kept") } else { ("would be deleted", "would be kept") };
        if self.channels.is_empty() {
            writeln!(f, "Batch {} has no posts that stand.", self.batch)?;
        }
        for (name, channel) in &self.channels {
            writeln!(f, "Undo     #{name}: {} posts {deleted}, {} of them files", channel.retracted, channel.files)?;
            if channel.gone > 0 {
                writeln!(f, "  {} were gone already", channel.gone)?;
            }
            if channel.in_doubt > 0 {
                writeln!(f, "  {} in doubt: it is looked up whether they stand", channel.in_doubt)?;
            }
            for message in &channel.kept {
                let key: String = message.message.to_string().chars().take(12).collect();
                writeln!(f, "  {kept}: {key} · {} ({}): {}", message.subject, message.posts.join(", "), message.why)?;
            }
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "  failed: {failure}"))?;
        if self.done { Ok(()) } else { writeln!(f, "Nothing was deleted. `mailferry undo {} --yes` does it.", self.batch) }
    }
}
