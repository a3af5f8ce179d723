//! Turns of a talk that stand in nobody's mailbox but in a quotation: what a message quotes, and no other message of its
//! thread says.
//!
//! Texts are compared by *shingles*, runs of four words without case, punctuation and line ends: a quotation is wrapped
//! anew, indented and cut, and the words stay. Only what is marked as a quotation, or stands below the headers of an
//! embedded mail, is a turn; signatures, banners and notices are none.

use std::collections::BTreeSet;

use super::id::Digest;

/// Words of a shingle: enough to be nobody else's, few enough for short sentences.
const SHINGLE_WORDS: usize = 4;
/// Words that a paragraph has at least to be looked at: a greeting and a name are said by everyone.
const PARAGRAPH_WORDS: usize = 8;
/// A paragraph is unknown where at most one in so many of its shingles is known.
const KNOWN_SHARE: usize = 4;
/// Shingles of one thread that are kept, about 10 MB. In a longer thread nothing is recovered any more.
const MOST_SHINGLES: usize = 250_000;
/// Lines of a hidden text that are looked at: a digest of a busy list has a few thousand.
const MOST_LINES: usize = 20_000;
/// Lines that the headers of an embedded mail have at most, with all recipients of a large one.
const MOST_HEADER_LINES: usize = 30;
/// Lines in a row that the headers of an embedded mail have at least: From, a date, and To or Subject.
const HEADER_LINES: usize = 3;

/// What is said in a thread already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    shingles: BTreeSet<u64>,
    is_cut: bool,
}

impl Said {
    /// Adds a text.
    pub fn add(&mut self, text: &str) {
        for shingle in shingles(&words(text)) {
            if self.shingles.len() >= MOST_SHINGLES {
                self.is_cut = true;
                return;
            }
            self.shingles.insert(shingle);
        }
    }

    /// Whether a paragraph is said nowhere. A paragraph of few words says nothing of its own.
    fn lacks(&self, paragraph: &str) -> bool {
        let words = words(paragraph);
        if words.len() < PARAGRAPH_WORDS || self.is_cut {
            return false;
        }
        let shingles = shingles(&words);
        let known = shingles.iter().filter(|shingle| self.shingles.contains(shingle)).count();
        known * KNOWN_SHARE <= shingles.len()
    }
}

/// Some lines of a hidden text: a place that stays the same whatever is known of the thread later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Lines {
    /// The first, from 0.
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// The lines of a hidden text that hold turns which nobody said, from the first to the last of them, with the line or the
/// headers that say whose they are. `None` where there are none.
pub fn unsaid(hidden: &str, said: &Said) -> Option<Lines> {
    let lines: Vec<&str> = hidden.lines().take(MOST_LINES).collect();
    let turns = turns(&lines);
    let mut range: Option<(usize, usize)> = None;
    let mut start = 0;
    while start < lines.len() {
        let depth_of = |index: usize| lines.get(index).map(|line| depth(line));
        let ends = |index: &usize| {
            !turns.get(*index).copied().unwrap_or(false) || is_blank(lines.get(*index)) || depth_of(*index) != depth_of(start)
        };
        let end = (start..lines.len()).find(ends).unwrap_or(lines.len());
        if end == start {
            start += 1;
            continue;
        }
        let paragraph = lines.get(start..end).unwrap_or_default().join(" ");
        if said.lacks(&paragraph) {
            range = Some((range.map_or(start, |(first, _)| first), end));
        }
        start = end;
    }
    let (first, end) = range?;
    let first = first.saturating_sub(introduction(&lines, first));
    Some(Lines { first: u32::try_from(first).ok()?, count: u32::try_from(end - first).ok()? })
}

/// The text of these lines, at most so many characters of it.
pub fn quotation(hidden: &str, lines: Lines, most: usize) -> String {
    let first = usize::try_from(lines.first).unwrap_or(usize::MAX);
    let count = usize::try_from(lines.count).unwrap_or_default();
    let text = hidden.lines().skip(first).take(count).collect::<Vec<_>>().join("\n");
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Which lines belong to a turn: quoted ones, and those below the headers of an embedded mail.
fn turns(lines: &[&str]) -> Vec<bool> {
    let mut turns = vec![false; lines.len()];
    let mut is_embedded = false;
    let mut headers_end = 0;
    for (index, turn) in turns.iter_mut().enumerate() {
        let block = if index >= headers_end { header_block(lines, index) } else { 0 };
        if block >= HEADER_LINES {
            (is_embedded, headers_end) = (true, index + block);
        }
        let is_quoted = lines.get(index).is_some_and(|line| depth(line) > 0);
        *turn = is_quoted || (is_embedded && index >= headers_end);
    }
    turns
}

/// The length of the block of headers that begins with this line: short words with a colon, one of the first with an
/// address or a name behind it, in any language.
fn header_block(lines: &[&str], start: usize) -> usize {
    let is_header = |line: &&&str| {
        let line = line.trim_start_matches(['>', ' ', '*']);
        let colon = line.find([':', '：']).filter(|colon| *colon > 0);
        let name = colon.and_then(|colon| line.get(..colon)).unwrap_or_default().trim_matches(['*', ' ']);
        let is_name =
            !name.is_empty() && name.chars().count() <= 20 && name.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '-'));
        is_name && line.len() > name.len() + 1
    };
    let block = lines.get(start..).unwrap_or_default().iter().take(MOST_HEADER_LINES).take_while(is_header).count();
    let text = lines.get(start..start + block.min(8)).unwrap_or_default().concat();
    let has_clock = text.as_bytes().windows(3).any(|part| matches!(part, [b'0'..=b'9', b':', b'0'..=b'9']));
    if has_clock { block } else { 0 }
}

/// How many lines before a turn say whose it is: an attribution that ends in a colon, or a block of headers.
fn introduction(lines: &[&str], first: usize) -> usize {
    let before = lines.get(..first).unwrap_or_default();
    let blank = before.iter().rev().take_while(|line| line.trim_matches(['>', ' ']).is_empty()).count();
    let mut up = before.iter().rev().skip(blank).peekable();
    let is_attribution = up.peek().is_some_and(|line| line.trim_end().ends_with([':', '：']));
    if is_attribution {
        // Programs break a long attribution in two.
        let lines = up.take(2).take_while(|line| !line.trim().is_empty()).count();
        return blank + lines;
    }
    let most = blank + 12;
    (blank + 1..=most.min(first))
        .rev()
        .find(|back| header_block(lines, first - back) >= (back - blank).max(HEADER_LINES))
        .unwrap_or(0)
}

fn depth(line: &str) -> usize {
    line.chars().take_while(|c| matches!(c, '>' | ' ')).filter(|c| *c == '>').count()
}

fn is_blank(line: Option<&&str>) -> bool {
    line.is_none_or(|line| line.trim_matches(['>', ' ']).is_empty())
}

fn words(text: &str) -> Vec<String> {
    let is_gap = |c: char| !c.is_alphanumeric();
    text.split(is_gap).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn shingles(words: &[String]) -> Vec<u64> {
    let digest = |words: &[String]| {
        let fields: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        Digest::of_fields(&fields).as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    };
    words.windows(SHINGLE_WORDS).map(digest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: &str = "On Mon, 1 Mar 2021 at 08:00, Bob <b@y.example>\nwrote:\n\n> Shall we row or drift on Friday, and who\n> brings the oars along this time?\n>\n>> The river is high this week, so better take the large boat with you.\n\n-- \nAnn Lee of Acme Limited, sales and service, every day from nine to five\n";

    fn recovered(hidden: &str, said: &[&str]) -> Option<String> {
        let mut known = Said::default();
        said.iter().for_each(|text| known.add(text));
        unsaid(hidden, &known).map(|lines| quotation(hidden, lines, 3_000))
    }

    const BOB: &str = "Shall we row or drift on Friday,\nand who brings the oars\nalong this time?\n\nBob";
    const RIVER: &str = "The river is high this week, so better take the large boat with you.";

    #[test]
    fn a_turn_that_nobody_said_is_recovered_with_whose_it_is() {
        let all = recovered(HIDDEN, &["Yes."]).unwrap();
        assert!(all.starts_with("On Mon, 1 Mar") && all.ends_with("large boat with you."), "{all}");
        assert_eq!(
            recovered(HIDDEN, &[BOB]).as_deref(),
            Some(">> The river is high this week, so better take the large boat with you.")
        );
        let bob = recovered(HIDDEN, &[RIVER]).unwrap();
        assert!(bob.starts_with("On Mon") && bob.ends_with("this time?"), "{bob}");
    }

    #[test]
    fn what_the_thread_says_already_stays_hidden_however_it_was_wrapped() {
        assert_eq!(recovered(HIDDEN, &[BOB, RIVER]), None);
        assert_eq!(recovered("> Thanks, Bob!\n> See you.\n", &[]), None, "too short to be anybody's");
        assert_eq!(recovered("", &[]), None);
    }

    #[test]
    fn signatures_and_notices_are_no_turns() {
        let notice = "-- \nAnn Lee of Acme Limited, sales and service, every day from nine to five, or by appointment only\n";
        assert_eq!(recovered(notice, &[]), None);
    }

    #[test]
    fn what_stands_below_the_headers_of_an_embedded_mail_is_a_turn() {
        for headers in [
            "From: Bob <b@y.example>\nSent: Monday, March 1, 2021 8:00 AM\nTo: Ann\nSubject: plan\n",
            "*Von:* Bob\n*Gesendet:* Montag, 1. März 2021 08:00\n*An:* Ann\n*Betreff:* plan\n",
        ] {
            let hidden = format!("________________________________\n{headers}\n{BOB}\n");
            let turn = recovered(&hidden, &[]).unwrap();
            assert!(turn.starts_with(headers.split(' ').next().unwrap()) && turn.contains("oars"), "{turn}");
            assert_eq!(recovered(&hidden, &[BOB]), None);
        }
    }

    #[test]
    fn a_thread_without_end_recovers_nothing_and_a_long_turn_is_cut() {
        let mut said = Said::default();
        said.add(&(0..MOST_SHINGLES + 10).map(|n| format!("w{n} ")).collect::<String>());
        assert_eq!(unsaid(HIDDEN, &said), None);
        let long = "> one two three four five six seven eight nine\n".repeat(MOST_LINES + 5);
        let lines = unsaid(&long, &Said::default()).unwrap();
        assert!(lines.count as usize <= MOST_LINES);
        assert_eq!(quotation(&long, lines, 100).chars().count(), 100);
    }
}
