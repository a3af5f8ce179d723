//! What needs an operator is said in their channel, once, whatever breaks on the way.

use std::time::Duration;

use crate::mirror::{Mirror, eventually, posts, told};
use crate::support::dovecot::Dovecot;
use crate::support::ferry::{self, MBOX, assert_each_stands_once, threads};
use crate::support::project::{Project, mail};
use crate::support::slack::{Channel, FakeSlack, Fault, When};

const OPERATORS: &str = "[mirror]\nsilent_after_seconds = 10\noperators = { destination = \"slack\", channel = \"mailferry-ops\" }";

/// A source whose password is wrong.
fn refused(dovecot: &Dovecot) -> String {
    format!(
        "kind = \"imap\"\nhost = \"127.0.0.1\"\nport = {}\nca_file = {:?}\nusername = \"alice\"\npassword = {{ command = \"echo wrong\" }}",
        dovecot.imaps,
        dovecot.certificate()
    )
}

/// Whether there is nothing more to say.
fn all_is_said(project: &Project) -> bool {
    let file = project.path().join("state/operators.json");
    std::fs::read_to_string(file).is_ok_and(|text| text.ends_with("\"waiting\":[]}"))
}

fn attempted(project: &Project) -> bool {
    std::fs::read_to_string(project.path().join("state/operators.json")).is_ok_and(|text| text.contains("\"attempt\""))
}

#[test]
fn a_notice_whose_answer_is_lost_stands_once() {
    for when in [When::After, When::Before] {
        let (slack, dovecot) = (FakeSlack::start(), Dovecot::start());
        slack.world().faults.on_next("chat.postMessage", Fault::HangUp(when));
        let project = ferry::project(&slack, &format!("{}\n{OPERATORS}", refused(&dovecot)));
        let mut mirror = Mirror::start(&project);
        eventually("all is said", &mut mirror, || all_is_said(&project));
        assert_eq!(mirror.stop().1, 0);
        let told = told(&slack);
        assert_eq!(told.len(), 1, "{when:?}: {told:?}");
        assert!(told[0].contains("refuses the login of alice") && told[0].contains("check username and password"), "{told:?}");
        assert!(slack.world().channel("mailferry-ops").is_private);
    }
}

#[test]
fn a_mirror_that_is_killed_while_it_tells_is_followed_by_one_that_looks() {
    let (slack, dovecot) = (FakeSlack::start(), Dovecot::start());
    slack.world().faults.on_next("chat.postMessage", Fault::EffectLater(Duration::from_millis(500)));
    let project = ferry::project(&slack, &format!("{}\n{OPERATORS}", refused(&dovecot)));
    let mut mirror = Mirror::start(&project);
    eventually("it is being said", &mut mirror, || attempted(&project));
    drop(mirror);
    assert!(attempted(&project), "nobody knows yet what came of it");
    let mut mirror = Mirror::start(&project);
    eventually("all is said", &mut mirror, || all_is_said(&project));
    assert_eq!(mirror.stop().1, 0);
    assert_eq!(told(&slack).len(), 1);
}

#[test]
fn a_channel_that_cannot_be_posted_to_keeps_no_mail_back() {
    let (slack, dovecot) = (FakeSlack::start(), Dovecot::start());
    slack.world().add(Channel { name: "mailferry-ops".into(), is_archived: true, ..Channel::default() });
    let source = format!("{MBOX}\n[[source]]\nname = \"vendors\"\n{}\n{OPERATORS}", refused(&dovecot));
    let project = ferry::project(&slack, &source);
    project.write("mail/a.mbox", threads(1));
    let mut mirror = Mirror::start(&project);
    eventually("all is posted", &mut mirror, || posts(&slack) == 8);
    assert_each_stands_once(&slack, 1);
    assert!(told(&slack).is_empty() && !all_is_said(&project));
    assert_eq!(mirror.stop().1, 0);
    let check = project.run(&["check"]);
    assert!(check.stdout.contains("mailferry-ops"), "a check sees it beforehand: {}", check.stdout);
}

#[test]
fn a_source_that_is_silent_is_told_of_and_that_it_is_read_again() {
    let slack = FakeSlack::start();
    let project = ferry::project(&slack, &format!("kind = \"mbox\"\npath = \"nowhere/*.mbox\"\n{OPERATORS}"));
    let mut mirror = Mirror::start(&project);
    eventually("the silence is told of", &mut mirror, || told(&slack).len() == 1);
    let first = told(&slack).remove(0);
    assert!(first.contains("The source history was not read to its end for") && first.contains("nowhere"), "{first}");
    project.write("nowhere/late.mbox", mail("late", 9, "ann@acme.example", "bob@ourco.example", None));
    eventually("its end is told of", &mut mirror, || told(&slack).len() == 2);
    assert!(told(&slack)[1].contains("The source history is read again"), "{:?}", told(&slack));
    assert_eq!(mirror.stop().1, 0);
}
