//! How a run that goes on is doing: when each source was last read to its end, what is in trouble since when, what was posted.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::delivery::ChannelName;
use crate::position::SourceName;
use crate::report::ChannelReport;

/// A storm that was quiet for so long is over: the next one is said again.
const STORM_ENDS_AFTER: TimeDelta = TimeDelta::hours(1);

/// What is known of a run that goes on. Every method returns at once, on any thread.
#[derive(Debug, Default)]
pub struct Health(Mutex<HealthReport>);

/// How a run is doing, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// When it began; `None` where no run goes on.
    pub since: Option<DateTime<Utc>>,
    /// By source.
    pub sources: BTreeMap<SourceName, SourceHealth>,
    /// By channel.
    pub channels: BTreeMap<ChannelName, ChannelHealth>,
}

/// How one source is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceHealth {
    /// When everything that there was had been read.
    pub caught_up: Option<DateTime<Utc>>,
    /// What is wrong since then; `None` where nothing is.
    pub trouble: Option<Trouble>,
    /// Why it is left alone for now; `None` where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
    /// Messages that were new.
    pub messages: u64,
    /// Positions whose message cannot be read.
    pub unreadable: u64,
    /// Messages that were missed at first and found when the mailbox was listed anew.
    pub missed: u64,
}

/// How one channel is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChannelHealth {
    /// Posts that were made, files included.
    pub posts: u64,
    /// Messages that became whole.
    pub messages: u64,
    /// When a message last became whole.
    pub last: Option<DateTime<Utc>>,
    /// What is wrong since then; `None` where nothing is.
    pub trouble: Option<Trouble>,
    /// The last time that more live mail came than people write, which was held.
    pub storm: Option<Storm>,
}

/// More live mail than people write. Whose it is stands in the reasons of what is held, and not here: monitors see no mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Storm {
    /// When the first message was held.
    pub since: DateTime<Utc>,
    /// When the last one was.
    pub last: DateTime<Utc>,
    /// How many were.
    pub messages: u64,
}

/// A source that is left alone, as what may be read of it in one day was read. That is no trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rest {
    /// Until when.
    pub until: DateTime<Utc>,
    /// Why, as a sentence.
    pub why: String,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// Since when.
    pub since: DateTime<Utc>,
    /// What, as a sentence.
    pub why: String,
    /// What it takes to be well again; `None` where it may pass by itself, or nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
}

/// What trouble takes to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// A person, who logs in or gives a right.
    Person,
}

impl HealthReport {
    /// Seconds since each source was last read to its end, or since the run began.
    pub fn lag_seconds(&self, now: DateTime<Utc>) -> BTreeMap<String, i64> {
        let lag = |source: &SourceHealth| source.caught_up.or(self.since).map_or(0, |last| (now - last).num_seconds().max(0));
        self.sources.iter().map(|(name, source)| (name.to_string(), lag(source))).collect()
    }

    /// Why it is not well, each a sentence: sources that were not read to their end for so long and do not rest, or need a
    /// person.
    pub fn complaints(&self, now: DateTime<Utc>, silent_after: Duration) -> Vec<String> {
        let silent: BTreeMap<_, _> = self.silent(now, silent_after).collect();
        let sources = self.sources.iter().filter_map(|(name, source)| {
            let trouble = source.trouble.as_ref();
            match (silent.get(name), trouble) {
                (Some(seconds), trouble) => {
                    let why = trouble.map_or_else(String::new, |trouble| format!(": {}", trouble.why));
                    Some(format!("{name} was not read to its end for {seconds} s{why}"))
                }
                // That is known at once, and does not pass.
                (None, Some(Trouble { why, needs: Some(Needs::Person), .. })) => Some(format!("{name} needs a person: {why}")),
                (None, _) => None,
            }
        });
        sources.collect()
    }

    /// The sources that were not read to their end for so long and do not rest, and for how many seconds.
    pub(super) fn silent(&self, now: DateTime<Utc>, silent_after: Duration) -> impl Iterator<Item = (&SourceName, u64)> {
        let rests =
            move |source: &SourceHealth| source.trouble.is_none() && source.rest.as_ref().is_some_and(|rest| rest.until > now);
        self.sources.iter().filter(move |(_, source)| !rests(source)).filter_map(move |(name, source)| {
            let last = source.caught_up.or(self.since)?;
            let silence = (now - last).to_std().unwrap_or_default();
            (silence > silent_after).then_some((name, silence.as_secs()))
        })
    }
}

impl Health {
    /// How it is doing now.
    pub fn report(&self) -> HealthReport {
        self.inner().clone()
    }

    pub(super) fn begins(&self, at: DateTime<Utc>, sources: impl Iterator<Item = SourceName>) {
        let mut inner = self.inner();
        inner.since = Some(at);
        inner.sources = sources.map(|name| (name, SourceHealth::default())).collect();
    }

    pub(super) fn caught_up(&self, source: &SourceName, at: DateTime<Utc>) {
        let mut inner = self.inner();
        let source = inner.sources.entry(source.clone()).or_default();
        source.caught_up = Some(at);
        (source.trouble, source.rest) = (None, None);
    }

    pub(super) fn source_rests(&self, source: &SourceName, until: DateTime<Utc>, why: String) {
        let mut inner = self.inner();
        let source = inner.sources.entry(source.clone()).or_default();
        (source.trouble, source.rest) = (None, Some(Rest { until, why }));
    }

    pub(super) fn source_trouble(&self, source: &SourceName, at: DateTime<Utc>, why: String, needs: Option<Needs>) {
        let mut inner = self.inner();
        let trouble = &mut inner.sources.entry(source.clone()).or_default().trouble;
        lasting(trouble, at, why);
        if let Some(trouble) = trouble {
            trouble.needs = needs;
        }
    }

    pub(super) fn read(&self, source: &SourceName, messages: u64, unreadable: u64) {
        let mut inner = self.inner();
        let source = inner.sources.entry(source.clone()).or_default();
        source.messages += messages;
        source.unreadable += unreadable;
    }

    pub(super) fn missed(&self, source: &SourceName, messages: u64) {
        self.inner().sources.entry(source.clone()).or_default().missed += messages;
    }

    pub(super) fn delivered(&self, channel: &ChannelName, report: &ChannelReport, failure: Option<&String>, at: DateTime<Utc>) {
        let mut inner = self.inner();
        let channel = inner.channels.entry(channel.clone()).or_default();
        channel.posts += report.posts;
        channel.messages += report.messages;
        if report.messages > 0 {
            channel.last = Some(at);
        }
        match failure {
            Some(why) => lasting(&mut channel.trouble, at, why.clone()),
            None if report.in_doubt > 0 => lasting(&mut channel.trouble, at, "the outcome of a post is in doubt".to_owned()),
            None => channel.trouble = None,
        }
    }

    /// A message was held since too many arrived with it; whether that is a new storm, and not one that goes on.
    pub(super) fn held_back(&self, channel: &ChannelName, at: DateTime<Utc>) -> bool {
        let mut inner = self.inner();
        let storm = &mut inner.channels.entry(channel.clone()).or_default().storm;
        match storm {
            Some(storm) if at - storm.last < STORM_ENDS_AFTER => {
                (storm.last, storm.messages) = (at, storm.messages + 1);
                false
            }
            Some(_) | None => {
                *storm = Some(Storm { since: at, last: at, messages: 1 });
                true
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, HealthReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Trouble that goes on keeps its beginning.
fn lasting(slot: &mut Option<Trouble>, at: DateTime<Utc>, why: String) {
    let since = slot.as_ref().map_or(at, |trouble| trouble.since);
    *slot = Some(Trouble { since, why, needs: None });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_rests_is_no_complaint_until_its_rest_is_over() {
        let at = |hour: i64| DateTime::UNIX_EPOCH + chrono::Duration::hours(hour);
        let (health, vendors) = (Health::default(), SourceName::new("vendors"));
        let complaints = |hour| health.report().complaints(at(hour), Duration::from_secs(900));
        health.begins(at(0), [vendors.clone()].into_iter());
        health.source_trouble(&vendors, at(0), "the connection broke".into(), None);
        assert_eq!(complaints(1), ["vendors was not read to its end for 3600 s: the connection broke"]);
        health.source_rests(&vendors, at(24), "vendors rests".into());
        assert_eq!(complaints(2), Vec::<String>::new());
        assert_eq!(complaints(25).len(), 1, "it should have gone on");
        health.source_trouble(&vendors, at(3), "the login is refused".into(), None);
        assert_eq!(complaints(4).len(), 1, "trouble is trouble");
        health.caught_up(&vendors, at(5));
        assert_eq!(health.report().sources[&vendors].rest, None);
    }
}
