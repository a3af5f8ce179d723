//! A message as it is read: its text, with its invitations before it and its pictures named where they stand.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::Message;
use super::attachment::{Attachment, Fate};
use super::text::{self, Body, Reading};

/// A picture in HTML that lies in the message itself (RFC 2392). A tag is at most so long that a hostile one ends.
#[expect(clippy::expect_used, reason = "the pattern is written here and a test reads it")]
static PICTURE_TAG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?is)<img\b[^>]*?\bsrc\s*=\s*["']?cid:([^"'\s>]+)["']?[^>]*>"#).expect("the pattern is right"));
/// What stands for one in plain text: Outlook writes the id.
#[expect(clippy::expect_used, reason = "the pattern is written here and a test reads it")]
static PICTURE_MARK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[cid:([^\]\s]+)\]").expect("the pattern is right"));

impl Message {
    /// Reads the text for people: the invitations of the message, then the author's own new text, with each picture that is
    /// content named at its place.
    pub fn reading(&self) -> Reading {
        let body = Body {
            plain: self.body.plain.as_deref().map(|plain| self.with_pictures(plain, &PICTURE_MARK, str::to_owned)),
            html: self.body.html.as_deref().map(|html| self.with_pictures(html, &PICTURE_TAG, escaped)),
        };
        let mut reading = text::read_under(&self.subject, &body);
        if !self.invitations.is_empty() {
            let invitations = self.invitations.join("\n");
            let between = if reading.text.is_empty() { "" } else { "\n" };
            reading.text = format!("{invitations}{between}{}", reading.text);
        }
        reading
    }

    fn with_pictures(&self, text: &str, pattern: &Regex, written: impl Fn(&str) -> String) -> String {
        // The first of a name counts. A map, as a mail may show half a million pictures out of a thousand.
        let files: BTreeMap<&str, &Attachment> =
            self.attachments.iter().rev().filter_map(|file| Some((file.content_id.as_deref()?, file))).collect();
        let picture = |id: &str| {
            let file = files.get(id)?;
            Some(if matches!(file.fate, Fate::LeftOut(_)) { String::new() } else { written(&shown(file)) })
        };
        let named = |found: &Captures<'_>| {
            let whole = found.get(0).map_or("", |whole| whole.as_str());
            found.get(1).and_then(|id| picture(id.as_str())).unwrap_or_else(|| whole.to_owned())
        };
        if files.is_empty() { text.to_owned() } else { pattern.replace_all(text, named).into_owned() }
    }
}

fn shown(file: &Attachment) -> String {
    format!("[Picture: {}]", file.name.as_deref().unwrap_or("without a name"))
}

fn escaped(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<span>{escaped}</span>")
}

#[cfg(test)]
mod tests {
    use crate::mail::parse;

    fn with_picture(text: &str) -> String {
        format!(
            "Subject: x\nContent-Type: multipart/related; boundary=r\n\n--r\n{text}\n--r\nContent-Type: image/png; name=chart.png\n\
             Content-ID: <c1@x>\n\nnot cut\n--r--\n"
        )
    }

    #[test]
    fn pictures_are_named_where_they_stand() {
        let html =
            "Content-Type: text/html\n\n<p>Before</p><p><img width=3 src=\"cid:c1@x\" alt=y></p><p>After <img src=cid:other></p>";
        assert_eq!(parse(with_picture(html).as_bytes()).reading().text, "Before\n\n[Picture: chart.png]\n\nAfter\n");
        let plain = "\nBefore\n[cid:c1@x]\nAfter [cid:other]";
        assert_eq!(parse(with_picture(plain).as_bytes()).reading().text, "Before\n[Picture: chart.png]\nAfter [cid:other]\n");
    }

    #[test]
    fn an_invitation_stands_before_the_text() {
        let calendar =
            "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Talk\nDTSTART:20210301T090000Z\nEND:VEVENT\nEND:VCALENDAR";
        let mail = format!(
            "Subject: x\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nSee you.\n--a\nContent-Type: text/calendar\n\n{calendar}\n--a--\n"
        );
        let message = parse(mail.as_bytes());
        assert_eq!(message.reading().text, "Invitation: Talk\nWhen: Mon 1 Mar 2021, 09:00 (UTC)\n\nSee you.\n");
        assert_eq!((message.parts.posted, message.notes.len()), (2, 0));
    }

    #[test]
    fn a_text_of_tags_without_end_is_read_in_linear_time() {
        let html = format!("Content-Type: text/html\n\n{}", "<img src=".repeat(100_000));
        parse(with_picture(&html).as_bytes()).reading();
    }
}
