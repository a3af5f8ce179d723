//! The mailboxes of an account, several at once: each worker has a connection and takes the next mailbox when it is done
//! with one. A connection that breaks is opened again, with growing pauses, and goes on where the last one was.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::task::JoinSet;
use tracing::debug;

use super::command::Connection;
use super::connect::{Account, Session};
use super::failure::Failure;
use super::mailboxes::{Mailbox, choose, list};
use super::patience::Backoff;
use crate::source::SourceError;

/// What is to be done with each mailbox.
#[async_trait]
pub(super) trait Errand: Clone + Send + Sync + 'static {
    /// How far one mailbox is done, across connections and tries.
    type Progress: Default + Send;

    /// Does it over this connection, from where it is on.
    async fn run(&self, mailbox: &Mailbox, connection: &mut Connection, progress: &mut Self::Progress) -> Result<(), Failure>;

    /// Something that changes with each step forward.
    fn mark(progress: &Self::Progress) -> (u32, usize);

    /// A mailbox could not be done to its end.
    async fn failed(&self, mailbox: String, error: SourceError) -> Result<(), SourceError>;
}

/// The mailboxes that nobody has begun with.
type Queue = Arc<Mutex<VecDeque<Mailbox>>>;

/// Does an errand in every mailbox that the settings name.
pub(super) async fn send<E: Errand>(account: Account, errand: E) -> Result<(), SourceError> {
    let (session, mailboxes) = begin(&account).await?;
    let choice = choose(&mailboxes, &account.settings.mailboxes, &session.capabilities);
    for (mailbox, error) in choice.missing {
        errand.failed(mailbox, error).await?;
    }
    let workers = account.settings.max_connections.clamp(1, choice.read.len().max(1));
    let queue: Queue = Arc::new(Mutex::new(choice.read.into()));
    let worker = |session| Worker { account: account.clone(), errand: errand.clone(), queue: queue.clone(), session };
    let mut running = JoinSet::new();
    running.spawn(worker(Some(session)).run());
    for _ in 1..workers {
        running.spawn(worker(None).join_in());
    }
    while let Some(end) = running.join_next().await {
        end.unwrap_or_else(|error| Err(SourceError::Broken { what: account.address(), why: error.to_string() }))?;
    }
    fail_the_rest(&account, &queue, &errand).await
}

/// The first connection and all mailboxes. A server that asks for patience is waited for; one that is not there is not, as
/// a wrong host or port should show at once.
async fn begin(account: &Account) -> Result<(Session, Vec<Mailbox>), SourceError> {
    let mut backoff = Backoff::new(account.patience, &account.address());
    loop {
        let failure = match open_and_list(account).await {
            Ok(begun) => return Ok(begun),
            Err(busy @ (Failure::No(_) | Failure::Bad(_))) => busy,
            Err(failure @ (Failure::Lost(_) | Failure::Final(_))) => return Err(failure.into_error(account.address())),
        };
        match backoff.after(&failure) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(failure.into_error(account.address())),
        }
    }
}

async fn open_and_list(account: &Account) -> Result<(Session, Vec<Mailbox>), Failure> {
    let mut session = account.open().await?;
    let mailboxes = list(&mut session).await?;
    Ok((session, mailboxes))
}

/// Reports what nobody began with, as every connection broke and did not come back.
async fn fail_the_rest<E: Errand>(account: &Account, queue: &Queue, errand: &E) -> Result<(), SourceError> {
    while let Some(mailbox) = next_mailbox(queue) {
        let error =
            SourceError::Unreachable { what: account.address(), why: "the connection broke and did not come back".to_owned() };
        errand.failed(mailbox.name, error).await?;
    }
    Ok(())
}

fn next_mailbox(queue: &Queue) -> Option<Mailbox> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// Why a mailbox could not be done to its end.
enum Setback {
    /// For a reason of its own.
    Mailbox(SourceError),
    /// No connection can be had any more: every other mailbox would fail the same way, after the same pauses.
    Account(SourceError),
}

/// One connection's worth of work.
struct Worker<E> {
    account: Account,
    errand: E,
    queue: Queue,
    session: Option<Session>,
}

impl<E: Errand> Worker<E> {
    /// Works along if the server grants one more connection. If not, the others do the work (Dovecot's default limit is
    /// 10 of one user and address, Gmail's is 15).
    async fn join_in(mut self) -> Result<(), SourceError> {
        match self.account.open().await {
            Ok(session) => self.session = Some(session),
            Err(failure) => {
                debug!(imap.host = %self.account.settings.host, why = failure.why(), "no further connection");
                return Ok(());
            }
        }
        self.run().await
    }

    /// Does mailboxes until none is left or no connection can be had.
    async fn run(mut self) -> Result<(), SourceError> {
        while let Some(mailbox) = next_mailbox(&self.queue) {
            debug!(mailbox.name = %mailbox.name, "begun");
            match self.visit(&mailbox).await {
                Ok(()) => {}
                Err(Setback::Mailbox(SourceError::Stopped)) => return Err(SourceError::Stopped),
                Err(Setback::Mailbox(error)) => self.errand.failed(mailbox.name, error).await?,
                Err(Setback::Account(error)) => return self.errand.failed(mailbox.name, error).await,
            }
        }
        if let Some(session) = self.session.take() {
            session.close().await;
        }
        Ok(())
    }

    /// Does one mailbox over as many connections as it takes. The count of tries begins anew with each step forward.
    async fn visit(&mut self, mailbox: &Mailbox) -> Result<(), Setback> {
        let mut progress = E::Progress::default();
        let mut backoff = Backoff::new(self.account.patience, &mailbox.name);
        loop {
            let before = E::mark(&progress);
            let Some(failure) = self.go_on(mailbox, &mut progress, &mut backoff).await? else { return Ok(()) };
            if E::mark(&progress) != before {
                backoff.reset();
            }
            debug!(mailbox.name = %mailbox.name, why = failure.why(), "interrupted");
            match backoff.after(&failure) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(Setback::Mailbox(failure.into_error(format!("the mailbox {}", mailbox.name)))),
            }
        }
    }

    /// Goes on over the connection that there is, or a new one, until the end or a failure.
    async fn go_on(
        &mut self,
        mailbox: &Mailbox,
        progress: &mut E::Progress,
        backoff: &mut Backoff,
    ) -> Result<Option<Failure>, Setback> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.reopen(backoff).await.map_err(Setback::Account)?,
        };
        let failure = self.errand.run(mailbox, &mut session.connection, progress).await.err();
        if !failure.as_ref().is_some_and(Failure::is_lost) {
            self.session = Some(session);
        }
        Ok(failure)
    }

    /// Opens a connection again, after pauses: the server was there before.
    async fn reopen(&self, backoff: &mut Backoff) -> Result<Session, SourceError> {
        loop {
            let failure = match self.account.open().await {
                Ok(session) => return Ok(session),
                Err(failure) => failure,
            };
            match backoff.after(&failure) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(failure.into_error(self.account.address())),
            }
        }
    }
}
