//! One process at a time on a state directory.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::LedgerError;

/// The lock on a state directory, held until it is dropped; the kernel gives it back when the process dies.
#[derive(Debug)]
pub(super) struct StateLock {
    _file: File,
}

impl StateLock {
    /// Takes the lock, or says who holds it.
    pub(super) fn take(dir: &Path, holder: &str, at: DateTime<Utc>) -> Result<Self, LedgerError> {
        let path = dir.join("lock");
        let storage = |error: std::io::Error| LedgerError::Storage(format!("{}: {error}", path.display()));
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(storage)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // What cannot be read is left out of the sentence; the refusal stands.
                drop(file.read_to_string(&mut holder));
                let holder = if holder.trim().is_empty() { "another process".to_owned() } else { holder.trim().to_owned() };
                return Err(LedgerError::InUse { dir: dir.to_path_buf(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(storage(error)),
        }
        let line = format!("{holder} (process {}, since {})\n", std::process::id(), at.format("%Y-%m-%d %H:%M:%S UTC"));
        file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(storage)?;
        file.write_all(line.as_bytes()).map_err(storage)?;
        Ok(Self { _file: file })
    }
}

/// Where the index is within the state directory.
pub(super) fn index_dir(state: &Path) -> PathBuf {
    state.join("ledger")
}
