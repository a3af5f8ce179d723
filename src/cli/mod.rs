//! The command tree: one file a command, each with its arguments, one function, and what it prints.

mod approve;
mod audit;
mod backfill;
mod batches;
mod check;
mod control;
mod explain;
mod held;
mod init;
mod inspect;
mod login;
mod mirror;
mod plan;
mod progress;
mod rebuild;
mod reconcile;
mod release;
mod screen;
mod session;
mod status;
mod undo;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tracing_subscriber::EnvFilter;

use self::progress::Progress;
pub use self::screen::Screen;
use crate::engine::World;

/// Moves work with outside partners out of e-mail and into shared channels, each message exactly once.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The configuration file.
    #[arg(long, global = true, default_value = "mailferry.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// Print JSON, and nothing else, to standard output.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Check(check::Args),
    Login(login::Args),
    Plan(plan::Args),
    Backfill(backfill::Args),
    Mirror(mirror::Args),
    Status(status::Args),
    Held(held::Args),
    Release(release::Args),
    Approve(approve::Args),
    Batches(batches::Args),
    Undo(undo::Args),
    Reconcile(reconcile::Args),
    Audit(audit::Args),
    Rebuild(rebuild::Args),
    Explain(explain::Args),
    Inspect(inspect::Args),
}

impl Command {
    /// Runs the command in a process that has the ledger already.
    fn answer(&self, world: &Arc<World>, screen: &Screen) -> anyhow::Result<Outcome> {
        match self {
            Self::Status(args) => status::answer(args, world, screen),
            Self::Held(args) => held::answer(args, world, screen),
            Self::Release(args) => release::answer(args, world, screen),
            Self::Approve(args) => approve::answer(args, world, screen),
            Self::Batches(args) => batches::answer(args, world, screen),
            Self::Plan(args) => plan::answer(args, &world.beside(), &Handle::current(), screen),
            Self::Reconcile(args) => reconcile::answer(args, &world.beside(), &Handle::current(), screen),
            Self::Explain(args) => explain::answer(args, world, screen),
            Self::Init(_)
            | Self::Check(_)
            | Self::Login(_)
            | Self::Backfill(_)
            | Self::Mirror(_)
            | Self::Undo(_)
            | Self::Audit(_)
            | Self::Rebuild(_)
            | Self::Inspect(_) => anyhow::bail!("a mirror runs, and does not do this while it runs: stop it first"),
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// All done; held mail is not an error. Exit code 0.
    Done,
    /// Something failed or does not add up; it was already said what. Exit code 1.
    Failed,
    /// The command line or the configuration is wrong; it was already said what. Exit code 2.
    Misused,
}

/// Reads the command line, runs the command, and says how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let screen = Screen::new(cli.common.json);
    log();
    let result = match &cli.command {
        Command::Init(args) => init::run(args, &cli.common, &screen),
        Command::Check(args) => check::run(args, &cli.common, &screen),
        Command::Login(args) => login::run(args, &cli.common, &screen),
        Command::Plan(args) => plan::run(args, &cli.common, &screen),
        Command::Backfill(args) => backfill::run(args, &cli.common, &screen),
        Command::Mirror(args) => mirror::run(args, &cli.common, &screen),
        Command::Status(args) => status::run(args, &cli.common, &screen),
        Command::Held(args) => held::run(args, &cli.common, &screen),
        Command::Release(args) => release::run(args, &cli.common, &screen),
        Command::Approve(args) => approve::run(args, &cli.common, &screen),
        Command::Batches(args) => batches::run(args, &cli.common, &screen),
        Command::Undo(args) => undo::run(args, &cli.common, &screen),
        Command::Reconcile(args) => reconcile::run(args, &cli.common, &screen),
        Command::Audit(args) => audit::run(args, &cli.common, &screen),
        Command::Rebuild(args) => rebuild::run(args, &cli.common, &screen),
        Command::Explain(args) => explain::run(args, &cli.common, &screen),
        Command::Inspect(args) => inspect::run(args, &cli.common, &screen),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Ok(Outcome::Misused) => ExitCode::from(2),
        // Whoever read the output has seen enough (`mailferry inspect … | head`): no failure of ours.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            screen.error(&error);
            ExitCode::from(1)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Logs go to standard error: warnings, or what `MAILFERRY_LOG` asks for; a line of JSON each where `MAILFERRY_LOG_FORMAT` is
/// `json`, for collectors. async-imap writes passwords and whole messages
/// into its own logs, so these stay shut whatever is asked.
fn log() {
    let wanted = std::env::var("MAILFERRY_LOG").unwrap_or_else(|_| "warn".to_owned());
    let filter = EnvFilter::new(format!("{wanted},async_imap=off,imap_proto=off"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    if std::env::var("MAILFERRY_LOG_FORMAT").is_ok_and(|format| format == "json") {
        log.json().flatten_event(true).init();
    } else {
        log.init();
    }
}
