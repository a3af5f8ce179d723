//! Encoded words (RFC 2047). Neighbours are joined before they are decoded, since mailers cut characters in two; what
//! they decode to is text and nothing else: it cannot add an address or a header.

use std::borrow::Cow;

use super::charset;
use super::notes::Notes;
use super::transfer;

/// A piece of a header value.
enum Piece<'t> {
    /// As written.
    Written(&'t str),
    /// A run of encoded words, decoded.
    Decoded(String),
}

/// A header value as one line of text: eight-bit bytes decoded, folds undone.
pub(super) fn unfolded<'x>(value: &'x [u8], notes: &mut Notes) -> Cow<'x, str> {
    let text = match std::str::from_utf8(value) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(charset::decode(value, None, notes)),
    };
    if text.contains(['\r', '\n', '\0']) {
        return Cow::Owned(text.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')).collect());
    }
    text
}

/// Decodes the encoded words of an unstructured value.
pub(super) fn decoded<'t>(text: &'t str, notes: &mut Notes) -> Cow<'t, str> {
    if !text.contains("=?") {
        return Cow::Borrowed(text);
    }
    let pieces = pieces(text, notes).into_iter().map(|piece| match piece {
        Piece::Written(text) => Cow::Borrowed(text),
        Piece::Decoded(text) => Cow::Owned(text),
    });
    Cow::Owned(pieces.collect())
}

/// Writes each run of encoded words as one word in UTF-8, so that a parser of the structure around it sees one atom.
pub(super) fn joined<'t>(text: &'t str, notes: &mut Notes) -> Cow<'t, str> {
    if !text.contains("=?") {
        return Cow::Borrowed(text);
    }
    let pieces = pieces(text, notes).into_iter().map(|piece| match piece {
        Piece::Written(text) => Cow::Borrowed(text),
        Piece::Decoded(text) => {
            let hex: String = text.bytes().map(|byte| format!("={byte:02X}")).collect();
            Cow::Owned(format!("=?utf-8?Q?{hex}?="))
        }
    });
    Cow::Owned(pieces.collect())
}

/// One encoded word, taken apart.
struct Word<'t> {
    charset: &'t str,
    encoding: &'t str,
    data: &'t str,
}

/// The pieces of a value; white space between two encoded words belongs to neither (RFC 2047 6.2).
fn pieces<'t>(text: &'t str, notes: &mut Notes) -> Vec<Piece<'t>> {
    let mut pieces = Vec::new();
    let mut run: Vec<Word<'t>> = Vec::new();
    let mut rest = text;
    let mut written = 0;
    while let Some(start) = rest.get(written..).and_then(|tail| tail.find("=?")).map(|found| found + written) {
        let Some((word, length)) = rest.get(start..).and_then(read_word) else {
            written = start + 2;
            continue;
        };
        let before = rest.get(..start).unwrap_or_default();
        if run.is_empty() || !before.trim().is_empty() {
            flush(&mut run, &mut pieces, notes);
            pieces.push(Piece::Written(before));
        }
        run.push(word);
        rest = rest.get(start + length..).unwrap_or_default();
        written = 0;
    }
    flush(&mut run, &mut pieces, notes);
    pieces.push(Piece::Written(rest));
    pieces
}

/// Reads `=?charset*language?encoding?data?=` at the start of a text, and its length.
fn read_word(text: &str) -> Option<(Word<'_>, usize)> {
    let inner = text.strip_prefix("=?")?;
    let (charset, tail) = inner.split_once('?')?;
    let (encoding, tail) = tail.split_once('?')?;
    let known = matches!(encoding, "q" | "Q" | "b" | "B") && !charset.is_empty() && !charset.contains(char::is_whitespace);
    if !known {
        return None;
    }
    let (data, tail) = tail.split_once("?=")?;
    let charset = charset.split_once('*').map_or(charset, |(charset, _)| charset);
    Some((Word { charset, encoding, data }, text.len() - tail.len()))
}

/// Decodes a run: the bytes of neighbours in one charset are joined first.
fn flush<'t>(run: &mut Vec<Word<'t>>, pieces: &mut Vec<Piece<'t>>, notes: &mut Notes) {
    if run.is_empty() {
        return;
    }
    let mut text = String::new();
    for group in run.chunk_by(|left, right| left.charset.eq_ignore_ascii_case(right.charset)) {
        let bytes: Vec<u8> = group.iter().flat_map(word_bytes).collect();
        text.push_str(&charset::decode(&bytes, group.first().map(|word| word.charset), notes));
    }
    run.clear();
    pieces.push(Piece::Decoded(text));
}

fn word_bytes(word: &Word<'_>) -> Vec<u8> {
    if word.encoding.eq_ignore_ascii_case("b") {
        return transfer::base64(word.data.as_bytes()).0;
    }
    transfer::quoted_printable(word.data.replace('_', " ").as_bytes(), transfer::LineEnds::InWord)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        let mut notes = Notes::default();
        decoded(&unfolded(value.as_bytes(), &mut notes), &mut notes).into_owned()
    }

    #[test]
    fn words_decode_and_the_space_between_them_is_nothing() {
        assert_eq!(text("=?utf-8?Q?a_b?= =?utf-8?q?c?= d"), "a bc d");
        assert_eq!(text("x =?iso-8859-1?Q?=E4?=\r\n =?utf-8?B?w7Y=?= y"), "x äö y");
        assert_eq!(text("=?utf-8*de?Q?=C3=BC?="), "ü");
    }

    #[test]
    fn a_character_cut_in_two_is_whole_again() {
        assert_eq!(text("=?utf-8?B?w?= =?utf-8?B?6Q==?="), "é");
        assert_eq!(text("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?="), "é");
    }

    #[test]
    fn what_is_no_word_stays_as_it_is() {
        for value in ["=?", "a =?b", "=?utf-8?X?a?=", "=??Q?a?=", "2 =? 3 ?= 4"] {
            assert_eq!(text(value), value);
        }
    }

    #[test]
    fn a_decoded_word_stays_one_atom() {
        let mut notes = Notes::default();
        assert_eq!(joined("=?utf-8?Q?a=2C_b?= <x@y>", &mut notes), "=?utf-8?Q?=61=2C=20=62?= <x@y>");
    }
}
