//! Message → posts, pure: what is said in a channel, before any destination's own markup.
//!
//! The first post of a message carries its heading (author, people, date, subject) and the first piece of its text;
//! further pieces follow, numbered; then what was recovered of a turn that stands nowhere but in a quotation; then each
//! file; then, where that is wanted, the hidden text as a file. A file that is not carried (too large, a type that runs,
//! empty where the destination refuses that, kept elsewhere) is a *stub*: a line at the end of the text that names file, size, digest and
//! reason. One that the thread has already is such a line too. What is no content, such as a signature or a tracking
//! pixel, is no part of a post.
//!
//! What is posted of a message is settled once ([`Outline::parts`]) and kept by the ledger; every part says the same in
//! every run, since it is made of the message and of the part alone.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset, Utc};

use super::pieces::split;
use super::{EmptyFiles, Limits};
use crate::delivery::{DeliveryKey, Part, Timeliness};
use crate::mail::attachment::{Fate, Named};
use crate::mail::shared;
use crate::mail::text::Reading;
use crate::mail::turn::{self, Lines};
use crate::mail::{Attachment, Byline, Correspondent, Digest, Message};

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
    /// The list that passed it on under its own name, where that is not the author.
    pub via: Option<Correspondent>,
    /// What a reader must know about the people, each a sentence.
    pub remarks: Vec<String>,
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
    /// Whether newer messages of its thread were posted before it.
    pub timeliness: Timeliness,
}

/// Where a date is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatedBy {
    /// The Date header.
    Sender,
    /// Inferred: the mail has no usable date; a Received header, the server or the archive dates it.
    Inferred,
}

/// Where the part of a text that a post does not show is for its readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HiddenText {
    /// In the vault alone.
    #[default]
    InVault,
    /// In a text file, which is posted as the last part of the message.
    AsFile,
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
    /// Who is shown as its author, and what is said of the people.
    pub byline: &'a Byline,
    /// Its text as it is read.
    pub reading: &'a Reading,
    /// The date that orders it, for a message whose own date cannot be used.
    pub date: DateTime<Utc>,
    /// Whether the message's own date can be used.
    pub dated_by: DatedBy,
    /// Whether newer messages of its thread were posted before it.
    pub timeliness: Timeliness,
    /// The attachments that policy does not let pass: index and reason.
    pub stubs: &'a [(u32, String)],
    /// The attachments whose bytes the thread has in this channel already.
    pub above: &'a BTreeSet<u32>,
    /// The turn that stands nowhere but in the hidden text.
    pub unsaid: Option<Lines>,
    /// Where the hidden text is for readers.
    pub hidden: HiddenText,
    /// How many threads of the channel go on in the one of this message, and are to say so.
    pub links: u32,
}

/// What will be posted of one message, without the files' bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// What all posts have in common.
    pub heading: Heading,
    /// The pieces of the text, at least one.
    pub texts: Vec<String>,
    /// The turn that is recovered from the hidden text, and its text.
    pub quote: Option<(Lines, String)>,
    /// The indexes of the attachments that are carried.
    pub files: Vec<u32>,
    /// The hidden text, where it is posted as a file.
    pub hidden: Option<String>,
    /// How many attachments are only named.
    pub stubbed: usize,
    /// How many attachments stand in the thread already, or come more than once, and are referred to.
    pub referred_to: usize,
    /// How many pointers are posted to this message's thread.
    pub links: u32,
}

impl Outline {
    /// The parts, in the order in which they are posted.
    pub fn parts(&self) -> Vec<Part> {
        let texts = (0_u32..).zip(&self.texts).map(|(n, _)| Part::Text(n));
        let quote = self.quote.iter().map(|(lines, _)| Part::Quote(*lines));
        let files = self.files.iter().copied().map(Part::File);
        let links = (0..self.links).map(Part::Link);
        texts.chain(quote).chain(files).chain(self.hidden.iter().map(|_| Part::Hidden)).chain(links).collect()
    }

    /// The post of a pointer to this message's thread.
    pub fn link(&self, number: u32, key: DeliveryKey) -> Post {
        let content = Content::Text { text: CONTINUES.to_owned(), number: 1, of: 1 };
        Post { key, part: Part::Link(number), heading: self.heading.clone(), content }
    }

    /// The post of one piece of the text; `None` where there is no such piece.
    pub fn text(&self, number: u32, key: DeliveryKey) -> Option<Post> {
        let text = self.texts.get(usize::try_from(number).ok()?)?.clone();
        Some(self.piece(Part::Text(number), text, number + 1, key))
    }

    /// The post of the recovered turn; `None` where there is none.
    pub fn quote(&self, lines: Lines, key: DeliveryKey) -> Option<Post> {
        let (_, text) = self.quote.as_ref().filter(|(own, _)| *own == lines)?;
        Some(self.piece(Part::Quote(lines), text.clone(), self.pieces(), key))
    }

    /// The post of the hidden text; `None` where it is not posted.
    pub fn hidden(&self, key: DeliveryKey) -> Option<Post> {
        let bytes = self.hidden.as_ref()?.clone().into_bytes();
        let (name, media_type) = (HIDDEN_NAME.to_owned(), "text/plain".to_owned());
        let content = Content::File { name, media_type, sha256: Digest::of(&bytes), bytes };
        Some(Post { key, part: Part::Hidden, heading: self.heading.clone(), content })
    }

    fn piece(&self, part: Part, text: String, number: u32, key: DeliveryKey) -> Post {
        Post { key, part, heading: self.heading.clone(), content: Content::Text { text, number, of: self.pieces() } }
    }

    /// Posts that say something, the recovered turn included: what the pieces are numbered by.
    fn pieces(&self) -> u32 {
        u32::try_from(self.texts.len() + usize::from(self.quote.is_some())).unwrap_or(u32::MAX)
    }

    /// The post of one file.
    pub fn file(&self, index: u32, attachment: &Attachment, bytes: Vec<u8>, key: DeliveryKey) -> Post {
        let (name, media_type) = (shown_name(attachment), attachment.media_type.clone());
        let content = Content::File { name, media_type, sha256: attachment.sha256, bytes };
        Post { key, part: Part::File(index), heading: self.heading.clone(), content }
    }
}

/// What is said under the first post of a thread that has turned out to go on in another one, below the heading of the message
/// that showed it: posts are never moved.
const CONTINUES: &str = "[This thread goes on in another one, with this message. What was said here stays here.]";

/// Links to shared drives that a post lists.
const MAX_SHARED: usize = 5;

/// The name of the file that holds the hidden text.
const HIDDEN_NAME: &str = "quoted history and signature.txt";

/// What is said above a recovered turn.
const QUOTE_LINE: &str = "[Quoted in this message and found nowhere else in the thread:]";

/// What will be posted of a message in a destination with these limits.
pub fn outline(letter: &Letter<'_>, limits: &Limits) -> Outline {
    let heading = heading(letter);
    let carriage = carriage(letter, limits);
    let mut text = letter.reading.text.trim_end().to_owned();
    if text.is_empty() {
        text.push_str(if letter.message.attachments.is_empty() {
            "(This message has no text.)"
        } else {
            "(This message has files and no text.)"
        });
    }
    let shared = shared::links(&letter.reading.text).into_iter().take(MAX_SHARED).map(|link| link.to_string());
    for line in carriage.lines.into_iter().chain(shared) {
        text.push_str("\n\n");
        text.push_str(&line);
    }
    let first = limits.text_chars.saturating_sub(heading_chars(&heading)).max(limits.text_chars / 2);
    let texts = split(&text, first, limits.text_chars);
    let hidden = letter.reading.hidden.trim_matches('\n');
    Outline {
        quote: letter.unsaid.map(|lines| (lines, recovered(&letter.reading.hidden, lines, limits))),
        hidden: (letter.hidden == HiddenText::AsFile && !hidden.trim().is_empty()).then(|| format!("{hidden}\n")),
        texts,
        heading,
        files: carriage.files,
        stubbed: carriage.stubbed,
        referred_to: carriage.referred_to,
        links: letter.links,
    }
}

/// The text of a recovered turn, in one post. A later version may hide other lines: then it says that it was here.
fn recovered(hidden: &str, lines: Lines, limits: &Limits) -> String {
    let room = limits.text_chars.saturating_sub(QUOTE_LINE.len() + 1);
    match turn::quotation(hidden, lines, room).trim_matches('\n') {
        "" => "[A quotation that can no longer be told from the rest of this message.]".to_owned(),
        text => format!("{QUOTE_LINE}\n{text}"),
    }
}

/// What becomes of the attachments.
#[derive(Default)]
struct Carried {
    files: Vec<u32>,
    /// What is said of those that are not carried.
    lines: Vec<String>,
    /// How many are neither in the channel nor carried to it.
    stubbed: usize,
    /// How many stand in the channel by another post.
    referred_to: usize,
}

fn carriage(letter: &Letter<'_>, limits: &Limits) -> Carried {
    let mut carried = Carried::default();
    let mut own: BTreeSet<Digest> = BTreeSet::new();
    for (index, attachment) in (0_u32..).zip(&letter.message.attachments) {
        let by_itself = match &attachment.fate {
            Fate::LeftOut(_) => continue,
            Fate::Named(named @ Named::Elsewhere(_)) => Some(named.to_string()),
            // Whether an empty file can be carried is for the channel to say.
            Fate::Named(Named::Empty) | Fate::Carried => None,
        };
        let by_policy = letter.stubs.iter().find(|(stubbed, _)| *stubbed == index).map(|(_, reason)| reason.clone());
        if let Some(reason) = by_policy.or(by_itself).or_else(|| by_limits(attachment, limits)) {
            carried.lines.push(not_carried(attachment, &reason));
            carried.stubbed += 1;
        } else if letter.above.contains(&index) {
            carried.lines.push(named("File posted above", attachment));
            carried.referred_to += 1;
        } else if !own.insert(attachment.sha256) {
            carried.lines.push(named("File posted once with this message", attachment));
            carried.referred_to += 1;
        } else {
            carried.files.push(index);
        }
    }
    carried
}

fn heading(letter: &Letter<'_>) -> Heading {
    let message = letter.message;
    let own = message.date.filter(|_| letter.dated_by == DatedBy::Sender);
    Heading {
        author: letter.byline.author.clone(),
        via: letter.byline.via.clone(),
        remarks: letter.byline.remarks.clone(),
        to: message.to.clone(),
        cc: message.cc.clone(),
        subject: message.subject.clone(),
        date: own.unwrap_or_else(|| letter.date.fixed_offset()),
        dated_by: if own.is_some() { DatedBy::Sender } else { DatedBy::Inferred },
        timeliness: letter.timeliness,
    }
}

/// Characters that a heading may take, with room for labels and dates.
fn heading_chars(heading: &Heading) -> usize {
    const LABELS: usize = 200;
    let person = |person: &Correspondent| person.name.chars().count() + person.address.as_str().chars().count() + 6;
    let people = heading.author.iter().chain(&heading.via).chain(&heading.to).chain(&heading.cc).map(person).sum::<usize>();
    let remarks = heading.remarks.iter().map(|remark| remark.chars().count() + 2).sum::<usize>();
    heading.subject.chars().count() + people + remarks + LABELS
}

fn by_limits(attachment: &Attachment, limits: &Limits) -> Option<String> {
    if attachment.size > limits.file_bytes {
        return Some(format!("the channel takes files up to {}", size(limits.file_bytes)));
    }
    (attachment.size == 0 && limits.empty_files == EmptyFiles::Refused).then(|| "it is empty".to_owned())
}

fn not_carried(attachment: &Attachment, reason: &str) -> String {
    format!("[File not carried: {} · {} · SHA-256 {} · {reason}]", shown_name(attachment), size(attachment.size), attachment.sha256)
}

fn named(what: &str, attachment: &Attachment) -> String {
    format!("[{what}: {} · {} · SHA-256 {}]", shown_name(attachment), size(attachment.size), attachment.sha256)
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

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([size(12), size(3_450), size(25_000_000)], ["12 B", "3.4 kB", "25.0 MB"]);
    }
}
