//! `mailferry mirror`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::session::{self, Needs};
use super::{Common, Outcome, Progress, Screen, control};
use crate::config::{self, Config, Secrets};
use crate::engine::World;
use crate::report::Ends;
use crate::web::Web;

/// Read and post what there is, and go on with what arrives, until SIGTERM or Ctrl-C.
///
/// Sources and channels in trouble are tried again for ever. While it runs, `status`, `held`, `release`, `approve`,
/// `explain`, `batches`, `plan` and `reconcile` ask it over a socket in the state directory that only its user can open.
/// SIGHUP makes it read its configuration again; one that is wrong is said and changes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::Read)? else { return Ok(Outcome::Misused) };
    let runtime = session::runtime(config.sources.len())?;
    let mut world = session::world(config, Needs::Posting, "mirror", Progress::new())?;
    world.ledger.begin("mirror", &session::user())?;
    let ran = loop {
        match runtime.block_on(mirror(&world)) {
            Ok(Some(config)) => world = session::reconfigured(&world, *config)?,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // A blocked call of a source must not keep the process once the run is over.
    runtime.shutdown_background();
    ran?;
    world.ledger.end()?;
    let sums = world.ledger.sums()?;
    screen.json(&sums)?;
    screen.line(Ends(&sums))?;
    Ok(if sums.add_up() { Outcome::Done } else { Outcome::Failed })
}

/// Mirrors until somebody asks to stop, or hands in another configuration.
async fn mirror(world: &Arc<World>) -> anyhow::Result<Option<Box<Config>>> {
    let next = Arc::new(Mutex::new(None));
    let mut beside = tokio::task::JoinSet::new();
    beside.spawn(session::stop_on_signal(world.stop.clone()));
    beside.spawn(reload_on_hangup(world.clone(), next.clone()));
    beside.spawn(control::Socket::open(&world.config.state)?.serve(world.clone()));
    beside.spawn(assure_supervisor());
    if let Some(address) = world.config.mirror.listen {
        let web = Web::listen(address).await?;
        beside.spawn(serve(web, world.clone()));
    }
    let ran = world.mirror(&session::sources(&world.config)).await;
    // When this returns they are ended, and the socket is gone.
    beside.shutdown().await;
    ran?;
    Ok(next.lock().unwrap_or_else(PoisonError::into_inner).take())
}

async fn serve(web: Web, world: Arc<World>) {
    if let Err(error) = web.serve(world).await {
        tracing::warn!(%error, "the monitor's pages are gone");
    }
}

/// Reads the configuration again at each SIGHUP, and ends the run for one that is right.
async fn reload_on_hangup(world: Arc<World>, next: Arc<Mutex<Option<Box<Config>>>>) {
    let Ok(mut hangups) = signal(SignalKind::hangup()) else { return };
    while hangups.recv().await.is_some() {
        match reloaded(world.config.file.clone(), world.config.state.clone()).await {
            Ok(config) => {
                world.watch.say("the configuration was read again");
                *next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(config));
                world.stop.ask();
                return;
            }
            Err(why) => world.watch.say(&format!("the configuration stays as it was: {why}")),
        }
    }
}

/// The configuration as its file has it now; an error is what is wrong with it.
async fn reloaded(file: PathBuf, state: PathBuf) -> Result<Config, String> {
    let read = tokio::task::spawn_blocking(move || config::load(&file, Secrets::Read)).await;
    let config = read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    if config.state == state { Ok(config) } else { Err("the state directory cannot change while it runs".to_owned()) }
}

/// Tells a supervisor (systemd's `Type=notify`) that it runs, and goes on telling where it watches.
async fn assure_supervisor() {
    // Without a supervisor this does nothing; one that does not listen cannot be helped.
    drop(sd_notify::notify(&[NotifyState::Ready]));
    let Some(every) = sd_notify::watchdog_enabled() else { return };
    loop {
        tokio::time::sleep(every / 2).await;
        drop(sd_notify::notify(&[NotifyState::Watchdog]));
    }
}
