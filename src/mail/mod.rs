//! What a message is. Pure: bytes come in, values go out; no file, no clock, no network.
//!
//! Parsing never fails: any bytes at all give a [`Message`] with notes.

pub mod address;
pub mod attachment;
pub mod authentication;
pub mod author;
pub mod automatic;
mod calendar;
pub mod dating;
pub mod id;
mod identity;
pub mod lookalike;
pub mod outlook;
mod parse;
mod picture;
mod reading;
pub mod shared;
mod subject;
pub mod text;
pub mod thread;
pub mod turn;

use chrono::{DateTime, FixedOffset};

pub use self::address::{Address, Correspondent};
pub use self::attachment::{Attachment, Parts};
pub use self::authentication::AuthenticationResults;
pub use self::author::Byline;
pub use self::automatic::Automatic;
pub use self::id::{Digest, MessageId, MessageKey, ObjectId, ThreadId};
pub use self::parse::parse;
pub use self::text::Body;

/// One e-mail, understood. Everything is decoded; nothing borrows from the raw bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The identity: Message-ID and content.
    pub key: MessageKey,
    /// The Message-ID, where there is a usable one.
    pub message_id: Option<MessageId>,
    /// In-Reply-To, in order.
    pub in_reply_to: Vec<MessageId>,
    /// References, oldest first.
    pub references: Vec<MessageId>,
    /// The conversation of Outlook's Thread-Index: its first 22 bytes ([MS-OXOMSG] 2.2.1.3), where the header holds them.
    pub conversation: Option<Vec<u8>>,
    /// The subject, decoded, NFC, white space folded, without control or direction characters; may be empty.
    pub subject: String,
    /// The sender's date with its own offset; `None` where there is none or it is impossible.
    pub date: Option<DateTime<FixedOffset>>,
    /// The date of the topmost Received header: when our side got it.
    pub received: Option<DateTime<FixedOffset>>,
    /// From: the authors.
    pub from: Vec<Correspondent>,
    /// The author behind a list that wrote itself into From, where the rewriting is certain. The list says so and nobody
    /// else: it is shown, and decides nothing.
    pub behind: Option<Correspondent>,
    /// Sender: who sent it for them; never taken for the author.
    pub sender: Vec<Correspondent>,
    /// To.
    pub to: Vec<Correspondent>,
    /// Cc.
    pub cc: Vec<Correspondent>,
    /// Bcc, as copies in Sent hold it: no audience, and never shown in a post.
    pub bcc: Vec<Correspondent>,
    /// Reply-To.
    pub reply_to: Vec<Correspondent>,
    /// The text parts.
    pub body: Body,
    /// Every leaf part with Content-Disposition attachment, or a file name, or a main type other than text, in order.
    pub attachments: Vec<Attachment>,
    /// Invitations and other events of its calendars, as text that people read.
    pub invitations: Vec<String>,
    /// The leaf parts by what becomes of them.
    pub parts: Parts,
    /// The Authentication-Results headers (RFC 8601), topmost first.
    pub authentication: Vec<AuthenticationResults>,
    /// What a program wrote, and by which sign that is known; `None` for what a person did, or may have done.
    pub automatic: Option<Automatic>,
    /// What was odd, each a sentence for people, such as `charset guessed: windows-1252`.
    pub notes: Vec<String>,
}

impl Message {
    /// The audience: everyone in From, To and Cc (Bcc does not count).
    pub fn audience(&self) -> impl Iterator<Item = &Correspondent> {
        self.from.iter().chain(&self.to).chain(&self.cc)
    }

    /// The author as From has it: its first, if any. For a list that took the From line see
    /// [`Message::behind`].
    pub fn author(&self) -> Option<&Correspondent> {
        self.from.first()
    }
}
