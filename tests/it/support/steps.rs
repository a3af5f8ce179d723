//! A run that ends at any of its steps, as a kill or a power cut would end it, and what either leaves of the state directory.
//!
//! A step is an effect: on the disk, or at the destination. After the step at which a run is to end, nothing takes effect any
//! more; at that instant the state directory is copied as it stands (what a kill leaves), with the last write torn (a kill in
//! its midst), and as far as it was synced (what a power cut leaves).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mailferry::delivery::{Attempt, ChannelId, DeliveryKey, DestinationName, Handle, Receipt};
use mailferry::destination::{ChannelSpec, Destination, Failure, Limits, Post, Regard, Standing};
use mailferry::disk::{Effect, Witness};
use mailferry::engine::Stop;
use mailferry::finding::Finding;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The process is killed: what it wrote is there.
    Kill,
    /// It is killed in the midst of its last write.
    Torn,
    /// The machine loses power: what was synced is there.
    PowerCut,
}

/// The steps of one run.
#[derive(Debug)]
pub(crate) struct Steps {
    state: PathBuf,
    stop: Stop,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    last: usize,
    taken: Vec<String>,
    is_over: bool,
    /// Where the image goes, and of what kind it is.
    image: PathBuf,
    end: End,
    /// The length of each file before its last write.
    before: BTreeMap<PathBuf, u64>,
    /// The bytes of each file when it was last synced.
    synced: BTreeMap<PathBuf, Vec<u8>>,
    /// Files whose names are durable, with their durable bytes; and directories whose names are.
    durable: BTreeMap<PathBuf, Vec<u8>>,
    directories: BTreeSet<PathBuf>,
}

impl Steps {
    /// A run over a state directory that ends after the step `last`, from 1, and leaves an image of its end.
    pub(crate) fn new(state: &Path, last: usize, end: End, image: PathBuf, stop: Stop) -> Arc<Self> {
        let inner = Inner {
            last,
            taken: Vec::new(),
            is_over: false,
            image,
            end,
            before: BTreeMap::new(),
            synced: BTreeMap::new(),
            durable: BTreeMap::new(),
            directories: BTreeSet::from([state.to_path_buf()]),
        };
        let steps = Self { state: state.to_path_buf(), stop, inner: Mutex::new(inner) };
        // What stood there when the run began is durable.
        let mut inner = steps.inner();
        for entry in walkdir::WalkDir::new(state).into_iter().filter_map(Result::ok) {
            if entry.file_type().is_dir() {
                inner.directories.insert(entry.path().to_path_buf());
            } else if let Ok(bytes) = fs::read(entry.path()) {
                inner.durable.insert(entry.path().to_path_buf(), bytes);
            }
        }
        drop(inner);
        Arc::new(steps)
    }

    /// The steps that were taken, in words.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.inner().taken.clone()
    }

    /// Whether the run was ended.
    pub(crate) fn is_over(&self) -> bool {
        self.inner().is_over
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step is taken. Hands back whether it was the last.
    fn step(&self, inner: &mut Inner, what: String, wrote: Option<&Path>) -> bool {
        inner.taken.push(what);
        if inner.taken.len() == inner.last {
            inner.is_over = true;
            self.leave_image(inner, wrote);
            self.stop.ask();
        }
        inner.is_over
    }

    fn leave_image(&self, inner: &Inner, wrote: Option<&Path>) {
        match inner.end {
            End::Kill | End::Torn => copy(&self.state, &inner.image),
            End::PowerCut => {
                fs::create_dir_all(&inner.image).unwrap();
                let is_there = |path: &Path| {
                    path.ancestors()
                        .skip(1)
                        .take_while(|dir| dir.starts_with(&self.state))
                        .all(|dir| inner.directories.contains(dir))
                };
                for (path, bytes) in inner.durable.iter().filter(|(path, _)| is_there(path)) {
                    let to = inner.image.join(path.strip_prefix(&self.state).unwrap());
                    fs::create_dir_all(to.parent().unwrap()).unwrap();
                    fs::write(to, bytes).unwrap();
                }
            }
        }
        if let (End::Torn, Some(path)) = (inner.end, wrote) {
            let torn = inner.image.join(path.strip_prefix(&self.state).unwrap());
            let (before, after) = (inner.before[path], fs::metadata(&torn).unwrap().len());
            fs::OpenOptions::new().write(true).open(torn).unwrap().set_len(before + (after - before) / 2).unwrap();
        }
    }
}

/// Copies a directory with all below it.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(Result::unwrap) {
        let to = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn over() -> io::Error {
    io::Error::other("the run is over")
}

impl Witness for Steps {
    fn before(&self, effect: Effect<'_>) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.is_over {
            return Err(over());
        }
        if let Effect::Write(path) = effect {
            let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
            inner.before.insert(path.to_path_buf(), length);
        }
        Ok(())
    }

    fn after(&self, effect: Effect<'_>) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.is_over {
            return Err(over());
        }
        inner.make_durable(&self.state, effect);
        let wrote = if let Effect::Write(path) = effect { Some(path) } else { None };
        let what = format!("{effect:?}").replace(&self.state.display().to_string(), "state");
        if self.step(&mut inner, what, wrote) { Err(over()) } else { Ok(()) }
    }
}

impl Inner {
    fn make_durable(&mut self, state: &Path, effect: Effect<'_>) {
        match effect {
            Effect::Write(_) | Effect::Cut(_) => {}
            // The index has a directory of its own, whose files it syncs as it likes.
            Effect::Sync(path) if path.ends_with("ledger/db") => {
                let index = path.parent().unwrap();
                self.directories.insert(index.to_path_buf());
                for entry in
                    walkdir::WalkDir::new(index).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file())
                {
                    self.durable.insert(entry.path().to_path_buf(), fs::read(entry.path()).unwrap());
                }
            }
            Effect::Sync(path) => {
                let bytes = fs::read(path).unwrap();
                if let Some(durable) = self.durable.get_mut(path) {
                    durable.clone_from(&bytes);
                }
                self.synced.insert(path.to_path_buf(), bytes);
            }
            Effect::Rename(from, to) => {
                if let Some(bytes) = self.synced.remove(from) {
                    self.synced.insert(to.to_path_buf(), bytes);
                }
            }
            Effect::SyncDirectory(directory) => {
                assert!(directory.starts_with(state));
                self.durable.retain(|path, _| path.parent() != Some(directory) || path.exists());
                for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                    if entry.file_type().unwrap().is_dir() {
                        if entry.file_name() != "ledger" {
                            self.directories.insert(entry.path());
                        }
                    } else if entry.file_name() != "lock" {
                        // A name without its bytes is an empty file.
                        let bytes = self.synced.get(&entry.path()).cloned().unwrap_or_default();
                        self.durable.insert(entry.path(), bytes);
                    }
                }
            }
        }
    }
}

/// A destination whose calls are steps.
pub(crate) struct Stepped {
    inner: Arc<dyn Destination>,
    steps: Arc<Steps>,
}

impl Stepped {
    pub(crate) fn new(inner: Arc<dyn Destination>, steps: Arc<Steps>) -> Self {
        Self { inner, steps }
    }

    /// Makes a call, unless the run is over. Where it is the last step, its answer is lost.
    async fn step<T>(&self, what: &str, call: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        if self.steps.is_over() {
            return Err(Failure::Stop { why: "the run is over".into(), advice: "begin another".into() });
        }
        let answer = call.await;
        let mut inner = self.steps.inner();
        if inner.is_over || self.steps.step(&mut inner, what.to_owned(), None) {
            return Err(Failure::Unknown("the run is over".into()));
        }
        answer
    }
}

#[async_trait]
impl Destination for Stepped {
    fn name(&self) -> &DestinationName {
        self.inner.name()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn settle_time(&self) -> Duration {
        self.inner.settle_time()
    }

    async fn check(&self, channels: &[ChannelSpec]) -> Vec<Finding> {
        self.inner.check(channels).await
    }

    async fn open(&self, channel: &ChannelSpec) -> Result<ChannelId, Failure> {
        self.step("open", self.inner.open(channel)).await
    }

    async fn prepare(&self, post: &Post) -> Result<Handle, Failure> {
        self.step("prepare", self.inner.prepare(post)).await
    }

    async fn turn(&self, channel: &ChannelId) {
        self.inner.turn(channel).await;
    }

    async fn post(&self, channel: &ChannelId, root: Option<&Receipt>, post: &Post, handle: &Handle) -> Result<Receipt, Failure> {
        self.step("post", self.inner.post(channel, root, post, handle)).await
    }

    async fn lookup(
        &self,
        channel: &ChannelId,
        root: Option<&Receipt>,
        key: &DeliveryKey,
        attempt: &Attempt,
    ) -> Result<Option<Receipt>, Failure> {
        self.step("lookup", self.inner.lookup(channel, root, key, attempt)).await
    }

    async fn regard(&self, channel: &ChannelId, root: Option<&Receipt>, receipt: &Receipt) -> Result<Regard, Failure> {
        self.step("regard", self.inner.regard(channel, root, receipt)).await
    }

    async fn retract(&self, channel: &ChannelId, receipt: &Receipt, handle: &Handle) -> Result<(), Failure> {
        self.step("retract", self.inner.retract(channel, receipt, handle)).await
    }

    async fn thread(&self, channel: &ChannelId, root: &Receipt) -> Result<Vec<Standing>, Failure> {
        self.step("thread", self.inner.thread(channel, root)).await
    }

    async fn publish(&self) -> Result<(), Failure> {
        self.inner.publish().await
    }

    fn entrance(&self) -> Option<String> {
        self.inner.entrance()
    }
}
