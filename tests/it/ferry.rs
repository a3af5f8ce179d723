//! Whole runs of the real program into Slack: what arrives, and that it arrives once whatever fails on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::dovecot::Dovecot;
use crate::support::ferry::{MBOX, assert_each_stands_once, project, threads};
use crate::support::slack::{FakeSlack, Fault, When};

/// How many times the program is killed in one test.
const KILLS: u64 = 25;

#[test]
fn threads_and_files_arrive_and_a_second_run_posts_nothing() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(3));
    project.run(&["backfill"]).well();
    assert_each_stands_once(&slack, 3);
    let posts = slack.world().faults.seen("chat.postMessage");
    let report = project.run(&["backfill", "--json"]).well().json();
    assert_eq!(report["posted"]["channels"], json!({}));
    assert_eq!(slack.world().faults.seen("chat.postMessage"), posts);
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!((&status["messages_by_end"]["delivered"], &status["adds_up"]), (&json!(18), &json!(true)));
}

#[test]
fn an_answer_that_is_lost_in_any_way_is_looked_up_and_never_sent_again_blindly() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(4));
    {
        let faults = &mut slack.world().faults;
        faults.on("chat.postMessage", 1, Fault::HangUp(When::After));
        faults.on("chat.postMessage", 3, Fault::HangUp(When::Before));
        faults.on("chat.postMessage", 5, Fault::page(When::After, 502));
        faults.on("chat.postMessage", 7, Fault::page(When::Before, 500));
        faults.on("chat.postMessage", 9, Fault::HalfAnswer);
        faults.on("chat.postMessage", 11, Fault::RateLimited(Some("1")));
        faults.on("chat.postMessage", 13, Fault::error(When::After, "fatal_error"));
        faults.on("chat.postMessage", 15, Fault::error(When::Before, "internal_error"));
        faults.on("files.completeUploadExternal", 1, Fault::HangUp(When::After));
        faults.on("files.completeUploadExternal", 2, Fault::HangUp(When::Before));
        faults.on("files.completeUploadExternal", 4, Fault::page(When::After, 503));
        faults.on("files.getUploadURLExternal", 1, Fault::page(When::Before, 503));
        faults.on("upload", 2, Fault::HangUp(When::Before));
        faults.on("conversations.list", 1, Fault::RateLimited(Some("1")));
        faults.on("conversations.history", 1, Fault::page(When::Before, 502));
    }
    project.run(&["backfill"]).well();
    assert_each_stands_once(&slack, 4);
}

#[test]
fn a_kill_at_any_moment_loses_nothing_and_repeats_nothing() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(12));
    let mut dice: u64 = 20_210_301;
    for _ in 0..KILLS {
        let mut child =
            project.command(&["backfill"]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The moment of the kill is what the test varies; nothing is waited for.
        let moment = Instant::now() + Duration::from_millis(20 + (dice >> 33) % 400);
        while Instant::now() < moment && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    project.run(&["backfill"]).well();
    assert_each_stands_once(&slack, 12);
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!(status["deliveries"]["in_flight"], json!(0));
}

#[test]
fn a_wish_to_stop_ends_the_run_cleanly_and_the_next_goes_on() {
    let slack = FakeSlack::start();
    slack.world().faults.on("chat.postMessage", 6, Fault::RateLimited(Some("3600")));
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(4));
    let child = project.command(&["backfill", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let asked_to_wait = || slack.world().faults.seen("chat.postMessage") >= 6;
    while !asked_to_wait() {
        std::thread::yield_now();
    }
    let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["stopped"], &report["adds_up"]), (&json!(true), &json!(true)));
    project.run(&["backfill"]).well();
    assert_each_stands_once(&slack, 4);
}

#[test]
fn a_token_that_is_revoked_stops_the_run_with_what_to_do() {
    let slack = FakeSlack::start();
    slack.world().faults.on("chat.postMessage", 3, Fault::error(When::Before, "token_revoked"));
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(2));
    let ran = project.run(&["backfill"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("token_revoked"), "{ran:?}");
    project.run(&["backfill"]).well();
    assert_each_stands_once(&slack, 2);
}

#[test]
fn a_lookup_that_is_not_permitted_leaves_the_post_in_doubt_and_its_thread_waiting() {
    let slack = FakeSlack::start();
    slack.world().scopes.remove("channels:history");
    slack.world().scopes.remove("groups:history");
    slack.world().faults.on("chat.postMessage", 1, Fault::HangUp(When::After));
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(2));
    let ran = project.run(&["backfill", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!(status["deliveries"]["in_flight"], json!(1));
    assert_eq!(
        status["messages_by_end"],
        json!({"delivered": 9, "held": 0, "internal": 0, "unmapped": 0, "dropped": 0, "pending": 3})
    );
    slack.world().scopes.extend(["channels:history".to_owned(), "groups:history".to_owned()]);
    project.run(&["backfill"]).well();
    assert_each_stands_once(&slack, 2);
}

#[test]
fn mail_comes_from_a_live_mailbox_which_is_left_as_it_was() {
    let (slack, mut dovecot) = (FakeSlack::start(), Dovecot::start());
    for raw in threads(2).split("From ").skip(1).map(|mail| mail.split_once('\n').unwrap().1) {
        let mailbox = if raw.starts_with("From: bob") { "Sent" } else { "INBOX" };
        dovecot.deliver("alice", mailbox, raw.replace('\n', "\r\n").as_bytes());
    }
    let source = format!(
        "kind = \"imap\"\nhost = \"127.0.0.1\"\nport = {}\nca_file = {:?}\nusername = \"alice\"\npassword = {{ env = \"IMAP_PASSWORD\" }}\n\
         mailboxes = [\"INBOX\", \"Sent\"]",
        dovecot.imaps,
        dovecot.certificate()
    );
    let project = project(&slack, &source);
    project.run(&["check"]).well();
    let (files, flags) = (dovecot.files("alice"), dovecot.flags("alice", "INBOX"));
    project.run(&["plan"]).well();
    project.run(&["backfill"]).well();
    assert_each_stands_once(&slack, 2);
    assert_eq!(dovecot.flags("alice", "INBOX"), flags);
    let digests = |files: &BTreeMap<_, _>| files.values().copied().collect::<BTreeSet<_>>();
    assert_eq!(digests(&dovecot.files("alice")), digests(&files));
    dovecot.doveadm(&["mailbox", "update", "--uid-validity", "777", "-u", "alice", "INBOX"]);
    let report = project.run(&["backfill", "--json"]).well().json();
    assert_eq!(report["read"]["sources"]["history"]["duplicates"], json!(8), "seen anew, known all the same");
    assert_each_stands_once(&slack, 2);
}
