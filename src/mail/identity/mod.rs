//! The identity of a message: what of it survives transport.
//!
//! Copies of one message reach us with other transport headers and line ends, encoded anew, and with what lists and
//! gateways add: a tag in the subject, a footer, a banner, an author "via" the list. They must get one key. Message-ID
//! alone would lose mail: some programs give one id to different messages.

use super::id::{Digest, MessageId, MessageKey};
use super::{Correspondent, subject};

mod footer;

/// The version of what goes into a key. Keys are compared with those in the ledgers of earlier runs: whoever changes what
/// is hashed changes this, and knows that every message in every ledger will look new.
const VERSION: &[u8] = b"mailferry message 1";

/// What goes into the identity.
#[derive(Debug)]
pub(super) struct Copied<'m> {
    pub(super) message_id: Option<&'m MessageId>,
    /// Seconds since 1970.
    pub(super) date: Option<i64>,
    pub(super) from: &'m [Correspondent],
    /// X-Original-From: the author before a list took the From line.
    pub(super) original_from: &'m [Correspondent],
    /// Where lists keep the author whose From line they took: Reply-To, Cc.
    pub(super) others: [&'m [Correspondent]; 2],
    /// The subject, decoded.
    pub(super) subject: &'m str,
    /// The text in stretches.
    pub(super) texts: &'m [Text<'m>],
    /// The attachments' digests by [`file`].
    pub(super) files: &'m [Digest],
}

/// A stretch of text in the form that is compared: the plain one where there is one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text<'m> {
    /// Plain text.
    Plain(&'m str),
    /// HTML, as it is: to render it would cost more than all the rest.
    Html(&'m str),
}

/// The key of a message.
pub(super) fn key(copied: &Copied<'_>) -> MessageKey {
    let date = copied.date.map(|seconds| seconds.to_string()).unwrap_or_default();
    let from = authors(copied).join(",");
    let subject = subject::base(copied.subject).to_lowercase();
    let text = folded_text(copied.texts);
    let mut files: Vec<&[u8]> = copied.files.iter().map(|digest| digest.as_bytes().as_slice()).collect();
    files.sort_unstable();
    let id = copied.message_id.map(MessageId::as_str).unwrap_or_default();
    let fields = [VERSION, id.as_bytes(), date.as_bytes(), from.as_bytes(), subject.as_bytes(), text.as_bytes(), &files.concat()];
    MessageKey::new(Digest::of_fields(&fields))
}

/// The digest of an attachment in its copies: one that is not encoded has the line ends of its transport.
pub(super) fn file(bytes: &[u8], sha256: Digest) -> Digest {
    let trimmed = bytes.trim_ascii_end();
    if memchr::memchr(b'\r', trimmed).is_none() {
        return if trimmed.len() == bytes.len() { sha256 } else { Digest::of(trimmed) };
    }
    let mut folded = Vec::with_capacity(trimmed.len());
    for line in trimmed.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(content) => {
                folded.extend_from_slice(content);
                folded.push(b'\n');
            }
            None => folded.extend_from_slice(line),
        }
    }
    Digest::of(&folded)
}

/// The addresses of the authors. Where a list wrote itself into From ("Ann via List", to survive DMARC), the author is
/// who has that name elsewhere on the message.
fn authors(copied: &Copied<'_>) -> Vec<String> {
    let original = |person: &Correspondent| {
        let name = super::author::via_name(&person.name)?;
        let everyone = copied.original_from.iter().chain(copied.others.into_iter().flatten());
        everyone.filter(|other| other.address != person.address).find(|other| other.name.eq_ignore_ascii_case(name))
    };
    let mut authors: Vec<_> = copied.from.iter().map(|person| original(person).unwrap_or(person).address.folded()).collect();
    authors.sort();
    authors.dedup();
    authors
}

/// The text without what was added on the way, without white space (it changes with every encoding), and without the
/// quote marks at the start of lines (they change with every wrapping, and mbox adds its own).
fn folded_text(texts: &[Text<'_>]) -> String {
    let mut out = String::with_capacity(texts.iter().map(|text| text.len()).sum());
    for text in texts {
        match text {
            Text::Plain(plain) => {
                for line in footer::without_additions(plain).lines() {
                    fold_into(line.trim_start_matches(['>', ' ', '\t']), &mut out);
                }
            }
            Text::Html(html) => fold_into(html, &mut out),
        }
    }
    out
}

fn fold_into(text: &str, out: &mut String) {
    // The same for both, and three times as quick for most of the world's mail.
    if text.is_ascii() {
        text.split_ascii_whitespace().for_each(|word| out.push_str(word));
    } else {
        text.split_whitespace().for_each(|word| out.push_str(word));
    }
}

impl Text<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Plain(text) | Self::Html(text) => text.len(),
        }
    }
}
