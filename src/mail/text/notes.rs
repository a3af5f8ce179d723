//! The heads that Lotus Notes prints above unmarked history: a name, a date, and headers in one of three layouts.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::headers;
use super::line::Line;
use super::pattern::{any_of, compile};
use super::phrases::Purpose;

/// The headers begin so many lines with text below the date at most: who else sent it, and where answers should go.
const MAX_BEFORE_HEADERS: usize = 4;
/// A table of headers, one cell a line, has so many lines with text at most.
const MAX_TABLE_LINES: usize = 40;
/// A name has so many words at most.
const MAX_NAME_WORDS: usize = 6;

static DATED: LazyLock<Regex> = LazyLock::new(|| compile(r"\d{1,4}[./\-]\d{1,2}[./\-]\d{2,4}\s.*\d{1,2}:\d\d"));
/// Nothing but a date and a time.
static DATE_ALONE: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"(?i)^\s*\d{1,4}[./\-]\d{1,2}[./\-]\d{2,4}\s+\d{1,2}:\d\d(?::\d\d)?(?:\s+[ap]\.?m\.?)?(?:\s+[a-z]{1,4}\d?)?\s*$")
});
static BETWEEN: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"(?i)^\s*(?:please respond to|sent by|gesendet von|bitte antwort an|veuillez répondre à|envoyé par)\b")
});
/// The names To and Subject as cells, without a colon.
static TO_CELL: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"(?i)^\s*{}\s*$", any_of(Purpose::To))));
static SUBJECT_CELL: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"(?i)^\s*{}\s*$", any_of(Purpose::Subject))));

/// The head that begins with this line.
pub(super) fn block(lines: &[Line], start: usize) -> Option<Range<usize>> {
    let first = lines.get(start)?;
    if !first.text.bytes().any(|byte| byte.is_ascii_digit()) {
        let named = is_name(&first.text) && start.checked_sub(1).is_none_or(|above| lines.get(above).is_some_and(Line::is_blank));
        let below = lines.get(start + 1).is_some_and(|line| DATE_ALONE.is_match(&line.text));
        return (named && below).then(|| headers_below(lines, start + 1)).flatten().map(|end| start..end);
    }
    if headers::is_to(&first.text) || headers::is_subject(&first.text) || !DATED.is_match(&first.text) {
        return None;
    }
    headers_below(lines, start).map(|end| start..end)
}

/// `Ann Example`, `Ann Example@ACME`, `Ann Example <ann@acme.example>`.
fn is_name(line: &str) -> bool {
    let line = line.trim();
    (1..=MAX_NAME_WORDS).contains(&line.split_whitespace().count()) && !line.ends_with(['.', '!', '?', ':', ','])
}

/// The end of the headers below the date: To and Subject, with their values or as cells of a table.
fn headers_below(lines: &[Line], dated: usize) -> Option<usize> {
    let mut below = lines.iter().enumerate().skip(dated + 1).filter(|(_, line)| !line.is_blank()).take(MAX_TABLE_LINES);
    let (to, first) = below.by_ref().take(MAX_BEFORE_HEADERS).find(|(_, line)| !BETWEEN.is_match(&line.text))?;
    let in_cells = TO_CELL.is_match(&first.text);
    if !in_cells && !headers::is_to(&first.text) && !headers::is_subject(&first.text) {
        return None;
    }
    let subject =
        below.find(|(_, line)| if in_cells { SUBJECT_CELL.is_match(&line.text) } else { headers::is_subject(&line.text) });
    let first_is_subject = !in_cells && headers::is_subject(&first.text);
    subject.map(|(at, _)| at + 1).or_else(|| first_is_subject.then_some(to + 1))
}

#[cfg(test)]
mod tests {
    use super::{Line, block};

    fn length(text: &str) -> Option<usize> {
        let lines: Vec<Line> = text.lines().map(Line::plain).collect();
        block(&lines, 0).map(|range| range.end)
    }

    #[test]
    fn the_three_layouts_are_known() {
        assert_eq!(length("Ann@ACME on 01/02/2001 10:00:00 AM\nTo:\tBob\ncc:\nSubject:\tPlan\n\nText"), Some(4));
        assert_eq!(length("Ann Example\n01/02/2001 10:00 AM\nTo: Bob\nSubject: Plan"), Some(4));
        assert_eq!(length("Ann <ann@acme.example>\n01/02/2001 10:00\n\nTo\nBob\ncc\n\nSubject\nPlan"), Some(8));
    }

    #[test]
    fn a_date_in_the_text_is_none() {
        assert_eq!(length("We met on 01/02/2001 at 10:00 and talked\nto Bob about it."), None);
        assert_eq!(length("Ann Example\n01/02/2001 10:00 AM\nall quiet"), None);
    }
}
