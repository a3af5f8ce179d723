//! The audit trail and what is made of it: proven, and an index that was lost, cut or damaged made anew, with nothing posted
//! twice.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::ferry::{MBOX, assert_each_stands_once, project, threads};
use crate::support::project::{ARCHIVE, Project, mail};
use crate::support::slack::{FakeSlack, Fault, When};

/// A project that was backfilled once, with something posted, held and internal.
fn backfilled() -> Project {
    let project = Project::new(ARCHIVE);
    project.write(
        "mail/a.mbox",
        [
            mail("offer", 1, "ann@acme.example", "bob@ourco.example", None),
            mail("answer", 2, "bob@ourco.example", "ann@acme.example, gil@globex.example", Some("offer")),
            mail("remark", 3, "bob@ourco.example", "carol@ourco.example", Some("answer")),
            mail("unapproved", 6, "ida@initech.example", "bob@ourco.example", None),
        ]
        .concat(),
    );
    project.run(&["backfill"]).well();
    project
}

fn trail(project: &Project) -> PathBuf {
    project.path().join("state/audit.jsonl")
}

fn lines(project: &Project) -> Vec<String> {
    fs::read_to_string(trail(project)).unwrap().lines().map(str::to_owned).collect()
}

fn status(project: &Project) -> Value {
    project.run(&["status", "--json"]).well().json()
}

/// Demands that the project stands as it stood: by its sums, by its channels, and after a further run.
fn assert_stands_as_before(project: &Project, before: &Value, channels: &[(PathBuf, mailferry::mail::Digest)]) {
    assert_eq!(&status(project), before);
    let report = project.run(&["backfill", "--json"]).well().json();
    assert_eq!(report["posted"]["channels"], json!({}), "nothing is posted again");
    assert_eq!(project.image("channels"), channels);
    assert_eq!(&status(project), before);
    project.run(&["audit", "verify"]).well();
}

#[test]
fn every_entry_names_who_and_when_and_the_trail_is_proven() {
    let project = backfilled();
    let proof = project.run(&["audit", "verify", "--json"]).well().json();
    let lines = lines(&project);
    assert_eq!(proof, json!({"entries": lines.len(), "broken": null, "remarks": []}));
    for (n, line) in lines.iter().enumerate() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&entry["n"], &entry["by"], &entry["batch"]), (&json!(n + 1), &json!("mailferry backfill"), &json!(1)));
        assert!(chrono::DateTime::parse_from_rfc3339(entry["at"].as_str().unwrap()).is_ok());
    }
    let deliveries = lines.iter().filter(|line| line.contains("\"delivered\":{\"id\"")).count();
    assert_eq!(json!(deliveries), status(&project)["deliveries"]["delivered"], "every delivery is in the trail");
}

#[test]
fn what_people_decide_is_shown_with_their_names() {
    let project = backfilled();
    project.run(&["approve", "Initech", "--by", "Dana"]).well();
    let shown = project.run(&["audit", "show"]).well().stdout;
    assert!(shown.contains("Initech approved by Dana"), "{shown}");
    assert!(shown.contains("held: approval"), "{shown}");
    assert!(!shown.contains("attempted"), "only decisions: {shown}");
    assert!(project.run(&["audit", "show", "--all"]).well().stdout.contains("attempted"));
}

#[test]
fn the_first_entry_that_was_changed_is_named() {
    let project = backfilled();
    let (whole, count) = (lines(&project), lines(&project).len());
    for changed in 0..count {
        let mut lines = whole.clone();
        // What it says stays readable: only the chain tells.
        lines[changed] = lines[changed].replacen("mailferry backfill", "mailferry backfall", 1);
        fs::write(trail(&project), lines.join("\n") + "\n").unwrap();
        let ran = project.run(&["audit", "verify", "--json"]);
        assert_eq!((ran.code, &ran.json()["broken"]["entry"]), (Some(1), &json!(changed + 1)), "{ran:?}");
    }
    for gone in 0..count {
        let lines: Vec<_> = whole.iter().enumerate().filter(|(n, _)| *n != gone).map(|(_, line)| line.as_str()).collect();
        fs::write(trail(&project), lines.join("\n") + "\n").unwrap();
        let ran = project.run(&["audit", "verify", "--json"]);
        assert_eq!((ran.code, &ran.json()["broken"]["entry"]), (Some(1), &json!(gone + 1)), "{ran:?}");
    }
    let text = project.run(&["audit", "verify"]);
    assert!(text.stdout.contains(&format!("the first broken entry is {count}")), "{text:?}");
}

#[test]
fn a_trail_that_was_changed_is_not_built_upon() {
    let project = backfilled();
    let mut changed = lines(&project);
    changed[3] = changed[3].replacen("mailferry backfill", "mailferry backfall", 1);
    fs::write(trail(&project), changed.join("\n") + "\n").unwrap();
    let before = project.image("state");
    let refused = project.run(&["rebuild"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("is broken at entry 4") && refused.stderr.contains("backup"), "{refused:?}");
    let lock = |image: Vec<(PathBuf, _)>| image.into_iter().filter(|(path, _)| !path.ends_with("lock")).collect::<Vec<_>>();
    assert_eq!(lock(project.image("state")), lock(before), "nothing was put aside");
    fs::remove_dir_all(project.path().join("state/ledger")).unwrap();
    let refused = project.run(&["backfill"]);
    assert_eq!(refused.code, Some(1), "without an index there is only the trail: {refused:?}");
    assert!(refused.stderr.contains("is broken at entry 4"), "{refused:?}");
}

#[test]
fn an_index_that_is_gone_is_made_anew() {
    let project = backfilled();
    let (before, channels) = (status(&project), project.image("channels"));
    fs::remove_dir_all(project.path().join("state/ledger")).unwrap();
    assert_stands_as_before(&project, &before, &channels);
    fs::remove_dir_all(project.path().join("state/ledger")).unwrap();
    project.run(&["rebuild"]).well();
    assert_stands_as_before(&project, &before, &channels);
}

#[test]
fn a_lost_trail_begins_anew_with_what_the_ledger_shows() {
    let project = backfilled();
    let (before, channels) = (status(&project), project.image("channels"));
    fs::remove_file(trail(&project)).unwrap();
    let ran = project.run(&["audit", "verify"]);
    assert_eq!(ran.code, Some(1), "that it is gone is said: {ran:?}");
    assert_stands_as_before(&project, &before, &channels);
    assert!(lines(&project)[0].contains("restated"));
    fs::remove_dir_all(project.path().join("state/ledger")).unwrap();
    assert_stands_as_before(&project, &before, &channels);
}

#[test]
fn a_trail_whose_end_was_cut_off_is_noticed_and_kept() {
    let project = backfilled();
    let (before, channels) = (status(&project), project.image("channels"));
    let whole = lines(&project);
    fs::write(trail(&project), whole[..whole.len() - 5].join("\n") + "\n").unwrap();
    let ran = project.run(&["audit", "verify", "--json"]);
    assert_eq!((ran.code, &ran.json()["broken"]["entry"]), (Some(1), &json!(whole.len() - 4)), "{ran:?}");
    assert_stands_as_before(&project, &before, &channels);
    let kept = fs::read_dir(project.path().join("state")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.filter(|name| name.starts_with("audit.aside-")).count(), 1);
}

/// A generator of the same numbers for the same seed.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |sides| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    }
}

/// Damages a file of the index: cuts it short, or overwrites some of its bytes.
fn damage(file: &Path, roll: &mut impl FnMut(u64) -> u64) {
    let mut bytes = fs::read(file).unwrap();
    if roll(3) == 0 {
        bytes.truncate(roll(bytes.len() as u64) as usize);
    } else {
        let (start, count) = (roll(bytes.len() as u64) as usize, 1 + roll(2000) as usize);
        bytes.iter_mut().skip(start).take(count).for_each(|byte| *byte = roll(256) as u8);
    }
    fs::write(file, bytes).unwrap();
}

#[test]
fn an_index_that_is_damaged_in_any_way_is_made_anew_and_nothing_is_posted_twice() {
    let project = backfilled();
    let (before, channels) = (status(&project), project.image("channels"));
    let whole = tempfile::tempdir().unwrap();
    let index = project.path().join("state/ledger");
    crate::support::steps::copy(&index, whole.path());
    let mut refusals = 0;
    for seed in 0..30 {
        fs::remove_dir_all(&index).unwrap();
        crate::support::steps::copy(whole.path(), &index);
        let mut roll = dice(seed);
        let mut files: Vec<PathBuf> = walkdir::WalkDir::new(&index)
            .sort_by_file_name()
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file() && entry.metadata().unwrap().len() > 0)
            .map(walkdir::DirEntry::into_path)
            .collect();
        let damaged = if roll(4) == 0 { files.remove(roll(files.len() as u64) as usize) } else { index.join("db") };
        damage(&damaged, &mut roll);
        // What it cannot do, it says; what it does is right.
        let ran = project.run(&["status", "--json"]);
        if ran.code == Some(0) {
            assert_eq!(ran.json(), before, "seed {seed}: {}", damaged.display());
        } else {
            assert!(ran.stderr.contains("mailferry rebuild"), "seed {seed}: {ran:?}");
            refusals += 1;
        }
        project.run(&["rebuild"]).well();
        assert_stands_as_before(&project, &before, &channels);
    }
    assert!(refusals > 0, "nothing was damaged so that it showed");
    let aside = fs::read_dir(project.path().join("state")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(aside.filter(|name| name.starts_with("ledger.aside-")).count(), 30, "what was there is kept");
}

#[test]
fn what_was_in_flight_when_the_index_was_lost_is_looked_up_and_not_sent_again() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(2));
    // The answer is lost, and so is the right to look it up: the post stands, and nobody knows.
    slack.world().scopes.remove("channels:history");
    slack.world().scopes.remove("groups:history");
    slack.world().faults.on("chat.postMessage", 1, Fault::HangUp(When::After));
    assert_eq!(project.run(&["backfill"]).code, Some(1));
    fs::remove_dir_all(project.path().join("state/ledger")).unwrap();
    project.run(&["rebuild"]).well();
    assert_eq!(status(&project)["deliveries"]["in_flight"], json!(1));
    slack.world().scopes.extend(["channels:history".to_owned(), "groups:history".to_owned()]);
    project.run(&["backfill"]).well();
    assert_each_stands_once(&slack, 2);
}

#[test]
fn of_many_runs_at_once_one_works_and_the_others_are_refused() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(6));
    let start = || {
        project.command(&["backfill"]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let runs: Vec<_> = (0..8).map(|_| start()).collect();
    let outputs: Vec<_> = runs.into_iter().map(|run| run.wait_with_output().unwrap()).collect();
    assert!(outputs.iter().any(|output| output.status.success()));
    for output in outputs.iter().filter(|output| !output.status.success()) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("is in use by"), "{said}");
    }
    project.run(&["backfill"]).well();
    assert_each_stands_once(&slack, 6);
}

#[test]
fn a_snapshot_of_the_index_that_a_kill_or_a_full_disk_cut_short_does_no_harm() {
    for begun in [b"".as_slice(), b"some of it"] {
        let project = backfilled();
        let (before, channels) = (status(&project), project.image("channels"));
        let unfinished = project.path().join("state/ledger/snap.00000000FFFFFFFF.generating");
        fs::write(&unfinished, begun).unwrap();
        assert_stands_as_before(&project, &before, &channels);
        assert!(!unfinished.exists());
    }
}
