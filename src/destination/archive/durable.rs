//! Files that are there whole or not at all, and what to say when a disk refuses.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::destination::Failure;

/// How many files are synced at a time.
const SYNCED_TOGETHER: usize = 8;

/// How many drafts may be open at a time.
pub(super) const OPEN_DRAFTS: usize = 64;

/// Where drafts are written, on the same file system as the files that they become.
#[derive(Debug)]
pub(super) struct Drafts {
    directory: PathBuf,
    next: AtomicU64,
}

impl Drafts {
    /// Drafts in this directory; what a killed run left there is removed.
    ///
    /// # Errors
    /// When the directory cannot be made or emptied.
    pub(super) fn open(directory: PathBuf) -> Result<Self, Failure> {
        make_directory(&directory)?;
        let entries = fs::read_dir(&directory).map_err(|error| failure("reading", &directory, &error))?;
        for entry in entries.flatten() {
            let path = entry.path();
            fs::remove_file(&path).map_err(|error| failure("removing the unfinished", &path, &error))?;
        }
        Ok(Self { directory, next: AtomicU64::new(0) })
    }

    /// Begins a draft.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn begin(&self) -> Result<Draft, Failure> {
        let path = self.directory.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let file = File::create(&path).map_err(|error| failure("making", &path, &error))?;
        Ok(Draft { file: Some(BufWriter::new(file)), path })
    }

    /// Puts drafts in the places of their files, as [`Draft::become_file`] does. They are synced side by side: a disk takes
    /// hardly longer for eight than for one.
    ///
    /// # Errors
    /// When one cannot be written or named; each file is then what it was or what it should be.
    pub(super) fn become_files(drafts: Vec<(Draft, PathBuf)>) -> Result<(), Failure> {
        let mut rest = drafts.into_iter().peekable();
        while rest.peek().is_some() {
            let batch: Vec<_> = rest.by_ref().take(SYNCED_TOGETHER).collect();
            std::thread::scope(|scope| {
                let begun: Vec<_> = batch.into_iter().map(|(draft, path)| scope.spawn(move || draft.become_file(&path))).collect();
                begun.into_iter().try_for_each(|thread| match thread.join() {
                    Ok(done) => done,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
            })?;
        }
        Ok(())
    }

    /// Makes a file hold these bytes; one that does already is left alone.
    ///
    /// # Errors
    /// When it cannot be written; the file is then what it was.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let same_size = fs::metadata(path).is_ok_and(|found| found.len() == bytes.len() as u64);
        if same_size && fs::read(path).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        let mut draft = self.begin()?;
        draft.write_all(bytes).map_err(|error| failure("writing", path, &error))?;
        draft.become_file(path)
    }
}

/// A file that is being written. Dropped unfinished, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Draft {
    file: Option<BufWriter<File>>,
    path: PathBuf,
}

impl Draft {
    /// Puts the draft, whole and on the disk, in the place of `path`. The name itself is safe once [`sync_directory`]
    /// was called on its directory.
    ///
    /// # Errors
    /// When it cannot be written or named; `path` is then what it was.
    pub(super) fn become_file(mut self, path: &Path) -> Result<(), Failure> {
        let Some(writer) = self.file.take() else { return Ok(()) };
        let file = writer.into_inner().map_err(|error| failure("writing", path, error.error()))?;
        file.sync_all().map_err(|error| failure("writing", path, &error))?;
        fs::rename(&self.path, path).map_err(|error| failure("naming", path, &error))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Renamed, it is gone already; what cannot be removed is removed by the next run.
        drop(fs::remove_file(&self.path));
    }
}

/// Removes a file; one that is gone already is fine.
///
/// # Errors
/// When it cannot be removed.
pub(super) fn remove_file(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failure("removing", path, &error)),
        _ => Ok(()),
    }
}

/// Makes a directory with its parents, and their names safe.
///
/// # Errors
/// When one cannot be made.
pub(super) fn make_directory(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(parent) = path.parent() else { return Ok(()) };
    make_directory(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failure("making the directory", path, &error)),
        _ => sync_directory(parent),
    }
}

/// Makes the names in a directory safe against a loss of power.
///
/// # Errors
/// When the disk refuses.
pub(super) fn sync_directory(path: &Path) -> Result<(), Failure> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(|error| failure("syncing", path, &error))
}

/// What to do about an error of the disk, under which nothing took effect.
pub(super) fn failure(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let why = format!("{doing} {}: {error}", path.display());
    let kind = error.kind();
    if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        let advice = "make room on that disk, then run again: what was posted so far is whole, and the rest follows";
        Failure::Stop { why, advice: advice.into() }
    } else if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
        Failure::Stop { why, advice: "let the user that runs mailferry write there, then run again".into() }
    } else {
        Failure::Transient(why)
    }
}
