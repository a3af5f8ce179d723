//! `mailferry audit`.

use std::path::Path;

use anyhow::Context as _;

use super::session;
use super::{Common, Outcome, Screen};
use crate::config::Secrets;
use crate::ledger::{self, Change, Entry, Event, LedgerError, Proof};

/// Read the audit trail: who decided and did what, when.
///
/// The trail is the file `audit.jsonl` in the state directory: one line of JSON an entry, each with the SHA-256 of the line
/// before. Both commands only read, and work while a run goes on.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Prove that no entry was changed, left out or put in; name the first that is broken.
    ///
    /// Exit code 1 when one is.
    Verify,
    /// Print the decisions: runs, approvals, releases, holds, deletions; with --all every entry.
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// Every entry, not only decisions.
    #[arg(long)]
    all: bool,
    /// Only entries about this message, by key or by its first digits.
    #[arg(long, value_name = "MESSAGE")]
    message: Option<String>,
}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::Skip)? else { return Ok(Outcome::Misused) };
    match &args.action {
        Action::Verify => verify(&config.state, screen),
        Action::Show(show) => print(show, &config.state, screen),
    }
}

fn verify(state: &Path, screen: &Screen) -> anyhow::Result<Outcome> {
    let proof = ledger::verify(state, |_| Ok(()))?.compare(state)?;
    screen.json(&proof)?;
    proof.remarks.iter().try_for_each(|remark| screen.line(format_args!("Note     {remark}")))?;
    Ok(match &proof.broken {
        Some(broken) => {
            screen.line(format_args!("Broken   the first broken entry is {}: {}", broken.entry, broken.why))?;
            Outcome::Failed
        }
        None => {
            screen.line(format_args!("Whole    {} entries, each as it was written", proof.entries))?;
            Outcome::Done
        }
    })
}

fn print(show: &Show, state: &Path, screen: &Screen) -> anyhow::Result<Outcome> {
    let mut printed = Ok(());
    let proof: Proof = ledger::verify(state, |entry| {
        if printed.is_ok() && show.wants(entry) {
            printed = screen.json(entry).and_then(|()| screen.line(line(entry)));
        }
        Result::<(), LedgerError>::Ok(())
    })?;
    printed.context("printing the trail")?;
    match proof.broken {
        Some(broken) => {
            screen.misuse(format_args!("the trail is broken at entry {}: {}", broken.entry, broken.why));
            Ok(Outcome::Failed)
        }
        None => Ok(Outcome::Done),
    }
}

impl Show {
    fn wants(&self, entry: &Entry) -> bool {
        let of_message = |wanted: &String| entry.what.message().is_some_and(|key| key.to_string().starts_with(wanted.as_str()));
        let is_wanted = self.message.as_ref().is_none_or(of_message);
        is_wanted && (self.all || self.message.is_some() || is_decision(&entry.what))
    }
}

/// Whether somebody, or a gate, decided something.
fn is_decision(change: &Change) -> bool {
    match change {
        Change::Began { .. }
        | Change::Judged { .. }
        | Change::Released { .. }
        | Change::Approved { .. }
        | Change::Retracted { .. }
        | Change::Kept { .. }
        | Change::Rerouted { .. }
        | Change::RoutedBy(_)
        | Change::Restated { .. } => true,
        Change::Happened { event, .. } => matches!(event, Event::Held(_) | Event::Rejected(_) | Event::Dropped(_)),
        Change::Ended {}
        | Change::Admitted(_)
        | Change::Seen { .. }
        | Change::Unreadable { .. }
        | Change::Reached { .. }
        | Change::Scanned { .. }
        | Change::Expanded { .. }
        | Change::Row { .. } => false,
    }
}

fn line(entry: &Entry) -> String {
    let batch = entry.batch.map_or_else(String::new, |batch| format!(" · batch {batch}"));
    format!("{:>7}  {}  {}{batch}: {}", entry.n, entry.at.format("%Y-%m-%d %H:%M:%S"), entry.by, entry.what)
}
