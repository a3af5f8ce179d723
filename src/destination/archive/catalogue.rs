//! What is in a channel, without its texts: enough to find any post, to give the next one its place, and to know what an
//! export of the channel consists of. About a hundred bytes a post are held in memory; the texts stay in the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate};

use super::entry::{About, Content, Entry, Line};
use super::journal::Span;
use super::people::People;
use super::stamp::{Stamp, Taken, assign};
use super::upload::Upload;
use crate::delivery::DeliveryKey;

/// What is in a channel.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    about: Option<About>,
    records: Vec<Record>,
    by_key: HashMap<DeliveryKey, Stamp>,
    by_stamp: BTreeMap<Stamp, usize>,
    taken: Taken,
    threads: BTreeMap<Stamp, Thread>,
    uploads: BTreeMap<Stamp, Upload>,
    people: People,
}

/// One post.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Where it stands.
    pub(super) ts: Stamp,
    /// The first post of its thread, which may be itself.
    pub(super) thread: Stamp,
    /// The author's user id.
    pub(super) author: Arc<str>,
    /// Its line.
    pub(super) span: Span,
}

/// One thread.
#[derive(Debug, Default)]
pub(super) struct Thread {
    /// The subject of its first post.
    pub(super) subject: String,
    /// Every post of it but the first, in order.
    pub(super) replies: BTreeSet<Stamp>,
    /// How many of those begin a message: neither a further piece of a text nor a file.
    pub(super) answers: usize,
}

impl Catalogue {
    /// Adds what a line of the journal says.
    pub(super) fn admit(&mut self, line: Line, span: Span) {
        match line {
            Line::Channel(about) => self.about = Some(about),
            Line::Post(entry) => self.admit_post(*entry, span),
        }
    }

    fn admit_post(&mut self, entry: Entry, span: Span) {
        let (ts, thread) = (entry.ts, entry.thread());
        let author = self.people.admit(&entry);
        self.by_key.insert(entry.key, ts);
        self.by_stamp.insert(ts, self.records.len());
        self.records.push(Record { ts, thread, author, span });
        self.taken.take(ts);
        let of = self.threads.entry(thread).or_default();
        if ts == thread {
            of.subject = entry.subject;
        } else {
            of.replies.insert(ts);
            of.answers += usize::from(matches!(entry.content, Content::Text { number: 0 | 1, .. }));
        }
        if let Content::File(upload) = entry.content {
            self.uploads.insert(ts, upload);
        }
    }

    /// What the channel is, once its first line was read.
    pub(super) fn about(&self) -> Option<&About> {
        self.about.as_ref()
    }

    /// Where the post with this key stands.
    pub(super) fn find(&self, key: &DeliveryKey) -> Option<Stamp> {
        self.by_key.get(key).copied()
    }

    /// The first post of the thread in which the post with this stamp stands.
    pub(super) fn thread_of(&self, ts: Stamp) -> Option<Stamp> {
        self.at(ts).map(|record| record.thread)
    }

    /// The place of a further post.
    pub(super) fn place(&self, date: &DateTime<FixedOffset>, root: Option<Stamp>) -> Stamp {
        assign(&self.taken, date, root)
    }

    /// The posts in the order of the journal.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// The posts of one day (UTC), in order.
    pub(super) fn on_day(&self, day: NaiveDate) -> impl Iterator<Item = &Record> {
        let first = Stamp::midnight(day);
        let next = day.succ_opt().map_or(first, Stamp::midnight);
        self.by_stamp.range(first..next).filter_map(|(_, nth)| self.records.get(*nth))
    }

    /// The post at a stamp.
    pub(super) fn at(&self, ts: Stamp) -> Option<&Record> {
        self.nth(ts).and_then(|nth| self.records.get(nth))
    }

    /// The number of the post at a stamp among [`Catalogue::records`].
    pub(super) fn nth(&self, ts: Stamp) -> Option<usize> {
        self.by_stamp.get(&ts).copied()
    }

    /// Every day that has a post.
    pub(super) fn days(&self) -> BTreeSet<NaiveDate> {
        self.records.iter().map(|record| record.ts.day()).collect()
    }

    /// The first and the last post.
    pub(super) fn ends(&self) -> Option<(Stamp, Stamp)> {
        Some((*self.by_stamp.first_key_value()?.0, *self.by_stamp.last_key_value()?.0))
    }

    /// The threads by their first post.
    pub(super) fn threads(&self) -> &BTreeMap<Stamp, Thread> {
        &self.threads
    }

    /// The files by the post that carries them.
    pub(super) fn uploads(&self) -> &BTreeMap<Stamp, Upload> {
        &self.uploads
    }

    /// Everyone who wrote or was written to.
    pub(super) fn people(&self) -> &People {
        &self.people
    }
}
