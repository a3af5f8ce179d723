//! What a run posted, taken back; and the ledger held against the world.

use serde_json::{Value, json};

use crate::support::ferry::{MBOX, assert_each_stands_once, project, threads};
use crate::support::project::{ARCHIVE, Project, mail};
use crate::support::slack::{FakeSlack, Fault, When};

/// A project whose first batch is one thread, and whose second is one more with each partner.
fn two_batches(slack: &FakeSlack) -> Project {
    let project = project(slack, MBOX);
    project.write("mail/a.mbox", threads(1));
    project.run(&["backfill"]).well();
    project.write("mail/a.mbox", threads(2));
    project.run(&["backfill"]).well();
    assert_each_stands_once(slack, 2);
    project
}

fn batches(project: &Project) -> Vec<Value> {
    project.run(&["batches", "--json"]).well().json().as_array().unwrap().clone()
}

#[test]
fn runs_are_listed_with_what_became_of_their_posts() {
    let slack = FakeSlack::start();
    let project = two_batches(&slack);
    let batches = batches(&project);
    let counted: Vec<_> =
        batches.iter().map(|batch| (&batch["batch"], &batch["messages"], &batch["posts"], &batch["files"])).collect();
    assert_eq!(counted, [(&json!(1), &json!(6), &json!(8), &json!(2)), (&json!(2), &json!(6), &json!(8), &json!(2))]);
    assert!(batches.iter().all(|batch| batch["command"] == json!("backfill") && !batch["ended"].is_null()));
    let text = project.run(&["batches"]).well().stdout;
    assert!(text.contains("6 new messages, 8 posts, 2 of them files"), "{text}");
}

#[test]
fn without_yes_an_undo_only_says_what_it_would_do() {
    let slack = FakeSlack::start();
    let project = two_batches(&slack);
    let before = project.image("state");
    let said = project.run(&["undo", "2"]).well().stdout;
    assert!(said.contains("#ext-acme: 4 posts would be deleted, 1 of them files"), "{said}");
    assert!(said.contains("mailferry undo 2 --yes"), "{said}");
    assert_each_stands_once(&slack, 2);
    assert_eq!(project.image("state"), before);
    assert_eq!(slack.world().faults.seen("chat.delete"), 0);
    assert_eq!(project.run(&["undo", "7"]).code, Some(2), "a batch that there is not");
}

#[test]
fn an_undo_deletes_what_its_batch_posted_and_nothing_comes_back() {
    let slack = FakeSlack::start();
    let project = two_batches(&slack);
    project.run(&["undo", "2", "--yes"]).well();
    assert_each_stands_once(&slack, 1);
    assert_eq!(slack.world().files.values().filter(|file| file.share.is_some()).count(), 2, "the files are gone, too");
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!((&status["messages_by_end"]["undone"], &status["messages_by_end"]["delivered"]), (&json!(6), &json!(6)));
    assert_eq!(status["adds_up"], json!(true));
    for _ in 0..2 {
        project.run(&["backfill"]).well();
        assert_each_stands_once(&slack, 1);
    }
    let again = project.run(&["undo", "2", "--yes", "--json"]).well().json();
    assert_eq!(again["channels"], json!({}), "there is nothing left to undo");
    assert_eq!((&batches(&project)[1]["posts"], &batches(&project)[1]["retracted"]), (&json!(0), &json!(8)));
    project.run(&["reconcile"]).well();
    project.run(&["audit", "verify"]).well();
}

#[test]
fn posts_that_people_answered_or_reacted_to_stay_and_are_listed() {
    let slack = FakeSlack::start();
    let project = two_batches(&slack);
    let ts = |words: &str| {
        let world = slack.world();
        let message = world.channel("ext-acme").messages.iter().find(|message| message.text.contains(words)).unwrap();
        message.ts.clone()
    };
    let (answered, reacted) = (ts("The words of acme-0-root"), ts("The words of acme-1-answer"));
    let acme = slack.world().channels.iter().find(|(_, channel)| channel.name == "ext-acme").map(|(id, _)| id.clone()).unwrap();
    slack.world().answer(&acme, &answered, "Thank you!");
    slack.world().react(&acme, &reacted, "thumbsup");
    let report = project.run(&["undo", "1", "--yes", "--json"]).well().json();
    let kept = report["channels"]["ext-acme"]["kept"].as_array().unwrap();
    assert_eq!((kept.len(), &kept[0]["posts"]), (1, &json!([answered])), "{report}");
    let report = project.run(&["undo", "2", "--yes", "--json"]).well().json();
    let kept = report["channels"]["ext-acme"]["kept"].as_array().unwrap();
    assert_eq!(kept.len(), 2, "the post, and the root of its thread: {report}");
    let world = slack.world();
    let texts: Vec<_> = world.channel("ext-acme").messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    for words in ["acme-0-root", "Thank you!", "acme-1-root", "acme-1-answer"] {
        assert_eq!(texts.iter().filter(|text| text.contains(words)).count(), 1, "{words}: {texts:?}");
    }
    assert!(world.channel("ext-globex").messages.is_empty());
}

#[test]
fn an_undo_through_lost_answers_and_refusals_comes_to_its_end() {
    let slack = FakeSlack::start();
    let project = two_batches(&slack);
    {
        let faults = &mut slack.world().faults;
        faults.on("chat.delete", 1, Fault::HangUp(When::After));
        faults.on("chat.delete", 2, Fault::HangUp(When::Before));
        faults.on("chat.delete", 4, Fault::page(When::After, 502));
        faults.on("conversations.replies", 1, Fault::RateLimited(Some("1")));
        faults.on("files.delete", 1, Fault::error(When::After, "internal_error"));
    }
    project.run(&["undo", "2", "--yes"]).well();
    assert_each_stands_once(&slack, 1);
}

#[test]
fn a_thread_whose_first_post_was_undone_begins_anew_with_later_mail() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    let root = mail("acme-0-root", 1, "ann@acme.example", "bob@ourco.example", None);
    project.write("mail/a.mbox", &root);
    project.run(&["backfill"]).well();
    project.run(&["undo", "1", "--yes"]).well();
    let answer = |name: &str, day| mail(name, day, "bob@ourco.example", "ann@acme.example", Some("acme-0-root"));
    project.write("mail/a.mbox", root + &answer("late", 2) + &answer("later", 3));
    project.run(&["backfill"]).well();
    let world = slack.world();
    let messages = &world.channel("ext-acme").messages;
    assert_eq!(messages.len(), 2);
    assert_eq!((&messages[0].thread_ts, messages[1].thread_ts.as_ref()), (&None, Some(&messages[0].ts)));
}

#[test]
fn an_archive_is_undone_as_well() {
    let project = Project::new(ARCHIVE);
    project.write("mail/a.mbox", mail("offer", 1, "ann@acme.example", "bob@ourco.example", None));
    project.run(&["backfill"]).well();
    project.write(
        "mail/a.mbox",
        mail("offer", 1, "ann@acme.example", "bob@ourco.example", None)
            + &mail("more", 2, "ann@acme.example", "bob@ourco.example", None),
    );
    project.run(&["backfill"]).well();
    project.run(&["undo", "2", "--yes"]).well();
    project.run(&["reconcile"]).well();
    project.run(&["backfill"]).well();
    let posts = project.json("channels/ext-acme-client/2021-03-01.json");
    assert_eq!(posts.as_array().unwrap().len(), 1, "{posts}");
    assert!(!project.path().join("channels/ext-acme-client/2021-03-02.json").exists());
}

#[test]
fn reconcile_finds_what_the_sources_hold_and_what_the_channels_lack() {
    let slack = FakeSlack::start();
    let project = two_batches(&slack);
    let whole = project.run(&["reconcile", "--json"]).well().json();
    assert_eq!(whole["mailboxes"][0]["held"], json!(12));
    assert_eq!((&whole["channels"]["ext-acme"]["standing"], &whole["channels"]["ext-globex"]["standing"]), (&json!(8), &json!(8)));
    // A mail that was not read yet, a post that somebody deleted, and one that came twice.
    project.write("mail/a.mbox", threads(2) + &mail("new", 9, "ann@acme.example", "bob@ourco.example", None));
    {
        let mut world = slack.world();
        let acme = world.channels.values_mut().find(|channel| channel.name == "ext-acme").unwrap();
        acme.messages.retain(|message| !message.text.contains("The words of acme-1-file"));
        let globex = world.channels.values_mut().find(|channel| channel.name == "ext-globex").unwrap();
        let mut copy = globex.messages[1].clone();
        copy.ts = "9999999999.000100".to_owned();
        globex.messages.push(copy);
    }
    let ran = project.run(&["reconcile", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let found = ran.json();
    assert_eq!(found["mailboxes"][0]["unknown"], json!(1), "{found}");
    assert_eq!(found["channels"]["ext-acme"]["missing"], json!(1), "{found}");
    assert_eq!(found["channels"]["ext-globex"]["twice"], json!(1), "{found}");
    let text = project.run(&["reconcile"]).stdout;
    assert!(text.contains("missing: ") && text.contains("stands 2 times"), "{text}");
    assert!(text.contains("There are differences"), "{text}");
}
