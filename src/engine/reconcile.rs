//! The ledger held against the world: does each source hold what the ledger has seen of it, do the posts stand?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::ingest::KnownToLedger;
use super::reach::{Halt, Reach};
use super::{Stage, World, assemble};
use crate::delivery::{ChannelName, DestinationName, Receipt};
use crate::destination::Standing;
use crate::ledger::{LedgerError, Status, Undo};
use crate::mail::MessageKey;
use crate::position::SourceName;
use crate::source::Source;

/// Differences that a report names for one mailbox or channel; the rest is counted.
const MAX_NAMED: usize = 20;

/// What was compared, and every difference.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reconciliation {
    /// By source and mailbox.
    pub mailboxes: Vec<MailboxCount>,
    /// By channel.
    pub channels: BTreeMap<ChannelName, ChannelCount>,
    /// Whether the sums of the ledger add up.
    pub adds_up: bool,
    /// What could not be compared, each a sentence.
    pub failures: Vec<String>,
}

/// What one mailbox holds, and what of it the ledger does not know.
#[derive(Clone, Debug, Serialize)]
pub struct MailboxCount {
    /// The source.
    pub source: SourceName,
    /// The mailbox.
    pub mailbox: String,
    /// Messages that it holds.
    pub held: u64,
    /// Of these, messages that the ledger has not seen.
    pub unknown: u64,
    /// Where the first of these are.
    pub examples: Vec<String>,
}

/// What stands in one channel, against what the ledger says.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChannelCount {
    /// Posts that stand as the ledger says.
    pub standing: u64,
    /// Posts that the ledger says stand, and that do not.
    pub missing: u64,
    /// Delivery keys that stand more than once.
    pub twice: u64,
    /// Posts of ours that the ledger does not say stand.
    pub unknown: u64,
    /// The first differences, each a sentence.
    pub differences: Vec<String>,
}

/// A post as the ledger has it.
struct Recorded {
    message: MessageKey,
    key: String,
    receipt: Receipt,
}

/// What the ledger says of one channel: threads by their first post, and what is in doubt or was deleted.
#[derive(Default)]
struct Threads {
    posts: BTreeMap<Receipt, Vec<Recorded>>,
    excused: BTreeSet<String>,
}

impl World {
    /// Compares the ledger with the sources and the destinations. Changes nothing.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn reconcile(self: &Arc<Self>, sources: &[Arc<dyn Source>]) -> anyhow::Result<Reconciliation> {
        let mut found = Reconciliation { adds_up: self.ledger.sums()?.add_up(), ..Reconciliation::default() };
        self.watch.stage(Stage::Compare);
        for source in sources {
            self.count(source.as_ref(), &mut found).await;
        }
        for ((destination, channel), threads) in self.recorded()? {
            let Some(to) = self.destinations.get(&destination).cloned() else {
                found
                    .failures
                    .push(format!("#{channel} is in the destination {destination}, which the configuration no longer names"));
                continue;
            };
            self.watch.to_deliver(threads.posts.len() as u64);
            let reach = Reach::new(self.clone(), to, assemble::channel(&self.config, &destination, &channel));
            let mut count = ChannelCount::default();
            let compared = self.compare(reach, threads, &mut count).await;
            found.channels.entry(channel.clone()).or_default().add(count);
            match compared {
                Ok(()) => {}
                Err(Halt::Stopped) => {
                    found.failures.push("stopped before the end".to_owned());
                    break;
                }
                Err(Halt::Failed(why)) => found.failures.push(format!("#{channel}: {why}")),
                Err(Halt::Broken(error)) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn count(self: &Arc<Self>, source: &dyn Source, found: &mut Reconciliation) {
        let name = source.name();
        let known = Arc::new(KnownToLedger::new(self.clone(), name.clone()));
        let counted = match source.census(known).await {
            Ok(counted) => counted,
            Err(error) => return found.failures.push(format!("{name}: {error}")),
        };
        for mailbox in counted {
            match mailbox {
                Ok(census) => found.mailboxes.push(MailboxCount {
                    source: name.clone(),
                    mailbox: census.mailbox,
                    held: census.held,
                    unknown: census.unknown,
                    examples: census.examples.iter().map(|position| position.place.clone()).collect(),
                }),
                Err((mailbox, error)) => found.failures.push(format!("{name}: {mailbox}: {error}")),
            }
        }
    }

    /// Every post that the ledger has, channel by channel, thread by thread.
    fn recorded(&self) -> Result<BTreeMap<(DestinationName, ChannelName), Threads>, LedgerError> {
        let mut channels: BTreeMap<_, Threads> = BTreeMap::new();
        self.ledger.each_crossing(|crossing| {
            let threads = channels.entry((crossing.id.destination.clone(), crossing.id.channel.clone())).or_default();
            for delivery in crossing.deliveries {
                let key = delivery.key.to_string();
                match (&delivery.status, &delivery.undo) {
                    // What was deleted may show for a while, and what is in doubt may stand or not.
                    (Status::InFlight(_), _) | (_, Some(Undo::Retracted(_))) => drop(threads.excused.insert(key)),
                    (Status::Delivered(receipt), _) => {
                        let root = delivery.made.and_then(|made| made.attempt.root).unwrap_or_else(|| receipt.clone());
                        let recorded = Recorded { message: crossing.id.message, key, receipt: receipt.clone() };
                        threads.posts.entry(root).or_default().push(recorded);
                    }
                    (Status::Planned | Status::Held(_) | Status::Rejected(_) | Status::Dropped(_), _) => {}
                }
            }
            Ok(())
        })?;
        channels.retain(|_, threads| !threads.posts.is_empty());
        Ok(channels)
    }

    async fn compare(&self, mut reach: Reach, threads: Threads, count: &mut ChannelCount) -> Result<(), Halt> {
        for (root, recorded) in &threads.posts {
            if self.stop.is_asked() {
                return Err(Halt::Stopped);
            }
            match reach.ask(async |to, channel| to.thread(channel, root).await).await? {
                Ok(standing) => count.thread(recorded, &standing, &threads.excused),
                Err(why) => return Err(Halt::Failed(why)),
            }
            self.watch.crossed();
        }
        Ok(())
    }
}

impl ChannelCount {
    /// Compares one thread.
    fn thread(&mut self, recorded: &[Recorded], standing: &[Standing], excused: &BTreeSet<String>) {
        let ids: BTreeSet<&str> = standing.iter().flat_map(ids_of).collect();
        for post in recorded {
            if ids.contains(post.receipt.id.as_str()) {
                self.standing += 1;
            } else {
                self.missing += 1;
                self.differ(format!("missing: {} of message {}", post.receipt.id, post.message));
            }
        }
        let receipts: BTreeSet<&str> = recorded.iter().map(|post| post.receipt.id.as_str()).collect();
        let mut keys: BTreeMap<&str, u64> = recorded.iter().map(|post| (post.key.as_str(), 0)).collect();
        for post in standing {
            let key = post.key.as_deref();
            if let Some(count) = key.and_then(|key| keys.get_mut(key)) {
                *count += 1;
            }
            let is_excused = key.is_some_and(|key| excused.contains(key));
            if !ids_of(post).any(|id| receipts.contains(id)) && !is_excused {
                self.unknown += 1;
                self.differ(format!("not in the ledger: {}", post.receipt.id));
            }
        }
        for (key, times) in keys.into_iter().filter(|(_, times)| *times > 1) {
            self.twice += 1;
            self.differ(format!("stands {times} times: the delivery {key}"));
        }
    }

    fn differ(&mut self, difference: String) {
        if self.differences.len() < MAX_NAMED {
            self.differences.push(difference);
        }
    }

    fn add(&mut self, other: Self) {
        self.standing += other.standing;
        self.missing += other.missing;
        self.twice += other.twice;
        self.unknown += other.unknown;
        other.differences.into_iter().for_each(|difference| self.differ(difference));
    }

    fn is_whole(&self) -> bool {
        self.missing + self.twice + self.unknown == 0
    }
}

/// Every id by which a receipt may name a post.
fn ids_of(post: &Standing) -> impl Iterator<Item = &str> {
    std::iter::once(post.receipt.id.as_str()).chain(post.files.iter().map(String::as_str))
}

impl Reconciliation {
    /// Whether ledger, sources and destinations agree.
    pub fn is_whole(&self) -> bool {
        let mailboxes = self.mailboxes.iter().all(|mailbox| mailbox.unknown == 0);
        self.adds_up && self.failures.is_empty() && mailboxes && self.channels.values().all(ChannelCount::is_whole)
    }
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mailbox in &self.mailboxes {
            let MailboxCount { source, mailbox, held, unknown, examples } = mailbox;
            writeln!(f, "Source   {source}: {mailbox}: {held} messages, {unknown} of them not in the ledger")?;
            examples.iter().try_for_each(|place| writeln!(f, "  not in the ledger: {place}"))?;
        }
        for (name, channel) in &self.channels {
            let ChannelCount { standing, missing, twice, unknown, differences } = channel;
            writeln!(
                f,
                "Channel  #{name}: {standing} posts stand, {missing} are missing, {twice} stand twice, {unknown} are not in the ledger"
            )?;
            differences.iter().try_for_each(|difference| writeln!(f, "  {difference}"))?;
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "  not compared: {failure}"))?;
        let sums = if self.adds_up { "the ledger adds up" } else { "the ledger DOES NOT ADD UP" };
        writeln!(f, "{}; {sums}", if self.is_whole() { "Everything agrees" } else { "There are differences" })
    }
}
