//! Characters and lines: what cannot be seen goes, what shows as space becomes a space, blank lines never pile up.

use std::ops::Range;

/// Drops what a reader cannot see or must not obey: control characters, zero-width characters, direction overrides,
/// noncharacters. Kinds of line end become `\n`, kinds of space a space.
pub(super) fn characters(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut before = '\n';
    while let Some(c) = rest.next() {
        let kept = match c {
            '\r' if rest.peek() == Some(&'\n') => None,
            '\r' | '\u{0085}' | '\u{2028}' | '\u{2029}' => Some('\n'),
            '\u{00a0}' | '\u{2007}' | '\u{202f}' => Some(' '),
            '\u{200c}' | '\u{200d}' => rest.peek().is_some_and(|&after| joins(before, after)).then_some(c),
            _ => (!invisible(c)).then_some(c),
        };
        if let Some(c) = kept {
            clean.push(c);
            before = c;
        }
    }
    clean
}

/// A joiner means something only between two visible characters of a script that joins, or of an emoji (U+200D).
fn joins(before: char, after: char) -> bool {
    let seen = |c: char| !c.is_ascii() && !c.is_whitespace() && !invisible(c) && !matches!(c, '\u{200c}' | '\u{200d}');
    seen(before) && seen(after)
}

fn invisible(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => true,
        // Zero-width and direction marks, embeddings and overrides, invisible operators, isolates (UAX 9, UTR 36).
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        // Noncharacters, interlinear annotation, language tags.
        '\u{fdd0}'..='\u{fdef}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => c.is_control(),
    }
}

/// Joins lines: no trailing white space, at most one blank line in a row, none at either end.
pub(super) fn join<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    join_marked(lines.map(|line| (line, Mark::Plain))).0
}

/// Whether a line belongs to the runs that [`join_marked`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Plain,
    Marked,
}

/// The same, with where the runs of marked lines ended up: their bytes, line end included. Blank lines do not part a run.
pub(super) fn join_marked<'a>(lines: impl Iterator<Item = (&'a str, Mark)>) -> (String, Vec<Range<usize>>) {
    let mut text = String::new();
    let mut runs: Vec<Range<usize>> = Vec::new();
    let (mut gap, mut open) = (false, false);
    for (line, mark) in lines {
        let line = line.trim_end();
        if line.is_empty() {
            gap = true;
            continue;
        }
        if gap && !text.is_empty() {
            text.push('\n');
        }
        gap = false;
        let start = text.len();
        text.push_str(line);
        text.push('\n');
        match (mark, runs.last_mut()) {
            (Mark::Marked, Some(run)) if open => run.end = text.len(),
            (Mark::Marked, _) => runs.push(start..text.len()),
            (Mark::Plain, _) => {}
        }
        open = mark == Mark::Marked;
    }
    (text, runs)
}

#[cfg(test)]
mod tests {
    use super::{Mark, characters, join, join_marked};

    #[test]
    fn direction_overrides_and_zero_width_characters_are_dropped() {
        assert_eq!(characters("a\u{202e}gpj.exe\u{200b}\u{feff}\u{2066}b\u{0}\u{7}"), "agpj.exeb");
    }

    #[test]
    fn joiners_stay_where_they_join() {
        let family = "👩\u{200d}👧 می\u{200c}خواهم";
        assert_eq!(characters(family), family);
        assert_eq!(characters("a\u{200c} \u{200d}b \u{200c}\u{a0}\u{200c}"), "a b  ");
    }

    #[test]
    fn every_kind_of_line_end_is_one() {
        assert_eq!(characters("a\r\nb\rc\u{2028}d"), "a\nb\nc\nd");
    }

    #[test]
    fn blank_lines_never_pile_up() {
        assert_eq!(join(["", " ", "a  ", "", "\t", "", "b", ""].into_iter()), "a\n\nb\n");
        assert_eq!(join(["", ""].into_iter()), "");
    }

    #[test]
    fn runs_of_marked_lines_are_found_again() {
        let lines = [
            ("", Mark::Plain),
            ("> a", Mark::Marked),
            ("", Mark::Plain),
            ("> b", Mark::Marked),
            ("c", Mark::Plain),
            ("> d", Mark::Marked),
        ];
        let (text, runs) = join_marked(lines.into_iter());
        let found: Vec<&str> = runs.into_iter().filter_map(|run| text.get(run)).collect();
        assert_eq!(found, ["> a\n\n> b\n", "> d\n"]);
    }
}
