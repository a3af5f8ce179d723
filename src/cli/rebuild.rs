//! `mailferry rebuild`.

use chrono::Utc;

use super::session;
use super::{Common, Outcome, Screen};
use crate::config::Secrets;
use crate::ledger::Ledger;

/// Make the ledger anew from the audit trail, when its index cannot be opened or is damaged.
///
/// The index that was there is put aside in the state directory, never deleted. What was on its way when a run was killed is
/// looked up at the destination by the next backfill; nothing is posted twice.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::Skip)? else { return Ok(Outcome::Misused) };
    let rebuilt = Ledger::rebuild(&config.state, "mailferry rebuild", Utc::now)?;
    screen.json(&rebuilt)?;
    screen.line(format_args!("Rebuilt  the ledger from {} entries of the audit trail.", rebuilt.entries))?;
    if let Some(aside) = &rebuilt.aside {
        screen.line(format_args!("Kept     what was there before is {}", aside.display()))?;
    }
    screen.line("`mailferry status` adds everything up; `mailferry backfill` goes on.")?;
    Ok(Outcome::Done)
}
