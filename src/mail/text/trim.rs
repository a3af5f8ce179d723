//! Which lines are shown: the author's own new text, with the quotes that it answers.
//!
//! From the outside in: armour and banners; then the history, from where it begins to the end; then, from the end up,
//! footers, signatures and the quote that nothing answers; and last the quotes among the text. When in doubt a line is shown:
//! showing too much is a nuisance, hiding an answer is a loss.

use std::ops::Range;

use super::line::{Line, Region};
use super::notice;
use super::outline::{Kind, outline};
use super::signature;

/// The end is looked at so many times at most: each look takes off one footer, signature or quote.
const MAX_LOOKS: usize = 64;
/// A paragraph at the end that is taken for a footer has so many lines at most; HTML may be one long paragraph.
const MAX_FOOTER_LINES: usize = 8;
/// A legal notice, which says at its beginning what it is, has so many lines at most.
const MAX_LEGAL_LINES: usize = 40;
/// A footer below a rule has so many lines with text at most.
const MAX_RULED_LINES: usize = 14;
/// The line across above an advertisement has so many strokes at least.
const ADVERTISED_BELOW: usize = 70;
/// What a program marked as a signature has so many lines at most; people write whole mails into the wrong place.
const MAX_MARKED_SIGNATURE: usize = 30;

/// What to do with unmarked history: a message that passes another one on shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum History {
    /// It stands in the thread already.
    Hidden,
    /// It is what the message is about.
    Shown,
}

/// How a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// As the author's.
    Own,
    /// As somebody else's, which the author answers or shows.
    Quoted,
    /// Not at all.
    Hidden,
}

/// How each line shows.
pub(super) fn faces(lines: &[Line], history: History) -> Vec<Face> {
    let mut page = Page::new(lines);
    page.hide_machines();
    page.hide_history(history);
    page.hide_end();
    page.hide_quotes();
    page.keep_something();
    (0..lines.len()).map(|i| page.face(i)).collect()
}

pub(super) struct Page<'a> {
    pub(super) lines: &'a [Line],
    kinds: Vec<Kind>,
    shown: Vec<bool>,
    /// The lines that are the author's to decide on end here: history or a forwarded message follows.
    pub(super) end: usize,
    /// A quote that nothing answers was taken off the end.
    pub(super) unanswered: bool,
    /// A signature was taken off the end; people have one.
    signed: bool,
}

impl<'a> Page<'a> {
    fn new(lines: &'a [Line]) -> Self {
        Self { lines, kinds: outline(lines), shown: vec![true; lines.len()], end: lines.len(), unanswered: false, signed: false }
    }

    fn face(&self, at: usize) -> Face {
        let indented =
            || self.lines.get(at).is_some_and(|line| line.region == Region::Indent && line.text.trim_start().starts_with('>'));
        let quoted = self.kind(at) == Kind::Quote || (self.kind(at) == Kind::Text && indented());
        match (self.is_shown(at), quoted) {
            (false, _) => Face::Hidden,
            (true, true) => Face::Quoted,
            (true, false) => Face::Own,
        }
    }

    pub(super) fn kind(&self, at: usize) -> Kind {
        self.kinds.get(at).copied().unwrap_or(Kind::Blank)
    }

    pub(super) fn hide(&mut self, range: Range<usize>) {
        let length = range.len();
        self.shown.iter_mut().skip(range.start).take(length).for_each(|shown| *shown = false);
    }

    pub(super) fn is_shown(&self, at: usize) -> bool {
        self.shown.get(at).copied().unwrap_or(false)
    }

    /// Is a word of the author's left before this line?
    pub(super) fn has_text_before(&self, end: usize) -> bool {
        (0..end).any(|i| self.is_shown(i) && matches!(self.kind(i), Kind::Text | Kind::Code))
    }

    /// Armour, warnings, and what the program marked as a signature.
    fn hide_machines(&mut self) {
        for range in notice::armour(self.lines) {
            self.hide(range);
        }
        if let Some(range) = notice::banner(self.lines) {
            self.hide(range);
        }
        let signed: Vec<usize> = (0..self.lines.len()).filter(|&i| self.kind(i) == Kind::Signature).collect();
        for i in &signed {
            if signed.len() > MAX_MARKED_SIGNATURE {
                self.kinds.iter_mut().skip(*i).take(1).for_each(|kind| *kind = Kind::Text);
            } else {
                self.hide(*i..i + 1);
            }
        }
    }

    /// Finds where history begins, and hides it to the end. Below a forwarded message's head everything is shown.
    fn hide_history(&mut self, history: History) {
        let mut text = false;
        for i in 0..self.lines.len() {
            match self.kind(i) {
                Kind::Forward => {
                    self.end = i;
                    return;
                }
                Kind::Text | Kind::Code if self.is_shown(i) => text = true,
                Kind::BareAttribution if !text || self.quotes_follow(i) => self.hide(i..i + 1),
                Kind::History | Kind::BareAttribution => {
                    self.end = i;
                    if text && history == History::Hidden && !self.answers_inside(i) {
                        self.hide(i..self.lines.len());
                    }
                    return;
                }
                Kind::Blank | Kind::Text | Kind::Code | Kind::Rule | Kind::Quote | Kind::Attribution | Kind::Signature => {}
            }
        }
    }

    /// Below this attribution the author quotes in parts, after all: a quote without an attribution of its own.
    fn quotes_follow(&self, at: usize) -> bool {
        let mut before = Kind::Text;
        for i in at + 1..self.lines.len() {
            match self.kind(i) {
                Kind::Blank | Kind::Rule => {}
                Kind::BareAttribution | Kind::History | Kind::Forward => return false,
                Kind::Quote if !matches!(before, Kind::Attribution | Kind::Quote) => return true,
                kind @ (Kind::Text | Kind::Code | Kind::Quote | Kind::Attribution | Kind::Signature) => before = kind,
            }
        }
        false
    }

    fn answers_inside(&self, end: usize) -> bool {
        let own: Vec<&str> = (0..end)
            .filter(|&i| self.kind(i) == Kind::Text)
            .filter_map(|i| self.lines.get(i))
            .map(|line| line.text.trim())
            .collect();
        notice::answers_inside(&own.join(" "))
    }

    /// Takes footers, signatures and the last quote off the end, until what is left ends in the author's words.
    fn hide_end(&mut self) {
        for _ in 0..MAX_LOOKS {
            while self.end > 0 && (!self.is_shown(self.end - 1) || matches!(self.kind(self.end - 1), Kind::Blank | Kind::Rule)) {
                self.end -= 1;
                self.hide(self.end..self.end + 1);
            }
            let Some(start) = self.last_addition() else { return };
            self.hide(start..self.end);
            self.end = start;
        }
    }

    /// Where the addition begins that these lines end with.
    fn last_addition(&mut self) -> Option<usize> {
        let last = self.end.checked_sub(1)?;
        let text = &self.lines.get(last)?.text;
        if self.kind(last) == Kind::Text && signature::is_tagline(text) {
            return Some(last);
        }
        let above = last.checked_sub(1).filter(|&above| self.kind(above) == Kind::Text).and_then(|above| self.lines.get(above));
        if signature::is_excuse(text) && above.is_some_and(|line| signature::is_tagline(&line.text)) {
            return Some(last - 1);
        }
        let start = self.signature().or_else(|| self.footer()).or_else(|| self.last_quote())?;
        (start < self.end && self.has_text_before(start)).then_some(start)
    }

    fn own_start(&self) -> usize {
        (0..self.end).rev().find(|&i| !matches!(self.kind(i), Kind::Text | Kind::Blank | Kind::Rule)).map_or(0, |i| i + 1)
    }

    /// What stands below `-- `. The footer of a list may look like a signature, too, and stands below the author's.
    fn signature(&mut self) -> Option<usize> {
        let from = self.own_start();
        let start = from + signature::start(self.lines.get(from..self.end)?)?;
        let footer = notice::is_footer(&self.joined(start, "\n"));
        if self.signed && !footer {
            return None;
        }
        self.signed |= !footer;
        Some(start)
    }

    /// A legal notice or a footer: the last paragraph, or all that stands below the last rule.
    fn footer(&self) -> Option<usize> {
        let from = self.own_start();
        let mut text = 0;
        for i in (from..self.end).rev() {
            text += usize::from(self.kind(i) == Kind::Text);
            if text > MAX_RULED_LINES {
                break;
            }
            if self.kind(i) == Kind::Rule && text > 0 {
                if notice::is_footer(&self.joined(i + 1, "\n")) {
                    return Some(self.advertised(i, from));
                }
                break;
            }
        }
        let part = |i: usize| matches!(self.kind(i), Kind::Blank | Kind::Rule) || self.is_stroke(i);
        let start = (from..self.end).rev().take_while(|&i| !part(i)).last()?;
        let legal = self.end - start <= MAX_LEGAL_LINES && notice::is_legal(&self.joined(start, " "));
        let found = if legal { Some(start) } else { self.footer_in(start) }?;
        Some(found.checked_sub(1).filter(|&above| above >= from && self.is_stroke(above)).unwrap_or(found))
    }

    /// Where the footer begins in the paragraph that begins at `start`.
    fn footer_in(&self, start: usize) -> Option<usize> {
        let paragraph: Vec<&str> = self.lines.get(start..self.end)?.iter().map(|line| line.text.trim()).collect();
        let found = if paragraph.len() <= MAX_FOOTER_LINES { notice::footer_start(&paragraph) } else { None };
        found.map(|line| start + line)
    }

    /// A line of one or two dashes, with which some lists part their footer from the text.
    fn is_stroke(&self, at: usize) -> bool {
        self.lines.get(at).is_some_and(|line| matches!(line.text.trim_end(), "-" | "--"))
    }

    /// One large host of lists puts an advertisement between a long line across and the footer, which touches it.
    fn advertised(&self, rule: usize, from: usize) -> usize {
        let above = (from..rule).rev().take(MAX_FOOTER_LINES + 1);
        let start = above.take_while(|&i| self.kind(i) != Kind::Blank).find(|&i| self.kind(i) == Kind::Rule);
        let text = |i: usize| self.lines.get(i).map_or("", |line| line.text.trim());
        let long = |i: usize| text(i).len() >= ADVERTISED_BELOW && text(i).bytes().all(|byte| byte == b'-');
        start.filter(|&i| long(i) && (i + 1..rule).any(|i| text(i).contains("http"))).unwrap_or(rule)
    }

    fn joined(&self, start: usize, between: &str) -> String {
        let lines = self.lines.get(start..self.end).unwrap_or_default();
        lines.iter().map(|line| line.text.trim()).collect::<Vec<_>>().join(between)
    }

    /// The quote at the end, which nothing answers, with its attribution.
    fn last_quote(&mut self) -> Option<usize> {
        if !matches!(self.kind(self.end - 1), Kind::Quote | Kind::Attribution) {
            return None;
        }
        let start = (0..self.end)
            .rev()
            .take_while(|&i| matches!(self.kind(i), Kind::Quote | Kind::Attribution | Kind::Blank | Kind::Rule))
            .last()?;
        let start = (start..self.end).find(|&i| self.kind(i) != Kind::Blank)?;
        let introduced = (start..self.end).any(|i| self.kind(i) == Kind::Attribution)
            || self.lines.get(start).is_some_and(|line| line.region == Region::Quote);
        let above = (0..start).rev().find_map(|i| self.lines.get(i).filter(|line| !line.is_blank()));
        let announced = above.is_some_and(|line| line.text.trim_end().ends_with([':', '：']));
        let doctest = self.lines.get(start).is_some_and(|line| line.text.starts_with(">>>"));
        let words = |line: &Line| line.text.chars().any(char::is_alphanumeric);
        let lone = (start..self.end).filter(|&i| self.lines.get(i).is_some_and(words)).count() == 1
            && !(0..start).any(|i| matches!(self.kind(i), Kind::Quote | Kind::Attribution));
        if !introduced && (announced || doctest || lone) {
            return None;
        }
        self.unanswered = true;
        Some(start)
    }

    /// A mail of which everything was hidden shows what its program marked as a signature: people write into the wrong place.
    fn keep_something(&mut self) {
        if (0..self.lines.len()).any(|i| self.is_shown(i) && self.kind(i) != Kind::Blank) {
            return;
        }
        for i in 0..self.lines.len() {
            let again = self.kind(i) == Kind::Signature;
            self.shown.iter_mut().skip(i).take(usize::from(again)).for_each(|shown| *shown = true);
        }
    }
}
