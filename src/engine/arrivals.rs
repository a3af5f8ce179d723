//! What arrives while a run goes on, and what was there before: mail of the past neither goes first nor counts as a storm.

use chrono::{DateTime, Duration, Utc};

use super::World;
use crate::delivery::Timeliness;
use crate::ledger::{Crossing, Whose};
use crate::mail::{Message, ThreadId};
use crate::policy::gate::{Arrivals, Breaker};
use crate::source::{Found, Phase};

/// How long ago a message may have arrived that is called live. A mirror that stood still for longer catches up with the
/// past; and old mail that somebody moves to a mailbox keeps the date at which the server got it.
const LIVE_WITHIN: Duration = Duration::hours(24);

/// How much older than a post of its thread a message must be to be called late. Clocks of senders differ by minutes, so that
/// an answer may be dated before what it answers.
const LATE_AFTER: Duration = Duration::minutes(10);

/// When a message arrived, where it arrived live: in a mirror, of a source that had been read to its end, and less than a day
/// ago by the date of its server. Without such a date its own excuses it from being counted.
pub(super) fn arrived(message: &Message, found: &Found, phase: Phase, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if phase == Phase::Past {
        return None;
    }
    let by_server = found.internal_date.or_else(|| message.received.map(|date| date.to_utc()));
    let at = by_server.or_else(|| message.date.map(|date| date.to_utc())).map_or(now, |at| at.min(now));
    (now - at <= LIVE_WITHIN).then_some(at)
}

/// Whether a message that was not begun comes after newer ones of its thread.
pub(super) fn timeliness(world: &World, crossing: &Crossing, thread: &ThreadId) -> anyhow::Result<Timeliness> {
    let newest = world.ledger.newest(thread, &crossing.id)?;
    let is_late = newest.is_some_and(|newest| newest - crossing.date > LATE_AFTER);
    Ok(if is_late { Timeliness::Late } else { Timeliness::InTime })
}

impl World {
    /// How much arrived with a message, as far as the breaker wants to know.
    pub(super) fn arrivals_with(&self, crossing: &Crossing) -> anyhow::Result<Arrivals> {
        let Some(at) = crossing.arrived else { return Ok(Arrivals::default()) };
        let record = self.ledger.message(&crossing.id.message)?;
        let thread = self.ledger.thread(&record)?;
        let Breaker { correspondent, thread: of_thread, minutes } = self.config.rules.loops.breaker;
        let count = |whose, most: u32| {
            let limit = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1);
            let arrived = self.ledger.arrived(whose, &crossing.id, (Duration::minutes(minutes.into()), at), limit)?;
            anyhow::Ok(u32::try_from(arrived).unwrap_or(u32::MAX))
        };
        Ok(Arrivals {
            correspondent: record.audience.first().map_or(Ok(0), |author| count(Whose::Correspondent(author), correspondent))?,
            thread: count(Whose::Thread(&thread), of_thread)?,
        })
    }
}
