//! `mailferry release`.

use serde::Serialize;

use super::held::{self, Waiting, short};
use super::session;
use super::{Common, Outcome, Screen};
use crate::engine::World;
use crate::ledger::CrossingId;

/// Let held messages go: the next backfill posts them.
///
/// What waits for the approval of its partner is not released one by one: `mailferry approve` opens the channel.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Who lets them go, for the audit trail [default: the user who runs this]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    by: Option<String>,
}

/// Which messages.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
struct Which {
    /// Messages, by key or by the first digits of it, as `mailferry held` shows them.
    #[arg(value_name = "MESSAGE")]
    messages: Vec<String>,
    /// All held messages of this partner.
    #[arg(long)]
    partner: Option<String>,
    /// All held messages.
    #[arg(long)]
    all: bool,
}

/// What `release --json` prints.
#[derive(Debug, Default, Serialize)]
struct Released {
    released: u64,
    refused: Vec<String>,
    unknown: Vec<String>,
}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    session::in_world(common, screen, "release", |world| answer(args, world, screen))
}

pub(super) fn answer(args: &Args, world: &World, screen: &Screen) -> anyhow::Result<Outcome> {
    let waiting = held::all(world)?;
    let mut outcome = Released::default();
    let by = args.by.clone().unwrap_or_else(session::user);
    for wanted in &args.which.messages {
        if !waiting.iter().any(|one| names(wanted, one)) {
            outcome.unknown.push(wanted.clone());
        }
    }
    for one in waiting.iter().filter(|one| args.which.name(one)) {
        match let_go(world, one, &by)? {
            Ok(()) => outcome.released += 1,
            Err(why) => outcome.refused.push(format!("{}: {why}", short(&one.message))),
        }
    }
    screen.json(&outcome)?;
    screen.line(format_args!("Released {}; {} posts them.", outcome.released, session::next_run(world)))?;
    outcome.refused.iter().try_for_each(|refused| screen.line(format_args!("Not released: {refused}")))?;
    outcome.unknown.iter().try_for_each(|unknown| screen.line(format_args!("Nothing is held under {unknown}.")))?;
    Ok(if outcome.unknown.is_empty() && outcome.refused.is_empty() { Outcome::Done } else { Outcome::Failed })
}

impl Which {
    fn name(&self, one: &Waiting) -> bool {
        let of_partner = |name: &String| one.partner.as_ref().is_some_and(|partner| partner.as_str() == name);
        self.all || self.partner.as_ref().is_some_and(of_partner) || self.messages.iter().any(|wanted| names(wanted, one))
    }
}

fn names(wanted: &str, one: &Waiting) -> bool {
    !wanted.is_empty() && one.message.to_string().starts_with(&wanted.to_lowercase())
}

/// Releases one message in one channel; an error is the sentence why it stays.
fn let_go(world: &World, one: &Waiting, by: &str) -> anyhow::Result<Result<(), String>> {
    let (Some(partner), Some(channel)) = (&one.partner, &one.channel) else {
        return Ok(Err("nobody can be read from it, so there is no channel that it could go to".to_owned()));
    };
    match one.reason.gate.as_str() {
        "approval" => return Ok(Err(format!("approve its partner instead: mailferry approve {:?} --by YOU", partner.as_str()))),
        "nda" => return Ok(Err("its partner has no NDA record".to_owned())),
        _ => {}
    }
    let record = world.ledger.message(&one.message)?;
    let crossing: Option<&CrossingId> = record.crossings.iter().find(|id| &id.channel == channel);
    if let Some(id) = crossing {
        world.ledger.release(id, by)?;
    }
    Ok(Ok(()))
}
