//! What `check` says, and that it changes nothing.

use mailferry::finding::{Finding, State};

use super::*;
use crate::support::slack::Channel;

fn line(finding: &Finding) -> String {
    match &finding.state {
        State::Fine { detail } => format!("fine    {}: {detail}", finding.subject),
        State::Warning { detail } => format!("warning {}: {detail}", finding.subject),
        State::Refused { detail, advice } => format!("refused {}: {detail}; {advice}", finding.subject),
    }
}

async fn check(slack: &FakeSlack, channels: &[ChannelSpec]) -> String {
    slack.destination().check(channels).await.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn every_channel_is_named_with_what_would_happen() {
    let slack = FakeSlack::start();
    {
        let mut world = slack.world();
        world.add(Channel { name: "ext-in".into(), is_member: true, ..Channel::default() });
        world.add(Channel { name: "ext-out".into(), ..Channel::default() });
        world.add(Channel { name: "ext-old".into(), is_archived: true, ..Channel::default() });
    }
    let names = ["ext-in", "ext-out", "ext-old", "ext-new", "ext bad"];
    let channels: Vec<_> = names.into_iter().map(|name| spec(name, Visibility::Public)).collect();
    insta::assert_snapshot!(check(&slack, &channels).await, @r#"
    fine    destination slack: login: mailferry in Our Co
    fine    destination slack: rights: the token has all scopes that are needed
    fine    destination slack: channel ext-in: is there
    fine    destination slack: channel ext-out: is there: would be joined
    refused destination slack: channel ext-old: is archived; unarchive it in Slack, or give the partner another channel
    fine    destination slack: channel ext-new: is not there, or is private without the app: would be created
    refused destination slack: channel ext bad: slack takes no channel name like "ext bad"; use lower-case letters, digits, - and _, at most 80 characters
    "#);
    let world = slack.world();
    assert_eq!(world.channels.len(), 3);
    assert!(world.calls.iter().all(|call| matches!(call.method.as_str(), "auth.test" | "conversations.list")));
}

#[tokio::test]
async fn each_missing_scope_is_named_with_its_purpose() {
    let slack = FakeSlack::start();
    for scope in ["files:read", "groups:write"] {
        slack.world().scopes.remove(scope);
    }
    insta::assert_snapshot!(check(&slack, &[]).await, @r"
    fine    destination slack: login: mailferry in Our Co
    warning destination slack: rights: the token lacks the scope groups:write, to create private channels
    refused destination slack: rights: the token lacks the scope files:read, to look up whether a file arrived; add it to the Slack app under OAuth & Permissions and install it again
    ");
    let private = [spec("ext-new", Visibility::Private)];
    assert_eq!(slack.destination().check(&private).await.iter().filter(|finding| finding.is_refused()).count(), 2);
}

#[tokio::test]
async fn a_wrong_token_is_told_with_what_to_do() {
    let slack = FakeSlack::start();
    let destination = slack.destination();
    slack.world().token = "xoxb-another".to_owned();
    let findings = destination.check(&[]).await;
    insta::assert_snapshot!(findings.iter().map(line).collect::<String>(), @"refused destination slack: login: slack answers auth.test with invalid_auth; install the Slack app again and give its new bot token (xoxb-…)");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let slack = FakeSlack::start();
    let destination = slack.destination();
    drop(slack);
    let findings = destination.check(&[spec("ext-new", Visibility::Public)]).await;
    assert!(findings.len() == 1 && findings[0].is_refused(), "{findings:?}");
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let slack = FakeSlack::start();
    let settings = |api_url: &str, token: &str| mailferry::destination::slack::SlackSettings {
        api_url: api_url.to_owned(),
        token: token.to_owned().into(),
        ..slack.settings()
    };
    for settings in [settings("http://slack.com/api/", "xoxb-1"), settings("https://slack.com/api/", "xoxb-\u{e9}\n1")] {
        let refused = SlackDestination::new(DestinationName::new("slack"), settings);
        assert!(matches!(refused, Err(Failure::Stop { .. })), "{refused:?}");
    }
}
