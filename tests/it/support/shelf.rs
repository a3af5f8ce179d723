//! Archives on a disk, and one who remembers what was sent from them as the ledger would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use mailferry::mail::ObjectId;
use mailferry::position::{Checkpoint, Position, SourceName};
use mailferry::source::{Counted, Found, Known, MAX_NAMED, Scanned, Source, SourceError, outlet};

/// What is known of a source: positions and checkpoints, moved forward by what a run sends.
#[derive(Default)]
pub(crate) struct Memory {
    positions: Mutex<BTreeSet<Position>>,
    checkpoints: Mutex<BTreeMap<String, Checkpoint>>,
}

impl Known for Memory {
    fn checkpoint(&self, mailbox: &str) -> Option<Checkpoint> {
        self.checkpoints.lock().unwrap().get(mailbox).cloned()
    }

    fn has(&self, position: &Position) -> bool {
        self.positions.lock().unwrap().contains(position)
    }

    fn holds(&self, _object: &ObjectId) -> bool {
        false
    }
}

impl Memory {
    /// Replaces the checkpoint of a mailbox.
    pub(crate) fn set_checkpoint(&self, mailbox: &str, text: Option<&str>) {
        let mut checkpoints = self.checkpoints.lock().unwrap();
        match text {
            Some(text) => checkpoints.insert(mailbox.into(), Checkpoint(text.into())),
            None => checkpoints.remove(mailbox),
        };
    }

    /// Loses the one position whose place ends so, and returns it.
    pub(crate) fn forget(&self, end: &str) -> Position {
        let mut positions = self.positions.lock().unwrap();
        let lost = positions.iter().find(|position| position.place.ends_with(end)).unwrap().clone();
        positions.remove(&lost);
        lost
    }

    fn admit(&self, scanned: &Scanned) {
        let (position, mailbox, checkpoint) = match scanned {
            Scanned::Message(found) => (Some(&found.position), &found.position.mailbox, &found.checkpoint),
            Scanned::Copy { position, checkpoint, .. } | Scanned::Unreadable { position, checkpoint, .. } => {
                (Some(position), &position.mailbox, checkpoint)
            }
            Scanned::MailboxDone { mailbox, checkpoint } => (None, mailbox, checkpoint),
            Scanned::Expected { .. } | Scanned::MailboxFailed { .. } => return,
        };
        if let Some(position) = position {
            assert!(self.positions.lock().unwrap().insert(position.clone()), "{position} came to mean something else");
        }
        if let Some(checkpoint) = checkpoint {
            self.checkpoints.lock().unwrap().insert(mailbox.clone(), checkpoint.clone());
        }
    }
}

/// A directory with archives, and what is remembered of them.
pub(crate) struct Shelf {
    directory: tempfile::TempDir,
    /// What is remembered of the source between the runs.
    pub(crate) memory: Arc<Memory>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), memory: Arc::default() }
    }
}

impl Shelf {
    /// The directory.
    pub(crate) fn base(&self) -> PathBuf {
        self.directory.path().to_path_buf()
    }

    /// Where something stands on it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a file on it, with the directories that it needs.
    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Makes a directory.
    pub(crate) fn directory(&self, name: &str) -> &Path {
        std::fs::create_dir_all(self.path(name)).unwrap();
        self.directory.path()
    }

    /// Runs a source to its end and remembers what it sends. Its census must name before what it sends then, and nothing
    /// afterwards.
    pub(crate) fn run(&self, source: &dyn Source) -> Run {
        let announced = self.census(source);
        let run = self.run_until(source, usize::MAX);
        match announced {
            Ok(counted) => {
                let unknown = counted.iter().flatten().flat_map(|census| &census.examples);
                let unknown: Vec<String> = unknown.map(ToString::to_string).collect();
                let sent: Vec<String> = run.positions().map(ToString::to_string).collect();
                let is_short = counted.iter().flatten().all(|census| census.unknown <= MAX_NAMED as u64);
                assert!(!is_short || unknown == sent, "counted as unknown: {unknown:?}, sent: {sent:?}");
                assert_eq!(counted.iter().flatten().map(|census| census.unknown).sum::<u64>(), sent.len() as u64);
                let failed: Vec<String> = counted
                    .iter()
                    .filter_map(|one| one.as_ref().err())
                    .map(|(mailbox, error)| format!("{mailbox}: {error}"))
                    .collect();
                assert_eq!(failed, run.failures());
                let left = self.census(source).unwrap();
                assert!(left.iter().flatten().all(|census| census.unknown == 0), "unknown after a whole run: {left:?}");
            }
            Err(error) => assert_eq!(run.result.as_ref().map_err(ToString::to_string), Err(error.to_string())),
        }
        run
    }

    /// Counts what a source holds, against what is remembered.
    pub(crate) fn census(&self, source: &dyn Source) -> Result<Vec<Counted>, SourceError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(source.census(self.memory.clone()))
    }

    /// Runs a source until it has sent so many things, then stops it.
    pub(crate) fn run_until(&self, source: &dyn Source, items: usize) -> Run {
        self.run_and(source, items, |_| {})
    }

    /// The same, and does something whenever something was sent, given how much it is by now.
    pub(crate) fn run_and(&self, source: &dyn Source, items: usize, mut act: impl FnMut(usize)) -> Run {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (outlets, mut inlet) = outlet();
            let outlet = outlets(source.name().clone());
            drop(outlets);
            let mut sent = Vec::new();
            let receive = async {
                while sent.len() < items {
                    let Some(parcel) = inlet.recv().await else { break };
                    self.memory.admit(&parcel.scanned);
                    sent.push(parcel.scanned);
                    act(sent.len());
                }
                inlet.close();
                while inlet.recv().await.is_some() {}
            };
            let (result, ()) = tokio::join!(source.scan(self.memory.clone(), outlet), receive);
            Run { sent, result }
        })
    }
}

/// What a run sent and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// Everything that was sent, in order.
    pub(crate) sent: Vec<Scanned>,
    /// How it ended.
    pub(crate) result: Result<(), SourceError>,
}

impl Run {
    /// The messages, as text.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.messages().map(|found| String::from_utf8_lossy(&found.raw).into_owned()).collect()
    }

    /// The messages.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Found> {
        self.sent.iter().filter_map(|scanned| if let Scanned::Message(found) = scanned { Some(found) } else { None })
    }

    /// The positions of all that was found.
    pub(crate) fn positions(&self) -> impl Iterator<Item = &Position> {
        self.sent.iter().filter_map(|scanned| match scanned {
            Scanned::Message(Found { position, .. }) | Scanned::Copy { position, .. } | Scanned::Unreadable { position, .. } => {
                Some(position)
            }
            Scanned::Expected { .. } | Scanned::MailboxDone { .. } | Scanned::MailboxFailed { .. } => None,
        })
    }

    /// The places of all that was found, as `mailbox at place`, unreadable ones with their reason.
    pub(crate) fn places(&self) -> Vec<String> {
        let mut places = Vec::new();
        for scanned in &self.sent {
            if let Scanned::Message(Found { position, .. }) = scanned {
                places.push(format!("{} at {}", position.mailbox, position.place));
            }
            if let Scanned::Unreadable { position, reason, .. } = scanned {
                places.push(format!("{} at {}: {reason}", position.mailbox, position.place));
            }
        }
        places
    }

    /// What failed, as `mailbox: error`.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for scanned in &self.sent {
            if let Scanned::MailboxFailed { mailbox, error } = scanned {
                failures.push(format!("{mailbox}: {error}"));
            }
        }
        failures
    }
}

/// The name that all sources here have.
pub(crate) fn name() -> SourceName {
    SourceName::new("history")
}
