//! `mailferry mirror`.

use super::session::{self, Needs};
use super::{Common, Outcome, Progress, Screen, control};
use crate::config::Secrets;
use crate::report::Ends;

/// Read and post what there is, and go on with what arrives, until SIGTERM or Ctrl-C.
///
/// Sources and channels in trouble are tried again for ever. While it runs, `status`, `held`, `release`, `approve`,
/// `batches` and `plan` ask it over a socket in the state directory that only its user can open.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::Read)? else { return Ok(Outcome::Misused) };
    let sources = session::sources(&config);
    let world = session::world(config, Needs::Posting, "mirror", Progress::new())?;
    world.ledger.begin("mirror", &session::user())?;
    let runtime = session::runtime(sources.len())?;
    let ran = runtime.block_on(async {
        let signals = tokio::spawn(session::stop_on_signal(world.stop.clone()));
        let answers = tokio::spawn(control::Socket::open(&world.config.state)?.serve(world.clone()));
        let ran = world.mirror(&sources).await;
        answers.abort();
        drop(answers.await);
        signals.abort();
        ran
    });
    // A blocked call of a source must not keep the process once the run is over.
    runtime.shutdown_background();
    ran?;
    world.ledger.end()?;
    let sums = world.ledger.sums()?;
    screen.json(&sums)?;
    screen.line(Ends(&sums))?;
    Ok(if sums.add_up() { Outcome::Done } else { Outcome::Failed })
}
