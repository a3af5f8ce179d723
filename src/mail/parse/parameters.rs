//! Content-Type and Content-Disposition: a value and its parameters (RFC 2045 5.1, RFC 2231). The pieces of a long
//! parameter are joined before they are decoded, since mailers cut characters in two.

use super::notes::Notes;
use super::{charset, transfer, words};

/// More parameters than this are noise; a hostile header cannot make the search for one slow.
const MOST_PARAMETERS: usize = 100;

/// A value with parameters; the value and the names in lower case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Structured {
    pub(super) value: String,
    parameters: Vec<(String, String)>,
}

impl Structured {
    /// Reads a header's value. Never fails.
    pub(super) fn parse(value: &[u8], notes: &mut Notes) -> Self {
        let text = words::written(value, notes);
        let mut segments = Segments { rest: &text };
        let first = segments.next().unwrap_or_default();
        let trimmed = first.text.trim_start();
        // Some mailers leave out the first semicolon.
        let (value, rest) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
        let rest = Segment { text: rest.to_owned(), equals: rest.find('=') };
        let raw = std::iter::once(rest).chain(segments.take(MOST_PARAMETERS)).filter_map(|segment| Raw::read(&segment)).collect();
        Self { value: value.to_ascii_lowercase(), parameters: merged(raw, notes) }
    }

    /// The first parameter of this name, unless it is empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// A stretch between semicolons, comments left out.
#[derive(Debug, Default)]
struct Segment {
    text: String,
    /// Where the first `=` outside of quotes is.
    equals: Option<usize>,
}

/// Splits at the semicolons outside of quotes.
struct Segments<'t> {
    rest: &'t str,
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        if self.rest.is_empty() {
            return None;
        }
        let mut segment = Segment::default();
        let (mut in_quotes, mut comment_depth) = (false, 0_u32);
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' if comment_depth == 0 => in_quotes = !in_quotes,
                '\\' if in_quotes => match chars.next() {
                    // A path of Windows is quoted wrongly more often than a letter is escaped.
                    Some((_, next @ ('"' | '\\'))) => segment.text.push(next),
                    Some((_, next)) => segment.text.extend(['\\', next]),
                    None => {}
                },
                _ if in_quotes => segment.text.push(c),
                '(' => comment_depth += 1,
                ')' => comment_depth = comment_depth.saturating_sub(1),
                _ if comment_depth > 0 => {}
                ';' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Some(segment);
                }
                '=' if segment.equals.is_none() => {
                    segment.equals = Some(segment.text.len());
                    segment.text.push('=');
                }
                _ => segment.text.push(c),
            }
        }
        self.rest = "";
        Some(segment)
    }
}

/// One parameter as written: `name*2*=value`.
struct Raw {
    name: String,
    /// The number of a piece (RFC 2231 3); 0 where it is the only one.
    piece: u32,
    is_encoded: bool,
    value: String,
}

impl Raw {
    fn read(segment: &Segment) -> Option<Self> {
        let (name, value) = segment.text.split_at_checked(segment.equals?)?;
        let value = value.strip_prefix('=')?.trim();
        let name = name.trim().to_ascii_lowercase();
        let is_encoded = name.ends_with('*');
        let mut parts = name.trim_end_matches('*').splitn(2, '*');
        let base = parts.next().filter(|base| !base.is_empty())?.to_owned();
        let piece = parts.next().and_then(|piece| piece.parse().ok()).unwrap_or(0);
        Some(Self { name: base, piece, is_encoded, value: value.to_owned() })
    }
}

/// Joins the pieces of each parameter and decodes them. An encoded parameter wins over a plain one of the same name
/// (RFC 6266 4.3 says so; mailers write both for old readers); else the first one counts.
fn merged(mut raw: Vec<Raw>, notes: &mut Notes) -> Vec<(String, String)> {
    raw.sort_by(|a, b| (&a.name, !a.is_encoded, a.piece).cmp(&(&b.name, !b.is_encoded, b.piece)));
    let mut parameters = Vec::new();
    for group in raw.chunk_by(|a, b| a.name == b.name) {
        let Some(first) = group.first() else { continue };
        let is_extended = group.iter().any(|piece| piece.is_encoded);
        let value = if is_extended {
            extended(group, notes)
        } else {
            let pieces = group.chunk_by(|a, b| a.piece == b.piece).filter_map(<[Raw]>::first);
            let joined: String = pieces.map(|piece| piece.value.as_str()).collect();
            let value = words::decoded(joined.as_bytes(), notes);
            if matches!(first.name.as_str(), "filename" | "name") { without_percent(&value, notes) } else { value.into_owned() }
        };
        parameters.push((first.name.clone(), value));
    }
    parameters
}

/// The value of a parameter in pieces: `charset'language'percent-encoded`, then more of it.
fn extended(group: &[Raw], notes: &mut Notes) -> String {
    let mut pieces: Vec<&Raw> = group.iter().collect();
    pieces.sort_by_key(|piece| piece.piece);
    // A plain parameter beside an encoded one is the same name for old readers.
    pieces.dedup_by(|later, earlier| later.piece == earlier.piece);
    let mut label = None;
    let mut bytes = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let mut value = piece.value.as_str();
        if index == 0 && piece.is_encoded {
            let mut parts = value.splitn(3, '\'');
            if let (Some(charset), Some(_), Some(text)) = (parts.next(), parts.next(), parts.next()) {
                label = Some(charset).filter(|charset| !charset.is_empty());
                value = text;
            }
        }
        if piece.is_encoded { bytes.extend(percent_decoded(value)) } else { bytes.extend(value.bytes()) }
    }
    charset::decode(&bytes, label, notes)
}

/// A name that some web programs write as in a link, without saying so: `%C3%A4.txt`. A name with a percent sign of its own
/// has blanks, or does not come out as text.
fn without_percent(name: &str, notes: &mut Notes) -> String {
    let is_written_so = name.contains('%') && !name.contains(char::is_whitespace);
    let decoded = Some(name).filter(|_| is_written_so).and_then(|name| String::from_utf8(percent_decoded(name)).ok());
    let is_better = |decoded: &String| (!decoded.is_ascii() || decoded.contains(' ')) && !decoded.contains(char::is_control);
    match decoded.filter(is_better) {
        Some(decoded) => {
            notes.add("a file name was written as in a link");
            decoded
        }
        None => name.to_owned(),
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) => match (transfer::hex(*high), transfer::hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    after
                }
                _ => {
                    out.push(b'%');
                    tail
                }
            },
            _ => {
                out.push(*first);
                tail
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(value: &str, name: &str) -> Option<String> {
        Structured::parse(value.as_bytes(), &mut Notes::default()).parameter(name).map(str::to_owned)
    }

    #[test]
    fn parameters_are_read() {
        for (value, name, expected) in [
            ("text/plain; charset=utf-8", "charset", Some("utf-8")),
            ("text/plain;\r\n charset = \"UTF-8\" (as ever)", "charset", Some("UTF-8")),
            ("multipart/mixed; boundary=\"a;b \\\"c\"", "boundary", Some("a;b \"c")),
            ("attachment; filename=\"C:\\tmp\\a.txt\"", "filename", Some("C:\\tmp\\a.txt")),
            ("attachment; filename=two words.txt", "filename", Some("two words.txt")),
            ("attachment; filename=\"=?utf-8?Q?=C3=A4.txt?=\"", "filename", Some("ä.txt")),
            ("attachment; filename*=utf-8''%c3%a4.txt; filename=a.txt", "filename", Some("ä.txt")),
            ("attachment; filename*0*=iso-2022-jp''a; filename*1=b", "filename", Some("ab")),
            ("attachment; filename*1*=%a4.txt; filename*0*=utf-8''%c3", "filename", Some("ä.txt")),
            ("application/pdf name=\"a b.pdf\"", "name", Some("a b.pdf")),
            ("attachment; filename*0=\"=?utf-8?Q?=C3=A4\"; filename*1=\"=C3=B6.txt?=\"", "filename", Some("äö.txt")),
            ("attachment; filename*0=a; filename*1=b; filename=c", "filename", Some("ab")),
            ("attachment; filename*=%C3%A4.txt", "filename", Some("ä.txt")),
            ("attachment; filename=\"%C3%A4%20b.txt\"", "filename", Some("ä b.txt")),
            ("attachment; filename=\"100%25.txt\"", "filename", Some("100%25.txt")),
            ("attachment; filename=\"50 %C3 off.txt\"", "filename", Some("50 %C3 off.txt")),
            ("attachment; filename=\"a%zz%E4.txt\"", "filename", Some("a%zz%E4.txt")),
            ("attachment; filename=\"\"", "filename", None),
            ("attachment", "filename", None),
        ] {
            assert_eq!(parameter(value, name).as_deref(), expected, "{value}");
        }
    }
}
