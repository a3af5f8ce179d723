//! The fake is as strict as Slack: what Slack refuses, it refuses.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::*;
use crate::support::slack::Channel;

const FORM: &str = "application/x-www-form-urlencoded";

/// A call as it goes over the wire.
fn raw(slack: &FakeSlack, path: &str, headers: &str, body: &str) -> String {
    let api = slack.api_url();
    let host = api.trim_start_matches("http://").trim_end_matches("/api/");
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A call with the right token; the error of the answer, `ok` where there is none.
fn call(slack: &FakeSlack, method: &str, content_type: &str, body: &str) -> String {
    let headers = format!("authorization: Bearer {}\r\ncontent-type: {content_type}\r\n", slack.world().token);
    let answer = raw(slack, &format!("/api/{method}"), &headers, body);
    let (_, json) = answer.split_once("\r\n\r\n").unwrap();
    let json: Value = serde_json::from_str(json).unwrap();
    json["error"].as_str().or(json["warning"].as_str()).unwrap_or("ok").to_owned()
}

/// A public channel with the bot, a post in it and a reply; their ids.
async fn talk() -> (FakeSlack, String, String, String) {
    let (slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m1", "x")).await.unwrap();
    let reply = send(&destination, &channel, Some(&root), &text("m2", "x")).await.unwrap();
    (slack, channel.as_str().to_owned(), root.id, reply.id)
}

#[tokio::test]
async fn what_slack_refuses_is_refused() {
    let (slack, id, root, reply) = talk().await;
    slack.world().add(Channel { name: "ext-hidden".into(), is_private: true, ..Channel::default() });
    let outside = slack.world().add(Channel { name: "ext-out".into(), ..Channel::default() });
    let long_block = format!(r#"[{{"type":"section","text":{{"type":"plain_text","text":"{}"}}}}]"#, "x".repeat(3001));
    let many_blocks = format!("[{}]", vec![r#"{"type":"divider"}"#; 51].join(","));
    let full = format!(r#"{{"type":"section","text":{{"type":"plain_text","text":"{}"}}}}"#, "x".repeat(3000));
    let too_much = format!("[{}]", vec![full; 5].join(","));
    for (method, body, error) in [
        ("chat.postMessage", "text=x".to_owned(), "invalid_arguments"),
        ("chat.postMessage", "channel=C404&text=x".to_owned(), "channel_not_found"),
        ("chat.postMessage", format!("channel={outside}&text=x"), "not_in_channel"),
        ("chat.postMessage", format!("channel={id}&text="), "no_text"),
        ("chat.postMessage", format!("channel={id}&text=x&link_names=true"), "invalid_arguments"),
        ("chat.postMessage", format!("channel={id}&text=x&blocks=[{{}}]"), "invalid_blocks"),
        ("chat.postMessage", format!("channel={id}&text=x&blocks=x"), "invalid_blocks_format"),
        ("chat.postMessage", format!("channel={id}&text=x&blocks={long_block}"), "invalid_blocks"),
        ("chat.postMessage", format!("channel={id}&text=x&blocks={many_blocks}"), "invalid_blocks"),
        ("chat.postMessage", format!("channel={id}&text=x&blocks={too_much}"), "msg_blocks_too_long"),
        ("chat.postMessage", format!("channel={id}&text={}", "x".repeat(40_001)), "message_truncated"),
        ("chat.postMessage", format!("channel={id}&text=x&thread_ts={reply}"), "thread_not_found"),
        ("chat.postMessage", format!("channel={id}&text=x&metadata={{\"event_type\":\"a b\"}}"), "invalid_metadata_schema"),
        (
            "chat.postMessage",
            format!("channel={id}&text=x&metadata={{\"event_type\":\"a\",\"event_payload\":{{\"k\":[{{}}]}}}}"),
            "invalid_metadata_schema",
        ),
        ("conversations.create", "name=ext-acme".to_owned(), "name_taken"),
        ("conversations.create", "name=ext-hidden".to_owned(), "name_taken"),
        ("conversations.create", "name=Ext".to_owned(), "invalid_name_specials"),
        ("conversations.list", "limit=1000".to_owned(), "invalid_limit"),
        ("conversations.list", "limit=0".to_owned(), "invalid_limit"),
        ("conversations.list", "cursor=x".to_owned(), "invalid_cursor"),
        ("conversations.history", format!("channel={outside}"), "not_in_channel"),
        ("conversations.history", format!("channel={id}&oldest=yesterday"), "invalid_ts_oldest"),
        ("conversations.replies", format!("channel={id}&ts=1.000001"), "thread_not_found"),
        ("files.getUploadURLExternal", "filename=a&length=0".to_owned(), "missing_argument"),
        ("files.completeUploadExternal", format!("channel_id={id}&files=[{{\"id\":\"F404\"}}]"), "file_not_found"),
        (
            "files.completeUploadExternal",
            format!("channel_id={id}&files=[{{\"id\":\"F1\"}}]&thread_ts={reply}"),
            "invalid_thread_ts",
        ),
        ("files.upload", String::new(), "unknown_method"),
        ("chat.postMessage", format!("channel={id}&text=x&thread_ts={root}"), "ok"),
    ] {
        assert_eq!(call(&slack, method, FORM, &body), error, "{method} {}", body.chars().take(80).collect::<String>());
    }
}

#[tokio::test]
async fn json_is_read_where_slack_reads_it_and_wants_a_charset() {
    let (slack, id, ..) = talk().await;
    let post = format!(r#"{{"channel":"{id}","text":"x"}}"#);
    assert_eq!(call(&slack, "chat.postMessage", "application/json; charset=utf-8", &post), "ok");
    assert_eq!(call(&slack, "chat.postMessage", "application/json", &post), "missing_charset");
    assert_eq!(call(&slack, "files.info", "application/json; charset=utf-8", r#"{"file":"F1"}"#), "invalid_arguments");
}

#[tokio::test]
async fn a_file_is_taken_with_as_many_bytes_as_announced_and_without_a_token() {
    let (slack, id, ..) = talk().await;
    assert_eq!(call(&slack, "files.getUploadURLExternal", FORM, "filename=a.txt&length=3"), "ok");
    let file = slack.world().files.keys().next().unwrap().clone();
    let complete = format!("channel_id={id}&files=[{{\"id\":\"{file}\"}}]");
    assert_eq!(call(&slack, "files.completeUploadExternal", FORM, &complete), "file_not_found", "without its bytes");
    let upload = |headers: &str, body: &str| {
        let answer = raw(&slack, &format!("/upload/{file}"), headers, body);
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(upload("", "four"), "400");
    assert_eq!(upload("authorization: Bearer xoxb-fake-1\r\n", "abc"), "403");
    assert_eq!(upload("", "abc"), "200");
    assert_eq!(upload("", "abc"), "400", "twice");
    assert_eq!(call(&slack, "files.completeUploadExternal", FORM, &complete), "ok");
    assert_eq!(call(&slack, "files.completeUploadExternal", FORM, &complete), "file_not_found", "twice");
}

#[tokio::test]
async fn only_our_own_messages_are_deleted_and_a_thread_outlives_its_root() {
    let (slack, id, root, reply) = talk().await;
    let answer = slack.world().answer(&id, &root, "thanks");
    let delete = |ts: &str| call(&slack, "chat.delete", FORM, &format!("channel={id}&ts={ts}"));
    assert_eq!(delete(&answer), "cant_delete_message");
    assert_eq!([delete(&root), delete(&root)], ["ok", "message_not_found"]);
    let headers = format!("authorization: Bearer {}\r\ncontent-type: {FORM}\r\n", slack.world().token);
    let thread = || raw(&slack, "/api/conversations.replies", &headers, &format!("channel={id}&ts={root}"));
    assert!(thread().contains(r#""subtype":"tombstone""#));
    assert_eq!(delete(&reply), "ok");
    let answers = slack.world().channel("ext-acme").messages.len();
    assert_eq!(answers, 2, "the stone and the answer of somebody else");
    assert_eq!(call(&slack, "chat.delete", FORM, &format!("channel=C404&ts={root}")), "channel_not_found");
}

#[tokio::test]
async fn a_reply_is_found_by_its_bounds_and_its_root_comes_along() {
    let (slack, id, root, reply) = talk().await;
    let headers = format!("authorization: Bearer {}\r\ncontent-type: {FORM}\r\n", slack.world().token);
    let found = |bounds: String| {
        let answer = raw(&slack, "/api/conversations.replies", &headers, &format!("channel={id}&ts={root}{bounds}"));
        [answer.contains(&format!(r#""ts":"{root}""#)), answer.contains(&format!(r#""ts":"{reply}""#))]
    };
    assert_eq!(found(String::new()), [true, true]);
    assert_eq!(found(format!("&oldest={reply}&latest={reply}&inclusive=true")), [true, true]);
    assert_eq!(found(format!("&oldest={reply}&latest={reply}")), [true, false], "bounds are outside unless they are included");
}

#[tokio::test]
async fn a_deleted_file_is_shared_nowhere_and_stays_deleted() {
    let (slack, destination, channel) = opened().await;
    let post = file("a.txt", b"abc");
    let handle = destination.prepare(&post).await.unwrap();
    destination.post(&channel, None, &post, &handle).await.unwrap();
    let on_file = |method: &str| call(&slack, method, FORM, &format!("file={handle}"));
    assert_eq!([on_file("files.info"), on_file("files.delete")], ["ok", "ok"]);
    assert!(slack.world().channel("ext-acme").messages.is_empty());
    assert_eq!([on_file("files.info"), on_file("files.delete")], ["file_deleted", "file_deleted"]);
    assert_eq!(call(&slack, "files.delete", FORM, "file=F404"), "file_not_found");
}

#[tokio::test]
async fn an_answer_to_what_is_gone_stands_in_the_channel() {
    let (slack, id, ..) = talk().await;
    assert_eq!(call(&slack, "chat.postMessage", FORM, &format!("channel={id}&text=x&thread_ts=1.000001")), "ok");
    assert_eq!(slack.world().channel("ext-acme").messages[2].thread_ts, None);
}

#[tokio::test]
async fn metadata_are_told_to_those_who_ask_for_them() {
    let (slack, id, ..) = talk().await;
    let headers = format!("authorization: Bearer {}\r\ncontent-type: {FORM}\r\n", slack.world().token);
    let history = |more: &str| raw(&slack, "/api/conversations.history", &headers, &format!("channel={id}{more}"));
    assert!(!history("").contains("event_payload"));
    assert!(history("&include_all_metadata=true").contains("event_payload"));
}

#[tokio::test]
async fn who_calls_without_a_token_or_a_scope_is_told() {
    let (slack, ..) = talk().await;
    assert!(raw(&slack, "/api/auth.test", "", "").contains("not_authed"));
    assert!(raw(&slack, "/api/auth.test", "authorization: Bearer x\r\n", "").contains("invalid_auth"));
    slack.world().scopes.remove("groups:read");
    assert_eq!(call(&slack, "conversations.list", FORM, "types=public_channel"), "ok");
    assert_eq!(call(&slack, "conversations.list", FORM, "types=public_channel,private_channel"), "missing_scope");
}
