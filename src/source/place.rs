//! Where files are: finding what a configuration names, and naming mailboxes by it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{Sent, SourceError};
use crate::position::{Position, SourceName};

/// What all sources of files are made of.
#[derive(Clone, Debug)]
pub struct Files {
    /// The name of the source.
    pub(super) name: SourceName,
    /// A file, a directory or a glob, absolute.
    pub(super) path: PathBuf,
    /// What mailboxes are named relative to: the directory of the configuration.
    pub(super) base: PathBuf,
}

impl Files {
    /// The files and directories that the source names, at least one.
    pub(super) fn locate(&self) -> Result<Vec<PathBuf>, SourceError> {
        locate(&self.path, &self.base)
    }

    /// The name of the mailbox that a file or directory is.
    pub(super) fn mailbox(&self, path: &Path) -> String {
        mailbox_name(path, &self.base)
    }

    /// A position of this source.
    pub(super) fn position(&self, mailbox: &str, place: String) -> Position {
        Position { source: self.name.clone(), mailbox: mailbox.to_owned(), place }
    }
}

/// Runs work that waits for files on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(SourceError::Broken { what: "the thread that reads files".into(), why: error.to_string() }))
}

/// The files and directories that `path` names, sorted: itself where it exists, else what it matches as a glob. What
/// stands before the pattern is taken as it is: `base` may hold brackets.
///
/// # Errors
/// [`SourceError::Missing`] where there is nothing.
fn locate(path: &Path, base: &Path) -> Result<Vec<PathBuf>, SourceError> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(vec![path.to_path_buf()]);
    }
    let missing = |hint| SourceError::Missing { what: path.display().to_string(), hint };
    let (stem, pattern) = match path.strip_prefix(base) {
        Ok(rest) => (glob::Pattern::escape(&base.to_string_lossy()), rest),
        Err(_) => (String::new(), path),
    };
    let pattern = Path::new(&stem).join(pattern);
    if !pattern.to_string_lossy().contains(['*', '?', '[']) {
        return Err(missing(nearest(path)));
    }
    let matches = glob::glob(&pattern.to_string_lossy()).map_err(|error| missing(format!("; the pattern is wrong: {error}")))?;
    let mut found: Vec<PathBuf> = matches.filter_map(Result::ok).collect();
    // Paths sort by their steps: what is in a directory that matches follows it, and is met with it.
    found.sort();
    found.dedup_by(|inner, outer| inner.starts_with(outer));
    if found.is_empty() { Err(missing(nearest(path))) } else { Ok(found) }
}

/// What there is instead of `path`: the nearest directory above it that exists, and some of what it holds.
pub(super) fn nearest(path: &Path) -> String {
    const SHOWN: usize = 5;
    let Some(parent) = path.ancestors().skip(1).find(|parent| parent.is_dir()) else { return String::new() };
    let mut names: Vec<String> =
        fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| text_of(&entry.file_name())).collect();
    names.sort();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names.truncate(SHOWN);
    match names.is_empty() {
        true => format!("; {} is empty", parent.display()),
        false => format!("; {} holds {}{more}", parent.display(), names.join(", ")),
    }
}

/// The name of the mailbox that `path` is: its path relative to `base`, `/`-separated. A place outside `base` begins with
/// `..`, so that a tree that is moved as a whole keeps its names.
fn mailbox_name(path: &Path, base: &Path) -> String {
    let (path, base) = (steps(path), steps(base));
    let common = path.iter().zip(&base).take_while(|(one, other)| one == other).count();
    let up = base.iter().skip(common).map(|_| "..".to_owned());
    let down = path.iter().skip(common).map(|step| text_of(step));
    let name = up.chain(down).collect::<Vec<_>>().join("/");
    if name.is_empty() { ".".into() } else { name }
}

/// A path without `.` and `..`. Links are not followed: the name stays the same wherever a link points.
fn steps(path: &Path) -> Vec<&OsStr> {
    let mut steps = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => steps.push(name),
            Component::ParentDir => drop(steps.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    steps
}

/// A file name as text; bytes that are no UTF-8 are escaped, so that two names never become one.
pub(super) fn text_of(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// Whether a mailbox holds what we sent, by the names that mail programs give it. Only the last step of the name counts;
/// Maildir++ parts steps with dots.
pub(super) fn sent_by_name(mailbox: &str) -> Sent {
    const NAMES: [&str; 20] = [
        "sent",
        "sent items",
        "sent mail",
        "sent messages",
        "sent-mail",
        "gesendet",
        "gesendete elemente",
        "gesendete objekte",
        "gesendete nachrichten",
        "envoyés",
        "messages envoyés",
        "éléments envoyés",
        "enviados",
        "elementos enviados",
        "inviata",
        "posta inviata",
        "verzonden",
        "verzonden items",
        "skickat",
        "送信済みトレイ",
    ];
    let name = mailbox.to_lowercase();
    let name = name.strip_suffix(".mbox").or_else(|| name.strip_suffix(".mbx")).unwrap_or(&name);
    let last = name.rsplit(['/', '.']).next().unwrap_or_default();
    if NAMES.contains(&last) { Sent::Yes } else { Sent::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_are_named_relative_to_the_configuration() {
        let base = Path::new("/srv/ferry/config");
        for (path, name) in [
            ("/srv/ferry/config/mail/a.mbox", "mail/a.mbox"),
            ("/srv/ferry/config/../samples/a.mbox", "../samples/a.mbox"),
            ("/srv/ferry/config/./mail//b", "mail/b"),
            ("/var/mail/c", "../../../var/mail/c"),
            ("/srv/ferry/config", "."),
        ] {
            assert_eq!(mailbox_name(Path::new(path), base), name);
        }
    }

    #[test]
    fn sent_is_known_by_name_only_where_it_is_the_last_step() {
        for name in ["mail/Sent", "Maildir/.Sent", "Maildir/.INBOX.Sent Items", "a/Sent.mbox", "Gesendete Elemente"] {
            assert_eq!(sent_by_name(name), Sent::Yes, "{name}");
        }
        for name in ["mail/Sent/Acme", "Presented", "sent.old", "history.mbox", ""] {
            assert_eq!(sent_by_name(name), Sent::Unknown, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(text_of(OsStr::from_bytes(b"caf\xe9")), "caf\\xe9");
        assert_ne!(text_of(OsStr::from_bytes(b"\xe8")), text_of(OsStr::from_bytes(b"\xe9")));
    }
}
