//! The Slack destination against a strict fake Slack over real HTTP.

mod channels;
mod check;
mod fake;
mod files;
mod lookup;
mod posts;
mod standing;
mod storm;
mod wire;

use std::time::Duration;

use chrono::{DateTime, Utc};
use mailferry::delivery::{Attempt, ChannelId, ChannelName, DeliveryKey, DestinationName, Handle, Part, Receipt, Timeliness};
use mailferry::destination::post::{Content, DatedBy, Heading};
use mailferry::destination::{ChannelSpec, Destination, Failure, Post, Regard, SlackDestination, Standing, Visibility};
use mailferry::mail::{Address, Correspondent, Digest, MessageKey};

use crate::support::slack::FakeSlack;

fn person(name: &str, address: &str) -> Correspondent {
    Correspondent { name: name.to_owned(), address: Address::normal(address) }
}

fn heading() -> Heading {
    Heading {
        author: Some(person("Ann Lee", "ann@acme.example")),
        via: None,
        remarks: Vec::new(),
        to: vec![person("Bob", "bob@ourco.example")],
        cc: Vec::new(),
        subject: "The plan".to_owned(),
        date: DateTime::parse_from_rfc3339("2021-03-01T09:05:00+01:00").unwrap(),
        dated_by: DatedBy::Sender,
        timeliness: Timeliness::InTime,
    }
}

/// A post of the message `name`; the same name is the same message.
fn post(name: &str, part: Part, content: Content) -> Post {
    let message = MessageKey::new(Digest::of(name.as_bytes()));
    let key = DeliveryKey::of(&message, &DestinationName::new("slack"), &ChannelName::new("ext-acme"), part);
    Post { key, part, heading: heading(), content }
}

fn text(name: &str, text: &str) -> Post {
    post(name, Part::Text(0), Content::Text { text: text.to_owned(), number: 1, of: 1 })
}

fn file(name: &str, bytes: &[u8]) -> Post {
    let media_type = "application/octet-stream".to_owned();
    let (sha256, bytes) = (Digest::of(bytes), bytes.to_vec());
    post(name, Part::File(0), Content::File { name: name.to_owned(), media_type, sha256, bytes })
}

fn spec(name: &str, visibility: Visibility) -> ChannelSpec {
    ChannelSpec { name: ChannelName::new(name), visibility, purpose: "Work with Acme".to_owned() }
}

/// A fake Slack, a destination that posts to it, and a channel that it opened there.
async fn opened() -> (FakeSlack, SlackDestination, ChannelId) {
    let slack = FakeSlack::start();
    let destination = slack.destination();
    let channel = destination.open(&spec("ext-acme", Visibility::Public)).await.unwrap();
    (slack, destination, channel)
}

/// Prepares and posts, as the engine does.
async fn send(
    destination: &SlackDestination,
    channel: &ChannelId,
    root: Option<&Receipt>,
    post: &Post,
) -> Result<Receipt, Failure> {
    let handle = destination.prepare(post).await?;
    destination.turn(channel).await;
    destination.post(channel, root, post, &handle).await
}

fn attempt(handle: &Handle) -> Attempt {
    Attempt { at: Utc::now(), handle: handle.clone(), root: None }
}

fn no_handle() -> Handle {
    Handle::new("")
}

const SECOND: Duration = Duration::from_secs(1);
