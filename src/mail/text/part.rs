//! Which part of a message is read, and what its subject says about it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::pattern::compile;
use super::{Body, html};

/// A plain part that only points to the HTML is so long at most, in bytes.
const MAX_STUB_BYTES: usize = 600;

/// Two texts are compared by so many words at least.
const MIN_WORDS: usize = 3;

/// The part that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Plain(&'a str),
    Html(&'a str),
    Nothing,
}

static NO_HTML: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?isx) (?:does\s?n[o’']t|not|unable|cannot|can't|n'est|ne\s|nicht|kein|no\s|non\s) .{0,80} \bhtml\b | \bhtml\b .{0,80} (?:not\s+support|capable|viewer|compatible|enabled|anzeigen|unterst)
          | (?:view|read|see|open|display) .{0,40} (?:in|with|using) .{0,20} browser | im\s+browser | dans\s+(?:votre|un)\s+navigateur | en\s+(?:el|tu|su)\s+navegador | nel\s+browser | no\s+(?:seu\s+)?navegador
          | multi-?part\s+message\s+in\s+mime | html[\s-]+(?:e-?mail|message|version|format|reader|client|capable|enabled|compatible|compliant)",
    )
});
static LINK: LazyLock<Regex> = LazyLock::new(|| compile(r"(?i)https?://\S+"));
static MARKUP: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)^\s*(?:<!doctype\s+html|<html[\s>]|<\?xml[^>]*>\s*<!doctype\s+html)"));
/// The prefixes that say "passed on", in the languages of the usual programs; the first prefix counts.
static PASSED_ON: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?ix)^\s*(?:\[[^\]]{0,40}\]\s*)*(?:fw|fwd|wg|tr|rv|enc|vs|vb|vl|doorst|i|pd|podaj\sdalej|továbbítás|yml|i̇lt|ilt|прв|пересл|fs|trs|转发|轉寄|转寄|転送|전달|πρθ|הועבר|إعادة\sتوجيه)\.?\s?(?:\[\d+\])?\s?[:：]",
    )
});

/// Plain text, unless it is missing, empty or only points to the HTML.
pub(super) fn best(body: &Body) -> Part<'_> {
    let plain = body.plain.as_deref().filter(|plain| plain.chars().any(|c| !c.is_whitespace()));
    let html = body.html.as_deref().filter(|html| !html.trim().is_empty());
    match (plain, html) {
        (Some(plain), Some(html)) if html.len() > plain.len() && (is_stub(plain) || says_otherwise(plain, html)) => {
            Part::Html(html)
        }
        (Some(plain), _) if MARKUP.is_match(plain) => Part::Html(plain),
        (Some(plain), _) => Part::Plain(plain),
        (None, Some(html)) => Part::Html(html),
        (None, None) => Part::Nothing,
    }
}

/// Only points to the HTML: nothing but links, or short and about HTML or a browser.
fn is_stub(plain: &str) -> bool {
    plain.len() <= MAX_STUB_BYTES && (NO_HTML.is_match(plain) || !LINK.replace_all(plain, "").chars().any(char::is_alphanumeric))
}

/// Short, and most of its words are not in the HTML, which says more: it is no form of the same text.
fn says_otherwise(plain: &str, html: &str) -> bool {
    if plain.len() > MAX_STUB_BYTES {
        return false;
    }
    let plain = LINK.replace_all(plain, " ");
    let words = words(&plain);
    let there = self::words(&html::words(html));
    let common = words.intersection(&there).count();
    words.len() >= MIN_WORDS && common * 3 < words.len() && there.len() > words.len()
}

/// The longer words of the letters that HTML never writes as entities.
fn words(text: &str) -> BTreeSet<String> {
    let ascii =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2 && word.bytes().all(|b| b.is_ascii_alphabetic()));
    ascii.map(str::to_ascii_lowercase).collect()
}

/// Does this subject pass a message on?
pub(super) fn passes_on(subject: &str) -> bool {
    PASSED_ON.is_match(subject)
}

#[cfg(test)]
mod tests {
    use super::{Body, Part, best, passes_on};

    fn of(plain: &str, html: &str) -> Body {
        Body { plain: Some(plain.to_owned()), html: Some(html.to_owned()) }
    }

    #[test]
    fn a_plain_part_that_points_to_the_html_is_passed_over() {
        let html = "<p>The plan changed: we meet on Monday at nine, in the large room.</p>".repeat(4);
        for stub in [
            "Your mail client does not support HTML.",
            "View this email in your browser: https://a.example/1",
            " \n",
            "https://a.example/2",
        ] {
            assert_eq!(best(&of(stub, &html)), Part::Html(&html), "{stub}");
        }
        assert_eq!(best(&of("We meet on Monday.", &html)), Part::Plain("We meet on Monday."));
    }

    #[test]
    fn the_first_prefix_of_a_subject_counts() {
        assert!(passes_on("FW: Re: plan") && passes_on("WG: Plan") && passes_on("[ext] Fwd: plan") && passes_on("转发：计划"));
        assert!(!passes_on("Re: Fwd: plan") && !passes_on("Forward: march") && !passes_on(""));
    }
}
