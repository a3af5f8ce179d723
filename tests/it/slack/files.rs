//! Files: uploaded unseen, shared once, in the thread of their message.

use super::*;
use crate::support::slack::{Fault, When};

const COMPLETE: &str = "files.completeUploadExternal";

#[tokio::test]
async fn a_file_is_shared_in_the_thread_of_its_message() {
    let (slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m1", "see the plan")).await.unwrap();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let receipt = send(&destination, &channel, Some(&root), &file("plan.pdf", &bytes)).await.unwrap();
    let world = slack.world();
    let message = &world.channel("ext-acme").messages[1];
    assert_eq!((message.ts.as_str(), message.thread_ts.as_ref()), (receipt.id.as_str(), Some(&root.id)));
    assert_eq!(message.files, ["plan.pdf"]);
    assert_eq!(world.files.values().next().unwrap().bytes.as_deref(), Some(bytes.as_slice()));
}

#[tokio::test]
async fn preparing_shows_nothing_to_anybody() {
    let (slack, destination, _) = opened().await;
    let handle = destination.prepare(&file("plan.pdf", b"x")).await.unwrap();
    assert!(slack.world().files.contains_key(handle.as_str()));
    assert!(slack.world().channel("ext-acme").messages.is_empty());
    assert_eq!(destination.prepare(&text("m1", "x")).await, Ok(no_handle()));
}

#[tokio::test]
async fn whatever_goes_wrong_while_preparing_is_tried_again() {
    let (slack, destination, _) = opened().await;
    for (method, fault) in [
        ("files.getUploadURLExternal", Fault::HangUp(When::After)),
        ("files.getUploadURLExternal", Fault::page(When::Before, 503)),
        ("upload", Fault::HangUp(When::After)),
        ("upload", Fault::page(When::Before, 500)),
        ("upload", Fault::page(When::Before, 404)),
        ("upload", Fault::error(When::Before, "internal_error")),
    ] {
        slack.world().faults.on_next(method, fault.clone());
        let outcome = destination.prepare(&file("plan.pdf", b"x")).await;
        assert!(matches!(outcome, Err(Failure::Transient(_))), "{method} {fault:?}: {outcome:?}");
    }
    slack.world().faults.on_next("upload", Fault::RateLimited(Some("3")));
    assert_eq!(destination.prepare(&file("plan.pdf", b"x")).await, Err(Failure::Wait(3 * SECOND)));
}

#[tokio::test]
async fn a_file_that_is_refused_says_why() {
    let (slack, destination, channel) = opened().await;
    slack.world().faults.on_next(COMPLETE, Fault::error(When::Before, "slack_connect_file_upload_sharing_blocked"));
    let outcome = send(&destination, &channel, None, &file("plan.pdf", b"x")).await;
    let Err(Failure::Refused(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("slack_connect_file_upload_sharing_blocked"), "{why}");
    for error in ["file_type_not_allowed", "file_uploads_disabled", "storage_limit_reached"] {
        slack.world().faults.on_next("files.getUploadURLExternal", Fault::error(When::Before, error));
        let outcome = destination.prepare(&file("plan.exe", b"x")).await;
        assert!(matches!(&outcome, Err(Failure::Refused(why)) if why.contains(error)), "{outcome:?}");
    }
}

#[tokio::test]
async fn an_empty_file_is_refused_before_slack_is_asked() {
    let (slack, destination, _) = opened().await;
    let outcome = destination.prepare(&file("empty.txt", b"")).await;
    assert!(matches!(outcome, Err(Failure::Refused(_))), "{outcome:?}");
    assert!(slack.world().calls_of("files.getUploadURLExternal").is_empty());
}

#[tokio::test]
async fn a_share_that_shows_late_is_waited_for() {
    let (slack, destination, channel) = opened().await;
    slack.world().shares_show_after = 2;
    let receipt = send(&destination, &channel, None, &file("plan.pdf", b"x")).await.unwrap();
    assert_eq!(receipt.id, slack.world().channel("ext-acme").messages[0].ts);
}

#[tokio::test]
async fn a_share_that_does_not_show_in_time_is_proven_by_the_file() {
    let (slack, destination, channel) = opened().await;
    slack.world().shares_show_after = u32::MAX;
    let post = file("plan.pdf", b"x");
    let handle = destination.prepare(&post).await.unwrap();
    let receipt = destination.post(&channel, None, &post, &handle).await.unwrap();
    assert_eq!(receipt.id, handle.as_str());
}

#[tokio::test]
async fn without_the_scope_to_see_files_the_file_is_the_proof() {
    let (slack, destination, channel) = opened().await;
    slack.world().shares_show_after = 1;
    slack.world().scopes.remove("files:read");
    let receipt = send(&destination, &channel, None, &file("plan.pdf", b"x")).await.unwrap();
    assert!(slack.world().files.contains_key(&receipt.id));
}

#[tokio::test]
async fn a_completion_without_an_answer_is_unknown_and_looked_up_by_the_file() {
    let (slack, destination, channel) = opened().await;
    for (when, stands) in [(When::After, true), (When::Before, false)] {
        let post = file("plan.pdf", b"x");
        let handle = destination.prepare(&post).await.unwrap();
        slack.world().faults.on_next(COMPLETE, Fault::HangUp(when));
        let outcome = destination.post(&channel, None, &post, &handle).await;
        assert!(matches!(outcome, Err(Failure::Unknown(_))), "{outcome:?}");
        let found = destination.lookup(&channel, None, &post.key, &attempt(&handle)).await.unwrap();
        assert_eq!(found.is_some(), stands);
        if let Some(receipt) = found {
            assert_eq!(receipt.id, slack.world().channel("ext-acme").messages[0].ts);
        }
    }
}

#[tokio::test]
async fn a_completion_whose_outcome_is_open_is_unknown_and_not_sent_again() {
    let (slack, destination, channel) = opened().await;
    for (n, fault) in (1..).zip([
        Fault::HangUp(When::Before),
        Fault::HangUp(When::After),
        Fault::HalfAnswer,
        Fault::page(When::Before, 502),
        Fault::page(When::After, 503),
        Fault::Answer(When::After, 200, "OK".to_owned()),
        Fault::error(When::After, "fatal_error"),
        Fault::error(When::After, "internal_error"),
        Fault::error(When::After, "file_update_failed"),
        Fault::error(When::Before, "request_timeout"),
        Fault::error(When::Before, "service_unavailable"),
    ]) {
        let name = format!("{fault:?}");
        slack.world().faults.on_next(COMPLETE, fault);
        let outcome = send(&destination, &channel, None, &file("plan.pdf", b"x")).await;
        assert!(matches!(outcome, Err(Failure::Unknown(_))), "{name}: {outcome:?}");
        assert_eq!(slack.world().faults.seen(COMPLETE), n, "{name}");
    }
}

#[tokio::test]
async fn a_share_that_shows_late_is_not_taken_for_an_absence() {
    let (slack, destination, channel) = opened().await;
    slack.world().shares_show_after = 2;
    let post = file("plan.pdf", b"x");
    let handle = destination.prepare(&post).await.unwrap();
    slack.world().faults.on_next(COMPLETE, Fault::HangUp(When::After));
    destination.post(&channel, None, &post, &handle).await.unwrap_err();
    let found = destination.lookup(&channel, None, &post.key, &attempt(&handle)).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn an_upload_is_completed_once() {
    let (slack, destination, channel) = opened().await;
    let post = file("plan.pdf", b"x");
    let handle = destination.prepare(&post).await.unwrap();
    let receipt = destination.post(&channel, None, &post, &handle).await.unwrap();
    assert_eq!(destination.post(&channel, None, &post, &handle).await, Ok(receipt), "what stands is done");
    assert_eq!(slack.world().channel("ext-acme").messages.len(), 1);
}

#[tokio::test]
async fn an_upload_that_slack_has_lost_is_made_again() {
    let (slack, destination, channel) = opened().await;
    let post = file("plan.pdf", b"x");
    let handle = destination.prepare(&post).await.unwrap();
    slack.world().files.clear();
    let outcome = destination.post(&channel, None, &post, &handle).await;
    assert!(matches!(&outcome, Err(Failure::Transient(why)) if why.contains("file_not_found")), "{outcome:?}");
    slack.world().scopes.remove("files:read");
    let outcome = destination.post(&channel, None, &post, &handle).await;
    assert!(matches!(outcome, Err(Failure::Refused(_))), "it may have been completed before: {outcome:?}");
    send(&destination, &channel, None, &post).await.unwrap();
    assert_eq!(slack.world().channel("ext-acme").messages.len(), 1);
}
