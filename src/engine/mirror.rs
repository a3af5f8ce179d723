//! The same engine for ever: what arrives is admitted and delivered until somebody asks to stop.
//!
//! Each source is followed by a task of its own, which never gives up and is begun anew should it break down. Each channel
//! that has work gets a lane; one that is in trouble rests for growing pauses, and the others go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::health::Needs;
use super::ingest::{KnownToLedger, commit_all};
use super::lane::{Lane, LaneEnd};
use super::{Stage, World, operators};
use crate::delivery::{ChannelName, DestinationName};
use crate::ledger::Completeness;
use crate::position::SourceName;
use crate::report::IngestReport;
use crate::source::{Outlet, Pauses, Signs, Source, SourceError, outlet};

/// How often it is looked for work without being told of it: a channel's rest may be over.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long what was posted may stand before it is made ready to be read (the archive's pages).
const PUBLISH_AFTER: Duration = Duration::from_secs(2);

/// How long a word to the operators that is on its way is waited for at the end.
const LAST_WORD: Duration = Duration::from_secs(3);

/// Follows the sources and delivers until somebody asks to stop.
pub(super) async fn run(world: &Arc<World>, sources: &[Arc<dyn Source>]) -> anyhow::Result<()> {
    world.reroute()?;
    world.reconsider()?;
    world.watch.stage(Stage::Mirror);
    world.health.begins((world.clock)(), sources.iter().map(|source| source.name().clone()));
    let (outlet_of, inlet) = outlet();
    let mut followers = JoinSet::new();
    for source in sources {
        let outlet = outlet_of(source.name().clone());
        if world.ledger.was_read(source.name())? {
            // What came while no run went on has arrived since.
            outlet.goes_live();
        }
        let (source, world) = (source.clone(), world.clone());
        followers.spawn(async move {
            loop {
                let name = source.name().clone();
                let known = Arc::new(KnownToLedger::new(world.clone(), name.clone()));
                let signs = Arc::new(SignsOf { world: world.clone(), source: name.clone(), outlet: outlet.clone() });
                let (source, outlet) = (source.clone(), outlet.clone());
                let followed = tokio::spawn(async move { source.follow(known, outlet, signs).await });
                if let Err(panic) = followed.await {
                    world.health.source_trouble(&name, (world.clock)(), format!("it broke down and is begun anew: {panic}"), None);
                    sleep(Pauses::default().longer()).await;
                } else {
                    return;
                }
            }
        });
    }
    drop(outlet_of);
    let deliveries = tokio::spawn(deliver(world.clone()));
    let mut telling = JoinSet::from_iter([operators::run(world.clone())]);
    let mut report = IngestReport::default();
    let committed = commit_all(world, inlet, &mut report, |report| {
        for (name, source) in std::mem::take(report).sources {
            world.health.read(&name, source.new, source.unreadable);
            if let Some(why) = source.failures.into_iter().next_back() {
                world.health.source_trouble(&name, (world.clock)(), why, None);
            }
        }
        world.work.notify_one();
    })
    .await;
    // A ledger or vault in trouble ends the deliveries, too.
    world.stop.ask();
    followers.abort_all();
    let delivered = deliveries.await?;
    // What is on its way has a moment to arrive; else it is ended, and looked up when the next run begins.
    drop(timeout(LAST_WORD, telling.join_next()).await);
    telling.shutdown().await;
    committed.and(delivered)
}

/// What a source tells of itself, passed on.
struct SignsOf {
    world: Arc<World>,
    source: SourceName,
    outlet: Outlet,
}

impl Signs for SignsOf {
    fn caught_up(&self) {
        self.outlet.goes_live();
        let at = (self.world.clock)();
        self.world.health.caught_up(&self.source, at);
        operators::source_is_well(&self.world, &self.source, at);
        if let Err(error) = self.world.ledger.scanned(&self.source, Completeness::Complete) {
            tracing::warn!(%error, source.name = %self.source, "that the source was read to its end cannot be recorded");
        }
    }

    fn missed(&self, mailbox: &str, messages: u64) {
        self.world.health.missed(&self.source, messages);
        let text = format!(
            "Messages of {mailbox} (source {}) had been missed, and were found when it was listed anew: {messages}. They are read now",
            self.source
        );
        self.world.operators.note(&text, (self.world.clock)());
    }

    fn trouble(&self, error: &SourceError, pause: Duration) {
        if let SourceError::Resting { until, .. } = error {
            tracing::info!(%error, source.name = %self.source, "the source rests");
            return self.world.health.source_rests(&self.source, *until, error.to_string());
        }
        tracing::warn!(%error, source.name = %self.source, pause_ms = pause.as_millis(), "the source cannot be read; it is tried again");
        let at = (self.world.clock)();
        let needs = error.is_login().then_some(Needs::Person);
        self.world.health.source_trouble(&self.source, at, error.to_string(), needs);
        if needs.is_some() {
            operators::login_failed(&self.world, &self.source, &error.to_string(), at);
        }
    }
}

type Channel = (DestinationName, ChannelName);

/// The lanes: which run, and which rest until when.
struct Lanes {
    world: Arc<World>,
    running: JoinSet<(Channel, anyhow::Result<LaneEnd>)>,
    /// The channels that have a lane or rest; those that rest with the end of it.
    taken: BTreeMap<Channel, Option<Instant>>,
    pauses: BTreeMap<Channel, Pauses>,
    /// When what was posted is to be made ready to be read.
    publish_at: Option<Instant>,
}

async fn deliver(world: Arc<World>) -> anyhow::Result<()> {
    let mut lanes =
        Lanes { world: world.clone(), running: JoinSet::new(), taken: BTreeMap::new(), pauses: BTreeMap::new(), publish_at: None };
    let mut day = (world.clock)().date_naive();
    while !world.stop.is_asked() {
        let today = (world.clock)().date_naive();
        if today != day {
            day = today;
            world.ledger.begin_anew()?;
        }
        lanes.begin()?;
        let publish_at = lanes.publish_at;
        tokio::select! {
            Some(ended) = lanes.running.join_next() => lanes.end(ended?)?,
            () = world.work.notified() => {}
            () = async { sleep_until(publish_at.unwrap_or_else(Instant::now)).await }, if publish_at.is_some() => lanes.publish().await,
            () = sleep(LOOK_EVERY) => {}
            () = world.stop.asked() => {}
        }
    }
    while let Some(ended) = lanes.running.join_next().await {
        lanes.end(ended?)?;
    }
    lanes.publish().await;
    Ok(())
}

impl Lanes {
    /// Gives a lane to each channel that has work and none.
    fn begin(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        self.taken.retain(|_, rest| rest.is_none_or(|until| until > now));
        for channel in self.world.ledger.channels_with_work()? {
            if self.taken.contains_key(&channel) {
                continue;
            }
            let Some(to) = self.world.destinations.get(&channel.0).cloned() else { continue };
            let lane = Lane::new(self.world.clone(), to, channel.1.clone());
            self.taken.insert(channel.clone(), None);
            self.running.spawn(async move { (channel, lane.run().await) });
        }
        Ok(())
    }

    fn end(&mut self, (channel, ended): (Channel, anyhow::Result<LaneEnd>)) -> anyhow::Result<()> {
        let LaneEnd { channel: name, report, failure } = ended.inspect_err(|_| self.world.stop.ask())?;
        self.world.health.delivered(&name, &report, failure.as_ref(), (self.world.clock)());
        if report.posts > 0 {
            self.publish_at.get_or_insert_with(|| Instant::now() + PUBLISH_AFTER);
        }
        if failure.is_none() && report.in_doubt == 0 {
            self.pauses.remove(&channel);
            self.taken.remove(&channel);
            if report.posts == 0 && report.messages == 0 {
                // Whatever waits there waits for something else: no reason to look again at once.
                self.taken.insert(channel, Some(Instant::now() + LOOK_EVERY));
            }
            return Ok(());
        }
        if let Some(why) = failure {
            tracing::warn!(channel.name = %name, why, "the channel is in trouble; it is tried again");
        }
        let pause = self.pauses.entry(channel.clone()).or_default().longer();
        self.taken.insert(channel, Some(Instant::now() + pause));
        Ok(())
    }

    async fn publish(&mut self) {
        self.publish_at = None;
        for destination in self.world.destinations.values() {
            if let Err(failure) = destination.publish().await {
                tracing::warn!(%failure, destination = %destination.name(), "what was posted cannot be made ready to be read");
            }
        }
    }
}
