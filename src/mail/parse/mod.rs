//! Bytes → [`Message`].
//!
//! mail-parser reads the fields and decodes the bytes; the structure around them is split here, in bounds
//! ([`bounds`]), since a mail may hold a million of anything.

mod body;
mod bounds;
pub(super) mod charset;
pub(super) mod clean;
mod date;
mod files;
mod flowed;
mod header;
pub(super) mod notes;
mod parameters;
mod part;
mod people;
mod seal;
mod signs;
mod transfer;
mod winmail;
mod words;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, FixedOffset};

use self::header::Headers;
use self::notes::Notes;
use self::part::Part;
use super::identity::{self, Copied};
use super::{Correspondent, Message, MessageId, authentication, author, lookalike};

/// Understands one raw message (RFC 5322, MIME). LF and CRLF alike. Never fails: what cannot be understood is in the notes.
pub fn parse(raw: &[u8]) -> Message {
    let bytes = with_line_feeds(raw);
    let mut notes = Notes::default();
    let root = Part::read(&bytes, &mut notes);
    let headers = &root.headers;
    if headers.is_empty() {
        notes.add("no headers: this may be no mail");
    }
    let stretches = body::stretches(&root, &mut notes);
    seal::note(&root, &stretches, &mut notes);
    let body = body::assemble(&stretches);
    let files = files::attachments(&root, body.html.as_deref(), &mut notes);
    let message_id = headers.only("Message-ID", &mut notes).and_then(|value| ids(value, &mut notes).into_iter().next());
    let subject = subject(headers, &mut notes);
    let (date, date_of_key) = headers.only("Date", &mut notes).map_or((None, None), |value| read_date(value, &mut notes));
    let [from, reply_to, cc] = ["From", "Reply-To", "Cc"].map(|name| people(headers, name, &mut notes));
    let original_from = people(headers, "X-Original-From", &mut notes);
    let behind = behind(headers, &original_from, &from, [&reply_to, &cc]);
    let key = identity::key(&Copied {
        message_id: message_id.as_ref(),
        date: date_of_key.map(|date| date.timestamp()),
        from: &from,
        original_from: &original_from,
        others: [&reply_to, &cc],
        subject: &subject,
        texts: &stretches.iter().map(text_of_stretch).collect::<Vec<_>>(),
        files: &files.iter().map(|(_, content)| *content).collect::<Vec<_>>(),
    });
    // The identity above is that of what was sent: whether a container opens is no part of it.
    let opened = winmail::opened(&bytes, &root, &mut notes);
    let shown = match opened.as_deref().map(|opened| Part::read(opened, &mut notes)) {
        Some(root) => Shown::of(&root, &mut notes),
        None => Shown::with(&root, &stretches, body, files.into_iter().map(|(file, _)| file).collect(), &mut notes),
    };
    let mut message = Message {
        key,
        message_id,
        in_reply_to: all_ids(headers, "In-Reply-To", &mut notes),
        references: all_ids(headers, "References", &mut notes),
        conversation: headers.first("Thread-Index").and_then(conversation),
        automatic: signs::read(&root, &subject, &from),
        subject,
        date,
        received: headers.first("Received").and_then(received),
        sender: people(headers, "Sender", &mut notes),
        to: people(headers, "To", &mut notes),
        bcc: people(headers, "Bcc", &mut notes),
        from,
        behind,
        cc,
        reply_to,
        body: shown.body,
        attachments: shown.attachments,
        invitations: shown.invitations,
        parts: shown.parts,
        authentication: authentications(headers, &mut notes),
        notes: Vec::new(),
    };
    lookalike::remarks(&message).into_iter().for_each(|remark| notes.add(remark));
    message.notes = notes.into_vec();
    message
}

/// What a message shows.
struct Shown {
    body: super::Body,
    attachments: Vec<super::Attachment>,
    invitations: Vec<String>,
    parts: super::Parts,
}

impl Shown {
    fn of(root: &Part<'_>, notes: &mut Notes) -> Self {
        let stretches = body::stretches(root, notes);
        let body = body::assemble(&stretches);
        let files = files::attachments(root, body.html.as_deref(), notes);
        Self::with(root, &stretches, body, files.into_iter().map(|(file, _)| file).collect(), notes)
    }

    fn with(
        root: &Part<'_>,
        stretches: &[body::Stretch],
        body: super::Body,
        attachments: Vec<super::Attachment>,
        notes: &mut Notes,
    ) -> Self {
        let invitations = files::invitations(root, notes);
        let parts = files::count(root, stretches, &invitations, &attachments);
        Self { body, attachments, invitations: invitations.into_iter().map(|(_, text)| text).collect(), parts }
    }
}

/// The decoded bytes of the part with this index.
pub(super) fn part_bytes(raw: &[u8], index: usize) -> Option<Vec<u8>> {
    let bytes = with_line_feeds(raw);
    let mut notes = Notes::default();
    let root = Part::read(&bytes, &mut notes);
    let opened = winmail::opened(&bytes, &root, &mut notes);
    let root = opened.as_deref().map_or(root, |opened| Part::read(opened, &mut notes));
    let part = root.leaves().into_iter().find(|part| part.index == index)?;
    Some(part.decoded(&mut notes).into_owned())
}

/// Runs a function of mail-parser's. It is made not to panic, and panics of it were found and mended again and again:
/// one mail must not stop a run. `None` where it did.
pub(super) fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()
}

/// The message without blank lines or a byte order mark on top; a mail of the old Macintosh, whose lines end in CR
/// alone, with line feeds.
fn with_line_feeds(raw: &[u8]) -> Cow<'_, [u8]> {
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let blank = raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let raw = raw.get(blank..).unwrap_or_default();
    if memchr::memchr(b'\n', raw).is_some() || memchr::memchr(b'\r', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(raw.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }).collect())
}

fn subject(headers: &Headers<'_>, notes: &mut Notes) -> String {
    let value = headers.only("Subject", notes).unwrap_or_default();
    let subject = clean::line(&words::decoded(value, notes), bounds::SUBJECT_CHARS + 1);
    if subject.chars().count() <= bounds::SUBJECT_CHARS {
        return subject;
    }
    notes.add("subject cut: longer than the bound");
    clean::line(&subject, bounds::SUBJECT_CHARS)
}

/// The author behind a list that took the From line.
fn behind(
    headers: &Headers<'_>,
    original_from: &[Correspondent],
    from: &[Correspondent],
    [reply_to, cc]: [&[Correspondent]; 2],
) -> Option<Correspondent> {
    let quiet = &mut Notes::default();
    let mut in_brackets = |name: &str| {
        let text = headers.first(name).map(|value| words::written(value, quiet).to_lowercase()).unwrap_or_default();
        let urls: Vec<String> =
            text.split('<').skip(1).filter_map(|rest| Some(rest.split_once('>')?.0.trim().to_owned())).collect();
        if urls.is_empty() { vec![text.trim().to_owned()] } else { urls }
    };
    let list_id = in_brackets("List-Id").pop().unwrap_or_default();
    let list_post =
        in_brackets("List-Post").iter().find_map(|url| Some(url.strip_prefix("mailto:")?.to_owned())).unwrap_or_default();
    let original_sender = &people(headers, "X-Original-Sender", quiet);
    author::behind(&author::Traces { from, original_from, original_sender, reply_to, cc, list_id: &list_id, list_post: &list_post })
}

/// The people of a header. A list that was repeated is one list (RFC 5322 4.5); of two authors only the first counts.
fn people(headers: &Headers<'_>, name: &str, notes: &mut Notes) -> Vec<Correspondent> {
    if matches!(name, "From" | "Sender" | "X-Original-From" | "X-Original-Sender") {
        return headers.only(name, notes).map(|value| people::parse(value, notes)).unwrap_or_default();
    }
    headers.all(name).flat_map(|value| people::parse(value, notes)).take(bounds::ADDRESSES).collect()
}

/// The ids between angle brackets; without brackets, the words that look like ids.
fn ids(value: &[u8], notes: &mut Notes) -> Vec<MessageId> {
    let text = words::written(value, notes);
    let mut ids = Vec::new();
    let mut rest: &str = &text;
    while let Some((_, tail)) = rest.split_once('<') {
        let Some((id, after)) = tail.split_once('>') else { break };
        // An id that was never closed ends where the next one begins.
        ids.extend(id.split('<').filter_map(MessageId::parse));
        rest = after;
    }
    if ids.is_empty() && !text.contains('<') {
        let mut bare: Vec<&str> = text.split_whitespace().collect();
        if bare.len() > 1 {
            bare.retain(|word| word.contains('@'));
        }
        ids.extend(bare.into_iter().filter_map(MessageId::parse));
    }
    ids
}

/// The ids of a header that may name many: where there are too many, the oldest and the latest.
fn all_ids(headers: &Headers<'_>, name: &str, notes: &mut Notes) -> Vec<MessageId> {
    let mut ids: Vec<_> = headers.all(name).flat_map(|value| ids(value, notes)).collect();
    let surplus = ids.len().saturating_sub(bounds::IDS);
    if surplus > 0 {
        ids.drain(1..=surplus);
        notes.add(format!("{name} cut: more ids than the bound"));
    }
    ids
}

/// The date of a message, and the one that its key is made of.
fn read_date(value: &[u8], notes: &mut Notes) -> (Option<DateTime<FixedOffset>>, Option<DateTime<FixedOffset>>) {
    let text = words::written(value, notes);
    let date = date::parse(&text);
    if date.is_none() && !text.trim().is_empty() {
        notes.add("the date cannot be read");
    }
    (date, date.or_else(|| date::parse_for_identity(&text)))
}

/// The date of a Received header stands behind its last semicolon (RFC 5321 4.4).
fn received(value: &[u8]) -> Option<DateTime<FixedOffset>> {
    let text = words::written(value, &mut Notes::default());
    date::parse(text.rsplit_once(';')?.1)
}

/// The first 22 bytes of Outlook's Thread-Index: one version byte, five of a date, sixteen of a GUID.
fn conversation(value: &[u8]) -> Option<Vec<u8>> {
    let (bytes, _) = transfer::base64(value.get(..bounds::LINE_CHARS).unwrap_or(value));
    bytes.get(..22).filter(|header| header.first() == Some(&1)).map(<[u8]>::to_vec)
}

fn text_of_stretch(stretch: &body::Stretch) -> identity::Text<'_> {
    match (&stretch.plain, &stretch.html) {
        (Some(plain), html) if !plain.trim().is_empty() || html.is_none() => identity::Text::Plain(plain),
        (_, Some(html)) => identity::Text::Html(html),
        (Some(_) | None, None) => identity::Text::Plain(""),
    }
}

fn authentications(headers: &Headers<'_>, notes: &mut Notes) -> Vec<authentication::AuthenticationResults> {
    let values = headers.all("Authentication-Results").take(bounds::AUTHENTICATION_HEADERS);
    values.filter_map(|value| authentication::parse(&words::written(value, notes))).collect()
}
