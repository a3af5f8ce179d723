//! `mailferry undo`.

use super::session::{self, Needs};
use super::{Common, Outcome, Progress, Screen};
use crate::config::Secrets;
use crate::engine::undo::Mode;
use crate::ledger::BatchId;

/// Delete at the destination what one run posted; without --yes only say what would be deleted.
///
/// Posts that people answered or reacted to stay, and are listed. What was deleted never comes back, however often mail is
/// read again. An undo that is stopped or killed goes on when it is run again.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run, by its number in `mailferry batches`.
    #[arg(value_name = "BATCH")]
    batch: u64,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::OfDestinations)? else { return Ok(Outcome::Misused) };
    let (needs, mode) = if args.yes { (Needs::Posting, Mode::Act) } else { (Needs::Reading, Mode::Rehearse) };
    let world = session::world(config, needs, "undo", Progress::new())?;
    let batch = BatchId(args.batch);
    if !world.ledger.batches()?.iter().any(|known| known.batch == batch) {
        screen.misuse(format_args!("there is no batch {batch}; `mailferry batches` lists them"));
        return Ok(Outcome::Misused);
    }
    if mode == Mode::Act {
        world.ledger.begin(&format!("undo {batch}"), &session::user())?;
    }
    let runtime = session::runtime(0)?;
    let report = runtime.block_on(async {
        let signals = tokio::spawn(session::stop_on_signal(world.stop.clone()));
        let report = world.undo(batch, mode).await;
        signals.abort();
        report
    })?;
    if mode == Mode::Act {
        world.ledger.end()?;
    }
    screen.json(&report)?;
    screen.text(&report)?;
    Ok(if report.is_well() { Outcome::Done } else { Outcome::Failed })
}
