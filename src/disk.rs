//! What has to outlive a crash goes to the disk through here: the few operations that make a file durable, each of which
//! a witness may watch, or refuse as a full or failing disk would.
//!
//! In the program nobody watches. The tests do: they learn the effects of a run one by one, end it at each of them, and
//! keep of its files what a loss of power would have kept, which is what was synced.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

/// One effect on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    /// Bytes are written to a file. They survive a kill, and a loss of power only once the file is synced.
    Write(&'a Path),
    /// A file is cut to a length.
    Cut(&'a Path),
    /// A file is synced: its bytes survive a loss of power.
    Sync(&'a Path),
    /// A file gets another name. It keeps it for good only once the directory is synced (POSIX `rename`).
    Rename(&'a Path, &'a Path),
    /// A directory is synced: the names in it survive a loss of power.
    SyncDirectory(&'a Path),
}

/// Somebody who watches the effects.
pub trait Witness: Debug + Send + Sync {
    /// The effect is about to happen.
    ///
    /// # Errors
    /// Then it does not happen, and the caller is told so.
    fn before(&self, effect: Effect<'_>) -> io::Result<()>;

    /// The effect has happened.
    ///
    /// # Errors
    /// Then the caller is told that it failed, as when a disk takes bytes and gives no answer.
    fn after(&self, effect: Effect<'_>) -> io::Result<()>;
}

/// The disk. Clones are one disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    witness: Option<Arc<dyn Witness>>,
}

impl Disk {
    /// A disk whose effects are watched.
    pub fn watched(witness: Arc<dyn Witness>) -> Self {
        Self { witness: Some(witness) }
    }

    /// Makes an effect happen, with the witness before and after it.
    ///
    /// # Errors
    /// What `act` or the witness says.
    pub fn effect<T>(&self, effect: Effect<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let Some(witness) = &self.witness else { return act() };
        witness.before(effect)?;
        let done = act()?;
        witness.after(effect)?;
        Ok(done)
    }

    /// Writes all the bytes at the place where the file stands.
    ///
    /// # Errors
    /// When the system cannot; then some of the bytes may be there.
    pub fn write(&self, mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.effect(Effect::Write(path), || file.write_all(bytes))
    }

    /// Cuts a file to a length.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn cut(&self, file: &File, path: &Path, length: u64) -> io::Result<()> {
        self.effect(Effect::Cut(path), || file.set_len(length))
    }

    /// Syncs the bytes and the length of a file.
    ///
    /// # Errors
    /// When the system cannot; then nobody knows which of the bytes are there.
    pub fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        self.effect(Effect::Sync(path), || file.sync_data())
    }

    /// Gives a file another name, in place of the file that has it.
    ///
    /// # Errors
    /// When the system cannot; then both names are as they were.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.effect(Effect::Rename(from, to), || fs::rename(from, to))
    }

    /// Syncs the names in a directory.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.effect(Effect::SyncDirectory(directory), || File::open(directory)?.sync_all())
    }
}

/// Whether a disk has no more room.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// What the operator can do about an error of the disk: the end of a sentence, or nothing.
pub fn advice(error: &io::Error) -> &'static str {
    if is_full(error) { "; make space on that disk, then run again: nothing is lost" } else { "" }
}
