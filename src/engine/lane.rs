//! One channel's lane: its crossings in order of date, gates first, then part by part. What arrived live goes before what is
//! of the past, with the whole of its thread.
//!
//! Order within a thread is kept whatever happens: where a message could not be finished (its outcome is in doubt), later
//! messages of its thread wait for the next run, and other threads go on.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::spawn_blocking;

use super::World;
use super::assemble;
use super::courier::{Courier, Left};
use super::prepared::Prepared;
use super::reach::Halt;
use crate::delivery::{ChannelName, Reason};
use crate::destination::Destination;
use crate::ledger::{Crossing, Cursor, Event, Status};
use crate::mail::ThreadId;
use crate::policy::gate::{Verdict, is_too_many, judge_partner};
use crate::report::ChannelReport;

/// Crossings that are taken from the ledger at once.
const PAGE: usize = 64;

/// How a lane ended.
pub(super) struct LaneEnd {
    /// The channel.
    pub(super) channel: ChannelName,
    /// What it did.
    pub(super) report: ChannelReport,
    /// Why it did not come to its end.
    pub(super) failure: Option<String>,
}

/// One channel of one destination.
pub(super) struct Lane {
    world: Arc<World>,
    courier: Courier,
    destination: Arc<dyn Destination>,
    channel: ChannelName,
    waiting_threads: BTreeSet<ThreadId>,
    /// Up to where the threads with live mail had their turn.
    turns: Cursor,
    report: ChannelReport,
}

/// What a crossing came to.
enum Crossed {
    Whole,
    Held(Reason),
    Dropped(Reason),
    InDoubt(String),
}

impl Lane {
    /// A lane that has not begun.
    pub(super) fn new(world: Arc<World>, destination: Arc<dyn Destination>, channel: ChannelName) -> Self {
        let spec = assemble::channel(&world.config, destination.name(), &channel);
        let courier = Courier::new(world.clone(), destination.clone(), spec);
        let (waiting_threads, turns, report) = (BTreeSet::new(), Cursor::default(), ChannelReport::default());
        Self { world, courier, destination, channel, waiting_threads, turns, report }
    }

    /// Goes through the whole queue.
    pub(super) async fn run(mut self) -> anyhow::Result<LaneEnd> {
        let failure = match self.walk().await {
            Ok(()) => None,
            Err(Halt::Stopped) => None,
            Err(Halt::Failed(why)) => Some(format!("#{}: {why}", self.channel)),
            Err(Halt::Broken(error)) => return Err(error),
        };
        self.report.posts = self.courier.posts();
        self.report.files = self.courier.files();
        Ok(LaneEnd { channel: self.channel, report: self.report, failure })
    }

    async fn walk(&mut self) -> Result<(), Halt> {
        let mut cursor = Cursor::default();
        let mut arrivals = self.world.ledger.arrivals();
        loop {
            self.live().await?;
            let page = self.world.ledger.next(self.destination.name(), &self.channel, &mut cursor, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            self.world.watch.to_deliver(page.len() as u64);
            for crossing in page {
                if self.world.stop.is_asked() {
                    return Err(Halt::Stopped);
                }
                self.cross(crossing).await?;
                // What arrived may belong before what comes next here, such as a root before its answers.
                let now = self.world.ledger.arrivals();
                if now != arrivals {
                    (arrivals, cursor) = (now, Cursor::default());
                    break;
                }
            }
        }
    }

    /// Brings over what arrived live, before anything of the past: message by message, each thread in its turn, and each from
    /// its first message that waits, so that a thread of the past is brought over whole, and keeps no other one waiting.
    async fn live(&mut self) -> Result<(), Halt> {
        while let Some(crossing) = self.next_live()? {
            if self.world.stop.is_asked() {
                return Err(Halt::Stopped);
            }
            self.world.watch.to_deliver(1);
            self.cross(crossing).await?;
        }
        Ok(())
    }

    /// The first waiting message of the next thread that live mail waits in.
    fn next_live(&mut self) -> Result<Option<Crossing>, Halt> {
        let (ledger, destination) = (&self.world.ledger, self.destination.name());
        for _ in 0..2 {
            while let Some(message) = ledger.next_live(destination, &self.channel, &mut self.turns)? {
                let thread = ledger.thread(&ledger.message(&message)?)?;
                if self.waiting_threads.contains(&thread) {
                    continue;
                }
                if let Some(crossing) = ledger.first_waiting(&thread, destination, &self.channel)? {
                    return Ok(Some(crossing));
                }
            }
            // Once round: those before the last turn have waited longest.
            self.turns = Cursor::default();
        }
        Ok(None)
    }

    /// Brings one message over, or says what it waits for.
    async fn cross(&mut self, crossing: Crossing) -> Result<(), Halt> {
        self.report.partner.get_or_insert_with(|| crossing.partner.clone());
        let record = self.world.ledger.message(&crossing.id.message)?;
        let thread = self.world.ledger.thread(&record)?;
        if self.waiting_threads.contains(&thread) {
            return Ok(());
        }
        let id = crossing.id.clone();
        match self.try_cross(crossing, &thread).await? {
            Crossed::Whole => self.report.messages += 1,
            Crossed::Held(reason) => {
                if is_too_many(&reason) && self.world.health.held_back(&self.channel, (self.world.clock)()) {
                    tracing::warn!(channel.name = %self.channel, "more live mail arrives than people write; the rest is held, and `mailferry held` shows it");
                }
                self.report.held.count(reason);
            }
            Crossed::Dropped(reason) => self.report.dropped.count(reason),
            Crossed::InDoubt(why) => {
                tracing::warn!(message.key = %id.message, channel.name = %id.channel, why, "the outcome of a post is in doubt");
                self.world.watch.say(&format!("#{}: a post is in doubt: {why}", id.channel));
                self.report.in_doubt += 1;
                self.waiting_threads.insert(thread);
            }
        }
        self.world.watch.crossed();
        Ok(())
    }

    async fn try_cross(&mut self, crossing: Crossing, thread: &ThreadId) -> Result<Crossed, Halt> {
        // What is under way is finished whatever the gates say now: a message half said is worse than one said late.
        let begun = crossing.deliveries.iter().any(|delivery| !matches!(delivery.status, Status::Planned));
        if !begun && let Some(verdict) = self.partner_verdict(&crossing)? {
            return self.settle(&crossing, verdict).map_err(Halt::from);
        }
        let (worker, judged) = (self.world.clone(), crossing.clone());
        let limits = self.destination.limits();
        let prepared =
            spawn_blocking(move || Prepared::load(&worker, &judged, &limits)).await.context("reading a message broke down")?;
        let (prepared, verdict) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(Halt::Broken(error)),
        };
        if !begun && verdict != Verdict::Pass {
            return self.settle(&crossing, verdict).map_err(Halt::from);
        }
        let crossing = self.world.ledger.expand(&crossing.id, &prepared.outline.parts(), prepared.outline.heading.timeliness)?;
        match self.courier.carry(&crossing, &prepared, thread).await? {
            Left::Nothing => Ok(Crossed::Whole),
            Left::Waiting(reason) => Ok(Crossed::Held(reason)),
            Left::InDoubt(why) => Ok(Crossed::InDoubt(why)),
        }
    }

    /// What can be said without the message; `None` when it passes.
    fn partner_verdict(&self, crossing: &Crossing) -> Result<Option<Verdict>, Halt> {
        let config = &self.world.config;
        let Some(partner) = config.directory.partner(&crossing.partner) else {
            let text = format!("the configuration no longer names the partner {}", crossing.partner);
            return Ok(Some(Verdict::Hold(Reason::new("approval", text))));
        };
        let approval = self.world.ledger.approval(&partner.name)?;
        let verdict = judge_partner(&config.rules, partner, approval.as_ref());
        Ok((verdict != Verdict::Pass).then_some(verdict))
    }

    /// Records a verdict other than pass.
    fn settle(&self, crossing: &Crossing, verdict: Verdict) -> anyhow::Result<Crossed> {
        let (event, crossed) = match verdict {
            Verdict::Pass => return Ok(Crossed::Whole),
            Verdict::Hold(reason) => (Event::Held(reason.clone()), Crossed::Held(reason)),
            Verdict::Drop(reason) => (Event::Dropped(reason.clone()), Crossed::Dropped(reason)),
        };
        self.world.ledger.record_all(&crossing.id, &event)?;
        Ok(crossed)
    }
}
