//! The tree of MIME parts (RFC 2045, 2046), split without copying.
//!
//! A message within a message (`message/rfc822`) is a leaf: what stands in it is one attachment. So the tree is never
//! deeper than [`bounds::DEPTH`], whatever a mail holds. mail-parser's own tree goes down into such messages without a
//! bound and overflows the stack at a few thousand of them, which nothing can catch.

use std::borrow::Cow;

use memchr::memmem::Finder;

use super::header::Headers;
use super::notes::Notes;
use super::parameters::Structured;
use super::{bounds, transfer};

/// One part; the root is the message itself.
#[derive(Debug)]
pub(super) struct Part<'x> {
    pub(super) headers: Headers<'x>,
    /// In lower case, such as `text/plain`.
    pub(super) media_type: String,
    pub(super) content_type: Structured,
    pub(super) disposition: Structured,
    /// The place in the order of the message, the root being 0.
    pub(super) index: usize,
    /// The parts of a multipart; empty for a leaf.
    pub(super) children: Vec<Self>,
    /// Its bytes, headers and all.
    pub(super) entity: &'x [u8],
    body: &'x [u8],
}

impl<'x> Part<'x> {
    /// Splits a message into its parts.
    pub(super) fn read(message: &'x [u8], notes: &mut Notes) -> Self {
        let mut parts_left = bounds::PARTS;
        Self::read_entity(message, "text/plain", 0, &mut parts_left, notes)
    }

    fn read_entity(entity: &'x [u8], default_type: &str, depth: usize, parts_left: &mut usize, notes: &mut Notes) -> Self {
        let index = bounds::PARTS - *parts_left;
        *parts_left = parts_left.saturating_sub(1);
        let (headers, body) = Headers::split(entity, notes);
        let content_type = headers.first("Content-Type").map(|value| Structured::parse(value, notes)).unwrap_or_default();
        let disposition = headers.first("Content-Disposition").map(|value| Structured::parse(value, notes)).unwrap_or_default();
        let media_type = media_type(&content_type.value, default_type);
        let mut part = Self { headers, media_type, content_type, disposition, index, children: Vec::new(), entity, body };
        if part.main_type() == "multipart" {
            part.read_children(depth, parts_left, notes);
        }
        part
    }

    fn read_children(&mut self, depth: usize, parts_left: &mut usize, notes: &mut Notes) {
        let Some(boundary) = self.content_type.parameter("boundary") else {
            return notes.add("multipart without a boundary: shown as it is");
        };
        if depth >= bounds::DEPTH {
            return notes.add("parts nested deeper than the bound: kept as one attachment");
        }
        // RFC 2046 5.1.5.
        let default_type = if self.media_type == "multipart/digest" { "message/rfc822" } else { "text/plain" };
        let children = Entities::new(self.body, boundary);
        for entity in children {
            if *parts_left == 0 {
                notes.add("parts cut: more than the bound");
                break;
            }
            self.children.push(Self::read_entity(entity, default_type, depth + 1, parts_left, notes));
        }
        if self.children.is_empty() {
            notes.add("multipart whose boundary never comes: shown as it is");
        }
    }

    /// The type before the slash.
    pub(super) fn main_type(&self) -> &str {
        self.media_type.split('/').next().unwrap_or_default()
    }

    /// The file name as the mail gives it (RFC 2183 2.3, or the older `name` of Content-Type).
    pub(super) fn file_name(&self) -> Option<&str> {
        self.disposition.parameter("filename").or_else(|| self.content_type.parameter("name"))
    }

    /// Whether a leaf counts as an attachment.
    pub(super) fn is_attachment(&self) -> bool {
        self.disposition.value == "attachment" || self.file_name().is_some() || self.main_type() != "text"
    }

    /// The decoded bytes of a leaf.
    pub(super) fn decoded(&self, notes: &mut Notes) -> Cow<'x, [u8]> {
        transfer::decode(self.body, self.encoding(), notes)
    }

    /// Content-Transfer-Encoding.
    fn encoding(&self) -> Option<&'x str> {
        let encoding = self.headers.first("Content-Transfer-Encoding").unwrap_or_default();
        std::str::from_utf8(encoding).ok().and_then(|text| text.split([';', ' ', '\t']).next())
    }

    /// The decoded bytes of a leaf that is text. The line ends of its transport are line feeds before anything is decoded,
    /// since in some charsets their bytes are halves of characters.
    pub(super) fn decoded_lines(&self, notes: &mut Notes) -> Cow<'x, [u8]> {
        if memchr::memmem::find(self.body, b"\r\n").is_none() {
            return self.decoded(notes);
        }
        let mut lines = Vec::with_capacity(self.body.len());
        for line in self.body.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\r\n") {
                Some(content) => {
                    lines.extend_from_slice(content);
                    lines.push(b'\n');
                }
                None => lines.extend_from_slice(line),
            }
        }
        match transfer::decode(&lines, self.encoding(), notes) {
            Cow::Owned(decoded) => Cow::Owned(decoded),
            Cow::Borrowed(_) => Cow::Owned(lines),
        }
    }

    /// The leaves, in order.
    pub(super) fn leaves(&self) -> Vec<&Self> {
        let mut leaves = Vec::new();
        let mut open = vec![self];
        while let Some(part) = open.pop() {
            if part.children.is_empty() {
                leaves.push(part);
            }
            open.extend(part.children.iter().rev());
        }
        leaves
    }
}

/// A type in normal form: visible ASCII, as much of it as a type may have (RFC 6838 4.2: 127 characters on either side of
/// the slash), since it is shown. What has no slash is no type (RFC 2045 5.2).
fn media_type(value: &str, default_type: &str) -> String {
    let visible: String = value.chars().filter(char::is_ascii_graphic).take(bounds::MEDIA_TYPE_CHARS).collect();
    match visible.split_once('/') {
        Some((main, sub)) if !main.is_empty() && !sub.is_empty() => visible,
        _ if visible.is_empty() => default_type.to_owned(),
        _ => "text/plain".to_owned(),
    }
}

/// The entities between the boundary lines of a multipart. The line end before a boundary belongs to the boundary.
struct Entities<'x> {
    body: &'x [u8],
    finder: Finder<'static>,
    /// Where the entity that is being read begins; `None` before the first boundary and after the last.
    start: Option<usize>,
    /// Where the search goes on.
    at: usize,
}

impl<'x> Entities<'x> {
    fn new(body: &'x [u8], boundary: &str) -> Self {
        let finder = Finder::new(&[b"--", boundary.trim_end().as_bytes()].concat()).into_owned();
        let mut entities = Self { body, finder, start: None, at: 0 };
        if let Some(line) = entities.next_boundary().filter(|line| !line.is_end) {
            entities.start = Some(line.end);
        }
        entities
    }

    fn next_boundary(&mut self) -> Option<BoundaryLine> {
        loop {
            let found = self.at + self.finder.find(self.body.get(self.at..)?)?;
            let tail_start = found + self.finder.needle().len();
            self.at = tail_start;
            // Only then is the line end looked for: a line of nothing but boundaries would else take its square in time.
            if found > 0 && self.body.get(found - 1) != Some(&b'\n') {
                continue;
            }
            let tail = self.body.get(tail_start..).unwrap_or_default();
            let length = memchr::memchr(b'\n', tail).map_or(tail.len(), |end| end + 1);
            let rest = tail.get(..length).unwrap_or_default().trim_ascii();
            if rest.is_empty() || rest == b"--" {
                self.at = tail_start + length;
                return Some(BoundaryLine { start: found, end: self.at, is_end: !rest.is_empty() });
            }
        }
    }
}

struct BoundaryLine {
    start: usize,
    end: usize,
    is_end: bool,
}

impl<'x> Iterator for Entities<'x> {
    type Item = &'x [u8];

    fn next(&mut self) -> Option<&'x [u8]> {
        let start = self.start.take()?;
        let line = self.next_boundary();
        let end = line.as_ref().map_or(self.body.len(), |line| line.start);
        self.start = line.filter(|line| !line.is_end).map(|line| line.end);
        let entity = self.body.get(start..end).unwrap_or_default();
        let entity = entity.strip_suffix(b"\n").unwrap_or(entity);
        Some(entity.strip_suffix(b"\r").unwrap_or(entity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entities(body: &str, boundary: &str) -> Vec<String> {
        Entities::new(body.as_bytes(), boundary).map(|entity| String::from_utf8_lossy(entity).into_owned()).collect()
    }

    #[test]
    fn entities_stand_between_boundary_lines() {
        assert_eq!(entities("preamble\n--b\none\n\n--b  \r\ntwo\r\n--b--\nepilogue", "b"), ["one\n", "two"]);
        assert_eq!(entities("--b\nnever closed\n", "b"), ["never closed"]);
        assert_eq!(entities("--bc\nx\n --b\n--b", "b"), [""]);
        assert_eq!(entities("--b--\nx", "b"), Vec::<String>::new());
    }

    #[test]
    fn a_type_is_visible_and_short() {
        for (value, shown) in [
            ("application/pdf", "application/pdf"),
            ("applica\u{1c}tion/\u{202e}pdf", "application/pdf"),
            ("\u{1c}", "text/plain"),
            ("pdf", "text/plain"),
            ("/pdf", "text/plain"),
        ] {
            assert_eq!(media_type(value, "text/plain"), shown);
        }
        assert_eq!(media_type(&format!("a/{}", "b".repeat(100_000)), "").len(), bounds::MEDIA_TYPE_CHARS);
    }

    #[test]
    fn multiparts_deeper_than_the_bound_are_one_leaf() {
        let levels = bounds::DEPTH + 50;
        let mail: String =
            (0..levels).map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n")).collect();
        let mut notes = Notes::default();
        let root = Part::read(mail.as_bytes(), &mut notes);
        assert_eq!(root.leaves().first().map(|leaf| leaf.index), Some(bounds::DEPTH));
        assert_eq!(notes.into_vec(), ["parts nested deeper than the bound: kept as one attachment"]);
    }

    #[test]
    fn parts_over_the_bound_are_cut() {
        let mail = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(bounds::PARTS * 2));
        let mut notes = Notes::default();
        assert_eq!(Part::read(mail.as_bytes(), &mut notes).leaves().len(), bounds::PARTS - 1);
        assert_eq!(notes.into_vec(), ["parts cut: more than the bound"]);
    }
}
