//! How fast posts may go: so many a second in one channel, so many a minute in the workspace.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::delivery::ChannelId;

/// How far a post may make up for one that woke late. Timers tick in milliseconds; without this, a pace of 1,000 a second
/// would lose a tick with every post.
const CATCH_UP: Duration = Duration::from_millis(5);

/// Lets posts go: those to one channel keep their distance, all channels together keep the workspace's, and a
/// `Retry-After` holds back all of them. A channel that has to wait for itself takes nothing from the others.
#[derive(Debug)]
pub struct Pace {
    channel_gap: Duration,
    workspace_gap: Duration,
    next: Mutex<Next>,
}

/// The earliest times at which the next post may go; `None` and absent: at once.
#[derive(Debug, Default)]
struct Next {
    channels: BTreeMap<ChannelId, Instant>,
    workspace: Option<Instant>,
    held: Option<Instant>,
}

impl Pace {
    /// A pace of so many posts a second in a channel and so many a minute in the workspace. Rates that are not above
    /// zero mean no limit.
    pub fn new(posts_per_second: f64, workspace_posts_per_minute: f64) -> Self {
        Self {
            channel_gap: gap(Duration::from_secs(1), posts_per_second),
            workspace_gap: gap(Duration::from_secs(60), workspace_posts_per_minute),
            next: Mutex::default(),
        }
    }

    /// Waits until a post may go to this channel, and counts it.
    pub async fn wait(&self, channel: &ChannelId) {
        while let Err(at) = self.take(channel, Instant::now()) {
            sleep_until(at).await;
        }
    }

    /// Lets nothing go for a while: the server asked for it.
    pub fn hold_back(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut next = self.lock();
        next.held = Some(next.held.map_or(until, |at| at.max(until)));
    }

    /// Counts a post that goes now, or says when to ask again.
    fn take(&self, channel: &ChannelId, now: Instant) -> Result<(), Instant> {
        let mut next = self.lock();
        let own = next.channels.get(channel).copied();
        if let Some(at) = [own, next.workspace, next.held].into_iter().flatten().max().filter(|at| *at > now) {
            return Err(at);
        }
        next.channels.insert(channel.clone(), after(own, self.channel_gap, now));
        next.workspace = Some(after(next.workspace, self.workspace_gap, now));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot after one that was due at `due` and is taken `now`.
fn after(due: Option<Instant>, gap: Duration, now: Instant) -> Instant {
    let latest_catch_up = now.checked_sub(CATCH_UP).unwrap_or(now);
    due.map_or(now, |due| due.max(latest_catch_up)) + gap
}

/// The distance between two of `rate` in a period; none where the rate is no limit.
pub(super) fn gap(period: Duration, rate: f64) -> Duration {
    const LONGEST_SECONDS: f64 = 3600.0;
    if rate > 0.0 { Duration::from_secs_f64((period.as_secs_f64() / rate).min(LONGEST_SECONDS)) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets posts go by a clock that only moves when it is waited for; the milliseconds at which each one went.
    fn departures(pace: &Pace, start: Instant, channels: &[&str]) -> Vec<u128> {
        let mut now = start;
        let mut went = Vec::new();
        for channel in channels {
            while let Err(at) = pace.take(&ChannelId::new(*channel), now) {
                now = at;
            }
            went.push((now - start).as_millis());
        }
        went
    }

    #[test]
    fn a_channel_keeps_its_distance_and_channels_share_the_workspace() {
        let pace = Pace::new(1.0, 120.0);
        assert_eq!(departures(&pace, Instant::now(), &["A", "B", "A", "A"]), [0, 500, 1000, 2000]);
    }

    #[test]
    fn a_channel_that_waits_for_itself_takes_nothing_from_another() {
        let (pace, now) = (Pace::new(0.1, 0.0), Instant::now());
        let (a, b) = (ChannelId::new("A"), ChannelId::new("B"));
        assert_eq!(pace.take(&a, now), Ok(()));
        assert_eq!(pace.take(&a, now), Err(now + Duration::from_secs(10)));
        assert_eq!(pace.take(&b, now), Ok(()));
    }

    #[test]
    fn a_request_to_wait_holds_every_channel_and_a_shorter_one_does_not_undo_it() {
        let pace = Pace::new(1000.0, 100_000.0);
        let start = Instant::now();
        pace.hold_back(Duration::from_secs(30));
        pace.hold_back(Duration::from_secs(3));
        assert!(pace.take(&ChannelId::new("A"), start).is_err_and(|at| at >= start + Duration::from_secs(30)));
    }

    #[test]
    fn a_post_that_woke_late_is_made_up_for() {
        let pace = Pace::new(1000.0, 100_000.0);
        let (start, channel) = (Instant::now(), ChannelId::new("A"));
        let mut now = start;
        for _ in 0..2000 {
            while let Err(at) = pace.take(&channel, now) {
                // A timer that ticks in whole milliseconds, and is late by one.
                let ticks = u64::try_from((at - start).as_micros().div_ceil(1000)).unwrap();
                now = start + Duration::from_millis(ticks + 1);
            }
        }
        assert!((1990..2010).contains(&(now - start).as_millis()), "{:?}", now - start);
    }

    #[test]
    fn no_rate_is_no_limit() {
        let pace = Pace::new(0.0, f64::NAN);
        assert_eq!(departures(&pace, Instant::now(), &["A"; 1000]), [0; 1000]);
    }

    #[tokio::test]
    async fn waiting_is_over_when_the_slot_is_due() {
        let pace = Pace::new(20.0, 0.0);
        let (start, channel) = (Instant::now(), ChannelId::new("A"));
        for _ in 0..3 {
            pace.wait(&channel).await;
        }
        assert!(start.elapsed() >= Duration::from_millis(90));
    }
}
