//! Effects that come late, and storms: whatever goes wrong, nothing stands twice and nothing is missing.

use super::*;
use crate::support::slack::{Fault, When};

/// Carries a post until it stands, as the engine does: what may have taken effect is looked up, and not before it has settled.
async fn carry(destination: &SlackDestination, channel: &ChannelId, root: Option<&Receipt>, post: &Post) -> Receipt {
    loop {
        let handle = match destination.prepare(post).await {
            Ok(handle) => handle,
            Err(failure) => {
                pause(&failure).await;
                continue;
            }
        };
        let attempt = attempt(&handle);
        match destination.post(channel, root, post, &handle).await {
            Ok(receipt) => return receipt,
            Err(Failure::Unknown(_)) => {}
            Err(failure) => {
                pause(&failure).await;
                continue;
            }
        }
        tokio::time::sleep(destination.settle_time()).await;
        let found = loop {
            match destination.lookup(channel, root, &post.key, &attempt).await {
                Ok(found) => break found,
                Err(failure) => pause(&failure).await,
            }
        };
        if let Some(receipt) = found {
            return receipt;
        }
    }
}

/// Waits as a failure asks for; those that do not pass end the test.
async fn pause(failure: &Failure) {
    match failure {
        Failure::Wait(pause) => tokio::time::sleep(*pause).await,
        Failure::Transient(_) => {}
        Failure::Unknown(_)
        | Failure::StaleChannel(_)
        | Failure::Refused(_)
        | Failure::ChannelClosed { .. }
        | Failure::Stop { .. } => panic!("{failure:?}"),
    }
}

#[tokio::test]
async fn an_effect_that_comes_after_its_sender_gave_up_is_found_and_not_repeated() {
    let (slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m0", "x")).await.unwrap();
    let late = Fault::EffectLater(destination.settle_time() / 2);
    for (method, post) in [("chat.postMessage", text("m1", "x")), ("files.completeUploadExternal", file("plan.pdf", b"x"))] {
        slack.world().faults.on_next(method, late.clone());
        let before = slack.world().channel("ext-acme").messages.len();
        let receipt = carry(&destination, &channel, Some(&root), &post).await;
        let world = slack.world();
        let messages = &world.channel("ext-acme").messages;
        assert_eq!((messages.len(), &messages[before].ts), (before + 1, &receipt.id), "{method}");
        assert_eq!(world.faults.seen(method), world.calls_of(method).len() as u32, "every call took effect, {method}");
    }
}

#[tokio::test]
async fn a_call_that_was_given_up_late_settles_from_then_on() {
    let (slack, destination, channel) = opened().await;
    let settle = destination.settle_time();
    let (attempt, post) = (attempt(&no_handle()), text("m1", "x"));
    slack.world().faults.on_next("chat.postMessage", Fault::EffectLater(settle / 2));
    assert!(matches!(send(&destination, &channel, None, &post).await, Err(Failure::Unknown(_))));
    let given_up = tokio::time::Instant::now();
    let found = destination.lookup(&channel, None, &post.key, &attempt).await.unwrap();
    assert!(found.is_some(), "it was called absent before it could come");
    assert!(given_up.elapsed() >= settle * 9 / 10);
    assert!(destination.lookup(&channel, None, &post.key, &attempt).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_slack_shares_after_it_was_called_absent_does_not_stand_twice() {
    let (slack, destination, channel) = opened().await;
    let post = file("plan.pdf", b"x");
    slack.world().shares_show_after = u32::MAX;
    let handle = destination.prepare(&post).await.unwrap();
    slack.world().faults.on_next("files.completeUploadExternal", Fault::HangUp(When::After));
    destination.post(&channel, None, &post, &handle).await.unwrap_err();
    assert_eq!(destination.lookup(&channel, None, &post.key, &attempt(&handle)).await, Ok(None));
    slack.world().shares_show_after = 0;
    send(&destination, &channel, None, &post).await.unwrap();
    assert_eq!(slack.world().channel("ext-acme").messages.len(), 1, "the first was deleted before it was called absent");
}

#[tokio::test]
async fn a_file_that_cannot_be_deleted_is_not_called_absent() {
    let (slack, destination, channel) = opened().await;
    let handle = destination.prepare(&file("plan.pdf", b"x")).await.unwrap();
    for (fault, passes) in [(Fault::HangUp(When::Before), true), (Fault::error(When::Before, "cant_delete_file"), false)] {
        slack.world().faults.on_next("files.delete", fault);
        let outcome = destination.lookup(&channel, None, &file("plan.pdf", b"x").key, &attempt(&handle)).await;
        assert_eq!(matches!(outcome, Err(Failure::Transient(_))), passes, "{outcome:?}");
        assert_eq!(matches!(outcome, Err(Failure::Refused(_))), !passes, "{outcome:?}");
    }
}

#[tokio::test]
async fn the_same_seed_is_the_same_storm() {
    let drawn = |seed: u64, share: f64| {
        let slack = FakeSlack::start();
        let mut world = slack.world();
        world.faults.storm(seed, share);
        (0..2_000).map(|_| world.faults.draw("chat.postMessage")).collect::<Vec<_>>()
    };
    let (one, other) = (drawn(7, 0.3), drawn(8, 0.3));
    assert_eq!(one, drawn(7, 0.3));
    assert_ne!(one, other);
    let share = one.iter().flatten().count() as f64 / one.len() as f64;
    assert!((0.25..0.35).contains(&share), "{share}");
    assert_eq!(drawn(7, 0.0).iter().flatten().count(), 0);
    assert_eq!(drawn(7, 1.0).iter().flatten().count(), 2_000);
    let kinds: std::collections::BTreeSet<String> = one.iter().flatten().map(|fault| format!("{fault:?}")).collect();
    for kind in [
        "HangUp(Before)",
        "HangUp(After)",
        "HalfAnswer",
        "502",
        "503",
        "fatal_error",
        "internal_error",
        "RateLimited",
        "Late(",
        "EffectLater(",
    ] {
        assert!(kinds.iter().any(|fault| fault.contains(kind)), "{kind} never came");
    }
}

#[tokio::test]
async fn whatever_a_storm_does_each_post_stands_once_in_the_end() {
    let (slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m0", "x")).await.unwrap();
    slack.world().faults.storm(20_201_126, 0.3);
    let posts: Vec<Post> =
        (0..24).map(|n| if n % 4 == 3 { file(&format!("{n}.pdf"), b"x") } else { text(&format!("m{}", n + 1), "x") }).collect();
    let carried = posts.iter().map(|post| carry(&destination, &channel, Some(&root), post));
    let receipts = futures_util::future::join_all(carried).await;
    slack.world().faults.calm();
    // Whatever was under way has arrived after this.
    tokio::time::sleep(destination.settle_time()).await;
    let standing = destination.thread(&channel, &root).await.unwrap();
    assert_eq!(standing.len(), posts.len() + 1);
    for (post, receipt) in posts.iter().zip(&receipts) {
        let found: Vec<_> =
            standing.iter().filter(|standing| standing.receipt == *receipt || standing.files.contains(&receipt.id)).collect();
        assert_eq!(found.len(), 1, "{receipt:?}");
        if matches!(post.part, Part::Text(_)) {
            assert_eq!(found[0].key, Some(post.key.to_string()));
        }
    }
}
