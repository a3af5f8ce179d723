//! What Outlook and Exchange keep a message as: an object with properties (MAPI, \[MS-OXPROPS\]), whether it comes in a
//! `winmail.dat` (\[MS-OXTNEF\]), a `.msg` file (\[MS-OXMSG\]) or a PST (\[MS-PST\]).
//!
//! A straight line: each container is read into an [`Item`], and an item becomes a mail of RFC 5322 and MIME ([`Written`]),
//! so that nothing behind it has to know where a message came from. The same item always becomes the same mail, byte for
//! byte: nothing is invented, no clock is read, and boundaries are digests of what they part.
//!
//! Rules of that mail:
//! - **Headers** are those that it travelled with (PidTagTransportMessageHeaders), without the ones that describe its old
//!   MIME form. Those of From, To, Cc, Date, Subject, Message-ID, In-Reply-To, References and Thread-Index that are missing
//!   are made from its properties. A message without an id gets none.
//! - **Text**: plain where there is plain text, and HTML where there is HTML or RTF that wraps HTML (\[MS-OXRTFEX\]). RTF of
//!   its own becomes plain text. A message that travelled as plain text or as HTML alone has that form only: Outlook makes
//!   the other one up.
//! - **Attachments** follow in order; an attached message is one of `message/rfc822`, made by the same rules. What is no
//!   file (an OLE object without data) becomes nothing, and a note says so.

mod address;
mod body;
mod codepage;
mod headers;
mod mime;
pub mod msg;
pub mod property;
mod rtf;
pub(in crate::mail) mod tnef;
pub(in crate::mail) mod winmail;
mod write;

pub use self::property::{Properties, Value};
pub use self::write::{Written, to_mail};

/// Messages within messages. Deeper ones are left out with a note: each level is read by the one before it.
pub const MAX_DEPTH: usize = 10;
/// Attachments of one message; Outlook itself fails at a few hundred.
pub const MAX_ATTACHMENTS: usize = 1_000;
/// Recipients of one message. Exchange sends to at most 1,000 at once by default.
pub const MAX_RECIPIENTS: usize = 2_000;

/// One message as Outlook keeps it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// Its own properties.
    pub properties: Properties,
    /// To, Cc and Bcc, each with its properties.
    pub recipients: Vec<Properties>,
    /// Its attachments, in order.
    pub attachments: Vec<Attached>,
    /// What could not be read of it, each a sentence.
    pub notes: Vec<String>,
}

/// One attachment of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Attached {
    /// Its properties, without its content.
    pub properties: Properties,
    /// What is attached.
    pub content: Content,
}

/// What is attached.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A file.
    File(Vec<u8>),
    /// A message.
    Message(Box<Item>),
    /// Nothing that could be carried: a link, or something that could not be read.
    Nothing,
}
