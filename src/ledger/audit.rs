//! The audit trail: who decided and did what, when. One line of JSON an entry, only ever appended to, each with the digest
//! of the line before, so that no entry can be changed, left out or put in without its followers telling.
//!
//! It is also the log from which the index is made: an entry is appended before the index shows what it says, and what
//! [`Trail::sync`] has synced is what a kill or a power cut cannot undo.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::{LedgerError, encode};
use crate::disk::{Disk, advice};
use crate::mail::Digest;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1.
    pub n: u64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Which command of whom.
    pub by: String,
    /// The run that it belongs to, where it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchId>,
    /// What happened.
    pub what: Change,
    /// The digest of the line before; of nothing for the first.
    pub prev: Digest,
}

/// The number of a run, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(pub u64);

impl std::fmt::Display for BatchId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Who writes, and in which run: what all entries of a session have in common.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    pub(super) at: DateTime<Utc>,
    pub(super) by: String,
    pub(super) batch: Option<BatchId>,
}

/// The last entry that a reader or a writer has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Its number; 0 before the first.
    pub(super) n: u64,
    /// The digest of its line.
    pub(super) digest: Digest,
    /// Where its line begins.
    pub(super) start: u64,
    /// Where the next one begins.
    pub(super) end: u64,
}

impl Head {
    /// Before the first entry.
    pub(super) fn origin() -> Self {
        Self { n: 0, digest: Digest::of(b""), start: 0, end: 0 }
    }

    /// After a line that begins where this head ends.
    fn after(&self, line: &[u8]) -> Self {
        Self { n: self.n + 1, digest: Digest::of(line), start: self.end, end: self.end + line.len() as u64 + 1 }
    }
}

/// The trail of one state directory, open for writing by the one process that holds the state.
#[derive(Debug)]
pub(super) struct Trail {
    path: PathBuf,
    file: File,
    disk: Disk,
    head: Head,
    /// Set where the file may hold something behind its head that could not be cut off: nothing may be written behind it.
    torn: Option<String>,
}

/// Lines that are ready to be appended, and the head after them.
pub(super) struct Draft {
    bytes: Vec<u8>,
    pub(super) head: Head,
}

/// Where the trail of a state directory is.
pub(super) fn path_in(state: &Path) -> PathBuf {
    state.join("audit.jsonl")
}

impl Trail {
    /// Opens the trail, or makes it, and stands at `head`, behind which nothing is left: a line that an interrupted run
    /// left unfinished is cut off.
    pub(super) fn open(disk: Disk, state: &Path, head: Head) -> Result<Self, LedgerError> {
        let path = path_in(state);
        let opened = || {
            let is_new = !path.exists();
            // It names people and subjects: nobody but its owner reads it.
            let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            if file.metadata()?.len() > head.end {
                disk.cut(&file, &path, head.end)?;
            }
            file.seek(SeekFrom::Start(head.end))?;
            // What an interrupted run wrote without syncing is about to be relied on.
            disk.sync(&file, &path)?;
            if is_new {
                disk.sync_directory(state)?;
            }
            Ok(file)
        };
        let file = opened().map_err(|error: io::Error| storage(&path, &error))?;
        Ok(Self { path, file, disk, head, torn: None })
    }

    /// The last entry.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Another descriptor of the same file, by which it is synced while others write.
    pub(super) fn descriptor(&self) -> Result<Synced, LedgerError> {
        let file = self.file.try_clone().map_err(|error| storage(&self.path, &error))?;
        Ok(Synced { path: self.path.clone(), disk: self.disk.clone(), file })
    }

    /// Writes the lines of some changes, for [`Trail::append`].
    pub(super) fn draft(&self, stamp: &Stamp, changes: Vec<Change>) -> Result<Draft, LedgerError> {
        let mut draft = Draft { bytes: Vec::with_capacity(changes.len() * 512), head: self.head };
        for what in changes {
            let Stamp { at, by, batch } = stamp.clone();
            let entry = Entry { n: draft.head.n + 1, at, by, batch, what, prev: draft.head.digest };
            let line = encode(&entry)?;
            draft.head = draft.head.after(&line);
            draft.bytes.extend(line);
            draft.bytes.push(b'\n');
        }
        Ok(draft)
    }

    /// Appends lines. They survive a kill when this returns, and a power cut after [`Synced::sync`].
    pub(super) fn append(&mut self, draft: &Draft) -> Result<(), LedgerError> {
        if let Some(why) = &self.torn {
            return Err(LedgerError::Storage(format!("{why}; run again: the trail is mended when it is opened")));
        }
        if let Err(error) = self.disk.write(&self.file, &self.path, &draft.bytes) {
            self.cut_back(&error);
            return Err(storage(&self.path, &error));
        }
        self.head = draft.head;
        Ok(())
    }

    /// After a write that failed: some of the bytes may be there, and the disk wants its space back.
    fn cut_back(&mut self, error: &io::Error) {
        let mut file = &self.file;
        let cut = self.disk.cut(&self.file, &self.path, self.head.end);
        if let Err(again) = cut.and_then(|()| file.seek(SeekFrom::Start(self.head.end))) {
            self.torn = Some(format!("{} cannot be written: {error}, nor cut back: {again}", self.path.display()));
        }
    }
}

/// What makes the trail durable.
#[derive(Debug)]
pub(super) struct Synced {
    path: PathBuf,
    disk: Disk,
    file: File,
}

impl Synced {
    /// After it returns, everything that was appended before survives a kill and a power cut.
    pub(super) fn sync(&self) -> Result<(), LedgerError> {
        self.disk.sync(&self.file, &self.path).map_err(|error| storage(&self.path, &error))
    }
}

/// Why the trail ends where a reader stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// At the end of the file.
    Whole,
    /// Before a line without an end, or with a hole of zeros, which an interrupted run or a power cut left: it was never
    /// said to be written, nor was what follows it, since a sync covers all that stands before.
    Unfinished,
    /// Before an entry that is not what was written.
    Broken(BrokenEntry),
}

/// An entry that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenEntry {
    /// Its number.
    pub entry: u64,
    /// The sentence why.
    pub why: String,
}

/// Reads entry after entry, and checks each.
pub(super) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    head: Head,
    line: Vec<u8>,
}

impl Reader {
    /// A reader that goes on after `head`; `None` where there is no trail.
    pub(super) fn open(state: &Path, head: Head) -> Result<Option<Self>, LedgerError> {
        let path = path_in(state);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(storage(&path, &error)),
        };
        let mut file = BufReader::with_capacity(1 << 18, file);
        file.seek(SeekFrom::Start(head.end)).map_err(|error| storage(&path, &error))?;
        Ok(Some(Self { path, file, head, line: Vec::new() }))
    }

    /// The last entry that was read.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// The next entry, or why there is none.
    pub(super) fn next(&mut self) -> Result<Result<Entry, Ending>, LedgerError> {
        self.line.clear();
        self.file.read_until(b'\n', &mut self.line).map_err(|error| storage(&self.path, &error))?;
        match self.line.pop() {
            None => return Ok(Err(Ending::Whole)),
            Some(b'\n') => {}
            Some(_) => return Ok(Err(Ending::Unfinished)),
        }
        if self.line.contains(&0) {
            return Ok(Err(Ending::Unfinished));
        }
        let number = self.head.n + 1;
        let broken = |entry, why| Ok(Err(Ending::Broken(BrokenEntry { entry, why })));
        let entry = match serde_json::from_slice::<Entry>(&self.line) {
            Ok(entry) => entry,
            Err(error) => return broken(number, format!("entry {number} cannot be read: {error}")),
        };
        if entry.n != number {
            return broken(number, format!("entry {number} is missing: in its place stands entry {}", entry.n));
        }
        if entry.prev != self.head.digest {
            // The digest is of the line before: that line was changed, or put in, or the digest itself was changed.
            return broken(
                self.head.n.max(1),
                format!("entry {} is not the one that entry {number} carries the digest of", self.head.n),
            );
        }
        self.head = self.head.after(&self.line);
        Ok(Ok(entry))
    }
}

/// Whether the trail holds, at its place, the entry that the index has seen last.
pub(super) fn holds(state: &Path, head: &Head) -> Result<bool, LedgerError> {
    let path = path_in(state);
    let read = || {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(head.start))?;
        let mut line = Vec::new();
        file.take(head.end.saturating_sub(head.start)).read_to_end(&mut line)?;
        io::Result::Ok(line)
    };
    match read() {
        Ok(mut line) => Ok(head.n == 0 || (line.pop() == Some(b'\n') && Digest::of(&line) == head.digest)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(head.n == 0),
        Err(error) => Err(storage(&path, &error)),
    }
}

/// Puts the trail aside under a name that tells when, and makes room for a new one. Hands back the name.
pub(super) fn put_aside(disk: &Disk, state: &Path, at: DateTime<Utc>) -> Result<Option<PathBuf>, LedgerError> {
    let path = path_in(state);
    if !path.exists() {
        return Ok(None);
    }
    let aside = free_name(state, "audit", at, ".jsonl");
    let moved = disk.rename(&path, &aside).and_then(|()| disk.sync_directory(state));
    moved.map(|()| Some(aside)).map_err(|error| storage(&path, &error))
}

/// A name for something that is put aside: `<stem>.aside-<time><ending>`, which nothing has yet.
pub(super) fn free_name(state: &Path, stem: &str, at: DateTime<Utc>, ending: &str) -> PathBuf {
    let time = at.format("%Y%m%dT%H%M%S");
    let names = (0_u64..).map(|n| if n == 0 { String::new() } else { format!("-{n}") });
    let mut paths = names.map(|n| state.join(format!("{stem}.aside-{time}{n}{ending}")));
    // The numbers do not end before a name is free.
    paths.find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| state.join(stem))
}

/// The error of a file of the ledger.
pub(super) fn storage(path: &Path, error: &io::Error) -> LedgerError {
    LedgerError::Storage(format!("{}: {error}{}", path.display(), advice(error)))
}
