//! What was seen and what was done about it; the only truth.
//!
//! Every change is a [`Change`]: appended to the audit trail, synced, and shown by the index. Two barriers stand in the life
//! of a delivery: [`Ledger::record`] of the attempt before the call, and of the outcome after it; each returns only when a
//! kill or a power cut cannot undo it. The index is only what the trail says, laid out to be looked up: what it lacks is made
//! up for when it is opened, and [`Ledger::rebuild`] makes all of it anew.

mod admit;
mod audit;
mod barrier;
mod batch;
mod change;
mod deliver;
mod edit;
mod keys;
mod live;
mod lock;
mod rebuild;
mod record;
mod recover;
mod restate;
mod sled;
mod state;
mod store;
mod sums;
mod threads;
mod undo;
mod words;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use self::audit::{Stamp, Synced, Trail};
use self::barrier::Barrier;
use self::edit::{Run, Writer};
use self::lock::StateLock;
use self::recover::{Standing, catch_up};
use self::store::{Overlay, Scratch, Store};
use crate::disk::Disk;
use crate::mail::{MessageKey, ObjectId};
use crate::position::{Checkpoint, Position, SourceName};

pub use self::admit::{Admission, Admitted, Bound, Candidate};
pub use self::audit::{BatchId, BrokenEntry, Entry};
pub use self::batch::{Batch, BatchSums};
pub use self::change::Change;
pub use self::deliver::Cursor;
pub use self::live::Whose;
pub use self::rebuild::{Proof, Rebuilt, verify};
pub use self::record::{Completeness, Crossing, CrossingId, Delivery, End, Expansion, Made, MessageRecord};
pub use self::state::{Event, IllegalEvent, Status};
pub use self::sums::{DeliverySums, EndSums, PartnerSums, SourceSums, Sums};
pub use self::undo::Undo;

/// The version of the records. A ledger of a later version is not opened.
const FORMAT: u32 = 3;

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
    #[error("the ledger in {} cannot be opened: {why}; `mailferry rebuild` makes it anew from the audit trail", .dir.display())]
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
    #[error("the ledger is damaged: {0}; `mailferry rebuild` makes it anew from the audit trail")]
    Damaged(String),
    /// The audit trail is not as it was written: the sentence what is wrong, and what to do.
    #[error("{0}")]
    BrokenTrail(String),
    /// An event that cannot happen in the state of its delivery.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
}

/// The ledger of one state directory.
pub struct Ledger {
    store: Arc<dyn Store>,
    writer: Mutex<Writer>,
    barrier: Barrier,
    /// What is synced at each barrier; `None` for a ledger whose writes stay in memory.
    synced: Option<Synced>,
    /// Which command of whom writes.
    holder: String,
    clock: fn() -> DateTime<Utc>,
    run: Mutex<Run>,
    arrivals: AtomicU64,
    _lock: Option<StateLock>,
    _aside: Option<TempDir>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger of a state directory, or makes both. `holder` is what another process is told, and what the entries
    /// of the trail say, such as `mailferry backfill`.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] when another process has it; [`LedgerError::Unopenable`] or [`LedgerError::Newer`] when it
    /// cannot be read; [`LedgerError::BrokenTrail`] when the trail was changed.
    pub fn open(state: &Path, holder: &str, clock: fn() -> DateTime<Utc>) -> Result<Self, LedgerError> {
        Self::open_on(Disk::default(), state, holder, clock)
    }

    /// The same, on a disk that is watched.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_on(disk: Disk, state: &Path, holder: &str, clock: fn() -> DateTime<Utc>) -> Result<Self, LedgerError> {
        std::fs::create_dir_all(state).map_err(|error| audit::storage(state, &error))?;
        let lock = StateLock::take(state, holder, clock())?;
        Self::opened(disk, lock, state, holder, clock)
    }

    /// Opens what is locked.
    fn opened(disk: Disk, lock: StateLock, state: &Path, holder: &str, clock: fn() -> DateTime<Utc>) -> Result<Self, LedgerError> {
        let store = open_index(disk.clone(), &lock::index_dir(state))?;
        restate::bring_up(store.as_ref())?;
        let trail = match catch_up(store.as_ref(), state)? {
            Standing::Level(head) => Trail::open(disk, state, head)?,
            Standing::Apart(why) => {
                let stamp = Stamp { at: clock(), by: holder.to_owned(), batch: None };
                restate::restate(disk, store.as_ref(), state, &stamp, &why)?
            }
        };
        let synced = Some(trail.descriptor()?);
        let ledger = Self { synced, _lock: Some(lock), ..Self::over(store, Writer::with(trail), holder, clock) };
        ledger.settle_format()?;
        Ok(ledger)
    }

    /// Opens a copy of the ledger, made aside: not one byte of the state directory changes, whatever the index does when
    /// it is opened. The copy is removed with the ledger; what is written to it is in no trail.
    ///
    /// # Errors
    /// As [`Ledger::open`]; and when the copy cannot be made.
    pub fn open_copy(state: &Path, holder: &str, clock: fn() -> DateTime<Utc>) -> Result<Self, LedgerError> {
        let lock = StateLock::take_silently(state)?;
        let index = lock::index_dir(state);
        let aside = copy_aside(&index)
            .map_err(|error| LedgerError::Storage(format!("{} cannot be copied aside: {error}", index.display())))?;
        let store = open_index(Disk::default(), aside.path())?;
        catch_up(store.as_ref(), state)?;
        let ledger = Self::over(store, Writer::default(), holder, clock);
        Ok(Self { _lock: lock, _aside: Some(aside), ..ledger })
    }

    fn over(store: Arc<dyn Store>, writer: Writer, holder: &str, clock: fn() -> DateTime<Utc>) -> Self {
        Self {
            store,
            writer: Mutex::new(writer),
            barrier: Barrier::default(),
            synced: None,
            holder: holder.to_owned(),
            clock,
            run: Mutex::default(),
            arrivals: AtomicU64::new(0),
            _lock: None,
            _aside: None,
        }
    }

    /// Whether a state directory holds a ledger.
    pub fn exists(state: &Path) -> bool {
        lock::index_dir(state).is_dir()
    }

    /// A ledger whose writes stay in memory, over nothing or over another ledger, which is only read: for a dry run.
    pub fn scratch(base: Option<Self>, clock: fn() -> DateTime<Utc>) -> Self {
        let (base, lock, aside) = base.map_or((None, None, None), |base| (Some(base.store), base._lock, base._aside));
        let ledger = Self::over(Arc::new(Scratch::over(base)), Writer::default(), "a dry run", clock);
        Self { _lock: lock, _aside: aside, ..ledger }
    }

    /// The same over a ledger that goes on being written: for a dry run beside a run.
    pub fn beside(&self) -> Self {
        Self::over(Arc::new(Scratch::over(Some(self.store.clone()))), Writer::default(), "a dry run", self.clock)
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

    /// Whether the message that an account calls so was admitted.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn holds(&self, object: &ObjectId) -> Result<bool, LedgerError> {
        Ok(self.store.get(&keys::object(object))?.is_some())
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

    /// Writes down which form the records have.
    fn settle_format(&self) -> Result<(), LedgerError> {
        let mut transaction = Overlay::new(self.store());
        transaction.put(keys::table::FORMAT.to_vec(), encode(&FORMAT)?);
        self.store.apply(transaction.into_writes())
    }
}

/// Opens the index in a directory, or makes it.
fn open_index(disk: Disk, dir: &Path) -> Result<Arc<dyn Store>, LedgerError> {
    let store = sled::SledStore::open(disk, dir)?;
    match store.get(keys::table::FORMAT)?.map(|bytes| decode(&bytes)).transpose()? {
        Some(found) if found > FORMAT => Err(LedgerError::Newer { found }),
        Some(_) | None => Ok(Arc::new(store)),
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
