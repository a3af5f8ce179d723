//! How much a provider lets an account download: a budget of bytes for each day, and so many messages a second.
//!
//! Gmail suspends IMAP for an account that downloads more than 2,500 MB a day; Microsoft advises at most 4 messages a second.
//! When the budget is used up, the source rests until the next day (UTC) and goes on where it stopped. What is read in bulk
//! may use four fifths of it: the rest is for mail that arrives in mailboxes that were read already, so that a history of
//! weeks does not hold it up. Bytes are those of the messages, whether the line was compressed or not: nobody says what providers
//! count, and this is the safe side. What was used is kept in a file, as a restart gives no new budget.

use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::source::SourceError;

const MEGABYTE: u64 = 1_000_000;

/// Bytes that may be used before the file is written again: what a kill may forget.
const WRITTEN_EVERY: u64 = 16 * MEGABYTE;

/// Parts of the budget, in percent, that what is read in bulk may use.
const BULK_PERCENT: u64 = 80;

/// The longest file that is read: it holds a date and a number.
const MAX_FILE_BYTES: u64 = 1024;

/// What the provider of an account allows.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Bytes a day, and the file that remembers how many were used; `None` for no bound.
    pub daily: Option<Daily>,
    /// Messages a second over all connections; `None` for no bound.
    pub messages_per_second: Option<NonZero<u32>>,
}

/// A budget for each day.
#[derive(Clone, Debug)]
pub struct Daily {
    /// Megabytes (10⁶ bytes) of messages.
    pub megabytes: u64,
    /// The file that remembers what was used.
    pub kept: PathBuf,
}

impl Daily {
    fn share(&self, purpose: Purpose) -> u64 {
        let whole = self.megabytes.saturating_mul(MEGABYTE);
        if purpose == Purpose::Bulk { whole / 100 * BULK_PERCENT } else { whole }
    }
}

/// What a message is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Among many: a history, or what has heaped up.
    Bulk,
    /// It arrived lately.
    #[default]
    Arrival,
}

/// The allowance of one account, shared by its connections.
#[derive(Debug)]
pub(super) struct Allowance {
    allowed: Allowed,
    account: String,
    clock: fn() -> DateTime<Utc>,
    used: Mutex<Used>,
    /// When the next message may be asked for.
    turn: Mutex<Instant>,
}

/// What was used on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Used {
    day: NaiveDate,
    bytes: u64,
    /// How much of it the file knows.
    #[serde(skip)]
    written: u64,
}

impl Allowance {
    /// The allowance of an account, named for people, with what was used of it today.
    pub(super) fn new(allowed: Allowed, account: String, clock: fn() -> DateTime<Utc>) -> Self {
        let used = allowed.daily.as_ref().and_then(|daily| read(&daily.kept)).unwrap_or_default();
        Self { allowed, account, clock, used: Mutex::new(used), turn: Mutex::new(Instant::now()) }
    }

    /// Fails while the budget of the day is used up.
    pub(super) fn check(&self, purpose: Purpose) -> Result<(), SourceError> {
        let Some(daily) = &self.allowed.daily else { return Ok(()) };
        let used = self.used_today();
        if used.bytes < daily.share(purpose) {
            return Ok(());
        }
        let tomorrow = used.day.checked_add_days(Days::new(1)).unwrap_or(used.day);
        Err(SourceError::Resting {
            what: self.account.clone(),
            why: format!("{} of its {} MB for one day are used (daily_megabytes)", used.bytes / MEGABYTE, daily.megabytes),
            until: tomorrow.and_time(NaiveTime::MIN).and_utc(),
        })
    }

    /// Bytes that may still be used today.
    pub(super) fn left(&self, purpose: Purpose) -> u32 {
        let Some(daily) = &self.allowed.daily else { return u32::MAX };
        u32::try_from(daily.share(purpose).saturating_sub(self.used_today().bytes)).unwrap_or(u32::MAX)
    }

    /// So many bytes came.
    pub(super) fn spend(&self, bytes: usize) {
        let Some(daily) = &self.allowed.daily else { return };
        let mut used = self.used_today();
        used.bytes = used.bytes.saturating_add(bytes as u64);
        let is_due = used.bytes - used.written >= WRITTEN_EVERY.min(daily.megabytes.saturating_mul(MEGABYTE) / 100);
        if is_due {
            self.keep(daily, &mut used);
        }
    }

    /// Waits until so many messages may be asked for.
    pub(super) async fn wait_for(&self, messages: usize) {
        let Some(rate) = self.allowed.messages_per_second else { return };
        tokio::time::sleep_until(self.take_turn(rate, messages, Instant::now())).await;
    }

    /// When so many messages may be asked for; what comes after them waits for its share.
    fn take_turn(&self, rate: NonZero<u32>, messages: usize, now: Instant) -> Instant {
        let share = Duration::from_secs(1).saturating_mul(u32::try_from(messages).unwrap_or(u32::MAX)) / rate.get();
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = (*turn).max(now);
        *turn = taken + share;
        taken
    }

    /// Messages that may be asked for by one command, so that a slow pace does not come in bursts.
    pub(super) fn at_once(&self) -> usize {
        self.allowed.messages_per_second.map_or(usize::MAX, |rate| rate.get() as usize)
    }

    fn keep(&self, daily: &Daily, used: &mut Used) {
        match write(&daily.kept, used) {
            Ok(()) => used.written = used.bytes,
            Err(error) => {
                tracing::warn!(%error, file = %daily.kept.display(), "how much was downloaded today cannot be kept");
            }
        }
    }

    fn used_today(&self) -> MutexGuard<'_, Used> {
        let mut used = self.used();
        used.turn_to((self.clock)().date_naive());
        used
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        if let Some(daily) = self.allowed.daily.clone() {
            let mut used = *self.used();
            if used.bytes > used.written {
                self.keep(&daily, &mut used);
            }
        }
    }
}

impl Used {
    /// Begins anew where the day is another. A clock that was set back gives no new budget.
    fn turn_to(&mut self, today: NaiveDate) {
        if today > self.day {
            *self = Self { day: today, bytes: 0, written: 0 };
        }
    }
}

fn read(file: &Path) -> Option<Used> {
    let is_small = fs::metadata(file).is_ok_and(|found| found.len() <= MAX_FILE_BYTES);
    let used: Used = is_small.then(|| fs::read(file).ok()).flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok())?;
    Some(Used { written: used.bytes, ..used })
}

fn write(file: &Path, used: &Used) -> io::Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    let begun = file.with_extension("new");
    fs::write(&begun, serde_json::to_vec(used)?)?;
    fs::rename(begun, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_of_march() -> DateTime<Utc> {
        DateTime::from_timestamp(1_614_556_800 + 3_600, 0).unwrap()
    }

    fn second_of_march() -> DateTime<Utc> {
        first_of_march() + Days::new(1)
    }

    fn allowance(kept: &Path, clock: fn() -> DateTime<Utc>) -> Allowance {
        let daily = Some(Daily { megabytes: 10, kept: kept.to_owned() });
        Allowance::new(Allowed { daily, messages_per_second: None }, "vendors".into(), clock)
    }

    #[test]
    fn a_day_has_one_budget_over_restarts_and_keeps_a_part_for_what_arrives() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("budget/vendors");
        let today = allowance(&kept, first_of_march);
        today.spend(7_999_999);
        assert!(today.check(Purpose::Bulk).is_ok());
        today.spend(1);
        let rest = today.check(Purpose::Bulk).unwrap_err();
        assert_eq!(
            rest.to_string(),
            "vendors rests until 2021-03-02 00:00 UTC: 8 of its 10 MB for one day are used (daily_megabytes)"
        );
        assert!(today.check(Purpose::Arrival).is_ok());
        drop(today);
        let today = allowance(&kept, first_of_march);
        assert!(today.check(Purpose::Bulk).is_err());
        today.spend(2_000_000);
        assert!(today.check(Purpose::Arrival).is_err());
        drop(today);
        let tomorrow = allowance(&kept, second_of_march);
        assert!(tomorrow.check(Purpose::Bulk).is_ok());
        tomorrow.spend(9_000_000);
        drop(tomorrow);
        assert!(allowance(&kept, first_of_march).check(Purpose::Bulk).is_err(), "a clock that was set back gives nothing");
    }

    #[test]
    fn a_damaged_file_gives_a_new_budget_and_no_bound_asks_for_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let kept = dir.path().join("vendors");
        fs::write(&kept, "{").unwrap();
        assert!(allowance(&kept, first_of_march).check(Purpose::Bulk).is_ok());
        let unbounded = Allowance::new(Allowed::default(), "vendors".into(), first_of_march);
        unbounded.spend(usize::MAX);
        assert!(unbounded.check(Purpose::Bulk).is_ok());
    }

    #[test]
    fn messages_are_asked_for_at_the_pace_that_is_allowed() {
        let four = NonZero::new(4).unwrap();
        let allowed = Allowed { daily: None, messages_per_second: Some(four) };
        let allowance = Allowance::new(allowed, "vendors".into(), first_of_march);
        let now = Instant::now() + Duration::from_secs(1);
        let turns: Vec<u128> = [4, 1, 1, 2].map(|messages| (allowance.take_turn(four, messages, now) - now).as_millis()).into();
        assert_eq!(turns, [0, 1000, 1250, 1500]);
        let later = now + Duration::from_secs(60);
        assert_eq!(allowance.take_turn(four, 1, later), later, "a quiet minute saves nothing up and owes nothing");
        assert_eq!(allowance.at_once(), 4);
    }
}
