//! MIME, written: the forms that the mails of this room are made of, and no others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::mail::Digest;

/// Bytes of base64 on one line (RFC 2045 6.8).
const LINE_BYTES: usize = 76;
/// Bytes of UTF-8 in one encoded word: with what stands around them at most 75 characters (RFC 2047 2).
const WORD_BYTES: usize = 45;

/// A part with its headers, or what becomes a whole message with more of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entity {
    /// Header lines, without line ends.
    pub(super) headers: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Entity {
    /// A leaf of this type, in base64.
    pub(super) fn leaf(content_type: &str, bytes: &[u8]) -> Self {
        let mut body = Vec::with_capacity(bytes.len() / 3 * 4 + bytes.len() / 28);
        for chunk in bytes.chunks(LINE_BYTES / 4 * 3) {
            body.extend_from_slice(STANDARD.encode(chunk).as_bytes());
            body.extend_from_slice(b"\r\n");
        }
        Self { headers: vec![format!("Content-Type: {content_type}"), "Content-Transfer-Encoding: base64".into()], body }
    }

    /// A message within a message; it is never encoded (RFC 2046 5.2.1).
    pub(super) fn message(raw: Vec<u8>) -> Self {
        Self { headers: vec!["Content-Type: message/rfc822".into()], body: raw }
    }

    /// Parts under one roof; one part stands alone. The boundary is the digest of what it parts, which cannot hold it.
    pub(super) fn multipart(subtype: &str, mut parts: Vec<Self>) -> Self {
        if parts.len() == 1
            && let Some(only) = parts.pop()
        {
            return only;
        }
        let parts: Vec<Vec<u8>> = parts.iter().map(Self::bytes).collect();
        let digest = Digest::of_fields(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()).to_string();
        let boundary = format!("=_{}", digest.get(..32).unwrap_or_default());
        let mut body = Vec::with_capacity(parts.iter().map(|part| part.len() + 50).sum());
        for part in &parts {
            body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            body.extend_from_slice(part);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        Self { headers: vec![format!("Content-Type: multipart/{subtype}; boundary=\"{boundary}\"")], body }
    }

    pub(super) fn with(mut self, header: String) -> Self {
        self.headers.push(header);
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let head: String = self.headers.iter().map(|header| format!("{header}\r\n")).collect();
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// Text of a header: as it is, or as encoded words on lines of their own.
pub(super) fn text(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !text.contains("=?") && text.len() <= 900;
    if is_plain { text } else { words(&text) }
}

/// A display name: an encoded word, or a quoted string.
pub(super) fn phrase(name: &str) -> String {
    let encoded = text(name);
    match encoded.starts_with("=?") && encoded != name {
        true => encoded,
        false => format!("\"{}\"", encoded.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

fn words(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, tail) = rest.split_at_checked(rest.floor_char_boundary(WORD_BYTES)).unwrap_or((rest, ""));
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(chunk)));
        rest = tail;
    }
    words.join("\r\n ")
}

/// A parameter with any text in it (RFC 2231 4).
pub(super) fn parameter(name: &str, value: &str) -> String {
    let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) && !value.contains("=?");
    if is_plain {
        return format!("{name}=\"{value}\"");
    }
    let is_free = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let escaped: String =
        value.bytes().map(|byte| if is_free(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect();
    format!("{name}*=utf-8''{escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_kind_stays_in_its_header() {
        assert_eq!(text("The plan"), "The plan");
        assert_eq!(text("a\r\nBcc: x"), "a  Bcc: x");
        assert_eq!(text("Grüße"), "=?utf-8?B?R3LDvMOfZQ==?=");
        assert_eq!(text(&"ü".repeat(40)).lines().map(str::len).max(), Some(72));
        assert_eq!(phrase("Lee, \"Ann\""), r#""Lee, \"Ann\"""#);
        assert_eq!(parameter("filename", "ä b.txt"), "filename*=utf-8''%C3%A4%20b.txt");
        assert_eq!(parameter("filename", "a b.txt"), "filename=\"a b.txt\"");
    }

    #[test]
    fn the_same_parts_have_the_same_boundary() {
        let parts = || vec![Entity::leaf("text/plain", b"a"), Entity::leaf("text/plain", b"b")];
        assert_eq!(Entity::multipart("mixed", parts()), Entity::multipart("mixed", parts()));
        let other = [parts(), parts()].concat();
        assert_ne!(Entity::multipart("mixed", parts()).headers, Entity::multipart("mixed", other).headers);
        assert_eq!(Entity::multipart("mixed", vec![Entity::message(b"x".to_vec())]), Entity::message(b"x".to_vec()));
    }
}
