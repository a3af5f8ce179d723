//! What the page's scripts hold: rows as short as can still be read, since a channel has ten thousands of them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::delivery::Timeliness;
use crate::destination::archive::catalogue::{Catalogue, Record, Thread};
use crate::destination::archive::channel::Channel;
use crate::destination::archive::entry::{Content, Dated, Entry};
use crate::destination::archive::people::{Person, user_id};
use crate::destination::archive::stamp::Stamp;
use crate::destination::archive::upload::Upload;
use crate::mail::Correspondent;

/// The channels, for the first view.
#[derive(Debug, Serialize)]
pub(super) struct Index<'a> {
    pub(super) organisation: &'a str,
    pub(super) channels: &'a [ChannelRow],
}

/// A channel among the others.
#[derive(Debug, Serialize)]
pub(in crate::destination::archive) struct ChannelRow {
    directory: String,
    name: String,
    purpose: String,
    posts: usize,
    threads: usize,
    files: usize,
    chunks: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Stamp>,
}

impl ChannelRow {
    /// The row of a channel.
    pub(in crate::destination::archive) fn of(channel: &Channel) -> Self {
        let catalogue = channel.catalogue();
        let about = catalogue.about();
        Self {
            directory: channel.directory().to_owned(),
            name: about.map_or(channel.directory(), |about| about.name.as_str()).to_owned(),
            purpose: about.map(|about| about.purpose.clone()).unwrap_or_default(),
            posts: catalogue.standing(),
            threads: catalogue.threads().len(),
            files: catalogue.uploads().len(),
            chunks: super::chunks(catalogue).len(),
            first: catalogue.ends().map(|(first, _)| first),
            last: catalogue.ends().map(|(_, last)| last),
        }
    }

    /// The name of the channel.
    pub(in crate::destination::archive) fn name(&self) -> &str {
        &self.name
    }
}

/// A person: id, name, address, posts, and 1 where they are of our own side.
#[derive(Debug, Serialize)]
pub(super) struct PersonRow<'a>(&'a str, &'a str, &'a str, u64, u8);

impl<'a> PersonRow<'a> {
    /// The row of a person, where these domains and those below them are our own.
    pub(super) fn of(person: &'a Person, own: &BTreeSet<String>) -> Self {
        let domain = person.address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_below = |own: &String| domain.strip_suffix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        Self(&person.id, person.display_name(), &person.address, person.posts, u8::from(own.iter().any(is_below)))
    }
}

/// The threads and files of a channel.
#[derive(Debug, Serialize)]
pub(super) struct ChannelIndex<'a> {
    threads: Vec<ThreadRow<'a>>,
    files: Vec<FileRow<'a>>,
}

/// A thread: its first post, the author and subject of that (or of the first that stands, without its subject), the number of messages that answer it, the last post, and the chunks that
/// hold it.
#[derive(Debug, Serialize)]
struct ThreadRow<'a>(Stamp, &'a str, &'a str, usize, Stamp, BTreeSet<usize>);

/// A file: its post, its thread, who sent it, and what it is.
#[derive(Debug, Serialize)]
struct FileRow<'a>(Stamp, Stamp, &'a str, File);

impl<'a> ChannelIndex<'a> {
    /// The index of a channel whose chunks begin with these posts.
    pub(super) fn of(catalogue: &'a Catalogue, starts: &[usize]) -> Self {
        let threads = catalogue.threads().iter().filter_map(|(ts, thread)| ThreadRow::of(*ts, thread, catalogue, starts));
        let files = catalogue.uploads().iter().filter_map(|(ts, upload)| {
            let record = catalogue.at(*ts)?;
            Some(FileRow(*ts, record.thread, &record.author, File::from(upload)))
        });
        Self { threads: threads.collect(), files: files.collect() }
    }
}

impl<'a> ThreadRow<'a> {
    fn of(ts: Stamp, thread: &'a Thread, catalogue: &'a Catalogue, starts: &[usize]) -> Option<Self> {
        let stands = |ts: &Stamp| catalogue.at(*ts).filter(|record| record.stands());
        let first: &Record = std::iter::once(&ts).chain(&thread.replies).find_map(stands)?;
        let numbers = std::iter::once(&ts).chain(&thread.replies).filter(|ts| stands(ts).is_some());
        let numbers = numbers.filter_map(|ts| catalogue.nth(*ts));
        let chunks = numbers.map(|nth| starts.partition_point(|start| *start <= nth).saturating_sub(1)).collect();
        let latest = thread.replies.last().copied().unwrap_or(ts);
        Some(Self(ts, &first.author, &thread.subject, thread.answers, latest, chunks))
    }
}

/// A post in a chunk.
#[derive(Debug, Serialize)]
pub(super) struct PostRow {
    ts: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<Stamp>,
    user: String,
    date: String,
    #[serde(skip_serializing_if = "is_zero")]
    inferred: u8,
    #[serde(skip_serializing_if = "is_zero")]
    late: u8,
    #[serde(skip_serializing_if = "String::is_empty")]
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remarks: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    to: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cc: Vec<String>,
    #[serde(flatten)]
    content: Said,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Said {
    Text { text: String, number: u32, of: u32 },
    File { file: File },
}

impl From<Entry> for PostRow {
    /// The people and the subject only where the post is its message's first: the page shows them once.
    fn from(entry: Entry) -> Self {
        let is_first = matches!(entry.content, Content::Text { number: 0 | 1, .. }) || entry.root.is_none();
        let ids = |people: &[Correspondent]| if is_first { people.iter().map(id_or_text).collect() } else { Vec::new() };
        Self {
            ts: entry.ts,
            root: entry.root,
            user: user_id(entry.author.as_ref()),
            date: entry.date.to_rfc3339(),
            inferred: u8::from(entry.dated == Dated::Inferred),
            late: u8::from(entry.timeliness == Timeliness::Late),
            via: entry.via.filter(|_| is_first).map(|list| list.address.to_string()),
            to: ids(&entry.to),
            cc: ids(&entry.cc),
            subject: if is_first { entry.subject } else { String::new() },
            remarks: if is_first { entry.remarks } else { Vec::new() },
            content: match entry.content {
                Content::Text { text, number, of } => Said::Text { text, number, of },
                Content::File(upload) => Said::File { file: File::from(&upload) },
            },
        }
    }
}

/// The user id of somebody with an address; the words themselves of somebody without.
fn id_or_text(person: &Correspondent) -> String {
    if person.address.domain().is_some() { user_id(Some(person)) } else { person.address.to_string() }
}

fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// A file.
#[derive(Debug, Serialize)]
struct File {
    name: String,
    path: String,
    size: u64,
    #[serde(rename = "type")]
    media_type: String,
    #[serde(skip_serializing_if = "is_zero")]
    image: u8,
}

impl From<&Upload> for File {
    fn from(upload: &Upload) -> Self {
        Self {
            name: upload.name.clone(),
            path: upload.path(),
            size: upload.size,
            media_type: upload.media_type.clone(),
            image: u8::from(is_picture(upload)),
        }
    }
}

/// Whether the page shows it: pictures of points, which nothing can run in, where name and type agree.
fn is_picture(upload: &Upload) -> bool {
    let named = match upload.extension().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => return false,
    };
    upload.media_type == named || (named == "image/jpeg" && upload.media_type == "image/jpg")
}
