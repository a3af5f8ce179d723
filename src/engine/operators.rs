//! What needs an operator is said in a channel of theirs: once when it begins, once when it is over.
//!
//! What was said and what is still to be said stands in a file of the state directory, so that neither a retry nor a
//! restart says it again. It is no part of the ledger: that is the truth about mail, and a notice is about nobody's. The way
//! of a notice is that of a post all the same: the intent is on the disk before the call, the outcome after it, and an
//! unknown outcome is looked up by its key. Trouble on this way is logged and tried again; it never stops a run.
//!
//! A notice holds names of sources and what servers said about logins and connections, and nothing of any mail.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::World;
use crate::config::{Config, OperatorsConfig};
use crate::delivery::{Attempt, DeliveryKey, Part, Timeliness};
use crate::destination::post::{Content, DatedBy, Heading};
use crate::destination::{ChannelSpec, Destination, Failure, Post, Visibility};
use crate::mail::id::MessageKey;
use crate::mail::{Address, Correspondent, Digest};
use crate::position::SourceName;
use crate::source::Pauses;

/// Notices that wait at most; the oldest is left out then, and that is logged. A destination that is away for a day must not
/// flood the operators when it is back.
const MAX_WAITING: usize = 100;

/// How often it is looked whether a source has become silent.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The operators, as far as they have a channel. Every method may be called from any thread, and returns at once.
#[derive(Debug, Default)]
pub struct Operators {
    desk: Option<Desk>,
    news: Notify,
}

#[derive(Debug)]
struct Desk {
    file: PathBuf,
    notices: Mutex<Notices>,
}

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Notices {
    /// How many notices there ever were: each has a number of its own.
    count: u64,
    /// What goes on, and since when.
    open: BTreeMap<String, DateTime<Utc>>,
    /// What is still to be said, in order.
    waiting: VecDeque<Notice>,
}

/// Something to be said.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Notice {
    number: u64,
    at: DateTime<Utc>,
    subject: String,
    text: String,
    /// An attempt whose outcome is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<Attempt>,
}

impl Operators {
    /// The operators of a configuration, with what was said to them before.
    pub fn of(config: &Config) -> Self {
        let desk = config.mirror.operators.as_ref().map(|_| {
            let file = config.state.join("operators.json");
            // One that cannot be read is begun anew: then a notice may come twice, which is better than none.
            let notices = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
            Desk { file, notices: Mutex::new(notices) }
        });
        Self { desk, news: Notify::new() }
    }

    /// Something begins that a person should know, such as `login history`. Said again only after [`Operators::over`].
    pub fn tell(&self, key: &str, text: &str, at: DateTime<Utc>) {
        self.change(|notices| {
            if notices.open.contains_key(key) {
                return false;
            }
            notices.open.insert(key.to_owned(), at);
            notices.push(at, "Something needs you", text);
            true
        });
    }

    /// Something happened that has no end, and that a person should know.
    pub fn note(&self, text: &str, at: DateTime<Utc>) {
        self.change(|notices| {
            notices.push(at, "Something happened", text);
            true
        });
    }

    /// It is over, where it was told that it began.
    pub fn over(&self, key: &str, text: &str, at: DateTime<Utc>) {
        self.change(|notices| {
            let Some(since) = notices.open.remove(key) else { return false };
            let text = format!("{text} (it was said on {})", since.format("%Y-%m-%d %H:%M UTC"));
            notices.push(at, "Well again", &text);
            true
        });
    }

    /// Changes what is to be said, and keeps it, where there is anybody to say it to.
    fn change(&self, change: impl FnOnce(&mut Notices) -> bool) {
        let Some(desk) = &self.desk else { return };
        let mut notices = desk.notices();
        if change(&mut notices) {
            desk.keep(&notices);
            self.news.notify_one();
        }
    }
}

impl Notices {
    fn push(&mut self, at: DateTime<Utc>, subject: &str, text: &str) {
        self.count += 1;
        let (number, subject, text) = (self.count, subject.to_owned(), text.to_owned());
        self.waiting.push_back(Notice { number, at, subject, text, attempt: None });
        if self.waiting.len() > MAX_WAITING
            && let Some(notice) = self.waiting.pop_front()
        {
            tracing::warn!(text = notice.text, "there is too much to say to the operators: this is left out");
        }
    }
}

impl Desk {
    fn notices(&self) -> MutexGuard<'_, Notices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, notices: &Notices) {
        if let Err(error) = write(&self.file, notices) {
            tracing::warn!(%error, file = %self.file.display(), "what was said to the operators cannot be kept: it may be said again");
        }
    }

    /// Replaces the attempt of the first notice, if it is still this one; `None` for one that is done.
    fn settle(&self, number: u64, attempt: Option<Option<Attempt>>) {
        let mut notices = self.notices();
        if notices.waiting.front().is_none_or(|first| first.number != number) {
            return;
        }
        match (attempt, notices.waiting.front_mut()) {
            (Some(attempt), Some(first)) => first.attempt = attempt,
            (None, _) | (_, None) => drop(notices.waiting.pop_front()),
        }
        self.keep(&notices);
    }
}

/// Whole or not at all.
fn write(file: &Path, notices: &Notices) -> io::Result<()> {
    let begun = file.with_extension("new");
    let mut writing = fs::File::create(&begun)?;
    writing.write_all(&serde_json::to_vec(notices)?)?;
    writing.sync_all()?;
    fs::rename(&begun, file)?;
    fs::File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Says what is to be said, until somebody asks to stop.
pub(super) async fn run(world: Arc<World>) {
    let (Some(desk), Some(config)) = (&world.operators.desk, &world.config.mirror.operators) else { return };
    let Some(destination) = world.destinations.get(&config.destination) else { return };
    let teller = Teller { world: &world, desk, config, destination: destination.as_ref() };
    let mut pauses = Pauses::default();
    while !world.stop.is_asked() {
        watch_for_silence(&world);
        let next = desk.notices().waiting.front().cloned();
        let pause = match next {
            None => LOOK_EVERY,
            Some(notice) => match teller.say(&notice).await {
                Ok(()) => {
                    pauses = Pauses::default();
                    continue;
                }
                Err(failure) => {
                    tracing::warn!(%failure, "the operators' channel cannot be posted to; it is tried again");
                    pauses.longer()
                }
            },
        };
        tokio::select! {
            () = sleep(pause) => {}
            // Where the channel is in trouble, more to say is no reason to try sooner.
            () = world.operators.news.notified(), if pause == LOOK_EVERY => {}
            () = world.stop.asked() => {}
        }
    }
}

/// Tells of sources that were not read to their end for too long, but for those whose login was told of already.
fn watch_for_silence(world: &World) {
    let (now, report) = ((world.clock)(), world.health.report());
    for (name, seconds) in report.silent(now, world.config.mirror.silent_after) {
        let trouble = report.sources.get(name).and_then(|source| source.trouble.as_ref());
        if trouble.is_some_and(|trouble| trouble.needs.is_some()) {
            continue;
        }
        let why = trouble.map_or_else(String::new, |trouble| format!(": {}", trouble.why));
        let text = format!("The source {name} was not read to its end for {seconds} s{why}");
        world.operators.tell(&silence_key(name), &text, now);
    }
}

/// A source was read to its end: whatever was told of it is over.
pub(super) fn source_is_well(world: &World, source: &SourceName, at: DateTime<Utc>) {
    for key in [login_key(source), silence_key(source)] {
        world.operators.over(&key, &format!("The source {source} is read again"), at);
    }
}

/// A login failed for good.
pub(super) fn login_failed(world: &World, source: &SourceName, why: &str, at: DateTime<Utc>) {
    let text = format!("The source {source} is not read any more: {why}");
    world.operators.tell(&login_key(source), &text, at);
}

fn login_key(source: &SourceName) -> String {
    format!("login {source}")
}

fn silence_key(source: &SourceName) -> String {
    format!("silence {source}")
}

/// Says one notice.
struct Teller<'a> {
    world: &'a World,
    desk: &'a Desk,
    config: &'a OperatorsConfig,
    destination: &'a dyn Destination,
}

impl Teller<'_> {
    async fn say(&self, notice: &Notice) -> Result<(), Failure> {
        let spec = channel(self.config);
        let channel = self.destination.open(&spec).await?;
        let post = self.post(notice);
        if let Some(attempt) = &notice.attempt {
            let left = attempt.at + self.destination.settle_time() - (self.world.clock)();
            sleep(left.to_std().unwrap_or_default()).await;
            let stands = self.destination.lookup(&channel, None, &post.key, attempt).await?.is_some();
            self.desk.settle(notice.number, if stands { None } else { Some(None) });
            return Ok(());
        }
        let handle = self.destination.prepare(&post).await?;
        self.destination.turn(&channel).await;
        let attempt = Attempt { at: (self.world.clock)(), handle: handle.clone(), root: None };
        self.desk.settle(notice.number, Some(Some(attempt)));
        match self.destination.post(&channel, None, &post, &handle).await {
            Ok(_) => self.desk.settle(notice.number, None),
            Err(failure @ Failure::Unknown(_)) => return Err(failure),
            Err(Failure::Refused(why)) => {
                tracing::warn!(why, text = notice.text, "the operators' channel refuses a notice: it is left out");
                self.desk.settle(notice.number, None);
            }
            Err(failure) => {
                self.desk.settle(notice.number, Some(None));
                return Err(failure);
            }
        }
        self.destination.publish().await
    }

    fn post(&self, notice: &Notice) -> Post {
        let fields = [b"notice".as_slice(), &notice.number.to_be_bytes(), &notice.at.timestamp_micros().to_be_bytes()];
        let message = MessageKey::new(Digest::of_fields(&fields));
        let heading = Heading {
            author: Some(Correspondent { name: String::new(), address: Address::normal("mailferry") }),
            via: None,
            remarks: Vec::new(),
            to: Vec::new(),
            cc: Vec::new(),
            subject: notice.subject.clone(),
            date: notice.at.fixed_offset(),
            dated_by: DatedBy::Sender,
            timeliness: Timeliness::InTime,
        };
        Post {
            key: DeliveryKey::of(&message, &self.config.destination, &self.config.channel, Part::Text(0)),
            part: Part::Text(0),
            heading,
            content: Content::Text { text: notice.text.clone(), number: 1, of: 1 },
        }
    }
}

/// The operators' channel, as it has to be created where there is none: for its members alone.
pub fn channel(config: &OperatorsConfig) -> ChannelSpec {
    ChannelSpec {
        name: config.channel.clone(),
        visibility: Visibility::Private,
        purpose: "What needs the operators of mailferry".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operators(file: &Path) -> Operators {
        let notices = fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Operators { desk: Some(Desk { file: file.to_owned(), notices: Mutex::new(notices) }), news: Notify::new() }
    }

    fn waiting(operators: &Operators) -> Vec<String> {
        operators.desk.as_ref().unwrap().notices().waiting.iter().map(|notice| notice.text.clone()).collect()
    }

    #[test]
    fn what_goes_on_is_told_once_over_restarts_and_once_more_after_it_was_over() {
        let directory = tempfile::tempdir().unwrap();
        let (file, at) = (directory.path().join("operators.json"), DateTime::UNIX_EPOCH);
        operators(&file).over("login x", "x is read again", at);
        for _ in 0..3 {
            operators(&file).tell("login x", "x cannot log in", at);
        }
        assert_eq!(waiting(&operators(&file)), ["x cannot log in"]);
        operators(&file).note("one thing", at);
        assert_eq!(waiting(&operators(&file)), ["x cannot log in", "one thing"]);
        for _ in 0..3 {
            operators(&file).over("login x", "x is read again", at);
        }
        operators(&file).tell("login x", "x cannot log in", at);
        let all = waiting(&operators(&file));
        assert_eq!(all.len(), 4, "{all:?}");
        assert_eq!(all[2], "x is read again (it was said on 1970-01-01 00:00 UTC)");
        Operators::default().tell("login x", "nobody hears", at);
    }

    #[test]
    fn the_oldest_is_left_out_where_there_is_too_much_to_say() {
        let directory = tempfile::tempdir().unwrap();
        let operators = operators(&directory.path().join("operators.json"));
        for n in 0..=MAX_WAITING {
            operators.tell(&format!("alarm {n}"), &n.to_string(), DateTime::UNIX_EPOCH);
        }
        let all = waiting(&operators);
        assert_eq!((all.len(), all[0].as_str()), (MAX_WAITING, "1"));
    }
}
