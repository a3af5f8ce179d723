//! What is in a channel, without its texts: enough to find any post, to give the next one its place, and to know what an
//! export of the channel consists of. About a hundred bytes a post are held in memory; the texts stay in the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate};

use super::entry::{About, Content, Entry, Line, Retraction};
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
    /// The posts that stand, and the stones.
    by_stamp: BTreeMap<Stamp, usize>,
    taken: Taken,
    threads: BTreeMap<Stamp, Thread>,
    uploads: BTreeMap<Stamp, Upload>,
    /// The files of posts that were taken back, by their id.
    discarded: BTreeMap<String, Upload>,
    people: People,
    /// Whether a post was taken back since the people were counted.
    people_are_old: bool,
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
    /// Whether it begins a message: neither a further piece of a text nor a file.
    begins_message: bool,
    /// The first byte of the line that took it back.
    retracted: Option<u64>,
}

impl Record {
    /// Whether it was not taken back.
    pub(super) fn stands(&self) -> bool {
        self.retracted.is_none()
    }

    /// Whether it was taken back at or after this byte of the journal.
    pub(super) fn was_retracted_since(&self, byte: u64) -> bool {
        self.retracted.is_some_and(|at| at >= byte)
    }
}

/// One thread: of its posts at least one stands.
#[derive(Debug, Default)]
pub(super) struct Thread {
    /// The subject of its first post, while that stands.
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
            Line::Retracted(retraction) => self.admit_retraction(retraction, span),
        }
    }

    fn admit_post(&mut self, entry: Entry, span: Span) {
        let (ts, thread, key) = (entry.ts, entry.thread(), entry.key);
        let author = self.people.admit(&entry);
        let begins_message = matches!(entry.content, Content::Text { number: 0 | 1, .. });
        self.by_key.insert(key, ts);
        self.by_stamp.insert(ts, self.records.len());
        self.records.push(Record { ts, thread, author, span, begins_message, retracted: None });
        self.taken.take(ts);
        let of = self.threads.entry(thread).or_default();
        if ts == thread {
            of.subject = entry.subject;
        } else {
            of.replies.insert(ts);
            of.answers += usize::from(begins_message);
        }
        if let Content::File(upload) = entry.content {
            self.discarded.remove(&upload.id);
            self.uploads.insert(ts, upload);
        }
    }

    /// Takes a post out. Its stamp stays taken: no other post is ever known by it. Where others answer it, a stone stays in
    /// its place, which goes with the last of them.
    fn admit_retraction(&mut self, Retraction { ts, key }: Retraction, span: Span) {
        let Some(record) = self.by_stamp.get(&ts).and_then(|nth| self.records.get_mut(*nth)).filter(|record| record.stands())
        else {
            return;
        };
        record.retracted = Some(span.start);
        let (thread, begins_message) = (record.thread, record.begins_message);
        self.by_key.remove(&key);
        self.people_are_old = true;
        if let Some(upload) = self.uploads.remove(&ts) {
            self.discarded.insert(upload.id.clone(), upload);
        }
        let Some(of) = self.threads.get_mut(&thread) else { return };
        if ts == thread {
            of.subject.clear();
        } else {
            of.replies.remove(&ts);
            of.answers = of.answers.saturating_sub(usize::from(begins_message));
            self.by_stamp.remove(&ts);
        }
        if of.replies.is_empty() && self.stone(thread).is_some() {
            self.by_stamp.remove(&thread);
            self.threads.remove(&thread);
        }
    }

    /// What stands where the first post of a thread was taken back; `None` where that stands.
    fn stone(&self, thread: Stamp) -> Option<&Record> {
        self.at(thread).filter(|record| !record.stands())
    }

    /// Whether a stone stands anywhere.
    pub(super) fn has_stones(&self) -> bool {
        self.by_stamp.len() > self.standing()
    }

    /// Files of posts that were taken back.
    pub(super) fn discarded(&self) -> impl Iterator<Item = &Upload> {
        self.discarded.values()
    }

    /// Forgets the files of posts that were taken back: their bytes are gone.
    pub(super) fn forget_discarded(&mut self) {
        self.discarded.clear();
    }

    /// Whether the people have to be counted anew, since posts of theirs were taken back.
    pub(super) fn people_are_old(&self) -> bool {
        self.people_are_old
    }

    /// Sets the people, counted over the posts that stand.
    pub(super) fn set_people(&mut self, people: People) {
        self.people = people;
        self.people_are_old = false;
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

    /// The posts in the order of the journal, with those that were taken back.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// How many posts stand.
    pub(super) fn standing(&self) -> usize {
        self.by_key.len()
    }

    /// The days whose files change by what the journal says from this byte on: those of new posts and of the threads that
    /// they answer, and those of all posts of a thread that lost one.
    pub(super) fn days_since(&self, byte: u64) -> BTreeSet<NaiveDate> {
        let new = self.records.iter().skip(self.records.partition_point(|record| record.span.start < byte));
        let mut days: BTreeSet<NaiveDate> = new.flat_map(|record| [record.ts.day(), record.thread.day()]).collect();
        for record in self.records.iter().filter(|record| record.was_retracted_since(byte)) {
            let replies = self.threads.get(&record.thread).map(|thread| &thread.replies).into_iter().flatten();
            days.extend([record.ts.day(), record.thread.day()].into_iter().chain(replies.map(|ts| ts.day())));
        }
        days
    }

    /// What a day file holds (UTC), in order: posts, and stones.
    pub(super) fn on_day(&self, day: NaiveDate) -> impl Iterator<Item = &Record> {
        let first = Stamp::midnight(day);
        let next = day.succ_opt().map_or(first, Stamp::midnight);
        self.by_stamp.range(first..next).filter_map(|(_, nth)| self.records.get(*nth))
    }

    /// The post at a stamp, or its stone.
    pub(super) fn at(&self, ts: Stamp) -> Option<&Record> {
        self.nth(ts).and_then(|nth| self.records.get(nth))
    }

    /// The number of the post at a stamp among [`Catalogue::records`].
    pub(super) fn nth(&self, ts: Stamp) -> Option<usize> {
        self.by_stamp.get(&ts).copied()
    }

    /// Every day that has a post or a stone.
    pub(super) fn days(&self) -> BTreeSet<NaiveDate> {
        self.by_stamp.keys().map(|ts| ts.day()).collect()
    }

    /// The first and the last post.
    pub(super) fn ends(&self) -> Option<(Stamp, Stamp)> {
        let stands = |(ts, nth): (&Stamp, &usize)| self.records.get(*nth).filter(|record| record.stands()).map(|_| *ts);
        Some((self.by_stamp.iter().find_map(stands)?, self.by_stamp.iter().rev().find_map(stands)?))
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
