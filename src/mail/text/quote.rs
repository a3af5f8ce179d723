//! The quotes among the author's text: which stay, as something answers them, and which go.

use std::ops::Range;

use super::attribution::{self, Certainty};
use super::headers;
use super::line::Line;
use super::outline::Kind;
use super::trim::Page;

/// A greeting has so many words at most.
const MAX_GREETING_WORDS: usize = 5;
/// And so many characters, for those who write without spaces.
const MAX_GREETING_CHARS: usize = 40;
/// The head of a quote is looked for in so many lines.
const MAX_HEAD_LINES: usize = 50;

impl Page<'_> {
    /// The quotes among the text. One quote above all the text is history, if a line introduces it; where the author took a
    /// quote apart or wrote above it as well, each part stays with its answer.
    pub(super) fn hide_quotes(&mut self) {
        let quotes = self.quotes();
        if let [only] = quotes.as_slice()
            && !self.unanswered
            && !self.has_more_than_greeting(only.start)
            && (0..only.start).any(|i| self.kind(i) == Kind::Attribution)
            && (only.end..self.end).any(|i| matches!(self.kind(i), Kind::Text | Kind::Code))
        {
            self.hide(only.clone());
        }
        if let Some(first) = quotes.first().filter(|first| !self.is_introduced(first.start) && self.is_shown(first.start)) {
            self.hide_head(first.clone());
        }
        let empty = !self.has_text_before(self.end) && !(0..self.end).any(|i| self.kind(i) == Kind::Quote && self.says(i));
        for i in 0..self.end {
            if self.kind(i) == Kind::Attribution || (empty && self.kind(i) == Kind::Quote) {
                self.hide(i..i + 1);
            }
        }
    }

    fn is_introduced(&self, quote: usize) -> bool {
        (0..quote).any(|i| matches!(self.kind(i), Kind::Attribution | Kind::BareAttribution | Kind::History))
    }

    /// Text above the quote that is more than `Hello Ann,`.
    fn has_more_than_greeting(&self, quote: usize) -> bool {
        let mut own = (0..quote).filter(|&i| self.is_shown(i) && matches!(self.kind(i), Kind::Text | Kind::Code));
        let Some(first) = own.next().and_then(|i| self.lines.get(i)) else { return false };
        let text = first.text.trim();
        let greeting = text.ends_with([',', '!', '，', '！', '、'])
            && text.split_whitespace().count() <= MAX_GREETING_WORDS
            && text.chars().count() <= MAX_GREETING_CHARS;
        own.next().is_some() || !greeting
    }

    /// Some programs quote the line that introduces the quote along with it. It goes, as it does elsewhere, where something
    /// else is left of the quote.
    fn hide_head(&mut self, quote: Range<usize>) {
        let inner: Vec<Line> = self.lines.iter().take(quote.end).skip(quote.start).take(MAX_HEAD_LINES).map(unquoted).collect();
        let said = |end: usize| inner.iter().skip(end).any(|line| line.text.chars().any(char::is_alphanumeric));
        if let Some(end) = head(&inner).filter(|&end| said(end)) {
            let gap = inner.iter().skip(end).take_while(|line| line.is_blank()).count();
            self.hide(quote.start..quote.start + end + gap);
        }
    }

    /// Does this quoted line say anything but who wrote?
    fn says(&self, at: usize) -> bool {
        self.lines
            .get(at)
            .is_some_and(|line| line.text.chars().any(char::is_alphanumeric) && !line.text.trim_end().ends_with([':', '：']))
    }

    /// Runs of quoted lines; blank lines do not part them.
    fn quotes(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut open = false;
        for i in 0..self.end {
            match self.kind(i) {
                Kind::Quote if open => {
                    if let Some(run) = runs.last_mut() {
                        run.end = i + 1;
                    }
                }
                Kind::Quote => {
                    runs.push(i..i + 1);
                    open = true;
                }
                Kind::Blank | Kind::Rule => {}
                Kind::Text
                | Kind::Code
                | Kind::Attribution
                | Kind::BareAttribution
                | Kind::History
                | Kind::Forward
                | Kind::Signature => open = false,
            }
        }
        runs
    }
}

/// A quoted line without its first sign.
fn unquoted(line: &Line) -> Line {
    let text = line.text.trim_start();
    Line::plain(text.strip_prefix('>').map_or(text, |inner| inner.strip_prefix(' ').unwrap_or(inner)))
}

/// A title and headers with the signs of a quote, but nothing quoted below: history without signs follows.
pub(super) fn is_head_alone(lines: &[Line], kinds: &[Kind], start: usize) -> bool {
    let titled = lines.get(start).is_some_and(|line| headers::is_original(&line.text));
    if !titled || start.checked_sub(1).is_some_and(|above| kinds.get(above) == Some(&Kind::Quote)) {
        return false;
    }
    if kinds.iter().skip(start).skip_while(|&&kind| kind == Kind::Quote).any(|&kind| kind == Kind::Quote) {
        return false;
    }
    let run = kinds.iter().skip(start).take_while(|&&kind| kind == Kind::Quote).count();
    let inner: Vec<Line> = lines.iter().skip(start).take(run.min(MAX_HEAD_LINES)).map(unquoted).collect();
    run <= MAX_HEAD_LINES && headers::block(&inner, 1).is_some_and(|block| inner.iter().skip(block.end).all(Line::is_blank))
}

/// Where the head of a quote ends: a title and headers, or an attribution.
fn head(inner: &[Line]) -> Option<usize> {
    let first = inner.iter().position(|line| !line.is_blank())?;
    let title = inner.get(first).is_some_and(|line| headers::is_original(&line.text));
    let below = if title { first + 1 } else { first };
    let block = headers::block(inner, below).map(|range| range.end);
    let introduced = || {
        let end = (first..first + 4).find_map(|end| attribution::ending_at(inner, end, first))?;
        // What it introduces is quoted once more: then the author above quotes two people.
        let deeper = inner.iter().skip(end.0.end).find(|line| !line.is_blank()).is_some_and(|line| line.text.starts_with('>'));
        (end.1 == Certainty::Alone && end.0.start == first && !deeper).then_some(end.0.end)
    };
    block.or(title.then_some(below)).or_else(introduced)
}
