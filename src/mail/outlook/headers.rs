//! The headers of a mail that is made of an item.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use super::address::{self, Kind, Person};
use super::property::{Properties, id};
use super::{Item, MAX_RECIPIENTS, mime};

/// The header lines of an item, without line ends (folds are within them).
pub(super) fn lines(item: &Item) -> Vec<String> {
    let properties = &item.properties;
    let mut lines: Vec<String> = fields(properties).filter(|(name, _)| !is_of_mime(name)).map(|(_, line)| line).collect();
    let has = |lines: &[String], name: &str| lines.iter().any(|line| is_field(line, name));
    // Whose headers have an author travelled with them: their recipients are complete as well.
    if !has(&lines, "from") {
        lines.retain(|line| !["to", "cc", "bcc", "sender"].iter().any(|name| is_field(line, name)));
        lines.extend(people(item));
    }
    let made = [
        ("Subject", properties.text(id::SUBJECT).map(|subject| mime::text(without_mark(&subject)))),
        ("Date", date(properties).map(|date| date.format("%a, %d %b %Y %H:%M:%S +0000").to_string())),
        ("Message-ID", properties.text(id::INTERNET_MESSAGE_ID).and_then(|id| in_brackets(&id).pop())),
        ("In-Reply-To", properties.text(id::IN_REPLY_TO_ID).map(|ids| in_brackets(&ids).join("\r\n "))),
        ("References", properties.text(id::INTERNET_REFERENCES).map(|ids| in_brackets(&ids).join("\r\n "))),
        ("Thread-Index", properties.bytes(id::CONVERSATION_INDEX).map(thread_index)),
    ];
    for (name, value) in made {
        if let Some(value) = value.filter(|value| !value.is_empty())
            && !has(&lines, &name.to_ascii_lowercase())
        {
            lines.push(format!("{name}: {value}"));
        }
    }
    lines
}

/// The value of a header that an item travelled with; the name in lower case.
pub(super) fn travelled(properties: &Properties, name: &str) -> Option<String> {
    fields(properties).find(|(own, _)| own == name).and_then(|(_, line)| line.split_once(':').map(|(_, value)| value.to_owned()))
}

/// The headers that an item travelled with: the name in lower case, and the lines of the field.
fn fields(properties: &Properties) -> impl Iterator<Item = (String, String)> {
    let block = properties.text(id::TRANSPORT_MESSAGE_HEADERS).unwrap_or_default();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in block.lines().map(|line| line.trim_end_matches('\r')) {
        if line.starts_with([' ', '\t']) {
            if let Some((_, field)) = fields.last_mut().filter(|_| !line.trim().is_empty()) {
                field.push_str("\r\n");
                field.push_str(line);
            }
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { continue };
        // Outlook puts a line of its own on top, and what is no name would end the headers.
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) {
            fields.push((name.to_ascii_lowercase(), line.to_owned()));
        }
    }
    fields.into_iter()
}

fn is_field(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(own, value)| own.eq_ignore_ascii_case(name) && !value.trim().is_empty())
}

/// What describes a form that the message no longer has.
fn is_of_mime(name: &str) -> bool {
    name.starts_with("content-") || matches!(name, "mime-version" | "x-ms-tnef-correlator")
}

fn people(item: &Item) -> Vec<String> {
    let properties = &item.properties;
    let mut lines = Vec::new();
    let (author, sender) = (address::author(properties), address::sender(properties));
    if let Some(sender) = sender.filter(|sender| author.as_ref().is_some_and(|author| author.address != sender.address)) {
        lines.push(format!("Sender: {}", mailbox(&sender)));
    }
    lines.extend(author.map(|author| format!("From: {}", mailbox(&author))));
    let recipients: Vec<_> = item.recipients.iter().take(MAX_RECIPIENTS).filter_map(address::recipient).collect();
    let shown = [(Kind::To, "To", id::DISPLAY_TO), (Kind::Cc, "Cc", id::DISPLAY_CC), (Kind::Bcc, "Bcc", id::DISPLAY_BCC)];
    for (kind, name, line) in shown {
        let mut people: Vec<Person> = recipients.iter().filter(|(own, _)| *own == kind).map(|(_, person)| person.clone()).collect();
        if recipients.is_empty() {
            people = properties.text(line).map(|line| address::shown(&line)).unwrap_or_default();
        }
        if !people.is_empty() {
            lines.push(format!("{name}: {}", people.iter().map(mailbox).collect::<Vec<_>>().join(",\r\n ")));
        }
    }
    lines
}

fn mailbox(person: &Person) -> String {
    match person.name.trim() {
        "" => person.address.clone(),
        name if name == person.address => person.address.clone(),
        name => format!("{} <{}>", mime::phrase(name), person.address),
    }
}

/// When it was sent; where nobody says so, when it came.
fn date(properties: &Properties) -> Option<DateTime<Utc>> {
    properties.time(id::CLIENT_SUBMIT_TIME).or_else(|| properties.time(id::MESSAGE_DELIVERY_TIME))
}

/// A subject in a PST begins with a mark and the length of its prefix (\[MS-PST\] 2.5.3.1.1.1).
fn without_mark(subject: &str) -> &str {
    let Some(marked) = subject.strip_prefix('\u{1}') else { return subject };
    let mut chars = marked.chars();
    chars.next();
    chars.as_str()
}

/// Ids, each between angle brackets.
fn in_brackets(ids: &str) -> Vec<String> {
    let ids = ids.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',') || c.is_control());
    ids.filter(|id| !id.is_empty()).map(|id| format!("<{id}>")).collect()
}

/// Thread-Index is the conversation index in base64 (\[MS-OXCMAIL\] 2.2.3.1.10).
fn thread_index(index: &[u8]) -> String {
    // 22 bytes and 5 for each answer; a line holds that of a hundred answers.
    STANDARD.encode(index.get(..522).unwrap_or(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::outlook::Value;

    fn item(values: Vec<(u16, Value)>) -> Item {
        let mut item = Item::default();
        values.into_iter().for_each(|(id, value)| item.properties.add(id, value));
        item
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn headers_that_travelled_stay_and_what_is_missing_is_made() {
        let block = "Microsoft Mail Internet Headers Version 2.0\r\nFrom: Ann <ann@acme.example>\r\nTo: bob@b.example,\r\n\tcy@c.example\r\n\
                     MIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nX-Odd: 1\r\n\r\n";
        let item = item(vec![
            (id::TRANSPORT_MESSAGE_HEADERS, text(block)),
            (id::SUBJECT, text("\u{1}\u{5}Re: Grüße")),
            (id::INTERNET_MESSAGE_ID, text("<a@acme.example>")),
            (id::CLIENT_SUBMIT_TIME, Value::Time(130_000_000_000_000_000)),
            (id::DISPLAY_TO, text("somebody else")),
        ]);
        assert_eq!(
            lines(&item),
            [
                "From: Ann <ann@acme.example>",
                "To: bob@b.example,\r\n\tcy@c.example",
                "X-Odd: 1",
                "Subject: =?utf-8?B?UmU6IEdyw7zDn2U=?=",
                "Date: Fri, 14 Dec 2012 23:06:40 +0000",
                "Message-ID: <a@acme.example>",
            ]
        );
    }

    #[test]
    fn headers_are_made_where_there_are_none() {
        let mut item = item(vec![
            (id::SENT_REPRESENTING_NAME, text("Lee, Ann")),
            (id::SENT_REPRESENTING_SMTP_ADDRESS, text("ann@acme.example")),
            (id::SENDER_NAME, text("Desk")),
            (id::SENDER_ADDRESS, text("desk@acme.example")),
            (id::IN_REPLY_TO_ID, text("<q@b.example>")),
            (id::INTERNET_REFERENCES, text("<p@b.example><q@b.example>")),
            (id::CONVERSATION_INDEX, Value::Bytes(vec![1; 22])),
        ]);
        let mut recipient = Properties::default();
        recipient.add(id::RECIPIENT_TYPE, Value::Number(2));
        recipient.add(id::SMTP_ADDRESS, text("bob@b.example"));
        item.recipients.push(recipient);
        assert_eq!(
            lines(&item),
            [
                "Sender: \"Desk\" <desk@acme.example>",
                "From: \"Lee, Ann\" <ann@acme.example>",
                "Cc: bob@b.example",
                "In-Reply-To: <q@b.example>",
                "References: <p@b.example>\r\n <q@b.example>",
                "Thread-Index: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==",
            ]
        );
    }
}
