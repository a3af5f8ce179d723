//! The index on disk: the only file that names sled.
//!
//! The index need not survive a power cut: what it shows is in the audit trail, which does, and from which it is brought up
//! to date when it is opened. So it is synced now and then ([`Store::settle`]), which bounds how much has to be done then.
//! sled 0.34's `flush` writes with `sync_file_range`, which proves nothing about a power cut; hence the `fsync` of its data
//! file by a second descriptor of the same inode.
//!
//! sled panics where it finds its files damaged in ways that it did not think of. A panic of sled is an error here.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::LedgerError;
use super::store::{Page, Store, Writes};
use crate::disk::{Disk, Effect};

/// sled's page cache, in bytes. Its default is 1 GiB. Keys are digests, so each admission touches pages everywhere: below
/// this figure ingest waits for pages of a hundred thousand messages to be read again, above it nothing is gained.
const CACHE_BYTES: u64 = 48 * 1024 * 1024;

/// A sled tree.
pub(super) struct SledStore {
    db: sled::Db,
    data: File,
    path: PathBuf,
    disk: Disk,
}

impl SledStore {
    /// Opens the index in a directory, or makes it.
    pub(super) fn open(disk: Disk, dir: &Path) -> Result<Self, LedgerError> {
        let unopenable = |why: String| LedgerError::Unopenable { dir: dir.to_path_buf(), why };
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = guarded(|| config.open()).map_err(unopenable)?;
        let path = dir.join("db");
        let data = File::open(&path).map_err(|error| unopenable(error.to_string()))?;
        Ok(Self { db, data, path, disk })
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(guarded(|| self.db.get(key)).map_err(damaged)?.map(|value| value.to_vec()))
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, LedgerError> {
        if from >= to {
            return Ok(Page::default());
        }
        let read = || {
            let mut page = Page::default();
            for row in self.db.range(from..to) {
                let (key, value) = row?;
                if page.rows.len() == limit {
                    page.resume = Some(key.to_vec());
                    break;
                }
                page.rows.push((key.to_vec(), value.to_vec()));
            }
            sled::Result::Ok(page)
        };
        guarded(read).map_err(damaged)
    }

    fn apply(&self, writes: Writes) -> Result<(), LedgerError> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        guarded(|| self.db.apply_batch(batch)).map_err(damaged)
    }

    fn settle(&self) -> Result<(), LedgerError> {
        guarded(|| self.db.flush()).map_err(damaged)?;
        let synced = self.disk.effect(Effect::Sync(&self.path), || self.data.sync_data());
        synced.map_err(|error| LedgerError::Storage(error.to_string()))
    }
}

/// Calls sled. An error, or a panic, is a sentence.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("its files are damaged".to_owned()),
    }
}

fn damaged(why: String) -> LedgerError {
    LedgerError::Storage(why)
}
