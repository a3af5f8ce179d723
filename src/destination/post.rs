//! Message → posts, pure: what is said in a channel, before any destination's own markup.
//!
//! The first post of a message carries its heading (author, people, date, subject) and the first piece of its text;
//! further pieces follow, numbered; then each file. A file that is not carried (too large, a type that runs, empty where
//! the destination refuses that, kept elsewhere) is a *stub*: a line at the end of the text that names file, size, digest
//! and reason. What is no content, such as a signature or a tracking pixel, is no part of a post.

use chrono::{DateTime, FixedOffset, Utc};

use super::{EmptyFiles, Limits};
use crate::delivery::{DeliveryKey, Part};
use crate::mail::attachment::{Fate, Named};
use crate::mail::text::Reading;
use crate::mail::{Attachment, Correspondent, Digest, Message};

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

/// Everything that is needed to say a message.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The message.
    pub message: &'a Message,
    /// Its text as it is read.
    pub reading: &'a Reading,
    /// The date that orders it, for a message whose own date cannot be used.
    pub date: DateTime<Utc>,
    /// Whether the message's own date can be used.
    pub dated_by: DatedBy,
    /// The attachments that policy does not let pass: index and reason.
    pub stubs: &'a [(u32, String)],
}

/// What will be posted of one message, without the files' bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// What all posts have in common.
    pub heading: Heading,
    /// The pieces of the text, at least one.
    pub texts: Vec<String>,
    /// The indexes of the attachments that are carried.
    pub files: Vec<u32>,
    /// How many attachments are only named.
    pub stubbed: usize,
}

impl Outline {
    /// The parts, in the order in which they are posted.
    pub fn parts(&self) -> Vec<Part> {
        let texts = (0_u32..).zip(&self.texts).map(|(n, _)| Part::Text(n));
        texts.chain(self.files.iter().copied().map(Part::File)).collect()
    }

    /// The post of one piece of the text; `None` where there is no such piece.
    pub fn text(&self, number: u32, key: DeliveryKey) -> Option<Post> {
        let text = self.texts.get(usize::try_from(number).ok()?)?.clone();
        let of = u32::try_from(self.texts.len()).ok()?;
        let content = Content::Text { text, number: number + 1, of };
        Some(Post { key, part: Part::Text(number), heading: self.heading.clone(), content })
    }

    /// The post of one file.
    pub fn file(&self, index: u32, attachment: &Attachment, bytes: Vec<u8>, key: DeliveryKey) -> Post {
        let (name, media_type) = (shown_name(attachment), attachment.media_type.clone());
        let content = Content::File { name, media_type, sha256: attachment.sha256, bytes };
        Post { key, part: Part::File(index), heading: self.heading.clone(), content }
    }
}

/// What will be posted of a message in a destination with these limits.
pub fn outline(letter: &Letter<'_>, limits: &Limits) -> Outline {
    let heading = heading(letter);
    let (mut files, mut stubs) = (Vec::new(), Vec::new());
    for (index, attachment) in (0_u32..).zip(&letter.message.attachments) {
        let by_itself = match &attachment.fate {
            Fate::LeftOut(_) => continue,
            Fate::Named(named @ Named::Elsewhere(_)) => Some(named.to_string()),
            // Whether an empty file can be carried is for the channel to say.
            Fate::Named(Named::Empty) | Fate::Carried => None,
        };
        let by_policy = letter.stubs.iter().find(|(stubbed, _)| *stubbed == index).map(|(_, reason)| reason.clone());
        match by_policy.or(by_itself).or_else(|| by_limits(attachment, limits)) {
            Some(reason) => stubs.push(stub(attachment, &reason)),
            None => files.push(index),
        }
    }
    let mut text = letter.reading.text.trim_end().to_owned();
    if text.is_empty() {
        text.push_str(if letter.message.attachments.is_empty() {
            "(This message has no text.)"
        } else {
            "(This message has files and no text.)"
        });
    }
    for line in &stubs {
        text.push_str("\n\n");
        text.push_str(line);
    }
    let first = limits.text_chars.saturating_sub(heading_chars(&heading)).max(limits.text_chars / 2);
    Outline { texts: split(&text, first, limits.text_chars), heading, files, stubbed: stubs.len() }
}

fn heading(letter: &Letter<'_>) -> Heading {
    let message = letter.message;
    let own = message.date.filter(|_| letter.dated_by == DatedBy::Sender);
    Heading {
        author: message.author().cloned(),
        to: message.to.clone(),
        cc: message.cc.clone(),
        subject: message.subject.clone(),
        date: own.unwrap_or_else(|| letter.date.fixed_offset()),
        dated_by: if own.is_some() { DatedBy::Sender } else { DatedBy::Inferred },
    }
}

/// Characters that a heading may take, with room for labels and dates.
fn heading_chars(heading: &Heading) -> usize {
    const LABELS: usize = 200;
    let person = |person: &Correspondent| person.name.chars().count() + person.address.as_str().chars().count() + 6;
    let people = heading.author.iter().chain(&heading.to).chain(&heading.cc).map(person).sum::<usize>();
    heading.subject.chars().count() + people + LABELS
}

fn by_limits(attachment: &Attachment, limits: &Limits) -> Option<String> {
    if attachment.size > limits.file_bytes {
        return Some(format!("the channel takes files up to {}", size(limits.file_bytes)));
    }
    (attachment.size == 0 && limits.empty_files == EmptyFiles::Refused).then(|| "it is empty".to_owned())
}

fn stub(attachment: &Attachment, reason: &str) -> String {
    format!("[File not carried: {} · {} · SHA-256 {} · {reason}]", shown_name(attachment), size(attachment.size), attachment.sha256)
}

/// The name to show of an attachment.
fn shown_name(attachment: &Attachment) -> String {
    attachment.name.clone().unwrap_or_else(|| format!("unnamed ({})", attachment.media_type))
}

/// A size for people: `12 B`, `3.4 kB`, `12.0 MB` (powers of ten, as providers state their bounds).
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// Cuts a text into pieces of at most `first` (the first one) and `rest` characters: between paragraphs where it can,
/// else between lines, else between words, else anywhere. Nothing but white space at the cuts is lost.
fn split(text: &str, first: usize, rest: usize) -> Vec<String> {
    let (mut pieces, mut left) = (Vec::new(), text);
    loop {
        let budget = if pieces.is_empty() { first } else { rest }.max(1);
        let Some((limit, _)) = left.char_indices().nth(budget) else {
            pieces.push(left.to_owned());
            return pieces;
        };
        let (head, _) = left.split_at(limit);
        // A cut in the first half would make many small pieces: then the next weaker kind of place is better.
        let cut = ["\n\n", "\n", " "].iter().find_map(|mark| head.rfind(mark).filter(|&at| at >= limit / 2)).unwrap_or(limit);
        let (piece, after) = left.split_at(cut);
        pieces.push(piece.trim_end().to_owned());
        let lines = after.trim_start_matches('\n');
        left = if lines.len() < after.len() { lines } else { after.strip_prefix(' ').unwrap_or(after) };
        if left.is_empty() {
            return pieces;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_hold_the_text_whole_and_keep_their_bound(text in "([a-zä ]{0,12}[\n ]){0,60}[a-z]{1,90}", first in 5_usize..80, rest in 5_usize..80) {
            let pieces = split(&text, first, rest);
            for (n, piece) in pieces.iter().enumerate() {
                let budget = if n == 0 { first } else { rest };
                prop_assert!(piece.chars().count() <= budget);
            }
            let squeeze = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(squeeze(&pieces.concat()), squeeze(&text));
        }
    }

    #[test]
    fn a_text_is_cut_between_paragraphs() {
        assert_eq!(split("one two three\n\nfour five", 16, 16), ["one two three", "four five"]);
        assert_eq!(split("short", 16, 16), ["short"]);
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([size(12), size(3_450), size(25_000_000)], ["12 B", "3.4 kB", "25.0 MB"]);
    }
}
