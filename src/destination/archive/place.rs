//! The directory of an archive: what lies where in it, whose it is, and whether it can be written to.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use super::durable::{Drafts, failure, make_directory, sync_directory};
use crate::destination::Failure;

/// What is not part of the export: journals, markers, drafts, the lock. No channel's directory begins with a dot.
const PRIVATE: &str = ".mailferry";

/// What the private directory's `format` file says as long as every post stands.
const FORMAT: &str = "mailferry archive 1\n";

/// What it says once posts were taken back. Programs that know only the first format refuse such an archive, and say that
/// another version wrote it: they would read its journals wrongly.
const FORMAT_WITH_RETRACTIONS: &str = "mailferry archive 2\n";

/// What the name of a journal ends in.
pub(super) const JOURNAL: &str = ".jsonl";

/// Entries that systems put into empty directories.
const HARMLESS: [&str; 2] = ["lost+found", ".DS_Store"];

/// The directory of an archive.
#[derive(Clone, Debug)]
pub(super) struct Place {
    root: PathBuf,
}

/// Who has the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Occupant {
    /// It is missing or empty.
    Nobody,
    /// An archive of ours.
    Archive,
    /// An archive of a program that is newer than this one.
    NewerArchive,
    /// Something else, such as this entry.
    Foreign(String),
}

impl Place {
    /// The place at an absolute path.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The root of the export.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of the journals.
    pub(super) fn journals(&self) -> PathBuf {
        self.root.join(PRIVATE).join("journal")
    }

    /// The journal of the channel in this directory.
    pub(super) fn journal(&self, directory: &str) -> PathBuf {
        self.journals().join(format!("{directory}{JOURNAL}"))
    }

    /// The marker of how far a channel is published.
    pub(super) fn marker(&self, directory: &str) -> PathBuf {
        self.root.join(PRIVATE).join("published").join(directory)
    }

    /// Who has the directory.
    ///
    /// # Errors
    /// When it cannot be read, or is no directory.
    pub(super) fn occupant(&self) -> io::Result<Occupant> {
        match fs::read_to_string(self.root.join(PRIVATE).join("format")) {
            Ok(format) if format == FORMAT || format == FORMAT_WITH_RETRACTIONS => return Ok(Occupant::Archive),
            Ok(_) => return Ok(Occupant::NewerArchive),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Occupant::Nobody),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // A private directory without a format is what a run leaves that is killed while it begins.
            if name != PRIVATE && !HARMLESS.contains(&name.as_str()) {
                return Ok(Occupant::Foreign(name));
            }
        }
        Ok(Occupant::Nobody)
    }

    /// Takes the directory for this run, making it where it is missing. Nobody else has it until the claim is dropped.
    ///
    /// # Errors
    /// When it is somebody else's, another run has it, or the disk refuses.
    pub(super) fn claim(&self) -> Result<Claim, Failure> {
        let occupant = self.occupant().map_err(|error| failure("reading the archive at", &self.root, &error))?;
        if let Some((why, advice)) = self.objection(&occupant) {
            return Err(Failure::Stop { why, advice });
        }
        let private = self.root.join(PRIVATE);
        make_directory(&self.root)?;
        for directory in [private.clone(), self.journals(), private.join("published")] {
            make_directory(&directory)?;
        }
        let lock = self.lock(&private.join("lock"))?;
        let drafts = Drafts::open(private.join("drafts"))?;
        if occupant != Occupant::Archive {
            drafts.replace(&private.join("format"), FORMAT.as_bytes())?;
        }
        Ok(Claim { drafts, _lock: lock })
    }

    /// Says that posts were taken back: from now on only programs that know of that open the archive.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn allow_retractions(&self, drafts: &Drafts) -> Result<(), Failure> {
        let private = self.root.join(PRIVATE);
        drafts.replace(&private.join("format"), FORMAT_WITH_RETRACTIONS.as_bytes())?;
        sync_directory(&private)
    }

    /// What speaks against writing there, and what to do about it.
    pub(super) fn objection(&self, occupant: &Occupant) -> Option<(String, String)> {
        let path = self.root.display();
        match occupant {
            Occupant::Nobody | Occupant::Archive => None,
            Occupant::NewerArchive => Some((
                format!("the archive at {path} was written by another version of mailferry"),
                "use that version, or set `path` to a new directory".into(),
            )),
            Occupant::Foreign(entry) => Some((
                format!("{path} holds something that is no archive of mailferry's ({entry:?})"),
                "set `path` to an empty or new directory: nothing there was touched".into(),
            )),
        }
    }

    /// Whether the directory, or the nearest one above it that exists, can be written to. Changes nothing.
    ///
    /// # Errors
    /// What the system says where it cannot.
    pub(super) fn writable(&self) -> io::Result<()> {
        let nearest = self.nearest();
        if !nearest.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{} is no directory", nearest.display())));
        }
        Ok(access(nearest, Access::WRITE_OK | Access::EXEC_OK)?)
    }

    /// The bytes that are free there for us.
    ///
    /// # Errors
    /// When the system does not say.
    pub(super) fn free_bytes(&self) -> io::Result<u64> {
        let disk = statvfs(self.nearest())?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn nearest(&self) -> &Path {
        self.root.ancestors().find(|path| path.exists()).unwrap_or(&self.root)
    }

    fn lock(&self, path: &Path) -> Result<File, Failure> {
        let file = File::create(path).map_err(|error| failure("opening", path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Failure::Stop {
                why: format!("another mailferry is writing the archive at {}", self.root.display()),
                advice: "wait until it has ended, or stop it".into(),
            }),
            Err(TryLockError::Error(error)) => Err(failure("locking", path, &error)),
        }
    }
}

/// A directory that is ours for this run.
#[derive(Debug)]
pub(super) struct Claim {
    /// Where its files are drafted.
    pub(super) drafts: Drafts,
    _lock: File,
}
