//! Channels: found, created, joined, or closed with what an administrator must do.

use super::*;
use crate::support::slack::{Channel, Fault, When};

fn named(name: &str) -> Channel {
    Channel { name: name.to_owned(), ..Channel::default() }
}

async fn open(slack: &FakeSlack, visibility: Visibility) -> Result<ChannelId, Failure> {
    slack.destination().open(&spec("ext-acme", visibility)).await
}

fn closed(outcome: Result<ChannelId, Failure>) -> String {
    match outcome {
        Err(Failure::ChannelClosed { why, advice }) => format!("{why}; {advice}"),
        other => panic!("not closed: {other:?}"),
    }
}

#[tokio::test]
async fn a_channel_that_is_not_there_is_created_with_its_purpose() {
    for visibility in [Visibility::Public, Visibility::Private] {
        let slack = FakeSlack::start();
        open(&slack, visibility).await.unwrap();
        let world = slack.world();
        let channel = world.channel("ext-acme");
        assert_eq!(channel.is_private, visibility == Visibility::Private);
        assert_eq!(channel.purpose, "Work with Acme");
    }
}

#[tokio::test]
async fn opening_again_gives_the_same_channel_without_asking() {
    let (slack, destination, channel) = opened().await;
    let calls = slack.world().calls.len();
    assert_eq!(destination.open(&spec("#Ext-Acme", Visibility::Public)).await, Ok(channel.clone()));
    assert_eq!(slack.world().calls.len(), calls);
    assert_eq!(slack.destination().open(&spec("ext-acme", Visibility::Public)).await, Ok(channel));
}

#[tokio::test]
async fn a_public_channel_is_joined_and_posts_succeed() {
    let slack = FakeSlack::start();
    let id = slack.world().add(named("ext-acme"));
    let destination = slack.destination();
    let channel = destination.open(&spec("ext-acme", Visibility::Public)).await.unwrap();
    assert_eq!(channel.as_str(), id);
    send(&destination, &channel, None, &text("m1", "x")).await.unwrap();
}

#[tokio::test]
async fn a_channel_on_a_late_page_is_found() {
    let slack = FakeSlack::start();
    let id = {
        let mut world = slack.world();
        world.page_max = 7;
        for n in 0..50 {
            world.add(named(&format!("other-{n}")));
        }
        world.add(named("ext-acme"))
    };
    assert_eq!(open(&slack, Visibility::Public).await.unwrap().as_str(), id);
    assert_eq!(slack.world().calls_of("conversations.list").len(), 8);
}

#[tokio::test]
async fn a_listing_waits_where_it_is_asked_to_and_goes_on_at_its_page() {
    let slack = FakeSlack::start();
    {
        let mut world = slack.world();
        world.page_max = 1;
        for n in 0..4 {
            world.add(named(&format!("other-{n}")));
        }
        world.faults.on("conversations.list", 2, Fault::RateLimited(Some("1")));
    }
    open(&slack, Visibility::Public).await.unwrap();
    let world = slack.world();
    let cursors: Vec<_> = world.calls_of("conversations.list").iter().map(|call| call.field("cursor").map(str::to_owned)).collect();
    assert_eq!(cursors, [None, Some("next:1".to_owned()), Some("next:2".to_owned()), Some("next:3".to_owned())]);
}

#[tokio::test]
async fn an_archived_channel_is_closed() {
    let slack = FakeSlack::start();
    slack.world().add(Channel { is_archived: true, ..named("ext-acme") });
    assert!(closed(open(&slack, Visibility::Public).await).contains("unarchive"));
}

#[tokio::test]
async fn a_private_channel_without_the_bot_is_closed_until_it_is_invited() {
    let slack = FakeSlack::start();
    let id = slack.world().add(Channel { is_private: true, ..named("ext-acme") });
    let destination = slack.destination();
    let channel = spec("ext-acme", Visibility::Private);
    assert!(closed(destination.open(&channel).await).contains("invite"));
    slack.world().channels.get_mut(&id).unwrap().is_member = true;
    assert_eq!(destination.open(&channel).await.unwrap().as_str(), id);
}

#[tokio::test]
async fn a_name_that_slack_does_not_take_is_closed_before_it_is_asked() {
    let slack = FakeSlack::start();
    closed(slack.destination().open(&spec("ext acme!", Visibility::Public)).await);
    assert!(slack.world().calls.is_empty());
}

#[tokio::test]
async fn a_creation_without_an_answer_does_not_create_twice() {
    let slack = FakeSlack::start();
    slack.world().faults.on_next("conversations.create", Fault::HangUp(When::After));
    let destination = slack.destination();
    let channel = spec("ext-acme", Visibility::Public);
    let outcome = destination.open(&channel).await;
    assert!(matches!(outcome, Err(Failure::Transient(_))), "{outcome:?}");
    destination.open(&channel).await.unwrap();
    assert_eq!(slack.world().channels.len(), 1);
}

#[tokio::test]
async fn two_that_open_one_channel_at_once_create_it_once() {
    let slack = FakeSlack::start();
    slack.world().faults.on_each("conversations.list", Fault::Late(Duration::from_millis(50)));
    let destination = slack.destination();
    let channel = spec("ext-acme", Visibility::Public);
    let (one, two) = tokio::join!(destination.open(&channel), destination.open(&channel));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(slack.world().calls_of("conversations.create").len(), 1);
}

#[tokio::test]
async fn a_channel_that_someone_created_meanwhile_is_used() {
    let slack = FakeSlack::start();
    let destination = slack.destination();
    destination.open(&spec("ext-other", Visibility::Public)).await.unwrap();
    let id = slack.world().add(named("ext-acme"));
    assert_eq!(destination.open(&spec("ext-acme", Visibility::Public)).await.unwrap().as_str(), id);
}

#[tokio::test]
async fn a_missing_scope_to_create_or_join_closes_that_channel_only() {
    let slack = FakeSlack::start();
    slack.world().scopes.remove("channels:manage");
    assert!(closed(open(&slack, Visibility::Public).await).contains("channels:manage"));
    slack.world().add(named("ext-acme"));
    slack.world().scopes.remove("channels:join");
    assert!(closed(open(&slack, Visibility::Public).await).contains("channels:join"));
    open(&slack, Visibility::Private).await.unwrap_err();
}

#[tokio::test]
async fn a_purpose_that_is_not_taken_does_not_keep_the_channel_closed() {
    let slack = FakeSlack::start();
    slack.world().faults.on_next("conversations.setPurpose", Fault::error(When::Before, "user_is_restricted"));
    open(&slack, Visibility::Public).await.unwrap();
}
