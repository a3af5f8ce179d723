//! Text from strangers made harmless for one line: what could break a line, hide, or turn the direction of what follows.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// One line of text: NFC, white space folded to single spaces, without control characters and without the characters
/// that change direction or show nothing; at most `most` characters.
pub(in crate::mail) fn line(text: &str, most: usize) -> String {
    let text = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(text.nfc().collect()),
    };
    let mut out = String::with_capacity(text.len());
    let mut count = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = true;
        } else if !is_hidden(c) {
            let width = if gap && count > 0 { 2 } else { 1 };
            if count + width > most {
                break;
            }
            if width == 2 {
                out.push(' ');
            }
            out.push(c);
            count += width;
            gap = false;
        }
    }
    out
}

/// Control characters, directions (UAX 9), and marks without width. The joiners U+200C and U+200D stay: Persian and
/// emoji are written with them.
pub(in crate::mail) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_folded_normal_and_harmless() {
        assert_eq!(line("  a\r\n\tb  ", 99), "a b");
        assert_eq!(line("u\u{308}\u{202e}fdp.exe\u{0}", 99), "üfdp.exe");
        assert_eq!(line("\u{1f468}\u{200d}\u{1f469}", 99), "\u{1f468}\u{200d}\u{1f469}");
        assert_eq!(line("a b c", 3), "a b");
    }
}
