//! Bytes → message → its place in a thread.

use std::collections::BTreeSet;

use mailferry::mail::thread::{self, MapMemory};
use mailferry::mail::{self, Attachment, Digest, Message, attachment};

use super::harmless::one_harmless_line;

/// The bounds that a message keeps, by what its documentation and its notes say.
const MOST: [(&str, usize); 6] = [
    ("ids of a header", 500),
    ("people of a header", 2_000),
    ("attachments", 1_000),
    ("notes", 20),
    ("results", 20),
    ("subject", 10_000),
];
/// Attachments whose bytes are read again; each costs a pass over the mail.
const READ_AGAIN: usize = 3;

/// A mail is understood in one way, in bounds, with either line end; nothing in a field of it acts.
pub(crate) fn parsing(raw: &[u8]) {
    let message = mail::parse(raw);
    assert_eq!(message, mail::parse(raw), "two readings differ");
    within_bounds(&message);
    fields_are_harmless(&message);
    for file in message.attachments.iter().take(READ_AGAIN) {
        let size = attachment::bytes(raw, file).map(|bytes| bytes.len() as u64);
        assert_eq!(size, Some(file.size), "the bytes of {file:?} are others than were listed");
    }
    either_line_end(raw);
    has_one_place(&message);
}

fn within_bounds(message: &Message) {
    let Message { references, in_reply_to, attachments, notes, authentication, subject, .. } = message;
    let people = [&message.from, &message.sender, &message.to, &message.cc, &message.bcc, &message.reply_to];
    let most_people = people.iter().map(|people| people.len()).max().unwrap_or_default();
    let ids = references.len().max(in_reply_to.len());
    let found = [ids, most_people, attachments.len(), notes.len(), authentication.len(), subject.chars().count()];
    for ((what, most), found) in MOST.into_iter().zip(found) {
        assert!(found <= most, "{what}: {found} are more than {most}");
    }
}

fn fields_are_harmless(message: &Message) {
    one_harmless_line("the subject", &message.subject);
    let Message { from, sender, to, cc, bcc, reply_to, .. } = message;
    for person in [from, sender, to, cc, bcc, reply_to].into_iter().flatten().chain(&message.behind) {
        one_harmless_line("a name", &person.name);
        one_harmless_line("an address", person.address.as_str());
        assert!(person.name.chars().count() <= 998 && person.address.as_str().chars().count() <= 2_000, "endless: {person:?}");
    }
    for id in message.message_id.iter().chain(&message.references).chain(&message.in_reply_to) {
        one_harmless_line("an id", id.as_str());
        assert!(!id.as_str().is_empty() && !id.as_str().contains(char::is_whitespace), "{id:?}");
    }
    for file in &message.attachments {
        let name = file.name.as_deref().unwrap_or("unnamed");
        one_harmless_line("the name of a file", name);
        one_harmless_line("the type of a file", &file.media_type);
        assert!(!name.contains(['/', '\\']) && !matches!(name, "" | "." | "..") && name.len() <= 255, "{name:?}");
    }
    for note in &message.notes {
        one_harmless_line("a note", note);
    }
}

/// The same mail with LF and with CRLF has one key, and differs in nothing but the bytes of files that are not encoded.
fn either_line_end(raw: &[u8]) {
    let lf: Vec<u8> = raw.iter().copied().filter(|byte| *byte != b'\r').collect();
    let crlf: Vec<u8> =
        lf.iter().flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) }).copied().collect();
    let [one, other] = [lf, crlf].map(|raw| {
        let mut message = mail::parse(&raw);
        message.attachments.iter_mut().for_each(without_bytes);
        message
    });
    assert_eq!(one, other, "LF and CRLF differ");
}

fn without_bytes(file: &mut Attachment) {
    (file.size, file.sha256) = (0, Digest::of(b""));
    file.contents.iter_mut().for_each(without_bytes);
}

fn has_one_place(message: &Message) {
    let links = thread::links(message);
    assert_eq!(links, thread::links(message), "two places");
    assert_eq!(links.ids.iter().collect::<BTreeSet<_>>().len(), links.ids.len(), "an id twice");
    let mut memory = MapMemory::default();
    let Ok(first) = thread::place(&links, &mut memory);
    memory.remember(links.key, first);
    let Ok(again) = thread::place(&links, &mut memory);
    assert_eq!(first, again, "a copy has another thread");
}
