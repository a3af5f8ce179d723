//! How long a mail takes from its delivery into a mailbox to its post in a channel: a real Dovecot, a mirror, a fake Slack.
//!
//! `cargo bench --bench latency` delivers 200 mails at random moments of one minute and prints the median and the 99th
//! percentile. Dovecot itself tells of new mail about half a second after it arrived.
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

use std::collections::BTreeMap;
use std::process::Stdio;
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

use support::dovecot::Dovecot;
use support::slack::FakeSlack;

const MAILS: usize = 200;
const SPAN: Duration = Duration::from_secs(60);

fn raw(name: &str) -> Vec<u8> {
    let mail = support::project::mail(name, 1, "ann@acme.example", "bob@ourco.example", None);
    mail.split_once('\n').unwrap().1.replace('\n', "\r\n").into_bytes()
}

/// When each mail was first seen in the channel, by its name.
fn see(slack: &FakeSlack, seen: &mut BTreeMap<String, Instant>) {
    let (now, world) = (Instant::now(), slack.world());
    for message in world.channels.values().flat_map(|channel| &channel.messages).skip(seen.len()) {
        let words = message.text.lines().find_map(|line| line.strip_prefix("The words of ")).unwrap();
        seen.entry(words.trim_end_matches('.').to_owned()).or_insert(now);
    }
}

fn main() {
    let (slack, mut dovecot) = (FakeSlack::start(), Dovecot::start());
    let source = format!(
        "kind = \"imap\"\nhost = \"127.0.0.1\"\nport = {}\nca_file = {:?}\nusername = \"alice\"\n\
         password = {{ env = \"IMAP_PASSWORD\" }}\nmailboxes = [\"INBOX\"]",
        dovecot.imaps,
        dovecot.certificate()
    );
    let project = support::ferry::project(&slack, &source);
    dovecot.deliver("alice", "INBOX", &raw("first"));
    let mut mirror = project.command(&["mirror", "--json"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut seen = BTreeMap::new();
    while seen.is_empty() {
        see(&slack, &mut seen);
        sleep(Duration::from_millis(2));
    }
    sleep(Duration::from_secs(2));
    let mut moments: Vec<Duration> = (0..MAILS).map(|_| SPAN.mul_f64(fastrand::f64())).collect();
    moments.sort_unstable();
    let (begun, mut delivered) = (Instant::now(), BTreeMap::new());
    while seen.len() <= MAILS && begun.elapsed() < SPAN * 3 {
        if let Some(moment) = moments.get(delivered.len())
            && begun.elapsed() >= *moment
        {
            let name = format!("mail-{}", delivered.len());
            dovecot.deliver("alice", "INBOX", &raw(&name));
            delivered.insert(name, Instant::now());
        }
        see(&slack, &mut seen);
        sleep(Duration::from_millis(1));
    }
    mirror.kill().unwrap();
    mirror.wait().unwrap();
    let took = |(name, at): (&String, &Instant)| seen.get(name).map(|seen| seen.saturating_duration_since(*at));
    let mut times: Vec<Duration> = delivered.iter().filter_map(took).collect();
    times.sort_unstable();
    assert_eq!(times.len(), MAILS, "some never came");
    println!(
        "{MAILS} mails in {SPAN:?}: median {:?}, 99th percentile {:?}, longest {:?}",
        times[MAILS / 2],
        times[MAILS * 99 / 100],
        times[MAILS - 1]
    );
}
