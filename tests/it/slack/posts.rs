//! Texts: what stands in the channel, and what every kind of answer means.

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::support::slack::{Fault, When};

const POST: &str = "chat.postMessage";

#[tokio::test]
async fn a_post_stands_in_the_channel_with_heading_text_and_key() {
    let (slack, destination, channel) = opened().await;
    let post = text("m1", "Hello & welcome");
    let receipt = send(&destination, &channel, None, &post).await.unwrap();
    let world = slack.world();
    let [message] = world.channel("ext-acme").messages.as_slice() else { panic!("not one message") };
    assert_eq!(message.ts, receipt.id);
    assert_eq!(message.key(), post.key.to_string());
    assert!(message.text.starts_with("Ann Lee &lt;ann@acme.example&gt;\n"), "{}", message.text);
    assert!(message.text.ends_with("\n\nHello &amp; welcome"), "{}", message.text);
}

#[tokio::test]
async fn replies_name_the_root_of_their_thread() {
    let (slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m1", "first")).await.unwrap();
    send(&destination, &channel, Some(&root), &text("m2", "second")).await.unwrap();
    assert_eq!(slack.world().channel("ext-acme").messages[1].thread_ts, Some(root.id));
}

#[tokio::test]
async fn nothing_is_unfurled_and_no_markup_is_read() {
    let (slack, destination, channel) = opened().await;
    send(&destination, &channel, None, &text("m1", "https://evil.example *bold*")).await.unwrap();
    let world = slack.world();
    let call = world.calls_of(POST)[0];
    for off in ["unfurl_links", "unfurl_media", "mrkdwn"] {
        assert_eq!(call.field(off), Some("false"), "{off}");
    }
    assert!(call.field("link_names").is_none() && call.field("parse").is_none());
}

#[tokio::test]
async fn an_answer_that_leaves_the_outcome_open_is_unknown() {
    let lost = [
        Fault::HangUp(When::Before),
        Fault::HangUp(When::After),
        Fault::HalfAnswer,
        Fault::page(When::After, 500),
        Fault::page(When::Before, 502),
        Fault::page(When::Before, 503),
        Fault::Answer(When::After, 200, "OK".to_owned()),
        Fault::Answer(When::After, 200, r#"{"ok":true}"#.to_owned()),
        Fault::error(When::After, "fatal_error"),
        Fault::error(When::After, "internal_error"),
        Fault::error(When::Before, "service_unavailable"),
        Fault::error(When::Before, "request_timeout"),
    ];
    let (slack, destination, channel) = opened().await;
    for (n, fault) in lost.into_iter().enumerate() {
        let name = format!("{fault:?}");
        slack.world().faults.on_next(POST, fault);
        let outcome = send(&destination, &channel, None, &text(&format!("m{n}"), "x")).await;
        assert!(matches!(outcome, Err(Failure::Unknown(_))), "{name}: {outcome:?}");
        assert_eq!(slack.world().faults.seen(POST), n as u32 + 1, "{name}: sent again");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_has_taken_nothing() {
    let (slack, destination, channel) = opened().await;
    drop(slack);
    // The end of the old connection may only be noticed when the post is on its way, which leaves its outcome open.
    let first = send(&destination, &channel, None, &text("m1", "x")).await;
    assert!(matches!(first, Err(Failure::Transient(_) | Failure::Unknown(_))), "{first:?}");
    let second = send(&destination, &channel, None, &text("m1", "x")).await;
    assert!(matches!(second, Err(Failure::Transient(_))), "{second:?}");
}

#[tokio::test]
async fn a_rate_limit_is_reported_with_its_wait_and_holds_all_posts_back() {
    let (slack, destination, channel) = opened().await;
    let other = destination.open(&spec("ext-globex", Visibility::Public)).await.unwrap();
    slack.world().faults.on_next(POST, Fault::RateLimited(Some("1")));
    let start = Instant::now();
    assert_eq!(send(&destination, &channel, None, &text("m1", "x")).await, Err(Failure::Wait(SECOND)));
    assert!(slack.world().channel("ext-acme").messages.is_empty());
    send(&destination, &other, None, &text("m2", "x")).await.unwrap();
    assert!(start.elapsed() >= SECOND, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_rate_limit_without_a_readable_wait_is_half_a_minute() {
    for header in [None, Some("soon")] {
        let (slack, destination, channel) = opened().await;
        slack.world().faults.on_next(POST, Fault::RateLimited(header));
        assert_eq!(send(&destination, &channel, None, &text("m1", "x")).await, Err(Failure::Wait(30 * SECOND)));
    }
}

#[tokio::test]
async fn posts_that_had_to_wait_stand_once_each_in_the_end() {
    let (slack, destination, channel) = opened().await;
    slack.world().least_gap = Some(Duration::from_millis(300));
    let posts: Vec<_> = ["m1", "m2", "m3"].into_iter().map(|name| text(name, "x")).collect();
    for post in &posts {
        while let Err(failure) = send(&destination, &channel, None, post).await {
            assert_eq!(failure, Failure::Wait(SECOND));
        }
    }
    let world = slack.world();
    let keys: Vec<_> = world.channel("ext-acme").messages.iter().map(|message| message.key().to_owned()).collect();
    assert_eq!(keys, posts.iter().map(|post| post.key.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn errors_are_sorted_by_what_has_to_be_done() {
    let (slack, destination, channel) = opened().await;
    let outcome = async |error: &'static str| {
        slack.world().faults.on_next(POST, Fault::error(When::Before, error));
        send(&destination, &channel, None, &text("m1", "x")).await.unwrap_err()
    };
    assert!(matches!(outcome("msg_blocks_too_long").await, Failure::Refused(_)));
    assert!(matches!(outcome("error_of_next_year").await, Failure::Refused(_)));
    assert!(matches!(outcome("restricted_action_read_only_channel").await, Failure::ChannelClosed { .. }));
    assert!(matches!(outcome("account_inactive").await, Failure::Stop { .. }));
    assert!(matches!(outcome("message_limit_exceeded").await, Failure::Stop { .. }));
    assert!(matches!(outcome("rate_limited").await, Failure::Wait(_)));
}

#[tokio::test]
async fn a_wrong_token_stops_and_says_what_to_do() {
    let (slack, destination, channel) = opened().await;
    slack.world().token = "xoxb-another".to_owned();
    let Err(Failure::Stop { why, advice }) = send(&destination, &channel, None, &text("m1", "x")).await else {
        panic!("not a stop")
    };
    assert!(why.contains("invalid_auth"), "{why}");
    assert!(advice.contains("token"), "{advice}");
    assert!(!format!("{destination:?}").contains("xoxb"), "the token shows");
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let (slack, destination, channel) = opened().await;
    slack.world().scopes.remove("chat:write");
    let Err(Failure::Stop { why, .. }) = send(&destination, &channel, None, &text("m1", "x")).await else { panic!("not a stop") };
    assert!(why.contains("chat:write"), "{why}");
}

#[tokio::test]
async fn a_bot_that_was_removed_comes_back_by_opening_the_channel_again() {
    let (slack, destination, channel) = opened().await;
    slack.world().channels.get_mut(channel.as_str()).unwrap().is_member = false;
    let outcome = send(&destination, &channel, None, &text("m1", "x")).await;
    assert!(matches!(outcome, Err(Failure::StaleChannel(_))), "{outcome:?}");
    assert_eq!(destination.open(&spec("ext-acme", Visibility::Public)).await.as_ref(), Ok(&channel));
    send(&destination, &channel, None, &text("m1", "x")).await.unwrap();
}

#[tokio::test]
async fn a_channel_that_stays_refused_is_closed() {
    let (slack, destination, channel) = opened().await;
    slack.world().channels.get_mut(channel.as_str()).unwrap().refuses = Some("no_permission");
    let outcome = send(&destination, &channel, None, &text("m1", "x")).await;
    assert!(matches!(outcome, Err(Failure::StaleChannel(_))), "{outcome:?}");
    destination.open(&spec("ext-acme", Visibility::Public)).await.unwrap();
    let outcome = send(&destination, &channel, None, &text("m1", "x")).await;
    assert!(matches!(outcome, Err(Failure::ChannelClosed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_channel_that_was_archived_meanwhile_is_closed() {
    let (slack, destination, channel) = opened().await;
    slack.world().channels.get_mut(channel.as_str()).unwrap().is_archived = true;
    let outcome = send(&destination, &channel, None, &text("m1", "x")).await;
    let Err(Failure::ChannelClosed { advice, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(advice.contains("unarchive"), "{advice}");
}

#[tokio::test]
async fn a_reply_to_what_is_no_root_is_refused() {
    let (_slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m1", "x")).await.unwrap();
    let reply = send(&destination, &channel, Some(&root), &text("m2", "x")).await.unwrap();
    let outcome = send(&destination, &channel, Some(&reply), &text("m3", "x")).await;
    assert!(matches!(outcome, Err(Failure::Refused(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_text_that_slack_would_cut_is_never_sent() {
    let (slack, destination, channel) = opened().await;
    let outcome = send(&destination, &channel, None, &text("m1", &"&".repeat(10_000))).await;
    assert!(matches!(outcome, Err(Failure::Refused(_))), "{outcome:?}");
    assert!(slack.world().calls_of(POST).is_empty());
}

#[tokio::test]
async fn a_post_that_slack_cut_is_taken_back_and_does_not_count() {
    let (slack, destination, channel) = opened().await;
    slack.world().text_max_chars = 50;
    let outcome = send(&destination, &channel, None, &text("m1", "a text that is longer than fifty characters")).await;
    let Err(Failure::Refused(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("message_truncated") && why.contains("taken back"), "{why}");
    assert!(slack.world().channel("ext-acme").messages.is_empty());
    slack.world().faults.on_next("chat.delete", Fault::error(When::Before, "cant_delete_message"));
    let outcome = send(&destination, &channel, None, &text("m2", "a text that is longer than fifty characters")).await;
    let Err(Failure::Refused(why)) = outcome else { panic!("{outcome:?}") };
    let stands = slack.world().channel("ext-acme").messages[0].ts.clone();
    assert!(why.contains(&stands), "{why}");
}

#[tokio::test]
async fn an_empty_body_is_a_heading_and_a_full_one_fits() {
    let (slack, destination, channel) = opened().await;
    let most = "&<>".repeat(destination.limits().text_chars / 3);
    send(&destination, &channel, None, &text("m1", "")).await.unwrap();
    send(&destination, &channel, None, &text("m2", &most)).await.unwrap();
    assert_eq!(slack.world().channel("ext-acme").messages.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever a mail holds, the strict fake takes it, and nothing in it could act.
    #[test]
    fn any_mail_is_taken_and_harmless(
        name in "(\\PC|<!channel>|@here){0,20}",
        subject in "(\\PC|<@U1>|\n){0,60}",
        body in "(\\PC|<!everyone>|&lt;|\n|@everyone ){0,400}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let shown = runtime.block_on(async {
            let (slack, destination, channel) = opened().await;
            let heading = Heading { author: Some(person(&name, &name)), subject, ..heading() };
            let post = Post { heading, ..text("m1", &body) };
            send(&destination, &channel, None, &post).await.unwrap();
            let world = slack.world();
            world.channel("ext-acme").messages[0].text.clone()
        });
        prop_assert!(!shown.contains(['<', '>']), "{shown}");
        prop_assert!(!shown.contains("@everyone") && !shown.contains("@here"), "{shown}");
    }
}
