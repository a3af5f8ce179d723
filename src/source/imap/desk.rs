//! Who reads which mailbox, and how the account stands. No input, no output: the seats ask and tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::debug;

use super::failure::Failure;
use super::mailboxes::{Choice, Mailbox};
use super::patience::Patience;
use crate::source::{Pauses, Signs, SourceError};

/// How long a mailbox rests at least and at most before it is looked at again, when the day's budget is used up.
const SHORTEST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

/// The mailboxes of an account, dealt out to those of its connections that stand.
pub(super) struct Desk {
    /// Host and port, for people.
    address: String,
    patience: Patience,
    signs: Arc<dyn Signs>,
    state: Mutex<State>,
    /// Counts how often the mailboxes were dealt.
    deals: watch::Sender<u64>,
    /// Somebody wants to know what mailboxes there are.
    list_wanted: Notify,
}

struct State {
    /// In the order of their worth: the inbox, what we sent, the rest.
    mailboxes: Vec<Mailbox>,
    /// The seats that have a connection, or had one a moment ago.
    taken: BTreeSet<usize>,
    /// What is not well: mailboxes that were not read yet, are in trouble or missing.
    wanting: BTreeSet<String>,
    /// Mailboxes that are left alone until then.
    rests: BTreeMap<String, (Pauses, Instant)>,
    list_at: Instant,
    /// Pauses between questions for mailboxes that are missing.
    missing: Pauses,
}

impl Desk {
    pub(super) fn new(address: String, patience: Patience, signs: Arc<dyn Signs>) -> Self {
        let state = State {
            mailboxes: Vec::new(),
            taken: BTreeSet::new(),
            wanting: BTreeSet::new(),
            rests: BTreeMap::new(),
            list_at: Instant::now(),
            missing: Pauses::default(),
        };
        Self { address, patience, signs, state: Mutex::new(state), deals: watch::Sender::new(0), list_wanted: Notify::new() }
    }

    /// Tells when the mailboxes are dealt anew.
    pub(super) fn deals(&self) -> watch::Receiver<u64> {
        self.deals.subscribe()
    }

    /// Returns when somebody wants to know what mailboxes there are.
    pub(super) async fn list_wanted(&self) {
        self.list_wanted.notified().await;
    }

    /// Whether a seat should take a connection. The first always should; another where one stands, so that a server that is
    /// away or refuses the password is asked once, and where there are mailboxes enough.
    pub(super) fn needs(&self, seat: usize) -> bool {
        let state = self.state();
        seat == 0 || !state.taken.is_empty() && (state.taken.contains(&seat) || state.taken.len() < state.mailboxes.len())
    }

    /// A seat has a connection.
    pub(super) fn take(&self, seat: usize) {
        if self.state().taken.insert(seat) {
            self.deal();
        }
    }

    /// A seat gets no connection any more: its mailboxes are for the others.
    pub(super) fn leave(&self, seat: usize) {
        if self.state().taken.remove(&seat) {
            self.deal();
        }
    }

    /// A seat got no connection. That is trouble only where no other has one: a server may grant fewer than we want.
    pub(super) fn refused(&self, seat: usize, failure: Failure, pause: Duration) {
        self.leave(seat);
        let error = failure.into_error(&self.address);
        if self.state().taken.is_empty() {
            self.signs.trouble(&error, pause);
        } else {
            debug!(%error, seat, "no further connection");
        }
    }

    /// What a seat has to read: the first of it is watched, the rest asked for time and again.
    pub(super) fn share(&self, seat: usize) -> Vec<Mailbox> {
        let state = self.state();
        let Some(place) = state.taken.iter().position(|taken| *taken == seat) else { return Vec::new() };
        let is_last = place + 1 == state.taken.len();
        let most = if is_last { usize::MAX } else { 1 };
        state.mailboxes.iter().skip(place).take(most).cloned().collect()
    }

    /// When a seat has to ask what mailboxes there are: the first that has a connection does.
    pub(super) fn list_at(&self, seat: usize) -> Option<Instant> {
        let state = self.state();
        (state.taken.first() == Some(&seat)).then_some(state.list_at)
    }

    /// What mailboxes there are now.
    pub(super) fn listed(&self, choice: Choice) {
        let (troubles, is_new) = {
            let mut state = self.state();
            let is_new = state.mailboxes != choice.read;
            let before: BTreeSet<String> = state.mailboxes.iter().map(|mailbox| mailbox.name.clone()).collect();
            let names: BTreeSet<String> = choice.read.iter().map(|mailbox| mailbox.name.clone()).collect();
            state.wanting.retain(|name| names.contains(name));
            state.wanting.extend(names.difference(&before).cloned());
            state.wanting.extend(choice.missing.iter().map(|(name, _)| name.clone()));
            state.rests.retain(|name, _| names.contains(name));
            state.mailboxes = choice.read;
            let pause = if choice.missing.is_empty() {
                state.missing = Pauses::default();
                self.patience.list
            } else {
                state.missing.longer().min(self.patience.list)
            };
            state.list_at = Instant::now() + pause;
            (choice.missing.into_iter().map(move |(_, error)| (error, pause)), is_new)
        };
        for (error, pause) in troubles {
            self.signs.trouble(&error, pause);
        }
        if is_new {
            self.deal();
        }
        self.tell_if_well();
    }

    /// What mailboxes there are could not be said now; it is asked again.
    pub(super) fn unlisted(&self, failure: Failure) {
        let pause = self.patience.list;
        self.state().list_at = Instant::now() + pause;
        self.signs.trouble(&failure.into_error(&self.address), pause);
    }

    /// A mailbox was read to its end.
    pub(super) fn well(&self, mailbox: &str) {
        let mut state = self.state();
        state.wanting.remove(mailbox);
        state.rests.remove(mailbox);
        drop(state);
        self.tell_if_well();
    }

    /// A mailbox could not be read. It rests for a while, and it is asked whether it is still there.
    pub(super) fn ill(&self, mailbox: &str, failure: Failure) {
        let pause = {
            let mut state = self.state();
            let now = Instant::now();
            if state.mailboxes.iter().any(|known| known.name == mailbox) {
                state.wanting.insert(mailbox.to_owned());
            }
            state.list_at = now;
            let (pauses, until) = state.rests.entry(mailbox.to_owned()).or_insert_with(|| (Pauses::default(), now));
            let pause = rest(&failure).unwrap_or_else(|| pauses.longer());
            *until = now + pause;
            pause
        };
        self.signs.trouble(&failure.into_error(format!("the mailbox {mailbox}")), pause);
        self.list_wanted.notify_one();
    }

    /// Until when a mailbox rests.
    pub(super) fn rests_until(&self, mailbox: &str) -> Option<Instant> {
        self.state().rests.get(mailbox).map(|(_, until)| *until).filter(|until| *until > Instant::now())
    }

    /// The account is well where each mailbox is. Each is looked at every few minutes, or is in trouble.
    fn tell_if_well(&self) {
        let is_well = {
            let state = self.state();
            state.wanting.is_empty() && !state.mailboxes.is_empty()
        };
        if is_well {
            self.signs.caught_up();
        }
    }

    fn deal(&self) {
        self.deals.send_modify(|deals| *deals += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a mailbox rests for a reason that is known to pass; looked at again within the hour, should a clock be set.
fn rest(failure: &Failure) -> Option<Duration> {
    let Failure::Final(SourceError::Resting { until, .. }) = failure else { return None };
    Some((*until - Utc::now()).to_std().unwrap_or_default().clamp(SHORTEST_REST, LONGEST_REST))
}

/// Whether an error only says that everything ends.
pub(super) fn is_end(failure: &Failure) -> bool {
    matches!(failure, Failure::Final(SourceError::Stopped))
}
