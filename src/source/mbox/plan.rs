//! What is to be done with a file: how it compares with what earlier runs have seen of it.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use super::mark::{Fingerprints, Mark};
use super::reader::{MboxEntry, MboxReader};
use super::window::Past;
use crate::position::Position;
use crate::source::SourceError;
use crate::source::files::Visit;
use crate::source::holds::{self, Holds};

/// A file that is open, and what is to be done with it.
pub(super) struct Plan<'a> {
    visit: &'a Visit<'a>,
    file: File,
    /// How long the file is.
    pub(super) length: u64,
    /// What earlier runs have read of it as it stands now.
    before: Option<Mark>,
    /// How far this run has got.
    pub(super) mark: Mark,
    /// Where to begin: what is before it was sent.
    pub(super) from: u64,
    first: First,
}

/// Whether the first message of a generation was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Awaited,
    Met,
}

/// Whether a message was sent by an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was, as it is now.
    Sent,
    /// It was not.
    New,
}

impl<'a> Plan<'a> {
    /// Opens a file and compares it with its checkpoint.
    pub(super) fn make(visit: &'a Visit<'a>) -> Result<Self, SourceError> {
        let opened = holds::open(visit.path).map_err(|error| unreachable(visit, &error))?;
        if let Holds::Foreign(foreign) = opened.holds {
            return Err(SourceError::Broken { what: visit.path.display().to_string(), why: foreign.sentence() });
        }
        let length = opened.metadata.len();
        let start = Self { visit, file: opened.file, length, before: None, mark: Mark::start(0), from: 0, first: First::Awaited };
        start.compared().map_err(|error| unreachable(visit, &error))
    }

    fn compared(mut self) -> io::Result<Self> {
        let Some(before) = self.visit.known.checkpoint(&self.visit.mailbox).as_ref().and_then(Mark::read) else {
            return Ok(self);
        };
        let is_same = before.offset <= self.length && self.fingerprint(before.offset)? == before.fingerprint;
        if !is_same {
            tracing::info!(mailbox.name = %self.visit.mailbox, "the file was rewritten and is read anew");
            return Ok(Self { mark: Mark::start(before.generation + 1), ..self });
        }
        let is_unchanged = before.offset == self.length;
        let from = if is_unchanged { self.length } else { before.resume_at() };
        let unsettled = before.unsettled.filter(|_| is_unchanged);
        Ok(Self { from, mark: Mark { unsettled, ..before.clone() }, before: Some(before), first: First::Met, ..self })
    }

    /// Reads the messages from `offset` on.
    pub(super) fn read(&mut self, offset: u64) -> io::Result<MboxReader<File>> {
        let past = Past::read(&mut self.file, offset)?;
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(MboxReader::resume(self.file.try_clone()?, past))
    }

    /// Judges the next message. From the first one on that has changed, all are new: the places behind it have moved.
    pub(super) fn judge(&mut self, entry: &MboxEntry) -> Standing {
        if entry.span.start < self.from {
            return Standing::Sent;
        }
        if let Some(before) = self.before.as_ref().filter(|before| entry.span.start < before.offset) {
            if before.covers(entry) {
                return Standing::Sent;
            }
            self.before = None;
            self.mark.generation += 1;
        }
        if self.first == First::Awaited {
            self.first = First::Met;
            // Without a checkpoint that can be read, places of earlier runs must not come to mean something else.
            while self.visit.known.has(&self.position(self.mark.generation, entry)) {
                self.mark.generation += 1;
            }
            self.mark.since = self.mark.generation;
        }
        Standing::New
    }

    /// The position of a message in a generation.
    pub(super) fn position(&self, generation: u64, entry: &MboxEntry) -> Position {
        self.visit.position(format!("{generation}/{}", entry.span.start))
    }

    /// The fingerprint of what stands before `offset` now.
    pub(super) fn fingerprint(&mut self, offset: u64) -> io::Result<crate::mail::Digest> {
        Ok(Fingerprints::default().of(&Past::read(&mut self.file, offset)?))
    }
}

/// The error of a file that cannot be read.
pub(super) fn unreachable(visit: &Visit<'_>, error: &io::Error) -> SourceError {
    SourceError::Unreachable { what: visit.path.display().to_string(), why: error.to_string() }
}
