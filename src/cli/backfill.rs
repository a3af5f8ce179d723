//! `mailferry backfill`.

use super::session::{self, Needs};
use super::{Common, Outcome, Progress, Screen};
use crate::config::Secrets;
use crate::report::RunReport;

/// Read every source to its end, then post all that may be posted.
///
/// It can be stopped (Ctrl-C) and killed at any time; the next run goes on where this one was, and posts nothing twice.
/// Exit code 0 also when messages are held: `mailferry held` shows them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::Read)? else { return Ok(Outcome::Misused) };
    let sources = session::sources(&config);
    let world = session::world(config, Needs::Posting, "backfill", Progress::new())?;
    world.ledger.begin("backfill", &session::user())?;
    let runtime = session::runtime(sources.len())?;
    let report = runtime.block_on(async {
        let signals = tokio::spawn(session::stop_on_signal(world.stop.clone()));
        let read = world.ingest(&sources).await?;
        let posted = if world.stop.is_asked() { Default::default() } else { world.deliver().await? };
        signals.abort();
        let sums = world.ledger.sums()?;
        anyhow::Ok(RunReport { read, posted, adds_up: sums.add_up(), sums, stopped: world.stop.is_asked() })
    });
    // A blocked call of a source must not keep the process once the run is over.
    runtime.shutdown_background();
    let report = report?;
    world.ledger.end()?;
    drop(world);
    screen.json(&report)?;
    screen.text(&report)?;
    Ok(if report.is_well() { Outcome::Done } else { Outcome::Failed })
}
