//! A source of files: it finds them, goes through them and names what fails; its kind knows what they hold.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::place::{self, Files};
use super::survey::Survey;
use super::tree::{Closed, Directory, Layout, Tree};
use super::{Census, Counted, Known, Outlet, Scanned, Source, SourceError};
use crate::finding::Finding;
use crate::position::{Position, SourceName};

/// How one kind of source keeps mail in files.
pub trait Kind: Send + Sync + 'static {
    /// What `check` counts, in the singular.
    const NOUN: &'static str;

    /// Whether the configuration may name files, or directories alone.
    const NAMES: Names;

    /// The mailboxes of a directory, or of files side by side that the configuration names.
    fn mailboxes(directory: Directory) -> Vec<Mailbox>;

    /// Looks at what `mailboxes` is given, and counts what there is and what is wrong with it.
    fn survey(directory: &Directory, survey: &mut Survey<'_>);

    /// Sends what is new of a mailbox.
    ///
    /// # Errors
    /// When it cannot be read to its end; the others go on.
    fn scan(visit: &Visit<'_>, outlet: &Outlet) -> Result<(), SourceError>;

    /// Counts what a mailbox holds, against what is known of it.
    ///
    /// # Errors
    /// When it cannot be counted to its end.
    fn census(visit: &Visit<'_>) -> Result<Census, SourceError>;

    /// Why no mailbox at all is an error, where it is one.
    fn nothing(_files: &Files) -> Option<SourceError> {
        None
    }
}

/// What the path of a source may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Files, and directories with all that is in them.
    Files,
    /// Directories alone.
    Directories,
}

/// A mailbox on disk.
#[derive(Debug)]
pub struct Mailbox {
    /// The file or directory that it is.
    pub(super) path: PathBuf,
    /// The files of its messages, where it is a directory.
    pub(super) files: Vec<PathBuf>,
}

impl Mailbox {
    /// A mailbox for each file of a directory that is taken for one, as where one file holds many messages.
    pub(super) fn for_each_file(directory: Directory, takes: impl Fn(Layout, &Path) -> bool) -> Vec<Self> {
        let files = directory.files.into_iter().filter(|file| takes(directory.layout, file));
        files.map(|path| Self { path, files: Vec::new() }).collect()
    }
}

/// A mailbox, and who comes to read it.
pub struct Visit<'a> {
    pub(super) source: &'a Files,
    pub(super) path: &'a Path,
    pub(super) files: &'a [PathBuf],
    /// Its name.
    pub(super) mailbox: String,
    pub(super) known: &'a dyn Known,
}

impl Visit<'_> {
    /// A position in this mailbox.
    pub(super) fn position(&self, place: String) -> Position {
        self.source.position(&self.mailbox, place)
    }
}

/// A source of mail in files; `K` is their kind.
#[derive(Clone, Debug)]
pub struct FileSource<K> {
    files: Files,
    kind: PhantomData<K>,
}

impl<K> FileSource<K> {
    /// A source that reads `path`, absolute: a file, a directory with all below it, or a glob. Its mailboxes are named
    /// relative to `base`, the directory of the configuration.
    pub fn new(name: SourceName, path: PathBuf, base: PathBuf) -> Self {
        Self { files: Files { name, path, base }, kind: PhantomData }
    }
}

/// What the path of a source leads to, in order: directories, and files that it names, those side by side together.
fn directories(located: Vec<PathBuf>, names: Names) -> impl Iterator<Item = Result<Directory, Closed>> {
    let (files, directories): (Vec<_>, Vec<_>) = located.into_iter().partition(|path| names == Names::Files && !path.is_dir());
    let named = files.chunk_by(|one, other| one.parent() == other.parent()).map(|group| {
        let path = group.first().and_then(|file| file.parent()).map(Path::to_path_buf).unwrap_or_default();
        Ok(Directory { path, layout: Layout::Named, files: group.to_vec() })
    });
    named.collect::<Vec<_>>().into_iter().chain(directories.into_iter().flat_map(Tree::new))
}

impl<K: Kind> FileSource<K> {
    /// Visits each mailbox and tells of each directory that cannot be listed.
    fn visit(
        files: &Files,
        known: &dyn Known,
        mut at_mailbox: impl FnMut(Visit<'_>) -> Result<(), SourceError>,
        mut at_closed: impl FnMut(String, SourceError) -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        let mut met_any = false;
        for directory in directories(files.locate()?, K::NAMES) {
            match directory {
                Ok(directory) => {
                    for Mailbox { path, files: inside } in K::mailboxes(directory) {
                        met_any = true;
                        let mailbox = files.mailbox(&path);
                        at_mailbox(Visit { source: files, path: &path, files: &inside, mailbox, known })?;
                    }
                }
                Err(closed) => {
                    met_any = true;
                    at_closed(files.mailbox(&closed.path), closed.failure())?;
                }
            }
        }
        if met_any { Ok(()) } else { K::nothing(files).map_or(Ok(()), Err) }
    }

    fn read_all(files: &Files, known: &dyn Known, outlet: &Outlet) -> Result<(), SourceError> {
        let failed = |mailbox, error| Ok(outlet.send_blocking(Scanned::MailboxFailed { mailbox, error })?);
        let read = |visit: Visit<'_>| match K::scan(&visit, outlet) {
            Err(error) if !matches!(error, SourceError::Stopped) => failed(visit.mailbox, error),
            ended => ended,
        };
        Self::visit(files, known, read, failed)
    }

    fn count_all(files: &Files, known: &dyn Known) -> Result<Vec<Counted>, SourceError> {
        let counted = RefCell::new(Vec::new());
        let add = |one| -> Result<(), SourceError> {
            counted.borrow_mut().push(one);
            Ok(())
        };
        let count = |visit: Visit<'_>| add(K::census(&visit).map_err(|error| (visit.mailbox, error)));
        Self::visit(files, known, count, |mailbox, error| add(Err((mailbox, error))))?;
        Ok(counted.into_inner())
    }

    fn survey(files: &Files) -> Vec<Finding> {
        let mut survey = Survey::new(files);
        match files.locate() {
            Err(missing) => survey.refuse_source(&missing),
            Ok(located) => Self::survey_all(files, located, &mut survey),
        }
        survey.findings(K::NOUN)
    }

    fn survey_all(files: &Files, located: Vec<PathBuf>, survey: &mut Survey<'_>) {
        let mut met_any = false;
        for directory in directories(located, K::NAMES) {
            match directory {
                Ok(directory) => {
                    K::survey(&directory, survey);
                    met_any |= !K::mailboxes(directory).is_empty();
                }
                Err(closed) => {
                    met_any = true;
                    survey.refuse(&closed.path, closed.error.to_string(), "check that it is a directory and its permissions");
                }
            }
        }
        if let Some(nothing) = K::nothing(files).filter(|_| !met_any) {
            survey.refuse_source(&nothing);
        }
    }
}

#[async_trait]
impl<K: Kind> Source for FileSource<K> {
    fn name(&self) -> &SourceName {
        &self.files.name
    }

    async fn check(&self) -> Vec<Finding> {
        let files = self.files.clone();
        tokio::task::spawn_blocking(move || Self::survey(&files)).await.unwrap_or_default()
    }

    async fn scan(&self, known: Arc<dyn Known>, outlet: Outlet) -> Result<(), SourceError> {
        let files = self.files.clone();
        place::blocking(move || Self::read_all(&files, &*known, &outlet)).await
    }

    async fn census(&self, known: Arc<dyn Known>) -> Result<Vec<Counted>, SourceError> {
        let files = self.files.clone();
        place::blocking(move || Self::count_all(&files, &*known)).await
    }
}
