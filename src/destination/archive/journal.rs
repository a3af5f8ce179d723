//! The journal of a channel: one line of JSON for each post, only ever appended to. It is the truth of the archive; the
//! day files and the page are made from it and can be made again.
//!
//! A line is on the disk before its post is said to stand. A kill leaves at most one line without an end, which never was
//! said to stand: it is cut off when the journal is opened again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use super::durable::{failure, sync_directory};
use super::entry::Line;
use crate::destination::Failure;

/// Where a line lies in its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Its first byte.
    pub(super) start: u64,
    /// Its length in bytes, its end included.
    pub(super) len: u32,
}

impl Span {
    /// The first byte after it.
    pub(super) fn end(self) -> u64 {
        self.start + u64::from(self.len)
    }
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    len: u64,
    /// Set where the file may hold more than `len` bytes that could not be cut off: nothing may be appended behind them.
    torn: Option<String>,
}

impl Journal {
    /// Opens a journal, making it where it is missing, and hands each line to `admit`, in order. A torn last line is cut off.
    ///
    /// # Errors
    /// When it cannot be read or made, or is damaged before its last line.
    pub(super) fn open(path: PathBuf, mut admit: impl FnMut(Line, Span)) -> Result<Self, Failure> {
        let told = |error: io::Error| failure("opening the journal", &path, &error);
        let is_new = !path.exists();
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(told)?;
        let (whole, found) = read_lines(&path, &file, &mut admit)?;
        if whole < found {
            tracing::warn!(journal = %path.display(), bytes = found - whole, "cut off a line that an interrupted run left unfinished");
            file.set_len(whole).map_err(told)?;
        }
        // What a killed run wrote without syncing is about to be believed: it has to be on the disk.
        file.sync_all().map_err(told)?;
        if is_new {
            path.parent().map_or(Ok(()), sync_directory)?;
        }
        Ok(Self { path, file, len: whole, torn: None })
    }

    /// Its length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Appends a line; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`Failure::Unknown`] where the line may be on the disk; any other only where it is certainly not.
    pub(super) fn append(&mut self, line: &Line) -> Result<Span, Failure> {
        if let Some(why) = &self.torn {
            return Err(Failure::Stop { why: why.clone(), advice: "run again: the journal is mended when it is opened".into() });
        }
        let mut bytes = serde_json::to_vec(line).map_err(|error| Failure::Refused(format!("writing the post as JSON: {error}")))?;
        bytes.push(b'\n');
        let len = u32::try_from(bytes.len()).map_err(|_| Failure::Refused("the post has more than 4 GB of text".into()))?;
        if let Err(error) = self.file.write_all(&bytes) {
            self.cut_back(&error);
            return Err(failure("appending to", &self.path, &error));
        }
        if let Err(error) = self.file.sync_data() {
            // After a failed sync the system may have dropped the pages or not: only reading the file anew tells.
            let why = format!("syncing {}: {error}", self.path.display());
            self.torn = Some(why.clone());
            return Err(Failure::Unknown(why));
        }
        let span = Span { start: self.len, len };
        self.len = span.end();
        Ok(span)
    }

    /// Whether the journal has to be opened anew before anything can be appended or believed.
    pub(super) fn is_torn(&self) -> bool {
        self.torn.is_some()
    }

    /// A reader of single lines, independent of the writer.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn reader(&self) -> Result<LineReader, Failure> {
        let file = File::open(&self.path).map_err(|error| failure("opening the journal", &self.path, &error))?;
        Ok(LineReader { path: self.path.clone(), file: BufReader::new(file), at: 0 })
    }

    fn cut_back(&mut self, error: &io::Error) {
        if let Err(again) = self.file.set_len(self.len) {
            self.torn = Some(format!("appending to {}: {error}, and cutting it back: {again}", self.path.display()));
        }
    }
}

/// Reads every line. Returns how many bytes are whole lines, and how many there are.
fn read_lines(path: &Path, file: &File, admit: &mut impl FnMut(Line, Span)) -> Result<(u64, u64), Failure> {
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let (mut whole, mut bad, mut buffer) = (0_u64, 0_u64, Vec::new());
    loop {
        buffer.clear();
        let len = reader.read_until(b'\n', &mut buffer).map_err(|error| failure("reading", path, &error))?;
        if len == 0 {
            return Ok((whole, whole + bad));
        }
        if bad > 0 {
            return Err(damaged(path, whole));
        }
        match serde_json::from_slice::<Line>(&buffer) {
            Ok(line) if buffer.ends_with(b"\n") => {
                let span = Span { start: whole, len: u32::try_from(len).map_err(|_| damaged(path, whole))? };
                admit(line, span);
                whole += len as u64;
            }
            // Whole and not understood is not torn: cutting it off would undo what it says.
            _ if buffer.ends_with(b"\n") && serde_json::from_slice::<IgnoredAny>(&buffer).is_ok() => {
                return Err(unknown(path, whole));
            }
            _ => bad = len as u64,
        }
    }
}

fn unknown(path: &Path, at: u64) -> Failure {
    Failure::Stop {
        why: format!("{} has a line at byte {at} that this version of mailferry does not know", path.display()),
        advice: "use the version that wrote it; nothing was changed".into(),
    }
}

fn damaged(path: &Path, at: u64) -> Failure {
    Failure::Stop {
        why: format!("{} is damaged at byte {at}, before its last line", path.display()),
        advice: "restore the file from a backup; mailferry does not go on without it, so that nothing is posted twice".into(),
    }
}

/// Reads lines by their place.
#[derive(Debug)]
pub(super) struct LineReader {
    path: PathBuf,
    file: BufReader<File>,
    at: u64,
}

impl LineReader {
    /// The line at this place.
    ///
    /// # Errors
    /// When it cannot be read or is not what was written.
    pub(super) fn read(&mut self, span: Span) -> Result<Line, Failure> {
        let mut bytes = vec![0; span.len as usize];
        self.seek(span).and_then(|()| self.file.read_exact(&mut bytes)).map_err(|error| failure("reading", &self.path, &error))?;
        self.at = span.end();
        serde_json::from_slice(&bytes).map_err(|_| damaged(&self.path, span.start))
    }

    /// Neighbours are read on from the buffer.
    fn seek(&mut self, span: Span) -> io::Result<()> {
        if span.start == self.at {
            return Ok(());
        }
        match i64::try_from(i128::from(span.start) - i128::from(self.at)) {
            Ok(distance) => self.file.seek_relative(distance),
            Err(_) => self.file.seek(SeekFrom::Start(span.start)).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::delivery::ChannelName;
    use crate::destination::Visibility;
    use crate::destination::archive::entry::About;

    fn line(purpose: &str) -> Line {
        Line::Channel(About { name: ChannelName::new("acme"), purpose: purpose.into(), visibility: Visibility::Private })
    }

    fn read(path: &Path) -> Result<Vec<Line>, Failure> {
        let mut lines = Vec::new();
        Journal::open(path.to_path_buf(), |line, _| lines.push(line)).map(|_| lines)
    }

    #[test]
    fn a_line_torn_at_any_byte_is_cut_off_and_the_ones_before_it_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::open(path.clone(), |_, _| {}).unwrap();
        let first = journal.append(&line("one")).unwrap();
        journal.append(&line("two, with \u{e9} and \u{1f600}")).unwrap();
        let bytes = fs::read(&path).unwrap();
        for len in first.end()..bytes.len() as u64 {
            fs::write(&path, &bytes[..len as usize]).unwrap();
            assert_eq!(read(&path).unwrap(), [line("one")], "cut at byte {len}");
            assert_eq!(fs::metadata(&path).unwrap().len(), first.end());
        }
    }

    #[test]
    fn zeros_that_a_loss_of_power_left_at_the_end_are_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        Journal::open(path.clone(), |_, _| {}).unwrap().append(&line("one")).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0; 4096]).unwrap();
        assert_eq!(read(&path).unwrap(), [line("one")]);
    }

    #[test]
    fn a_whole_line_of_another_version_is_not_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        Journal::open(path.clone(), |_, _| {}).unwrap().append(&line("one")).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"amended\":{}}\n").unwrap();
        let bytes = fs::read(&path).unwrap();
        assert!(matches!(read(&path), Err(Failure::Stop { .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn damage_before_the_last_line_stops_and_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::open(path.clone(), |_, _| {}).unwrap();
        journal.append(&line("one")).unwrap();
        journal.append(&line("two")).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[0] = b'x';
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(read(&path), Err(Failure::Stop { .. })));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn lines_are_read_by_their_place_in_any_order() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(directory.path().join("journal"), |_, _| {}).unwrap();
        let spans: Vec<Span> = ["a", "b", "c"].iter().map(|text| journal.append(&line(text)).unwrap()).collect();
        let mut reader = journal.reader().unwrap();
        for nth in [2, 0, 1, 2] {
            assert_eq!(reader.read(spans[nth]).unwrap(), line(["a", "b", "c"][nth]));
        }
    }
}
