//! Mail in files of its own, one each: `.eml` files as mail programs save them, and the `.msg` files of Outlook.
//!
//! Each directory is a mailbox. A place in it is the file's name with its size and time, so that a file that was changed is
//! a new position, and one that was not is never read again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::holds::{self, Holds, Opened};
use super::mbox::MboxReader;
use super::place::{self, Files, text_of};
use super::survey::Survey;
use super::tree::Tree;
use super::{Found, Known, Outlet, Scanned, Source, SourceError};
use crate::finding::Finding;
use crate::position::SourceName;

/// A source of kind `eml`.
#[derive(Clone, Debug)]
pub struct EmlSource(Files);

impl EmlSource {
    /// A source that reads `path`, absolute: a directory with all below it (files with the extension `.eml` or `.msg`), or a
    /// file or glob of any name. Its mailboxes are named relative to `base`, the directory of the configuration.
    pub fn new(name: SourceName, path: PathBuf, base: PathBuf) -> Self {
        Self(Files { name, path, base })
    }

    fn read_all(&self, known: &dyn Known, outlet: &Outlet) -> Result<(), SourceError> {
        let (directories, files): (Vec<_>, Vec<_>) = self.0.locate()?.into_iter().partition(|path| path.is_dir());
        for group in files.chunk_by(|one, other| one.parent() == other.parent()) {
            if let Some(parent) = group.first().and_then(|file| file.parent()) {
                self.read_files(parent, group.iter(), known, outlet)?;
            }
        }
        for directory in directories.into_iter().flat_map(Tree::new) {
            match directory {
                Ok(directory) => {
                    let files = directory.files.iter().filter(|file| is_mail(file));
                    self.read_files(&directory.path, files, known, outlet)?;
                }
                Err(closed) => outlet.send_blocking(closed.failure(&self.0))?,
            }
        }
        Ok(())
    }

    fn read_files<'a>(
        &self,
        directory: &Path,
        files: impl Iterator<Item = &'a PathBuf>,
        known: &dyn Known,
        outlet: &Outlet,
    ) -> Result<(), SourceError> {
        let mailbox = self.0.mailbox(directory);
        let sent = place::sent_by_name(&mailbox);
        let new = files.map(|file| (file, self.0.position(&mailbox, place_of(file))));
        let new: Vec<_> = new.filter(|(_, position)| !known.has(position)).collect();
        let messages = Some(new.len() as u64);
        outlet.send_blocking(Scanned::Expected { mailbox: mailbox.clone(), messages, bytes: None })?;
        for (file, position) in new {
            let mail = holds::open(file).map_err(|error| format!("cannot be read: {error}")).and_then(read_mail);
            outlet.send_blocking(match mail {
                Ok((raw, notes)) => Scanned::Message(Found { position, raw, internal_date: None, sent, checkpoint: None, notes }),
                Err(reason) => Scanned::Unreadable { position, reason, checkpoint: None },
            })?;
        }
        Ok(outlet.send_blocking(Scanned::MailboxDone { mailbox, checkpoint: None })?)
    }

    fn survey(&self) -> Vec<Finding> {
        let mut survey = Survey::new(&self.0);
        for path in self.0.locate().unwrap_or_else(|missing| survey.refuse_source(&missing)) {
            if !path.is_dir() {
                survey_file(&mut survey, &path);
                continue;
            }
            for directory in Tree::new(path) {
                match directory {
                    Ok(directory) => directory.files.iter().for_each(|file| match is_mail(file) {
                        true => survey_file(&mut survey, file),
                        false => survey.leave_out(file),
                    }),
                    Err(closed) => survey.refuse(&closed.path, closed.error.to_string(), "check its permissions"),
                }
            }
        }
        survey.findings("mail")
    }
}

fn is_mail(file: &Path) -> bool {
    let is = |extension: &str| file.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension));
    is("eml") || is("msg")
}

/// `name@size-time`, the time in nanoseconds since 1970; what cannot be found out is left empty.
fn place_of(file: &Path) -> String {
    let name = file.file_name().map(text_of).unwrap_or_default();
    let Ok(metadata) = fs::metadata(file) else { return format!("{name}@") };
    let time = metadata.modified().ok().map(DateTime::<Utc>::from).and_then(|time| time.timestamp_nanos_opt());
    format!("{name}@{}-{}", metadata.len(), time.map(|time| time.to_string()).unwrap_or_default())
}

/// The mail of a file and its notes. One that was cut out of an mbox with its `From ` line is freed of it.
fn read_mail(opened: Opened) -> Result<(Vec<u8>, Vec<String>), String> {
    if opened.holds != Holds::Mbox {
        return opened.read_mail().map_err(|error| format!("cannot be read: {error}"))?;
    }
    let mut entries = MboxReader::new(opened.file);
    let first = entries.next().ok_or("the file is empty")?.map_err(|error| format!("cannot be read: {error}"))?;
    if entries.next().is_some() {
        return Err("it is an mbox with several mails; give it a source of kind = \"mbox\"".into());
    }
    Ok((first.raw?, first.notes))
}

fn survey_file(survey: &mut Survey<'_>, file: &Path) {
    match holds::open(file) {
        Ok(Opened { holds: Holds::Foreign(foreign), .. }) if !Holds::Foreign(foreign).is_compound() => {
            survey.refuse(file, format!("it is {}", foreign.what), foreign.advice)
        }
        Ok(opened) => survey.take(opened.metadata.len()),
        Err(error) => survey.refuse(file, error.to_string(), "check that it is a file and its permissions"),
    }
}

#[async_trait]
impl Source for EmlSource {
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
