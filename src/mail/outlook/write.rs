//! An item → a mail.

use super::body::{self, Html};
use super::mime::{self, Entity};
use super::property::id;
use super::{Attached, Content, Item, MAX_ATTACHMENTS, MAX_DEPTH, headers};

/// A mail that was made of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The mail: RFC 5322 and MIME, lines ending in CRLF.
    pub raw: Vec<u8>,
    /// What could not be carried, each a sentence.
    pub notes: Vec<String>,
}

/// Makes a mail of an item, by the rules of this room. Never fails: what cannot be carried is in the notes.
pub fn to_mail(item: &Item) -> Written {
    let mut notes = Vec::new();
    let raw = mail(item, 0, &mut notes);
    notes.dedup();
    Written { raw, notes }
}

/// How the text of an item is taken along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// It is.
    Carried,
    /// It is not: there is a better one.
    LeftOut,
}

fn mail(item: &Item, depth: usize, notes: &mut Vec<String>) -> Vec<u8> {
    let mut entity = Entity::multipart("mixed", parts(item, Text::Carried, depth, notes));
    entity.headers.splice(0..0, headers::lines(item).into_iter().chain(["MIME-Version: 1.0".into()]));
    entity.bytes()
}

/// The parts of an item: its text, then its attachments. At least one, and it may be empty.
pub(super) fn parts(item: &Item, text: Text, depth: usize, notes: &mut Vec<String>) -> Vec<Entity> {
    notes.extend(item.notes.iter().cloned());
    let mut parts = Vec::new();
    if text == Text::Carried {
        parts.extend(texts(item, notes));
    }
    if item.attachments.len() > MAX_ATTACHMENTS {
        notes.push("attachments of an Outlook message cut: more than the bound".into());
    }
    for attached in item.attachments.iter().take(MAX_ATTACHMENTS) {
        parts.extend(attachment(attached, depth, notes));
    }
    if parts.is_empty() {
        parts.push(Entity::leaf("text/plain; charset=utf-8", b""));
    }
    parts
}

fn texts(item: &Item, notes: &mut Vec<String>) -> Option<Entity> {
    let texts = body::texts(&item.properties);
    notes.extend(texts.note);
    let plain = texts.plain.map(|plain| Entity::leaf("text/plain; charset=utf-8", plain.as_bytes()));
    let html = texts.html.map(|Html { bytes, charset }| {
        let charset = charset.map(|charset| format!("; charset={charset}")).unwrap_or_default();
        Entity::leaf(&format!("text/html{charset}"), &bytes)
    });
    let forms: Vec<Entity> = plain.into_iter().chain(html).collect();
    (!forms.is_empty()).then(|| Entity::multipart("alternative", forms))
}

fn attachment(attached: &Attached, depth: usize, notes: &mut Vec<String>) -> Option<Entity> {
    let properties = &attached.properties;
    let names = [id::ATTACH_LONG_FILENAME, id::ATTACH_FILENAME, id::DISPLAY_NAME];
    let name = names.into_iter().find_map(|id| properties.text(id));
    let entity = match &attached.content {
        Content::File(bytes) => {
            let tag = properties.text(id::ATTACH_MIME_TAG).filter(|tag| is_media_type(tag));
            Entity::leaf(tag.as_deref().unwrap_or("application/octet-stream"), bytes)
        }
        Content::Message(_) if depth + 1 >= MAX_DEPTH => {
            notes.push("messages within messages deeper than the bound are left out".into());
            return None;
        }
        Content::Message(item) => {
            let inner = Entity::message(mail(item, depth + 1, notes));
            let subject = item.properties.text(id::SUBJECT).or(name).unwrap_or_default();
            let subject = subject.trim_start_matches(|c: char| c.is_control()).trim();
            let name = if subject.is_empty() { "message.eml".into() } else { format!("{subject}.eml") };
            return Some(inner.with(format!("Content-Disposition: attachment; {}", mime::parameter("filename", &name))));
        }
        Content::Nothing => return linked(attached, name, notes),
    };
    let content_id = properties.text(id::ATTACH_CONTENT_ID).map(|text| text.trim_matches(['<', '>', ' ']).to_owned());
    let content_id = content_id.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()));
    // ATT_MHTML_REF: the HTML shows it ([MS-OXCMSG] 2.2.2.18).
    let is_shown = properties.number(id::ATTACH_FLAGS).is_some_and(|flags| flags & 4 != 0)
        || properties.number(id::ATTACHMENT_HIDDEN).is_some_and(|hidden| hidden != 0);
    let disposition = if is_shown && content_id.is_some() { "inline" } else { "attachment" };
    let file_name = name.map(|name| format!("; {}", mime::parameter("filename", &name))).unwrap_or_default();
    let entity = entity.with(format!("Content-Disposition: {disposition}{file_name}"));
    Some(match content_id {
        Some(content_id) => entity.with(format!("Content-ID: <{content_id}>")),
        None => entity,
    })
}

/// What lies somewhere else: a link to it (RFC 2017), or nothing.
fn linked(attached: &Attached, name: Option<String>, notes: &mut Vec<String>) -> Option<Entity> {
    let name = name.unwrap_or_else(|| "without a name".into());
    let path = attached.properties.text(id::ATTACH_LONG_PATHNAME);
    match path.filter(|path| path.starts_with("https://") || path.starts_with("http://")) {
        Some(url) => {
            let url: String = url.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
            let file_name = mime::parameter("filename", &name);
            let headers = vec![
                format!("Content-Type: message/external-body; access-type=URL; {}", mime::parameter("URL", &url)),
                format!("Content-Disposition: attachment; {file_name}"),
            ];
            Some(Entity { headers, body: b"Content-Type: application/octet-stream\r\n\r\n".to_vec() })
        }
        None => {
            notes.push(format!("attachment {name:?} of an Outlook message holds nothing that can be carried"));
            None
        }
    }
}

/// A media type and nothing else (RFC 2045 5.1).
fn is_media_type(text: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_'))
    };
    // A multipart without a boundary, or a message that is none, would be read as what they are not.
    text.split_once('/').is_some_and(|(main, sub)| is_token(main) && is_token(sub) && !matches!(main, "multipart" | "message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail;
    use crate::mail::outlook::{Properties, Value};

    fn properties(values: Vec<(u16, Value)>) -> Properties {
        let mut properties = Properties::default();
        values.into_iter().for_each(|(id, value)| properties.add(id, value));
        properties
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn with_subject(subject: &str) -> Item {
        Item { properties: properties(vec![(id::SUBJECT, text(subject)), (id::BODY, text("Body.\r\n"))]), ..Item::default() }
    }

    #[test]
    fn an_item_becomes_a_mail_that_reads_the_same() {
        let mut item = with_subject("Plan: über");
        item.properties.add(id::HTML, text("<p>Body.</p>"));
        item.attachments.push(Attached {
            properties: properties(vec![
                (id::ATTACH_LONG_FILENAME, text("Entwurf ä.pdf")),
                (id::ATTACH_MIME_TAG, text("application/pdf")),
            ]),
            content: Content::File(b"%PDF".to_vec()),
        });
        item.attachments
            .push(Attached { properties: Properties::default(), content: Content::Message(Box::new(with_subject("Inner"))) });
        let written = to_mail(&item);
        assert_eq!(written, to_mail(&item.clone()), "the same item is the same mail");
        let message = mail::parse(&written.raw);
        assert_eq!(message.subject, "Plan: über");
        assert_eq!((message.body.plain.as_deref(), message.body.html.as_deref()), (Some("Body.\n"), Some("<p>Body.</p>")));
        let files: Vec<_> = message.attachments.iter().map(|file| (file.name.as_deref(), file.media_type.as_str())).collect();
        assert_eq!(files, [(Some("Entwurf ä.pdf"), "application/pdf"), (Some("Inner.eml"), "message/rfc822")]);
        assert!(written.notes.is_empty() && message.notes.is_empty(), "{:?} {:?}", written.notes, message.notes);
    }

    #[test]
    fn messages_in_messages_end_at_the_bound() {
        let mut item = with_subject("innermost");
        for _ in 0..MAX_DEPTH + 5 {
            let mut outer = with_subject("outer");
            outer.attachments.push(Attached { properties: Properties::default(), content: Content::Message(Box::new(item)) });
            item = outer;
        }
        let written = to_mail(&item);
        assert_eq!(written.notes, ["messages within messages deeper than the bound are left out"]);
    }
}
