//! Goes on after a whole scan: what arrives is read as soon as the server tells of it, for ever.
//!
//! Each connection is a `seat`. The inbox and what we sent are watched by IDLE, each from a seat of its own, then as many
//! others as there are seats; the last one asks for the rest time and again. Whatever was noticed, a mailbox is read the way
//! that a scan reads it: opened anew, from the same cursor, with the same doubts. Every few hours it is listed from its
//! beginning and compared, message by message, with what is known: what was missed is read then, and said.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::command::Connection;
use super::connect::Account;
use super::crew::{self, Errand};
use super::desk::Desk;
use super::failure::Failure;
use super::mailboxes::Mailbox;
use super::patience::FIRST_COUNT;
use super::progress::{Depth, Progress};
use super::reader::Reader;
use super::scan::Reading;
use super::seat::Seat;
use super::{ImapSource, Patience};
use crate::source::{Known, Outlet, Pauses, Signs, SourceError};

/// Tries at a mailbox within the first scan. It is tried again later, and others wait.
const TRIES: u32 = 3;

/// Follows an account until nobody receives any more.
pub(super) async fn follow(
    source: &ImapSource,
    known: Arc<dyn Known>,
    outlet: Outlet,
    signs: Arc<dyn Signs>,
) -> Result<(), SourceError> {
    let reading = Reading::new(source, known, outlet.clone());
    let following = Following { reading, books: Arc::default(), signs: signs.clone() };
    tokio::select! {
        followed = begin(source, following, signs) => followed,
        () = outlet.closed() => Err(SourceError::Stopped),
    }
}

/// Reads everything once, then sits down.
async fn begin(source: &ImapSource, following: Following, signs: Arc<dyn Signs>) -> Result<(), SourceError> {
    let mut pauses = Pauses::default();
    let account = loop {
        match scan(source, &following).await {
            Ok(account) => break account,
            Err(SourceError::Stopped) => return Err(SourceError::Stopped),
            Err(error) => {
                let pause = pauses.longer();
                signs.trouble(&error, pause);
                match &source.tokens {
                    Some(tokens) => tokens.rest(pause).await,
                    None => sleep(pause).await,
                }
            }
        }
    };
    let desk = Arc::new(Desk::new(account.address(), source.patience, signs));
    let mut seats = JoinSet::new();
    for number in 0..source.settings.max_connections.max(1) {
        seats.spawn(Seat::new(number, account.clone(), following.clone(), desk.clone()).serve());
    }
    // A seat ends when everything does; one that broke down takes the others along, and all begin anew.
    match seats.join_next().await {
        Some(Ok(ended)) => Err(ended),
        Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
        None => Err(SourceError::Stopped),
    }
}

async fn scan(source: &ImapSource, following: &Following) -> Result<Account, SourceError> {
    let account = source.account().await?;
    let brief = Patience { tries: source.patience.tries.min(TRIES), ..source.patience };
    crew::send(account.clone().with_patience(brief), following.clone()).await?;
    Ok(account)
}

/// Reads mailboxes and remembers how far each was read, from one reading to the next.
#[derive(Clone)]
pub(super) struct Following {
    pub(super) reading: Reading,
    books: Arc<Mutex<BTreeMap<String, Book>>>,
    signs: Arc<dyn Signs>,
}

/// How far a mailbox was read.
enum Book {
    /// So far.
    Kept(Box<Record>),
    /// Somebody reads it now.
    Lent,
}

/// What is known of a mailbox that is followed.
struct Record {
    progress: Progress,
    /// When all of it is to be listed again.
    count_at: Instant,
}

/// What came of reading a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brought {
    /// Something that was not known.
    News,
    /// Nothing.
    Nothing,
}

impl Following {
    /// Reads what a mailbox holds that was not sent yet. Nothing is done where somebody else is at it.
    pub(super) async fn read(&self, mailbox: &Mailbox, connection: &mut Connection, reader: Back) -> Result<Brought, Failure> {
        let Some(mut record) = self.borrow(&mailbox.name) else { return Ok(Brought::Nothing) };
        let progress = &mut record.progress;
        if reader == Back::OverANewConnection {
            progress.compare_again();
        }
        if record.count_at <= Instant::now() {
            progress.depth = Depth::Whole;
        }
        let before = progress.latest();
        let read = Reader { errand: &self.reading, mailbox, connection, progress }.run().await;
        let brought = if progress.latest() == before { Brought::Nothing } else { Brought::News };
        self.say_missed(&mailbox.name, std::mem::take(&mut progress.missed));
        if read.is_ok() {
            if progress.depth == Depth::Whole {
                record.count_at = Instant::now() + self.reading.patience.count;
            }
            record.progress = record.progress.again();
        }
        self.books().insert(mailbox.name.clone(), Book::Kept(record));
        read.map(|()| brought)
    }

    fn say_missed(&self, mailbox: &str, missed: u64) {
        if missed > 0 {
            warn!(mailbox.name = mailbox, missed, "messages that earlier readings had missed were found and read");
            self.signs.missed(mailbox, missed);
        }
    }

    fn borrow(&self, mailbox: &str) -> Option<Box<Record>> {
        match self.books().insert(mailbox.to_owned(), Book::Lent) {
            None => {
                let count_at = Instant::now() + self.reading.patience.count / FIRST_COUNT;
                Some(Box::new(Record { progress: Progress::default(), count_at }))
            }
            Some(Book::Kept(record)) => Some(record),
            Some(Book::Lent) => None,
        }
    }

    fn mark(&self, mailbox: &str) -> (u32, usize) {
        match self.books().get(mailbox) {
            Some(Book::Kept(record)) => record.progress.mark(),
            Some(Book::Lent) | None => (0, 0),
        }
    }

    fn books(&self) -> MutexGuard<'_, BTreeMap<String, Book>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Over what a mailbox is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// The connection over which it was read before.
    OverTheSame,
    /// Another one: the server may have been restored in between.
    OverANewConnection,
}

#[async_trait]
impl Errand for Following {
    type Progress = (u32, usize);

    async fn run(&self, mailbox: &Mailbox, connection: &mut Connection, mark: &mut (u32, usize)) -> Result<(), Failure> {
        let read = self.read(mailbox, connection, Back::OverTheSame).await;
        *mark = self.mark(&mailbox.name);
        read.map(|_| ())
    }

    fn mark(mark: &(u32, usize)) -> (u32, usize) {
        *mark
    }

    async fn failed(&self, mailbox: String, error: SourceError) -> Result<(), SourceError> {
        if let SourceError::Resting { .. } = error {
            // Whoever follows the mailbox comes upon it again, and says so.
            return Ok(());
        }
        self.reading.failed(mailbox, error).await
    }
}
