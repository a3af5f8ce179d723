//! Text in which nothing acts unseen: what commands, hides, or turns the direction of what follows (UAX 9) may reach no
//! reader.

fn acts_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Demands one line in which nothing acts unseen.
#[track_caller]
pub(crate) fn one_harmless_line(what: &str, text: &str) {
    assert!(!text.contains(acts_unseen), "{what} holds what acts unseen: {text:?}");
}
