//! Lookups: found, certainly absent, or a failure that says neither.

use super::*;
use crate::support::slack::{Fault, When};

const HISTORY: &str = "conversations.history";

/// Posts with the answer lost; whether it stands is for the lookup to say.
async fn lose(
    slack: &FakeSlack,
    destination: &SlackDestination,
    channel: &ChannelId,
    root: Option<&Receipt>,
    post: &Post,
    when: When,
) {
    slack.world().faults.on_next("chat.postMessage", Fault::HangUp(when));
    let outcome = send(destination, channel, root, post).await;
    assert!(matches!(outcome, Err(Failure::Unknown(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_found_or_certainly_absent() {
    let (slack, destination, channel) = opened().await;
    let attempt = attempt(&no_handle());
    let (stands, absent) = (text("m1", "x"), text("m2", "x"));
    lose(&slack, &destination, &channel, None, &stands, When::After).await;
    lose(&slack, &destination, &channel, None, &absent, When::Before).await;
    let found = destination.lookup(&channel, None, &stands.key, &attempt).await.unwrap().unwrap();
    assert_eq!(found.id, slack.world().channel("ext-acme").messages[0].ts);
    assert_eq!(destination.lookup(&channel, None, &absent.key, &attempt).await, Ok(None));
}

#[tokio::test]
async fn a_reply_is_found_in_its_thread() {
    let (slack, destination, channel) = opened().await;
    let attempt = attempt(&no_handle());
    let root = send(&destination, &channel, None, &text("m1", "x")).await.unwrap();
    let reply = text("m2", "x");
    lose(&slack, &destination, &channel, Some(&root), &reply, When::After).await;
    let found = destination.lookup(&channel, Some(&root), &reply.key, &attempt).await.unwrap();
    assert_eq!(found.map(|receipt| receipt.id), Some(slack.world().channel("ext-acme").messages[1].ts.clone()));
    assert_eq!(destination.lookup(&channel, None, &reply.key, &attempt).await, Ok(None), "a reply is not in the channel");
}

#[tokio::test]
async fn all_pages_are_read_before_a_post_is_called_absent() {
    let (slack, destination, channel) = opened().await;
    let attempt = attempt(&no_handle());
    let first = text("first", "x");
    let receipt = send(&destination, &channel, None, &first).await.unwrap();
    for n in 0..40 {
        send(&destination, &channel, None, &text(&format!("m{n}"), "x")).await.unwrap();
    }
    slack.world().page_max = 15; // what Slack gives to apps that are distributed outside its marketplace
    assert_eq!(destination.lookup(&channel, None, &first.key, &attempt).await, Ok(Some(receipt)));
    assert_eq!(slack.world().calls_of(HISTORY).len(), 3);
    assert_eq!(destination.lookup(&channel, None, &text("absent", "x").key, &attempt).await, Ok(None));
}

#[tokio::test]
async fn a_lookup_waits_where_it_is_asked_to_and_ends_all_the_same() {
    let (slack, destination, channel) = opened().await;
    let attempt = attempt(&no_handle());
    for n in 0..3 {
        send(&destination, &channel, None, &text(&format!("m{n}"), "x")).await.unwrap();
    }
    slack.world().page_max = 1;
    slack.world().faults.on(HISTORY, 2, Fault::RateLimited(Some("1")));
    assert!(destination.lookup(&channel, None, &text("m0", "x").key, &attempt).await.unwrap().is_some());
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_the_engines_to_plan() {
    let (slack, destination, channel) = opened().await;
    slack.world().faults.on_next(HISTORY, Fault::RateLimited(Some("600")));
    let outcome = destination.lookup(&channel, None, &text("m1", "x").key, &attempt(&no_handle())).await;
    assert_eq!(outcome, Err(Failure::Wait(600 * SECOND)));
}

#[tokio::test]
async fn an_answer_that_was_cut_or_refused_is_never_an_absence() {
    let (slack, destination, channel) = opened().await;
    let key = text("m1", "x").key;
    for fault in [
        Fault::HangUp(When::After),
        Fault::HalfAnswer,
        Fault::page(When::Before, 502),
        Fault::Answer(When::Before, 200, r#"{"ok":true}"#.to_owned()),
        Fault::Answer(When::Before, 200, r#"{"ok":true,"messages":[],"has_more":true}"#.to_owned()),
        Fault::error(When::Before, "internal_error"),
        Fault::error(When::Before, "invalid_cursor"),
    ] {
        slack.world().faults.on_next(HISTORY, fault.clone());
        let outcome = destination.lookup(&channel, None, &key, &attempt(&no_handle())).await;
        assert!(matches!(outcome, Err(Failure::Transient(_))), "{fault:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_page_that_comes_again_and_again_ends() {
    let (slack, destination, channel) = opened().await;
    let same = r#"{"ok":true,"messages":[],"has_more":true,"response_metadata":{"next_cursor":"x"}}"#;
    slack.world().faults.on_each(HISTORY, Fault::Answer(When::Before, 200, same.to_owned()));
    let outcome = destination.lookup(&channel, None, &text("m1", "x").key, &attempt(&no_handle())).await;
    assert!(matches!(outcome, Err(Failure::Transient(_))), "{outcome:?}");
}

#[tokio::test]
async fn history_that_the_plan_hides_is_no_absence() {
    let (slack, destination, channel) = opened().await;
    slack.world().is_limited = true;
    let outcome = destination.lookup(&channel, None, &text("m1", "x").key, &attempt(&no_handle())).await;
    assert!(matches!(outcome, Err(Failure::Refused(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_the_plan_hides_is_no_reason_to_doubt_what_it_shows() {
    let (slack, destination, channel) = opened().await;
    let (attempt, post) = (attempt(&no_handle()), text("m1", "x"));
    let receipt = send(&destination, &channel, None, &post).await.unwrap();
    slack.world().is_limited = true;
    assert_eq!(destination.lookup(&channel, None, &post.key, &attempt).await, Ok(Some(receipt)));
}

#[tokio::test]
async fn history_that_comes_one_small_page_at_a_time_is_read_to_its_end() {
    let (slack, destination, channel) = opened().await;
    let attempt = attempt(&no_handle());
    for n in 0..40 {
        send(&destination, &channel, None, &text(&format!("m{n}"), "x")).await.unwrap();
    }
    {
        let mut world = slack.world();
        world.page_max = 15;
        world.rates.insert(HISTORY, SECOND);
    }
    assert_eq!(destination.lookup(&channel, None, &text("absent", "x").key, &attempt).await, Ok(None));
    let calls = slack.world().calls_of(HISTORY).len();
    assert!((3..=5).contains(&calls), "{calls} calls for three pages, of which each but the first may be refused once");
}

#[tokio::test]
async fn a_method_that_is_closed_for_good_leaves_the_delivery_in_doubt() {
    let (slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m0", "x")).await.unwrap();
    let key = text("m1", "x").key;
    for error in ["missing_scope", "method_deprecated", "deprecated_endpoint", "not_allowed_token_type", "unknown_method"] {
        for (method, root, handle) in [
            (HISTORY, None, no_handle()),
            ("conversations.replies", Some(&root), no_handle()),
            ("files.info", None, Handle::new("F1")),
        ] {
            slack.world().faults.on_next(method, Fault::error(When::Before, error));
            let outcome = destination.lookup(&channel, root, &key, &attempt(&handle)).await;
            assert!(matches!(&outcome, Err(Failure::Refused(why)) if why.contains(error)), "{method} {error}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_file_whose_answer_was_cut_or_refused_is_never_absent() {
    let (slack, destination, channel) = opened().await;
    let handle = destination.prepare(&file("plan.pdf", b"x")).await.unwrap();
    for fault in [
        Fault::HangUp(When::After),
        Fault::HalfAnswer,
        Fault::page(When::Before, 502),
        Fault::Answer(When::Before, 200, r#"{"ok":true}"#.to_owned()),
        Fault::error(When::Before, "internal_error"),
    ] {
        slack.world().faults.on_next("files.info", fault.clone());
        let outcome = destination.lookup(&channel, None, &text("m1", "x").key, &attempt(&handle)).await;
        assert!(matches!(outcome, Err(Failure::Transient(_))), "{fault:?}: {outcome:?}");
    }
    assert!(!slack.world().files[handle.as_str()].is_deleted);
    for error in ["access_denied", "not_visible"] {
        slack.world().faults.on_next("files.info", Fault::error(When::Before, error));
        let outcome = destination.lookup(&channel, None, &text("m1", "x").key, &attempt(&handle)).await;
        assert!(matches!(outcome, Err(Failure::Refused(_))), "{error}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_missing_scope_leaves_this_delivery_alone_in_doubt() {
    let (slack, destination, channel) = opened().await;
    slack.world().scopes.remove("channels:history");
    slack.world().scopes.remove("files:read");
    for handle in [no_handle(), Handle::new("F1")] {
        let outcome = destination.lookup(&channel, None, &text("m1", "x").key, &attempt(&handle)).await;
        let Err(Failure::Refused(why)) = outcome else { panic!("{outcome:?}") };
        assert!(why.contains("channels:history") || why.contains("files:read"), "{why}");
    }
}

#[tokio::test]
async fn a_wrong_token_stops_lookups_too() {
    let (slack, destination, channel) = opened().await;
    slack.world().token = "xoxb-another".to_owned();
    let outcome = destination.lookup(&channel, None, &text("m1", "x").key, &attempt(&no_handle())).await;
    assert!(matches!(outcome, Err(Failure::Stop { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_file_that_slack_does_not_know_is_absent() {
    let (_slack, destination, channel) = opened().await;
    let outcome = destination.lookup(&channel, None, &file("a", b"x").key, &attempt(&Handle::new("F404"))).await;
    assert_eq!(outcome, Ok(None));
}
