//! Names of mailboxes on the wire: modified UTF-7, quoting, escapes.

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// Base64 with `,` for `/`, without padding (RFC 3501 5.1.3).
const MODIFIED_BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// Decodes modified UTF-7. What is not valid (a server that sends `R&D` or UTF-8 as it is) stays as it stands, so that
/// every mailbox has a name.
pub(super) fn decode(raw: &str) -> String {
    let mut name = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, shifted)) = rest.split_once('&') {
        name.push_str(plain);
        match shifted.split_once('-').and_then(|(code, after)| Some((decode_shifted(code)?, after))) {
            Some((text, after)) => {
                name.push_str(&text);
                rest = after;
            }
            None => {
                name.push('&');
                rest = shifted;
            }
        }
    }
    name + rest
}

/// The text between `&` and `-`; empty stands for `&` itself.
fn decode_shifted(code: &str) -> Option<String> {
    if code.is_empty() {
        return Some("&".to_owned());
    }
    let bytes = MODIFIED_BASE64.decode(code).ok()?;
    let (pairs, []) = bytes.as_chunks::<2>() else { return None };
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
    String::from_utf16(&units).ok()
}

/// A quoted string for a command, or `None` for what cannot be quoted (RFC 3501 4.3).
pub(super) fn quote(text: &str) -> Option<String> {
    let quotable = !text.contains(['\r', '\n', '\0']);
    quotable.then(|| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Takes the escapes out of a quoted string, which imap-proto leaves in.
pub(super) fn unescape(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.next_if(|next| matches!(next, '\\' | '"')) } else { None };
        text.push(escaped.unwrap_or(c));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modified_utf_7_is_decoded() {
        assert_eq!(decode("Lieferanten/M&APw-ller &- S&APY-hne"), "Lieferanten/Müller & Söhne");
        assert_eq!(decode("&ZeVnLIqe-"), "日本語");
        assert_eq!(decode("&2D3eAA-"), "😀");
        assert_eq!(decode("INBOX"), "INBOX");
    }

    #[test]
    fn what_is_not_modified_utf_7_stays_as_it_stands() {
        for name in ["R&D", "R&D-plans", "&", "a&b&c-", "&AB-", "&2D0-", "Müller", "&APw"] {
            assert_eq!(decode(name), name);
        }
    }

    #[test]
    fn quoting_and_unescaping_are_inverse() {
        for name in ["INBOX", "a \"b\" c", "back\\slash", "\\\"", ""] {
            let quoted = quote(name).unwrap();
            let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
            assert_eq!(unescape(inner), name);
        }
        assert_eq!(quote("a\r\nb"), None);
    }
}
