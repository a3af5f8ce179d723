//! How often each repeatable method may be called. A method rests when Slack says so, and is called at the rate of its tier
//! before Slack has to say it: those who keep being refused are cut off longer. Posts keep a pace of their own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::method::Method;
use crate::destination::pace::gap;

/// How much of a tier's minute may be used at once: a lookup or a listing of a few pages does not wait at all.
const BURST: Duration = Duration::from_secs(15);

/// Hands out the times at which a method may be called next.
#[derive(Debug)]
pub(super) struct Tempo {
    speed: f64,
    due: Mutex<BTreeMap<Method, Instant>>,
}

impl Tempo {
    /// A tempo for a server that takes so many posts a second in a channel. Slack takes one; whoever allows more runs
    /// something that takes more of everything, and is called as much faster.
    pub(super) fn new(posts_per_second: f64) -> Self {
        let speed = if posts_per_second > 0.0 { posts_per_second.max(1.0) } else { f64::INFINITY };
        Self { speed, due: Mutex::default() }
    }

    /// Waits until the method may be called, and counts the call.
    ///
    /// # Errors
    /// How long is left where that is more than `longest`: nothing was counted.
    pub(super) async fn wait(&self, method: Method, longest: Duration) -> Result<(), Duration> {
        loop {
            let now = Instant::now();
            match self.take(method, now) {
                Ok(()) => return Ok(()),
                Err(at) if at - now > longest => return Err(at - now),
                Err(at) => sleep_until(at).await,
            }
        }
    }

    /// Lets the method rest for a while: the server asked for it.
    pub(super) fn hold_back(&self, method: Method, pause: Duration) {
        self.rest_until(method, Instant::now() + pause);
    }

    fn rest_until(&self, method: Method, until: Instant) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let at = until + BURST;
        due.entry(method).and_modify(|old| *old = at.max(*old)).or_insert(at);
    }

    /// Counts a call that goes now, or says when to ask again. `due` is when the call would be due if all calls were
    /// spread evenly; it may run ahead of the clock by [`BURST`].
    fn take(&self, method: Method, now: Instant) -> Result<(), Instant> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let own = due.get(&method).copied().unwrap_or(now);
        if let Some(at) = own.checked_sub(BURST).filter(|at| *at > now) {
            return Err(at);
        }
        let step = method.calls_per_minute().map_or(Duration::ZERO, |calls| gap(Duration::from_secs(60), calls * self.speed));
        due.insert(method, own.max(now) + step);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls go within a time, by a clock that moves only when it is waited for.
    fn calls_within(tempo: &Tempo, method: Method, start: Instant, span: Duration) -> u32 {
        let (mut now, mut calls) = (start, 0);
        while now < start + span && calls < 100_000 {
            match tempo.take(method, now) {
                Ok(()) => calls += 1,
                Err(at) => now = at,
            }
        }
        calls
    }

    #[test]
    fn a_listing_does_not_wait_for_its_first_pages_and_then_keeps_to_its_tier() {
        let (tempo, start) = (Tempo::new(1.0), Instant::now());
        assert_eq!(calls_within(&tempo, Method::ConversationsList, start, Duration::from_nanos(1)), 6);
        let minute = calls_within(&tempo, Method::ConversationsList, start + Duration::from_secs(60), Duration::from_secs(60));
        assert!((20..=26).contains(&minute), "{minute}");
    }

    #[test]
    fn whoever_allows_more_posts_is_called_faster() {
        let (tempo, start) = (Tempo::new(1000.0), Instant::now());
        assert!(calls_within(&tempo, Method::FilesInfo, start, Duration::from_secs(1)) > 10_000);
        assert_eq!(calls_within(&Tempo::new(0.0), Method::FilesInfo, start, Duration::from_secs(1)), 100_000);
    }

    #[tokio::test]
    async fn a_long_rest_is_not_slept_through() {
        let tempo = Tempo::new(1.0);
        tempo.hold_back(Method::ConversationsHistory, Duration::from_secs(600));
        let left = tempo.wait(Method::ConversationsHistory, Duration::from_secs(120)).await.unwrap_err();
        assert!((590..=600).contains(&left.as_secs()), "{left:?}");
    }

    #[test]
    fn a_method_that_rests_does_not_hold_the_others() {
        let (tempo, now) = (Tempo::new(1.0), Instant::now());
        let until = now + Duration::from_secs(30);
        tempo.rest_until(Method::ConversationsHistory, until);
        tempo.rest_until(Method::ConversationsHistory, now);
        assert_eq!(tempo.take(Method::ConversationsHistory, now), Err(until));
        assert_eq!(tempo.take(Method::ConversationsHistory, until), Ok(()));
        assert_eq!(tempo.take(Method::ConversationsReplies, now), Ok(()));
    }
}
