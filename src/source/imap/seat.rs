//! One connection of an account that is followed: watches one mailbox and asks for others, and comes back when it breaks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use super::connect::{Account, Session};
use super::desk::{Desk, is_end};
use super::failure::Failure;
use super::fetch::{self, Standing};
use super::follow::{Back, Brought, Following};
use super::idle::Noticed;
use super::mailboxes::{Mailbox, choose, list};
use super::patience::{IDLE_ANSWER, LONGEST_SUGGESTED_PAUSE};
use super::watch::idle;
use crate::source::{Pauses, SourceError};

/// The pause after an arrival that left nothing to read, so that a server that cries wolf is not asked without end.
const FALSE_ALARM: Duration = Duration::from_secs(1);

/// Connections in a row that may break before a seat's mailboxes are for the others.
const BREAKS: u32 = 2;

/// A connection that stood for so long was a good one, however it ended: network devices forget silent ones.
const LASTED: Duration = Duration::from_secs(60);

/// One place for a connection.
pub(super) struct Seat {
    number: usize,
    account: Account,
    following: Following,
    desk: Arc<Desk>,
    pauses: Pauses,
    breaks: u32,
}

/// Whether a server tells what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Push {
    /// It offers IDLE.
    Offered,
    /// It does not, or refused.
    Refused,
}

/// What a seat knows as long as its connection stands.
struct Shift {
    session: Session,
    push: Push,
    /// How each mailbox stood when it was read, and when that was.
    standings: BTreeMap<String, (Option<Standing>, Instant)>,
    poll_at: Instant,
    /// What it had to read when it last looked.
    share: Vec<Mailbox>,
}

impl Seat {
    pub(super) fn new(number: usize, account: Account, following: Following, desk: Arc<Desk>) -> Self {
        Self { number, account, following, desk, pauses: Pauses::default(), breaks: 0 }
    }

    /// Serves for ever; returns when everything ends.
    pub(super) async fn serve(mut self) -> SourceError {
        loop {
            let mut deals = self.desk.deals();
            if !self.desk.needs(self.number) {
                // Looked at now and then, too: a server that refused a connection may grant one later.
                tokio::select! {
                    _ = deals.changed() => {}
                    () = sleep(self.account.patience.list) => {}
                }
                continue;
            }
            let session = match self.account.open().await {
                Ok(session) => session,
                Err(failure) => {
                    let pause = self.pause(&failure);
                    self.desk.refused(self.number, failure, pause);
                    self.account.rest(pause).await;
                    continue;
                }
            };
            self.desk.take(self.number);
            let taken_at = Instant::now();
            let push = if session.capabilities.has("IDLE") { Push::Offered } else { Push::Refused };
            let shift = Shift { session, push, standings: BTreeMap::new(), poll_at: Instant::now(), share: Vec::new() };
            match self.hold(shift).await {
                Ok(session) => {
                    self.desk.leave(self.number);
                    session.close().await;
                }
                Err(failure) if is_end(&failure) => return SourceError::Stopped,
                Err(failure) => {
                    if taken_at.elapsed() >= LASTED {
                        (self.pauses, self.breaks) = (Pauses::default(), 0);
                    }
                    self.breaks += 1;
                    let pause = self.pause(&failure);
                    debug!(seat = self.number, why = failure.why(), "the connection is given up");
                    if self.breaks > BREAKS {
                        self.desk.refused(self.number, failure, pause);
                    }
                    sleep(pause).await;
                }
            }
        }
    }

    /// The pause before the next connection, as long as the server asks for.
    fn pause(&mut self, failure: &Failure) -> Duration {
        self.pauses.longer().max(failure.suggested_pause().unwrap_or_default().min(LONGEST_SUGGESTED_PAUSE))
    }

    /// Reads and watches until there is nothing for this seat any more, or the connection is of no use.
    async fn hold(&mut self, mut shift: Shift) -> Result<Session, Failure> {
        let mut noticed = Noticed::Nothing(0);
        loop {
            let deals = self.desk.deals();
            self.list(&mut shift).await?;
            let share = self.desk.share(self.number);
            let Some((watched, rest)) = share.split_first() else {
                if self.desk.list_at(self.number).is_some() {
                    // Nothing to read at all: what there is has to be asked again.
                    self.wait(self.account.patience.poll, deals).await;
                    continue;
                }
                return Ok(shift.session);
            };
            if Instant::now() >= shift.poll_at || shift.share != share {
                for mailbox in rest {
                    self.poll(&mut shift, mailbox).await?;
                }
                shift.poll_at = Instant::now() + self.account.patience.poll;
                shift.share.clone_from(&share);
            }
            let arrivals = shift.session.connection.arrivals();
            let brought = self.read(&mut shift, watched).await?;
            let is_more_told = shift.session.connection.arrivals() > arrivals;
            if brought == Some(Brought::Nothing) && (is_more_told || noticed == Noticed::Arrival) {
                sleep(FALSE_ALARM).await;
            }
            if is_more_told {
                noticed = Noticed::Nothing(0);
                continue;
            }
            let poll_at = (!rest.is_empty()).then_some(shift.poll_at);
            let rests_until = self.desk.rests_until(&watched.name);
            noticed = self.watch(&mut shift, brought, [poll_at, rests_until], deals).await?;
            (self.pauses, self.breaks) = (Pauses::default(), 0);
        }
    }

    /// Asks what mailboxes there are, where that is this seat's turn.
    async fn list(&self, shift: &mut Shift) -> Result<(), Failure> {
        if self.desk.list_at(self.number).is_none_or(|at| at > Instant::now()) {
            return Ok(());
        }
        match list(&mut shift.session).await {
            Ok(mailboxes) => {
                self.desk.listed(choose(&mailboxes, &self.account.settings.mailboxes, &shift.session.capabilities));
                Ok(())
            }
            Err(refused @ (Failure::No(_) | Failure::Bad(_))) if !refused.is_throttle() => {
                self.desk.unlisted(refused);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Reads a mailbox that is not watched, if it stands differently, or was not looked at closely for long.
    async fn poll(&self, shift: &mut Shift, mailbox: &Mailbox) -> Result<(), Failure> {
        if self.desk.rests_until(&mailbox.name).is_some() {
            return Ok(());
        }
        let standing = match fetch::standing(&mut shift.session.connection, mailbox).await {
            Ok(standing) => standing,
            Err(failure) => return self.ill(mailbox, failure),
        };
        let is_as_it_was = shift
            .standings
            .get(&mailbox.name)
            .is_some_and(|(before, at)| standing.is_some() && *before == standing && at.elapsed() < self.account.patience.list);
        if is_as_it_was {
            self.desk.well(&mailbox.name);
            return Ok(());
        }
        if self.read(shift, mailbox).await?.is_some() {
            shift.standings.insert(mailbox.name.clone(), (standing, Instant::now()));
        }
        Ok(())
    }

    /// Reads a mailbox; `None` where it rests, or is in trouble that is its own.
    async fn read(&self, shift: &mut Shift, mailbox: &Mailbox) -> Result<Option<Brought>, Failure> {
        if self.desk.rests_until(&mailbox.name).is_some() {
            return Ok(None);
        }
        let is_new = !shift.standings.contains_key(&mailbox.name);
        let back = if is_new { Back::OverANewConnection } else { Back::OverTheSame };
        match self.following.read(mailbox, &mut shift.session.connection, back).await {
            Ok(brought) => {
                shift.standings.entry(mailbox.name.clone()).or_insert_with(|| (None, Instant::now()));
                self.desk.well(&mailbox.name);
                Ok(Some(brought))
            }
            Err(failure) => self.ill(mailbox, failure).map(|()| None),
        }
    }

    /// Trouble with a mailbox: its own, or the connection's as well.
    fn ill(&self, mailbox: &Mailbox, failure: Failure) -> Result<(), Failure> {
        if is_end(&failure) {
            return Err(failure);
        }
        let ended = match &failure {
            Failure::Lost(why) => Some(Failure::Lost(why.clone())),
            Failure::No(text) | Failure::Bad(text) if failure.is_throttle() => Some(Failure::No(text.clone())),
            Failure::No(_) | Failure::Bad(_) | Failure::Final(_) => None,
        };
        self.desk.ill(&mailbox.name, failure);
        ended.map_or(Ok(()), Err)
    }

    /// Waits for something to do: by IDLE in the mailbox that was just read, or without where that cannot be.
    async fn watch(
        &self,
        shift: &mut Shift,
        brought: Option<Brought>,
        times: [Option<Instant>; 2],
        deals: tokio::sync::watch::Receiver<u64>,
    ) -> Result<Noticed, Failure> {
        let patience = self.account.patience;
        let now = Instant::now();
        let latest = [Some(now + patience.idle), self.desk.list_at(self.number)];
        let end = times.into_iter().chain(latest).flatten().min().unwrap_or(now).max(now);
        if brought.is_none() || shift.push == Push::Refused {
            self.wait(end.min(now + patience.poll).saturating_duration_since(now), deals).await;
            return Ok(Noticed::Nothing(0));
        }
        let held = shift.session.connection.held().unwrap_or_default();
        let limit = patience.answer.min(IDLE_ANSWER);
        match idle(&mut shift.session.connection, held, end, limit, self.called(deals)).await {
            Err(refused @ (Failure::No(_) | Failure::Bad(_))) if !refused.is_throttle() => {
                debug!(seat = self.number, why = refused.why(), "it is polled");
                shift.push = Push::Refused;
                Ok(Noticed::Nothing(0))
            }
            noticed => noticed,
        }
    }

    async fn wait(&self, limit: Duration, deals: tokio::sync::watch::Receiver<u64>) {
        tokio::select! {
            () = sleep_until(Instant::now() + limit) => {}
            () = self.called(deals) => {}
        }
    }

    /// Returns when the mailboxes were dealt anew, or it is for this seat to ask what there is.
    async fn called(&self, mut deals: tokio::sync::watch::Receiver<u64>) {
        let is_first = self.desk.list_at(self.number).is_some();
        tokio::select! {
            _ = deals.changed() => {}
            () = self.desk.list_wanted(), if is_first => {}
        }
    }
}
