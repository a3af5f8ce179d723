//! What the commands that work on a state directory have in common: configuration, ledger, runtime, Ctrl-C.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::Utc;

use super::progress::Progress;
use super::{Common, Screen};
use crate::config::{self, Config, Secrets};
use crate::delivery::DestinationName;
use crate::destination::Destination;
use crate::engine::{Forecasts, Keeping, Stop, World, assemble};
use crate::ledger::Ledger;
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
    Ok(Arc::new(World { config, ledger, keeping, destinations, watch: Arc::new(progress), stop: Stop::default(), clock: Utc::now }))
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
