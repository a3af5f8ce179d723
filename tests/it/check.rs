//! `init` and `check` as somebody at the terminal sees them.

use mailferry::config::{Secrets, load};

use crate::configuration::SMALLEST;
use crate::support::project::{Project, mail};

#[test]
fn init_writes_a_configuration_that_loads_and_never_over_another() {
    let project = Project::new("");
    project.write("ferry/note", "a directory that is there");
    let ran = project.run(&["init", "ferry", "--json"]).well();
    assert_eq!(ran.json()["written"], "ferry/mailferry.toml");
    let before = project.image("ferry");
    load(&project.path().join("ferry/mailferry.toml"), Secrets::Read).unwrap();

    let ran = project.run(&["init", "ferry"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("already there"), "{ran:?}");
    assert_eq!(project.image("ferry"), before);
}

#[test]
fn init_makes_no_directory() {
    let ran = Project::new("").run(&["init", "nowhere/mailferry.toml"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("create it first"), "{ran:?}");
}

#[test]
fn check_says_what_is_wrong_with_the_configuration() {
    let project = Project::new(&SMALLEST.replace("path = \"mail", "pth = \"mail"));
    let ran = project.run(&["check"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("line 9: source.history.pth: is no key here: did you mean \"path\"?"), "{ran:?}");

    let ran = project.run(&["check", "--json"]);
    let paths: Vec<_> = ran.json()["complaints"].as_array().unwrap().iter().map(|complaint| complaint["path"].clone()).collect();
    assert_eq!((ran.code, paths), (Some(2), vec!["source.history.path".into(), "source.history.pth".into()]));
}

#[test]
fn check_looks_at_everything_and_changes_nothing() {
    let project = Project::new(SMALLEST);
    project.write("mail/a.mbox", mail("hello", 1, "ann@acme.example", "us@ourco.example", None));
    let before = project.image(".");
    let ran = project.run(&["check"]).well();
    assert!(ran.stdout.lines().count() >= 3 && ran.stdout.lines().all(|line| line.starts_with("ok ")), "{ran:?}");
    assert_eq!(project.image("."), before);
    assert!(!project.path().join("state").exists());
}

#[test]
fn check_fails_where_something_is_refused_and_says_what_to_do() {
    let project = Project::new(&SMALLEST.replacen('\n', "state = \"taken/state\"\n", 1));
    project.write("mail/a.mbox", mail("hello", 1, "ann@acme.example", "us@ourco.example", None));
    project.write("taken", "a file where a directory should be");
    let ran = project.run(&["check", "--json"]);
    let finding = &ran.json()["findings"][0];
    assert_eq!((ran.code, &finding["state"]), (Some(1), &"refused".into()));
    assert!(finding["advice"].as_str().unwrap().contains("set `state`"), "{finding}");
    let ran = project.run(&["check"]);
    assert!(ran.stdout.lines().any(|line| line.starts_with("!! state ") && line.contains(" — let this user write")), "{ran:?}");
}

#[test]
fn check_warns_where_every_message_would_be_held() {
    let project = Project::new(&SMALLEST.replace("kind = \"mbox\"", "kind = \"mbox\"\nunverified_senders = \"hold\""));
    let ran = project.run(&["check"]);
    assert!(ran.stdout.contains("?? source history: every message from outside will be held"), "{ran:?}");
}
