//! `mailferry approve`.

use serde::Serialize;

use super::session;
use super::{Common, Outcome, Screen};
use crate::delivery::{Approval, PartnerName};
use crate::engine::World;

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
    session::in_world(common, screen, "approve", |world| answer(args, world, screen))
}

pub(super) fn answer(args: &Args, world: &World, screen: &Screen) -> anyhow::Result<Outcome> {
    let config = &world.config;
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
    let approval = world.ledger.approve(&name, &args.by, (world.clock)())?;
    let released = world.reconsider()?;
    screen.line(format_args!(
        "{name} is approved by {} since {}; {released} held messages are released. {} posts them.",
        approval.by,
        approval.at.format("%Y-%m-%d %H:%M UTC"),
        session::next_run(world)
    ))?;
    screen.json(&Approved { partner: name, approval, released })?;
    Ok(Outcome::Done)
}
