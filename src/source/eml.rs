//! Mail in files of its own, one each: `.eml` files as mail programs save them, and the `.msg` files of Outlook.
//!
//! Each directory is a mailbox. A place in it is the file's name with its size and time, so that a file that was changed is
//! a new position, and one that was not is never read again.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::files::{FileSource, Kind, Mailbox, Names, Visit};
use super::holds::{self, Holds, OneMail, Opened};
use super::mbox::MboxReader;
use super::place::{self, text_of};
use super::survey::Survey;
use super::tree::{Directory, Layout};
use super::{Census, Found, Outlet, Scanned, SourceError};

/// A source of kind `eml`: in a directory, files with the extension `.eml` or `.msg`; by name or glob, files of any name.
pub type EmlSource = FileSource<Eml>;

/// Mail in files of its own.
#[derive(Clone, Copy, Debug)]
pub struct Eml;

impl Kind for Eml {
    const NOUN: &'static str = "mail";
    const NAMES: Names = Names::Files;

    fn mailboxes(directory: Directory) -> Vec<Mailbox> {
        let takes = |file: &PathBuf| directory.layout == Layout::Named || is_mail(file);
        let files = directory.files.iter().filter(|file| takes(file)).cloned().collect();
        vec![Mailbox { path: directory.path, files }]
    }

    fn survey(directory: &Directory, survey: &mut Survey<'_>) {
        for file in &directory.files {
            match directory.layout == Layout::Named || is_mail(file) {
                true => survey_file(survey, file),
                false => survey.leave_out(file),
            }
        }
    }

    fn scan(visit: &Visit<'_>, outlet: &Outlet) -> Result<(), SourceError> {
        let mailbox = visit.mailbox.clone();
        let sent = place::sent_by_name(&mailbox);
        let new = visit.files.iter().map(|file| (file, visit.position(place_of(file))));
        let new: Vec<_> = new.filter(|(_, position)| !visit.known.has(position)).collect();
        let messages = Some(new.len() as u64);
        outlet.send_blocking(Scanned::Expected { mailbox: mailbox.clone(), messages, bytes: None })?;
        for (file, position) in new {
            let mail = holds::open(file).map_err(|error| format!("cannot be read: {error}")).and_then(read_mail);
            outlet.send_blocking(match mail {
                Ok((raw, notes)) => {
                    Scanned::Message(Found { position, raw, internal_date: None, sent, checkpoint: None, notes, object: None })
                }
                Err(reason) => Scanned::Unreadable { position, reason, checkpoint: None },
            })?;
        }
        Ok(outlet.send_blocking(Scanned::MailboxDone { mailbox, checkpoint: None })?)
    }

    fn census(visit: &Visit<'_>) -> Result<Census, SourceError> {
        let mut census = Census::new(&visit.mailbox);
        visit.files.iter().for_each(|file| census.count(visit.position(place_of(file)), visit.known));
        Ok(census)
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
fn read_mail(opened: Opened) -> Result<OneMail, String> {
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
