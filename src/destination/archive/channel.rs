//! One channel: its journal, and what is known of it.

use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use super::catalogue::{Catalogue, Record};
use super::durable::Drafts;
use super::entry::{About, Content, Entry, Line, Retraction};
use super::journal::{Journal, LineReader};
use super::people::People;
use super::place::Place;
use super::slack_id::slack_id;
use super::stamp::Stamp;
use crate::delivery::{ChannelId, ChannelName, DeliveryKey, Receipt};
use crate::destination::post;
use crate::destination::{Failure, Post, Regard, Standing};

/// The longest directory name, in characters and bytes: Slack's limit for names, and room below that of file systems.
const DIRECTORY_CHARS: usize = 80;
const DIRECTORY_BYTES: usize = 200;

/// A channel.
#[derive(Debug)]
pub(super) struct Channel {
    directory: String,
    journal: Journal,
    catalogue: Catalogue,
}

impl Channel {
    /// Opens the channel whose journal this is.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn open(directory: String, journal: &Path) -> Result<Self, Failure> {
        let mut catalogue = Catalogue::default();
        let journal = Journal::open(journal.to_path_buf(), |line, span| catalogue.admit(line, span))?;
        let mut channel = Self { directory, journal, catalogue };
        channel.recount()?;
        Ok(channel)
    }

    /// Writes down what the channel is, where that is not known yet or has changed.
    ///
    /// # Errors
    /// When the directory belongs to a channel of another name, or the disk refuses.
    pub(super) fn describe(&mut self, about: About) -> Result<(), Failure> {
        match self.catalogue.about() {
            Some(known) if *known == about => return Ok(()),
            Some(known) if known.name != about.name => return Err(same_directory(&known.name, &about.name, &self.directory)),
            _ => {}
        }
        let line = Line::Channel(about);
        let span = self.journal.append(&line)?;
        self.catalogue.admit(line, span);
        Ok(())
    }

    /// Posts; a post that stands already is not posted again.
    ///
    /// # Errors
    /// [`Failure::Unknown`] where the post may stand; any other only where it certainly does not.
    pub(super) fn post(&mut self, export: &Path, drafts: &Drafts, root: Option<&Receipt>, post: &Post) -> Result<Receipt, Failure> {
        if let Some(receipt) = self.find(&post.key) {
            return Ok(receipt);
        }
        let root = root.map(|receipt| self.root(receipt)).transpose()?;
        let entry = Entry::of(post, self.catalogue.place(&post.heading.date, root), root);
        if let (Content::File(upload), post::Content::File { bytes, .. }) = (&entry.content, &post.content) {
            upload.keep(export, drafts, bytes)?;
        }
        let receipt = Receipt { id: entry.ts.to_string() };
        let line = Line::Post(Box::new(entry));
        let span = self.journal.append(&line)?;
        self.catalogue.admit(line, span);
        Ok(receipt)
    }

    /// Takes a post back, and removes its file once that is on the disk. A post that is gone already is fine.
    ///
    /// # Errors
    /// When the disk refuses. The post may be gone then; taking it back again is harmless, so its outcome is never unknown.
    pub(super) fn retract(&mut self, place: &Place, drafts: &Drafts, receipt: &Receipt) -> Result<(), Failure> {
        let ts: Stamp = receipt.id.parse().map_err(|_| Failure::Refused(format!("{} is no post of the archive's", receipt.id)))?;
        let standing = self.catalogue.at(ts).filter(|record| record.stands()).map(|record| record.span);
        if let Some(span) = standing
            && let Line::Post(entry) = self.texts()?.read(span)?
        {
            place.allow_retractions(drafts)?;
            let line = Line::Retracted(Retraction { ts, key: entry.key });
            let span = self.journal.append(&line).map_err(repeatable)?;
            self.catalogue.admit(line, span);
        }
        self.sweep(place.root())
    }

    /// Removes the files of posts that were taken back.
    ///
    /// # Errors
    /// When the disk refuses: what is left is removed by the next call.
    pub(super) fn sweep(&mut self, export: &Path) -> Result<(), Failure> {
        self.catalogue.discarded().try_for_each(|upload| upload.discard(export))?;
        self.catalogue.forget_discarded();
        Ok(())
    }

    /// Counts the people anew where posts of theirs were taken back.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn recount(&mut self) -> Result<(), Failure> {
        if !self.catalogue.people_are_old() {
            return Ok(());
        }
        let (mut texts, mut people) = (self.texts()?, People::default());
        for record in self.catalogue.records().iter().filter(|record| record.stands()) {
            if let Line::Post(entry) = texts.read(record.span)? {
                people.admit(&entry);
            }
        }
        self.catalogue.set_people(people);
        Ok(())
    }

    /// How people have met a post: here nobody can answer or react.
    pub(super) fn regard(&self, receipt: &Receipt) -> Regard {
        let ts: Option<Stamp> = receipt.id.parse().ok();
        let stands = ts.and_then(|ts| self.catalogue.at(ts)).is_some_and(Record::stands);
        if stands { Regard::Untouched } else { Regard::Gone }
    }

    /// The posts that stand in a thread, in order.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn thread(&self, root: &Receipt) -> Result<Vec<Standing>, Failure> {
        let root: Option<Stamp> = root.id.parse().ok();
        let Some((ts, thread)) = root.and_then(|ts| Some((ts, self.catalogue.threads().get(&ts)?))) else { return Ok(Vec::new()) };
        let (mut texts, mut standing) = (self.texts()?, Vec::new());
        let records = std::iter::once(&ts).chain(&thread.replies).filter_map(|ts| self.catalogue.at(*ts));
        for record in records.filter(|record| record.stands()) {
            if let Line::Post(entry) = texts.read(record.span)? {
                standing.push(entry.standing());
            }
        }
        Ok(standing)
    }

    /// The receipt of a post that stands in the channel.
    pub(super) fn find(&self, key: &DeliveryKey) -> Option<Receipt> {
        self.catalogue.find(key).map(|ts| Receipt { id: ts.to_string() })
    }

    /// Whether it has to be opened anew before it can be believed.
    pub(super) fn is_torn(&self) -> bool {
        self.journal.is_torn()
    }

    /// The name of its directory, which is its name in the export.
    pub(super) fn directory(&self) -> &str {
        &self.directory
    }

    /// Its id in the export.
    pub(super) fn id(&self) -> ChannelId {
        channel_id(&self.directory)
    }

    /// What is in it.
    pub(super) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The length of its journal in bytes.
    pub(super) fn journal_len(&self) -> u64 {
        self.journal.len()
    }

    /// A reader of its texts.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub(super) fn texts(&self) -> Result<LineReader, Failure> {
        self.journal.reader()
    }

    fn root(&self, receipt: &Receipt) -> Result<Stamp, Failure> {
        let ts: Option<Stamp> = receipt.id.parse().ok();
        ts.and_then(|ts| self.catalogue.thread_of(ts)).ok_or_else(|| {
            Failure::Refused(format!(
                "the first post of the thread ({}) does not stand in the archive's channel {}: was the directory replaced?",
                receipt.id, self.directory
            ))
        })
    }
}

/// A call that may be repeated has no unknown outcome.
fn repeatable(failure: Failure) -> Failure {
    match failure {
        Failure::Unknown(why) => Failure::Transient(why),
        other @ (Failure::Wait(_)
        | Failure::Transient(_)
        | Failure::StaleChannel(_)
        | Failure::Refused(_)
        | Failure::ChannelClosed { .. }
        | Failure::Stop { .. }) => other,
    }
}

/// The id of the channel in this directory.
pub(super) fn channel_id(directory: &str) -> ChannelId {
    ChannelId::new(slack_id('C', directory.as_bytes()))
}

/// The directory of a channel: its name by Slack's rules (lower case, letters, digits, `-` and `_`, no more than 80
/// characters), so that it is harmless on every file system; `None` where nothing is left of it.
pub(super) fn directory_of(name: &ChannelName) -> Option<String> {
    let lower: String = name.as_str().nfc().collect::<String>().to_lowercase();
    let clean: String = lower.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let clean: String = clean.trim_matches(['-', '_']).chars().take(DIRECTORY_CHARS).collect();
    let clean = clean.get(..clean.floor_char_boundary(DIRECTORY_BYTES)).unwrap_or("").trim_end_matches(['-', '_']);
    (!clean.is_empty()).then(|| clean.to_owned())
}

/// Two channels of the configuration would share a directory.
pub(super) fn same_directory(one: &ChannelName, other: &ChannelName, directory: &str) -> Failure {
    Failure::ChannelClosed {
        why: format!(
            "the channels {one:?} and {other:?} would share the directory {directory:?}",
            one = one.as_str(),
            other = other.as_str()
        ),
        advice: "give one of them another name".into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn directory(name: &str) -> Option<String> {
        directory_of(&ChannelName::new(name))
    }

    #[test]
    fn directories_follow_slacks_rules_for_names() {
        assert_eq!(directory("ext-acme-client").as_deref(), Some("ext-acme-client"));
        assert_eq!(directory("Ext Acme & Söhne").as_deref(), Some("ext-acme---söhne"));
        assert_eq!(directory("../../etc").as_deref(), Some("etc"));
        assert_eq!(directory("__uploads").as_deref(), Some("uploads"));
        assert_eq!(directory("..."), None);
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_archive_or_meets_its_own_directories(name in ".{0,300}") {
            if let Some(directory) = directory(&name) {
                prop_assert!(!directory.is_empty() && directory.len() <= DIRECTORY_BYTES);
                prop_assert!(directory.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_'));
                prop_assert!(!directory.starts_with('_') && !directory.starts_with('-'));
            }
        }
    }
}
