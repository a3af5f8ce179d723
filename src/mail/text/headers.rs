//! What stands above history that is not marked as a quote: Outlook's block of headers, `-----Original Message-----`, and the
//! line above a forwarded message.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::line::Line;
use super::notes;
use super::pattern::{any_of, compile};
use super::phrases::Purpose;

/// A block of headers is so many lines at most: To and Cc may be wrapped over several.
const MAX_LINES: usize = 40;
/// A value is wrapped over so many lines at most.
const MAX_CONTINUATION: usize = 8;
/// A date has so many digits at least: day, year and time.
const MIN_DATE_DIGITS: usize = 6;
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
/// One large provider writes its spaces as entities, and its title in one word between long strokes.
static ORIGINAL: LazyLock<Regex> = LazyLock::new(|| {
    let title = any_of(Purpose::Original);
    compile(&format!(
        r"(?i)^[\s>*_]*[-_=—–]{{2,}}(?:\s|&nbsp;)*{title}(?:\s|&nbsp;)*[-_=—–]{{2,}}[\s*_:]*$|^\s*-{{10,}}(?:\s|&nbsp;)*original(?:\s|&nbsp;)*-{{10,}}\s*$"
    ))
});
/// A name and a value, in any language.
static PAIR: LazyLock<Regex> = LazyLock::new(|| compile(r"^[\s*_]*\p{L}[\p{L}\p{M} .'’-]{0,30}[\s*_]*[:：][\s*_]*\S"));
static FORWARDED: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"(?i)^[\s>*_]*[-_=—–]{{2,}}\s*{}", any_of(Purpose::Forwarded))));
static FORWARDED_BARE: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"(?i)^[\s>*_]*{}\s?[:：][\s*_]*$", any_of(Purpose::Forwarded))));

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
    if is_dashed_title(&first.text) {
        let below = (start + 1..start + 3).find(|&i| lines.get(i).is_some_and(|line| !line.is_blank()))?;
        return block_at(lines, below).or_else(|| any_block(lines, below)).map(|range| start..range.end);
    }
    if header(&first.text).is_some_and(|kinds| kinds.contains(&Header::From)) && is_pasted(lines, start) {
        return None;
    }
    notes::block(lines, start).or_else(|| block_at(lines, start))
}

/// Raw mail or a patch stands right above: the author shows it.
fn is_pasted(lines: &[Line], start: usize) -> bool {
    let above = || lines.iter().take(start).rev();
    above().take(2).any(|line| PASTED.is_match(&line.text))
        || above().take(MAX_LINES).take_while(|line| !line.is_blank()).any(|line| RAW.is_match(&line.text))
}

/// Below a title between dashes: three lines of a name and a value, one of them with an address, in whatever language.
fn any_block(lines: &[Line], start: usize) -> Option<Range<usize>> {
    let pairs = lines.iter().skip(start).take(MAX_LINES).take_while(|line| PAIR.is_match(&line.text)).count();
    let address = lines.iter().skip(start).take(pairs).any(|line| line.text.contains('@'));
    (pairs >= 3 && address).then_some(start..start + pairs)
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

/// The headers that begin with this line.
pub(super) fn block_at(lines: &[Line], start: usize) -> Option<Range<usize>> {
    header(&lines.get(start)?.text)?;
    let (mut seen, mut address, mut end, mut wrapped, mut gap) = (Vec::new(), false, start, 0, 0);
    for (i, line) in lines.iter().enumerate().skip(start).take(MAX_LINES) {
        if RAW.is_match(&line.text) {
            return None;
        }
        if line.is_blank() {
            // Some programs put each header into a paragraph of its own; one blank line may stand between two.
            gap += 1;
            if gap > 1 || seen.len() >= 4 {
                break;
            }
        } else if let Some(kinds) = header(&line.text) {
            if i > start && kinds == [Header::From] && seen.contains(&Header::From) {
                break;
            }
            seen.extend_from_slice(kinds);
            address |= kinds.contains(&Header::From) && line.text.contains('@');
            (end, wrapped, gap) = (i + 1, 0, 0);
        } else {
            // A date under a name that the table lacks.
            if PAIR.is_match(&line.text) && line.text.bytes().filter(u8::is_ascii_digit).count() >= MIN_DATE_DIGITS {
                seen.push(Header::Sent);
            }
            wrapped += 1;
            if gap > 0 || wrapped > MAX_CONTINUATION {
                break;
            }
        }
    }
    let has = |kind: Header| seen.contains(&kind);
    let kinds = [Header::From, Header::Sent, Header::To, Header::Subject].into_iter().filter(|&kind| has(kind)).count();
    // Without a date it is a form or a journey: every program prints when the message was sent.
    let author = has(Header::From) && has(Header::Sent) && (address || has(Header::Subject));
    (author && kinds >= 3).then_some(start..end)
}

/// Is this the header To, as a line of its own or with its value?
pub(super) fn is_to(line: &str) -> bool {
    header(line).is_some_and(|kinds| kinds.contains(&Header::To))
}

/// Is this the header Subject?
pub(super) fn is_subject(line: &str) -> bool {
    header(line).is_some_and(|kinds| kinds.contains(&Header::Subject))
}

/// The kinds that the name of this header may stand for: `A:` is To in Italian, `Til:` in Danish. In lower case it is a
/// setting of some program; only copies are printed so.
fn header(line: &str) -> Option<&'static [Header]> {
    let line = line.trim_start_matches(['*', '\t', ' ']);
    let (name, _) = line.split_once([':', '：'])?;
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let name = name.trim_matches(|c: char| c == '*' || c == '_' || c.is_whitespace());
    let setting = name.starts_with(char::is_lowercase);
    NAMES.get(name.to_lowercase().as_str()).map(Vec::as_slice).filter(|kinds| !setting || !kinds.contains(&Header::From))
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
