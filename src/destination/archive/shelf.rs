//! The archive of this run: the claimed directory with its channels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ArchiveSettings;
use super::channel::{Channel, channel_id, directory_of};
use super::durable::failure;
use super::entry::About;
use super::export::{Export, Listed, Stones};
use super::page::{self, ChannelRow};
use super::people::People;
use super::place::{self, Claim, Place};
use super::slack_id::slack_id;
use super::upload::Upload;
use crate::delivery::{ChannelId, DeliveryKey, Receipt};
use crate::destination::{ChannelSpec, Failure, Post, Regard, Standing};

/// The archive of this run.
#[derive(Debug)]
pub(super) struct Shelf {
    place: Place,
    claim: Claim,
    team: String,
    organisation: String,
    own_domains: BTreeSet<String>,
    channels: Mutex<BTreeMap<ChannelId, Arc<Mutex<Shelved>>>>,
    /// Whether the lists over all channels may be older than the channels. Held while they are published: one at a time.
    lists_are_old: Mutex<bool>,
}

/// A channel, and how much of it is published.
#[derive(Debug)]
struct Shelved {
    channel: Channel,
    published: u64,
}

impl Shelf {
    /// Claims the archive's directory and reads what is in it.
    ///
    /// # Errors
    /// When the directory is not ours to write, or a journal cannot be read.
    pub(super) fn open(settings: &ArchiveSettings) -> Result<Self, Failure> {
        let place = Place::new(settings.path.clone());
        let claim = place.claim()?;
        let team = slack_id('T', settings.organisation.as_bytes());
        let shelf = Self {
            place,
            claim,
            team,
            organisation: settings.organisation.clone(),
            own_domains: settings.own_domains.clone(),
            channels: Mutex::default(),
            lists_are_old: Mutex::new(true),
        };
        let journals = shelf.place.journals();
        let entries = fs::read_dir(&journals).map_err(|error| failure("reading", &journals, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| failure("reading", &journals, &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(directory) = name.and_then(|name| name.strip_suffix(place::JOURNAL)) {
                let shelved = shelf.shelved(directory)?;
                lock(&shelf.channels).insert(channel_id(directory), shelved);
            }
        }
        Ok(shelf)
    }

    /// Finds the channel, or begins it.
    ///
    /// # Errors
    /// When its name cannot be a directory's or is another's, or the disk refuses.
    pub(super) fn open_channel(&self, spec: &ChannelSpec) -> Result<ChannelId, Failure> {
        let directory = directory_of(&spec.name).ok_or_else(|| Failure::ChannelClosed {
            why: format!("the channel {:?} has no letter or digit in its name", spec.name.as_str()),
            advice: "give it another name".into(),
        })?;
        let id = channel_id(&directory);
        // One journal is never open twice: the channels are held until this one is among them.
        let mut channels = lock(&self.channels);
        let shelved = match channels.get(&id) {
            Some(shelved) if !lock(shelved).channel.is_torn() => Arc::clone(shelved),
            _ => self.shelved(&directory)?,
        };
        channels.insert(id.clone(), Arc::clone(&shelved));
        drop(channels);
        lock(&shelved).channel.describe(About::from(spec))?;
        Ok(id)
    }

    /// Keeps the bytes of a file; nothing shows it until it is posted.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn keep(&self, upload: &Upload, bytes: &[u8]) -> Result<(), Failure> {
        upload.keep(self.place.root(), &self.claim.drafts, bytes)
    }

    /// Posts to a channel.
    ///
    /// # Errors
    /// [`Failure::Unknown`] where the post may stand; any other only where it certainly does not.
    pub(super) fn post(&self, id: &ChannelId, root: Option<&Receipt>, post: &Post) -> Result<Receipt, Failure> {
        let shelved = self.channel(id)?;
        lock(&shelved).channel.post(self.place.root(), &self.claim.drafts, root, post)
    }

    /// Whether a post stands in a channel.
    ///
    /// # Errors
    /// When the channel is not open.
    pub(super) fn find(&self, id: &ChannelId, key: &DeliveryKey) -> Result<Option<Receipt>, Failure> {
        let shelved = self.channel(id)?;
        Ok(lock(&shelved).channel.find(key))
    }

    /// Takes a post back.
    ///
    /// # Errors
    /// When the channel is not open or the disk refuses; taking it back again is harmless.
    pub(super) fn retract(&self, id: &ChannelId, receipt: &Receipt) -> Result<(), Failure> {
        let shelved = self.channel(id)?;
        lock(&shelved).channel.retract(&self.place, &self.claim.drafts, receipt)
    }

    /// How people have met a post.
    ///
    /// # Errors
    /// When the channel is not open.
    pub(super) fn regard(&self, id: &ChannelId, receipt: &Receipt) -> Result<Regard, Failure> {
        let shelved = self.channel(id)?;
        Ok(lock(&shelved).channel.regard(receipt))
    }

    /// The posts that stand in a thread.
    ///
    /// # Errors
    /// When the channel is not open or its journal cannot be read.
    pub(super) fn thread(&self, id: &ChannelId, root: &Receipt) -> Result<Vec<Standing>, Failure> {
        let shelved = self.channel(id)?;
        lock(&shelved).channel.thread(root)
    }

    /// Brings the export up to the journals.
    ///
    /// # Errors
    /// When the disk refuses: what is missing is made at the next call.
    pub(super) fn publish(&self) -> Result<(), Failure> {
        let export = self.export();
        let mut lists_are_old = lock(&self.lists_are_old);
        let channels: Vec<_> = lock(&self.channels).values().map(Arc::clone).collect();
        for shelved in &channels {
            let mut shelved = lock(shelved);
            shelved.channel.sweep(self.place.root())?;
            if shelved.published < shelved.channel.journal_len() {
                *lists_are_old = true;
                shelved.channel.recount()?;
                export.write_days(&shelved.channel, shelved.published)?;
                page::write_channel(&export, &shelved.channel, shelved.published)?;
                export.mark(&shelved.channel)?;
                shelved.published = shelved.channel.journal_len();
            }
        }
        if *lists_are_old {
            self.write_lists(&export, &channels)?;
            *lists_are_old = false;
        }
        Ok(())
    }

    fn write_lists(&self, export: &Export<'_>, channels: &[Arc<Mutex<Shelved>>]) -> Result<(), Failure> {
        let mut people = People::default();
        let (mut listed, mut rows, mut stones) = (Vec::new(), Vec::new(), Stones::None);
        for shelved in channels {
            let shelved = lock(shelved);
            if shelved.channel.catalogue().has_stones() {
                stones = Stones::Stand;
            }
            people.merge(shelved.channel.catalogue().people());
            listed.push(Listed::of(&shelved.channel));
            rows.push(ChannelRow::of(&shelved.channel));
        }
        listed.sort_by(|one, other| one.name().cmp(other.name()));
        rows.sort_by(|one, other| one.name().cmp(other.name()));
        page::write_lists(export, &people, &rows)?;
        export.write_lists(&people, stones, &listed)
    }

    fn export(&self) -> Export<'_> {
        Export {
            place: &self.place,
            drafts: &self.claim.drafts,
            team: &self.team,
            organisation: &self.organisation,
            own_domains: &self.own_domains,
        }
    }

    /// The channel whose journal lies under this name.
    fn shelved(&self, directory: &str) -> Result<Arc<Mutex<Shelved>>, Failure> {
        let channel = Channel::open(directory.to_owned(), &self.place.journal(directory))?;
        let published = self.export().published(&channel)?;
        Ok(Arc::new(Mutex::new(Shelved { channel, published })))
    }

    /// A channel that can be believed.
    fn channel(&self, id: &ChannelId) -> Result<Arc<Mutex<Shelved>>, Failure> {
        let known = lock(&self.channels).get(id).map(Arc::clone);
        known
            .filter(|shelved| !lock(shelved).channel.is_torn())
            .ok_or_else(|| Failure::StaleChannel(format!("the channel {id} of the archive is not open")))
    }
}

/// What a panicking thread left behind is whole: everything is read from the journal or appended to it before it is known.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
