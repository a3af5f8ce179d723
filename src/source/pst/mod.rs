//! Mail in Outlook's data files (PST): exports, archives, backups of whole mailboxes.
//!
//! Each folder below the top one is a mailbox, named by the file and its path in it. A place in it is `store/node`: the key
//! of the store, which tells it from every other file of that name, and the number of the message in it, which is never
//! given twice. There is no checkpoint; what is known is skipped by its place before it is read, so a run that was cut goes
//! on where it was. What is no mail (appointments, contacts, tasks) and what was thrown away, is not finished or is junk
//! stays where it is, and the log says how much that is.
//!
//! The format is read here and not by a crate: Microsoft's own (outlook-pst 1.2) waits for itself for ever at a message
//! within a message, and gives up a message for one damaged property.

mod cipher;
mod file;
mod heap;
mod store;

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use self::file::NodeId;
use self::store::{Folder, Purpose, Store};
use super::files::{FileSource, Kind, Mailbox, Names, Visit};
use super::holds;
use super::survey::Survey;
use super::tree::{Directory, Layout};
use super::{Census, Found, Outlet, Scanned, Sent, SourceError, place};
use crate::mail::outlook::property::id;
use crate::mail::outlook::{Item, msg, to_mail};

pub(in crate::source) use self::file::Fault;

/// A source of kind `pst`: a file, a directory or a glob.
pub type PstSource = FileSource<Pst>;

/// Mail in PST files.
#[derive(Clone, Copy, Debug)]
pub struct Pst;

impl Kind for Pst {
    const NOUN: &'static str = "PST file";
    const NAMES: Names = Names::Files;

    fn mailboxes(directory: Directory) -> Vec<Mailbox> {
        Mailbox::for_each_file(directory, takes)
    }

    fn survey(directory: &Directory, survey: &mut Survey<'_>) {
        for file in &directory.files {
            match takes(directory.layout, file) {
                true => survey_file(survey, file),
                false => survey.leave_out(file),
            }
        }
    }

    fn scan(visit: &Visit<'_>, outlet: &Outlet) -> Result<(), SourceError> {
        let mut store = open(visit.path).map_err(|fault| failure(visit.path, &fault))?;
        let (folders, faults) = store.folders().map_err(|fault| failure(visit.path, &fault))?;
        for fault in faults {
            let error = SourceError::Broken { what: visit.path.display().to_string(), why: fault };
            outlet.send_blocking(Scanned::MailboxFailed { mailbox: visit.mailbox.clone(), error })?;
        }
        for folder in folders {
            if folder.purpose == Purpose::LeftOut {
                tracing::info!(mailbox.name = %mailbox_of(visit, &folder), "left out: thrown away, not finished, or junk");
                continue;
            }
            scan_folder(visit, &mut store, &folder, outlet)?;
        }
        Ok(())
    }

    fn census(visit: &Visit<'_>) -> Result<Census, SourceError> {
        let failed = |fault: Fault| failure(visit.path, &fault);
        let mut store = open(visit.path).map_err(failed)?;
        let (folders, faults) = store.folders().map_err(failed)?;
        if let Some(fault) = faults.into_iter().next() {
            return Err(SourceError::Broken { what: visit.path.display().to_string(), why: fault });
        }
        let mut census = Census::new(&visit.mailbox);
        for folder in folders.iter().filter(|folder| folder.purpose != Purpose::LeftOut) {
            let mailbox = mailbox_of(visit, folder);
            for id in store.messages(folder).map_err(failed)? {
                let position = visit.source.position(&mailbox, place_of(&store, id));
                // What is no mail was never shown; to know it, it has to be read.
                if visit.known.has(&position) {
                    census.count_known();
                } else if store.message(id).map_or(true, |item| is_mail(&item)) {
                    census.count_unknown(position);
                }
            }
        }
        Ok(census)
    }
}

/// The place of a message: the store, and the message in it.
fn place_of(store: &Store, id: NodeId) -> String {
    format!("{}/{:x}", store.key, id.0)
}

fn takes(layout: Layout, file: &Path) -> bool {
    let named = || file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pst"));
    layout == Layout::Named || named() || holds::open(file).is_ok_and(|opened| opened.holds.is_pst())
}

fn open(path: &Path) -> Result<Store, Fault> {
    Store::open(File::open(path)?)
}

fn failure(path: &Path, fault: &Fault) -> SourceError {
    let what = path.display().to_string();
    match fault {
        Fault::System(error) => SourceError::Unreachable { what, why: error.to_string() },
        Fault::Foreign(_) | Fault::Damaged(_) => SourceError::Broken { what, why: fault.to_string() },
    }
}

fn mailbox_of(visit: &Visit<'_>, folder: &Folder) -> String {
    [visit.mailbox.as_str()].into_iter().chain(folder.path.iter().map(String::as_str)).collect::<Vec<_>>().join("/")
}

/// Sends what is new of one folder. Its own failure is told and the others go on.
fn scan_folder(visit: &Visit<'_>, store: &mut Store, folder: &Folder, outlet: &Outlet) -> Result<(), SourceError> {
    let mailbox = mailbox_of(visit, folder);
    let sent = if folder.purpose == Purpose::Sent { Sent::Yes } else { place::sent_by_name(&mailbox) };
    let position = |store: &Store, id: NodeId| visit.source.position(&mailbox, place_of(store, id));
    let ids = match store.messages(folder) {
        Ok(ids) => ids,
        Err(fault) => {
            let error = failure(visit.path, &fault);
            return Ok(outlet.send_blocking(Scanned::MailboxFailed { mailbox, error })?);
        }
    };
    let new: Vec<NodeId> = ids.into_iter().filter(|id| !visit.known.has(&position(store, *id))).collect();
    outlet.send_blocking(Scanned::Expected { mailbox: mailbox.clone(), messages: Some(new.len() as u64), bytes: None })?;
    let mut left_out = 0_u64;
    for id in new {
        let position = position(store, id);
        match store.message(id) {
            Ok(item) if !is_mail(&item) => left_out += 1,
            Ok(item) => {
                let internal_date = item.properties.time(id::MESSAGE_DELIVERY_TIME);
                let written = to_mail(&item);
                let (raw, notes) = (written.raw, written.notes);
                outlet.send_blocking(Scanned::Message(Found {
                    position,
                    raw,
                    internal_date,
                    sent,
                    checkpoint: None,
                    notes,
                    object: None,
                }))?;
            }
            Err(Fault::System(error)) => return Err(failure(visit.path, &Fault::System(error))),
            Err(fault) => outlet.send_blocking(Scanned::Unreadable { position, reason: fault.to_string(), checkpoint: None })?,
        }
    }
    if left_out > 0 {
        tracing::info!(mailbox.name = %mailbox, items = left_out, "left out: no mail (appointments, contacts, tasks)");
    }
    Ok(outlet.send_blocking(Scanned::MailboxDone { mailbox, checkpoint: None })?)
}

fn is_mail(item: &Item) -> bool {
    item.properties.text(id::MESSAGE_CLASS).is_none_or(|class| msg::is_mail(&class))
}

fn survey_file(survey: &mut Survey<'_>, path: &Path) {
    let bytes = path.metadata().map_or(0, |metadata| metadata.len());
    match open(path).and_then(|mut store| Ok((store.folders()?, store))) {
        Ok(((folders, faults), mut store)) => {
            survey.take(bytes);
            faults.into_iter().for_each(|fault| survey.refuse(path, fault, "let Outlook's scanpst repair a copy of it"));
            let count = |store: &mut Store, folder: &Folder| store.messages(folder).map_or(0, |ids| ids.len());
            let (left_out, read): (Vec<_>, Vec<_>) = folders.into_iter().partition(|folder| folder.purpose == Purpose::LeftOut);
            let read: usize = read.iter().map(|folder| count(&mut store, folder)).sum();
            let not_read: usize = left_out.iter().map(|folder| count(&mut store, folder)).sum();
            let items = if read == 1 { "item" } else { "items" };
            survey.remark(path, &format!("{read} {items} to read; {not_read} left out with what was thrown away, drafts and junk"));
        }
        Err(fault) => survey.refuse(path, fault.to_string(), "check that it is a PST file and its permissions"),
    }
}

/// The mails of one PST, in order, for those who just want to look: those of every folder.
#[derive(Debug)]
pub(super) struct PstMails {
    path: PathBuf,
    store: Store,
    folders: VecDeque<Folder>,
    waiting: VecDeque<NodeId>,
    folder: String,
}

/// One mail of a PST: the bytes and what was odd about it, or why it cannot be read.
type PstMail = Result<(Vec<u8>, Vec<String>), String>;

impl PstMails {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let mut store = open(path)?;
        let (folders, _) = store.folders()?;
        Ok(Self { path: path.to_path_buf(), store, folders: folders.into(), waiting: VecDeque::new(), folder: String::new() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Iterator for PstMails {
    type Item = PstMail;

    fn next(&mut self) -> Option<PstMail> {
        loop {
            let Some(id) = self.waiting.pop_front() else {
                let folder = self.folders.pop_front()?;
                self.folder = folder.path.join("/");
                match self.store.messages(&folder) {
                    Ok(ids) => self.waiting = ids.into(),
                    Err(fault) => return Some(Err(format!("folder {:?}: {fault}", self.folder))),
                }
                continue;
            };
            match self.store.message(id) {
                Ok(item) if !is_mail(&item) => {}
                Ok(item) => {
                    let written = to_mail(&item);
                    return Some(Ok((written.raw, written.notes)));
                }
                Err(fault) => return Some(Err(format!("folder {:?}, item {:x}: {fault}", self.folder, id.0))),
            }
        }
    }
}
