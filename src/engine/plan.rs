//! The dry run: what a backfill would post, hold and drop, by partner and reason, with sizes and the time that the real
//! rate limits cost. Ingest runs over a ledger whose writes stay in memory, and nothing is kept or posted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::before::Before;
use super::prepared::{Prepared, Read, origin, outline_of};
use super::{Keeping, World, understand};
use crate::delivery::{ChannelName, PartnerName};
use crate::destination::Limits;
use crate::destination::post::{Outline, size};
use crate::ledger::{Bound, Crossing, End};
use crate::mail::text::Reading;
use crate::mail::thread::{Example, Reuse, Reuses};
use crate::mail::{Message, Parts};
use crate::policy::gate::{Arrivals, Case, Verdict, judge, judge_partner};
use crate::report::{Counts, IngestReport};
use crate::source::{Found, Sent, Source};

/// Unmapped domains that a plan names.
const MAX_DOMAINS: usize = 10;

/// What would become of one message in one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forecast {
    bound: Bound,
    verdict: Verdict,
    load: Load,
}

/// What has to be carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Messages.
    pub messages: u64,
    /// Posts, files included.
    pub posts: u64,
    /// Files.
    pub files: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Attachments that would only be named.
    pub stubbed: u64,
    /// The leaf parts of these messages, by what would become of them.
    pub parts: Parts,
}

/// What a backfill would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    /// What was read.
    pub read: IngestReport,
    /// Messages in all, those of earlier runs included.
    pub messages: u64,
    /// Nobody but ourselves on them: never posted.
    pub internal: u64,
    /// No partner on them: never posted.
    pub unmapped: u64,
    /// A person must look: nothing can be routed.
    pub unreadable: u64,
    /// The domains most often found on unmapped messages, with the number of messages.
    pub unmapped_domains: Vec<(String, u64)>,
    /// Answers with a new subject and other people.
    pub reused_threads: ReusedThreads,
    /// By partner.
    pub partners: BTreeMap<PartnerName, PartnerPlan>,
    /// Hours that the posting takes at the configured rates, channels side by side.
    pub hours: f64,
}

/// Old threads that were reused for another talk, among the messages that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReusedThreads {
    /// Answers whose subject is new and none of whose recipients was on the mail that they answer.
    pub messages: u64,
    /// Whether they begin threads of their own (`split_on_new_subject`).
    pub split: bool,
    /// Up to five of them.
    pub examples: Vec<Example>,
    /// Whether there were too many messages to look at them all.
    pub cut: bool,
}

impl ReusedThreads {
    fn of(reuses: &Reuses, setting: Reuse) -> Self {
        Self { messages: reuses.count, split: setting == Reuse::Split, examples: reuses.examples.clone(), cut: reuses.is_cut }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.messages == 0 {
            return Ok(());
        }
        let advice = if self.split { "each begins a thread" } else { "threads.split_on_new_subject = true would part them" };
        let more = if self.cut { "at least " } else { "" };
        writeln!(f, "Threads  {more}{} answers have a new subject and other people; {advice}", self.messages)?;
        let line = |example: &Example| format!("{:?} answers {:?}", example.subject, example.answers);
        self.examples.iter().try_for_each(|example| writeln!(f, "  {}", line(example)))
    }
}

/// What a backfill would do for one partner.
#[derive(Clone, Debug, Serialize)]
pub struct PartnerPlan {
    /// The channel.
    pub channel: ChannelName,
    /// What would be posted.
    pub post: Load,
    /// Messages that would wait for a person, by reason.
    pub held: Counts,
    /// Messages that a gate would drop, by reason.
    pub dropped: Counts,
}

/// The forecasts of a dry run, as they come.
#[derive(Debug, Default)]
pub struct Forecasts {
    partners: Mutex<BTreeMap<PartnerName, PartnerPlan>>,
    reuses: Mutex<Reuses>,
}

impl Forecasts {
    fn add(&self, forecast: Forecast) {
        let mut partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = partners.entry(forecast.bound.partner).or_insert_with(|| PartnerPlan {
            channel: forecast.bound.channel,
            post: Load::default(),
            held: Counts::default(),
            dropped: Counts::default(),
        });
        match forecast.verdict {
            Verdict::Pass => plan.post.add(forecast.load),
            Verdict::Hold(reason) => plan.held.count(reason),
            Verdict::Drop(reason) => plan.dropped.count(reason),
        }
    }
}

impl Load {
    fn of(outline: &Outline, message: &Message) -> Self {
        let files = outline.files.iter().filter_map(|&index| message.attachments.get(usize::try_from(index).ok()?));
        Self {
            messages: 1,
            posts: outline.parts().len() as u64,
            files: outline.files.len() as u64,
            bytes: files.map(|file| file.size).sum(),
            stubbed: outline.stubbed as u64,
            parts: parts(outline, message),
        }
    }

    fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.posts += other.posts;
        self.files += other.files;
        self.bytes += other.bytes;
        self.stubbed += other.stubbed;
        self.parts.add(other.parts);
    }
}

/// The leaf parts of a message by what becomes of them in this channel.
fn parts(outline: &Outline, message: &Message) -> Parts {
    let Parts { leaves, left_out, .. } = message.parts;
    let (stubbed, referred_to) = (outline.stubbed, outline.referred_to);
    Parts { leaves, left_out, stubbed, referred_to, posted: leaves.saturating_sub(left_out + stubbed + referred_to) }
}

impl World {
    /// Says what a backfill would do. Writes nothing, posts nothing.
    ///
    /// # Errors
    /// When the ledger or the vault of earlier runs cannot be read.
    pub async fn plan(self: &Arc<Self>, sources: &[Arc<dyn Source>]) -> anyhow::Result<Plan> {
        let world = self.clone();
        spawn_blocking(move || world.forecast_waiting()).await??;
        let read = self.ingest(sources).await?;
        let world = self.clone();
        spawn_blocking(move || world.gather(read)).await?
    }

    /// In a dry run: what would become of a message that was just understood, unless it is known.
    pub(super) fn forecast(&self, message: &Message, found: &Found, bound_for: &[Bound], now: DateTime<Utc>) -> Vec<Forecast> {
        let Keeping::Forecast { expected, .. } = &self.keeping else { return Vec::new() };
        expected.reuses.lock().unwrap_or_else(PoisonError::into_inner).see(message);
        let origin = origin(self, &found.position.source, found.sent == Sent::Yes);
        let (date, dated_by) = understand::dated(message, found.internal_date, now);
        let reading = if bound_for.is_empty() { Reading::default() } else { message.reading() };
        let before = Before::nothing(self);
        let judged = bound_for.iter().filter_map(|bound| {
            let partner = self.config.directory.partner(&bound.partner)?;
            let approval = self.ledger.approval(&bound.partner).ok().flatten();
            let verdict = match judge_partner(&self.config.rules, partner, approval.as_ref()) {
                Verdict::Pass => {
                    let (directory, loops, arrivals) = (&self.config.directory, &self.config.rules.loops, Arrivals::default());
                    judge(&Case { message, origin: &origin, partner, directory, loops, arrivals }, &[])
                }
                verdict @ (Verdict::Hold(_) | Verdict::Drop(_)) => verdict,
            };
            let limits = self.limits(bound)?;
            let read = Read { message, reading: &reading, raw: &found.raw };
            let outline = outline_of(self, &read, &before, (date, dated_by), &limits);
            Some(Forecast { bound: bound.clone(), verdict, load: Load::of(&outline, message) })
        });
        judged.collect()
    }

    /// Takes the forecasts of a message that turned out to be new.
    pub(super) fn expect(&self, forecasts: Vec<Forecast>) {
        if let Keeping::Forecast { expected, .. } = &self.keeping {
            forecasts.into_iter().for_each(|forecast| expected.add(forecast));
        }
    }

    fn limits(&self, bound: &Bound) -> Option<Limits> {
        self.destinations.get(&bound.destination).map(|destination| destination.limits())
    }

    /// Forecasts for what earlier runs left open or held.
    fn forecast_waiting(&self) -> anyhow::Result<()> {
        let mut waiting = Vec::new();
        self.ledger.each_crossing(|crossing| {
            if crossing.is_open() || crossing.waiting().is_some() {
                waiting.push(crossing);
            }
            Ok(())
        })?;
        for crossing in waiting {
            if let Some(forecast) = self.forecast_crossing(&crossing)? {
                self.expect(vec![forecast]);
            }
        }
        Ok(())
    }

    fn forecast_crossing(&self, crossing: &Crossing) -> anyhow::Result<Option<Forecast>> {
        let id = &crossing.id;
        let bound = Bound { partner: crossing.partner.clone(), destination: id.destination.clone(), channel: id.channel.clone() };
        let Some(limits) = self.limits(&bound) else { return Ok(None) };
        if let Some(reason) = crossing.waiting() {
            return Ok(Some(Forecast { bound, verdict: Verdict::Hold(reason.clone()), load: Load::default() }));
        }
        let approval = self.ledger.approval(&bound.partner)?;
        let partner = self.config.directory.partner(&bound.partner);
        let verdict = partner.map(|partner| judge_partner(&self.config.rules, partner, approval.as_ref()));
        let (prepared, judged) = Prepared::load(self, crossing, &limits)?;
        let verdict = verdict.filter(|verdict| *verdict != Verdict::Pass).unwrap_or(judged);
        Ok(Some(Forecast { bound, verdict, load: Load::of(&prepared.outline, prepared.message()) }))
    }

    fn gather(&self, read: IngestReport) -> anyhow::Result<Plan> {
        let mut plan = Plan { read, ..Plan::default() };
        let mut domains: BTreeMap<String, u64> = BTreeMap::new();
        self.ledger.each_message(|_, record| {
            plan.messages += 1;
            match &record.end {
                End::Internal => plan.internal += 1,
                End::Held(_) => plan.unreadable += 1,
                End::Routed => {}
                End::Unmapped => {
                    plan.unmapped += 1;
                    let outside = record.audience.iter().filter(|address| self.is_outsider(address));
                    let outside: BTreeSet<&str> = outside.filter_map(|address| address.domain()).collect();
                    outside.into_iter().for_each(|domain| *domains.entry(domain.to_owned()).or_default() += 1);
                }
            }
            Ok(())
        })?;
        plan.unmapped_domains = domains.into_iter().collect();
        plan.unmapped_domains.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        plan.unmapped_domains.truncate(MAX_DOMAINS);
        if let Keeping::Forecast { expected, .. } = &self.keeping {
            plan.partners = std::mem::take(&mut *expected.partners.lock().unwrap_or_else(PoisonError::into_inner));
            plan.reused_threads =
                ReusedThreads::of(&expected.reuses.lock().unwrap_or_else(PoisonError::into_inner), self.config.reuse);
        }
        plan.hours = self.hours(&plan);
        Ok(plan)
    }

    /// The time that the slowest channel, or the slowest workspace, takes.
    fn hours(&self, plan: &Plan) -> f64 {
        let mut hours: f64 = 0.0;
        for (name, destination) in &self.destinations {
            let limits = destination.limits();
            let here = self.config.directory.partners().iter().filter(|partner| &partner.destination == name);
            let posts: Vec<u64> = here.filter_map(|partner| plan.partners.get(&partner.name)).map(|plan| plan.post.posts).collect();
            #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
            let (most, all) = (posts.iter().copied().max().unwrap_or(0) as f64, posts.iter().sum::<u64>() as f64);
            let channel = limits.posts_per_second.map_or(0.0, |rate| most / rate / 3600.0);
            let workspace = limits.workspace_posts_per_minute.map_or(0.0, |rate| all / rate / 60.0);
            hours = hours.max(channel).max(workspace);
        }
        hours
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.read)?;
        for (name, partner) in &self.partners {
            let load = partner.post;
            writeln!(
                f,
                "Would    {name} → #{}: post {} messages in {} posts, {} files ({}), {} files only named",
                partner.channel,
                load.messages,
                load.posts,
                load.files,
                size(load.bytes),
                load.stubbed
            )?;
            let Parts { leaves, posted, referred_to, stubbed, left_out } = load.parts;
            writeln!(
                f,
                "  {leaves} parts of mail = {posted} posted + {referred_to} referred to + {stubbed} only named + {left_out} left out"
            )?;
            partner.held.write(f, "hold")?;
            partner.dropped.write(f, "drop")?;
        }
        writeln!(
            f,
            "Never    {} internal (nobody but ourselves on them), {} unmapped (no partner on them)",
            self.internal, self.unmapped
        )?;
        for (domain, count) in &self.unmapped_domains {
            writeln!(f, "  {count} with {domain}")?;
        }
        if self.unreadable > 0 {
            writeln!(f, "Hold     {} in which nobody can be read", self.unreadable)?;
        }
        self.reused_threads.write(f)?;
        writeln!(f, "Time     {} at the configured rates", span(self.hours))?;
        writeln!(f, "Nothing was written and nothing was posted.")
    }
}

/// A length of time for people.
fn span(hours: f64) -> String {
    match hours {
        hours if hours < 1.0 / 60.0 => "less than a minute".to_owned(),
        hours if hours < 1.0 => format!("about {:.0} minutes", hours * 60.0),
        hours => format!("about {hours:.1} hours"),
    }
}
