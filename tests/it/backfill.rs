//! Whole runs of the real program, from an mbox into the archive.

use serde_json::json;

use crate::support::project::{ARCHIVE, Project, mail};

/// Seven mails: a thread with Acme, one to two partners, one internal, one unmapped, one for the partner that nobody
/// approved, and a copy.
fn seven() -> String {
    [
        mail("offer", 1, "ann@acme.example", "bob@ourco.example", None),
        mail("answer", 2, "bob@ourco.example", "ann@acme.example", Some("offer")),
        mail("remark", 3, "bob@ourco.example", "carol@ourco.example", Some("answer")),
        mail("both", 4, "ann@acme.example", "bob@ourco.example, gil@eu.globex.example", None),
        mail("stranger", 5, "x@gmail.com", "bob@ourco.example", None),
        mail("unapproved", 6, "ida@initech.example", "bob@ourco.example", None),
        mail("offer", 1, "ann@acme.example", "bob@ourco.example", None),
    ]
    .concat()
}

fn project() -> Project {
    let project = Project::new(ARCHIVE);
    project.write("mail/a.mbox", seven());
    project
}

/// The texts of a channel's posts, in order.
fn texts(project: &Project, channel: &str) -> Vec<String> {
    let dir = project.path().join("channels").join(channel);
    let Ok(days) = std::fs::read_dir(&dir) else { return Vec::new() };
    let mut days: Vec<_> =
        days.map(|day| day.unwrap().file_name().into_string().unwrap()).filter(|name| name.ends_with(".json")).collect();
    days.sort();
    let posts = days.iter().flat_map(|day| project.json(&format!("channels/{channel}/{day}")).as_array().unwrap().clone());
    posts.map(|post| post["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn everything_ends_where_it_should_and_the_sums_add_up() {
    let project = project();
    let report = project.run(&["backfill", "--json"]).well().json();
    assert_eq!(report["adds_up"], json!(true));
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!(status["messages"], json!(6));
    assert_eq!(status["duplicates"], json!(1));
    assert_eq!(status["adds_up"], json!(true));
    let ends = json!({"delivered": 3, "held": 1, "internal": 1, "unmapped": 1, "dropped": 0, "pending": 0});
    assert_eq!(status["messages_by_end"], ends);
    let source = &status["sources"][0];
    assert_eq!(
        source,
        &json!({"name": "history", "positions": 7, "admitted": 6, "duplicates": 1, "unreadable": 0, "complete": true})
    );
    assert_eq!(status["partners"][2]["state"], json!("awaiting approval"));
    let acme = texts(&project, "ext-acme-client");
    assert_eq!(acme.len(), 3);
    for (text, name) in acme.iter().zip(["offer", "answer", "both"]) {
        assert!(text.contains(&format!("The words of {name}.")), "{text}");
    }
    assert_eq!(texts(&project, "ext-globex-client").len(), 1);
    assert!(texts(&project, "ext-initech-client").is_empty(), "nobody approved it");
    let all: String = ["ext-acme-client", "ext-globex-client"].iter().flat_map(|channel| texts(&project, channel)).collect();
    assert!(!all.contains("remark") && !all.contains("stranger"));
}

#[test]
fn a_second_run_posts_nothing() {
    let project = project();
    project.run(&["backfill"]).well();
    let (before, sums) = (project.image("channels"), project.run(&["status", "--json"]).json());
    let report = project.run(&["backfill", "--json"]).well().json();
    assert_eq!(report["posted"]["channels"], json!({}));
    assert_eq!(project.image("channels"), before);
    assert_eq!(project.run(&["status", "--json"]).json(), sums);
}

#[test]
fn an_archive_that_grows_adds_only_what_is_new() {
    let project = project();
    project.run(&["backfill"]).well();
    project.write("mail/a.mbox", seven() + &mail("late", 9, "ann@acme.example", "bob@ourco.example", Some("answer")));
    project.run(&["backfill"]).well();
    assert_eq!(texts(&project, "ext-acme-client").len(), 4);
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!((&status["messages"], &status["duplicates"]), (&json!(7), &json!(1)));
}

#[test]
fn a_plan_writes_nothing_and_says_what_the_backfill_then_does() {
    let project = project();
    let before = project.image(".");
    let plan = project.run(&["plan", "--json"]).well().json();
    assert_eq!(project.image("."), before);
    assert_eq!((&plan["messages"], &plan["internal"], &plan["unmapped"]), (&json!(6), &json!(1), &json!(1)));
    assert_eq!(plan["partners"]["Acme"]["post"]["messages"], json!(3));
    assert_eq!(plan["partners"]["Initech"]["held"][0]["gate"], json!("approval"));
    assert_eq!(plan["unmapped_domains"], json!([["gmail.com", 1]]));
    let report = project.run(&["backfill", "--json"]).well().json();
    for (name, channel) in [("Acme", "ext-acme-client"), ("Globex", "ext-globex-client")] {
        assert_eq!(plan["partners"][name]["post"]["posts"], report["posted"]["channels"][channel]["posts"]);
    }
    let before = project.image(".");
    let plan = project.run(&["plan", "--json"]).well().json();
    assert_eq!(project.image("."), before, "the state of an earlier run is not touched either");
    assert_eq!(plan["partners"]["Initech"]["held"][0]["messages"], json!(1));
    assert_eq!(plan["partners"].get("Acme"), None, "nothing is left to post");
}

#[test]
fn approval_opens_a_channel_and_nothing_else_does() {
    let project = project();
    project.run(&["backfill"]).well();
    let held = project.run(&["held", "--json"]).well().json();
    assert_eq!((held.as_array().unwrap().len(), &held[0]["gate"]), (1, &json!("approval")));
    let key = held[0]["message"].as_str().unwrap();
    let refused = project.run(&["release", key]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stdout.contains("mailferry approve \"Initech\""), "{refused:?}");
    let unknown = project.run(&["approve", "Initec", "--by", "Dana"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("Initech"), "{unknown:?}");
    let approved = project.run(&["approve", "Initech", "--by", "Dana", "--json"]).well().json();
    assert_eq!((&approved["by"], &approved["released"]), (&json!("Dana"), &json!(1)));
    project.run(&["backfill"]).well();
    assert_eq!(texts(&project, "ext-initech-client").len(), 1);
    assert_eq!(project.run(&["status", "--json"]).json()["partners"][2]["state"], json!("open"));
}

#[test]
fn what_an_unverified_sender_says_waits_until_a_person_lets_it_go() {
    let project = Project::new(&ARCHIVE.replace("[[source]]", "[policy]\nunverified_senders = \"hold\"\n[[source]]"));
    project.write("mail/a.mbox", seven());
    project.run(&["backfill"]).well();
    let held = project.run(&["held", "--json", "--partner", "Acme"]).well().json();
    assert_eq!(held.as_array().unwrap().len(), 3);
    assert_eq!(held[0]["gate"], json!("authenticity"));
    let key: String = held[0]["message"].as_str().unwrap().chars().take(10).collect();
    assert_eq!(project.run(&["release", &key, "--json"]).well().json()["released"], json!(1));
    project.run(&["backfill"]).well();
    assert_eq!(texts(&project, "ext-acme-client").len(), 1);
    assert_eq!(project.run(&["release", "0123456789"]).code, Some(1), "an unknown message is said");
}

#[test]
fn a_partner_that_is_named_later_gets_the_mail_of_earlier_runs() {
    let project = project();
    project.run(&["backfill"]).well();
    let newcomer = "[[partner]]\nname = \"Xena\"\naddresses = [\"x@gmail.com\"]\nchannel = \"ext-xena\"\ntrusted = true\n";
    project.write("mailferry.toml", format!("{ARCHIVE}{newcomer}"));
    project.run(&["backfill"]).well();
    assert_eq!(texts(&project, "ext-xena").len(), 1);
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!(status["messages_by_end"]["unmapped"], json!(0));
}

#[test]
fn one_source_that_cannot_be_read_does_not_stop_the_others() {
    let project = Project::new(
        &ARCHIVE
            .replace("[[destination]]", "[[source]]\nname = \"lost\"\nkind = \"mbox\"\npath = \"nowhere/*.mbox\"\n[[destination]]"),
    );
    project.write("mail/a.mbox", seven());
    let ran = project.run(&["backfill", "--json"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(texts(&project, "ext-acme-client").len(), 3);
    assert!(ran.json()["read"]["sources"]["lost"]["failures"][0].as_str().unwrap().contains("nowhere"), "{ran:?}");
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!((&status["sources"][0]["complete"], &status["sources"][1]["complete"]), (&json!(true), &json!(false)));
}

#[test]
fn a_second_process_is_refused_with_a_sentence() {
    let project = project();
    let ledger = mailferry::ledger::Ledger::open(&project.path().join("state"), "mailferry mirror", chrono::Utc::now).unwrap();
    for command in ["backfill", "status", "held", "plan"] {
        let refused = project.run(&[command]);
        assert_eq!(refused.code, Some(1), "{command}");
        assert!(refused.stderr.contains("in use by mailferry mirror (process"), "{refused:?}");
    }
    drop(ledger);
}
