//! Reads the messages of an mbox, one after the other, in bounded memory.
//!
//! All dialects in use are read without being told which: in mboxrd and mboxo one `>` is taken from quoted `>From ` lines
//! (mboxo does not quote `>From ` itself, so its few lines of that form lose a `>` that was theirs: the smaller evil, as
//! the two cannot be told apart); mboxcl and mboxcl2 give a Content-Length, which is believed only where it ends exactly
//! at a boundary, because it is a header that any sender can write and many gateways leave wrong.

use std::io::{self, Read};
use std::ops::Range;

use chrono::{DateTime, Utc};

use super::boundary::{self, LOOKAHEAD, Verdict};
use super::envelope::{self, FROM};
use super::window::{Past, Window};
use crate::source::MAX_MESSAGE_BYTES;

/// How far ahead of a boundary a Content-Length is followed, in bytes. Texts with unquoted `From ` lines are far shorter.
const MAX_LENGTH_AHEAD: usize = 32 * 1024 * 1024;

/// How many doubtful lines are noted one by one for one message; prose can hold any number.
const MAX_DOUBTS: usize = 5;

/// What of a message that is too long is kept in sight, in bytes: the blank line before a `From ` line.
const CONTEXT: usize = 4;

/// One message of an mbox, or a stretch of it that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MboxEntry {
    /// The bytes of the file that it takes, from its `From ` line to the next one.
    pub span: Range<u64>,
    /// Where its text ends: the blank line that parts it from the next message is not its own.
    pub text_end: u64,
    /// The message with the quoting undone, without `From ` line; or why there is none.
    pub raw: Result<Vec<u8>, String>,
    /// The date of the `From ` line, where it has one that means something.
    pub internal_date: Option<DateTime<Utc>>,
    /// What was odd, each a sentence.
    pub notes: Vec<String>,
    /// Its Content-Length ends beyond the end of the file: once the file is longer, it may turn out longer, too.
    pub unsettled: bool,
}

/// The messages of one mbox, in order. After an error there are no more.
#[derive(Debug)]
pub struct MboxReader<R> {
    window: Window<R>,
    limit: usize,
    begun: bool,
    failed: bool,
    /// Notes for the message to come.
    carried: Vec<String>,
}

/// How a message begins.
#[derive(Default)]
struct Opening {
    /// The length of the `From ` line with its line end.
    line: usize,
    internal_date: Option<DateTime<Utc>>,
    /// Why there is no message here, where there is none.
    garbage: Option<String>,
}

/// Where a message ends.
#[derive(Default)]
struct Ending {
    /// The end in the view: the next `From ` line, or the end of the file.
    at: usize,
    /// Whether the message is longer than the limit; the view then begins somewhere within it.
    too_long: bool,
    /// How many lines begin with `From ` and were taken for text, and where the first of them stand.
    doubts: usize,
    first_doubts: Vec<u64>,
    /// Whether the end itself is in doubt.
    doubtful: bool,
    /// The message holds its own `From ` lines as they are, as mboxcl2 does.
    verbatim: bool,
    unsettled: bool,
    /// What its Content-Length gives reason to say.
    length_note: Option<String>,
}

impl Ending {
    fn doubt(&mut self, offset: u64) {
        self.doubts += 1;
        if self.first_doubts.len() < MAX_DOUBTS {
            self.first_doubts.push(offset);
        }
    }
}

impl<R: Read> MboxReader<R> {
    /// Reads an mbox from its beginning.
    pub fn new(input: R) -> Self {
        Self::resume(input, Past::default())
    }

    /// Reads on from a `From ` line, where `input` begins; `past` stands before it in the file.
    pub(super) fn resume(input: R, past: Past) -> Self {
        let limit = usize::try_from(MAX_MESSAGE_BYTES).unwrap_or(usize::MAX);
        Self { window: Window::new(input, past), limit, begun: false, failed: false, carried: Vec::new() }
    }

    /// The same with another limit than [`MAX_MESSAGE_BYTES`] for one message.
    #[must_use]
    pub fn with_limit(self, max_message_bytes: usize) -> Self {
        Self { limit: max_message_bytes, ..self }
    }

    /// What stands before the next message, as it was read.
    pub(super) fn past(&self) -> Past {
        self.window.past()
    }

    fn entry(&mut self) -> io::Result<Option<MboxEntry>> {
        let opening = if self.begun { self.open()? } else { self.begin()? };
        if self.window.view().is_empty() {
            return Ok(None);
        }
        let start = self.window.offset();
        let mut ending = self.find_end(&opening)?;
        if !ending.too_long {
            self.weigh_length(opening.line, &mut ending)?;
        }
        let message = self.window.view().get(..ending.at).unwrap_or_default();
        let text = message.get(..text_end(message)).unwrap_or_default();
        let raw = match opening.garbage {
            Some(why) => Err(why),
            None if ending.too_long => Err(format!("the message is longer than {} bytes", self.limit)),
            None if text.len() <= opening.line => Err("there is nothing after the `From ` line".into()),
            None => Ok(unquoted(text.get(opening.line..).unwrap_or_default(), ending.verbatim)),
        };
        let text_end = self.window.offset() + text.len() as u64;
        self.window.pass(ending.at);
        let notes = self.settle_notes(&mut ending);
        let span = start..self.window.offset();
        Ok(Some(MboxEntry { span, text_end, raw, internal_date: opening.internal_date, notes, unsettled: ending.unsettled }))
    }

    /// The notes of the message that was passed; those that concern the next one as well are carried over to it.
    fn settle_notes(&mut self, ending: &mut Ending) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.carried);
        let firsts = ending.first_doubts.iter().filter(|_| !ending.verbatim);
        notes.extend(firsts.map(|at| format!("doubtful mbox boundary at byte {at}: taken for text")));
        if ending.doubts > MAX_DOUBTS && !ending.verbatim {
            notes.push(format!("{} more lines begin with `From ` and were taken for text", ending.doubts - MAX_DOUBTS));
        }
        notes.extend(ending.length_note.take());
        if ending.doubtful {
            let note = format!("doubtful mbox boundary at byte {}: taken for the beginning of a message", self.window.offset());
            self.carried.push(note.clone());
            notes.push(note);
        }
        notes
    }

    /// Looks at the first bytes of the file, which should be a `From ` line.
    fn begin(&mut self) -> io::Result<Opening> {
        self.begun = true;
        self.window.reach(LOOKAHEAD)?;
        if self.window.view().starts_with(b"\xEF\xBB\xBF") {
            self.window.pass(3);
            self.carried.push("the file begins with a byte order mark".into());
        }
        loop {
            let blank = self.window.view().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.window.pass(blank);
            if !self.window.view().is_empty() || self.window.ended() {
                break;
            }
            self.window.grow()?;
        }
        self.window.reach(LOOKAHEAD)?;
        if envelope::begins_mbox(self.window.view()) {
            return self.open();
        }
        if boundary::looks_like_mail(self.window.view()) {
            self.carried.push("no `From ` line stands before this message".into());
            return Ok(Opening::default());
        }
        let garbage = "what stands here before the first `From ` line is no message".into();
        Ok(Opening { garbage: Some(garbage), ..Opening::default() })
    }

    /// Reads the `From ` line at the beginning of the view.
    fn open(&mut self) -> io::Result<Opening> {
        self.window.reach(LOOKAHEAD)?;
        let view = self.window.view();
        let seen = view.get(..LOOKAHEAD).unwrap_or(view);
        let line = memchr::memchr(b'\n', seen).map_or(seen.len(), |end| end + 1);
        let date = envelope::date(view.get(..line).unwrap_or_default());
        if date.is_none() && !view.is_empty() && self.carried.is_empty() {
            self.carried.push(format!("the `From ` line at byte {} has no date", self.window.offset()));
        }
        Ok(Opening { line, internal_date: date.and_then(envelope::internal_date), garbage: None })
    }

    /// Looks for the next boundary. What is too long, or garbage, is given up as it passes by.
    fn find_end(&mut self, opening: &Opening) -> io::Result<Ending> {
        let mut ending = Ending::default();
        let limit = if opening.garbage.is_some() { 0 } else { self.limit.saturating_add(opening.line) };
        // The line end of the `From ` line itself may already stand before the next one.
        let mut seen = opening.line.saturating_sub(1);
        loop {
            match next_from_line(self.window.view(), seen) {
                Some(line) => {
                    self.window.reach(line + LOOKAHEAD)?;
                    let verdict = judge_at(self.window.view(), line);
                    if verdict != Verdict::Text {
                        (ending.at, ending.doubtful) = (line, verdict == Verdict::DoubtfulBoundary);
                        break;
                    }
                    ending.doubt(self.window.offset() + line as u64);
                    seen = line;
                }
                None if self.window.ended() => {
                    ending.at = self.window.view().len();
                    break;
                }
                None => {
                    seen = seen.max(self.window.view().len().saturating_sub(FROM.len()));
                    self.window.grow()?;
                }
            }
            if seen > limit || ending.too_long {
                ending.too_long = true;
                let passed = seen.saturating_sub(CONTEXT);
                self.window.pass(passed);
                seen -= passed;
            }
        }
        ending.too_long |= ending.at > limit;
        Ok(ending)
    }

    /// Compares the end that was found with the message's Content-Length, and believes the latter where it lands.
    fn weigh_length(&mut self, line: usize, ending: &mut Ending) -> io::Result<()> {
        let message = self.window.view().get(..ending.at).unwrap_or_default();
        let Some(claimed) = claimed_end(message, line) else { return Ok(()) };
        let text_end = text_end(message);
        let between = message.get(claimed.min(text_end)..claimed.max(text_end));
        if between.is_some_and(|bytes| bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))) {
            ending.verbatim = ending.doubts > 0;
            return Ok(());
        }
        let ahead = claimed.saturating_sub(ending.at);
        if (1..=MAX_LENGTH_AHEAD).contains(&ahead) && claimed <= self.limit {
            self.window.reach(claimed + LOOKAHEAD)?;
            match landing(&self.window, claimed) {
                Landing::At(at) => {
                    ending.length_note = Some("its Content-Length was believed over lines that begin with `From `".into());
                    (ending.at, ending.verbatim, ending.doubtful) = (at, true, false);
                    return Ok(());
                }
                Landing::NotYetThere => ending.unsettled = true,
                Landing::Nowhere => {}
            }
        }
        ending.length_note = Some(match ending.unsettled && ending.at == self.window.view().len() {
            true => "the file ends before the Content-Length of this message does: it may be cut".into(),
            false => "its Content-Length does not end where a message ends, and was ignored".into(),
        });
        Ok(())
    }
}

impl<R: Read> Iterator for MboxReader<R> {
    type Item = io::Result<MboxEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let entry = self.entry();
        self.failed = entry.is_err();
        entry.transpose()
    }
}

/// The next line that begins with `From `, its line end before it not before `seen`.
fn next_from_line(view: &[u8], seen: usize) -> Option<usize> {
    memchr::memmem::find(view.get(seen..)?, b"\nFrom ").map(|at| seen + at + 1)
}

fn judge_at(view: &[u8], line: usize) -> Verdict {
    let (before, ahead) = view.split_at_checked(line).unwrap_or((view, &[]));
    boundary::judge(before, ahead.get(..LOOKAHEAD).unwrap_or(ahead))
}

/// Where the text of a message ends: before the one blank line that parts it from the next.
fn text_end(message: &[u8]) -> usize {
    let separator = if message.ends_with(b"\n\r\n") { 2 } else { usize::from(message.ends_with(b"\n\n")) };
    message.len() - separator
}

/// Where a message ends by its Content-Length, counted from its `From ` line.
fn claimed_end(message: &[u8], line: usize) -> Option<usize> {
    let mut start = line;
    let mut length: Option<usize> = None;
    for end in memchr::memchr_iter(b'\n', message.get(line..)?) {
        let header = message.get(start..line + end)?;
        start = line + end + 1;
        if matches!(header, b"" | b"\r") {
            return start.checked_add(length?);
        }
        if length.is_none() && boundary::header_name(header).is_some_and(|name| name.eq_ignore_ascii_case(b"content-length")) {
            let value = header.get("content-length:".len()..).and_then(|value| std::str::from_utf8(value).ok());
            length = value.and_then(|value| value.trim().parse().ok());
        }
    }
    None
}

/// Where a Content-Length leads.
enum Landing {
    /// To this boundary, or to the end of the file.
    At(usize),
    /// Past the end of the file, or into its last, unfinished line: a longer file may show a boundary there.
    NotYetThere,
    /// To no boundary.
    Nowhere,
}

/// Looks where a Content-Length leads: after at most two line ends, a `From ` line beyond doubt must stand there.
fn landing<R: Read>(window: &Window<R>, claimed: usize) -> Landing {
    let Some(mut rest) = window.view().get(claimed..) else { return Landing::NotYetThere };
    for _ in 0..2 {
        rest = rest.strip_prefix(b"\n").or_else(|| rest.strip_prefix(b"\r\n")).unwrap_or(rest);
    }
    let at = window.view().len() - rest.len();
    let parted = rest.starts_with(FROM) && judge_at(window.view(), at) == Verdict::Boundary;
    if parted || rest.is_empty() && window.ended() {
        return Landing::At(at);
    }
    let unfinished = window.ended() && memchr::memchr(b'\n', rest).is_none();
    if unfinished { Landing::NotYetThere } else { Landing::Nowhere }
}

/// Takes one `>` from each line of the form `>From `, `>>From ` and so on.
fn unquoted(text: &[u8], verbatim: bool) -> Vec<u8> {
    let mut raw = Vec::with_capacity(text.len());
    let mut copied = 0;
    for quote in memchr::memmem::find_iter(text, b">From ").filter(|_| !verbatim) {
        let before = text.get(..quote).unwrap_or_default();
        let marks = before.iter().rev().take_while(|byte| **byte == b'>').count();
        let line = quote - marks;
        if line == 0 || text.get(line - 1) == Some(&b'\n') {
            raw.extend_from_slice(text.get(copied..quote).unwrap_or_default());
            copied = quote + 1;
        }
    }
    raw.extend_from_slice(text.get(copied..).unwrap_or_default());
    raw
}
