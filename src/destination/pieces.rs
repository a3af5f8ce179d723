//! A text in pieces that a destination takes, pure.

/// Cuts a text into pieces of at most `first` (the first one) and `rest` characters: between paragraphs where it can,
/// else between lines, else between words, else anywhere. Nothing but white space at the cuts is lost.
pub(super) fn split(text: &str, first: usize, rest: usize) -> Vec<String> {
    let (mut pieces, mut left) = (Vec::new(), text);
    loop {
        let budget = if pieces.is_empty() { first } else { rest }.max(1);
        let Some((limit, _)) = left.char_indices().nth(budget) else {
            pieces.push(left.to_owned());
            return pieces;
        };
        let (head, _) = left.split_at(limit);
        // A cut in the first half would make many small pieces: then the next weaker kind of place is better.
        let cut = ["\n\n", "\n", " "].iter().find_map(|mark| head.rfind(mark).filter(|&at| at >= limit / 2)).unwrap_or(limit);
        let (piece, after) = left.split_at(cut);
        pieces.push(piece.trim_end().to_owned());
        let lines = after.trim_start_matches('\n');
        left = if lines.len() < after.len() { lines } else { after.strip_prefix(' ').unwrap_or(after) };
        if left.is_empty() {
            return pieces;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_hold_the_text_whole_and_keep_their_bound(text in "([a-zä ]{0,12}[\n ]){0,60}[a-z]{1,90}", first in 5_usize..80, rest in 5_usize..80) {
            let pieces = split(&text, first, rest);
            for (n, piece) in pieces.iter().enumerate() {
                let budget = if n == 0 { first } else { rest };
                prop_assert!(piece.chars().count() <= budget);
            }
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&pieces.concat()), squeeze(&text));
        }
    }

    #[test]
    fn a_text_is_cut_between_paragraphs() {
        assert_eq!(split("one two three\n\nfour five", 16, 16), ["one two three", "four five"]);
        assert_eq!(split("short", 16, 16), ["short"]);
    }
}
