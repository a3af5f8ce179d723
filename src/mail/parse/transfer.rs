//! Content-Transfer-Encoding (RFC 2045 6): what mail-parser decodes, and what it gives up on.

use std::borrow::Cow;

use super::guarded;
use super::notes::Notes;

/// What a soft line break may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnds {
    /// Quoted-printable text of many lines: white space at the end of a line is not part of it (RFC 2045 6.7).
    InText,
    /// One encoded word.
    InWord,
}

/// Decodes the body of a part.
pub(super) fn decode<'x>(body: &'x [u8], encoding: Option<&str>, notes: &mut Notes) -> Cow<'x, [u8]> {
    match encoding.map(str::to_ascii_lowercase).unwrap_or_default().as_str() {
        "base64" => {
            let (bytes, is_whole) = base64(body);
            if !is_whole {
                notes.add("broken base64 was read as far as it goes");
            }
            Cow::Owned(bytes)
        }
        "quoted-printable" => Cow::Owned(quoted_printable(body, LineEnds::InText)),
        "x-uuencode" | "uuencode" | "x-uue" | "uue" => uuencoded(body).map_or(Cow::Borrowed(body), Cow::Owned),
        _ => Cow::Borrowed(body),
    }
}

/// Decodes base64; whether all of it was base64. Foreign characters are skipped (RFC 2045 6.8), and padding ends it.
pub(super) fn base64(body: &[u8]) -> (Vec<u8>, bool) {
    let is_clean = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'\r' | b'\n');
    let trimmed = body.trim_ascii_end();
    let unpadded = trimmed.strip_suffix(b"==").or_else(|| trimmed.strip_suffix(b"=")).unwrap_or(trimmed);
    let is_whole = unpadded.iter().all(is_clean);
    if is_whole && let Some(Some(bytes)) = guarded(|| mail_parser::decoders::base64::base64_decode(body)) {
        return (bytes, true);
    }
    (base64_leniently(body), is_whole)
}

/// Decodes what is left when others give up. A line of prose ends the data: a list put its footer there.
fn base64_leniently(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    let (mut group, mut digits) = (0_u32, 0);
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    for byte in lines.take_while(|line| !line.contains(&b' ')).flatten() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if digits >= 2 => break,
            _ => continue,
        };
        group = group << 6 | u32::from(value);
        digits += 1;
        if digits == 4 {
            out.extend_from_slice(group.to_be_bytes().get(1..).unwrap_or_default());
            (group, digits) = (0, 0);
        }
    }
    // Two digits hold one byte, three hold two.
    let rest = (group << (6 * (4 - digits).min(4))).to_be_bytes();
    out.extend_from_slice(rest.get(1..digits.max(1)).unwrap_or_default());
    out
}

/// Decodes quoted-printable; an `=` that escapes nothing stays as it is.
pub(super) fn quoted_printable(body: &[u8], ends: LineEnds) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut lines = body.split_inclusive(|byte| *byte == b'\n');
    for line in &mut lines {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        let end = line.get(content.len()..).unwrap_or_default();
        let content = if ends == LineEnds::InText { content.trim_ascii_end() } else { content };
        match content.strip_suffix(b"=") {
            Some(soft) => unescape(soft, &mut out),
            None => {
                unescape(content, &mut out);
                out.extend_from_slice(end);
            }
        }
    }
    out
}

fn unescape(line: &[u8], out: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (before, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(before);
        rest = match tail {
            [_, high, low, after @ ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    after
                }
                _ => {
                    out.push(b'=');
                    tail.get(1..).unwrap_or_default()
                }
            },
            _ => {
                out.extend_from_slice(tail);
                &[]
            }
        };
    }
    out.extend_from_slice(rest);
}

/// The value of a hexadecimal digit.
pub(super) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Decodes uuencoded lines between `begin` and `end`; `None` where there are none.
fn uuencoded(body: &[u8]) -> Option<Vec<u8>> {
    let mut lines = body.split(|byte| *byte == b'\n').skip_while(|line| !line.starts_with(b"begin "));
    lines.next()?;
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    for line in lines.map(<[u8]>::trim_ascii_end).take_while(|line| *line != b"end") {
        let Some((length, data)) = line.split_first() else { continue };
        let value = |byte: &u8| u32::from(byte.wrapping_sub(b' ') & 63);
        let length = value(length) as usize;
        // Blanks are digits of value 0, and mailers cut them off at the end of a line.
        let mut digits = data.iter().map(value).chain(std::iter::repeat(0));
        let groups = (0..length.div_ceil(3)).map(|_| digits.by_ref().take(4).fold(0, |group, digit| group << 6 | digit));
        let bytes = groups.flat_map(|group| group.to_be_bytes().into_iter().skip(1));
        out.extend(bytes.take(length));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_far_as_it_goes() {
        for (text, bytes, is_whole) in [
            ("aGVsbG8=", "hello", true),
            ("aGVs\r\nbG8=\r\n", "hello", true),
            ("aGVsbG8", "hello", true),
            ("aGVs!bG8=", "hello", false),
            ("aGVsbG8=\n____\nfooter", "hello", false),
            ("aGVsbG8h\n____\nDev mailing list\n", "hello!", false),
            ("", "", true),
        ] {
            assert_eq!(base64(text.as_bytes()), (bytes.as_bytes().to_vec(), is_whole), "{text}");
        }
    }

    #[test]
    fn quoted_printable_keeps_what_escapes_nothing() {
        for (text, bytes) in
            [("a=3Db", "a=b"), ("a=\r\nb \r\nc", "ab\r\nc"), ("a=zz", "a=zz"), ("a=4", "a=4"), ("a= \nb", "ab"), ("x==3D", "x==")]
        {
            assert_eq!(quoted_printable(text.as_bytes(), LineEnds::InText), bytes.as_bytes(), "{text}");
        }
    }

    #[test]
    fn uuencoded_parts_are_decoded() {
        assert_eq!(uuencoded(b"x\nbegin 644 a\n%:&5L;&\\\n`\nend\n").as_deref(), Some(b"hello".as_slice()));
        assert_eq!(uuencoded(b"begin 644 a\n#80\nend\n").as_deref(), Some(b"a\0\0".as_slice()));
        assert_eq!(uuencoded(b"nothing"), None);
    }
}
