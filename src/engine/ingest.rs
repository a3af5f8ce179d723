//! Ingest: sources → understanding and vault on all cores → ledger, in batches, in order.
//!
//! A batch is whatever the sources have ready: one message when mail trickles in, [`MAX_BATCH`] when an archive is read.
//! Batches are understood side by side and committed in the order in which they came, so a checkpoint never overtakes the
//! messages that it covers. One task owns the write side of vault and ledger.

use std::sync::Arc;

use anyhow::Context as _;
use futures_util::stream::{self, StreamExt as _};
use tokio::task::{JoinSet, spawn_blocking};

use super::understand::{self, Understood};
use super::{Keeping, Stage, World};
use crate::ledger::{Admission, Admitted, Completeness};
use crate::mail::ObjectId;
use crate::position::{Checkpoint, Position, SourceName};
use crate::report::IngestReport;
use crate::source::{Inlet, Known, Parcel, Scanned, Source, SourceError, outlet};
use crate::vault::{Sealed, Vault};

/// Messages that are committed together at most: enough to make the cost of a barrier small, few enough that a crash
/// repeats little.
const MAX_BATCH: usize = 512;

/// Reads every source to its end.
pub(super) async fn run(world: &Arc<World>, sources: &[Arc<dyn Source>]) -> anyhow::Result<IngestReport> {
    let rerouted = world.reroute()?;
    if rerouted > 0 {
        world.watch.say(&format!("{rerouted} messages of earlier runs go to partners that are new in the configuration"));
    }
    world.watch.stage(Stage::Ingest);
    let (outlet_of, inlet) = outlet();
    let mut scans = JoinSet::new();
    for source in sources {
        let (source, world) = (source.clone(), world.clone());
        let outlet = outlet_of(source.name().clone());
        let known = Arc::new(KnownToLedger::new(world, source.name().clone()));
        scans.spawn(async move { (source.name().clone(), source.scan(known, outlet).await) });
    }
    drop(outlet_of);

    let mut report = IngestReport::of(sources.iter().map(|source| source.name().clone()));
    let committed = commit_all(world, inlet, &mut report, |_| {}).await;
    while let Some(scan) = scans.join_next().await {
        match scan {
            Ok((_, Ok(()))) => {}
            Ok((name, Err(SourceError::Stopped))) => report.incomplete(&name),
            Ok((name, Err(error))) => report.source_failed(&name, &error.to_string()),
            Err(panic) => return Err(anyhow::anyhow!("a source broke down: {panic}")),
        }
    }
    committed?;
    for (name, source) in &report.sources {
        world.ledger.scanned(name, if source.complete { Completeness::Complete } else { Completeness::Incomplete })?;
    }
    Ok(report)
}

/// Commits everything that comes, until the sources are done or somebody asks to stop; `after` is called after each batch.
pub(super) async fn commit_all(
    world: &Arc<World>,
    inlet: Inlet,
    report: &mut IngestReport,
    mut after: impl FnMut(&mut IngestReport),
) -> anyhow::Result<()> {
    // One more than there are cores: while one waits for the disk, or for its turn to be admitted, the others work.
    let side_by_side = std::thread::available_parallelism().map_or(2, std::num::NonZero::get) + 1;
    let batches = stream::unfold(inlet, |mut inlet| async move {
        let batch = tokio::select! {
            batch = next_batch(&mut inlet) => batch,
            () = world.stop.asked() => None,
        };
        batch.map(|batch| (batch, inlet))
    });
    let understood = batches.map(|batch| {
        let world = world.clone();
        spawn_blocking(move || understand_batch(&world, batch))
    });
    let mut understood = std::pin::pin!(understood.buffered(side_by_side));
    while let Some(batch) = understood.next().await {
        let mut batch = batch.context("understanding mail broke down")??;
        let told = std::mem::take(&mut batch.told);
        let worker = world.clone();
        let admit = move || {
            let admissions = batch.understood.iter().map(|understood| &understood.admission);
            worker.ledger.admit(admissions).map(|admitted| (batch, admitted))
        };
        let (batch, admitted) = spawn_blocking(admit).await.context("admitting broke down")??;
        tell(world, report, &told);
        count(world, report, batch.understood, &admitted);
        after(report);
    }
    if world.stop.is_asked() {
        report.all_incomplete();
    }
    Ok(())
}

async fn next_batch(inlet: &mut Inlet) -> Option<Vec<Parcel>> {
    let mut batch = Vec::new();
    (inlet.recv_many(&mut batch, MAX_BATCH).await > 0).then_some(batch)
}

/// A batch that was understood. The parcels hold its share of the bytes in flight until it is committed.
struct Batch {
    understood: Vec<Understood>,
    told: Vec<Parcel>,
    _shares: Vec<Parcel>,
}

/// Understands a batch and keeps its raw messages: a message in the ledger is always in the vault.
fn understand_batch(world: &World, parcels: Vec<Parcel>) -> anyhow::Result<Batch> {
    let now = (world.clock)();
    let mut batch = Batch { understood: Vec::with_capacity(parcels.len()), told: Vec::new(), _shares: Vec::new() };
    for mut parcel in parcels {
        match understand::parcel(world, &mut parcel, now).context("a message cannot be compressed")? {
            Some(understood) => {
                batch.understood.push(understood);
                batch._shares.push(parcel);
            }
            None => batch.told.push(parcel),
        }
    }
    if let Keeping::Vault(vault) = &world.keeping {
        keep(vault, &mut batch.understood)?;
    }
    Ok(batch)
}

/// Keeps what is new, and notes where.
fn keep(vault: &Vault, batch: &mut [Understood]) -> anyhow::Result<()> {
    let sealed: Vec<Sealed> = batch.iter_mut().filter_map(|understood| understood.sealed.take()).collect();
    let mut locators = vault.keep(&sealed)?.into_iter();
    for understood in batch {
        if let Admission::Message(candidate) = &mut understood.admission
            && understood.is_new
        {
            candidate.vault = locators.next().unwrap_or_default();
        }
    }
    Ok(())
}

/// Passes on what the sources said beside the mail.
fn tell(world: &World, report: &mut IngestReport, told: &[Parcel]) {
    for parcel in told {
        match &parcel.scanned {
            Scanned::Expected { mailbox, messages, bytes } => {
                world.watch.expected(&parcel.source, mailbox, *messages, *bytes);
            }
            Scanned::MailboxFailed { mailbox, error } => {
                world.watch.say(&format!("source {}: {mailbox}: {error}", parcel.source));
                report.mailbox_failed(&parcel.source, mailbox, &error.to_string());
            }
            Scanned::Message(_) | Scanned::Copy { .. } | Scanned::Unreadable { .. } | Scanned::MailboxDone { .. } => {}
        }
    }
}

fn count(world: &World, report: &mut IngestReport, understood: Vec<Understood>, admitted: &[Admitted]) {
    let (mut messages, mut bytes) = (0, 0);
    for (understood, admitted) in understood.into_iter().zip(admitted) {
        bytes += understood.bytes;
        match &understood.admission {
            Admission::Message(candidate) => {
                messages += 1;
                report.counted(&candidate.position.source, *admitted, understood.bytes);
                if *admitted == Admitted::New {
                    report.noted(&candidate.position, &candidate.notes);
                    world.expect(understood.forecast);
                }
            }
            Admission::Unreadable { position, reason, .. } => {
                messages += 1;
                report.counted(&position.source, *admitted, 0);
                world.watch.say(&format!("{position} cannot be read: {reason}"));
            }
            Admission::Copy { position, .. } => {
                messages += 1;
                report.counted(&position.source, *admitted, 0);
            }
            Admission::MailboxDone { .. } => {}
        }
    }
    world.watch.ingested(messages, bytes);
}

/// What the ledger knows of one source.
pub(super) struct KnownToLedger {
    world: Arc<World>,
    source: SourceName,
}

impl KnownToLedger {
    /// What the ledger knows of this source.
    pub(super) fn new(world: Arc<World>, source: SourceName) -> Self {
        Self { world, source }
    }
}

impl Known for KnownToLedger {
    fn checkpoint(&self, mailbox: &str) -> Option<Checkpoint> {
        self.world.ledger.checkpoint(&self.source, mailbox).unwrap_or_else(|error| {
            // Reading again from the start costs time and nothing else: known messages are known by identity.
            tracing::warn!(%error, source.name = %self.source, "a checkpoint cannot be read; the mailbox is read anew");
            None
        })
    }

    fn has(&self, position: &Position) -> bool {
        self.world.ledger.has(position).unwrap_or(false)
    }

    fn holds(&self, object: &ObjectId) -> bool {
        self.world.ledger.holds(object).unwrap_or(false)
    }
}
