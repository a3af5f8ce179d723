//! The index on disk: the only file that names sled.
//!
//! sled 0.34's `flush` writes with `sync_file_range`, which survives a kill but proves nothing about a power cut; so each
//! barrier ends in an `fsync` of sled's data file by a second descriptor of the same inode.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::LedgerError;
use super::store::{Page, Store, Writes};

/// sled's page cache, in bytes. Its default is 1 GiB. Keys are digests, so each admission touches pages everywhere: below
/// this figure ingest waits for pages of a hundred thousand messages to be read again, above it nothing is gained.
const CACHE_BYTES: u64 = 48 * 1024 * 1024;

/// A sled tree.
pub(super) struct SledStore {
    db: sled::Db,
    data: File,
    barrier: GroupCommit,
}

/// Barriers that are asked for at the same time share one: who waits while another syncs finds its own writes synced.
#[derive(Default)]
struct GroupCommit {
    asked: AtomicU64,
    done: Mutex<u64>,
}

impl GroupCommit {
    /// Makes everything durable that was written before the call, by `sync` or by somebody else's.
    fn pass(&self, sync: impl FnOnce() -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if *done >= ticket {
            return Ok(());
        }
        let covered = self.asked.load(Ordering::SeqCst);
        sync()?;
        *done = covered;
        Ok(())
    }
}

impl SledStore {
    /// Opens the index in a directory, or makes it.
    pub(super) fn open(dir: &Path) -> Result<Self, LedgerError> {
        let db = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .open()
            .map_err(|error| LedgerError::Unopenable { dir: dir.to_path_buf(), why: error.to_string() })?;
        let data = File::open(dir.join("db")).map_err(|error| LedgerError::Storage(error.to_string()))?;
        Ok(Self { db, data, barrier: GroupCommit::default() })
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.db.get(key).map_err(broken)?.map(|value| value.to_vec()))
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, LedgerError> {
        let mut page = Page::default();
        if from >= to {
            return Ok(page);
        }
        for row in self.db.range(from..to) {
            let (key, value) = row.map_err(broken)?;
            if page.rows.len() == limit {
                page.resume = Some(key.to_vec());
                break;
            }
            page.rows.push((key.to_vec(), value.to_vec()));
        }
        Ok(page)
    }

    fn apply(&self, writes: Writes) -> Result<(), LedgerError> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(broken)
    }

    fn barrier(&self) -> Result<(), LedgerError> {
        self.barrier.pass(|| {
            self.db.flush().map_err(broken)?;
            self.data.sync_data().map_err(|error| LedgerError::Storage(error.to_string()))
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn broken(error: sled::Error) -> LedgerError {
    LedgerError::Storage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_that_fails_covers_nobody() {
        let barrier = GroupCommit::default();
        let mut syncs = 0;
        let mut sync = |outcome: Result<(), LedgerError>| {
            barrier.pass(|| {
                syncs += 1;
                outcome
            })
        };
        assert!(sync(Err(LedgerError::Storage("full".into()))).is_err());
        assert!(sync(Ok(())).is_ok());
        assert!(sync(Ok(())).is_ok());
        assert_eq!(syncs, 3, "nobody else was waiting, so each synced for itself");
    }
}
