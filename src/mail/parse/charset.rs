//! Bytes → text, by the label that the mail gives, the labels of real mail included; where the label is missing or
//! wrong, by what the bytes look like.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, GBK, ISO_2022_JP, REPLACEMENT, SHIFT_JIS, UTF_8, WINDOWS_874, WINDOWS_1252};

use super::guarded;
use super::notes::Notes;

/// Fewer characters beyond ASCII are an umlaut or a dash; two of Japan or China have four bytes.
const LOOKS_LIKE_SOMETHING: usize = 4;
/// What a charset is guessed from: so many bytes say it as well as more.
const GUESSED_FROM: usize = 64 * 1024;

/// Decodes text. Never fails; what had to be guessed or could not be decoded is noted.
pub(in crate::mail) fn decode(bytes: &[u8], label: Option<&str>, notes: &mut Notes) -> String {
    let label = label.map(|label| label.trim().trim_matches(['"', '\'']).to_ascii_lowercase()).unwrap_or_default();
    match label.as_str() {
        "utf-8" | "utf8" => decode_utf8(bytes, notes),
        "cp932" | "x-cp932" | "ms_kanji" => decode_with(SHIFT_JIS, bytes, notes),
        "hz-gb-2312" | "hz" => decode_with(GBK, &unwrap_hz(bytes), notes),
        // "us-ascii" is what a mail without a label means (RFC 2045 5.2), and what many write that send more; programs write
        // "x-user-defined" for whatever their user chose.
        "" | "us-ascii" | "ascii" | "ansi_x3.4-1968" | "unknown-8bit" | "x-unknown" | "unknown" | "default" | "8bit" | "none"
        | "x-user-defined" | "binary" => guess(bytes, notes),
        label => match named(label) {
            Some(encoding) if encoding == UTF_8 => decode_utf8(bytes, notes),
            Some(encoding) if is_utf8_after_all(encoding, bytes) => {
                notes.add(format!("charset {} declared, utf-8 found", encoding.name().to_ascii_lowercase()));
                decode_utf8(bytes, notes)
            }
            Some(encoding) => decode_with(encoding, bytes, notes),
            None => decode_rare(bytes, label, notes),
        },
    }
}

/// The encoding of a label as the web reads it, or as it reads what the label was meant to be.
fn named(label: &str) -> Option<&'static Encoding> {
    let known = |label: &str| Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT);
    let meant = || {
        let bare = label.split([';', ' ', ',']).next().unwrap_or_default();
        let bare = bare.strip_prefix("3d").unwrap_or(bare).replace('_', "-");
        let bare = bare.strip_prefix("charset=").unwrap_or(&bare).replace("cp-", "cp");
        known(&bare)
            .or_else(|| known(&bare.replacen("win", "windows", 1)))
            .or_else(|| known(&bare.replacen("iso-8859", "iso-8859-", 1)))
    };
    known(label).or_else(meant)
}

/// Text of one byte a character is never UTF-8 by chance: the bytes that would follow are seldom letters there. In Thai they
/// are, and where characters have two bytes.
fn is_utf8_after_all(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    // Control characters of Latin-1 are no text: such UTF-8 was made of something else.
    let is_text = |text: &str| !text.is_ascii() && !text.contains(|c| matches!(c, '\u{80}'..='\u{9f}'));
    encoding.is_single_byte() && encoding != WINDOWS_874 && std::str::from_utf8(bytes).is_ok_and(is_text)
}

/// What only mail knows, such as UTF-7 and the code pages of DOS.
fn decode_rare(bytes: &[u8], label: &str, notes: &mut Notes) -> String {
    let is_replacement = Encoding::for_label(label.as_bytes()).is_some();
    let label = if label.ends_with("utf-7") { "utf-7" } else { label };
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
    let bytes = if encoding == ISO_2022_JP { Cow::Owned(without_idle_escapes(bytes)) } else { Cow::Borrowed(bytes) };
    let (text, _, had_errors) = encoding.decode(&bytes);
    if had_errors {
        notes.add(format!("broken characters in {} text", encoding.name().to_ascii_lowercase()));
    }
    text.into_owned()
}

/// ISO-2022-JP without the escapes that another one follows at once, as where encoded words were joined: the web's decoder
/// takes them for an attack, and a U+FFFD into the text.
fn without_idle_escapes(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        match rest {
            [0x1b, b'(' | b'$', _, 0x1b, b'(' | b'$', ..] => rest = rest.get(3..).unwrap_or_default(),
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out
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

/// Text without a label: ISO-2022-JP shows by its escapes, UTF-8 by its form; the rest is what it most looks like, or the
/// web's default.
fn guess(bytes: &[u8], notes: &mut Notes) -> String {
    if memchr::memmem::find(bytes, b"\x1b$B").is_some() || memchr::memmem::find(bytes, b"\x1b$@").is_some() {
        let (text, _, had_errors) = ISO_2022_JP.decode(bytes);
        if !had_errors {
            notes.add("charset guessed: iso-2022-jp");
            return text.into_owned();
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if !text.is_ascii() {
            notes.add("charset guessed: utf-8");
        }
        return strip_bom(text).to_owned();
    }
    if let Some((encoding, _)) = Encoding::for_bom(bytes).filter(|(encoding, _)| *encoding != UTF_8) {
        return decode_with(encoding, bytes, notes);
    }
    let encoding = detect(bytes);
    notes.add(format!("charset guessed: {}", encoding.name().to_ascii_lowercase()));
    let (text, had_errors) = encoding.decode_without_bom_handling(bytes);
    if had_errors {
        notes.add(format!("broken characters in {} text", encoding.name().to_ascii_lowercase()));
    }
    text.into_owned()
}

/// What text that is not UTF-8 most looks like; the web's default where it is too short to look like anything.
fn detect(bytes: &[u8]) -> &'static Encoding {
    let sample = bytes.get(..GUESSED_FROM).unwrap_or(bytes);
    if sample.iter().filter(|byte| !byte.is_ascii()).count() < LOOKS_LIKE_SOMETHING {
        return WINDOWS_1252;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Deny)
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
            ("unicode-1-1-utf-7", b"a+AOQ-b", "aäb"),
            ("win-1251", b"\xcf\xf0", "Пр"),
            ("iso8859_1", b"\xe4", "ä"),
            ("windows-1252; format=flowed", b"\xe4", "ä"),
            ("iso-88591", b"\xe4", "ä"),
            ("cp-1252", b"\xe4", "ä"),
            ("iso-2022-jp", b"\x1b$B%F\x1b(B\x1b$B%9\x1b(B", "テス"),
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
    fn text_without_a_label_is_what_it_looks_like() {
        for (text, encoding) in [
            ("Добрый день, коллеги! Отправляю вам счёт за март.", encoding_rs::WINDOWS_1251),
            ("Добрый день, коллеги! Отправляю вам счёт за март.", encoding_rs::KOI8_R),
            ("お世話になっております。資料をお送りします。", SHIFT_JIS),
            ("お世話になっております。資料をお送りします。", encoding_rs::EUC_JP),
            ("你好，附件是三月份的发票，请查收。", GBK),
            ("您好，附件是三月份的發票，請查收。", encoding_rs::BIG5),
            ("안녕하세요, 삼월 청구서를 첨부합니다.", encoding_rs::EUC_KR),
            ("Καλημέρα σας, σας στέλνω το τιμολόγιο του Μαρτίου.", encoding_rs::WINDOWS_1253),
            ("Dzień dobry, w załączniku przesyłam fakturę za usługi.", encoding_rs::ISO_8859_2),
            ("Grüße aus Köln, anbei die Pläne für März.", WINDOWS_1252),
        ] {
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable, "{text}");
            assert_eq!(decoded(&bytes, Some("us-ascii")).0, text, "{}", encoding.name());
        }
    }

    #[test]
    fn a_label_that_lies_is_found_out() {
        let (text, notes) = decoded("Grüße – “ja”".as_bytes(), Some("iso-8859-1"));
        assert_eq!((text.as_str(), notes), ("Grüße – “ja”", vec!["charset windows-1252 declared, utf-8 found".to_owned()]));
        assert_eq!(decoded(b"\xe4", Some("x-user-defined")).0, "ä");
        assert_eq!(decoded(b"\xc3\xa4", Some("gbk")).0, "盲", "characters of two bytes may look like utf-8");
    }

    #[test]
    fn a_cut_character_does_not_spoil_the_rest() {
        assert_eq!(decoded(b"\xc3\xa4\xc3\xb6\xc3", Some("utf-8")).0, "äö\u{fffd}");
    }
}
