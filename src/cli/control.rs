//! The control socket: while a mirror runs, it answers the commands that look at the ledger or decide something, since only
//! one process can have the state directory. The socket stands there, and only its owner can open it.
//!
//! A request is one line of JSON, `{"args": […]}`, the arguments as they were typed; the answer is one line with what the
//! command printed and its exit code. Who asks sees the same as without a mirror.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::screen::Page;
use super::{Cli, Outcome, Screen};
use crate::engine::World;

/// The longest request, in bytes: a command line of a few thousand message keys.
const MAX_REQUEST_BYTES: u64 = 1 << 20;

/// How long whoever connects may take to say what is wanted.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a person waits for the answer: `status` of a large ledger takes seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

#[derive(Debug, Serialize, Deserialize)]
struct Request {
    args: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    outcome: Outcome,
    #[serde(flatten)]
    page: Page,
}

/// Where the socket is.
fn socket_in(state: &Path) -> PathBuf {
    state.join("control.sock")
}

/// Lets the process that has the state directory run this command; `None` where it does not answer such questions.
pub(super) fn ask(state: &Path, screen: &Screen) -> anyhow::Result<Option<Outcome>> {
    let Ok(mut stream) = std::os::unix::net::UnixStream::connect(socket_in(state)) else { return Ok(None) };
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let request = Request { args: std::env::args().collect() };
    stream.write_all((serde_json::to_string(&request)? + "\n").as_bytes()).context("asking the mirror")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).context("reading the mirror's answer")?;
    let answer: Answer = serde_json::from_str(&line).context("understanding the mirror's answer")?;
    screen.print(&answer.page)?;
    Ok(Some(answer.outcome))
}

/// A socket that is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Opens the socket. What a killed mirror left is in nobody's use, as this process has the state directory.
    pub(super) fn open(state: &Path) -> anyhow::Result<Self> {
        let path = socket_in(state);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("removing an old control socket");
            }
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path).with_context(|| format!("opening the control socket {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers until it is dropped.
    pub(super) async fn serve(self, world: Arc<World>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(serve_one(stream, world.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "the control socket cannot accept");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

async fn serve_one(stream: UnixStream, world: Arc<World>) {
    if let Err(error) = answer(stream, world).await {
        tracing::debug!(%error, "a question over the control socket was not answered");
    }
}

async fn answer(mut stream: UnixStream, world: Arc<World>) -> anyhow::Result<()> {
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new((&mut stream).take(MAX_REQUEST_BYTES));
    tokio::time::timeout(REQUEST_TIMEOUT, reader.read_line(&mut line)).await.context("the question takes too long")??;
    let request: Request = serde_json::from_str(&line)?;
    let work = world.work.clone();
    let answer = tokio::task::spawn_blocking(move || run(&request, &world)).await?;
    // An approval or a release makes work.
    work.notify_one();
    stream.write_all((serde_json::to_string(&answer)? + "\n").as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

/// Runs a command here and keeps what it prints.
fn run(request: &Request, world: &Arc<World>) -> Answer {
    let cli = match Cli::try_parse_from(&request.args) {
        Ok(cli) => cli,
        Err(error) => {
            return Answer { outcome: Outcome::Misused, page: Page { out: String::new(), err: error.to_string() } };
        }
    };
    let screen = Screen::captured(cli.common.json);
    let outcome = cli.command.answer(world, &screen).unwrap_or_else(|error| {
        screen.error(&error);
        Outcome::Failed
    });
    Answer { outcome, page: screen.page() }
}
