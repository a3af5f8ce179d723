//! What stands above history that is not marked as a quote: Outlook's block of headers, `-----Original Message-----`, and the
//! line above a forwarded message.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::line::Line;
use super::pattern::{any_of, compile};
use super::phrases::Purpose;

/// A block of headers is so many lines at most: To and Cc may be wrapped over several.
const MAX_LINES: usize = 40;
/// A value is wrapped over so many lines at most.
const MAX_CONTINUATION: usize = 8;
/// The longest name of a header, in bytes.
const MAX_NAME_BYTES: usize = 60;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Header {
    From,
    Sent,
    To,
    Subject,
    Other,
}

static NAMES: LazyLock<BTreeMap<&'static str, Vec<Header>>> = LazyLock::new(|| {
    let mut names: BTreeMap<&'static str, Vec<Header>> = BTreeMap::new();
    let columns = [
        (Purpose::From, Header::From),
        (Purpose::Sent, Header::Sent),
        (Purpose::To, Header::To),
        (Purpose::Subject, Header::Subject),
        (Purpose::OtherHeader, Header::Other),
    ];
    for (purpose, header) in columns {
        for name in purpose.words() {
            names.entry(name).or_default().push(header);
        }
    }
    names
});

/// Headers that no mail program prints above history: the block is raw mail that the author pastes.
static RAW: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)^\s*(?:received|message-id|mime-version|content-type|content-transfer-encoding|return-path|x-[a-z-]+|dkim-signature|list-id|references|in-reply-to)\s*:",
    )
});
/// Above a patch that the author pastes: git's first line, or scissors (git-mailinfo).
static PASTED: LazyLock<Regex> = LazyLock::new(|| compile(r"^>?From [0-9a-f]{40} |^\s*[-=]{1,}.*(?:8<|>8|✂|%<|>%).*[-=]{1,}\s*$"));
static ORIGINAL: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"(?i)^[\s>*_]*[-_=—–]{{2,}}\s*{}\s*[-_=—–]{{2,}}[\s*_:]*$", any_of(Purpose::Original))));
static FORWARDED: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"(?i)^[\s>*_]*[-_=—–]{{2,}}\s*{}", any_of(Purpose::Forwarded))));
static FORWARDED_BARE: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"(?i)^[\s>*_]*{}\s?[:：][\s*_]*$", any_of(Purpose::Forwarded))));
static DATED: LazyLock<Regex> = LazyLock::new(|| compile(r"\d{1,4}[./\-]\d{1,2}[./\-]\d{2,4}\s.*\d{1,2}:\d\d"));

/// `-----Original Message-----` in any language of the table.
pub(super) fn is_original(line: &str) -> bool {
    line.len() < 200 && starts_with_stroke(line) && ORIGINAL.is_match(line)
}

/// `---------- Forwarded message ---------`, `Begin forwarded message:`, and their like.
pub(super) fn is_forwarded(line: &str) -> bool {
    line.len() < 300
        && ((starts_with_stroke(line) && FORWARDED.is_match(line))
            || (line.trim_end().ends_with([':', '：', '*', '_']) && FORWARDED_BARE.is_match(line)))
}

fn starts_with_stroke(line: &str) -> bool {
    line.trim_start_matches(|c: char| c.is_whitespace() || c == '>').starts_with(['-', '_', '=', '—', '–', '*'])
}

/// The block of headers that begins with line `start`: at least three kinds, the author and the subject or an address among
/// them. A title between dashes right above it belongs to it, whatever its language.
pub(super) fn block(lines: &[Line], start: usize) -> Option<Range<usize>> {
    let first = lines.get(start)?;
    if header(&first.text).is_some_and(|kinds| kinds.contains(&Header::From))
        && lines.iter().take(start).rev().take(2).any(|line| PASTED.is_match(&line.text))
    {
        return None;
    }
    if is_dashed_title(&first.text) {
        let below = (start + 1..start + 3).find(|&i| lines.get(i).is_some_and(|line| !line.is_blank()))?;
        return block_at(lines, below).map(|range| start..range.end);
    }
    block_at(lines, start)
}

/// Words between dashes: what an unknown language writes for "original message".
fn is_dashed_title(line: &str) -> bool {
    let line = line.trim().trim_matches(['*', '_']);
    let title = line.trim_matches('-');
    line.len() >= title.len() + 8
        && (2..=MAX_NAME_BYTES).contains(&title.trim().len())
        && title.chars().all(|c| c.is_alphabetic() || " '’.-".contains(c))
        && line.starts_with("---")
        && line.ends_with("---")
}

fn block_at(lines: &[Line], start: usize) -> Option<Range<usize>> {
    let first = header(&lines.get(start)?.text);
    let below = || lines.get(start + 1).or(lines.get(start + 2)).is_some_and(|line| header(&line.text).is_some());
    let lotus = first.is_none() && below() && DATED.is_match(&lines.get(start)?.text);
    if first.is_none() && !lotus {
        return None;
    }
    let (mut seen, mut address, mut end, mut wrapped, mut gap) = (Vec::new(), lotus, start, 0, 0);
    for (i, line) in lines.iter().enumerate().skip(start).take(MAX_LINES) {
        if RAW.is_match(&line.text) {
            return None;
        }
        let found = header(&line.text);
        if line.is_blank() {
            // Some programs put each header into a paragraph of its own; one blank line may stand between two.
            gap += 1;
            if gap > 1 || seen.len() >= 4 {
                break;
            }
        } else if let Some(kinds) = found {
            seen.extend_from_slice(kinds);
            address |= kinds.contains(&Header::From) && line.text.contains('@');
            (end, wrapped, gap) = (i + 1, 0, 0);
        } else if i == start && lotus {
            end = i + 1;
        } else {
            wrapped += 1;
            if gap > 0 || wrapped > MAX_CONTINUATION {
                break;
            }
        }
    }
    let has = |kind: Header| seen.contains(&kind);
    let kinds = [Header::From, Header::Sent, Header::To, Header::Subject].into_iter().filter(|&kind| has(kind)).count();
    let author = (has(Header::From) && (address || has(Header::Subject))) || (lotus && has(Header::To) && has(Header::Subject));
    let enough = kinds >= 3 || (lotus && kinds >= 2);
    (author && enough).then_some(start..end)
}

/// The kinds that the name of this header may stand for: `A:` is To in Italian, `Til:` in Danish.
fn header(line: &str) -> Option<&'static [Header]> {
    let line = line.trim_start_matches(['*', '\t', ' ']);
    let (name, _) = line.split_once([':', '：'])?;
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let name = name.trim_matches(|c: char| c == '*' || c == '_' || c.is_whitespace()).to_lowercase();
    NAMES.get(name.as_str()).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::{Line, block, is_forwarded, is_original};

    fn length(text: &str) -> Option<usize> {
        let lines: Vec<Line> = text.lines().map(Line::plain).collect();
        block(&lines, 0).map(|range| range.end)
    }

    #[test]
    fn headers_of_one_message_are_a_block_in_any_language() {
        assert_eq!(length("From: Ann\nSent: Monday\nTo: Bob\nSubject: Hi\n\nText"), Some(4));
        assert_eq!(length("*Van:* Ann\n*Verzonden:* maandag\n*Aan:* Bob\n*Onderwerp:* Hoi"), Some(4));
        assert_eq!(length("From: Ann <ann@acme.example>\nTo: Bob;\n Cleo;\n Dan\nDate: Monday\nText"), Some(5));
    }

    #[test]
    fn a_journey_and_pasted_raw_mail_are_no_blocks() {
        assert_eq!(length("From: Paris\nTo: London\nDate: Monday"), None);
        assert_eq!(length("From: a@b.example\nTo: c@d.example\nSubject: x\nMessage-ID: <1@b.example>"), None);
        assert_eq!(length("Subject: what I think"), None);
    }

    #[test]
    fn a_pasted_patch_is_no_history() {
        let text = "-- >8 --\nFrom: Ann <ann@acme.example>\nDate: Mon, 1 Jan 2024 10:00:00 +0100\nSubject: [PATCH] fix";
        let lines: Vec<Line> = text.lines().map(Line::plain).collect();
        assert_eq!(block(&lines, 1), None);
    }

    #[test]
    fn titles_between_dashes_are_told_apart() {
        assert!(is_original("-----Ursprüngliche Nachricht-----"));
        assert!(is_forwarded("---------- Forwarded message ---------"));
        assert!(is_forwarded("Begin forwarded message:"));
        assert!(!is_original("We found the original message -- look"));
    }
}
