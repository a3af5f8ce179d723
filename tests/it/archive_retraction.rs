//! The archive: posts that are taken back.

use std::fs;
use std::path::Path;

use mailferry::delivery::{ChannelId, Handle, Part, Receipt};
use mailferry::destination::post::Content;
use mailferry::destination::{Destination, Failure, Post, Regard};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::archives::{World, destination, file, heading, json, key, spec, text};

const NOON: &str = "2021-03-01T12:00:00+01:00";
const LATER: &str = "2021-03-04T08:00:00Z";

async fn retract(world: &World, channel: &ChannelId, receipt: &Receipt) {
    world.destination.retract(channel, receipt, &Handle::new("")).await.unwrap();
}

async fn regard(world: &World, channel: &ChannelId, receipt: &Receipt) -> Regard {
    world.destination.regard(channel, None, receipt).await.unwrap()
}

async fn keys(world: &World, channel: &ChannelId, root: &Receipt) -> Vec<String> {
    let thread = world.destination.thread(channel, root).await.unwrap();
    thread.into_iter().map(|standing| standing.key.unwrap()).collect()
}

fn from(address: &str, post: Post) -> Post {
    let subject = post.heading.subject.clone();
    Post { heading: heading(address, &post.heading.date.to_rfc3339(), &subject), ..post }
}

fn users(world: &World) -> Vec<String> {
    let users = json(&world.path.join("users.json"));
    users.as_array().unwrap().iter().map(|user| user["profile"]["email"].as_str().unwrap().to_owned()).collect()
}

fn uploads(world: &World) -> usize {
    let uploads = walkdir::WalkDir::new(world.path.join("__uploads")).min_depth(1);
    uploads.into_iter().filter_map(Result::ok).count()
}

/// The channel in the page's index: how many posts, threads and files.
fn counted(world: &World) -> [u64; 3] {
    let script = fs::read_to_string(world.path.join("__page/index.js")).unwrap();
    let index: Value =
        serde_json::from_str(script.trim_end().trim_start_matches("MAILFERRY.index(").trim_end_matches(");")).unwrap();
    ["posts", "threads", "files"].map(|name| index["channels"][0][name].as_u64().unwrap())
}

/// Publishes everything anew, and says whether nothing changed by it.
async fn same_when_made_anew(world: World) -> World {
    world.publish().await;
    let live = world.export();
    fs::remove_dir_all(world.path.join(".mailferry/published")).unwrap();
    let world = world.reopen();
    world.publish().await;
    let anew = world.export();
    let paths = |export: &std::collections::BTreeMap<_, _>| export.keys().cloned().collect::<Vec<std::path::PathBuf>>();
    assert_eq!(paths(&live), paths(&anew));
    for (path, bytes) in &live {
        assert_eq!(String::from_utf8_lossy(bytes), String::from_utf8_lossy(&anew[path]), "{}", path.display());
    }
    world
}

#[tokio::test]
async fn a_post_that_is_taken_back_leaves_nothing_in_the_export() {
    let world = World::new();
    let acme = world.open("acme").await;
    let kept = world.post(&acme, None, &text("1", NOON, "Plan", "one")).await.unwrap();
    world.publish().await;
    let before = world.export();

    let leak = from("eve@leak.example", text("2", LATER, "Secret", "do not tell"));
    let root = world.post(&acme, None, &leak).await.unwrap();
    let plan = from("eve@leak.example", file("2", LATER, "plan.pdf", "application/pdf", b"%PDF"));
    let share = world.post(&acme, Some(&root), &plan).await.unwrap();
    world.publish().await;
    assert_eq!((uploads(&world), users(&world).len(), counted(&world)), (2, 3, [3, 2, 1]));

    for receipt in [&share, &root, &share, &root] {
        retract(&world, &acme, receipt).await;
        assert_eq!(regard(&world, &acme, receipt).await, Regard::Gone);
    }
    assert_eq!(uploads(&world), 0, "its file goes at once");
    assert_eq!(regard(&world, &acme, &kept).await, Regard::Untouched);
    assert_eq!([world.lookup(&acme, &leak.key).await, world.lookup(&acme, &plan.key).await], [None, None]);
    assert!(keys(&world, &acme, &root).await.is_empty());

    let world = same_when_made_anew(world).await;
    assert!(world.export() == before, "as if it had never been posted");
    let acme = world.open("acme").await;
    assert_eq!(world.lookup(&acme, &leak.key).await, None, "after a restart, too");
    assert_eq!(regard(&world, &acme, &root).await, Regard::Gone);
}

#[tokio::test]
async fn a_root_that_others_answer_becomes_a_stone_that_goes_with_the_last_of_them() {
    let world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &from("eve@leak.example", text("1", NOON, "Secret", "do not tell"))).await.unwrap();
    let answer = text("2", LATER, "Re: Secret", "yes");
    let reply = world.post(&acme, Some(&root), &answer).await.unwrap();
    world.publish().await;
    retract(&world, &acme, &root).await;
    assert_eq!(regard(&world, &acme, &reply).await, Regard::Untouched);
    assert_eq!(keys(&world, &acme, &root).await, [answer.key.to_string()]);

    let world = same_when_made_anew(world).await;
    let acme = world.open("acme").await;
    let messages = world.messages("acme");
    let author = &messages[1]["user"];
    let stone = json!({
        "type": "message", "subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted.", "hidden": true,
        "ts": root.id, "thread_ts": root.id, "reply_count": 1, "reply_users_count": 1, "reply_users": [author],
        "latest_reply": reply.id, "replies": [{"user": author, "ts": reply.id}],
    });
    assert_eq!(messages[0], stone);
    assert_eq!([&messages[1]["thread_ts"], &messages[1]["parent_user_id"]], [&json!(root.id), &json!("USLACKBOT")]);
    let users = json(&world.path.join("users.json")).as_array().unwrap().clone();
    assert!(messages.iter().all(|message| users.iter().any(|user| user["id"] == message["user"])), "every author is a user");
    let everything: Vec<u8> = world.export().into_values().flatten().collect();
    for word in ["do not tell", "eve@leak"] {
        assert!(!String::from_utf8_lossy(&everything).contains(word), "{word}");
    }
    assert_eq!(counted(&world), [1, 1, 0]);

    let further = world.post(&acme, Some(&root), &text("3", LATER, "Re: Secret", "more")).await.unwrap();
    assert_eq!(keys(&world, &acme, &root).await.len(), 2, "the thread goes on");
    retract(&world, &acme, &further).await;
    retract(&world, &acme, &reply).await;
    let world = same_when_made_anew(world).await;
    assert_eq!(fs::read_dir(world.path.join("acme")).unwrap().count(), 0, "no day is left");
    assert_eq!(json(&world.path.join("users.json")), json!([]));
    let acme = world.open("acme").await;
    let outcome = world.post(&acme, Some(&root), &text("4", LATER, "Re: Secret", "?")).await;
    assert!(matches!(outcome, Err(Failure::Refused(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_is_posted_again_stands_again_with_its_file() {
    let world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "one")).await.unwrap();
    let plan = file("1", NOON, "plan.pdf", "application/pdf", b"%PDF");
    let share = world.post(&acme, Some(&root), &plan).await.unwrap();
    retract(&world, &acme, &share).await;
    let again = world.post(&acme, Some(&root), &plan).await.unwrap();
    assert_ne!(again, share, "another post");
    let world = same_when_made_anew(world).await;
    let acme = world.open("acme").await;
    assert_eq!(world.lookup(&acme, &plan.key).await, Some(again.clone()));
    assert_eq!(regard(&world, &acme, &share).await, Regard::Gone);
    let files = &world.messages("acme")[1]["files"][0]["url_private"];
    assert_eq!(fs::read(world.path.join(files.as_str().unwrap())).unwrap(), b"%PDF");
    let listed = world.destination.thread(&acme, &root).await.unwrap();
    assert_eq!((listed.len(), &listed[1].receipt, listed[1].files.len()), (2, &again, 1));
}

#[tokio::test]
async fn a_retraction_cut_at_any_byte_of_its_line_never_was_and_may_be_repeated() {
    let mut world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "one")).await.unwrap();
    let reply = text("2", LATER, "Re: Plan", "two");
    let receipt = world.post(&acme, Some(&root), &reply).await.unwrap();
    let journal = world.path.join(".mailferry/journal/acme.jsonl");
    let before = fs::metadata(&journal).unwrap().len();
    retract(&world, &acme, &receipt).await;
    world.publish().await;
    let (whole, bytes) = (world.export(), fs::read(&journal).unwrap());
    for len in before..bytes.len() as u64 {
        fs::write(&journal, &bytes[..len as usize]).unwrap();
        world = world.reopen();
        let acme = world.open("acme").await;
        assert_eq!(world.lookup(&acme, &reply.key).await, Some(receipt.clone()), "cut at byte {len}");
        assert_eq!(regard(&world, &acme, &receipt).await, Regard::Untouched);
        if len % 16 == 0 || len + 1 == bytes.len() as u64 {
            retract(&world, &acme, &receipt).await;
            world.publish().await;
            assert_eq!(fs::read(&journal).unwrap(), bytes, "cut at byte {len}");
            assert!(world.export() == whole, "cut at byte {len}");
        }
    }
}

#[tokio::test]
async fn a_file_that_a_kill_left_behind_goes_with_the_next_publication() {
    let world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "one")).await.unwrap();
    let share = world.post(&acme, Some(&root), &file("1", NOON, "plan.pdf", "application/pdf", b"%PDF")).await.unwrap();
    world.publish().await;
    let path = world.path.join(world.messages("acme")[1]["files"][0]["url_private"].as_str().unwrap());
    retract(&world, &acme, &share).await;
    assert!(!path.exists());
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, b"%PDF").unwrap();
    let world = world.reopen();
    world.publish().await;
    assert!(!path.exists() && !path.parent().unwrap().exists());
}

#[tokio::test]
async fn a_publication_of_a_retraction_cut_after_any_of_its_files_is_completed_by_the_next() {
    let mut world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &from("eve@leak.example", text("1", NOON, "Plan", "one"))).await.unwrap();
    world.post(&acme, Some(&root), &text("2", LATER, "Re: Plan", "two")).await.unwrap();
    let alone = world.post(&acme, None, &text("3", "2021-03-09T08:00:00Z", "Other", "three")).await.unwrap();
    world.publish().await;
    let marker = world.path.join(".mailferry/published/acme");
    let (old, old_marker) = (world.export(), fs::read(&marker).unwrap());
    retract(&world, &acme, &root).await;
    retract(&world, &acme, &alone).await;
    world.publish().await;
    let new = world.export();
    let paths: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    let changed: Vec<_> = paths.into_iter().filter(|path| old.get(path) != new.get(path)).collect();
    assert!(changed.len() > 6 && changed.iter().any(|path| !new.contains_key(path)), "{changed:?}");
    for reached in 0..=changed.len() {
        for (nth, path) in changed.iter().enumerate() {
            let state = if nth < reached { new.get(path) } else { old.get(path) };
            match state {
                Some(bytes) => fs::write(world.path.join(path), bytes).unwrap(),
                None => drop(fs::remove_file(world.path.join(path))),
            }
        }
        fs::write(&marker, &old_marker).unwrap();
        world = world.reopen();
        world.publish().await;
        assert!(world.export() == new, "cut after {reached} files");
    }
}

#[tokio::test]
async fn programs_that_know_nothing_of_retractions_are_kept_away_once_there_is_one() {
    let format = |path: &Path| fs::read_to_string(path.join(".mailferry/format")).unwrap();
    let world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "one")).await.unwrap();
    assert_eq!(format(&world.path), "mailferry archive 1\n");
    retract(&world, &acme, &root).await;
    let world = world.reopen();
    world.open("acme").await;
    assert_eq!(format(&world.path), "mailferry archive 2\n", "and it stays so");
    let world = world.reopen();
    fs::write(world.path.join(".mailferry/format"), "mailferry archive 3\n").unwrap();
    let outcome = destination(&world.path).open(&spec("acme")).await;
    assert!(matches!(&outcome, Err(Failure::Stop { why, .. }) if why.contains("another version")), "{outcome:?}");
}

#[tokio::test]
async fn what_never_stood_is_gone_and_what_is_no_post_is_refused() {
    let world = World::new();
    let acme = world.open("acme").await;
    let never = Receipt { id: "1614596400.000100".into() };
    retract(&world, &acme, &never).await;
    assert_eq!(regard(&world, &acme, &never).await, Regard::Gone);
    assert!(keys(&world, &acme, &never).await.is_empty());
    let odd = Receipt { id: "F0S43P1CZ".into() };
    assert!(matches!(world.destination.retract(&acme, &odd, &Handle::new("")).await, Err(Failure::Refused(_))));
    let closed = ChannelId::new("C0");
    assert!(matches!(world.destination.regard(&closed, None, &never).await, Err(Failure::StaleChannel(_))));
}

/// What is done to an archive: posts (into the thread of an earlier one), retractions of earlier ones, publications.
#[derive(Clone, Debug)]
enum Deed {
    Post { thread: Option<usize>, day: u32, of: u8, is_file: bool },
    Retract(usize),
    Publish,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (prop::option::of(0_usize..12), 1_u32..4, 0_u8..3, any::<bool>())
            .prop_map(|(thread, day, of, is_file)| Deed::Post { thread, day, of, is_file }),
        3 => (0_usize..12).prop_map(Deed::Retract),
        1 => Just(Deed::Publish),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// However posts come and go, the export that grew with them is the one that their journal makes.
    #[test]
    fn an_export_that_grew_is_the_one_that_its_journal_makes(deeds in prop::collection::vec(deed(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let acme = world.open("acme").await;
            let (mut roots, mut posts) = (Vec::<Receipt>::new(), Vec::<(Receipt, Post)>::new());
            for (nth, deed) in deeds.into_iter().enumerate() {
                match deed {
                    Deed::Post { thread, day, of, is_file } => {
                        let (id, date) = (nth.to_string(), format!("2021-03-0{day}T12:00:00Z"));
                        let mut post = if is_file { file(&id, &date, "a.txt", "text/plain", b"x") } else { text(&id, &date, &id, "x") };
                        post = from(&format!("p{of}@acme.example"), post);
                        if let Content::Text { number, .. } = &mut post.content {
                            *number = 1 + u32::from(of);
                        }
                        post.key = key(&id, if is_file { Part::File(0) } else { Part::Text(0) });
                        let root = thread.and_then(|thread| roots.get(thread)).cloned();
                        let receipt = match world.post(&acme, root.as_ref(), &post).await {
                            Err(Failure::Refused(_)) if root.is_some() => continue,
                            receipt => receipt.unwrap(),
                        };
                        if root.is_none() {
                            roots.push(receipt.clone());
                        }
                        posts.push((receipt, post));
                    }
                    Deed::Retract(nth) => {
                        if nth < posts.len() {
                            let (receipt, post) = posts.remove(nth);
                            retract(&world, &acme, &receipt).await;
                            assert_eq!(world.lookup(&acme, &post.key).await, None);
                        }
                    }
                    Deed::Publish => world.publish().await,
                }
            }
            let world = same_when_made_anew(world).await;
            let acme = world.open("acme").await;
            let said = world.messages("acme").into_iter().filter(|message| message["subtype"] != "tombstone");
            let mut said: Vec<String> = said.map(|message| message["ts"].as_str().unwrap().to_owned()).collect();
            let mut standing: Vec<String> = posts.iter().map(|(receipt, _)| receipt.id.clone()).collect();
            said.sort();
            standing.sort();
            assert_eq!(said, standing);
            for (receipt, post) in &posts {
                assert_eq!(world.lookup(&acme, &post.key).await.as_ref(), Some(receipt));
            }
        });
    }
}
