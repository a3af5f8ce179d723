//! Windows code pages: the numbers that Outlook gives to charsets.

use crate::mail::parse::{charset, notes::Notes};

/// Text in a code page; Windows' own for the West where none is known. What cannot be decoded shows as U+FFFD.
pub(super) fn decode(bytes: &[u8], code_page: Option<u16>) -> String {
    charset::decode(bytes, Some(&label(code_page.unwrap_or(1252))), &mut Notes::default())
}

/// The name of a code page in mail (\[MS-UCODEREF\] 2.2.1).
pub(super) fn label(code_page: u16) -> String {
    match code_page {
        437 | 850 | 852 | 855 | 857 | 858 | 860..=866 | 869 => format!("cp{code_page}"),
        874 => "windows-874".into(),
        932 => "shift_jis".into(),
        936 | 20936 => "gbk".into(),
        949 | 51949 => "euc-kr".into(),
        950 => "big5".into(),
        1250..=1258 => format!("windows-{code_page}"),
        1361 => "johab".into(),
        10000 => "macintosh".into(),
        10007 => "x-mac-cyrillic".into(),
        20127 => "us-ascii".into(),
        20866 => "koi8-r".into(),
        21866 => "koi8-u".into(),
        28591..=28606 => format!("iso-8859-{}", code_page - 28590),
        50220..=50222 => "iso-2022-jp".into(),
        50225 => "iso-2022-kr".into(),
        51932 | 20932 => "euc-jp".into(),
        52936 => "hz-gb-2312".into(),
        54936 => "gb18030".into(),
        65000 => "utf-7".into(),
        65001 => "utf-8".into(),
        _ => "windows-1252".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_are_known_by_their_numbers() {
        for (page, bytes, text) in [
            (Some(1252), b"\xe4".as_slice(), "ä"),
            (Some(1251), b"\xef", "п"),
            (Some(932), b"\x93\xfa", "日"),
            (Some(850), b"\x84", "ä"),
            (Some(28605), b"\xa4", "€"),
            (Some(65001), "ж".as_bytes(), "ж"),
            (None, b"\x93", "“"),
            (Some(4), b"\x93", "“"),
        ] {
            assert_eq!(decode(bytes, page), text, "{page:?}");
        }
    }
}
