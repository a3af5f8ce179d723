//! Mail in mbox files: exports, Google Takeout, the folders of Thunderbird and of many Unix programs.
//!
//! Each file is a mailbox. A place in it is `generation/offset`: the offset of the `From ` line, and a counter of how often
//! offsets have changed their meaning ([`mark`]).

mod boundary;
mod envelope;
mod mark;
mod reader;
mod scan;
mod window;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use self::scan::Scan;
use super::holds::{self, Holds};
use super::place::Files;
use super::survey::Survey;
use super::tree::{Layout, Tree};
use super::{Counted, Known, Outlet, Source, SourceError};
use crate::finding::Finding;
use crate::position::SourceName;

pub(in crate::source) use self::envelope::begins_mbox;
pub use self::reader::{MboxEntry, MboxReader};

/// A source of kind `mbox`.
#[derive(Clone, Debug)]
pub struct MboxSource(Files);

impl MboxSource {
    /// A source that reads `path` (a file, a directory or a glob), absolute; its mailboxes are named relative to `base`,
    /// the directory of the configuration.
    pub fn new(name: SourceName, path: PathBuf, base: PathBuf) -> Self {
        Self(Files { name, path, base })
    }

    fn read_all(&self, known: &dyn Known, outlet: &Outlet) -> Result<(), SourceError> {
        for path in self.0.locate()? {
            if !path.is_dir() {
                Scan::new(&self.0, &path, known, outlet).run()?;
                continue;
            }
            for directory in Tree::new(path) {
                match directory {
                    Ok(directory) if directory.layout == Layout::Maildir => {}
                    Ok(directory) => directory
                        .files
                        .iter()
                        .filter(|file| is_mbox(file))
                        .try_for_each(|file| Scan::new(&self.0, file, known, outlet).run())?,
                    Err(closed) => outlet.send_blocking(closed.failure(&self.0))?,
                }
            }
        }
        Ok(())
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
                    Ok(directory) if directory.layout == Layout::Maildir => {
                        survey.warn(&directory.path, "it is a Maildir and is left out; give it a source of kind = \"maildir\"");
                    }
                    Ok(directory) => directory.files.iter().for_each(|file| match is_mbox(file) {
                        true => survey_file(&mut survey, file),
                        false => survey.leave_out(file),
                    }),
                    Err(closed) => survey.refuse(&closed.path, closed.error.to_string(), "check its permissions"),
                }
            }
        }
        survey.findings("mbox file")
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

#[async_trait]
impl Source for MboxSource {
    fn name(&self) -> &SourceName {
        &self.0.name
    }

    async fn check(&self) -> Vec<Finding> {
        let source = self.clone();
        tokio::task::spawn_blocking(move || source.survey()).await.unwrap_or_default()
    }

    async fn scan(&self, known: Arc<dyn Known>, outlet: Outlet) -> Result<(), SourceError> {
        let source = self.clone();
        super::place::blocking(move || source.read_all(&*known, &outlet)).await
    }
    async fn census(&self, _known: Arc<dyn Known>) -> Result<Vec<Counted>, SourceError> {
        Err(SourceError::Broken { what: self.name().to_string(), why: "it cannot be counted yet".into() })
    }
}
