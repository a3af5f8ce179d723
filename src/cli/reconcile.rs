//! `mailferry reconcile`.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::session;
use super::{Common, Outcome, Screen};
use crate::config::Secrets;
use crate::engine::World;

/// Compare the ledger with the sources and the destinations, and list each difference; change nothing.
///
/// Asks every source how many messages it holds and whether the ledger has seen each, and every destination whether the
/// posts stand. Exit code 1 on a difference. Slack answers for one thread at a time, fifty a minute: a channel of a thousand
/// threads takes twenty minutes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    session::in_dry_world((common, screen), "reconcile", Secrets::Read, |world, runtime| answer(args, world, runtime, screen))
}

/// Compares over a ledger that is only read.
pub(super) fn answer(_args: &Args, world: &Arc<World>, runtime: &Handle, screen: &Screen) -> anyhow::Result<Outcome> {
    let found = runtime.block_on(world.reconcile(&session::sources(&world.config)))?;
    screen.json(&found)?;
    screen.text(&found)?;
    Ok(if found.is_whole() { Outcome::Done } else { Outcome::Failed })
}
