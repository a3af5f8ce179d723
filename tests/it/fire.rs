//! The promise under fire: the real program is killed hundreds of times at random moments, while Slack loses answers, fails
//! and delays, the mail server is started anew, and mail goes on arriving. In the end each message and each file stands
//! exactly once, in its thread, in order.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::dovecot::Dovecot;
use crate::support::ferry::{assert_each_stands_once, project, threads};
use crate::support::slack::FakeSlack;

/// Kills in one scene; there are four.
const KILLS: u32 = 55;

/// Threads that arrive while the program is killed.
const THREADS: u32 = 18;

/// The share of Slack's answers that go wrong.
const STORM: f64 = 0.15;

/// Runs of the calm in which everything comes to its end: a lookup may have to wait for what takes effect late.
const CALM_RUNS: u32 = 3;

/// The mails of some threads, in order.
fn mails(count: u32) -> Vec<Vec<u8>> {
    let all = threads(count);
    let raws = all.split("From ").filter_map(|mail| mail.split_once('\n'));
    raws.map(|(_, raw)| raw.replace('\n', "\r\n").into_bytes()).collect()
}

fn under_fire(seed: u64) {
    let (slack, mut dovecot) = (FakeSlack::start(), Dovecot::start());
    let source = format!(
        "kind = \"imap\"\nhost = \"127.0.0.1\"\nport = {}\nca_file = {:?}\nusername = \"alice\"\npassword = {{ env = \"IMAP_PASSWORD\" }}\n\
         mailboxes = [\"INBOX\"]",
        dovecot.imaps,
        dovecot.certificate()
    );
    let project = project(&slack, &source);
    let mut arriving = mails(THREADS).into_iter();
    let share = (THREADS * 6).div_ceil(KILLS);
    let mut dice = seed;
    slack.world().faults.storm(seed, STORM);
    for kill in 0..KILLS {
        for raw in arriving.by_ref().take(share as usize) {
            dovecot.deliver("alice", "INBOX", &raw);
        }
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = project.command(&["backfill"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The moment of the kill is what the test varies; nothing is waited for.
        let moment = Instant::now() + Duration::from_millis(30 + (dice >> 33) % 600);
        if kill % 10 == 9 {
            dovecot.restart();
        }
        while Instant::now() < moment && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if kill % 18 == 17 {
            // Whatever the moment was, those who look are answered.
            project.run(&["status"]).well();
            project.run(&["held"]).well();
            project.run(&["audit", "verify"]).well();
        }
    }
    assert_eq!(arriving.count(), 0, "all mail arrived");
    slack.world().faults.calm();
    for _ in 0..CALM_RUNS {
        project.run(&["backfill"]).well();
    }
    assert_each_stands_once(&slack, THREADS);
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!((&status["messages"], &status["messages_by_end"]["delivered"]), (&json!(THREADS * 6), &json!(THREADS * 6)));
    assert_eq!((&status["deliveries"]["in_flight"], &status["adds_up"]), (&json!(0), &json!(true)));
    project.run(&["reconcile"]).well();
    project.run(&["audit", "verify"]).well();
}

#[test]
fn kills_faults_and_restarts_with_the_first_seed() {
    under_fire(20_210_301);
}

#[test]
fn kills_faults_and_restarts_with_the_second_seed() {
    under_fire(71);
}

#[test]
fn kills_faults_and_restarts_with_the_third_seed() {
    under_fire(1_000_003);
}

#[test]
fn kills_faults_and_restarts_with_the_fourth_seed() {
    under_fire(4);
}
