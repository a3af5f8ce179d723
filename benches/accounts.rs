//! A hundred mailboxes over twenty accounts in one process, beside an account that hangs, one that is refused and one that
//! is flooded: the memory of it, its share of a core when nothing happens, and whether mail arrives as ever.
//!
//! `cargo bench --bench accounts` takes about four minutes. It needs root, for Dovecot.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a benchmark stops at the first surprise, and uses a part of what the tests use"
)]

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[path = "../tests/it/support"]
mod support {
    pub(crate) mod dovecot;
    pub(crate) mod ferry;
    pub(crate) mod mail_server;
    pub(crate) mod project;
    pub(crate) mod slack;
    pub(crate) mod unpacked;
}
#[path = "support/process.rs"]
mod process;

use process::usage;
use support::dovecot::{Dovecot, Marked};
use support::project::Project;
use support::slack::FakeSlack;

const ACCOUNTS: usize = 20;
const MAILBOXES: [&str; 5] = ["INBOX", "Sent", "Acme", "Globex", "Deals"];

/// Mails that each mailbox holds at the start.
const OLD_MAILS: usize = 20;

/// How long the idle process is watched.
const IDLE: Duration = Duration::from_secs(60);

/// Mails that arrive while the bad accounts do their worst.
const ARRIVING: usize = 40;

fn raw(name: &str) -> Vec<u8> {
    let mail = support::project::mail(name, 1, "ann@acme.example", "bob@ourco.example", None);
    mail.split_once('\n').unwrap().1.replace('\n', "\r\n").into_bytes()
}

/// Lets one more user log in. Dovecot reads its users anew when the file changes.
fn add_user(dovecot: &Dovecot, name: &str) {
    let users = dovecot.certificate().with_file_name("users");
    let known = std::fs::read_to_string(&users).unwrap();
    std::fs::write(&users, format!("{known}{name}:{{PLAIN}}secret::::::\n")).unwrap();
}

fn source(dovecot: &Dovecot, name: &str, user: &str, port: u16, password: &str) -> String {
    format!(
        "[[source]]\nname = \"{name}\"\nkind = \"imap\"\nhost = \"127.0.0.1\"\nport = {port}\nca_file = {:?}\nusername = \"{user}\"\n\
         password = {{ env = \"{password}\" }}\nmax_connections = {}\n",
        dovecot.certificate(),
        MAILBOXES.len(),
    )
}

/// Posts that hold these words.
fn stands(slack: &FakeSlack, name: &str) -> bool {
    let words = format!("The words of {name}.");
    slack.world().channels.values().flat_map(|channel| &channel.messages).any(|message| message.text.contains(&words))
}

fn posts(slack: &FakeSlack) -> usize {
    slack.world().channels.values().map(|channel| channel.messages.len()).sum()
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !is_so() {
        assert!(Instant::now() < deadline, "it did not come about that {what}");
        sleep(Duration::from_millis(5));
    }
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

fn main() {
    // Dovecot keeps a login process for each connection with TLS.
    let dovecot = Mutex::new(Dovecot::start_with(Marked::Leaf, "service imap-login {\n  process_limit = 400\n}\n"));
    let slack = FakeSlack::start();
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut sources = String::new();
    {
        let mut dovecot = dovecot.lock().unwrap();
        let users: Vec<String> = (0..ACCOUNTS).map(|number| format!("user{number}")).collect();
        for user in users.iter().map(String::as_str).chain(["flooded"]) {
            add_user(&dovecot, user);
            for mailbox in MAILBOXES {
                (0..OLD_MAILS).for_each(|number| drop(dovecot.deliver(user, mailbox, &raw(&format!("{user}-{mailbox}-{number}")))));
            }
            sources += &source(&dovecot, user, user, dovecot.imaps, "GOOD");
        }
    }
    let project = |more: &str| {
        let dovecot = dovecot.lock().unwrap();
        let mut config = support::ferry::config(&slack, "kind = \"mbox\"\npath = \"*.mbox\"");
        // One correspondent writes everything here, and the flood is not to be stopped.
        config = config.replacen("[[source]]", "[policy.loops]\nmessages_of_correspondent = 0\n[[source]]", 1);
        config.insert_str(config.find("[[destination]]").unwrap(), &format!("{sources}{more}"));
        drop(dovecot);
        let project = Project::new(&config).env("SLACK_BOT_TOKEN", "xoxb-fake-1").env("GOOD", "secret").env("BAD", "wrong");
        project.write("none.mbox", "");
        project
    };
    let bad = {
        let dovecot = dovecot.lock().unwrap();
        let mut bad = source(&dovecot, "hanging", "alice", hanging.local_addr().unwrap().port(), "GOOD");
        write!(bad, "{}", source(&dovecot, "refused", "bob", dovecot.imaps, "BAD")).unwrap();
        bad
    };
    let project = project(&bad);
    let mut mirror = project.command(&["mirror"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let all = (ACCOUNTS + 1) * MAILBOXES.len() * OLD_MAILS;
    wait_for("the old mail is posted", || posts(&slack) == all);
    let busy = usage(mirror.id());
    println!(
        "{all} old mails of {} mailboxes are posted: {} MiB at the most",
        (ACCOUNTS + 1) * MAILBOXES.len(),
        mib(busy.peak_bytes)
    );
    sleep(Duration::from_secs(5));
    let before = usage(mirror.id());
    sleep(IDLE);
    let after = usage(mirror.id());
    let share = (after.cpu - before.cpu).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    println!("idle for {IDLE:?}: {} MiB, {} open files, {share:.2} % of a core", mib(after.resident_bytes), after.open);
    println!("nothing else happens: {}", timed(&dovecot, &slack, "quiet"));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0_u32;
            while !is_over.load(Ordering::Relaxed) {
                dovecot.lock().unwrap().deliver("flooded", "INBOX", &raw(&format!("flood-{number}")));
                number += 1;
                sleep(Duration::from_millis(5));
            }
            println!("the flooded account got {number} mails meanwhile");
        });
        println!("one account hangs, one is refused, one is flooded: {}", timed(&dovecot, &slack, "stormy"));
        is_over.store(true, Ordering::Relaxed);
    });
    let end = usage(mirror.id());
    println!("at the end: {} MiB, {} MiB at the most", mib(end.resident_bytes), mib(end.peak_bytes));
    mirror.kill().unwrap();
    mirror.wait().unwrap();
}

/// Delivers mails to one account after the other and says how long each took to its channel.
fn timed(dovecot: &Mutex<Dovecot>, slack: &FakeSlack, kind: &str) -> String {
    let mut times = Vec::new();
    for number in 0..ARRIVING {
        let (name, user) = (format!("{kind}-{number}"), format!("user{}", number % ACCOUNTS));
        let delivered = Instant::now();
        dovecot.lock().unwrap().deliver(&user, MAILBOXES[number % MAILBOXES.len()], &raw(&name));
        wait_for(&name, || stands(slack, &name));
        times.push(delivered.elapsed());
    }
    times.sort_unstable();
    format!("a mail takes {:?} in the median, {:?} at the longest of {ARRIVING}", times[ARRIVING / 2], times[ARRIVING - 1])
}
