//! Messages.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{BOT, BOT_USER, Outcome, Refusal, Request, needs};
use super::blocks;
use super::world::{Message, World};

pub(super) fn post_message(world: &mut World, request: &Request) -> Outcome {
    request.only(&["channel", "text", "blocks", "metadata", "mrkdwn", "unfurl_links", "unfurl_media", "thread_ts"])?;
    needs(world, "chat:write")?;
    let channel = request.required("channel")?.to_owned();
    may_post(world, &channel)?;
    let text = request.field("text").unwrap_or_default();
    let blocks = request.field("blocks").map(blocks::check).transpose()?.unwrap_or_default();
    if text.trim().is_empty() && blocks.as_array().is_none_or(Vec::is_empty) {
        return Err("no_text".into());
    }
    let metadata = request.field("metadata").map(metadata).transpose()?.unwrap_or_default();
    let thread_ts = match request.field("thread_ts") {
        Some(root) if is_root(world, &channel, root) => Some(root.to_owned()),
        Some(reply) if world.channels[&channel].messages.iter().any(|message| message.ts == reply) => {
            return Err("thread_not_found".into());
        }
        // An answer to what is gone Slack puts into the channel, without a word (slack-go/slack#1571).
        Some(_) | None => None,
    };
    in_time(world, &channel)?;
    let cut = text.chars().count() > world.text_max_chars;
    let text = text.chars().take(world.text_max_chars).collect();
    let message = Message { ts: world.new_ts(), thread_ts, text, blocks, metadata, ..Message::default() };
    let mut told = json!({"type": "message", "ts": message.ts, "text": message.text, "user": BOT_USER, "bot_id": BOT});
    if let Some(root) = &message.thread_ts {
        told["thread_ts"] = json!(root);
    }
    let mut answer = json!({"channel": channel, "ts": message.ts, "message": told});
    if cut {
        answer["warning"] = json!("message_truncated");
        answer["response_metadata"] = json!({"warnings": ["message_truncated"]});
    }
    world.channels.get_mut(&channel).unwrap().messages.push(message);
    Ok(answer)
}

pub(super) fn delete(world: &mut World, request: &Request) -> Outcome {
    request.only(&["channel", "ts"])?;
    needs(world, "chat:write")?;
    let (channel, ts) = (request.required("channel")?.to_owned(), request.required("ts")?.to_owned());
    let messages = &world.channels.get(&channel).ok_or("channel_not_found")?.messages;
    let message = messages.iter().find(|message| message.ts == ts && !message.is_tombstone).ok_or("message_not_found")?;
    if message.user.is_some() {
        return Err("cant_delete_message".into());
    }
    remove(world, &channel, &ts);
    Ok(json!({"channel": channel, "ts": ts}))
}

/// Takes a message out of its channel. Where a thread goes on below it, a stone stays; with the last reply, that goes, too.
pub(super) fn remove(world: &mut World, channel: &str, ts: &str) {
    for file in world.files.values_mut().filter(|file| file.share.as_ref().is_some_and(|share| share.0 == channel && share.1 == ts))
    {
        file.share = None;
    }
    let messages = &mut world.channels.get_mut(channel).unwrap().messages;
    let has_replies = |messages: &[Message], root: &str| messages.iter().any(|message| message.thread_ts.as_deref() == Some(root));
    let at = messages.iter().position(|message| message.ts == ts).unwrap();
    if has_replies(messages, ts) {
        let text = "This message was deleted.".to_owned();
        messages[at] = Message { ts: ts.to_owned(), text, is_tombstone: true, ..Message::default() };
        return;
    }
    if let Some(root) = messages.remove(at).thread_ts
        && !has_replies(messages, &root)
    {
        messages.retain(|message| message.ts != root || !message.is_tombstone);
    }
}

/// Refuses posts to channels that the bot cannot post to.
pub(super) fn may_post(world: &World, id: &str) -> Result<(), Refusal> {
    let channel = world.channels.get(id).ok_or("channel_not_found")?;
    match channel {
        _ if channel.is_private && !channel.is_member => Err("channel_not_found".into()),
        _ if channel.is_archived => Err("is_archived".into()),
        _ if !channel.is_member => Err("not_in_channel".into()),
        _ => channel.refuses.map_or(Ok(()), |error| Err(error.into())),
    }
}

/// Whether a thread can begin at this message: a reply is no root.
pub(super) fn is_root(world: &World, channel: &str, ts: &str) -> bool {
    world.channels[channel].messages.iter().any(|message| message.ts == ts && message.thread_ts.is_none())
}

fn in_time(world: &mut World, channel: &str) -> Result<(), Refusal> {
    let Some(gap) = world.least_gap else { return Ok(()) };
    let now = Instant::now();
    match world.last_post.insert(channel.to_owned(), now) {
        Some(last) if now < last + gap => Err("ratelimited".into()),
        _ => Ok(()),
    }
}

fn metadata(text: &str) -> Result<Value, Refusal> {
    let metadata: Value = serde_json::from_str(text).map_err(|_| Refusal::from("invalid_metadata_format"))?;
    let event_type = metadata["event_type"].as_str().unwrap_or_default();
    let named = !event_type.is_empty() && event_type.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let payload = metadata["event_payload"].as_object();
    let flat = payload.is_some_and(|payload| payload.values().all(|value| value.is_string() || value.is_number()));
    match (named, flat) {
        (true, true) if text.len() < 8_000 => Ok(metadata),
        (true, true) => Err("metadata_too_large".into()),
        _ => Err("invalid_metadata_schema".into()),
    }
}
