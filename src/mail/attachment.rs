//! Attachments: what a message lists, what becomes of each, and their bytes on demand.

use std::fmt;

use serde::Serialize;

use super::id::Digest;
use super::parse::{self, clean};

/// One leaf part of a message that is not its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The file name, decoded and made harmless: no path, no control or direction characters; that of a message within
    /// the message is its subject where it has none of its own. `None` where there is none.
    pub name: Option<String>,
    /// The media type in lower case, such as `application/pdf`.
    pub media_type: String,
    /// Size of the decoded bytes.
    pub size: u64,
    /// Digest of the decoded bytes.
    pub sha256: Digest,
    /// Content-Disposition inline, or referred to by the HTML text (`cid:`).
    pub inline: bool,
    /// The index of the part within the parsed message, for [`bytes`].
    pub part: usize,
    /// Content-ID, by which the text refers to it (RFC 2392).
    pub content_id: Option<String>,
    /// What becomes of it in a post, as far as the message itself says.
    pub fate: Fate,
    /// The attachments of a message within the message; their parts count from its own beginning.
    pub contents: Vec<Self>,
}

/// What becomes of an attachment in a post, as far as the message itself says. Policy and the channel may still keep it
/// back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is carried.
    Carried,
    /// The text names it, with the reason.
    Named(Named),
    /// It is no content: no post shows it.
    LeftOut(LeftOut),
}

/// Why an attachment is only named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// It has no bytes.
    Empty,
    /// It is kept at this address (RFC 2017); an empty one where the message does not say it so.
    Elsewhere(String),
}

/// Why an attachment is no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It signs the message.
    Signature,
    /// It says how the message is encrypted.
    Control,
    /// A picture of hardly a pixel, which tells its sender that it was looked at.
    TrackingPixel,
    /// A small picture of a signature.
    Logo,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Elsewhere(url) if url.is_empty() => f.write_str("it is kept elsewhere"),
            Self::Elsewhere(url) => write!(f, "it is kept at {url}"),
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "it signs the message",
            Self::Control => "it says how the message is encrypted",
            Self::TrackingPixel => "a tracking pixel",
            Self::Logo => "a small picture of a signature",
        })
    }
}

/// The leaf parts of a message by what becomes of them; the four sums add up to `leaves`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// All of them.
    pub leaves: usize,
    /// Text that is shown, in whatever form, and files that are carried.
    pub posted: usize,
    /// Files that stand in the thread already; whoever knows the thread moves them here.
    pub referred_to: usize,
    /// Files that are only named.
    pub stubbed: usize,
    /// What is no content, or another form of what is shown.
    pub left_out: usize,
}

impl Parts {
    /// Adds those of another message.
    pub fn add(&mut self, other: Self) {
        self.leaves += other.leaves;
        self.posted += other.posted;
        self.referred_to += other.referred_to;
        self.stubbed += other.stubbed;
        self.left_out += other.left_out;
    }
}

/// The decoded bytes of an attachment, read again from the raw message; `None` where the raw message is not the one that
/// the attachment was listed from.
pub fn bytes(raw: &[u8], attachment: &Attachment) -> Option<Vec<u8>> {
    parse::part_bytes(raw, attachment.part).filter(|bytes| Digest::of(bytes) == attachment.sha256)
}

/// The longest name in bytes that file systems take (NAME_MAX).
const MOST_NAME_BYTES: usize = 255;
/// The longest ending that is kept when a name is cut.
const MOST_ENDING_BYTES: usize = 16;

/// A name that is only a name: the last component of a path, one line, nothing hidden, not too long. `None` where
/// nothing is left.
pub(super) fn harmless_name(name: &str) -> Option<String> {
    let component = name.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
    let name = clean::line(component, usize::MAX);
    let name = name.trim_end_matches(['.', ' ']);
    if name.trim_matches('.').is_empty() {
        return None;
    }
    if name.len() <= MOST_NAME_BYTES {
        return Some(name.to_owned());
    }
    let ending =
        name.rfind('.').and_then(|dot| name.get(dot..)).filter(|ending| ending.len() <= MOST_ENDING_BYTES).unwrap_or_default();
    let stem_end = name.floor_char_boundary(MOST_NAME_BYTES - ending.len());
    Some(format!("{}{ending}", name.get(..stem_end).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_only_names() {
        for (name, harmless) in [
            ("plan.pdf", Some("plan.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\ann\\plan.pdf", Some("plan.pdf")),
            ("\u{202e}fdp.exe\0", Some("fdp.exe")),
            ("a\r\nb.txt", Some("a b.txt")),
            ("..", None),
            ("/", None),
            ("plan.pdf. .", Some("plan.pdf")),
        ] {
            assert_eq!(harmless_name(name).as_deref(), harmless, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let name = harmless_name(&format!("{}.pdf", "ü".repeat(200)));
        assert!(name.is_some_and(|name| name.len() <= MOST_NAME_BYTES && name.ends_with("ü.pdf")));
    }
}
