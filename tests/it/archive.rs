//! The archive: Slack's export layout on disk.

use std::fs;

use mailferry::delivery::{ChannelId, Part, Receipt};
use mailferry::destination::post::Content;
use mailferry::destination::{Destination, Failure};
use serde_json::{Value, json};

use crate::support::archives::{World, destination, file, heading, json, key, spec, text};

const NOON: &str = "2021-03-01T12:00:00+01:00";

#[tokio::test]
async fn a_thread_is_exported_with_true_dates_people_and_replies() {
    let world = World::new();
    let acme = world.open("ext-acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "a < b")).await.unwrap();
    world.post(&acme, Some(&root), &text("2", "2021-03-02T09:05:00-05:00", "Re: Plan", "yes")).await.unwrap();
    world.publish().await;

    let messages = world.messages("ext-acme");
    assert_eq!(messages[0]["ts"], "1614596400.000100");
    assert_eq!(messages[0]["text"], "*Plan*\nTo: Bob (bob@ourco.example)\nMon, 1 Mar 2021 12:00 +01:00 (11:00 UTC)\n\na &lt; b");
    assert_eq!(messages[1]["text"], "To: Bob (bob@ourco.example)\nTue, 2 Mar 2021 09:05 -05:00 (14:05 UTC)\n\nyes");
    let (first, second) = (&messages[0]["ts"], &messages[1]["ts"]);
    assert_eq!([&messages[0]["thread_ts"], &messages[1]["thread_ts"]], [first, first]);
    assert_eq!(messages[0]["replies"], json!([{"user": messages[1]["user"], "ts": second}]));
    assert_eq!((&messages[0]["reply_count"], &messages[0]["latest_reply"]), (&json!(1), second));
    assert_eq!(messages[1]["parent_user_id"], messages[0]["user"]);
    assert_eq!(messages[0]["metadata"]["event_payload"]["key"], key("1", Part::Text(0)).to_string());

    let users = json(&world.path.join("users.json"));
    let ann = users.as_array().unwrap().iter().find(|user| user["id"] == messages[0]["user"]).unwrap();
    assert_eq!((&ann["profile"]["email"], &ann["profile"]["real_name"]), (&json!("ann@acme.example"), &json!("Ann")));
    let channels = json(&world.path.join("channels.json"));
    assert_eq!((&channels[0]["name"], &channels[0]["id"]), (&json!("ext-acme"), &json!(acme.as_str())));
    assert_eq!(channels[0]["members"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_same_post_again_gives_the_same_receipt_and_no_second_line() {
    let world = World::new();
    let acme = world.open("acme").await;
    let post = text("1", NOON, "Plan", "once");
    let first = world.post(&acme, None, &post).await.unwrap();
    let journal = world.path.join(".mailferry/journal/acme.jsonl");
    let length = fs::metadata(&journal).unwrap().len();
    assert_eq!(world.post(&acme, None, &post).await.unwrap(), first);
    let world = world.reopen();
    let acme = world.open("acme").await;
    assert_eq!(world.post(&acme, None, &post).await.unwrap(), first);
    assert_eq!(world.lookup(&acme, &post.key).await, Some(first));
    assert_eq!(world.lookup(&acme, &key("2", Part::Text(0))).await, None);
    assert_eq!(fs::metadata(&journal).unwrap().len(), length);
}

#[tokio::test]
async fn a_reply_dated_before_its_root_stands_after_it_and_shows_its_own_date() {
    let world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "root")).await.unwrap();
    world.post(&acme, Some(&root), &text("2", "2021-02-01T08:00:00Z", "Re: Plan", "early")).await.unwrap();
    world.publish().await;
    let messages = world.messages("acme");
    assert_eq!(messages[1]["ts"], "1614596400.001100");
    assert!(messages[1]["text"].as_str().unwrap().contains("Mon, 1 Feb 2021 08:00 +00:00"));
}

#[tokio::test]
async fn a_file_is_invisible_until_it_is_posted_and_then_whole() {
    let world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "see the file")).await.unwrap();
    let post = file("1", NOON, "../Plän #1.pdf", "application/pdf", b"%PDF");
    let handle = world.destination.prepare(&post).await.unwrap();
    world.publish().await;
    assert_eq!(world.messages("acme").len(), 1);
    world.destination.post(&acme, Some(&root), &post, &handle).await.unwrap();
    world.publish().await;
    let shared = &world.messages("acme")[1]["files"][0];
    assert_eq!((&shared["id"], &shared["size"]), (&json!(handle.as_str()), &json!(4)));
    assert_eq!(shared["title"], "../Plän #1.pdf");
    assert_eq!(shared["url_private"], format!("__uploads/{handle}/Plän _1.pdf"));
    assert_eq!(fs::read(world.path.join(shared["url_private"].as_str().unwrap())).unwrap(), b"%PDF");
}

#[tokio::test]
async fn only_the_days_that_changed_are_written_again() {
    let world = World::new();
    let acme = world.open("acme").await;
    world.post(&acme, None, &text("1", NOON, "Plan", "one")).await.unwrap();
    world.publish().await;
    let first_day = world.path.join("acme/2021-03-01.json");
    let written = fs::metadata(&first_day).unwrap().modified().unwrap();
    fs::write(world.path.join("acme/2021-03-01.json"), "[]").unwrap();
    let marked = fs::metadata(&first_day).unwrap().modified().unwrap();
    assert!(marked >= written);
    world.post(&acme, None, &text("2", "2021-03-05T00:00:00Z", "Other", "two")).await.unwrap();
    world.publish().await;
    assert_eq!(fs::read(&first_day).unwrap(), b"[]", "a day without news was written");
    assert_eq!(json(&world.path.join("acme/2021-03-05.json")).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_text_is_numbered_and_its_pieces_stay_in_order() {
    let world = World::new();
    let acme = world.open("acme").await;
    let piece = |number: u32| {
        let mut post = text("1", NOON, "Plan", &format!("piece {number}"));
        post.part = Part::Text(number - 1);
        post.key = key("1", post.part);
        post.content = Content::Text { text: format!("piece {number}"), number, of: 3 };
        post
    };
    let root = world.post(&acme, None, &piece(1)).await.unwrap();
    world.post(&acme, Some(&root), &piece(2)).await.unwrap();
    world.post(&acme, Some(&root), &piece(3)).await.unwrap();
    world.publish().await;
    let texts: Vec<Value> = world.messages("acme").iter().map(|message| message["text"].clone()).collect();
    assert!(texts[0].as_str().unwrap().ends_with("(1/3)\npiece 1"));
    assert_eq!(texts[1..], [json!("(2/3)\npiece 2"), json!("(3/3)\npiece 3")]);
}

#[tokio::test]
async fn a_directory_that_is_not_ours_is_left_alone() {
    let world = World::new();
    fs::create_dir(&world.path).unwrap();
    fs::write(world.path.join("thesis.txt"), "mine").unwrap();
    assert!(world.destination.check(&[]).await[0].is_refused());
    assert!(matches!(world.destination.open(&spec("acme")).await, Err(Failure::Stop { .. })));
    assert_eq!(world.export().len(), 1);
    assert!(!world.path.join(".mailferry").exists());
}

#[tokio::test]
async fn two_runs_do_not_write_one_archive() {
    let world = World::new();
    world.open("acme").await;
    let other = destination(&world.path);
    assert!(matches!(other.open(&spec("acme")).await, Err(Failure::Stop { .. })));
}

#[tokio::test]
async fn a_check_changes_nothing_and_names_channels_that_collide() {
    let world = World::new();
    let findings = world.destination.check(&[spec("Acme Inc"), spec("acme-inc"), spec("globex"), spec("...")]).await;
    assert_eq!(findings.iter().filter(|finding| finding.is_refused()).count(), 2, "{findings:?}");
    assert!(!world.path.exists());
    world.open("Acme Inc").await;
    assert!(matches!(world.destination.open(&spec("acme-inc")).await, Err(Failure::ChannelClosed { .. })));
}

#[tokio::test]
async fn a_journal_cut_at_any_byte_of_its_last_line_leads_to_the_same_export() {
    let world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "one")).await.unwrap();
    let journal = world.path.join(".mailferry/journal/acme.jsonl");
    let before = fs::metadata(&journal).unwrap().len();
    let last = file("1", NOON, "plan.pdf", "application/pdf", b"%PDF");
    world.post(&acme, Some(&root), &last).await.unwrap();
    world.publish().await;
    let (whole, bytes) = (world.export(), fs::read(&journal).unwrap());

    let mut world = world;
    for len in before..bytes.len() as u64 {
        fs::write(&journal, &bytes[..len as usize]).unwrap();
        world = world.reopen();
        let acme = world.open("acme").await;
        assert_eq!(world.lookup(&acme, &last.key).await, None, "cut at byte {len}");
        assert_eq!(fs::metadata(&journal).unwrap().len(), before);
        // The whole way only now and then: each takes as long as a disk takes to sync a dozen files.
        if len % 16 == 0 || len + 1 == bytes.len() as u64 {
            world.post(&acme, Some(&root), &last).await.unwrap();
            world.publish().await;
            assert_eq!(fs::read(&journal).unwrap(), bytes, "cut at byte {len}");
            assert_eq!(world.export(), whole, "cut at byte {len}");
        }
    }
}

#[tokio::test]
async fn a_publication_cut_after_any_of_its_files_is_completed_by_the_next() {
    let mut world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "one")).await.unwrap();
    world.publish().await;
    let marker = world.path.join(".mailferry/published/acme");
    let (old, old_marker) = (world.export(), fs::read(&marker).unwrap());
    world.post(&acme, Some(&root), &text("2", "2021-03-04T08:00:00Z", "Re: Plan", "two")).await.unwrap();
    let globex = world.open("globex").await;
    world.post(&globex, None, &text("3", NOON, "Other", "three")).await.unwrap();
    world.publish().await;
    let new = world.export();

    let changed: Vec<_> = new.iter().filter(|(path, bytes)| old.get(*path) != Some(*bytes)).collect();
    assert!(changed.len() > 6, "{:?}", changed.iter().map(|(path, _)| path).collect::<Vec<_>>());
    for reached in 0..=changed.len() {
        for (nth, (path, bytes)) in changed.iter().enumerate() {
            match old.get(*path) {
                _ if nth < reached => fs::write(world.path.join(path), bytes).unwrap(),
                Some(before) => fs::write(world.path.join(path), before).unwrap(),
                None => drop(fs::remove_file(world.path.join(path))),
            }
        }
        fs::write(&marker, &old_marker).unwrap();
        drop(fs::remove_file(world.path.join(".mailferry/published/globex")));
        fs::write(world.path.join(".mailferry/drafts/0"), "[half a day").unwrap();
        world = world.reopen();
        world.publish().await;
        assert!(world.export() == new, "cut after {reached} files");
        assert_eq!(fs::read_dir(world.path.join(".mailferry/drafts")).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn a_file_that_is_missing_from_the_export_is_made_again() {
    let mut world = World::new();
    let acme = world.open("acme").await;
    world.post(&acme, None, &text("1", NOON, "Plan", "one")).await.unwrap();
    world.publish().await;
    let whole = world.export();
    for path in whole.keys() {
        fs::remove_file(world.path.join(path)).unwrap();
        world = world.reopen();
        world.publish().await;
        assert!(world.export() == whole, "{} was not made again", path.display());
    }
}

#[tokio::test]
async fn a_day_is_valid_json_whenever_it_is_read() {
    let world = World::new();
    let acme = world.open("acme").await;
    let day = world.path.join("acme/2021-03-01.json");
    world.post(&acme, None, &text("0", NOON, "Plan", "one")).await.unwrap();
    world.publish().await;
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let mut most = 0;
        while stopped.try_recv().is_err() {
            most = most.max(json(&day).as_array().unwrap().len());
        }
        most.max(json(&day).as_array().unwrap().len())
    });
    for nth in 1..60 {
        world.post(&acme, None, &text(&nth.to_string(), NOON, "Plan", &"long ".repeat(2_000))).await.unwrap();
        world.publish().await;
    }
    stop.send(()).unwrap();
    assert_eq!(reader.join().unwrap(), 60);
}

#[tokio::test]
async fn a_reply_to_a_post_that_the_archive_does_not_hold_is_refused() {
    let world = World::new();
    let acme = world.open("acme").await;
    let root = Receipt { id: "1614596400.000100".into() };
    assert!(matches!(world.post(&acme, Some(&root), &text("2", NOON, "Re: Plan", "?")).await, Err(Failure::Refused(_))));
    assert!(matches!(world.post(&ChannelId::new("C0"), None, &text("2", NOON, "", "")).await, Err(Failure::StaleChannel(_))));
}

#[tokio::test]
async fn people_are_one_user_each_whatever_the_case_of_their_address() {
    let world = World::new();
    let acme = world.open("acme").await;
    for (id, from) in [("1", "ann@acme.example"), ("2", "ANN@acme.example"), ("3", "ann@globex.example")] {
        let mut post = text(id, NOON, "Plan", "text");
        post.heading = heading(from, NOON, "Plan");
        world.post(&acme, None, &post).await.unwrap();
    }
    let mut nameless = text("4", NOON, "Plan", "text");
    nameless.heading.author = None;
    world.post(&acme, None, &nameless).await.unwrap();
    world.publish().await;
    let users = json(&world.path.join("users.json"));
    let users = users.as_array().unwrap();
    let names: std::collections::BTreeSet<&str> = users.iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!((users.len(), names.len()), (4, 4), "Ann of Acme, Ann of Globex, Bob, and nobody in particular: {names:?}");
    let ids: Vec<&Value> = users.iter().map(|user| &user["id"]).collect();
    assert!(world.messages("acme").iter().all(|message| ids.contains(&&message["user"])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_may_open_and_post_at_once() {
    let mut world = World::new();
    let tasks = (0..8).map(async |task: u32| {
        let acme = world.open("acme").await;
        for nth in 0..5 {
            world.post(&acme, None, &text(&format!("{task}/{nth}"), NOON, "Plan", "text")).await.unwrap();
            world.publish().await;
        }
    });
    futures_util::future::join_all(tasks).await;
    let messages = world.messages("acme");
    let stamps: std::collections::BTreeSet<&str> = messages.iter().map(|message| message["ts"].as_str().unwrap()).collect();
    assert_eq!((messages.len(), stamps.len()), (40, 40));
    let whole = world.export();
    world = world.reopen();
    world.publish().await;
    assert!(world.export() == whole);
}
