//! What machines add: warnings about outside senders at the top, legal notices and the footers of lists and scanners at the
//! end, PGP armour. Each rule wants two marks, so that people may write about such things.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::line::Line;
use super::pattern::{any_of, compile};
use super::phrases::Purpose;

/// A warning stands in one of the first paragraphs.
const BANNER_PARAGRAPHS: usize = 3;
/// And has so many lines at most.
const BANNER_LINES: usize = 8;
/// A legal notice has so many characters at least: shorter ones may be the author's own words.
const NOTICE_CHARS: usize = 90;
/// And says what it is about within so many bytes.
const NOTICE_BEGINS_WITHIN: usize = 200;
/// The footer of a list names itself within so many bytes of its paragraph.
const FOOTER_BEGINS_WITHIN: usize = 60;
/// Or it has so many words at most.
const MAX_FOOTER_WORDS: usize = 24;
/// The line of a ticket system has so many bytes at most.
const MAX_REPLY_LINE_BYTES: usize = 160;
/// The signed text's armour has so many lines at most.
const ARMOUR_LINES: usize = 120;

static BANNER: LazyLock<Regex> = LazyLock::new(|| compile(&format!("(?i){}", any_of(Purpose::Banner))));
static BANNER_CUE: LazyLock<Regex> = LazyLock::new(|| compile(&format!("(?i){}", any_of(Purpose::BannerCue))));
static BANNER_TAG: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)^[\s*_]*[\[(<*]+\s*(?:external|ext|extern|externe|externo|esterno)(?:\s+(?:e-?mail|sender|mail|message))?\s*[\])>*]+[\s*_]*$",
    )
});
/// Strokes before and behind, or nothing else in the line.
static REPLY_LINE: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"(?i)^[^\p{{L}}\p{{N}}>]*{}[^\p{{L}}\p{{N}}]*$", any_of(Purpose::ReplyLine))));
static FOOTER: LazyLock<Regex> = LazyLock::new(|| compile(&format!("(?i){}", any_of(Purpose::Footer))));
static INLINE: LazyLock<Regex> = LazyLock::new(|| compile(&format!("(?i){}", any_of(Purpose::InlineAnswers))));
static HEADING: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"(?i)^[\s*_#>\-]*{}", any_of(Purpose::NoticeHeading))));
static SUBJECT: LazyLock<Regex> = LazyLock::new(|| compile(&format!("(?i){}", any_of(Purpose::NoticeSubject))));
static TERM: LazyLock<Regex> = LazyLock::new(|| compile(&format!("(?i){}", any_of(Purpose::NoticeTerm))));

/// A line of nothing but strokes.
pub(super) fn is_rule(line: &str) -> bool {
    let strokes = line.trim();
    !strokes.is_empty()
        && strokes.chars().all(|c| "_-=~*#+—–―─═•·.ᐧ ".contains(c))
        && (strokes == "ᐧ" || strokes.chars().filter(|&c| !" .·•".contains(c)).count() > 1)
}

/// `##- Please type your reply above this line -##`: below it stands what the ticket system sent.
pub(super) fn is_reply_line(line: &str) -> bool {
    line.len() <= MAX_REPLY_LINE_BYTES && REPLY_LINE.is_match(line)
}

/// A warning at the top: the lines to hide.
pub(super) fn banner(lines: &[Line]) -> Option<Range<usize>> {
    let mut at = 0;
    for _ in 0..BANNER_PARAGRAPHS {
        let start = at + lines.iter().skip(at).position(|line| !line.is_blank() && !is_rule(&line.text))?;
        let paragraph: Vec<&Line> = lines.iter().skip(start).take_while(|line| !line.is_blank()).take(BANNER_LINES).collect();
        let joined = paragraph.iter().map(|line| line.text.trim()).collect::<Vec<_>>().join(" ");
        let tag = paragraph.first().is_some_and(|line| BANNER_TAG.is_match(&line.text));
        let cues = BANNER_CUE.find_iter(&joined).count();
        if tag || (BANNER.is_match(&joined) && cues >= 2) {
            let last =
                paragraph.iter().rposition(|line| BANNER_CUE.is_match(&line.text) || BANNER.is_match(&line.text)).unwrap_or(0);
            let end = start + if tag && cues < 2 { 1 } else { last + 1 };
            let rules = lines.iter().skip(end).take_while(|line| is_rule(&line.text)).count();
            let above = lines.iter().take(start).rev().take_while(|line| is_rule(&line.text) || line.is_blank()).count();
            return Some(start - above..end + rules);
        }
        at = start + paragraph.len();
    }
    None
}

/// Does this paragraph at the end of a mail read like a legal notice?
pub(super) fn is_legal(paragraph: &str) -> bool {
    let terms = || TERM.find_iter(paragraph).count();
    if HEADING.is_match(paragraph) && (terms() >= 1 || SUBJECT.is_match(paragraph)) {
        return true;
    }
    let early = SUBJECT.find(paragraph).is_some_and(|subject| subject.start() < NOTICE_BEGINS_WITHIN);
    paragraph.chars().count() >= NOTICE_CHARS && early && terms() >= 2
}

/// Does what stands below a line across or a mark read like the footer of a list, a tracker or a virus scanner?
pub(super) fn is_footer(text: &str) -> bool {
    FOOTER.is_match(text)
}

/// The same of a paragraph that nothing parts from the text: a footer says at once what it is, or is short. The line of the
/// paragraph where it begins.
pub(super) fn footer_start(paragraph: &[&str]) -> Option<usize> {
    let joined = paragraph.join(" ");
    let mark = FOOTER.find(&joined)?;
    if mark.start() > FOOTER_BEGINS_WITHIN && joined.split_whitespace().count() > MAX_FOOTER_WORDS {
        return None;
    }
    let mut bytes = 0;
    let ends = paragraph.iter().map(|line| {
        bytes += line.len() + 1;
        bytes
    });
    let marked = ends.take_while(|&end| end <= mark.start()).count();
    let address = |line: &&&str| line.contains(['@']) || line.contains("://") || line.contains("list");
    Some(marked - paragraph.iter().take(marked).rev().take_while(address).count())
}

/// Does the author say that the answers stand inside the history?
pub(super) fn answers_inside(text: &str) -> bool {
    INLINE.is_match(text)
}

/// The armour around signed text (RFC 9580, 7): its head, and the signature below.
pub(super) fn armour(lines: &[Line]) -> Vec<Range<usize>> {
    let starts = |i: usize, with: &str| lines.get(i).is_some_and(|line| line.text.starts_with(with));
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let mut end = at;
        if starts(at, "-----BEGIN PGP SIGNED MESSAGE-----") {
            end = at
                + 1
                + lines
                    .iter()
                    .skip(at + 1)
                    .take(8)
                    .take_while(|line| line.text.starts_with("Hash:") || line.text.starts_with("NotDashEscaped:"))
                    .count();
        } else if starts(at, "-----BEGIN PGP SIGNATURE-----") {
            let close =
                lines.iter().skip(at).take(ARMOUR_LINES).position(|line| line.text.starts_with("-----END PGP SIGNATURE-----"));
            end = close.map_or(at, |length| at + length + 1);
        }
        if end > at {
            found.push(at..end);
        }
        at = end.max(at + 1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Line, banner, is_legal, is_rule};

    fn lines(text: &str) -> Vec<Line> {
        text.lines().map(Line::plain).collect()
    }

    #[test]
    fn a_warning_ends_where_the_author_begins() {
        let text = "CAUTION: This email originated from outside of the organization.\nDo not click links unless you know the sender.\nHi Ann,\nfine.";
        assert_eq!(banner(&lines(text)), Some(0..2));
        assert_eq!(banner(&lines("[EXTERNAL]\n\nHi")), Some(0..1));
    }

    #[test]
    fn words_about_outside_senders_stay() {
        assert_eq!(banner(&lines("We should hire an external sender.\n\nBye")), None);
    }

    #[test]
    fn asking_for_discretion_is_no_legal_notice() {
        assert!(!is_legal(
            "This message is confidential, please do not share it with the rest of the team before Monday, thanks a lot."
        ));
        assert!(is_legal(
            "This e-mail and any attachments are confidential and intended solely for the addressee. If you are not the intended recipient, delete it."
        ));
    }

    #[test]
    fn a_rule_is_strokes_only() {
        assert!(is_rule("  -------"));
        assert!(is_rule("*****"));
        assert!(!is_rule("This is not a ------ rule"));
        assert!(!is_rule("..."));
    }
}
