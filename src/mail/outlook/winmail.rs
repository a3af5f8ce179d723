//! What is in a `winmail.dat`, as parts of the mail that it came with.

use super::mime::Entity;
use super::tnef::{self, Fault};
use super::write::{Text, parts};

/// Whether the mail has text of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mail) enum OwnText {
    /// It has; that of the container is the same, or worse.
    There,
    /// It has none.
    Missing,
}

/// What stands in the place of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mail) struct Opened {
    /// The headers of the part, lines ending in CRLF.
    pub(in crate::mail) headers: Vec<u8>,
    /// The empty line and the body of the part.
    pub(in crate::mail) body: Vec<u8>,
    /// What could not be carried, each a sentence.
    pub(in crate::mail) notes: Vec<String>,
}

/// Opens a container. Its attachments are always there; its text where the mail has none.
pub(in crate::mail) fn open(bytes: &[u8], own_text: OwnText) -> Result<Opened, Fault> {
    let item = tnef::read(bytes)?;
    let text = if own_text == OwnText::There { Text::LeftOut } else { Text::Carried };
    let mut notes = Vec::new();
    let Entity { headers, body } = Entity::multipart("mixed", parts(&item, text, 0, &mut notes));
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    Ok(Opened { headers: headers.into_bytes(), body: [b"\r\n", body.as_slice()].concat(), notes })
}
