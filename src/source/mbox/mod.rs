//! Mail in mbox files: exports, Google Takeout, the folders of Thunderbird and of many Unix programs.
//!
//! Each file is a mailbox. A place in it is `generation/offset`: the offset of the `From ` line, and a counter of how often
//! offsets have changed their meaning ([`mark`]).

mod boundary;
mod envelope;
mod mark;
mod plan;
mod reader;
mod scan;
mod window;

use std::path::Path;

use self::scan::Scan;
use super::files::{FileSource, Kind, Mailbox, Names, Visit};
use super::holds::{self, Holds};
use super::survey::Survey;
use super::tree::{Directory, Layout};
use super::{Census, Outlet, SourceError};

pub(in crate::source) use self::envelope::begins_mbox;
pub use self::reader::{MboxEntry, MboxReader};

/// A source of kind `mbox`: a file, a directory or a glob.
pub type MboxSource = FileSource<Mbox>;

/// Mail in mbox files.
#[derive(Clone, Copy, Debug)]
pub struct Mbox;

impl Kind for Mbox {
    const NOUN: &'static str = "mbox file";
    const NAMES: Names = Names::Files;

    fn mailboxes(directory: Directory) -> Vec<Mailbox> {
        Mailbox::for_each_file(directory, takes)
    }

    fn survey(directory: &Directory, survey: &mut Survey<'_>) {
        if directory.layout == Layout::Maildir {
            survey.warn(&directory.path, "it is a Maildir and is left out; give it a source of kind = \"maildir\"");
            return;
        }
        for file in &directory.files {
            match takes(directory.layout, file) {
                true => survey_file(survey, file),
                false => survey.leave_out(file),
            }
        }
    }

    fn scan(visit: &Visit<'_>, outlet: &Outlet) -> Result<(), SourceError> {
        Scan { visit, outlet }.run()
    }

    fn census(visit: &Visit<'_>) -> Result<Census, SourceError> {
        scan::census(visit)
    }
}

/// Whether a file is read.
fn takes(layout: Layout, file: &Path) -> bool {
    match layout {
        Layout::Named => true,
        Layout::Plain => is_mbox(file),
        Layout::Maildir => false,
    }
}

/// Whether a file that is met in a directory is taken for an mbox: by its name, or by what it holds. One that cannot be
/// opened is, so that it is missed aloud.
fn is_mbox(file: &Path) -> bool {
    let named =
        file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mbox") || extension.eq_ignore_ascii_case("mbx"));
    named || holds::open(file).map_or(true, |opened| opened.holds == Holds::Mbox)
}

fn survey_file(survey: &mut Survey<'_>, file: &Path) {
    match holds::open(file) {
        Ok(opened) => match opened.holds {
            Holds::Mbox | Holds::Nothing => survey.take(opened.metadata.len()),
            Holds::Foreign(foreign) => survey.refuse(file, format!("it is {}", foreign.what), foreign.advice),
            Holds::Mail => {
                survey.take(opened.metadata.len());
                survey.warn(file, "it does not begin with a `From ` line: for single mails, use kind = \"eml\"");
            }
        },
        Err(error) => survey.refuse(file, error.to_string(), "check that it is a file and its permissions"),
    }
}
