//! One run over one mbox file.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};

use super::mark::{Fingerprints, Mark};
use super::reader::{MboxEntry, MboxReader};
use crate::position::{Checkpoint, Position};
use crate::source::files::Visit;
use crate::source::holds::{self, Holds};
use crate::source::place;
use crate::source::{Found, Outlet, Scanned, SourceError};

/// A file that is being read.
pub(super) struct Scan<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) outlet: &'a Outlet,
}

/// What is to be done with a file.
struct Plan {
    /// What earlier runs have read of it as it stands now.
    before: Option<Mark>,
    /// Where to begin, and where this run has got to.
    mark: Mark,
    from: u64,
}

impl Scan<'_> {
    /// Sends what is new.
    pub(super) fn run(&self) -> Result<(), SourceError> {
        let opened = holds::open(self.visit.path).map_err(|error| self.unreachable(&error))?;
        if let Holds::Foreign(foreign) = opened.holds {
            return Err(SourceError::Broken { what: self.visit.path.display().to_string(), why: foreign.sentence() });
        }
        let prints = File::open(self.visit.path).map_err(|error| self.unreachable(&error))?;
        let mut prints = Fingerprints::new(prints);
        let length = opened.metadata.len();
        let mut plan = self.plan(length, &mut prints).map_err(|error| self.unreachable(&error))?;
        if plan.from < length {
            let bytes = Some(length - plan.from);
            self.outlet.send_blocking(Scanned::Expected { mailbox: self.visit.mailbox.clone(), messages: None, bytes })?;
            self.read_from(opened.file, &mut plan, &mut prints)?;
        }
        let checkpoint = Some(self.checkpoint(&plan.mark)?);
        Ok(self.outlet.send_blocking(Scanned::MailboxDone { mailbox: self.visit.mailbox.clone(), checkpoint })?)
    }

    /// Compares the file with what earlier runs have seen of it.
    fn plan(&self, length: u64, prints: &mut Fingerprints) -> io::Result<Plan> {
        let Some(before) = self.visit.known.checkpoint(&self.visit.mailbox).as_ref().and_then(Mark::read) else {
            return Ok(Plan { before: None, mark: Mark::start(0), from: 0 });
        };
        let is_same = before.offset <= length && prints.before(before.offset)? == before.fingerprint;
        if !is_same {
            tracing::info!(mailbox.name = %self.visit.mailbox, "the file was rewritten and is read anew");
            return Ok(Plan { before: None, mark: Mark::start(before.generation + 1), from: 0 });
        }
        if before.offset == length {
            return Ok(Plan { from: length, mark: before, before: None });
        }
        Ok(Plan { from: before.resume_at(), mark: Mark { unsettled: None, ..before.clone() }, before: Some(before) })
    }

    fn read_from(&self, mut file: File, plan: &mut Plan, prints: &mut Fingerprints) -> Result<(), SourceError> {
        file.seek(SeekFrom::Start(plan.from)).map_err(|error| self.unreachable(&error))?;
        let mut is_first = plan.before.is_none();
        for entry in MboxReader::resume(file, plan.from) {
            let entry = entry.map_err(|error| self.unreachable(&error))?;
            if let Some(before) = plan.before.as_ref().filter(|before| entry.span.start < before.offset) {
                if before.covers(&entry) {
                    plan.mark.revisit(&entry, prints).map_err(|error| self.unreachable(&error))?;
                    continue;
                }
                plan.before = None;
                plan.mark.generation += 1;
            }
            if is_first {
                // Without a checkpoint that can be read, places of earlier runs must not come to mean something else.
                while self.visit.known.has(&self.position(plan.mark.generation, &entry)) {
                    plan.mark.generation += 1;
                }
                is_first = false;
            }
            plan.mark.pass(&entry, prints).map_err(|error| self.unreachable(&error))?;
            self.send(entry, &plan.mark)?;
        }
        Ok(())
    }

    fn send(&self, entry: MboxEntry, mark: &Mark) -> Result<(), SourceError> {
        let position = self.position(mark.generation, &entry);
        let checkpoint = Some(self.checkpoint(mark)?);
        Ok(self.outlet.send_blocking(match entry.raw {
            Ok(raw) => Scanned::Message(Found {
                position,
                raw,
                internal_date: entry.internal_date,
                sent: place::sent_by_name(&self.visit.mailbox),
                checkpoint,
                notes: entry.notes,
            }),
            Err(reason) => Scanned::Unreadable { position, reason, checkpoint },
        })?)
    }

    fn position(&self, generation: u64, entry: &MboxEntry) -> Position {
        self.visit.position(format!("{generation}/{}", entry.span.start))
    }

    fn checkpoint(&self, mark: &Mark) -> Result<Checkpoint, SourceError> {
        mark.write().map_err(|error| SourceError::Broken { what: self.visit.mailbox.clone(), why: error.to_string() })
    }

    fn unreachable(&self, error: &io::Error) -> SourceError {
        SourceError::Unreachable { what: self.visit.path.display().to_string(), why: error.to_string() }
    }
}
