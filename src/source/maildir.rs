//! Mail in a Maildir, with its subfolders (Maildir++ and nested).
//!
//! Each folder is a mailbox. A place in it is the unique name of the message, without the flags: a message that moves from
//! `new` to `cur`, or gets a flag, stays at its place. There is no checkpoint; what is known is skipped by its place.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::holds;
use super::place::{self, Files};
use super::survey::Survey;
use super::tree::{self, Directory, Layout, Tree};
use super::{Found, Known, Outlet, Scanned, Sent, Source, SourceError};
use crate::finding::Finding;
use crate::position::{Position, SourceName};

/// A source of kind `maildir`.
#[derive(Clone, Debug)]
pub struct MaildirSource(Files);

impl MaildirSource {
    /// A source that reads `path` (a Maildir, a directory of Maildirs or a glob of such), absolute; its mailboxes are named
    /// relative to `base`, the directory of the configuration.
    pub fn new(name: SourceName, path: PathBuf, base: PathBuf) -> Self {
        Self(Files { name, path, base })
    }

    fn read_all(&self, known: &dyn Known, outlet: &Outlet) -> Result<(), SourceError> {
        let mut seen_any = false;
        for path in self.0.locate()? {
            for directory in Tree::new(path) {
                match directory {
                    Ok(directory) if directory.layout == Layout::Maildir => {
                        seen_any = true;
                        self.read_folder(&directory, known, outlet)?;
                    }
                    Ok(_) => {}
                    Err(closed) => {
                        seen_any = true;
                        outlet.send_blocking(closed.failure(&self.0))?;
                    }
                }
            }
        }
        if seen_any { Ok(()) } else { Err(self.no_maildir()) }
    }

    fn no_maildir(&self) -> SourceError {
        let hint = "; a Maildir is a directory with the directories cur and new".into();
        SourceError::Missing { what: format!("a Maildir at {}", self.0.path.display()), hint }
    }

    fn read_folder(&self, folder: &Directory, known: &dyn Known, outlet: &Outlet) -> Result<(), SourceError> {
        let mailbox = self.0.mailbox(&folder.path);
        let sent = place::sent_by_name(&mailbox);
        let position = |file: &Path| self.0.position(&mailbox, tree::name_of(file));
        let new: Vec<&PathBuf> = folder.files.iter().filter(|file| !known.has(&position(file))).collect();
        let messages = Some(new.len() as u64);
        outlet.send_blocking(Scanned::Expected { mailbox: mailbox.clone(), messages, bytes: None })?;
        let mut moves = Moves::new(&folder.path);
        for file in new {
            if let Some(scanned) = read_message(file, position(file), sent, &mut moves) {
                outlet.send_blocking(scanned)?;
            }
        }
        Ok(outlet.send_blocking(Scanned::MailboxDone { mailbox, checkpoint: None })?)
    }

    fn survey(&self) -> Vec<Finding> {
        let mut survey = Survey::new(&self.0);
        let mut seen_any = false;
        for path in self.0.locate().unwrap_or_else(|missing| survey.refuse_source(&missing)) {
            for directory in Tree::new(path) {
                match directory {
                    Ok(directory) if directory.layout == Layout::Maildir => {
                        seen_any = true;
                        directory
                            .files
                            .iter()
                            .for_each(|file| survey.take(fs::metadata(file).map_or(0, |metadata| metadata.len())));
                    }
                    Ok(_) => {}
                    Err(closed) => {
                        survey.refuse(&closed.path, closed.error.to_string(), "check that it is a Maildir and its permissions")
                    }
                }
            }
            if !seen_any {
                survey.refuse_source(&self.no_maildir());
            }
        }
        survey.findings("message")
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
            Scanned::Message(Found { position, raw, internal_date: delivered, sent, checkpoint: None, notes })
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

#[async_trait]
impl Source for MaildirSource {
    fn name(&self) -> &SourceName {
        &self.0.name
    }

    async fn check(&self) -> Vec<Finding> {
        let source = self.clone();
        tokio::task::spawn_blocking(move || source.survey()).await.unwrap_or_default()
    }

    async fn scan(&self, known: Arc<dyn Known>, outlet: Outlet) -> Result<(), SourceError> {
        let source = self.clone();
        place::blocking(move || source.read_all(&*known, &outlet)).await
    }
}
