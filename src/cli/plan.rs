//! `mailferry plan`.

use super::session::{self, Needs};
use super::{Common, Outcome, Progress, Screen};
use crate::config::Secrets;

/// Say what a backfill would post, hold and drop; write nothing, post nothing.
///
/// Reads every source as a backfill would, renders what would be posted, and reckons the hours that the configured rates
/// cost. No secret of a destination is needed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::OfSources)? else { return Ok(Outcome::Misused) };
    let sources = session::sources(&config);
    let world = session::world(config, Needs::Reading, "plan", Progress::new())?;
    let runtime = session::runtime(sources.len())?;
    let plan = runtime.block_on(async {
        let signals = tokio::spawn(session::stop_on_signal(world.stop.clone()));
        let plan = world.plan(&sources).await;
        signals.abort();
        plan
    });
    runtime.shutdown_background();
    let plan = plan?;
    drop(world);
    screen.json(&plan)?;
    screen.text(&plan)?;
    Ok(if plan.read.is_complete() { Outcome::Done } else { Outcome::Failed })
}
