//! How long to wait, how often to try again, and how long to pause in between.

use std::time::Duration;

use super::failure::Failure;
use crate::mail::id::Digest;

/// The longest pause that a server may ask for. Microsoft 365 asks for 300 s; a longer one is cut, and asked for again.
pub(super) const LONGEST_SUGGESTED_PAUSE: Duration = Duration::from_secs(6 * 60);

/// How long the `+` of IDLE and the answer to DONE are waited for: neither takes a server any work.
pub(super) const IDLE_ANSWER: Duration = Duration::from_secs(30);

/// A mirror that is started anew every day counts all the same: the first time after this part of the time between two.
pub(super) const FIRST_COUNT: u32 = 24;

/// How long a server is waited for, and how often it is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until a connection stands, has its TLS and its greeting. Courier greets after 3 s, a loaded server after 10.
    pub connect: Duration,
    /// Until each answer during the login. Servers slow down a wrong password by 2 to 15 s.
    pub login: Duration,
    /// Until each later answer: a piece of 4 MiB over a throttled line (Gmail: 29 kB/s) takes 2.5 min.
    pub answer: Duration,
    /// Until the end of one command, however many answers come. Idle chatter must not hold a run for ever.
    pub command: Duration,
    /// Until IDLE is begun anew, and the mailbox looked at. RFC 2177 asks for less than 29 minutes, and network devices
    /// forget a silent connection after five; but one that died without a word, behind something that still acknowledges
    /// what is sent, shows by nothing else, and is to be noticed within two minutes.
    pub idle: Duration,
    /// Between two looks at a mailbox that is not watched, since there are more mailboxes than connections.
    pub poll: Duration,
    /// Between two questions for what mailboxes there are.
    pub list: Duration,
    /// Between two listings of a whole mailbox that is followed, from its beginning: whatever was missed is found then. It
    /// costs 25 ms for a thousand messages and downloads none that is known. The first comes after a 24th of it.
    pub count: Duration,
    /// The first pause before a new try; each later one is twice as long.
    pub first_pause: Duration,
    /// Tries without any progress before a mailbox is given up.
    pub tries: u32,
}

impl Default for Patience {
    /// Eight tries with 0.25, 0.5, … 16 s between them: at most 48 s with the spread, longer than a server restarts.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            login: Duration::from_secs(60),
            answer: Duration::from_secs(5 * 60),
            command: Duration::from_secs(30 * 60),
            idle: Duration::from_secs(75),
            poll: Duration::from_secs(30),
            list: Duration::from_secs(3 * 60),
            count: Duration::from_secs(6 * 60 * 60),
            first_pause: Duration::from_millis(250),
            tries: 8,
        }
    }
}

/// Counts the tries at one thing.
#[derive(Debug)]
pub(super) struct Backoff {
    patience: Patience,
    /// What is tried: it spreads the pauses of the connections of one account.
    what: String,
    failed: u32,
}

impl Backoff {
    pub(super) fn new(patience: Patience, what: &str) -> Self {
        Self { patience, what: what.to_owned(), failed: 0 }
    }

    /// Something was achieved: the count begins anew.
    pub(super) fn reset(&mut self) {
        self.failed = 0;
    }

    /// The pause before the next try, or `None` when it is time to give up.
    pub(super) fn after(&mut self, failure: &Failure) -> Option<Duration> {
        self.failed = self.failed.saturating_add(1);
        if !failure.may_pass() || self.failed >= self.patience.tries {
            return None;
        }
        let suggested = failure.suggested_pause().unwrap_or_default().min(LONGEST_SUGGESTED_PAUSE);
        Some(self.pause().max(suggested))
    }

    /// Twice the last one, with up to a half more, so that connections that were lost together do not come back together.
    fn pause(&self) -> Duration {
        let doubled = self.patience.first_pause.saturating_mul(1 << (self.failed - 1).min(16));
        let digest = Digest::of_fields(&[self.what.as_bytes(), &self.failed.to_be_bytes()]);
        let [spread, ..] = digest.as_bytes();
        doubled + doubled.mul_f64(f64::from(*spread) / 512.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pauses_together_stay_under_a_minute() {
        let mut backoff = Backoff::new(Patience::default(), "INBOX");
        let mut pauses = Vec::new();
        while let Some(pause) = backoff.after(&Failure::Lost("gone".into())) {
            pauses.push(pause);
        }
        assert_eq!(pauses.len(), 7);
        assert!(pauses.is_sorted());
        assert!(pauses.iter().sum::<Duration>() < Duration::from_secs(60), "{pauses:?}");
    }

    #[test]
    fn a_suggested_pause_is_kept_and_bounded() {
        let mut backoff = Backoff::new(Patience::default(), "INBOX");
        let minute = Failure::Bad("Request is throttled. Suggested Backoff Time: 60000 milliseconds".into());
        assert_eq!(backoff.after(&minute), Some(Duration::from_secs(60)));
        let day = Failure::Bad("Request is throttled. Suggested Backoff Time: 86400000 milliseconds".into());
        assert_eq!(backoff.after(&day), Some(LONGEST_SUGGESTED_PAUSE));
    }

    #[test]
    fn a_dead_connection_is_noticed_in_time() {
        let (patience, two_minutes) = (Patience::default(), Duration::from_secs(120));
        assert!(patience.idle + patience.answer.min(IDLE_ANSWER) < two_minutes);
        assert!(patience.poll + patience.answer.min(IDLE_ANSWER) < two_minutes);
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        assert_eq!(Backoff::new(Patience::default(), "x").after(&Failure::No("[NONEXISTENT] no".into())), None);
    }
}
