//! Mail that programs write, mail that comes in storms, mail that comes late, and live mail before that of the past.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::mirror::{Mirror, eventually, imap, posts};
use crate::support::dovecot::Dovecot;
use crate::support::ferry::{MBOX, project};
use crate::support::project::{ARCHIVE, Project, mail};
use crate::support::slack::{FakeSlack, Message};

/// The mail with more headers.
fn with(mail: &str, headers: &str) -> String {
    mail.replacen("Message-ID:", &format!("{headers}\nMessage-ID:"), 1)
}

fn from_ann(name: &str, day: u32) -> String {
    mail(name, day, "ann@acme.example", "bob@ourco.example", None)
}

/// Mail of programs of each kind, and mail of people that looks like it.
fn mixed() -> String {
    let report = |name: &str, kind: &str| {
        let content = format!("multipart/report; report-type={kind}; boundary=edge");
        let text =
            format!("--edge\n\nThe words of {name}.\n--edge\nContent-Type: message/{kind}\n\nReporting-MTA: dns; mx\n--edge--\n");
        with(&from_ann(name, 3), &format!("Content-Type: {content}")).replace(&format!("The words of {name}.\n"), &text)
    };
    [
        from_ann("a question", 1),
        with(&from_ann("a list", 1), "Precedence: bulk\nList-Id: <dev.acme.example>\nList-Unsubscribe: <mailto:off@acme.example>\nList-Subscribe: <mailto:on@acme.example>"),
        with(&from_ann("a ticket", 1), "Auto-Submitted: auto-generated\nPrecedence: bulk"),
        with(&from_ann("an Exchange list", 1), "X-Auto-Response-Suppress: OOF, DR, RN, NRN"),
        from_ann("a bounce that a person writes of", 1).replace("Subject: about a bounce", "Subject: Undeliverable: a bounce"),
        with(&from_ann("vacation", 2), "Auto-Submitted: auto-replied (vacation)\nPrecedence: bulk"),
        with(&from_ann("away", 2), "X-Auto-Response-Suppress: All").replace("about away", "Automatische Antwort: Plan"),
        report("bounce", "delivery-status"),
        report("receipt", "disposition-notification"),
        with(&from_ann("news", 4), "Precedence: bulk\nList-Unsubscribe: <https://acme.example/off>"),
        with(&from_ann("yes", 5), "Content-Type: text/calendar; method=REPLY"),
    ]
    .concat()
}

fn counts(plan: &Value, what: &str) -> Vec<String> {
    let rows = plan["partners"]["Acme"][what].as_array().unwrap();
    rows.iter()
        .map(|row| format!("{} {}: {}", row["messages"], row["gate"].as_str().unwrap(), row["text"].as_str().unwrap()))
        .collect()
}

#[test]
fn mail_of_programs_waits_by_its_kind_and_everything_of_people_is_posted() {
    let project = Project::new(ARCHIVE);
    project.write("mail/a.mbox", mixed());
    let plan = project.run(&["plan", "--json"]).well().json();
    insta::assert_snapshot!(counts(&plan, "held").join("\n"), @r#"
    1 loops: a delivery report (multipart/report; report-type=delivery-status): where it belongs there, run `mailferry release`, or set reports = "pass" in [policy.loops]
    1 loops: a newsletter (Precedence: bulk and List-Unsubscribe): where it belongs there, run `mailferry release`, or set newsletters = "pass" in [policy.loops]
    1 loops: a receipt (multipart/report; report-type=disposition-notification): where it belongs there, run `mailferry release`, or set reports = "pass" in [policy.loops]
    1 loops: an answer to an invitation (text/calendar; method=REPLY): where it belongs there, run `mailferry release`, or set invitations = "pass" in [policy.loops]
    1 loops: an automatic answer (Auto-Submitted: auto-replied): where it belongs there, run `mailferry release`, or set answers = "pass" in [policy.loops]
    1 loops: an automatic answer (a subject that automatic answers have, and a header that agrees): where it belongs there, run `mailferry release`, or set answers = "pass" in [policy.loops]
    1 loops: an automatic notice (Auto-Submitted: auto-generated): where it belongs there, run `mailferry release`, or set notices = "pass" in [policy.loops]
    "#);
    assert_eq!((counts(&plan, "dropped").len(), &plan["partners"]["Acme"]["post"]["messages"]), (0, &json!(4)));
    project.run(&["backfill"]).well();
    let ends = |project: &Project| project.run(&["status", "--json"]).well().json()["messages_by_end"].clone();
    assert_eq!((&ends(&project)["delivered"], &ends(&project)["held"]), (&json!(4), &json!(7)));
    let held = project.run(&["held"]).well().stdout;
    assert!(held.contains("Auto-Submitted: auto-replied"), "{held}");
    project.run(&["release", "--all", "--by", "Bob"]).well();
    project.run(&["backfill"]).well();
    assert_eq!((&ends(&project)["delivered"], &ends(&project)["held"]), (&json!(11), &json!(0)));
}

#[test]
fn each_kind_is_treated_as_the_configuration_says() {
    let rules = "[policy.loops]\nanswers = \"drop\"\nreports = \"pass\"\ninvitations = \"pass\"\nnewsletters = \"hold\"\nnotices = \"drop\"\n\
                 echoes = [\"Echo@Acme.example\"]\n";
    let project = Project::new(&format!("{ARCHIVE}{rules}"));
    let echo = mail("echo", 6, "echo@acme.example", "bob@ourco.example", None);
    project.write("mail/a.mbox", mixed() + &echo);
    let plan = project.run(&["plan", "--json"]).well().json();
    insta::assert_snapshot!(counts(&plan, "held").join("\n"), @r#"
    1 loops: a newsletter (Precedence: bulk and List-Unsubscribe): where it belongs there, run `mailferry release`, or set newsletters = "pass" in [policy.loops]
    1 loops: its author repeats what stands in a channel: where it belongs there, run `mailferry release`, or take the address out of echoes in [policy.loops]
    "#);
    insta::assert_snapshot!(counts(&plan, "dropped").join("\n"), @r"
    1 loops: an automatic answer (Auto-Submitted: auto-replied)
    1 loops: an automatic answer (a subject that automatic answers have, and a header that agrees)
    1 loops: an automatic notice (Auto-Submitted: auto-generated)
    ");
    project.run(&["backfill"]).well();
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!((&status["messages_by_end"]["dropped"], &status["adds_up"]), (&json!(3), &json!(true)));
}

#[test]
fn what_is_wrong_with_the_rules_is_said() {
    let project = Project::new(&format!(
        "{ARCHIVE}[policy.loops]\nanswer = \"drop\"\nreports = \"delete\"\nwithin_minutes = 0\nechoes = [\"slack\"]\n"
    ));
    let said = project.run(&["check"]).stderr;
    for expected in ["did you mean \"answers\"", "it is one of pass, hold, drop", "a whole number from 1 to 1440", "is no address"]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

/// Changes the configuration of a project.
fn configure(project: &Project, from: &str, to: &str, more: &str) {
    let toml = std::fs::read_to_string(project.path().join("mailferry.toml")).unwrap();
    project.write("mailferry.toml", toml.replacen(from, to, 1) + more);
}

/// The same mail as though it had just come, a second after the one before it: an mbox tells its server's date in the line
/// above. Of mails of one second the order is open, and with it which of them is one too many.
fn just_now(mail: &str) -> String {
    static COUNT: AtomicI64 = AtomicI64::new(0);
    let (envelope, rest) = mail.split_once('\n').unwrap();
    let sender = envelope.split(' ').nth(1).unwrap();
    let at = Utc::now() - TimeDelta::minutes(20) + TimeDelta::seconds(COUNT.fetch_add(1, Ordering::Relaxed));
    format!("From {sender} {}\n{rest}", at.format("%a %b %e %H:%M:%S %Y"))
}

fn mails(names: &str, count: u32) -> String {
    (0..count).map(|n| just_now(&from_ann(&format!("{names} {n}"), 1 + n % 28))).collect()
}

#[test]
fn a_storm_of_live_mail_is_held_and_what_was_there_before_is_not() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    configure(&project, "", "", "[policy.loops]\nmessages_of_correspondent = 3\n");
    project.write("mail/a.mbox", mails("past", 10));
    let mut mirror = Mirror::start(&project);
    eventually("all that was there is posted", &mut mirror, || posts(&slack) == 10);
    let status = || project.run(&["status", "--json"]).well().json();
    eventually("the source is read to its end", &mut mirror, || !status()["mirror"]["sources"]["history"]["caught_up"].is_null());
    project.write("mail/b.mbox", mails("storm", 6));
    eventually("the rest of the storm is held", &mut mirror, || status()["messages_by_end"]["held"] == json!(3));
    eventually("what came before it is posted", &mut mirror, || posts(&slack) == 13);
    assert_eq!(status()["mirror"]["channels"]["ext-acme"]["storm"]["messages"], json!(3));
    assert_eq!(mirror.stop().1, 0);
    let held = project.run(&["held"]).well().stdout;
    assert!(held.contains("more than 3 messages of ann@acme.example arrived within 60 minutes"), "{held}");

    // What was counted is counted after a restart, and others are not held with them.
    project.write("mail/c.mbox", mails("again", 1) + &just_now(&mail("carl", 3, "carl@acme.example", "bob@ourco.example", None)));
    let mut mirror = Mirror::start(&project);
    eventually("the correspondent's next mail is held too", &mut mirror, || status()["messages_by_end"]["held"] == json!(4));
    eventually("another's is posted", &mut mirror, || posts(&slack) == 14);
    project.run(&["release", "--all", "--by", "Bob"]).well();
    eventually("a person lets them go", &mut mirror, || posts(&slack) == 18);
    assert_eq!(mirror.stop().1, 0);
}

#[test]
fn a_thread_alone_can_be_a_storm_and_a_backfill_never_is() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    configure(&project, "", "", "[policy.loops]\nmessages_of_thread = 2\nmessages_of_correspondent = 0\n");
    let thread = |names: &str, count: u32| -> String {
        let answer = |n| {
            just_now(&mail(
                &format!("{names}-{n}"),
                2 + n,
                &format!("p{n}@acme.example"),
                "bob@ourco.example",
                Some(&format!("{names}-root")),
            ))
        };
        just_now(&from_ann(&format!("{names}-root"), 1)) + &(0..count).map(answer).collect::<String>()
    };
    project.write("mail/a.mbox", thread("past", 5));
    project.run(&["backfill"]).well();
    assert_eq!(posts(&slack), 6);
    project.write("mail/b.mbox", thread("live", 3));
    let mut mirror = Mirror::start(&project);
    let status = || project.run(&["status", "--json"]).well().json();
    eventually("two of the thread stand and the others are held", &mut mirror, || status()["messages_by_end"]["held"] == json!(2));
    assert_eq!(posts(&slack), 8);
    assert_eq!(mirror.stop().1, 0);
    assert!(project.run(&["held"]).well().stdout.contains("more than 2 messages of its thread arrived within 60 minutes"));
}

/// What a fake channel says of a message.
fn said(slack: &FakeSlack, name: &str) -> Message {
    let world = slack.world();
    let found = world.channel("ext-acme").messages.iter().find(|message| message.text.contains(&format!("The words of {name}.")));
    found.unwrap_or_else(|| panic!("{name} is not there")).clone()
}

const LATE: &str = "arrived late: newer messages of its thread were posted before it";

#[test]
fn a_message_that_comes_after_newer_ones_of_its_thread_says_so() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    let ours = |name: &str, day, parent| mail(name, day, "bob@ourco.example", "ann@acme.example", Some(parent));
    project.write("mail/a.mbox", from_ann("root", 5) + &ours("newest", 20, "root"));
    project.run(&["backfill"]).well();
    // Found later: one between them, one that is newer than all, an old thread of its own, and one dated minutes earlier.
    let minutes = ours("a clock that is slow", 20, "root").replace("10:00:00", "09:57:00");
    project.write("mail/b.mbox", ours("late", 10, "root") + &ours("in time", 21, "root") + &minutes);
    project.write("mail/c.mbox", from_ann("old thread", 1) + &ours("its answer", 2, "old thread"));
    project.run(&["backfill"]).well();
    assert!(
        said(&slack, "late").text.contains(&format!("10 Mar 2021 10:00 +01:00 (09:00 UTC), {LATE}\n")),
        "{:?}",
        said(&slack, "late")
    );
    assert_eq!(said(&slack, "late").thread_ts, Some(said(&slack, "root").ts), "it goes to its thread");
    for name in ["root", "newest", "in time", "a clock that is slow", "old thread", "its answer"] {
        assert!(!said(&slack, name).text.contains("late:"), "{name}");
    }
    let before = posts(&slack);
    project.run(&["backfill"]).well();
    assert_eq!(posts(&slack), before);
    project.run(&["rebuild"]).well();
}

#[test]
fn an_archive_says_it_too() {
    let project = Project::new(ARCHIVE);
    project.write("mail/a.mbox", from_ann("root", 5) + &mail("newest", 20, "ann@acme.example", "bob@ourco.example", Some("root")));
    project.run(&["backfill"]).well();
    project.write("mail/b.mbox", mail("late", 10, "ann@acme.example", "bob@ourco.example", Some("root")));
    project.run(&["backfill"]).well();
    let day = |day: &str| project.json(&format!("channels/ext-acme-client/2021-03-{day}.json")).to_string();
    assert!(day("10").contains(LATE), "{}", day("10"));
    assert!(!day("05").contains(LATE) && !day("20").contains(LATE));
}

#[test]
fn what_was_undone_makes_nothing_late() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", from_ann("root", 5));
    project.run(&["backfill"]).well();
    let answer = |name, day| mail(name, day, "ann@acme.example", "bob@ourco.example", Some("root"));
    project.write("mail/b.mbox", answer("newest", 20));
    project.run(&["backfill"]).well();
    project.run(&["undo", "2", "--yes"]).well();
    project.write("mail/c.mbox", answer("between", 10));
    project.run(&["backfill"]).well();
    assert!(!said(&slack, "between").text.contains("late:"), "nothing newer stands there");
    project.write("mail/d.mbox", answer("before it", 7));
    project.run(&["backfill"]).well();
    assert!(said(&slack, "before it").text.contains(LATE));
}

/// Where the messages with these names stand among all posts of the channel.
fn places(slack: &FakeSlack, names: &[&str]) -> Vec<usize> {
    let world = slack.world();
    let messages = &world.channel("ext-acme").messages;
    let place = |name: &&str| messages.iter().position(|message| message.text.contains(&format!("The words of {name}.")));
    names.iter().map(|name| place(name).unwrap_or_else(|| panic!("{name} is not there"))).collect()
}

#[test]
fn live_mail_goes_before_the_past_with_the_whole_of_its_thread_whatever_happens() {
    const PAST: usize = 120;
    let (slack, mut dovecot) = (FakeSlack::start(), Dovecot::start());
    let project = project(&slack, &imap(&dovecot));
    configure(&project, "posts_per_second = 1000", "posts_per_second = 8", "");
    let raw = |text: String| text.split_once('\n').unwrap().1.replace('\n', "\r\n").into_bytes();
    for n in 0..PAST {
        dovecot.deliver("alice", "INBOX", &raw(from_ann(&format!("past {n}"), 1 + u32::try_from(n).unwrap() % 20)));
    }
    // A thread at the very end of what waits.
    let answer = |name: &str, day| mail(name, day, "bob@ourco.example", "ann@acme.example", Some("root"));
    for text in [from_ann("root", 25), answer("answer", 26)] {
        dovecot.deliver("alice", "INBOX", &raw(text));
    }
    let mut mirror = Mirror::start(&project);
    eventually("the past is on its way", &mut mirror, || posts(&slack) >= 3);
    dovecot.deliver("alice", "INBOX", &raw(answer("a live answer", 27)));
    dovecot.deliver("alice", "INBOX", &raw(from_ann("a live question", 28)));
    eventually("live mail is admitted", &mut mirror, || {
        project.run(&["status", "--json"]).well().json()["messages"] == json!(PAST + 4)
    });
    let seen = posts(&slack);
    assert!(seen < PAST / 2, "the past was posted too fast for this test: {seen}");
    // Killed, and resumed: what is live is still so.
    drop(mirror);
    let mut mirror = Mirror::start(&project);
    eventually("all is posted", &mut mirror, || posts(&slack) == PAST + 4);
    assert_eq!(mirror.stop().1, 0);
    let [root, answer, live_answer, question] = places(&slack, &["root", "answer", "a live answer", "a live question"])[..] else {
        panic!()
    };
    assert!(root < answer && answer < live_answer, "the thread is whole and in order: {root} {answer} {live_answer}");
    assert!(
        live_answer.max(question) < seen + 8,
        "live mail waited behind the past: {live_answer} {question}, of which {seen} stood"
    );
    assert!(!said(&slack, "a live answer").text.contains("late:"));
    let root = said(&slack, "root").ts;
    assert_eq!(said(&slack, "a live answer").thread_ts, Some(root));
    let world = slack.world();
    let keys: BTreeSet<&str> = world.channel("ext-acme").messages.iter().map(Message::key).collect();
    assert_eq!(keys.len(), PAST + 4, "each stands once");
}
