//! What is wrong with a configuration, collected while it is read.

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// The key path, such as `source[1].path` or `partner.Acme.domains[0]`; empty for the file as a whole.
    pub path: String,
    /// The line that it stands in, from 1; for what is missing, the line that it should follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong, and what to write instead.
    pub text: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.text)
    }
}

/// A configuration that cannot be used. Shown with every complaint, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used:{}", .file.display(), .complaints.iter().map(|complaint| format!("\n  {complaint}")).collect::<String>())]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Everything that is wrong with it, in the order of the file.
    pub complaints: Vec<Complaint>,
}

/// A key in the file: what a complaint points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The key path.
    pub path: String,
    /// The byte of the file at which it begins.
    pub offset: usize,
}

impl Place {
    /// A key of the table at this place.
    pub(super) fn key(&self, key: &str, offset: usize) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Self { path, offset }
    }

    /// An item of the list at this place, from 0.
    pub(super) fn item(&self, index: usize, offset: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), offset }
    }
}

/// Everything that is wrong so far. Shared by all that read, so that no reader has to hand it on.
#[derive(Debug)]
pub(super) struct Complaints<'a> {
    text: &'a str,
    found: RefCell<Vec<(usize, Complaint)>>,
}

impl<'a> Complaints<'a> {
    /// No complaints yet about this text.
    pub(super) fn about(text: &'a str) -> Self {
        Self { text, found: RefCell::default() }
    }

    /// Adds one.
    pub(super) fn add(&self, place: &Place, text: impl Into<String>) {
        let before = self.text.as_bytes().iter().take(place.offset);
        let line = Some(before.filter(|&&byte| byte == b'\n').count() + 1);
        self.found.borrow_mut().push((place.offset, Complaint { path: place.path.clone(), line, text: text.into() }));
    }

    /// All, in the order of the file.
    pub(super) fn into_sorted(self) -> Vec<Complaint> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(offset, _)| *offset);
        found.into_iter().map(|(_, complaint)| complaint).collect()
    }
}
