//! Delivery: one lane a channel, side by side; each in order of date.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;

use super::lane::{Lane, LaneEnd};
use super::{Stage, World};
use crate::destination::Destination;
use crate::report::DeliveryReport;

/// How often what was posted is made ready to be read while a run goes on.
const PUBLISH_EVERY: Duration = Duration::from_secs(20);

/// Delivers all that waits.
pub(super) async fn run(world: &Arc<World>) -> anyhow::Result<DeliveryReport> {
    let mut report = DeliveryReport::default();
    world.watch.stage(Stage::Deliver);
    world.reconsider()?;
    let mut lanes = JoinSet::new();
    for (destination, channel) in world.ledger.channels_with_work()? {
        let Some(to) = world.destinations.get(&destination).cloned() else {
            report.failures.push(format!(
                "messages wait for #{channel} in the destination {destination}, which the configuration no longer names"
            ));
            continue;
        };
        lanes.spawn(Lane::new(world.clone(), to, channel).run());
    }
    let publisher = tokio::spawn(publish_now_and_then(world.clone()));
    let mut broken = None;
    while let Some(ended) = lanes.join_next().await {
        match ended.context("a lane broke down").and_then(|ended| ended) {
            Ok(ended) => take(&mut report, ended),
            // The ledger or the vault is in trouble: every other lane stops where it stands.
            Err(error) => {
                world.stop.ask();
                broken.get_or_insert(error);
            }
        }
    }
    publisher.abort();
    drop(publisher.await);
    world.watch.stage(Stage::Publish);
    for destination in world.destinations.values() {
        match destination.publish().await {
            Ok(()) => report.entrances.extend(destination.entrance()),
            Err(failure) => report.failures.push(format!("{}: {failure}", destination.name())),
        }
    }
    broken.map_or(Ok(report), Err)
}

fn take(report: &mut DeliveryReport, ended: LaneEnd) {
    report.channels.entry(ended.channel).or_default().add(ended.report);
    report.failures.extend(ended.failure);
}

async fn publish_now_and_then(world: Arc<World>) {
    loop {
        tokio::time::sleep(PUBLISH_EVERY).await;
        for destination in world.destinations.values() {
            publish_quietly(destination.as_ref()).await;
        }
    }
}

/// What fails here is tried again at the end of the run, and said there.
async fn publish_quietly(destination: &dyn Destination) {
    if let Err(failure) = destination.publish().await {
        tracing::debug!(%failure, destination = %destination.name(), "publishing failed");
    }
}
