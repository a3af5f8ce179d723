//! An archive in a directory of its own, and posts to put into it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use mailferry::delivery::{Attempt, ChannelId, ChannelName, DeliveryKey, DestinationName, Handle, Part, Receipt, Timeliness};
use mailferry::destination::archive::ArchiveSettings;
use mailferry::destination::post::{Content, DatedBy, Heading};
use mailferry::destination::{ArchiveDestination, ChannelSpec, Destination, Failure, Post, Visibility};
use mailferry::mail::{Address, Correspondent, Digest, MessageKey};
use serde_json::Value;
use tempfile::TempDir;

/// A destination over a directory that goes with it.
pub(crate) struct World {
    /// The destination of this run.
    pub(crate) destination: ArchiveDestination,
    /// The directory of the archive.
    pub(crate) path: PathBuf,
    _directory: TempDir,
}

impl World {
    /// An archive that does not exist yet.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("channels");
        Self { destination: destination(&path), path, _directory: directory }
    }

    /// Ends the run and begins another.
    pub(crate) fn reopen(self) -> Self {
        let Self { destination: ended, path, _directory } = self;
        drop(ended);
        Self { destination: destination(&path), path, _directory }
    }

    /// Opens a channel.
    pub(crate) async fn open(&self, name: &str) -> ChannelId {
        patiently(async || self.destination.open(&spec(name)).await).await
    }

    /// Makes what was posted ready to be read.
    pub(crate) async fn publish(&self) {
        patiently(async || self.destination.publish().await).await;
    }

    /// Prepares and posts.
    pub(crate) async fn post(&self, channel: &ChannelId, root: Option<&Receipt>, post: &Post) -> Result<Receipt, Failure> {
        let handle = self.destination.prepare(post).await?;
        self.destination.post(channel, root, post, &handle).await
    }

    /// Asks whether a post stands.
    pub(crate) async fn lookup(&self, channel: &ChannelId, key: &DeliveryKey) -> Option<Receipt> {
        let attempt = Attempt { at: DateTime::<Utc>::UNIX_EPOCH, handle: Handle::new(""), root: None };
        self.destination.lookup(channel, None, key, &attempt).await.unwrap()
    }

    /// The messages of a channel's day files, in order.
    pub(crate) fn messages(&self, channel: &str) -> Vec<Value> {
        let mut days: Vec<PathBuf> = fs::read_dir(self.path.join(channel)).unwrap().map(|entry| entry.unwrap().path()).collect();
        days.sort();
        days.iter().flat_map(|day| json(day).as_array().unwrap().clone()).collect()
    }

    /// Every file of the export with its bytes, without what is private.
    pub(crate) fn export(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = walkdir::WalkDir::new(&self.path).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
        files
            .map(|file| (file.path().strip_prefix(&self.path).unwrap().to_path_buf(), fs::read(file.path()).unwrap()))
            .filter(|(path, _)| !path.starts_with(".mailferry"))
            .collect()
    }
}

/// Does what takes the archive's lock. Another test of this binary may be starting a process: between its fork and its exec
/// that process holds every lock that this one has just given back.
async fn patiently<T>(act: impl AsyncFn() -> Result<T, Failure>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match act().await {
            Err(Failure::Stop { why, .. }) if why.contains("another mailferry") && Instant::now() < deadline => {
                tokio::task::yield_now().await;
            }
            done => return done.unwrap(),
        }
    }
}

/// A destination over this directory.
pub(crate) fn destination(path: &Path) -> ArchiveDestination {
    let settings = ArchiveSettings { path: path.to_path_buf(), organisation: "Our Co".into(), own_domains: [].into() };
    ArchiveDestination::new(DestinationName::new("archive"), settings).unwrap()
}

/// What the configuration wants of a channel.
pub(crate) fn spec(name: &str) -> ChannelSpec {
    ChannelSpec { name: ChannelName::new(name), visibility: Visibility::Private, purpose: "Work with Acme".into() }
}

/// Somebody, by address, named after the local part.
pub(crate) fn somebody(address: &str) -> Correspondent {
    let local = address.split('@').next().unwrap_or_default();
    let name: String = local.split('.').map(capitalised).collect::<Vec<_>>().join(" ");
    Correspondent { name, address: Address::normal(address) }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A message's one text from Ann of Acme to Bob of ours; the id makes the key.
pub(crate) fn text(id: &str, date: &str, subject: &str, text: &str) -> Post {
    Post {
        key: key(id, Part::Text(0)),
        part: Part::Text(0),
        heading: heading("ann@acme.example", date, subject),
        content: Content::Text { text: text.into(), number: 1, of: 1 },
    }
}

/// A file of the message with this id.
pub(crate) fn file(id: &str, date: &str, name: &str, media_type: &str, bytes: &[u8]) -> Post {
    Post {
        key: key(id, Part::File(0)),
        part: Part::File(0),
        heading: heading("ann@acme.example", date, "Plan"),
        content: Content::File { name: name.into(), media_type: media_type.into(), sha256: Digest::of(bytes), bytes: bytes.into() },
    }
}

/// A heading from this address to Bob of ours.
pub(crate) fn heading(from: &str, date: &str, subject: &str) -> Heading {
    Heading {
        author: Some(somebody(from)),
        via: None,
        remarks: Vec::new(),
        to: vec![somebody("bob@ourco.example")],
        cc: Vec::new(),
        subject: subject.into(),
        date: DateTime::parse_from_rfc3339(date).unwrap(),
        dated_by: DatedBy::Sender,
        timeliness: Timeliness::InTime,
    }
}

/// The key of a part of the message with this id.
pub(crate) fn key(id: &str, part: Part) -> DeliveryKey {
    let message = MessageKey::new(Digest::of(id.as_bytes()));
    DeliveryKey::of(&message, &DestinationName::new("archive"), &ChannelName::new("acme"), part)
}

/// A file as JSON.
pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
