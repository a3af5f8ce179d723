//! What each line is, before anything is decided.

use std::ops::Range;

use super::attribution::{self, Certainty};
use super::headers;
use super::line::{Line, Region};
use super::notice;
use super::quote;
use super::verbatim;

/// A quote stands so many lines below its attribution at most.
const QUOTE_WITHIN: usize = 4;
/// Some programs quote with a sign of their own, such as `ann> `, of so many bytes at most.
const MAX_SIGN_BYTES: usize = 12;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Blank,
    /// The author's words.
    Text,
    /// Code and patches.
    Code,
    /// Strokes only.
    Rule,
    Quote,
    /// Introduces a quote, which stands below.
    Attribution,
    /// Introduces history that is not marked as a quote.
    BareAttribution,
    /// Begins history: headers, or a line such as `-----Original Message-----`.
    History,
    /// Begins a forwarded message.
    Forward,
    /// Inside what the program marked as a signature.
    Signature,
}

/// The kind of each line.
pub(super) fn outline(lines: &[Line]) -> Vec<Kind> {
    let verbatim = verbatim::lines(lines);
    let mut kinds: Vec<Kind> = lines.iter().zip(&verbatim).map(|(line, &code)| first_look(line, code)).collect();
    let mut floor = 0;
    let mut sign: Option<String> = None;
    for i in 0..lines.len() {
        let (Some(line), Some(&kind)) = (lines.get(i), kinds.get(i)) else { break };
        if matches!(kind, Kind::Blank | Kind::Code | Kind::Forward | Kind::History) {
            floor = if kind == Kind::Blank { floor } else { i + 1 };
            continue;
        }
        let arrows = if line.region == Region::Body { attribution::with_arrows(&line.text) } else { None };
        if kind == Kind::Quote && line.region == Region::Body && arrows.is_none() && !torn(lines, &kinds, i) {
            if quote::is_head_alone(lines, &kinds, i) {
                set(&mut kinds, i, Kind::History);
            }
            continue;
        }
        if matches!(kind, Kind::Text | Kind::Rule)
            && let Some(sign) = &sign
            && line.text.trim_start().starts_with(sign.as_str())
        {
            set(&mut kinds, i, Kind::Quote);
            continue;
        }
        if let Some((range, found)) = introduction(lines, &kinds, i, floor, &mut sign) {
            floor = i + 1;
            range.for_each(|line| set(&mut kinds, line, found));
        }
    }
    kinds
}

fn set(kinds: &mut [Kind], at: usize, kind: Kind) {
    if let Some(place) = kinds.get_mut(at) {
        *place = kind;
    }
}

fn first_look(line: &Line, code: bool) -> Kind {
    if line.is_blank() {
        return Kind::Blank;
    }
    match line.region {
        Region::Signature => Kind::Signature,
        Region::Quote => Kind::Quote,
        Region::Forward => Kind::Forward,
        Region::Headers if heads(&line.text) => Kind::History,
        Region::Indent | Region::Headers => Kind::Text,
        Region::Attribution if headers::is_forwarded(&line.text) => Kind::Forward,
        Region::Attribution => Kind::Attribution,
        Region::Body if code => Kind::Code,
        Region::Body if headers::is_forwarded(&line.text) => Kind::Forward,
        Region::Body if is_quoted(&line.text) => Kind::Quote,
        Region::Body if headers::is_original(&line.text) => Kind::History,
        Region::Body if notice::is_rule(&line.text) => Kind::Rule,
        Region::Body => Kind::Text,
    }
}

fn is_quoted(text: &str) -> bool {
    let inner = text.trim_start();
    inner.starts_with('>') && text.len() - inner.len() <= 4
}

/// `> wrote:` and `>:` are no quotes but the end of an attribution whose address was torn apart.
fn torn(lines: &[Line], kinds: &[Kind], i: usize) -> bool {
    let above = i.checked_sub(1).and_then(|above| kinds.get(above));
    above == Some(&Kind::Text)
        && lines.get(i).is_some_and(|line| {
            let inner = line.text.trim_start_matches([' ', '>']).trim_end();
            inner.ends_with([':', '：']) && inner.split_whitespace().count() <= 4
        })
}

/// What begins or ends with line `i` and introduces something below it.
fn introduction(lines: &[Line], kinds: &[Kind], i: usize, floor: usize, sign: &mut Option<String>) -> Option<(Range<usize>, Kind)> {
    let line = lines.get(i)?;
    if line.region != Region::Body {
        return None;
    }
    if notice::is_reply_line(&line.text) {
        return Some((i..i + 1, Kind::BareAttribution));
    }
    let arrows = attribution::with_arrows(&line.text).map(|certainty| (i..i + 1, certainty));
    if let Some((range, certainty)) = arrows.or_else(|| attribution::ending_at(lines, i, floor)) {
        if quote_below(lines, kinds, i, certainty, sign) {
            return Some((range, Kind::Attribution));
        }
        return (certainty == Certainty::Alone).then_some((range, Kind::BareAttribution));
    }
    headers::block(lines, i).map(|range| (range.start..range.start + 1, Kind::History))
}

/// `[…]`, `<snip>`: where the author left out a part of the quote.
fn is_gap(text: &str) -> bool {
    let inner = text.trim().trim_matches(|c: char| "<>[](){}-*_ ".contains(c)).to_lowercase();
    matches!(inner.as_str(), "snip" | "snipped" | "cut" | "..." | "…" | ".." | "schnipp" | "gekürzt")
}

/// Does a quote stand below line `i`? Remembers a sign other than `>` once two lines in a row begin with it.
fn quote_below(lines: &[Line], kinds: &[Kind], i: usize, certainty: Certainty, sign: &mut Option<String>) -> bool {
    let Some(below) =
        (i + 1..=i + QUOTE_WITHIN).find(|&line| lines.get(line).is_some_and(|line| !line.is_blank() && !is_gap(&line.text)))
    else {
        return false;
    };
    if kinds.get(below) == Some(&Kind::Quote) {
        return true;
    }
    let Some(own) = lines.get(below).and_then(|line| own_sign(&line.text)) else { return false };
    if certainty == Certainty::WithMarkedQuote && !own.ends_with('>') {
        return false;
    }
    let again =
        lines.iter().skip(below + 1).find(|line| !line.is_blank()).is_some_and(|line| line.text.trim_start().starts_with(own));
    if again {
        *sign = Some(own.to_owned());
    }
    again
}

/// `|`, `:`, `}` and the initials of the author before `>`: what programs other than the usual quote with.
fn own_sign(text: &str) -> Option<&str> {
    let text = text.trim_start();
    if let Some(sign) = text.get(..1).filter(|sign| matches!(*sign, "|" | ":" | "}" | "]" | "%" | "=")) {
        // The row of a table ends as it begins.
        return (!text.trim_end().ends_with(sign) || text.trim_end().len() == 1).then_some(sign);
    }
    let (initials, _) = text.split_once('>')?;
    let is_name = !initials.is_empty() && initials.len() < MAX_SIGN_BYTES && initials.chars().all(char::is_alphanumeric);
    is_name.then(|| text.get(..=initials.len())).flatten()
}

/// A line across, or the name of a header in whatever language.
fn heads(text: &str) -> bool {
    let name = text.split([':', '：']).next().unwrap_or_default();
    notice::is_rule(text) || (name.len() < text.trim_end().len() && name.len() <= 40)
}
