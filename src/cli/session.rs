//! What the commands that work on a state directory have in common: configuration, ledger, runtime, Ctrl-C.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::Utc;

use super::progress::Progress;
use super::{Common, Outcome, Screen, control};
use crate::config::{self, Config, Secrets};
use crate::delivery::DestinationName;
use crate::destination::Destination;
use crate::engine::{Forecasts, Health, Keeping, Operators, Stop, World, assemble};
use crate::ledger::{Ledger, LedgerError};
use crate::source::Source;
use crate::vault::Vault;

/// Stack of a worker thread, in bytes: parsers recurse with the nesting of the mail, which is bounded, but not small.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// What a command needs to know of the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Only what the ledger holds.
    LedgerOnly,
    /// Sources and destinations, to look at.
    Reading,
    /// Sources and destinations, to post.
    Posting,
}

/// Reads the configuration; where it is wrong, says everything that is wrong and hands back `None`.
pub(super) fn configuration(common: &Common, screen: &Screen, secrets: Secrets) -> anyhow::Result<Option<Config>> {
    match config::load(&common.config, secrets) {
        Ok(config) => Ok(Some(config)),
        Err(error) => {
            screen.complaints(&error)?;
            Ok(None)
        }
    }
}

/// A world that does what the command needs.
pub(super) fn world(config: Config, needs: Needs, command: &str, progress: Progress) -> anyhow::Result<Arc<World>> {
    let holder = format!("mailferry {command}");
    let vault = Vault::of(&config.state);
    let (ledger, keeping) = match needs {
        Needs::Reading => (dry_ledger(&config.state)?, Keeping::Forecast { vault, expected: Forecasts::default() }),
        Needs::LedgerOnly | Needs::Posting => (Ledger::open(&config.state, &holder, Utc::now)?, Keeping::Vault(vault)),
    };
    let destinations = match needs {
        Needs::LedgerOnly => BTreeMap::new(),
        Needs::Reading | Needs::Posting => destinations(&config)?,
    };
    Ok(assembled(config, Arc::new(ledger), keeping, destinations, progress))
}

/// A world of these parts.
pub(super) fn assembled(
    config: Config,
    ledger: Arc<Ledger>,
    keeping: Keeping,
    destinations: BTreeMap<DestinationName, Arc<dyn Destination>>,
    progress: Progress,
) -> Arc<World> {
    let (watch, stop) = (Arc::new(progress), Stop::default());
    let (health, operators, work) = (Health::default(), Operators::of(&config), Arc::default());
    Arc::new(World { config, ledger, keeping, destinations, watch, health, operators, work, stop, clock: Utc::now })
}

/// The same ledger under another configuration.
pub(super) fn reconfigured(before: &World, config: Config) -> anyhow::Result<Arc<World>> {
    let destinations = destinations(&config)?;
    let keeping = Keeping::Vault(Vault::of(&config.state));
    Ok(assembled(config, before.ledger.clone(), keeping, destinations, Progress::new()))
}

/// Looks at sources and destinations over a ledger that stays as it is: here, or in the process that has it, where one runs.
pub(super) fn in_dry_world(
    (common, screen): (&Common, &Screen),
    command: &str,
    secrets: Secrets,
    work: impl FnOnce(&Arc<World>, &tokio::runtime::Handle) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Outcome> {
    let Some(config) = configuration(common, screen, secrets)? else { return Ok(Outcome::Misused) };
    let (state, sources) = (config.state.clone(), config.sources.len());
    let world = match world(config, Needs::Reading, command, Progress::new()) {
        Ok(world) => world,
        Err(error) if is_in_use(&error) => return control::ask(&state, screen)?.ok_or(error),
        Err(error) => return Err(error),
    };
    let runtime = runtime(sources)?;
    let signals = runtime.spawn(stop_on_signal(world.stop.clone()));
    let outcome = work(&world, runtime.handle());
    signals.abort();
    // A blocked call of a source must not keep the process once all is said.
    runtime.shutdown_background();
    outcome
}

/// Does something with the ledger: here, or in the process that has it, where one runs.
pub(super) fn in_world(
    common: &Common,
    screen: &Screen,
    command: &str,
    work: impl FnOnce(&Arc<World>) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Outcome> {
    let Some(config) = configuration(common, screen, Secrets::Skip)? else { return Ok(Outcome::Misused) };
    let state = config.state.clone();
    match world(config, Needs::LedgerOnly, command, Progress::new()) {
        Ok(world) => work(&world),
        Err(error) if is_in_use(&error) => control::ask(&state, screen)?.ok_or(error),
        Err(error) => Err(error),
    }
}

/// What posts what was let go: the run that goes on, or the next one.
pub(super) fn next_run(world: &World) -> &'static str {
    if world.health.report().since.is_some() { "the mirror" } else { "`mailferry backfill`" }
}

/// Whether another process has the state directory.
pub(super) fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<LedgerError>(), Some(LedgerError::InUse { .. }))
}

/// The sources of a configuration.
pub(super) fn sources(config: &Config) -> Vec<Arc<dyn Source>> {
    config.sources.iter().map(|source| assemble::source(source, config.base())).collect()
}

/// The destinations of a configuration.
pub(super) fn destinations(config: &Config) -> anyhow::Result<BTreeMap<DestinationName, Arc<dyn Destination>>> {
    let all = config.destinations.iter().map(|destination| {
        let built = assemble::destination(destination).with_context(|| format!("destination {}", destination.name))?;
        Ok((destination.name.clone(), built))
    });
    all.collect()
}

/// The user who runs this, as the audit trail names them.
pub(super) fn user() -> String {
    let named = ["LOGNAME", "USER"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    named.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}

/// Threads for work that blocks beside one for each source and each core: admitting, posting to an archive, publishing.
/// Each keeps memory of its own in the allocator, so there are no more than can be busy.
const MORE_THREADS: usize = 1;

/// The runtime that so many sources and the destinations work on.
pub(super) fn runtime(sources: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .max_blocking_threads(sources + cores + MORE_THREADS)
        .build()
        .context("starting the runtime")
}

/// Turns the first Ctrl-C or SIGTERM into a wish to stop; the second ends the process where it stands, which is safe
/// too, only less tidy.
pub(super) async fn stop_on_signal(stop: Stop) {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else { return };
    for asked in 0.. {
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { return },
            _ = terminate.recv() => {}
        }
        if asked > 0 {
            std::process::exit(1);
        }
        stop.ask();
    }
}

/// A ledger for a dry run: what earlier runs recorded, copied aside so that not one byte of the state directory changes,
/// with writes that stay in memory.
fn dry_ledger(state: &Path) -> anyhow::Result<Ledger> {
    if !Ledger::exists(state) {
        return Ok(Ledger::scratch(None, Utc::now));
    }
    Ok(Ledger::scratch(Some(Ledger::open_copy(state, "mailferry plan", Utc::now)?), Utc::now))
}
