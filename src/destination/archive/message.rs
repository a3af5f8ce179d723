//! One post as an element of a day file: what any of the known readers and importers of exports asks for.

use std::collections::BTreeSet;

use serde::Serialize;

use super::catalogue::{Catalogue, Thread};
use super::entry::{Content, Entry};
use super::mrkdwn::{heading, literal};
use super::people::{SLACKBOT, user_id};
use super::stamp::Stamp;
use super::upload::Upload;
use crate::delivery::DeliveryKey;

/// An element of a day file. There are no `blocks`: some readers prefer them to the text.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    r#type: &'static str,
    user: String,
    text: String,
    ts: Stamp,
    team: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_ts: Option<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_user_id: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    replies: Option<Replies<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<File>,
    metadata: Metadata,
}

/// What the first post of a thread says of the others. Some readers thread by this alone.
#[derive(Debug, Serialize)]
struct Replies<'a> {
    reply_count: usize,
    reply_users_count: usize,
    reply_users: BTreeSet<&'a str>,
    latest_reply: Stamp,
    replies: Vec<Reply<'a>>,
}

#[derive(Debug, Serialize)]
struct Reply<'a> {
    user: &'a str,
    ts: Stamp,
}

/// A file. The type of the message stays plain: with Slack's old `file_share`, readers ask for the old `file` key.
#[derive(Debug, Serialize)]
struct File {
    id: String,
    created: i64,
    timestamp: i64,
    name: String,
    title: String,
    mimetype: String,
    filetype: String,
    pretty_type: String,
    user: String,
    size: u64,
    mode: &'static str,
    is_external: bool,
    is_public: bool,
    url_private: String,
    url_private_download: String,
    sha256: String,
}

#[derive(Debug, Serialize)]
struct Metadata {
    event_type: &'static str,
    event_payload: Payload,
}

#[derive(Debug, Serialize)]
struct Payload {
    key: DeliveryKey,
}

/// What stands in the place of a thread's first post that was taken back while others answer it, as Slack's own exports
/// have it. It says nothing of the post.
#[derive(Debug, Serialize)]
pub(super) struct Stone<'a> {
    r#type: &'static str,
    subtype: &'static str,
    user: &'static str,
    text: &'static str,
    hidden: bool,
    ts: Stamp,
    thread_ts: Stamp,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    replies: Option<Replies<'a>>,
}

impl<'a> Stone<'a> {
    /// The stone of the thread that began there.
    pub(super) fn of(ts: Stamp, catalogue: &'a Catalogue) -> Self {
        Self {
            r#type: "message",
            subtype: "tombstone",
            user: SLACKBOT,
            text: "This message was deleted.",
            hidden: true,
            ts,
            thread_ts: ts,
            replies: catalogue.threads().get(&ts).and_then(|thread| replies(thread, catalogue)),
        }
    }
}

impl<'a> Message<'a> {
    /// The message of an entry of this channel.
    pub(super) fn of(entry: &Entry, catalogue: &'a Catalogue, team: &'a str) -> Self {
        let user = user_id(entry.author.as_ref());
        let thread = catalogue.threads().get(&entry.thread());
        let subject = thread.map_or("", |thread| thread.subject.as_str());
        let has_replies = thread.is_some_and(|thread| !thread.replies.is_empty());
        Self {
            r#type: "message",
            text: text(entry, subject),
            ts: entry.ts,
            team,
            thread_ts: has_replies.then_some(entry.thread()),
            parent_user_id: entry.root.map(|root| user_at(catalogue, root).unwrap_or(SLACKBOT)),
            replies: thread.filter(|_| entry.root.is_none()).and_then(|thread| replies(thread, catalogue)),
            files: match &entry.content {
                Content::File(upload) => vec![file(upload, entry, &user)],
                Content::Text { .. } => Vec::new(),
            },
            metadata: Metadata { event_type: "mailferry_message", event_payload: Payload { key: entry.key } },
            user,
        }
    }
}

/// The text: what the mail says, under its heading where it is the first of its message; of a file, its name.
fn text(entry: &Entry, thread_subject: &str) -> String {
    match &entry.content {
        Content::Text { text, number, of } => {
            let heading = if *number <= 1 { heading(entry, thread_subject) } else { String::new() };
            let numbering = if *of > 1 { format!("({number}/{of})\n") } else { String::new() };
            let gap = if heading.is_empty() { "" } else { "\n" };
            format!("{heading}{gap}{numbering}{}", literal(text)).trim_end().to_owned()
        }
        Content::File(upload) => format!("File: {}", literal(&upload.name)),
    }
}

fn replies<'a>(thread: &Thread, catalogue: &'a Catalogue) -> Option<Replies<'a>> {
    let latest_reply = *thread.replies.last()?;
    let replies: Vec<Reply<'a>> =
        thread.replies.iter().filter_map(|ts| Some(Reply { user: user_at(catalogue, *ts)?, ts: *ts })).collect();
    let reply_users: BTreeSet<&str> = replies.iter().map(|reply| reply.user).collect();
    Some(Replies { reply_count: replies.len(), reply_users_count: reply_users.len(), reply_users, latest_reply, replies })
}

fn user_at(catalogue: &Catalogue, ts: Stamp) -> Option<&str> {
    catalogue.at(ts).filter(|record| record.stands()).map(|record| &*record.author)
}

fn file(upload: &Upload, entry: &Entry, user: &str) -> File {
    let (path, extension) = (upload.path(), upload.extension());
    File {
        id: upload.id.clone(),
        created: entry.ts.seconds(),
        timestamp: entry.ts.seconds(),
        name: upload.safe_name(),
        title: upload.name.clone(),
        mimetype: upload.media_type.clone(),
        filetype: if extension.is_empty() { "binary".to_owned() } else { extension.clone() },
        pretty_type: extension.to_uppercase(),
        user: user.to_owned(),
        size: upload.size,
        mode: "hosted",
        is_external: false,
        is_public: false,
        url_private: path.clone(),
        url_private_download: path,
        sha256: upload.sha256.to_string(),
    }
}
