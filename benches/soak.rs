//! Months in an hour: a mirror of three accounts, while everything around it fails.
//!
//! `cargo bench --bench soak -- 60` runs for 60 minutes (the default) and needs root, for Dovecot. Mail arrives every
//! second in threads, some of it in two accounts. One server or the other is started anew each minute; connections are cut,
//! or die without a word; tokens are taken back; Slack answers 5 % of all calls with a fault of some kind. In the end the
//! faults stop, and each message and each file has to stand exactly once, in its thread, in order; the ledger, the servers
//! and the channels have to agree; and memory must not have grown.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a soak stops at the first surprise, and uses a part of what the tests use"
)]

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[path = "../tests/it/support"]
mod support {
    pub(crate) mod dovecot;
    pub(crate) mod ferry;
    pub(crate) mod mail_server;
    pub(crate) mod project;
    pub(crate) mod slack;
    pub(crate) mod tokens;
    pub(crate) mod unpacked;
}
#[path = "support/process.rs"]
mod process;

use process::{Usage, usage};
use support::dovecot::{Dovecot, Marked};
use support::ferry::{assert_each_stands_once, threads};
use support::project::Project;
use support::slack::FakeSlack;
use support::tokens::TokenEndpoint;

const DEFAULT_MINUTES: u64 = 60;

/// Mails of one thread with each of the two partners.
const MAILS_A_THREAD: u32 = 6;

/// The share of Slack's answers that go wrong.
const STORM: f64 = 0.05;

/// How long everything may take to come to its end once the faults have stopped.
const CALM: Duration = Duration::from_secs(10 * 60);

/// Growth of memory between a sixth of the time and the end that is taken for none: the allocator's own ups and downs.
const FLAT_BYTES: u64 = 24 << 20;

/// What happens to the connections that stand now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// They are closed.
    Cut,
    /// Both sides go on believing in them, and nothing passes any more.
    Deafened,
}

/// A way to a server on which connections are cut, or die without a word.
struct Line {
    port: u16,
    fate: watch::Sender<Option<Fate>>,
}

impl Line {
    async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, fate) = (listener.local_addr().unwrap().port(), watch::Sender::new(None));
        let fates = fate.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass(near, server, fates.subscribe()));
            }
        });
        Self { port, fate }
    }

    fn meets(&self, fate: Fate) {
        self.fate.send_replace(Some(fate));
    }
}

async fn pass(mut near: TcpStream, server: u16, mut fates: watch::Receiver<Option<Fate>>) {
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", server)).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = fates.changed() => {
            let fate = *fates.borrow();
            if fate == Some(Fate::Deafened) {
                // Until the other side gives up by itself.
                tokio::time::sleep(Duration::from_secs(300)).await;
            }
        }
    }
}

/// All that the mirror works with.
struct World {
    slack: FakeSlack,
    first: Dovecot,
    second: Dovecot,
    lines: [Line; 2],
    tokens: TokenEndpoint,
    project: Project,
}

impl World {
    async fn start() -> Self {
        let (slack, tokens) = (FakeSlack::start(), TokenEndpoint::start().await);
        let first = Dovecot::start();
        let settings = first.certificate().with_file_name("oauth2.conf.ext");
        std::fs::write(&settings, tokens.dovecot()).unwrap();
        let second = Dovecot::start_with(
            Marked::Leaf,
            &format!(
                "auth_mechanisms = xoauth2\npassdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {}\n}}\n",
                settings.display()
            ),
        );
        let lines = [Line::to(first.imaps).await, Line::to(second.imaps).await];
        let password = "password = { env = \"IMAP_PASSWORD\" }".to_owned();
        let token = format!(
            "oauth2 = {{ provider = \"microsoft\", client_id = \"us\", client_secret = {{ env = \"CLIENT_SECRET\" }}, \
             refresh_token = {{ env = \"REFRESH_TOKEN\" }}, token_url = {:?} }}",
            tokens.token_url()
        );
        let source = |port: u16, server: &Dovecot, user: &str, login: &str| {
            format!(
                "kind = \"imap\"\nhost = \"127.0.0.1\"\nport = {port}\nca_file = {:?}\nusername = \"{user}\"\n{login}\nmax_connections = 3\n",
                server.certificate()
            )
        };
        let sources = format!(
            "{}[[source]]\nname = \"colleague\"\n{}[[source]]\nname = \"consented\"\n{}",
            source(lines[0].port, &first, "alice", &password),
            source(first.imaps, &first, "bob", "password = { env = \"BOBS_PASSWORD\" }"),
            source(lines[1].port, &second, "alice", &token),
        );
        // Each partner has one correspondent here, who writes more than people do.
        let any_number = "[policy.loops]\nmessages_of_correspondent = 0\n[[source]]";
        let config = support::ferry::config(&slack, &sources).replacen("[[source]]", any_number, 1);
        let project = Project::new(&config)
            .env("SLACK_BOT_TOKEN", "xoxb-fake-1")
            .env("IMAP_PASSWORD", "secret")
            .env("BOBS_PASSWORD", Dovecot::BOBS_PASSWORD)
            .env("CLIENT_SECRET", "hush")
            .env("REFRESH_TOKEN", "first");
        Self { slack, first, second, lines, tokens, project }
    }

    /// All mails of a thread go to the same accounts, so that each account has them in their order.
    fn deliver(&mut self, thread: usize, raw: &[u8]) {
        if thread.is_multiple_of(3) {
            self.second.deliver("alice", "INBOX", raw);
        } else {
            self.first.deliver("alice", "INBOX", raw);
        }
        if thread.is_multiple_of(4) {
            self.first.deliver("bob", "INBOX", raw);
        }
    }

    /// What goes wrong in this second.
    fn trouble(&mut self, second: u64) {
        match second % 120 {
            30 => self.first.restart(),
            90 => self.second.restart(),
            _ => {}
        }
        if second % 45 == 20 {
            self.tokens.tokens().good.clear();
        }
        if second % 17 == 5 {
            self.lines[0].meets(Fate::Cut);
        }
        if second % 23 == 11 {
            self.lines[1].meets(Fate::Cut);
        }
        if second % 300 == 150 {
            self.lines.iter().for_each(|line| line.meets(Fate::Deafened));
        }
    }

    fn posts(&self) -> usize {
        self.slack.world().channels.values().map(|channel| channel.messages.len()).sum()
    }
}

fn mib(bytes: u64) -> f64 {
    (bytes >> 10) as f64 / 1024.0
}

fn main() {
    let minutes = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(DEFAULT_MINUTES);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut world = runtime.block_on(World::start());
    let seconds = minutes * 60;
    let count = u32::try_from(seconds).unwrap() / MAILS_A_THREAD;
    let all = threads(count);
    let mails: Vec<Vec<u8>> = all
        .split("From ")
        .filter_map(|mail| mail.split_once('\n'))
        .map(|(_, raw)| raw.replace('\n', "\r\n").into_bytes())
        .collect();
    world.slack.world().faults.storm(20_261_124, STORM);
    let log = std::fs::File::create(world.project.path().join("mirror.log")).unwrap();
    let mut mirror = world.project.command(&["mirror", "--json"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    println!("{minutes} minutes, {} mails in {count} threads with each of two partners", mails.len());
    println!("minute  delivered  posts   memory MiB  files  % of a core");
    let (begun, mut settled) = (Instant::now(), None::<Usage>);
    let mut before = usage(mirror.id());
    for second in 0..seconds {
        if let Some(raw) = mails.get(second as usize) {
            world.deliver(second as usize / MAILS_A_THREAD as usize, raw);
        }
        world.trouble(second);
        assert!(mirror.try_wait().unwrap().is_none(), "the mirror ended");
        if second % 60 == 59 {
            let now = usage(mirror.id());
            let share = (now.cpu - before.cpu).as_secs_f64() / 60.0 * 100.0;
            let (minute, posts) = (second / 60 + 1, world.posts());
            println!("{minute:6} {:10} {posts:6} {:12.1} {:6} {share:12.1}", second + 1, mib(now.resident_bytes), now.open);
            before = now;
            if second + 1 >= seconds / 6 {
                settled.get_or_insert(now);
            }
        }
        sleep((begun + Duration::from_secs(second + 1)).saturating_duration_since(Instant::now()));
    }
    world.slack.world().faults.calm();
    let calm = Instant::now();
    let expected = count as usize * 8;
    while world.posts() < expected && calm.elapsed() < CALM {
        sleep(Duration::from_millis(100));
    }
    println!("{} of {expected} posts stand {:.1} s after the last fault", world.posts(), calm.elapsed().as_secs_f64());
    let last = usage(mirror.id());
    judge(&world, &mut mirror, count);
    let settled = settled.unwrap_or(last);
    println!(
        "memory: {:.1} MiB after a sixth of the time, {:.1} at the end",
        mib(settled.resident_bytes),
        mib(last.resident_bytes)
    );
    assert!(last.resident_bytes < settled.resident_bytes + FLAT_BYTES, "memory grows");
}

/// Everything stands once, everybody agrees, and the mirror ends when it is asked to.
fn judge(world: &World, mirror: &mut Child, count: u32) {
    assert_each_stands_once(&world.slack, count);
    println!("each message and each file stands once, in its thread, in order");
    for command in ["status", "reconcile"] {
        let ran = world.project.run(&[command]).well();
        println!("mailferry {command}\n{}", ran.stdout);
    }
    let asked = Instant::now();
    assert!(std::process::Command::new("kill").args(["-TERM", &mirror.id().to_string()]).status().unwrap().success());
    assert!(mirror.wait().unwrap().success());
    println!("it stopped {:.2} s after it was asked to", asked.elapsed().as_secs_f64());
    println!("mailferry audit verify\n{}", world.project.run(&["audit", "verify"]).well().stdout);
}
