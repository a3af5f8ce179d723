//! `mailferry inspect`.

use super::{Common, Outcome, Screen};

/// inspect.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    screen.line(common.config.display())?;
    Ok(Outcome::Done)
}
