//! Bytes → text, by the label that the mail gives, the labels of real mail included; where the label is missing or
//! wrong, by what the bytes look like.

use std::borrow::Cow;

use encoding_rs::{Encoding, GBK, ISO_2022_JP, REPLACEMENT, SHIFT_JIS, UTF_8, WINDOWS_1252};

use super::guarded;
use super::notes::Notes;

/// Decodes text. Never fails; what had to be guessed or could not be decoded is noted.
pub(in crate::mail) fn decode(bytes: &[u8], label: Option<&str>, notes: &mut Notes) -> String {
    let label = label.map(|label| label.trim().trim_matches(['"', '\'']).to_ascii_lowercase()).unwrap_or_default();
    match label.as_str() {
        "utf-8" | "utf8" => decode_utf8(bytes, notes),
        "cp932" | "x-cp932" | "ms_kanji" => decode_with(SHIFT_JIS, bytes, notes),
        "hz-gb-2312" | "hz" => decode_with(GBK, &unwrap_hz(bytes), notes),
        // "us-ascii" is what a mail without a label means (RFC 2045 5.2), and what many write that send more.
        "" | "us-ascii" | "ascii" | "ansi_x3.4-1968" | "unknown-8bit" | "x-unknown" | "unknown" | "default" | "8bit" | "none" => {
            guess(bytes, notes)
        }
        label => match Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT) {
            Some(encoding) => decode_with(encoding, bytes, notes),
            None => decode_rare(bytes, label, notes),
        },
    }
}

/// What only mail knows, such as UTF-7 and the code pages of DOS.
fn decode_rare(bytes: &[u8], label: &str, notes: &mut Notes) -> String {
    let is_replacement = Encoding::for_label(label.as_bytes()).is_some();
    let decoder = mail_parser::decoders::charsets::map::charset_decoder(label.as_bytes());
    match decoder.filter(|_| !is_replacement).and_then(|decoder| guarded(|| decoder(bytes))) {
        Some(text) => text,
        None => {
            notes.add(format!("charset not known: {}", label.escape_default().take(40).collect::<String>()));
            guess(bytes, notes)
        }
    }
}

fn decode_with(encoding: &'static Encoding, bytes: &[u8], notes: &mut Notes) -> String {
    let (text, _, had_errors) = encoding.decode(bytes);
    if had_errors {
        notes.add(format!("broken characters in {} text", encoding.name().to_ascii_lowercase()));
    }
    text.into_owned()
}

/// Text that is called UTF-8. Where most of its special characters are none, another charset was meant.
fn decode_utf8(bytes: &[u8], notes: &mut Notes) -> String {
    let text = String::from_utf8_lossy(bytes);
    if let Cow::Owned(lossy) = &text {
        let broken = lossy.matches(char::REPLACEMENT_CHARACTER).count();
        let whole = lossy.chars().filter(|c| !c.is_ascii()).count() - broken;
        if broken > whole {
            return guess(bytes, notes);
        }
        notes.add("broken characters in utf-8 text");
    }
    strip_bom(&text).to_owned()
}

/// Text without a label: ISO-2022-JP shows by its escapes, UTF-8 by its form; the rest is the web's default.
fn guess(bytes: &[u8], notes: &mut Notes) -> String {
    if memchr::memmem::find(bytes, b"\x1b$B").is_some() || memchr::memmem::find(bytes, b"\x1b$@").is_some() {
        let (text, _, had_errors) = ISO_2022_JP.decode(bytes);
        if !had_errors {
            notes.add("charset guessed: iso-2022-jp");
            return text.into_owned();
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            if !text.is_ascii() {
                notes.add("charset guessed: utf-8");
            }
            strip_bom(text).to_owned()
        }
        Err(_) => match Encoding::for_bom(bytes).filter(|(encoding, _)| *encoding != UTF_8) {
            Some((encoding, _)) => decode_with(encoding, bytes, notes),
            None => {
                notes.add("charset guessed: windows-1252");
                WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
            }
        },
    }
}

fn strip_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// HZ (RFC 1843): seven-bit GB 2312 between `~{` and `~}`.
fn unwrap_hz(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut high = 0;
    let mut iter = bytes.iter().copied().peekable();
    while let Some(byte) = iter.next() {
        match (byte, iter.peek()) {
            (b'~', Some(b'{')) => high = 0x80,
            (b'~', Some(b'}')) => high = 0,
            (b'~', Some(b'~')) if high == 0 => out.push(b'~'),
            (b'~', Some(b'\n')) => {}
            (b'\n', _) => {
                high = 0;
                out.push(b'\n');
                continue;
            }
            _ => {
                out.push(byte | high);
                continue;
            }
        }
        iter.next();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], label: Option<&str>) -> (String, Vec<String>) {
        let mut notes = Notes::default();
        (decode(bytes, label, &mut notes), notes.into_vec())
    }

    #[test]
    fn labels_of_real_mail_are_known() {
        for (label, bytes, text) in [
            ("cp932", b"\x93\xfa\x96{\x87@".as_slice(), "日本①"),
            ("hz-gb-2312", b"~{VPND~} ok", "中文 ok"),
            ("GB2312", b"\xd6\xd0\xce\xc4", "中文"),
            ("iso-8859-1", b"\x93na\xefve\x94", "“naïve”"),
            ("utf-7", b"a+AOQ-b", "aäb"),
            ("cp850", b"\x84", "ä"),
            ("ks_c_5601-1987", b"\xc7\xd1", "한"),
        ] {
            assert_eq!(decoded(bytes, Some(label)), (text.to_owned(), Vec::new()), "{label}");
        }
    }

    #[test]
    fn what_has_no_label_is_guessed_and_noted() {
        assert_eq!(decoded(b"plain", None), ("plain".into(), vec![]));
        assert_eq!(decoded("ä".as_bytes(), None), ("ä".into(), vec!["charset guessed: utf-8".into()]));
        assert_eq!(decoded(b"\xe4", Some("unknown-8bit")), ("ä".into(), vec!["charset guessed: windows-1252".into()]));
        assert_eq!(decoded(b"\xe4\xf6\xfc", Some("utf-8")), ("äöü".into(), vec!["charset guessed: windows-1252".into()]));
        assert_eq!(decoded(b"\x1b$B4A\x1b(B", None).0, "漢");
        assert_eq!(decoded(b"x", Some("no-such")).1, ["charset not known: no-such"]);
    }

    #[test]
    fn a_cut_character_does_not_spoil_the_rest() {
        assert_eq!(decoded(b"\xc3\xa4\xc3\xb6\xc3", Some("utf-8")).0, "äö\u{fffd}");
    }
}
