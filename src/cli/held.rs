//! `mailferry held`.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::session;
use super::{Common, Outcome, Screen};
use crate::delivery::{ChannelName, PartnerName, Reason};
use crate::engine::World;
use crate::ledger::{End, MessageRecord};
use crate::mail::{Address, MessageKey};

/// Show what waits for a person, and why.
///
/// `mailferry release MESSAGE` lets a message go; `mailferry approve PARTNER --by NAME` opens a partner's channel.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this partner's messages.
    #[arg(long)]
    partner: Option<String>,
}

/// One message that waits.
#[derive(Debug, Serialize)]
pub(super) struct Waiting {
    pub(super) message: MessageKey,
    pub(super) partner: Option<PartnerName>,
    pub(super) channel: Option<ChannelName>,
    #[serde(flatten)]
    pub(super) reason: Reason,
    from: Option<Address>,
    subject: String,
    date: DateTime<Utc>,
}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    session::in_world(common, screen, "held", |world| answer(args, world, screen))
}

pub(super) fn answer(args: &Args, world: &World, screen: &Screen) -> anyhow::Result<Outcome> {
    let mut waiting = all(world)?;
    if let Some(partner) = &args.partner {
        waiting.retain(|waiting| waiting.partner.as_ref().is_some_and(|name| name.as_str() == partner));
    }
    screen.json(&waiting)?;
    if waiting.is_empty() {
        screen.line("Nothing is held.")?;
    }
    for one in &waiting {
        let place = one.channel.as_ref().map_or_else(|| "nowhere".to_owned(), |channel| format!("#{channel}"));
        let from = one.from.as_ref().map_or("unknown", Address::as_str);
        screen.line(format_args!(
            "{} → {place} · {} · {from} · {}",
            short(&one.message),
            one.date.format("%Y-%m-%d"),
            one.subject
        ))?;
        screen.line(format_args!("    {}", one.reason))?;
    }
    Ok(Outcome::Done)
}

/// Every message that waits, for each channel that it waits for.
pub(super) fn all(world: &World) -> anyhow::Result<Vec<Waiting>> {
    let mut waiting = Vec::new();
    world.ledger.each_message(|message, record| {
        if let End::Held(reason) = &record.end {
            waiting.push(one(message, &record, None, None, reason.clone()));
        }
        for id in &record.crossings {
            let crossing = world.ledger.crossing(id)?;
            if let Some(reason) = crossing.waiting() {
                let channel = Some(crossing.id.channel.clone());
                waiting.push(one(message, &record, Some(crossing.partner.clone()), channel, reason.clone()));
            }
        }
        Ok(())
    })?;
    waiting.sort_by(|a, b| (&a.partner, a.date, a.message).cmp(&(&b.partner, b.date, b.message)));
    Ok(waiting)
}

fn one(
    message: MessageKey,
    record: &MessageRecord,
    partner: Option<PartnerName>,
    channel: Option<ChannelName>,
    reason: Reason,
) -> Waiting {
    let from = record.audience.first().cloned();
    Waiting { message, partner, channel, reason, from, subject: record.subject.clone(), date: record.date }
}

/// Digits of a key that are enough to name a message on the command line.
pub(super) fn short(key: &MessageKey) -> String {
    key.to_string().chars().take(12).collect()
}
