//! `mailferry reconcile`.

use super::session::{self, Needs};
use super::{Common, Outcome, Progress, Screen};
use crate::config::Secrets;

/// Compare the ledger with the sources and the destinations, and list each difference; change nothing.
///
/// Asks every source how many messages it holds and whether the ledger has seen each, and every destination whether the
/// posts stand. Exit code 1 on a difference. Slack answers for one thread at a time, fifty a minute: a channel of a thousand
/// threads takes twenty minutes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::Read)? else { return Ok(Outcome::Misused) };
    let sources = session::sources(&config);
    let world = session::world(config, Needs::Reading, "reconcile", Progress::new())?;
    let runtime = session::runtime(sources.len())?;
    let found = runtime.block_on(async {
        let signals = tokio::spawn(session::stop_on_signal(world.stop.clone()));
        let found = world.reconcile(&sources).await;
        signals.abort();
        found
    });
    runtime.shutdown_background();
    let found = found?;
    drop(world);
    screen.json(&found)?;
    screen.text(&found)?;
    Ok(if found.is_whole() { Outcome::Done } else { Outcome::Failed })
}
