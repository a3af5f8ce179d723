//! Message → posts, pure: what is said in a channel, before any destination's own markup.
//!
//! The first post of a message carries its heading (author, people, date, subject) and the first piece of its text;
//! further pieces follow, numbered; then each file. A file that is not carried (too large, a type that runs, empty where
//! the destination refuses that) is a *stub*: a line at the end of the text that names file, size, digest and reason.

use chrono::{DateTime, FixedOffset};

use crate::delivery::{DeliveryKey, Part};
use crate::mail::{Correspondent, Digest};

/// One post: one part of one message.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// The delivery key, sent along.
    pub key: DeliveryKey,
    /// Which part it is.
    pub part: Part,
    /// What all posts of the message have in common.
    pub heading: Heading,
    /// What is said.
    pub content: Content,
}

/// Who wrote to whom, when, about what.
#[derive(Clone, Debug, PartialEq)]
pub struct Heading {
    /// The author; `None` where the message names none.
    pub author: Option<Correspondent>,
    /// To.
    pub to: Vec<Correspondent>,
    /// Cc.
    pub cc: Vec<Correspondent>,
    /// The subject; may be empty.
    pub subject: String,
    /// The date to show, with the sender's own offset; where it is inferred, that of our server, in UTC.
    pub date: DateTime<FixedOffset>,
    /// Whether the date is the sender's own.
    pub dated_by: DatedBy,
}

/// Where a date is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatedBy {
    /// The Date header.
    Sender,
    /// Inferred: the mail has no usable date; a Received header, the server or the archive dates it.
    Inferred,
}

/// What one post says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A piece of the text. Plain text: the destination escapes it.
    Text {
        /// The text, without heading and numbering.
        text: String,
        /// Its place among the pieces, from 1.
        number: u32,
        /// How many pieces there are.
        of: u32,
    },
    /// A file.
    File {
        /// The name to show.
        name: String,
        /// The media type.
        media_type: String,
        /// Digest of the bytes.
        sha256: Digest,
        /// The bytes.
        bytes: Vec<u8>,
    },
}
