//! Mail in a Maildir, with its subfolders (Maildir++ and nested).
//!
//! Each folder is a mailbox. A place in it is the unique name of the message, without the flags: a message that moves from
//! `new` to `cur`, or gets a flag, stays at its place. There is no checkpoint; what is known is skipped by its place.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::files::{FileSource, Kind, Mailbox, Names, Visit};
use super::holds;
use super::place::{self, Files};
use super::survey::Survey;
use super::tree::{self, Directory, Layout};
use super::{Census, Found, Outlet, Scanned, Sent, SourceError};
use crate::position::Position;

/// A source of kind `maildir`: a Maildir, a directory of Maildirs or a glob of such.
pub type MaildirSource = FileSource<Maildir>;

/// Mail in the folders of a Maildir.
#[derive(Clone, Copy, Debug)]
pub struct Maildir;

impl Kind for Maildir {
    const NOUN: &'static str = "message";
    const NAMES: Names = Names::Directories;

    fn mailboxes(Directory { path, layout, files }: Directory) -> Vec<Mailbox> {
        if layout == Layout::Maildir { vec![Mailbox { path, files }] } else { Vec::new() }
    }

    fn survey(directory: &Directory, survey: &mut Survey<'_>) {
        if directory.layout == Layout::Maildir {
            let bytes = |file: &PathBuf| fs::metadata(file).map_or(0, |metadata| metadata.len());
            directory.files.iter().for_each(|file| survey.take(bytes(file)));
        }
    }

    fn nothing(files: &Files) -> Option<SourceError> {
        let hint = "; a Maildir is a directory with the directories cur and new".into();
        Some(SourceError::Missing { what: format!("a Maildir at {}", files.path.display()), hint })
    }

    fn scan(visit: &Visit<'_>, outlet: &Outlet) -> Result<(), SourceError> {
        let mailbox = visit.mailbox.clone();
        let sent = place::sent_by_name(&mailbox);
        let new = visit.files.iter().map(|file| (file, visit.position(tree::name_of(file))));
        let new: Vec<_> = new.filter(|(_, position)| !visit.known.has(position)).collect();
        let messages = Some(new.len() as u64);
        outlet.send_blocking(Scanned::Expected { mailbox: mailbox.clone(), messages, bytes: None })?;
        let mut moves = Moves::new(visit.path);
        for (file, position) in new {
            if let Some(scanned) = read_message(file, position, sent, &mut moves) {
                outlet.send_blocking(scanned)?;
            }
        }
        Ok(outlet.send_blocking(Scanned::MailboxDone { mailbox, checkpoint: None })?)
    }

    fn census(visit: &Visit<'_>) -> Result<Census, SourceError> {
        let mut census = Census::new(&visit.mailbox);
        visit.files.iter().for_each(|file| census.count(visit.position(tree::name_of(file)), visit.known));
        Ok(census)
    }
}

/// Where messages have gone that another program moves while they are read.
struct Moves<'a> {
    folder: &'a Path,
    /// The folder as it was when a message was last missed, by unique name.
    now: BTreeMap<String, PathBuf>,
}

impl<'a> Moves<'a> {
    fn new(folder: &'a Path) -> Self {
        Self { folder, now: BTreeMap::new() }
    }

    /// The file of a message as it is called now. A mail program that moves one message often moves many: the folder is
    /// listed again only where the last listing does not help.
    fn find(&mut self, unique_name: &str) -> Option<&PathBuf> {
        if !self.now.get(unique_name).is_some_and(|file| file.exists()) {
            let files = tree::messages(self.folder).unwrap_or_default();
            self.now = files.into_iter().map(|file| (tree::name_of(&file), file)).collect();
        }
        self.now.get(unique_name)
    }
}

/// Reads one message, looking for it again where another program has moved it meanwhile. `None`: it was deleted.
fn read_message(file: &Path, position: Position, sent: Sent, moves: &mut Moves<'_>) -> Option<Scanned> {
    let mut read = read_file(file);
    if is_gone(&read) {
        read = read_file(moves.find(&position.place)?);
    }
    if is_gone(&read) {
        return None;
    }
    Some(match read.map_err(|error| format!("cannot be read: {error}")).and_then(|(raw, delivered)| Ok((raw?, delivered))) {
        Ok(((raw, notes), delivered)) => {
            Scanned::Message(Found { position, raw, internal_date: delivered, sent, checkpoint: None, notes, object: None })
        }
        Err(reason) => Scanned::Unreadable { position, reason, checkpoint: None },
    })
}

type Read = io::Result<(Result<holds::OneMail, String>, Option<DateTime<Utc>>)>;

/// The message and when it was delivered: a Maildir's files are never changed, so that is their time.
fn read_file(file: &Path) -> Read {
    let opened = holds::open(file)?;
    let delivered = opened.metadata.modified().ok().map(DateTime::from);
    Ok((opened.read_mail()?, delivered))
}

fn is_gone(read: &Read) -> bool {
    matches!(read, Err(error) if error.kind() == io::ErrorKind::NotFound)
}
