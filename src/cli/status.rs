//! `mailferry status`.

use serde::Serialize;

use super::session;
use super::{Common, Outcome, Screen};
use crate::config::Config;
use crate::delivery::{ChannelName, PartnerName};
use crate::engine::{HealthReport, World};
use crate::ledger::{DeliverySums, EndSums, PartnerSums, SourceSums, Sums};
use crate::policy::gate::{Verdict, judge_partner};
use crate::position::SourceName;
use crate::report::Ends;

/// Count everything by state, source and partner, and prove that it adds up.
///
/// Exit code 1 when the sums do not add up.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// What `status --json` prints.
#[derive(Debug, Serialize)]
struct Status {
    messages: u64,
    duplicates: u64,
    sources: Vec<SourceStatus>,
    deliveries: DeliverySums,
    messages_by_end: EndSums,
    partners: Vec<PartnerStatus>,
    adds_up: bool,
    /// How the run that goes on is doing, where one answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<HealthReport>,
}

#[derive(Debug, Serialize)]
struct SourceStatus {
    name: SourceName,
    #[serde(flatten)]
    sums: SourceSums,
}

#[derive(Debug, Serialize)]
struct PartnerStatus {
    name: PartnerName,
    channel: Option<ChannelName>,
    state: &'static str,
    #[serde(flatten)]
    sums: PartnerSums,
}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    session::in_world(common, screen, "status", |world| answer(args, world, screen))
}

pub(super) fn answer(_args: &Args, world: &World, screen: &Screen) -> anyhow::Result<Outcome> {
    let sums = world.ledger.sums()?;
    let status = Status::of(world, sums.clone())?;
    screen.json(&status)?;
    print(&status, &sums, screen)?;
    Ok(if status.adds_up { Outcome::Done } else { Outcome::Failed })
}

impl Status {
    fn of(world: &World, mut sums: Sums) -> anyhow::Result<Self> {
        let adds_up = sums.add_up();
        let mut sources = Vec::new();
        for source in &world.config.sources {
            let own = sums.sources.remove(&source.name).unwrap_or_default();
            sources.push(SourceStatus { name: source.name.clone(), sums: own });
        }
        // Sources that the configuration no longer names still count.
        sources.extend(sums.sources.into_iter().map(|(name, sums)| SourceStatus { name, sums }));
        let mut partners = Vec::new();
        for partner in world.config.directory.partners() {
            let own = sums.partners.remove(&partner.name).unwrap_or_default();
            let state = state(world, &world.config, &partner.name)?;
            partners.push(PartnerStatus { name: partner.name.clone(), channel: Some(partner.channel.clone()), state, sums: own });
        }
        let gone = |(name, sums)| PartnerStatus { name, channel: None, state: "removed", sums };
        partners.extend(sums.partners.into_iter().map(gone));
        Ok(Self {
            messages: sums.messages,
            duplicates: sums.duplicates,
            sources,
            deliveries: sums.deliveries,
            messages_by_end: sums.messages_by_end,
            partners,
            adds_up,
            mirror: Some(world.health.report()).filter(|health| health.since.is_some()),
        })
    }
}

/// Whether a partner's channel is open, and what it waits for where it is not.
fn state(world: &World, config: &Config, name: &PartnerName) -> anyhow::Result<&'static str> {
    let Some(partner) = config.directory.partner(name) else { return Ok("removed") };
    let approval = world.ledger.approval(name)?;
    Ok(match judge_partner(&config.rules, partner, approval.as_ref()) {
        Verdict::Pass => "open",
        Verdict::Hold(reason) if reason.gate == "approval" => "awaiting approval",
        Verdict::Hold(_) => "awaiting an NDA record",
        Verdict::Drop(_) => "closed",
    })
}

fn print(status: &Status, sums: &Sums, screen: &Screen) -> anyhow::Result<()> {
    screen.line(Ends(sums))?;
    for source in &status.sources {
        let (name, sums) = (&source.name, &source.sums);
        let complete = if sums.complete { "read to its end" } else { "not read to its end" };
        screen.line(format_args!(
            "Source   {name}: {} positions = {} admitted + {} duplicates + {} unreadable; {complete}",
            sums.positions, sums.admitted, sums.duplicates, sums.unreadable
        ))?;
    }
    for partner in &status.partners {
        let channel = partner.channel.as_ref().map_or_else(String::new, |channel| format!(" #{channel}"));
        let sums = &partner.sums;
        screen.line(format_args!(
            "Partner  {}{channel} ({}): {} delivered, {} held, {} pending",
            partner.name, partner.state, sums.delivered, sums.held, sums.pending
        ))?;
    }
    if let Some(health) = &status.mirror {
        print_health(health, screen)?;
    }
    let deliveries = &status.deliveries;
    Ok(screen.line(format_args!(
        "Posts    {} delivered, {} planned, {} in flight, {} held, {} rejected, {} dropped",
        deliveries.delivered, deliveries.planned, deliveries.in_flight, deliveries.held, deliveries.rejected, deliveries.dropped
    ))?)
}

fn print_health(health: &HealthReport, screen: &Screen) -> anyhow::Result<()> {
    let time = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map_or_else(|| "never yet".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
    };
    screen.line(format_args!("Mirror   runs since {}", time(health.since)))?;
    for (name, source) in &health.sources {
        screen.line(format_args!("  {name}: read to its end {}; {} new messages", time(source.caught_up), source.messages))?;
        if let Some(trouble) = &source.trouble {
            screen.line(format_args!("  in trouble since {}: {}", time(Some(trouble.since)), trouble.why))?;
        }
        if let Some(rest) = &source.rest {
            screen.line(format_args!("  {}", rest.why))?;
        }
    }
    for (name, channel) in &health.channels {
        screen.line(format_args!("  #{name}: {} posts, the last {}", channel.posts, time(channel.last)))?;
        if let Some(storm) = &channel.storm {
            let (since, last) = (time(Some(storm.since)), time(Some(storm.last)));
            screen.line(format_args!(
                "  a storm: {} messages held from {since} to {last}; `mailferry held` shows them",
                storm.messages
            ))?;
        }
        if let Some(trouble) = &channel.trouble {
            screen.line(format_args!("  in trouble since {}: {}", time(Some(trouble.since)), trouble.why))?;
        }
    }
    Ok(())
}
