//! One process at a time on a state directory.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::LedgerError;

/// The lock on a state directory, held until it is dropped; the kernel gives it back when the process dies.
#[derive(Debug)]
pub(super) struct StateLock {
    _file: File,
}

impl StateLock {
    /// Takes the lock and writes down who holds it, or says who does.
    pub(super) fn take(dir: &Path, holder: &str, at: DateTime<Utc>) -> Result<Self, LedgerError> {
        let path = dir.join("lock");
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|error| storage(&path, &error))?;
        lock(&mut file, dir)?;
        let line = format!("{holder} (process {}, since {})\n", std::process::id(), at.format("%Y-%m-%d %H:%M:%S UTC"));
        file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(|error| storage(&path, &error))?;
        file.write_all(line.as_bytes()).map_err(|error| storage(&path, &error))?;
        Ok(Self { _file: file })
    }

    /// Takes the lock without writing anything; `None` where no process ever took it.
    pub(super) fn take_silently(dir: &Path) -> Result<Option<Self>, LedgerError> {
        let path = dir.join("lock");
        match File::open(&path) {
            Ok(mut file) => lock(&mut file, dir).map(|()| Some(Self { _file: file })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(storage(&path, &error)),
        }
    }
}

fn lock(file: &mut File, dir: &Path) -> Result<(), LedgerError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // What cannot be read is left out of the sentence; the refusal stands.
            drop(file.read_to_string(&mut holder));
            let holder = if holder.trim().is_empty() { "another process" } else { holder.trim() };
            Err(LedgerError::InUse { dir: dir.to_path_buf(), holder: holder.to_owned() })
        }
        Err(TryLockError::Error(error)) => Err(storage(&dir.join("lock"), &error)),
    }
}

fn storage(path: &Path, error: &std::io::Error) -> LedgerError {
    LedgerError::Storage(format!("{}: {error}", path.display()))
}

/// Where the index is within the state directory.
pub(super) fn index_dir(state: &Path) -> PathBuf {
    state.join("ledger")
}
