//! The write side: changes are made in a transaction, appended to the trail, and only then shown by the index.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use super::audit::{BatchId, Stamp, Trail};
use super::change::{Change, apply};
use super::keys::table;
use super::store::{Overlay, Store};
use super::{Ledger, LedgerError, encode};

/// Entries after which the index is synced: what has to be done again when it is opened after a kill, a second or so.
const SETTLE_EVERY: usize = 4096;

/// What only one thread at a time may have.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// The audit trail; `None` for a ledger whose writes stay in memory.
    pub(super) trail: Option<Trail>,
    /// Entries since the index was synced.
    unsettled: usize,
    /// Set once the index did not take what the trail holds: it is brought up to date when the ledger is opened again.
    broken: Option<String>,
}

impl Writer {
    /// A writer that appends to a trail.
    pub(super) fn with(trail: Trail) -> Self {
        Self { trail: Some(trail), ..Self::default() }
    }
}

/// The run that writes.
#[derive(Debug, Default)]
pub(super) struct Run {
    batch: Option<BatchId>,
    command: String,
    user: String,
}

/// Changes that are made together, all or nothing.
pub(super) struct Edit<'a> {
    transaction: Overlay<'a>,
    stamp: Stamp,
    changes: Vec<Change>,
}

impl<'a> Edit<'a> {
    fn new(store: &'a dyn Store, stamp: Stamp) -> Self {
        Self { transaction: Overlay::new(store), stamp, changes: Vec::new() }
    }

    /// The value of a key, with the changes so far.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        self.transaction.get(key)
    }

    /// The transaction, to be read.
    pub(super) fn transaction(&self) -> &Overlay<'a> {
        &self.transaction
    }

    /// Makes one change.
    pub(super) fn make(&mut self, change: Change) -> Result<(), LedgerError> {
        apply(&mut self.transaction, &self.stamp, &change)?;
        self.changes.push(change);
        Ok(())
    }
}

impl Ledger {
    /// Makes changes, all or nothing. When it returns, a kill or a power cut does not undo them.
    pub(super) fn edit<T>(&self, work: impl FnOnce(&mut Edit<'_>) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let mut writer = self.writing();
        let mut edit = Edit::new(self.store(), self.stamp());
        let done = work(&mut edit)?;
        if !edit.changes.is_empty() {
            self.commit(&mut writer, edit)?;
            // Who writes at the same time shares a barrier.
            drop(writer);
            self.pass_barrier()?;
        }
        Ok(done)
    }

    /// Makes these changes.
    pub(super) fn change(&self, changes: Vec<Change>) -> Result<(), LedgerError> {
        self.edit(|edit| changes.into_iter().try_for_each(|change| edit.make(change)))
    }

    /// Makes the index as new as the trail, also after a kill.
    pub(super) fn settle(&self) -> Result<(), LedgerError> {
        let mut writer = self.writing();
        writer.unsettled = 0;
        self.store().settle()
    }

    /// The run that the entries belong to from now on.
    pub(super) fn set_batch(&self, batch: BatchId, command: &str, user: &str) {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) =
            Run { batch: Some(batch), command: command.to_owned(), user: user.to_owned() };
    }

    /// Grows whenever something new may wait in a channel's queue.
    pub fn arrivals(&self) -> u64 {
        self.arrivals.load(Ordering::SeqCst)
    }

    /// The command of the run, and who runs it.
    pub(super) fn run(&self) -> (String, String) {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        (run.command.clone(), run.user.clone())
    }

    fn stamp(&self) -> Stamp {
        let batch = self.run.lock().unwrap_or_else(PoisonError::into_inner).batch;
        Stamp { at: (self.clock)(), by: self.holder.clone(), batch }
    }

    pub(super) fn writing(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, writer: &mut Writer, edit: Edit<'_>) -> Result<(), LedgerError> {
        if let Some(why) = &writer.broken {
            return Err(LedgerError::Storage(why.clone()));
        }
        let Edit { mut transaction, stamp, changes } = edit;
        let entries = changes.len();
        let brings_work = changes.iter().any(Change::brings_work);
        if let Some(trail) = &mut writer.trail {
            let draft = trail.draft(&stamp, changes)?;
            trail.append(&draft)?;
            transaction.put(table::HEAD.to_vec(), encode(&draft.head)?);
        }
        self.store().apply(transaction.into_writes()).inspect_err(|error| writer.broken = Some(error.to_string()))?;
        if brings_work {
            self.arrivals.fetch_add(1, Ordering::SeqCst);
        }
        writer.unsettled += entries;
        if writer.unsettled >= SETTLE_EVERY {
            writer.unsettled = 0;
            self.store().settle().inspect_err(|error| writer.broken = Some(error.to_string()))?;
        }
        Ok(())
    }

    fn pass_barrier(&self) -> Result<(), LedgerError> {
        self.synced.as_ref().map_or(Ok(()), |synced| self.barrier.pass(|| synced.sync()))
    }
}
