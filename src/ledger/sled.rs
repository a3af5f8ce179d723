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
use super::audit::storage;
use super::store::{Page, Store, Writes};
use crate::disk::{Disk, Effect, is_full};

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
        clear_unfinished_snapshots(dir).map_err(|error| storage(dir, &error))?;
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = guarded(|| config.open()).map_err(|trouble| match trouble {
            Trouble::Disk(full) if is_full(&full) => storage(dir, &full),
            Trouble::Disk(error) => LedgerError::Unopenable { dir: dir.to_path_buf(), why: error.to_string() },
            Trouble::Damage(why) => LedgerError::Unopenable { dir: dir.to_path_buf(), why },
        })?;
        let path = dir.join("db");
        let data = File::open(&path).map_err(|error| storage(&path, &error))?;
        Ok(Self { db, data, path, disk })
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(guarded(|| self.db.get(key))?.map(|value| value.to_vec()))
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
        Ok(guarded(read)?)
    }

    fn apply(&self, writes: Writes) -> Result<(), LedgerError> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        Ok(guarded(|| self.db.apply_batch(batch))?)
    }

    fn settle(&self) -> Result<(), LedgerError> {
        guarded(|| self.db.flush())?;
        let synced = self.disk.effect(Effect::Sync(&self.path), || self.data.sync_data());
        synced.map_err(|error| storage(&self.path, &error))
    }
}

/// Removes snapshots whose writing was cut short, by a kill or a full disk. sled gives a snapshot its name only once it is
/// whole, and means to pass by those that are not; but it looks for another ending than it gives them (0.34.7:
/// `.in___motion`), takes the latest of them for a snapshot, and finds its files damaged.
fn clear_unfinished_snapshots(dir: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "generating") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Why sled did not do what it was asked.
enum Trouble {
    /// The system said no.
    Disk(std::io::Error),
    /// Its files are not what it wrote.
    Damage(String),
}

impl From<Trouble> for LedgerError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Disk(error) => storage(Path::new("its index"), &error),
            Trouble::Damage(why) => Self::Damaged(why),
        }
    }
}

/// Calls sled. A panic is an error of its own.
fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(sled::Error::Io(error))) => Err(Trouble::Disk(error)),
        Ok(Err(error)) => Err(Trouble::Damage(error.to_string())),
        Err(_) => Err(Trouble::Damage("the files of its index are not what was written".to_owned())),
    }
}
