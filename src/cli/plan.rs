//! `mailferry plan`.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::session;
use super::{Common, Outcome, Screen};
use crate::config::Secrets;
use crate::engine::World;

/// Say what a backfill would post, hold and drop; write nothing, post nothing.
///
/// Reads every source as a backfill would, renders what would be posted, and reckons the hours that the configured rates
/// cost. No secret of a destination is needed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    session::in_dry_world((common, screen), "plan", Secrets::OfSources, |world, runtime| answer(args, world, runtime, screen))
}

/// Plans over a ledger whose writes stay in memory.
pub(super) fn answer(_args: &Args, world: &Arc<World>, runtime: &Handle, screen: &Screen) -> anyhow::Result<Outcome> {
    let plan = runtime.block_on(world.plan(&session::sources(&world.config)))?;
    screen.json(&plan)?;
    screen.text(&plan)?;
    Ok(if plan.read.is_complete() { Outcome::Done } else { Outcome::Failed })
}
