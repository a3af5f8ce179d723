//! What `check` says about a source of files.

use std::path::Path;

use super::SourceError;
use super::place::{Files, text_of};
use crate::finding::Finding;

/// How many files that are left out are named.
const NAMED: usize = 5;

/// Counts what there is, and collects what is wrong with it.
#[derive(Debug)]
pub struct Survey<'a> {
    files: &'a Files,
    subject: String,
    count: u64,
    bytes: u64,
    left_out: u64,
    names_left_out: Vec<String>,
    findings: Vec<Finding>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(files: &'a Files) -> Self {
        let subject = format!("source {}", files.name);
        Self { files, subject, count: 0, bytes: 0, left_out: 0, names_left_out: Vec::new(), findings: Vec::new() }
    }

    /// Counts a file that will be read.
    pub(super) fn take(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }

    /// Counts a file that will not be read, as it is something else.
    pub(super) fn leave_out(&mut self, file: &Path) {
        self.left_out += 1;
        if self.names_left_out.len() < NAMED {
            self.names_left_out.push(file.file_name().map(text_of).unwrap_or_default());
        }
    }

    /// Notes something odd about a file or directory.
    pub(super) fn warn(&mut self, path: &Path, detail: &str) {
        self.findings.push(Finding::warning(self.subject_of(path), detail));
    }

    /// Says more of a file that will be read.
    pub(super) fn remark(&mut self, path: &Path, detail: &str) {
        self.findings.push(Finding::fine(self.subject_of(path), detail));
    }

    /// Notes a file or directory that cannot be read.
    pub(super) fn refuse(&mut self, path: &Path, detail: impl Into<String>, advice: &str) {
        self.findings.push(Finding::refused(self.subject_of(path), detail, advice));
    }

    /// Notes that there is nothing to read at all.
    pub(super) fn refuse_source(&mut self, error: &SourceError) {
        self.findings.push(Finding::refused(&self.subject, error.to_string(), "check path in the configuration"));
    }

    /// The findings: what there is, then what is wrong with it.
    pub(super) fn findings(mut self, noun: &str) -> Vec<Finding> {
        let plural = if self.count == 1 { "" } else { "s" };
        let detail = format!("{} {noun}{plural}, {}", self.count, size(self.bytes));
        if self.count > 0 {
            self.findings.insert(0, Finding::fine(&self.subject, detail));
        } else if self.findings.is_empty() {
            self.findings.push(Finding::warning(&self.subject, format!("no {noun} there yet")));
        }
        if self.left_out > 0 {
            let more = if self.left_out > NAMED as u64 { ", …" } else { "" };
            let names = self.names_left_out.join(", ");
            let detail = format!("{} other files are left out, as they are no {noun}: {names}{more}", self.left_out);
            self.findings.push(Finding::warning(&self.subject, detail));
        }
        self.findings
    }

    fn subject_of(&self, path: &Path) -> String {
        format!("{}: {}", self.subject, self.files.mailbox(path))
    }
}

/// Bytes for people, in steps of 1000.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_for_people() {
        let sizes = [7, 1_499, 12_345_678, 3_000_000_000].map(size);
        assert_eq!(sizes, ["7 bytes", "1.4 kB", "12.3 MB", "3.0 GB"]);
    }
}
