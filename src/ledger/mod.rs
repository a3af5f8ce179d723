//! What was seen and what was done about it; the only truth.
//!
//! Every change is one transaction. Two barriers stand in the life of a delivery: [`Ledger::record`] of the attempt before
//! the call, and of the outcome after it; each returns only when a kill or a power cut cannot undo it.

mod admit;
mod deliver;
mod keys;
mod lock;
mod record;
mod sled;
mod state;
mod store;
mod sums;
mod threads;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use self::lock::StateLock;
use self::store::{Overlay, Scratch, Store};
use crate::mail::MessageKey;
use crate::position::{Checkpoint, Position, SourceName};

pub use self::admit::{Admission, Admitted, Bound, Candidate};
pub use self::deliver::Cursor;
pub use self::record::{Completeness, Crossing, CrossingId, Delivery, End, Expansion, MessageRecord};
pub use self::state::{Event, IllegalEvent, Status};
pub use self::sums::{DeliverySums, EndSums, PartnerSums, SourceSums, Sums};

/// The version of the records. A ledger of a later version is not opened.
const FORMAT: u32 = 1;

/// Why the ledger cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process works on the state directory.
    #[error("the state directory {} is in use by {holder}; wait until it ends, or stop it", .dir.display())]
    InUse {
        /// The state directory.
        dir: PathBuf,
        /// Which command and process.
        holder: String,
    },
    /// The index cannot be opened.
    #[error("the ledger in {} cannot be opened: {why}", .dir.display())]
    Unopenable {
        /// The directory of the index.
        dir: PathBuf,
        /// What was said.
        why: String,
    },
    /// The records are of a later version of the program.
    #[error("the ledger has format {found}, this program knows {FORMAT}: use the newer program")]
    Newer {
        /// The format found.
        found: u32,
    },
    /// Reading or writing failed: the disk is full, gone, or not permitted.
    #[error("the ledger cannot be read or written: {0}")]
    Storage(String),
    /// A record is missing or cannot be read.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// An event that cannot happen in the state of its delivery.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
}

/// The ledger of one state directory.
pub struct Ledger {
    store: Box<dyn Store>,
    write: Mutex<()>,
    _lock: Option<StateLock>,
    _aside: Option<TempDir>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger of a state directory, or makes both. `holder` is what another process is told, such as
    /// `mailferry backfill`.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] when another process has it; [`LedgerError::Unopenable`] or [`LedgerError::Newer`] when it
    /// cannot be read.
    pub fn open(state: &Path, holder: &str, at: DateTime<Utc>) -> Result<Self, LedgerError> {
        let storage = |error: std::io::Error| LedgerError::Storage(format!("{}: {error}", state.display()));
        std::fs::create_dir_all(state).map_err(storage)?;
        let lock = StateLock::take(state, holder, at)?;
        let store = sled::SledStore::open(&lock::index_dir(state))?;
        let ledger = Self { store: Box::new(store), write: Mutex::new(()), _lock: Some(lock), _aside: None };
        ledger.settle_format()?;
        Ok(ledger)
    }

    /// Opens a copy of the ledger, made aside: not one byte of the state directory changes, whatever the index does when
    /// it is opened. The copy is removed with the ledger.
    ///
    /// # Errors
    /// As [`Ledger::open`]; and when the copy cannot be made.
    pub fn open_copy(state: &Path) -> Result<Self, LedgerError> {
        let lock = StateLock::take_silently(state)?;
        let aside = copy_aside(&lock::index_dir(state)).map_err(|error| {
            LedgerError::Storage(format!("{} cannot be copied aside: {error}", lock::index_dir(state).display()))
        })?;
        let store = sled::SledStore::open(aside.path())?;
        let ledger = Self { store: Box::new(store), write: Mutex::new(()), _lock: lock, _aside: Some(aside) };
        ledger.settle_format()?;
        Ok(ledger)
    }

    /// Whether a state directory holds a ledger.
    pub fn exists(state: &Path) -> bool {
        lock::index_dir(state).is_dir()
    }

    /// A ledger whose writes stay in memory, over nothing or over another ledger, which is only read: for a dry run.
    pub fn scratch(base: Option<Self>) -> Self {
        let (base, lock, aside) = base.map_or((None, None, None), |base| (Some(base.store), base._lock, base._aside));
        Self { store: Box::new(Scratch::over(base)), write: Mutex::new(()), _lock: lock, _aside: aside }
    }

    /// Where to go on in a mailbox.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn checkpoint(&self, source: &SourceName, mailbox: &str) -> Result<Option<Checkpoint>, LedgerError> {
        self.store.get(&keys::checkpoint(source, mailbox))?.map(|bytes| decode(&bytes)).transpose()
    }

    /// Whether a position was recorded.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn has(&self, position: &Position) -> Result<bool, LedgerError> {
        Ok(self.store.get(&keys::position(position))?.is_some())
    }

    /// Whether a message was admitted.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn knows(&self, message: &MessageKey) -> Result<bool, LedgerError> {
        Ok(self.store.get(&keys::message(message))?.is_some())
    }

    fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// The write side: one transaction at a time.
    fn writing(&self) -> MutexGuard<'_, ()> {
        self.write.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle_format(&self) -> Result<(), LedgerError> {
        match self.store.get(keys::table::FORMAT)? {
            Some(bytes) => match decode(&bytes)? {
                found if found > FORMAT => Err(LedgerError::Newer { found }),
                _ => Ok(()),
            },
            None => {
                let mut transaction = Overlay::new(self.store());
                transaction.put(keys::table::FORMAT.to_vec(), encode(&FORMAT)?);
                self.store.apply(transaction.into_writes())
            }
        }
    }
}

/// A copy of a directory of files and directories.
fn copy_aside(dir: &Path) -> std::io::Result<TempDir> {
    let aside = tempfile::Builder::new().prefix("mailferry-").tempdir()?;
    for entry in walkdir::WalkDir::new(dir).min_depth(1) {
        let entry = entry?;
        let to = aside.path().join(entry.path().strip_prefix(dir).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            std::fs::create_dir(to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(aside)
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, LedgerError> {
    serde_json::to_vec(value).map_err(|error| LedgerError::Damaged(format!("a record cannot be written: {error}")))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, LedgerError> {
    serde_json::from_slice(bytes).map_err(|error| LedgerError::Damaged(format!("a record cannot be read: {error}")))
}
