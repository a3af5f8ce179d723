//! The archive: channels on this machine's disk, in the layout of Slack's exports, with a page to read them. It needs no
//! account anywhere, and whatever reads or imports Slack's exports reads it too.
//!
//! ```text
//! index.html, __page/…                the page
//! users.json, channels.json           the people, the channels
//! <channel>/YYYY-MM-DD.json           the posts of a day (UTC)
//! __uploads/<file id>/<name>          the files
//! .mailferry/journal/<channel>.jsonl  what was posted: the truth, of which all above but the files is made
//! ```
//!
//! A post stands once its line is in the journal; everything else is made from the journals by [`Destination::publish`]
//! and can be made again. A post that was taken back stands no more once a further line says so: its file is removed at
//! once, and the next publication leaves it out. What it said stays in the journal, which is no part of the export.

mod catalogue;
mod channel;
mod durable;
mod entry;
mod export;
mod journal;
mod message;
mod mrkdwn;
mod page;
mod people;
mod place;
mod shelf;
mod slack_id;
mod stamp;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use self::channel::directory_of;
use self::place::Place;
use self::shelf::Shelf;
use self::upload::Upload;
use super::{ChannelSpec, Destination, EmptyFiles, Failure, Limits, Post, Regard, Standing, post};
use crate::delivery::{Attempt, ChannelId, ChannelName, DeliveryKey, DestinationName, Handle, Receipt};
use crate::finding::Finding;

/// Characters of text in one post: hardly any mail is longer, and a page of it still reads well.
const TEXT_CHARS: usize = 30_000;

/// Bytes of one file. Files are whole in memory while they are on their way; no mail server in use lets a larger one by.
const FILE_BYTES: u64 = 1 << 30;

/// Less free space than this is worth a remark.
const LITTLE_SPACE_BYTES: u64 = 1 << 30;

/// A destination of kind `archive`.
#[derive(Debug)]
pub struct ArchiveDestination {
    name: DestinationName,
    settings: ArchiveSettings,
    /// The archive once something is done with it: a destination that is only asked what it is changes nothing.
    shelf: Arc<Mutex<Option<Arc<Shelf>>>>,
}

/// The settings of an archive destination, checked.
#[derive(Clone, Debug)]
pub struct ArchiveSettings {
    /// The directory of users.json, channels.json, the channels and the page; absolute.
    pub path: PathBuf,
    /// The name of the organisation, for the page's title.
    pub organisation: String,
    /// Our own domains, so that the page can tell our side from the partner's.
    pub own_domains: BTreeSet<String>,
}

impl ArchiveDestination {
    /// A destination with checked settings. Touches nothing yet.
    ///
    /// # Errors
    /// None so far.
    pub fn new(name: DestinationName, settings: ArchiveSettings) -> Result<Self, Failure> {
        Ok(Self { name, settings, shelf: Arc::default() })
    }

    /// Does something with the archive where waiting for a disk holds up nobody else.
    async fn with_shelf<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shelf) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let (shelf, settings) = (Arc::clone(&self.shelf), self.settings.clone());
        let done = tokio::task::spawn_blocking(move || work(&*opened(&shelf, &settings)?)).await;
        done.unwrap_or_else(|error| Err(Failure::Unknown(format!("writing the archive was cut off: {error}"))))
    }

    fn check_place(&self) -> Finding {
        let subject = format!("destination {}: {}", self.name, self.settings.path.display());
        let place = Place::new(self.settings.path.clone());
        let occupant = match place.occupant() {
            Ok(occupant) => occupant,
            Err(error) => return Finding::refused(subject, error.to_string(), "set `path` to a directory that can be read"),
        };
        if let Some((why, advice)) = place.objection(&occupant) {
            return Finding::refused(subject, why, advice);
        }
        if let Err(error) = place.writable() {
            let advice = "let the user that runs mailferry write there, or set `path` to another directory";
            return Finding::refused(subject, format!("cannot be written to: {error}"), advice);
        }
        let state = if occupant == place::Occupant::Archive { "an archive of mailferry's" } else { "new" };
        match place.free_bytes() {
            Ok(bytes) if bytes < LITTLE_SPACE_BYTES => {
                Finding::warning(subject, format!("{state}; only {} MB free on that disk", bytes >> 20))
            }
            Ok(bytes) => Finding::fine(subject, format!("{state}; {} GB free", bytes >> 30)),
            Err(error) => Finding::warning(subject, format!("{state}; the free space is not known: {error}")),
        }
    }

    /// Each channel has a directory of its own.
    fn check_channels(&self, channels: &[ChannelSpec]) -> Vec<Finding> {
        let mut owners = BTreeMap::<String, &ChannelName>::new();
        let mut findings = Vec::new();
        for spec in channels {
            let subject = format!("destination {}: channel {}", self.name, spec.name);
            match directory_of(&spec.name) {
                None => findings.push(Finding::refused(subject, "the name has no letter or digit", "give it another name")),
                Some(directory) => {
                    if let Some(other) = owners.insert(directory.clone(), &spec.name).filter(|other| **other != spec.name) {
                        let detail = format!("would share the directory {directory:?} with the channel {other}");
                        findings.push(Finding::refused(subject, detail, "give one of them another name"));
                    }
                }
            }
        }
        findings
    }
}

/// The archive, claimed and read at the first call. A call that fails leaves it for the next one to try.
fn opened(shelf: &Mutex<Option<Arc<Shelf>>>, settings: &ArchiveSettings) -> Result<Arc<Shelf>, Failure> {
    let mut slot = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shelf) = &*slot {
        return Ok(Arc::clone(shelf));
    }
    let shelf = Arc::new(Shelf::open(settings)?);
    *slot = Some(Arc::clone(&shelf));
    Ok(shelf)
}

#[async_trait]
impl Destination for ArchiveDestination {
    fn name(&self) -> &DestinationName {
        &self.name
    }

    fn limits(&self) -> Limits {
        Limits {
            text_chars: TEXT_CHARS,
            file_bytes: FILE_BYTES,
            empty_files: EmptyFiles::Carried,
            posts_per_second: None,
            workspace_posts_per_minute: None,
        }
    }

    /// A disk answers or fails; nothing is under way afterwards.
    fn settle_time(&self) -> Duration {
        Duration::ZERO
    }

    async fn check(&self, channels: &[ChannelSpec]) -> Vec<Finding> {
        let mut findings = vec![self.check_place()];
        findings.extend(self.check_channels(channels));
        findings
    }

    async fn open(&self, channel: &ChannelSpec) -> Result<ChannelId, Failure> {
        let spec = channel.clone();
        self.with_shelf(move |shelf| shelf.open_channel(&spec)).await
    }

    async fn prepare(&self, post: &Post) -> Result<Handle, Failure> {
        let post::Content::File { name, media_type, sha256, bytes } = &post.content else { return Ok(Handle::new("")) };
        let upload = Upload::of(&post.key, name, media_type, *sha256, bytes.len() as u64);
        let (handle, bytes) = (Handle::new(upload.id.clone()), bytes.clone());
        self.with_shelf(move |shelf| shelf.keep(&upload, &bytes)).await?;
        Ok(handle)
    }

    async fn post(&self, channel: &ChannelId, root: Option<&Receipt>, post: &Post, _handle: &Handle) -> Result<Receipt, Failure> {
        let (id, root, post) = (channel.clone(), root.cloned(), post.clone());
        self.with_shelf(move |shelf| shelf.post(&id, root.as_ref(), &post)).await
    }

    async fn lookup(
        &self,
        channel: &ChannelId,
        _root: Option<&Receipt>,
        key: &DeliveryKey,
        _attempt: &Attempt,
    ) -> Result<Option<Receipt>, Failure> {
        let (id, key) = (channel.clone(), *key);
        self.with_shelf(move |shelf| shelf.find(&id, &key)).await
    }

    async fn regard(&self, channel: &ChannelId, _root: Option<&Receipt>, receipt: &Receipt) -> Result<Regard, Failure> {
        let (id, receipt) = (channel.clone(), receipt.clone());
        self.with_shelf(move |shelf| shelf.regard(&id, &receipt)).await
    }

    async fn retract(&self, channel: &ChannelId, receipt: &Receipt, _handle: &Handle) -> Result<(), Failure> {
        let (id, receipt) = (channel.clone(), receipt.clone());
        self.with_shelf(move |shelf| shelf.retract(&id, &receipt)).await
    }

    async fn thread(&self, channel: &ChannelId, root: &Receipt) -> Result<Vec<Standing>, Failure> {
        let (id, root) = (channel.clone(), root.clone());
        self.with_shelf(move |shelf| shelf.thread(&id, &root)).await
    }

    async fn publish(&self) -> Result<(), Failure> {
        self.with_shelf(Shelf::publish).await
    }

    fn entrance(&self) -> Option<String> {
        let path = self.settings.path.canonicalize().unwrap_or_else(|_| self.settings.path.clone());
        Some(path.join("index.html").display().to_string())
    }
}
