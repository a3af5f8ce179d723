//! `mailferry approve`.

use serde::Serialize;

use super::session::{self, Needs};
use super::{Common, Outcome, Progress, Screen};
use crate::config::Secrets;
use crate::delivery::{Approval, PartnerName};

/// Open a partner's channel: its held messages are posted by the next backfill.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The partner, as the configuration names it.
    #[arg(value_name = "PARTNER")]
    partner: String,
    /// Who approves.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    by: String,
}

/// What `approve --json` prints.
#[derive(Debug, Serialize)]
struct Approved {
    partner: PartnerName,
    #[serde(flatten)]
    approval: Approval,
    released: u64,
}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::Skip)? else { return Ok(Outcome::Misused) };
    let name = PartnerName::new(&args.partner);
    if config.directory.partner(&name).is_none() {
        let partners = config.directory.partners().iter();
        let known: Vec<&str> = partners.map(|partner| partner.name.as_str()).collect();
        screen.misuse(format_args!(
            "the configuration names no partner {name:?}; it names {}",
            known.join(", "),
            name = args.partner
        ));
        return Ok(Outcome::Misused);
    }
    let world = session::world(config, Needs::LedgerOnly, "approve", Progress::new())?;
    let approval = world.ledger.approve(&name, &args.by, (world.clock)())?;
    let released = world.reconsider()?;
    screen.line(format_args!(
        "{name} is approved by {} since {}; {released} held messages are released. `mailferry backfill` posts them.",
        approval.by,
        approval.at.format("%Y-%m-%d %H:%M UTC")
    ))?;
    screen.json(&Approved { partner: name, approval, released })?;
    Ok(Outcome::Done)
}
