//! One run over one mbox file: sends what is new of it, or counts what it holds.

use std::fs::File;

use super::mark::{Fingerprints, Mark};
use super::plan::{Plan, Standing, unreachable};
use super::reader::{MboxEntry, MboxReader};
use crate::position::Checkpoint;
use crate::source::files::Visit;
use crate::source::place;
use crate::source::{Census, Found, Outlet, Scanned, SourceError};

/// A file that is being read.
pub(super) struct Scan<'a> {
    pub(super) visit: &'a Visit<'a>,
    pub(super) outlet: &'a Outlet,
}

impl Scan<'_> {
    /// Sends what is new.
    pub(super) fn run(&self) -> Result<(), SourceError> {
        let mut plan = Plan::make(self.visit)?;
        if plan.from < plan.length {
            let bytes = Some(plan.length - plan.from);
            self.outlet.send_blocking(Scanned::Expected { mailbox: self.visit.mailbox.clone(), messages: None, bytes })?;
            let reader = plan.read(plan.from).map_err(|error| unreachable(self.visit, &error))?;
            self.send_new(reader, &mut plan)?;
            self.expect_unchanged(&mut plan)?;
        }
        let checkpoint = Some(self.checkpoint(&plan.mark)?);
        Ok(self.outlet.send_blocking(Scanned::MailboxDone { mailbox: self.visit.mailbox.clone(), checkpoint })?)
    }

    fn send_new(&self, mut reader: MboxReader<File>, plan: &mut Plan<'_>) -> Result<(), SourceError> {
        let mut prints = Fingerprints::default();
        while let Some(entry) = reader.next() {
            let entry = entry.map_err(|error| unreachable(self.visit, &error))?;
            match plan.judge(&entry) {
                Standing::Sent => plan.mark.revisit(&entry, || prints.of(&reader.past())),
                Standing::New => {
                    plan.mark.pass(&entry, prints.of(&reader.past()));
                    self.send(entry, plan)?;
                }
            }
        }
        Ok(())
    }

    /// Fails if the file was rewritten in place while it was read, as some mail programs do when they remove a message:
    /// what was read may be half old, half new. The checkpoint fits what was read, so the next run reads the file anew.
    fn expect_unchanged(&self, plan: &mut Plan<'_>) -> Result<(), SourceError> {
        let now = plan.fingerprint(plan.mark.offset).map_err(|error| unreachable(self.visit, &error))?;
        if now == plan.mark.fingerprint {
            return Ok(());
        }
        let why = "another program rewrote it meanwhile; the next run reads it anew".into();
        Err(SourceError::Broken { what: self.visit.path.display().to_string(), why })
    }

    fn send(&self, entry: MboxEntry, plan: &Plan<'_>) -> Result<(), SourceError> {
        let position = plan.position(plan.mark.generation, &entry);
        let checkpoint = Some(self.checkpoint(&plan.mark)?);
        Ok(self.outlet.send_blocking(match entry.raw {
            Ok(raw) => Scanned::Message(Found {
                position,
                raw,
                internal_date: entry.internal_date,
                sent: place::sent_by_name(&self.visit.mailbox),
                checkpoint,
                notes: entry.notes,
                object: None,
            }),
            Err(reason) => Scanned::Unreadable { position, reason, checkpoint },
        })?)
    }

    fn checkpoint(&self, mark: &Mark) -> Result<Checkpoint, SourceError> {
        mark.write().map_err(|error| SourceError::Broken { what: self.visit.mailbox.clone(), why: error.to_string() })
    }
}

/// Counts the messages of a file. One that the checkpoint covers must stand in one of the generations since the file was
/// last read from its beginning; these only grow along the file.
pub(super) fn census(visit: &Visit<'_>) -> Result<Census, SourceError> {
    let mut plan = Plan::make(visit)?;
    let (mut generation, last) = (plan.mark.since, plan.mark.generation);
    let mut census = Census::new(&visit.mailbox);
    for entry in plan.read(0).map_err(|error| unreachable(visit, &error))? {
        let entry = entry.map_err(|error| unreachable(visit, &error))?;
        let found = match plan.judge(&entry) {
            Standing::Sent => (generation..=last).find(|generation| visit.known.has(&plan.position(*generation, &entry))),
            Standing::New => None,
        };
        match found {
            Some(found) => {
                generation = found;
                census.count_known();
            }
            None => census.count_unknown(plan.position(plan.mark.generation, &entry)),
        }
    }
    Ok(census)
}
