//! Golden requests and answers: what goes over the wire, byte for byte in meaning, and what is made of the answer.
//!
//! Each file of `samples/wire/slack` holds the `request` of one method as form fields (those that hold JSON as JSON), the
//! `answer`, and the `outcome`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::support::slack::{Fault, When};

/// The arguments that are JSON within a form field.
const JSON_FIELDS: [&str; 3] = ["blocks", "files", "metadata"];

fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/wire/slack").join(name);
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// Plays the golden answer, and compares the request and the outcome.
async fn play<T: std::fmt::Debug>(name: &str, operation: impl AsyncFnOnce(SlackDestination) -> Result<T, Failure>) {
    let golden = golden(name);
    let method = golden["method"].as_str().unwrap();
    let slack = FakeSlack::start();
    slack.world().faults.on_next(method, Fault::Answer(When::After, 200, golden["answer"].to_string()));
    let outcome = operation(slack.destination()).await;
    let world = slack.world();
    let fields: BTreeMap<_, _> = world.calls_of(method)[0]
        .fields
        .iter()
        .map(|(name, value)| {
            let value = if JSON_FIELDS.contains(&name.as_str()) { serde_json::from_str(value).unwrap() } else { json!(value) };
            (name.clone(), value)
        })
        .collect();
    assert_eq!(json!(fields), golden["request"], "{name}: the request");
    assert_eq!(format!("{outcome:?}"), golden["outcome"].as_str().unwrap(), "{name}: the outcome");
}

fn channel() -> ChannelId {
    ChannelId::new("C024BE91L")
}

fn root() -> Receipt {
    Receipt { id: "1503435956.000247".to_owned() }
}

fn reply() -> Receipt {
    Receipt { id: "1503435957.000100".to_owned() }
}

fn old_attempt(handle: &str) -> Attempt {
    Attempt { at: DateTime::from_timestamp(1_503_435_960, 500_000_000).unwrap(), handle: Handle::new(handle), root: None }
}

#[tokio::test]
async fn a_text_that_starts_a_thread() {
    play("chat.postMessage.root.json", async |slack| {
        slack.post(&channel(), None, &text("m1", "Hello & <welcome>"), &no_handle()).await
    })
    .await;
}

#[tokio::test]
async fn a_further_piece_as_a_reply() {
    play("chat.postMessage.reply.json", async |slack| {
        let piece = post("m1", Part::Text(1), Content::Text { text: "the rest".to_owned(), number: 2, of: 3 });
        slack.post(&channel(), Some(&root()), &piece, &no_handle()).await
    })
    .await;
}

#[tokio::test]
async fn a_text_that_is_refused() {
    play("chat.postMessage.refused.json", async |slack| slack.post(&channel(), None, &text("m1", "x"), &no_handle()).await).await;
}

#[tokio::test]
async fn a_file_is_completed() {
    play("files.completeUploadExternal.json", async |slack| {
        slack.post(&channel(), Some(&root()), &file("plan.pdf", b"%PDF"), &Handle::new("F0S43P1CZ")).await
    })
    .await;
}

#[tokio::test]
async fn a_text_is_looked_up_in_the_channel() {
    play("conversations.history.json", async |slack| slack.lookup(&channel(), None, &text("m1", "x").key, &old_attempt("")).await)
        .await;
}

#[tokio::test]
async fn a_text_is_looked_up_in_its_thread() {
    play("conversations.replies.json", async |slack| {
        slack.lookup(&channel(), Some(&root()), &text("m1", "x").key, &old_attempt("")).await
    })
    .await;
}

#[tokio::test]
async fn a_file_is_looked_up() {
    play("files.info.json", async |slack| slack.lookup(&channel(), None, &text("m1", "x").key, &old_attempt("F0S43P1CZ")).await)
        .await;
}

#[tokio::test]
async fn a_channel_is_found() {
    play("conversations.list.json", async |slack| slack.open(&spec("ext-acme", Visibility::Public)).await).await;
}

#[tokio::test]
async fn a_channel_is_created() {
    play("conversations.create.json", async |slack| slack.open(&spec("ext-acme", Visibility::Private)).await).await;
}

#[tokio::test]
async fn a_text_is_taken_back() {
    play("chat.delete.json", async |slack| slack.retract(&channel(), &reply(), &no_handle()).await).await;
}

#[tokio::test]
async fn a_file_is_taken_back() {
    play("files.delete.json", async |slack| {
        let channel = slack.open(&spec("ext-acme", Visibility::Public)).await?;
        slack.retract(&channel, &reply(), &Handle::new("F0S43P1CZ")).await
    })
    .await;
}

#[tokio::test]
async fn what_people_did_with_a_thread_is_read() {
    play("conversations.replies.regard.json", async |slack| slack.regard(&channel(), None, &root()).await).await;
}

#[tokio::test]
async fn our_posts_in_a_thread_are_read() {
    play("conversations.replies.thread.json", async |slack| slack.thread(&channel(), &root()).await).await;
}
