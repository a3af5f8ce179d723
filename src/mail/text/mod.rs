//! What a reader sees of a message: the author's own new text, and what is hidden from it.
//!
//! A straight line: the best part is picked, HTML becomes lines that know where they stood, each line gets a kind, and the
//! kinds decide what is shown. Nothing is thrown away: what is not shown is in `hidden`, in order.

mod attribution;
mod clean;
mod headers;
mod html;
mod line;
mod notes;
mod notice;
mod outline;
mod part;
mod pattern;
mod phrases;
mod quote;
mod redirect;
mod signature;
mod trim;
mod verbatim;

use std::borrow::Cow;
use std::ops::Range;

use self::clean::Mark;
use self::line::Line;
use self::part::Part;
use self::trim::{Face, History};

/// A body is read up to so many bytes: a book has one million.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// And up to so many lines.
const MAX_LINES: usize = 100_000;

/// The text parts of a message, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The plain text, line ends as `\n`; `None` where there is no text/plain part.
    pub plain: Option<String>,
    /// The HTML; `None` where there is none.
    pub html: Option<String>,
}

/// A body as it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The author's own new text, with the quotes that it answers; lines end in `\n`, no trailing white space.
    pub text: String,
    /// Which bytes of the text are quotes that the author answers, or shows: whole lines, in order, each with its sign.
    pub quotes: Vec<Range<usize>>,
    /// Quoted history, signature, banners: what a post does not show.
    pub hidden: String,
    /// What was odd while reading.
    pub notes: Vec<String>,
}

/// A stretch of a text as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch<'a> {
    /// The author's own lines.
    Own(&'a str),
    /// Lines of somebody else's, each with its sign (`> `).
    Quoted(&'a str),
}

impl Reading {
    /// Whether the message says more than the text shows.
    pub fn hides_something(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// The text in stretches: quotes and what answers them, in order. Together they are the text.
    pub fn stretches(&self) -> Vec<Stretch<'_>> {
        let mut stretches = Vec::new();
        let mut at = 0;
        let piece = |from: usize, to: usize| self.text.get(from..to).filter(|piece| !piece.is_empty());
        for quote in &self.quotes {
            stretches.extend(piece(at, quote.start).map(Stretch::Own));
            stretches.extend(piece(quote.start, quote.end).map(Stretch::Quoted));
            at = quote.end;
        }
        stretches.extend(piece(at, self.text.len()).map(Stretch::Own));
        stretches
    }
}

/// Reads a body: picks the best part, turns HTML into text, hides quoted history and signatures. Never fails; a body
/// beyond the bounds is cut, and a note says so.
pub fn read(body: &Body) -> Reading {
    read_under("", body)
}

/// The same, for a message with this subject: where it says that the message passes another one on (`FW: …`, `WG: …`), the
/// message below is what the reader wants, and is shown although it looks like history.
pub fn read_under(subject: &str, body: &Body) -> Reading {
    let mut notes = Vec::new();
    let mut lines = match part::best(body) {
        Part::Plain(plain) => plain_lines(plain, &mut notes),
        Part::Html(source) => html::lines(within_bounds(source, &mut notes), &mut notes),
        Part::Nothing => Vec::new(),
    };
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES);
        notes.push(format!("text cut after {MAX_LINES} lines"));
    }
    for line in &mut lines {
        if let Cow::Owned(unwrapped) = redirect::unwrapped_in(&line.text) {
            line.text = unwrapped;
        }
    }
    let history = if part::passes_on(subject) { History::Shown } else { History::Hidden };
    let faces = trim::faces(&lines, history);
    let seen = lines.iter().zip(&faces).filter(|&(line, &face)| face != Face::Hidden || line.is_blank());
    let (text, quotes) = clean::join_marked(seen.map(|(line, &face)| {
        (line.text.as_str(), if face == Face::Quoted && !line.is_blank() { Mark::Marked } else { Mark::Plain })
    }));
    let unseen = lines.iter().zip(&faces).filter(|&(line, &face)| face == Face::Hidden || line.is_blank());
    let hidden = clean::join(unseen.map(|(line, _)| line.text.as_str()));
    Reading { text, quotes, hidden, notes }
}

fn plain_lines(plain: &str, notes: &mut Vec<String>) -> Vec<Line> {
    clean::characters(within_bounds(plain, notes)).lines().map(Line::plain).collect()
}

fn within_bounds<'a>(text: &'a str, notes: &mut Vec<String>) -> &'a str {
    if text.len() <= MAX_BYTES {
        return text;
    }
    notes.push(format!("text of {} bytes cut after {MAX_BYTES}", text.len()));
    text.get(..text.floor_char_boundary(MAX_BYTES)).unwrap_or_default()
}
