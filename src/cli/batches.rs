//! `mailferry batches`.

use super::session;
use super::{Common, Outcome, Screen};
use crate::engine::World;
use crate::ledger::BatchSums;

/// List the runs, and what became of their posts. `mailferry undo BATCH` takes one back.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    session::in_world(common, screen, "batches", |world| answer(args, world, screen))
}

pub(super) fn answer(_args: &Args, world: &World, screen: &Screen) -> anyhow::Result<Outcome> {
    let batches = world.ledger.batches()?;
    screen.json(&batches)?;
    if batches.is_empty() {
        screen.line("There was no run yet.")?;
    }
    batches.iter().try_for_each(|batch| screen.line(line(batch)))?;
    Ok(Outcome::Done)
}

fn line(batch: &BatchSums) -> String {
    let BatchSums { batch: number, run, messages, posts, files, in_flight, retracted, kept } = batch;
    let ended = run.ended.map_or_else(|| "not ended".to_owned(), |ended| format!("ended {}", ended.format("%H:%M:%S")));
    let mut line = format!(
        "{number:>5}  {}  {}, {ended}: {messages} new messages, {posts} posts, {files} of them files",
        run.began.format("%Y-%m-%d %H:%M:%S"),
        run.command,
    );
    for (count, what) in [(in_flight, "in flight"), (retracted, "deleted again"), (kept, "kept by an undo")] {
        if *count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    line
}
