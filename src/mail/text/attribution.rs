//! Attribution lines: `On Monday, Ann <ann@acme.example> wrote:`, in every language of the table and in most others.
//!
//! Two marks make one: a date or an address, and a verb of the table or a quote right below. Programs wrap the line
//! anywhere, so it is read from its end backwards.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::line::{Line, Region};
use super::pattern::{any_of, compile};
use super::phrases::Purpose;

/// An attribution is wrapped over so many lines at most.
const MAX_LINES: usize = 5;
/// And is so long at most, in bytes: two long names, two addresses, a date.
const MAX_BYTES: usize = 480;
/// `Ann Example wrote:` without a date or an address has so many words at most.
const MAX_BARE_WORDS: usize = 5;

/// A mail begins within so many lines.
const MAX_BLANK_ABOVE: usize = 4;

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    /// It is one if a quote stands below it whose lines begin with `>`.
    WithMarkedQuote,
    /// It is one if a quote stands below it, whatever its sign.
    WithQuote,
    /// It is one whatever stands below it.
    Alone,
}

/// `wrote:` at the end, or its like. Scripts without spaces need no boundary before it.
static WROTE: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(
        r"(?i)(?:^|[^\p{{L}}]|[\p{{Han}}\p{{Hiragana}}\p{{Hangul}}\p{{Thai}}]){}[\s*_:：>\-.…‎‏]*$",
        any_of(Purpose::Wrote)
    ))
});
/// A verb with the author or the date behind it.
static WROTE_INSIDE: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"(?i)(?:^|[\s>»)\]]){}[\s:(]", any_of(Purpose::WroteInside))));
/// `… wrote (time …):` and `… schrieb am …:`: a verb with only a date behind it.
static WROTE_THEN_DATE: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"(?i)[>)\]]\s*{}\s[^<>@]+\d[^<>@]*[:：]?$", any_of(Purpose::Wrote))));
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?x)\d{1,4}\s?[./\-]\s?\d{1,2}\s?[./\-]\s?\d{1,4} | \b(?:19|20)\d\d\b | \b\d{1,2}/\d{1,2}\b | \d{2,4}\s?[年년] | \d{1,2}\s?[月월]
          | (?i)\d{1,2}(?:st|nd|rd|th)?[.,]?\s+(?:de\s+)?\p{L}{3,12}\.?,?\s+(?:de\s+)?'?\d{2,4} | \b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s+\d{1,2}\b",
    )
});
static TIME: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)\d{1,2}\s?[:.hH時点시]\s?\d{2}|\d{1,2}\s?(?:am|pm|uhr|時|点|시)(?:$|\W)|[+-]\d{4}\b|GMT|UTC"));
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| compile(r"[^\s<>@]@[^\s<>@]|&lt;|\[mailto:|<mailto:"));
/// A weekday or two, a preposition, then a number: how a line with a date begins in any language.
static DATE_FIRST: LazyLock<Regex> = LazyLock::new(|| compile(r"^[\s*_\-–>]*(?:[^\s\d<>@:;]+\s*){0,5}\d"));
/// A name of up to eight words, then an address.
static NAME_FIRST: LazyLock<Regex> =
    LazyLock::new(|| compile(r#"^[\s*_\-"'“]*(?:[^\s<>@:;]+\s+){0,8}[<(\[]?\s?(?:mailto:)?[^\s<>@]+@[^\s<>@]"#));
/// `In article <id>, ann@acme.example writes:`.
static ARTICLE: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)^\W*(?:in (?:article|message|a message|news|<)|quoting |according to )"));
/// `Quoting Ann <ann@acme.example>:`, as one family of webmail programs says it in every language.
static QUOTING: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)^\W*(?:quoting|excerpts from|zitat von|citation de|mensaje citado por|citando a?|citazione di|citeren|citerar|citat från|citat fra|lainaus|cytowanie|cytat|cituji|цитирую|цитата)\s",
    )
});
/// `Ann Example <ann@acme.example>:` and nothing else.
static NAME_AND_ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| compile(r#"^[\s*_\-"'“]*(?:[^\s<>@:;]+\s+){0,8}<[^<>\s]+@[^<>\s]+>\s?:$"#));
/// `Ann <ann@acme.example> wrote in message` with the news article behind it.
static NEWS: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"(?i){}\s[^<>@]{{1,40}}<?news:\S+$", any_of(Purpose::Wrote))));
/// `>>> Ann <ann@acme.example> 03/12/02 09:41 AM >>>`, with unmarked history below.
static BETWEEN_ARROWS: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^>>> [^>]{1,60}(?:<[^<>]+>)?[^<>]{1,40}\d:\d\d[^<>]{0,10}>>>$"));
/// `>>>>> "Ann" == Ann Example <ann@acme.example> writes:`.
static SUPERCITED: LazyLock<Regex> = LazyLock::new(|| compile(r#"^>{3,}\s?"[^"]{1,40}" == .{1,200}:$"#));
/// The short form of one large provider: `2016-03-03 17:21 GMT+01:00 Ann`, with nothing behind it.
static ISO_GMT: LazyLock<Regex> = LazyLock::new(|| compile(r"^\d{4}-\d\d-\d\d \d{1,2}:\d\d GMT[+\-]\d{1,2}:\d\d \S.*[^<,]$"));
static DATE_THEN_ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^\d{4}[/\-]\d{1,2}[/\-]\d{1,2}\s(?:\d{1,2}:\d\d\s)?[^<>]{1,80}<[^<>\s]+@[^<>\s]+>$"));

/// The attribution that ends with line `end`, not reaching above `floor`.
pub(super) fn ending_at(lines: &[Line], end: usize, floor: usize) -> Option<(Range<usize>, Certainty)> {
    let last = lines.get(end)?.text.trim();
    if last.len() > MAX_BYTES || !ends_like_one(last) {
        return None;
    }
    let mut joined = String::new();
    let mut found: Option<(usize, Certainty, bool)> = None;
    for (start, line) in lines.iter().enumerate().take(end + 1).skip(floor.max((end + 1).saturating_sub(MAX_LINES))).rev() {
        let text = line.text.trim();
        // Only a line that was torn apart at an address goes on above a blank line.
        if (text.is_empty() && !joined.starts_with('<')) || line.region == Region::Attribution {
            break;
        }
        joined = format!("{} {joined}", text.trim_start_matches('|')).trim().to_owned();
        if joined.len() > MAX_BYTES {
            break;
        }
        match found {
            None => {
                let judged =
                    judge(&joined).or_else(|| (start == end && is_first(lines, start)).then(|| judge_first(&joined)).flatten());
                found = judged.map(|certainty| (start, certainty, DATE.is_match(&joined)));
            }
            Some((_, _, true)) => break,
            // It lacks its date: that stands on a line above, or nowhere.
            Some((_, certainty, false)) if DATE_FIRST.is_match(text) && (DATE.is_match(text) || TIME.is_match(text)) => {
                found = Some((start, judge(&joined).map_or(certainty, |new| new.max(certainty)), true));
            }
            Some((_, certainty, false)) if ARTICLE.is_match(text) => found = Some((start, certainty, true)),
            Some(_) => {}
        }
    }
    found.map(|(start, certainty, _)| (start..end + 1, certainty))
}

/// One that begins with the signs of a quote, and is none: it fills its line.
pub(super) fn with_arrows(line: &str) -> Option<Certainty> {
    if !line.starts_with(">>>") || line.len() > MAX_BYTES {
        return None;
    }
    let line = line.trim_end();
    let bare = BETWEEN_ARROWS.is_match(line).then_some(Certainty::Alone);
    bare.or_else(|| SUPERCITED.is_match(line).then_some(Certainty::WithQuote))
}

/// Cheap: can this be the last line of one?
fn ends_like_one(last: &str) -> bool {
    let bare = last.trim_end_matches(['*', '_', ' ', '\u{200e}', '\u{200f}']);
    bare.ends_with([':', '：'])
        || (bare.ends_with("---") && marked(bare))
        || bare.ends_with('>')
        || last.starts_with("news:")
        || (marked(bare) && (ISO_GMT.is_match(bare) || WROTE.is_match(bare)))
}

/// Nothing but blank lines stand above.
fn is_first(lines: &[Line], start: usize) -> bool {
    start <= MAX_BLANK_ABOVE && lines.iter().take(start).all(Line::is_blank)
}

/// A mail that begins so and goes on with a quote: `Ann Example:`, `ann writes:`.
fn judge_first(line: &str) -> Option<Certainty> {
    let bare = line.trim_start_matches(['*', '-', ' ']);
    let before_verb = WROTE.find(bare).and_then(|verb| bare.get(..verb.start()));
    let name = before_verb.or_else(|| bare.strip_suffix([':', '：']).filter(|name| name.contains(' ')))?;
    let words = name.split_whitespace().count();
    let named = (words == 1 && before_verb.is_some()) || (words < MAX_BARE_WORDS && is_name(name));
    named.then_some(Certainty::WithMarkedQuote)
}

/// Cheaper still: without a digit or an address it is none, unless it ends in a colon.
fn marked(line: &str) -> bool {
    line.bytes().any(|byte| byte == b'@' || byte.is_ascii_digit())
}

/// Words that all begin with a capital, or with a letter that has none.
fn is_name(text: &str) -> bool {
    let nickname = |word: &&str| word.len() > 2 && word.starts_with('"') && word.ends_with('"');
    let words = text.split_whitespace().filter(|word| !nickname(word));
    let mut words = words.map(|word| word.trim_start_matches(['*', '_', '"', '“', '\''])).peekable();
    words.peek().is_some() && words.all(|word| word.starts_with(|c: char| c.is_alphabetic() && !c.is_lowercase()))
}

fn judge(joined: &str) -> Option<Certainty> {
    if ISO_GMT.is_match(joined) {
        return Some(Certainty::Alone);
    }
    if NAME_FIRST.is_match(joined) && NEWS.is_match(joined) {
        return Some(Certainty::Alone);
    }
    let bare = joined.trim_end_matches(['*', '_', ' ', '-']);
    let colon = bare.ends_with([':', '：']);
    if !colon && DATE_THEN_ADDRESS.is_match(bare) {
        return Some(Certainty::WithQuote);
    }
    let (date, time, address) = (DATE.is_match(joined), TIME.is_match(joined), ADDRESS.is_match(joined));
    let begins = (DATE_FIRST.is_match(joined) && (date || time)) || NAME_FIRST.is_match(joined) || ARTICLE.is_match(joined);
    let wrote = WROTE.is_match(bare) || (colon && (WROTE_THEN_DATE.is_match(bare) || (begins && WROTE_INSIDE.is_match(bare))));
    if wrote && begins && (colon || joined.ends_with("---")) && (address || (date && time)) {
        return Some(Certainty::Alone);
    }
    let dated = begins && address && date;
    let named = wrote
        && colon
        && joined.split_whitespace().count() <= MAX_BARE_WORDS
        && WROTE.find(bare).is_some_and(|verb| is_name(joined.get(..verb.start()).unwrap_or_default()));
    if (wrote && begins && (date || address || time)) || named {
        return Some(Certainty::WithQuote);
    }
    let quoting = (address || date) && QUOTING.is_match(joined);
    (colon && (dated || quoting || NAME_AND_ADDRESS.is_match(joined))).then_some(Certainty::WithMarkedQuote)
}

#[cfg(test)]
mod tests {
    use super::{Certainty, Line, ending_at};

    fn of(text: &str) -> Option<(usize, Certainty)> {
        let lines: Vec<Line> = text.lines().map(Line::plain).collect();
        ending_at(&lines, lines.len() - 1, 0).map(|(range, certainty)| (range.start, certainty))
    }

    #[test]
    fn a_wrapped_line_is_found_from_its_first_line() {
        assert_eq!(
            of("Fine.\nOn Mon, Feb 1, 2016 at 6:32 PM, Ann Example\n<ann@acme.example>\nwrote:"),
            Some((1, Certainty::Alone))
        );
        assert_eq!(of("Ann <ann@acme.example> schrieb am Fr., 28.\nApr. 2017 um 11:53 Uhr:"), Some((0, Certainty::Alone)));
    }

    #[test]
    fn a_language_without_a_row_needs_a_quote_below() {
        assert_eq!(of("mié 3 ots. 2021, 10:00, Ann (ann@acme.example) zioenez:"), Some((0, Certainty::WithMarkedQuote)));
    }

    #[test]
    fn prose_is_no_attribution() {
        assert_eq!(of("I wrote to ann@acme.example at 10:30 with the following:"), None);
        assert_eq!(of("As we wrote:"), None);
        assert_eq!(of("Please answer these questions:"), None);
    }
}
