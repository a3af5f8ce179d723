//! Sends everything that an account holds and that is not yet known.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::ImapSource;
use super::allowance::Allowance;
use super::command::Connection;
use super::crew::Errand;
use super::failure::Failure;
use super::mailboxes::Mailbox;
use super::objects::Lately;
use super::patience::Patience;
use super::progress::Progress;
use super::reader::Reader;
use crate::mail::ObjectId;
use crate::position::SourceName;
use crate::source::{Known, Outlet, Scanned, SourceError};

/// Reads mailboxes for a source.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) source: SourceName,
    pub(super) known: Arc<dyn Known>,
    pub(super) outlet: Outlet,
    pub(super) patience: Patience,
    pub(super) allowance: Arc<Allowance>,
    /// The turn to hold a large message: one of the account at a time, as it may be as long as
    /// [`crate::source::MAX_MESSAGE_BYTES`].
    pub(super) large: Arc<Semaphore>,
    /// What was sent last, over all connections of the account.
    pub(super) lately: Arc<Mutex<Lately>>,
}

impl Reading {
    /// Reads for a source, past what is known, into an outlet.
    pub(super) fn new(source: &ImapSource, known: Arc<dyn Known>, outlet: Outlet) -> Self {
        Self {
            source: source.name.clone(),
            known,
            outlet,
            patience: source.patience,
            allowance: source.allowance.clone(),
            large: Arc::new(Semaphore::new(1)),
            lately: Arc::default(),
        }
    }

    /// Whether a message of this name was sent, lately or in an earlier run.
    pub(super) fn holds(&self, object: &ObjectId) -> bool {
        self.lately().has(object) || self.known.holds(object)
    }

    /// What was sent last.
    pub(super) fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Errand for Reading {
    type Progress = Progress;

    async fn run(&self, mailbox: &Mailbox, connection: &mut Connection, progress: &mut Progress) -> Result<(), Failure> {
        Reader { errand: self, mailbox, connection, progress }.run().await
    }

    fn mark(progress: &Progress) -> (u32, usize) {
        progress.mark()
    }

    async fn failed(&self, mailbox: String, error: SourceError) -> Result<(), SourceError> {
        Ok(self.outlet.send(Scanned::MailboxFailed { mailbox, error }).await?)
    }
}
