//! Sends everything that an account holds and that is not yet known.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::command::Connection;
use super::connect::Account;
use super::crew::{self, Errand};
use super::failure::Failure;
use super::mailboxes::Mailbox;
use super::patience::Patience;
use super::progress::Progress;
use super::reader::Reader;
use crate::position::SourceName;
use crate::source::{Known, Outlet, Scanned, SourceError};

/// Reads mailboxes for a source.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) source: SourceName,
    pub(super) known: Arc<dyn Known>,
    pub(super) outlet: Outlet,
    pub(super) patience: Patience,
    /// The turn to hold a large message: one of the account at a time, as it may be as long as
    /// [`crate::source::MAX_MESSAGE_BYTES`].
    pub(super) large: Arc<Semaphore>,
}

/// Reads everything that is not yet known.
pub(super) async fn scan(source: SourceName, account: Account, known: Arc<dyn Known>, outlet: Outlet) -> Result<(), SourceError> {
    let reading = Reading { source, known, outlet, patience: account.patience, large: Arc::new(Semaphore::new(1)) };
    crew::send(account, reading).await
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
