//! Goes through a directory with all that is in it, one directory after the other, always in the same order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::SourceError;
use super::place::text_of;

/// One directory and the files that may be mail in it.
#[derive(Debug)]
pub struct Directory {
    /// The directory.
    pub(super) path: PathBuf,
    /// What its layout is.
    pub(super) layout: Layout,
    /// Its files, sorted; of a Maildir those in `cur` and `new`, sorted by their unique names.
    pub(super) files: Vec<PathBuf>,
}

/// How a directory keeps mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// As a Maildir folder: it has `cur` or `new`.
    Maildir,
    /// As files side by side.
    Plain,
    /// As files that the configuration names: whatever they are called, and whatever else is beside them.
    Named,
}

/// A directory that cannot be listed.
#[derive(Debug)]
pub(super) struct Closed {
    /// The directory.
    pub(super) path: PathBuf,
    /// What the system said.
    pub(super) error: io::Error,
}

impl Closed {
    /// What a source says of it.
    pub(super) fn failure(&self) -> SourceError {
        SourceError::Unreachable { what: self.path.display().to_string(), why: self.error.to_string() }
    }
}

/// The directories of a tree, each before those in it. Links to files are followed, links to directories are not: so
/// there is no loop, and nothing is met twice. What is hidden is left out, but for the folders of Maildir++, which are
/// named like `.Sent`.
#[derive(Debug)]
pub(super) struct Tree {
    waiting: Vec<PathBuf>,
}

impl Tree {
    /// The tree below and including `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { waiting: vec![root] }
    }
}

impl Iterator for Tree {
    type Item = Result<Directory, Closed>;

    fn next(&mut self) -> Option<Self::Item> {
        let path = self.waiting.pop()?;
        Some(list(&path).map_err(|error| Closed { path: path.clone(), error }).map(|(directory, inner)| {
            self.waiting.extend(inner.into_iter().rev());
            directory
        }))
    }
}

/// The unique name of a message in a Maildir: what is before the flags, which change. `!` and `;` stand for the colon
/// where file systems have none.
pub(super) fn unique_name(file_name: &str) -> &str {
    let end = [":", "!2,", ";2,"].iter().filter_map(|mark| file_name.find(mark)).min();
    end.and_then(|end| file_name.get(..end)).unwrap_or(file_name)
}

/// Lists a directory: it, and the directories in it.
fn list(path: &Path) -> io::Result<(Directory, Vec<PathBuf>)> {
    let is_maildir = has_maildir_layout(path);
    let (mut files, mut inner) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            let own = is_maildir && ["cur", "new", "tmp"].iter().any(|own| name == *own);
            let hidden = is_hidden(&entry) && !is_maildir && !has_maildir_layout(&entry.path());
            inner.extend((!own && !hidden).then(|| entry.path()));
        } else if !is_maildir && !is_hidden(&entry) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    inner.sort();
    if is_maildir {
        files = messages(path)?;
    } else {
        files.sort();
    }
    let layout = if is_maildir { Layout::Maildir } else { Layout::Plain };
    Ok((Directory { path: path.to_path_buf(), layout, files }, inner))
}

/// The messages of a Maildir folder: one file for each unique name, though one that is moved from `new` to `cur` just now
/// may be seen in both.
pub(super) fn messages(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for place in ["new", "cur"] {
        let listed = match fs::read_dir(folder.join(place)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listed => listed?,
        };
        for entry in listed {
            let entry = entry?;
            if !is_hidden(&entry) && !entry.file_type()?.is_dir() {
                files.push(entry.path());
            }
        }
    }
    files.sort_by_cached_key(|file| (name_of(file), file.clone()));
    files.dedup_by_key(|file| name_of(file));
    Ok(files)
}

/// The unique name of a Maildir file, by its path; bytes that are no UTF-8 are escaped.
pub(super) fn name_of(file: &Path) -> String {
    let name = file.file_name().map(text_of).unwrap_or_default();
    unique_name(&name).to_owned()
}

fn has_maildir_layout(path: &Path) -> bool {
    path.join("cur").is_dir() || path.join("new").is_dir()
}

fn is_hidden(entry: &fs::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}
