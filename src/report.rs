//! What happened in a run: text for people, JSON for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::delivery::{ChannelName, PartnerName, Reason};
use crate::destination::post::size;
use crate::ledger::{Admitted, Sums};
use crate::position::{Position, SourceName};

/// Notes that a report repeats; the rest is counted. The ledger has them all.
const MAX_NOTES: usize = 20;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IngestReport {
    /// By source.
    pub sources: BTreeMap<SourceName, SourceReport>,
    /// What was odd about single messages: where, and what. At most twenty.
    pub notes: Vec<String>,
    /// How many notes there were in all.
    pub notes_in_all: u64,
}

/// What was read of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// Messages that were not known before.
    pub new: u64,
    /// Copies of known messages at new positions.
    pub duplicates: u64,
    /// Positions whose message cannot be read.
    pub unreadable: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Whether it was read to its end.
    pub complete: bool,
    /// What failed, each a sentence.
    pub failures: Vec<String>,
}

impl Default for SourceReport {
    fn default() -> Self {
        Self { new: 0, duplicates: 0, unreadable: 0, bytes: 0, complete: true, failures: Vec::new() }
    }
}

impl IngestReport {
    /// A report on these sources, with nothing read yet.
    pub fn of(sources: impl Iterator<Item = SourceName>) -> Self {
        Self { sources: sources.map(|name| (name, SourceReport::default())).collect(), ..Self::default() }
    }

    /// Whether every source was read to its end.
    pub fn is_complete(&self) -> bool {
        self.sources.values().all(|source| source.complete && source.failures.is_empty())
    }

    pub(crate) fn counted(&mut self, source: &SourceName, admitted: Admitted, bytes: u64) {
        let source = self.sources.entry(source.clone()).or_default();
        source.bytes += bytes;
        match admitted {
            Admitted::New => source.new += 1,
            Admitted::Duplicate => source.duplicates += 1,
            Admitted::Unreadable => source.unreadable += 1,
            Admitted::Known | Admitted::Nothing => {}
        }
    }

    pub(crate) fn noted(&mut self, position: &Position, notes: &[String]) {
        self.notes_in_all += notes.len() as u64;
        let room = MAX_NOTES.saturating_sub(self.notes.len());
        self.notes.extend(notes.iter().take(room).map(|note| format!("{position}: {note}")));
    }

    pub(crate) fn incomplete(&mut self, source: &SourceName) {
        self.sources.entry(source.clone()).or_default().complete = false;
    }

    pub(crate) fn all_incomplete(&mut self) {
        self.sources.values_mut().for_each(|source| source.complete = false);
    }

    pub(crate) fn source_failed(&mut self, source: &SourceName, why: &str) {
        let source = self.sources.entry(source.clone()).or_default();
        source.complete = false;
        source.failures.push(why.to_owned());
    }

    pub(crate) fn mailbox_failed(&mut self, source: &SourceName, mailbox: &str, why: &str) {
        self.source_failed(source, &format!("{mailbox}: {why}"));
    }
}

impl fmt::Display for IngestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, source) in &self.sources {
            let state = if source.complete { "complete" } else { "incomplete" };
            write!(f, "Read     {name}: {} new, {} already known", source.new, source.duplicates)?;
            if source.unreadable > 0 {
                write!(f, ", {} unreadable", source.unreadable)?;
            }
            writeln!(f, " ({}, {state})", size(source.bytes))?;
            source.failures.iter().try_for_each(|failure| writeln!(f, "  failed: {failure}"))?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "  note: {note}"))?;
        let unsaid = self.notes_in_all.saturating_sub(self.notes.len() as u64);
        if unsaid > 0 { writeln!(f, "  … and {unsaid} more notes") } else { Ok(()) }
    }
}

/// Messages counted by reason; in JSON a list of `{ "gate", "text", "messages" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Reason, u64>);

impl Counts {
    pub(crate) fn count(&mut self, reason: Reason) {
        *self.0.entry(reason).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        other.0.into_iter().for_each(|(reason, count)| *self.0.entry(reason).or_default() += count);
    }

    /// Writes a line for each reason, beginning with a word such as `held`.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
        self.0.iter().try_for_each(|(reason, count)| writeln!(f, "  {word} {count}: {reason}"))
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            #[serde(flatten)]
            reason: &'a Reason,
            messages: u64,
        }
        serializer.collect_seq(self.0.iter().map(|(reason, &messages)| Row { reason, messages }))
    }
}

/// What was posted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeliveryReport {
    /// By channel.
    pub channels: BTreeMap<ChannelName, ChannelReport>,
    /// What a person should open to see the result.
    pub entrances: Vec<String>,
    /// What failed, each a sentence that says what to do.
    pub failures: Vec<String>,
}

/// What was posted in one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChannelReport {
    /// The partner.
    pub partner: Option<PartnerName>,
    /// Messages that became whole.
    pub messages: u64,
    /// Posts made, files included.
    pub posts: u64,
    /// Of these, files.
    pub files: u64,
    /// Messages that wait for a person, by reason.
    pub held: Counts,
    /// Messages that a gate dropped, by reason.
    pub dropped: Counts,
    /// Messages whose outcome is unknown and could not be looked up.
    pub in_doubt: u64,
}

impl DeliveryReport {
    /// Whether everything that may be delivered was.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.channels.values().all(|channel| channel.in_doubt == 0)
    }
}

impl ChannelReport {
    /// Adds what another worker did in the same channel.
    pub(crate) fn add(&mut self, other: Self) {
        self.partner = self.partner.take().or(other.partner);
        self.messages += other.messages;
        self.posts += other.posts;
        self.files += other.files;
        self.in_doubt += other.in_doubt;
        self.held.add(other.held);
        self.dropped.add(other.dropped);
    }
}

impl fmt::Display for DeliveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, channel) in &self.channels {
            writeln!(
                f,
                "Posted   #{name}: {} messages in {} posts, {} of them files",
                channel.messages, channel.posts, channel.files
            )?;
            channel.held.write(f, "held")?;
            channel.dropped.write(f, "dropped")?;
            if channel.in_doubt > 0 {
                writeln!(f, "  {} in doubt: their outcome could not be looked up; the next run tries again", channel.in_doubt)?;
            }
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "  failed: {failure}"))
    }
}

/// One whole run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// What was read.
    pub read: IngestReport,
    /// What was posted.
    pub posted: DeliveryReport,
    /// How everything stands afterwards.
    pub sums: Sums,
    /// Whether the sums add up.
    pub adds_up: bool,
    /// Whether somebody stopped the run before its end.
    pub stopped: bool,
}

impl RunReport {
    /// Whether nothing failed and everything adds up.
    pub fn is_well(&self) -> bool {
        self.adds_up && (self.stopped || (self.read.is_complete() && self.posted.is_complete()))
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.read, self.posted)?;
        writeln!(f, "{}", Ends(&self.sums))?;
        if self.stopped {
            writeln!(f, "Stopped before the end; run it again to go on.")?;
        }
        self.posted.entrances.iter().try_for_each(|entrance| writeln!(f, "Open     {entrance}"))
    }
}

/// The line that shows how the messages end, and that the sums add up.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a>(pub &'a Sums);

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = &self.0.messages_by_end;
        write!(
            f,
            "Messages {} = {} delivered + {} held + {} internal + {} unmapped + {} dropped + {} pending; {} duplicates; {}",
            self.0.messages,
            ends.delivered,
            ends.held,
            ends.internal,
            ends.unmapped,
            ends.dropped,
            ends.pending,
            self.0.duplicates,
            if self.0.add_up() { "adds up" } else { "DOES NOT ADD UP" }
        )
    }
}
