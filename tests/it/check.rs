//! `init` and `check` as somebody at the terminal sees them.

use std::path::Path;

use mailferry::config::{Secrets, load};

use crate::configuration::SMALLEST;

/// What a command does in a directory: exit code, standard output, standard error.
fn mailferry(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mailferry"));
    let output = command.args(arguments).current_dir(directory).stdin(std::process::Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn init_writes_a_configuration_that_loads_and_never_over_another() {
    let directory = tempfile::tempdir().unwrap();
    let (code, output, _) = mailferry(directory.path(), &["init", "--json"]);
    assert_eq!((code, output.as_str()), (Some(0), "{\"written\":\"mailferry.toml\"}\n"));
    let file = directory.path().join("mailferry.toml");
    let written = std::fs::read_to_string(&file).unwrap();
    load(&file, Secrets::Read).unwrap();

    let (code, output, error) = mailferry(directory.path(), &["init"]);
    assert_eq!((code, output.as_str()), (Some(2), ""));
    assert!(error.contains("already there"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn init_writes_where_it_is_told_if_there_is_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("ferry")).unwrap();
    assert_eq!(mailferry(directory.path(), &["init", "ferry"]).0, Some(0));
    assert!(directory.path().join("ferry/mailferry.toml").is_file());
    let (code, _, error) = mailferry(directory.path(), &["init", "nowhere/mailferry.toml"]);
    assert!(code == Some(2) && error.contains("create it first"), "{error}");
}

#[test]
fn check_says_what_is_wrong_with_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mailferry.toml"), SMALLEST.replace("path = \"mail", "pth = \"mail")).unwrap();
    let (code, output, error) = mailferry(directory.path(), &["check"]);
    assert_eq!((code, output.as_str()), (Some(2), ""));
    assert!(error.contains("line 9: source.history.pth: is no key here: did you mean \"path\"?"), "{error}");
    let (code, output, _) = mailferry(directory.path(), &["check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(code, Some(2));
    let paths: Vec<_> =
        json["complaints"].as_array().unwrap().iter().map(|complaint| complaint["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["source.history.path", "source.history.pth"]);
}

#[test]
fn check_looks_at_everything_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mailferry.toml"), SMALLEST).unwrap();
    std::fs::create_dir(directory.path().join("mail")).unwrap();
    std::fs::write(
        directory.path().join("mail/a.mbox"),
        "From ann@acme.example Mon Mar  1 09:05:00 2021\nSubject: hello\n\nHello.\n",
    )
    .unwrap();
    let (code, output, error) = mailferry(directory.path(), &["check"]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{output}");
    assert!(output.lines().count() >= 3 && output.lines().all(|line| line.starts_with("ok ")), "{output}");
    let mut left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["mail", "mailferry.toml"]);
}

#[test]
fn check_fails_where_something_is_refused_and_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mailferry.toml"), SMALLEST.replacen('\n', "state = \"taken/state\"\n", 1)).unwrap();
    std::fs::create_dir(directory.path().join("mail")).unwrap();
    std::fs::write(directory.path().join("mail/a.mbox"), "").unwrap();
    std::fs::write(directory.path().join("taken"), "a file stands where the directory should be").unwrap();
    let (code, output, _) = mailferry(directory.path(), &["check", "--json"]);
    assert_eq!(code, Some(1), "{output}");
    let json: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(json["findings"][0]["state"], "refused");
    assert!(json["findings"][0]["advice"].as_str().unwrap().contains("set `state`"));
}

#[test]
fn check_warns_where_every_message_would_be_held() {
    let directory = tempfile::tempdir().unwrap();
    let text = SMALLEST.replace("kind = \"mbox\"", "kind = \"mbox\"\nunverified_senders = \"hold\"");
    std::fs::write(directory.path().join("mailferry.toml"), text).unwrap();
    let (_, output, _) = mailferry(directory.path(), &["check"]);
    assert!(output.contains("?? source history: every message from outside will be held"), "{output}");
}
