//! Counts what an account holds against what is known of it. Only UIDs are asked for; no message is read.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tracing::debug;

use super::command::Connection;
use super::connect::Account;
use super::crew::{self, Errand};
use super::cursor::{Cursor, Windows};
use super::failure::Failure;
use super::fetch::{self, Examined, Listing};
use super::mailboxes::Mailbox;
use crate::position::{Position, SourceName};
use crate::source::{Census, Counted, Known, SourceError};

/// Counts every mailbox that is read, in the order of their names.
pub(super) async fn census(source: SourceName, account: Account, known: Arc<dyn Known>) -> Result<Vec<Counted>, SourceError> {
    let counting = Counting { source, known, counted: Arc::default() };
    crew::send(account, counting.clone()).await?;
    let mut counted = std::mem::take(&mut *counting.counted());
    counted.sort_by(|one, other| name(one).cmp(name(other)));
    Ok(counted)
}

fn name(counted: &Counted) -> &str {
    match counted {
        Ok(census) => &census.mailbox,
        Err((mailbox, _)) => mailbox,
    }
}

/// Counts mailboxes for a source.
#[derive(Clone)]
struct Counting {
    source: SourceName,
    known: Arc<dyn Known>,
    counted: Arc<Mutex<Vec<Counted>>>,
}

/// How far a mailbox was counted.
#[derive(Debug, Default)]
struct Tally {
    /// The generation of its UIDs; `None` before it was opened.
    cursor: Option<Cursor>,
    census: Census,
    /// The lowest UID that was not counted yet.
    next: u32,
    listing: Listing,
}

impl Tally {
    fn begin(&mut self, mailbox: &Mailbox, cursor: Cursor, listing: Listing) {
        *self = Self { cursor: Some(cursor), census: Census::new(&mailbox.name), next: 1, listing };
    }
}

#[async_trait]
impl Errand for Counting {
    type Progress = Tally;

    async fn run(&self, mailbox: &Mailbox, connection: &mut Connection, tally: &mut Tally) -> Result<(), Failure> {
        let examined = fetch::examine(connection, mailbox).await?;
        let cursor = self.cursor(mailbox, connection, &examined).await?;
        if tally.cursor != Some(cursor) {
            tally.begin(mailbox, cursor, Listing::default());
        }
        self.count(connection, &examined, tally).await?;
        if fetch::unlisted(connection, &examined, tally.census.held).await? > 0 && tally.listing == Listing::Search {
            debug!(mailbox.name = %mailbox.name, "SEARCH lists less than there is");
            tally.begin(mailbox, cursor, Listing::Fetch);
            self.count(connection, &examined, tally).await?;
        }
        fetch::expect_all_listed(connection, mailbox, &examined, tally.census.held).await?;
        self.counted().push(Ok(std::mem::take(&mut tally.census)));
        Ok(())
    }

    fn mark(tally: &Tally) -> (u32, usize) {
        (tally.next, usize::from(tally.listing == Listing::Fetch))
    }

    async fn failed(&self, mailbox: String, error: SourceError) -> Result<(), SourceError> {
        self.counted().push(Err((mailbox, error)));
        Ok(())
    }
}

impl Counting {
    fn counted(&self) -> std::sync::MutexGuard<'_, Vec<Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The generation in which the next scan would look for the messages. Under another UIDVALIDITY, or where the server
    /// counts anew, none of them is known: that is a difference to report.
    async fn cursor(&self, mailbox: &Mailbox, connection: &mut Connection, examined: &Examined) -> Result<Cursor, Failure> {
        let checkpoint = self.known.checkpoint(&mailbox.name);
        let cursor = Cursor::resume(checkpoint.as_ref(), examined.uid_validity);
        let is_rewound =
            fetch::is_rewound(connection, cursor, examined).await? || fetch::is_replaced(connection, cursor, examined).await?;
        Ok(if is_rewound { cursor.rewound() } else { cursor })
    }

    /// Counts on from where the tally is, window by window.
    async fn count(&self, connection: &mut Connection, examined: &Examined, tally: &mut Tally) -> Result<(), Failure> {
        let Some(cursor) = tally.cursor.filter(|_| examined.messages != Some(0)) else { return Ok(()) };
        let mut windows = Windows::new(tally.next, examined.uid_next);
        let mut found = usize::MAX;
        while let Some(window) = windows.next(found) {
            let uids = fetch::listed(connection, window, tally.listing).await?;
            found = uids.len();
            let highest = uids.last().copied();
            for uid in uids {
                let position =
                    Position { source: self.source.clone(), mailbox: tally.census.mailbox.clone(), place: cursor.place(uid) };
                tally.census.count(position, &*self.known);
            }
            tally.next = window.last.or(highest).map_or(tally.next, |last| last.saturating_add(1));
        }
        Ok(())
    }
}
