//! Encoded words (RFC 2047). Neighbours are joined before they are decoded, since mailers cut characters in two; what
//! they decode to is text and nothing else: it cannot add an address or a header.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem};

use super::charset;
use super::notes::Notes;
use super::transfer;

/// A piece of a header value.
enum Piece<'v> {
    /// As written.
    Written(&'v [u8]),
    /// A run of encoded words, decoded.
    Decoded(String),
}

/// A header value as text in one line, as written. Eight-bit bytes are UTF-8 (RFC 6532), or they are guessed.
pub(super) fn written<'v>(value: &'v [u8], notes: &mut Notes) -> Cow<'v, str> {
    let text = match unfolded(value) {
        Cow::Borrowed(line) => text_of(line, notes),
        Cow::Owned(line) => Cow::Owned(text_of(&line, notes).into_owned()),
    };
    if memchr(b'\0', text.as_bytes()).is_some() { Cow::Owned(text.replace('\0', "")) } else { text }
}

fn text_of<'v>(line: &'v [u8], notes: &mut Notes) -> Cow<'v, str> {
    match std::str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(charset::decode(line, None, notes)),
    }
}

/// A header value without the line ends of its folds: before anything is decoded, since in some charsets their bytes are
/// halves of characters, and the same mail has other ones elsewhere.
fn unfolded(value: &[u8]) -> Cow<'_, [u8]> {
    match memchr2(b'\r', b'\n', value) {
        Some(_) => Cow::Owned(value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()),
        None => Cow::Borrowed(value),
    }
}

/// A header value in one line with its encoded words decoded.
pub(super) fn decoded<'v>(value: &'v [u8], notes: &mut Notes) -> Cow<'v, str> {
    if memmem::find(value, b"=?").is_none() {
        return written(value, notes);
    }
    let mut text = String::with_capacity(value.len());
    for piece in pieces(&unfolded(value), notes) {
        match piece {
            Piece::Written(bytes) => text.push_str(&written(bytes, notes)),
            Piece::Decoded(decoded) => text.push_str(&decoded),
        }
    }
    Cow::Owned(text)
}

/// A header value in one line, each run of encoded words as one word in UTF-8, so that a parser of the structure around
/// it sees one atom.
pub(super) fn joined<'v>(value: &'v [u8], notes: &mut Notes) -> Cow<'v, str> {
    if memmem::find(value, b"=?").is_none() {
        return written(value, notes);
    }
    let mut text = String::with_capacity(value.len());
    for piece in pieces(&unfolded(value), notes) {
        match piece {
            Piece::Written(bytes) => text.push_str(&written(bytes, notes)),
            Piece::Decoded(decoded) => {
                let hex: String = decoded.bytes().map(|byte| format!("={byte:02X}")).collect();
                text.push_str(&format!("=?utf-8?Q?{hex}?="));
            }
        }
    }
    Cow::Owned(text)
}

/// One encoded word, taken apart.
struct Word<'v> {
    charset: &'v str,
    is_base64: bool,
    data: &'v [u8],
}

/// The pieces of a value; white space between two encoded words belongs to neither (RFC 2047 6.2).
fn pieces<'v>(value: &'v [u8], notes: &mut Notes) -> Vec<Piece<'v>> {
    let mut pieces = Vec::new();
    let mut run: Vec<Word<'v>> = Vec::new();
    // Behind the last end of a word there is none: without this a value of nothing but beginnings takes its square in time.
    let (mut rest, behind) = value.split_at_checked(memmem::rfind(value, b"?=").map_or(0, |end| end + 2)).unwrap_or((value, &[]));
    let mut searched = 0;
    while let Some(found) = rest.get(searched..).and_then(|tail| memmem::find(tail, b"=?")) {
        let start = searched + found;
        let (before, tail) = rest.split_at_checked(start).unwrap_or((rest, &[]));
        let Some((word, after)) = read_word(tail) else {
            searched = start + 2;
            continue;
        };
        if run.is_empty() || !before.trim_ascii().is_empty() {
            flush(&mut run, &mut pieces, notes);
            pieces.push(Piece::Written(before));
        }
        run.push(word);
        (rest, searched) = (after, 0);
    }
    flush(&mut run, &mut pieces, notes);
    pieces.push(Piece::Written(rest));
    pieces.push(Piece::Written(behind));
    pieces
}

/// Reads `=?charset*language?encoding?data?=` at the start of a value, and what follows it.
fn read_word(value: &[u8]) -> Option<(Word<'_>, &[u8])> {
    let inner = value.strip_prefix(b"=?")?;
    let (charset, tail) = split_at_mark(inner)?;
    let (encoding, tail) = split_at_mark(tail)?;
    let charset = std::str::from_utf8(charset).ok()?;
    let is_base64 = encoding.eq_ignore_ascii_case(b"b");
    if charset.is_empty() || charset.contains(char::is_whitespace) || !(is_base64 || encoding.eq_ignore_ascii_case(b"q")) {
        return None;
    }
    let (data, end) = tail.split_at_checked(memmem::find(tail, b"?=")?)?;
    let charset = charset.split_once('*').map_or(charset, |(charset, _)| charset);
    Some((Word { charset, is_base64, data }, end.strip_prefix(b"?=")?))
}

fn split_at_mark(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, after) = bytes.split_at_checked(memchr(b'?', bytes)?)?;
    Some((before, after.strip_prefix(b"?")?))
}

/// Decodes a run: the bytes of neighbours in one charset are joined first.
fn flush<'v>(run: &mut Vec<Word<'v>>, pieces: &mut Vec<Piece<'v>>, notes: &mut Notes) {
    if run.is_empty() {
        return;
    }
    let mut text = String::new();
    for group in run.chunk_by(|left, right| left.charset.eq_ignore_ascii_case(right.charset)) {
        text.push_str(&charset::decode(&group_bytes(group), group.first().map(|word| word.charset), notes));
    }
    run.clear();
    pieces.push(Piece::Decoded(text));
}

/// The bytes of neighbours in one charset. Base64 that was cut within a group of four goes on in the next word.
fn group_bytes(group: &[Word<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut base64 = Vec::new();
    for (i, word) in group.iter().enumerate() {
        if !word.is_base64 {
            bytes.extend(word_bytes(word));
            continue;
        }
        base64.extend_from_slice(word.data);
        let goes_on = base64.len() % 4 != 0 && !base64.ends_with(b"=") && group.get(i + 1).is_some_and(|next| next.is_base64);
        if !goes_on {
            bytes.extend(transfer::base64(&base64).0);
            base64.clear();
        }
    }
    bytes
}

fn word_bytes(word: &Word<'_>) -> Vec<u8> {
    let spaced: Vec<u8> = word.data.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
    transfer::quoted_printable(&spaced, transfer::LineEnds::InWord)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> String {
        decoded(value.as_bytes(), &mut Notes::default()).into_owned()
    }

    #[test]
    fn words_decode_and_the_space_between_them_is_nothing() {
        assert_eq!(text("=?utf-8?Q?a_b?= =?utf-8?q?c?= d"), "a bc d");
        assert_eq!(text("x =?iso-8859-1?Q?=E4?=\r\n =?utf-8?B?w7Y=?= y"), "x äö y");
        assert_eq!(text("=?utf-8*de?Q?=C3=BC?="), "ü");
    }

    #[test]
    fn a_character_cut_in_two_is_whole_again() {
        assert_eq!(text("=?utf-8?B?w?= =?utf-8?B?6k=?="), "é");
        assert_eq!(text("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?="), "é");
        assert_eq!(text("=?utf-8?B?ww==?=\r\n =?UTF-8?Q?=A9_x?="), "é x");
        assert_eq!(text("=?utf-8?B?w?=\r\n =?utf-8?B?6nDqQ==?="), "éé", "base64 cut within a group");
        assert_eq!(text("=?gb2312?B?1tA=?=\r\n\t=?gb2312?Q?=CE=C4?="), "中文");
        assert_eq!(text("=?iso-2022-jp?B?GyRCJUYbKEI=?=\r\n =?ISO-2022-JP?B?GyRCJTkbKEI=?="), "テス");
    }

    #[test]
    fn eight_bit_bytes_in_a_word_are_of_its_charset() {
        assert_eq!(decoded(b"=?iso-8859-2?Q?_\xb1?=", &mut Notes::default()), " ą");
    }

    #[test]
    fn a_fold_is_gone_before_anything_is_decoded() {
        for fold in ["\n ", "\r\n "] {
            assert_eq!(text(&format!("=?utf-8?Q?a{fold}b?=")), "a b");
            assert_eq!(decoded(format!("\u{feff}\u{e4}{fold}b").as_bytes(), &mut Notes::default()), "\u{feff}\u{e4} b");
            let utf_16 = [b"\xff\xfea".as_slice(), fold.as_bytes(), b"bcd"].concat();
            assert_eq!(written(&utf_16, &mut Notes::default()), "\u{2061}\u{6362}\u{fffd}");
        }
    }

    #[test]
    fn what_is_no_word_stays_as_it_is() {
        for value in ["=?", "a =?b", "=?utf-8?X?a?=", "=??Q?a?=", "2 =? 3 ?= 4"] {
            assert_eq!(text(value), value);
        }
    }

    #[test]
    fn a_decoded_word_stays_one_atom() {
        assert_eq!(joined(b"=?utf-8?Q?a=2C_b?= <x@y>", &mut Notes::default()), "=?utf-8?Q?=61=2C=20=62?= <x@y>");
    }
}
