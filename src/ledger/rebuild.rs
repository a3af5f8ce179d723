//! The index made again from the trail, and the trail proven.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::audit::{BrokenEntry, Ending, Entry, Head, Reader, free_name, holds, path_in, storage};
use super::keys::table;
use super::lock::{StateLock, index_dir};
use super::recover::broken;
use super::{Ledger, LedgerError, decode};
use crate::disk::Disk;

/// What a proof of the trail came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Entries that are as they were written, from the first on.
    pub entries: u64,
    /// The first entry that is not, where there is one.
    pub broken: Option<BrokenEntry>,
    /// What else is to be known, each a sentence.
    pub remarks: Vec<String>,
}

/// What a rebuild did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Entries of the trail.
    pub entries: u64,
    /// Where the index that was there before is kept.
    pub aside: Option<PathBuf>,
}

/// Reads the whole trail, and hands each entry to `visit`. Needs no lock: a run that goes on only appends.
///
/// # Errors
/// When the trail cannot be read, or the visitor fails.
pub fn verify(state: &Path, mut visit: impl FnMut(&Entry) -> Result<(), LedgerError>) -> Result<Proof, LedgerError> {
    let mut proof = Proof { entries: 0, broken: None, remarks: Vec::new() };
    let Some(mut reader) = Reader::open(state, Head::origin())? else {
        let gone = index_dir(state).is_dir();
        let none = || BrokenEntry { entry: 1, why: format!("{} is missing", path_in(state).display()) };
        return Ok(Proof { broken: gone.then(none), ..proof });
    };
    let ending = loop {
        match reader.next()? {
            Ok(entry) => visit(&entry)?,
            Err(ending) => break ending,
        }
    };
    proof.entries = reader.head().n;
    match ending {
        Ending::Whole => {}
        Ending::Unfinished => proof.remarks.push("the last line has no end: a run was interrupted, or is writing".into()),
        Ending::Broken(found) => proof.broken = Some(found),
    }
    Ok(proof)
}

impl Proof {
    /// Compares the trail with the last entry that the index has seen: an end that was cut off shows only there.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn compare(mut self, state: &Path) -> Result<Self, LedgerError> {
        if self.broken.is_some() || !Ledger::exists(state) {
            return Ok(self);
        }
        match Ledger::last_seen(state) {
            Ok(Some(head)) if !holds(state, &head)? => {
                let why = format!("the ledger has seen entry {}, which the trail does not hold as it was written", head.n);
                self.broken = Some(BrokenEntry { entry: head.n.min(self.entries + 1), why });
            }
            Ok(_) => {}
            Err(LedgerError::InUse { holder, .. }) => {
                self.remarks.push(format!("the end was not compared with the ledger, which is in use by {holder}"));
            }
            Err(error) => self.remarks.push(format!("the end was not compared with the ledger: {error}")),
        }
        Ok(self)
    }
}

impl Ledger {
    /// Makes the index anew from the trail. What was there before is put aside, never deleted.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] when another process has the state; [`LedgerError::BrokenTrail`] when the trail is missing
    /// or broken: then nothing changes.
    pub fn rebuild(state: &Path, holder: &str, clock: fn() -> DateTime<Utc>) -> Result<Rebuilt, LedgerError> {
        let lock = StateLock::take(state, holder, clock())?;
        let proof = verify(state, |_| Ok(()))?;
        if let Some(found) = proof.broken {
            return Err(broken(state, &found));
        }
        if proof.entries == 0 {
            let why = format!("{} has no entries, so there is nothing to make the ledger from", path_in(state).display());
            return Err(LedgerError::BrokenTrail(why));
        }
        let (index, disk) = (index_dir(state), Disk::default());
        let aside = index.exists().then(|| free_name(state, "ledger", clock(), ""));
        if let Some(aside) = &aside {
            let moved = disk.rename(&index, aside).and_then(|()| disk.sync_directory(state));
            moved.map_err(|error| storage(&index, &error))?;
        }
        // An index that is missing is made from the trail when it is opened.
        let ledger = Self::opened(disk, lock, state, holder, clock)?;
        ledger.settle()?;
        Ok(Rebuilt { entries: proof.entries, aside })
    }

    /// The last entry that the index of a state directory has seen; looked up in a copy, so that nothing changes.
    fn last_seen(state: &Path) -> Result<Option<Head>, LedgerError> {
        let _lock = StateLock::take_silently(state)?;
        let index = index_dir(state);
        let aside = super::copy_aside(&index).map_err(|error| storage(&index, &error))?;
        let store = super::open_index(Disk::default(), aside.path())?;
        store.get(table::HEAD)?.map(|bytes| decode(&bytes)).transpose()
    }
}
