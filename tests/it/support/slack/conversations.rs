//! Channels and what was said in them.

use serde_json::{Value, json};

use super::answer::{BOT, BOT_USER, Outcome, Refusal, Request, needs};
use super::world::{Channel, Message, World, micros};

pub(super) fn list(world: &mut World, request: &Request) -> Outcome {
    request.only(&["types", "exclude_archived", "limit", "cursor"])?;
    let types: Vec<_> = request.field("types").unwrap_or("public_channel").split(',').collect();
    for kind in &types {
        match *kind {
            "public_channel" => needs(world, "channels:read")?,
            "private_channel" => needs(world, "groups:read")?,
            _ => return Err("invalid_types".into()),
        }
    }
    let kind = |channel: &Channel| if channel.is_private { "private_channel" } else { "public_channel" };
    let seen = world.channels.iter().filter(|(_, channel)| {
        types.contains(&kind(channel))
            && (channel.is_member || !channel.is_private)
            && !(channel.is_archived && request.flag("exclude_archived"))
    });
    let all: Vec<_> = seen.map(|(id, channel)| shown(id, channel)).collect();
    let (page, next) = page(&all, request.start()?, request.limit(world)?);
    Ok(json!({"channels": page, "response_metadata": {"next_cursor": next}}))
}

pub(super) fn create(world: &mut World, request: &Request) -> Outcome {
    request.only(&["name", "is_private"])?;
    let is_private = request.flag("is_private");
    needs(world, if is_private { "groups:write" } else { "channels:manage" })?;
    let name = request.field("name").unwrap_or_default();
    let plain = |c: char| (c.is_alphanumeric() && !c.is_uppercase()) || matches!(c, '-' | '_');
    match name {
        "" => return Err("invalid_name_required".into()),
        _ if name.chars().count() > 80 => return Err("invalid_name_maxlength".into()),
        _ if !name.chars().all(plain) => return Err("invalid_name_specials".into()),
        _ if world.channels.values().any(|channel| channel.name == name) => return Err("name_taken".into()),
        _ => {}
    }
    let channel = Channel { name: name.to_owned(), is_private, is_member: true, ..Channel::default() };
    let id = world.add(channel.clone());
    Ok(json!({"channel": shown(&id, &channel)}))
}

pub(super) fn join(world: &mut World, request: &Request) -> Outcome {
    request.only(&["channel"])?;
    needs(world, "channels:join")?;
    let id = request.required("channel")?;
    let channel = world.channels.get_mut(id).filter(|channel| !channel.is_private || channel.is_member);
    let channel = channel.ok_or("channel_not_found")?;
    match channel {
        _ if channel.is_private => Err("method_not_supported_for_channel_type".into()),
        _ if channel.is_archived => Err("is_archived".into()),
        _ if channel.is_member => Ok(json!({"channel": shown(id, channel), "warning": "already_in_channel"})),
        _ => {
            channel.is_member = true;
            Ok(json!({"channel": shown(id, channel)}))
        }
    }
}

pub(super) fn set_purpose(world: &mut World, request: &Request) -> Outcome {
    request.only(&["channel", "purpose"])?;
    let channel = visible(world, request)?;
    needs(world, if channel.is_private { "groups:write" } else { "channels:manage" })?;
    let purpose = request.field("purpose").unwrap_or_default().to_owned();
    if purpose.chars().count() > 250 {
        return Err("too_long".into());
    }
    let id = request.required("channel")?;
    world.channels.get_mut(id).unwrap().purpose = purpose;
    Ok(json!({"channel": {"id": id}}))
}

pub(super) fn history(world: &mut World, request: &Request) -> Outcome {
    request.only(&["channel", "oldest", "latest", "inclusive", "include_all_metadata", "limit", "cursor"])?;
    let channel = readable(world, request)?;
    let roots = channel.messages.iter().rev().filter(|message| message.thread_ts.is_none());
    messages(world, request, roots.collect())
}

pub(super) fn replies(world: &mut World, request: &Request) -> Outcome {
    request.only(&["channel", "ts", "oldest", "latest", "inclusive", "include_all_metadata", "limit", "cursor"])?;
    let channel = readable(world, request)?;
    let root = request.required("ts")?;
    if !channel.messages.iter().any(|message| message.ts == root) {
        return Err("thread_not_found".into());
    }
    let of_thread = |message: &&Message| message.ts == root || message.thread_ts.as_deref() == Some(root);
    messages(world, request, channel.messages.iter().filter(of_thread).collect())
}

/// A page of messages within `oldest` and `latest`. A thread always begins with its root.
fn messages(world: &World, request: &Request, messages: Vec<&Message>) -> Outcome {
    let bound = |name: &str, error: &'static str, open: i64| match request.field(name) {
        None | Some("") => Ok(open),
        Some(ts) => micros(ts).ok_or_else(|| Refusal::from(error)),
    };
    let oldest = bound("oldest", "invalid_ts_oldest", i64::MIN)?;
    let latest = bound("latest", "invalid_ts_latest", i64::MAX)?;
    let root = request.field("ts");
    let within = |message: &&Message| {
        let ts = micros(&message.ts).unwrap();
        let inside = (oldest < ts && ts < latest) || (request.flag("inclusive") && (ts == oldest || ts == latest));
        inside || root == Some(&message.ts)
    };
    let all: Vec<_> = messages.into_iter().filter(within).map(|message| said(message, request)).collect();
    let (page, next) = page(&all, request.start()?, request.limit(world)?);
    let mut answer = json!({"messages": page, "has_more": !next.is_empty(), "is_limited": world.is_limited});
    if !next.is_empty() {
        answer["response_metadata"] = json!({"next_cursor": next});
    }
    Ok(answer)
}

/// A message; the payload of its metadata only where all metadata are asked for.
fn said(message: &Message, request: &Request) -> Value {
    let mut value = json!({"type": "message", "ts": message.ts, "text": message.text});
    match &message.user {
        _ if message.is_tombstone => {
            value["subtype"] = json!("tombstone");
            value["hidden"] = json!(true);
            value["user"] = json!("USLACKBOT");
        }
        Some(user) => value["user"] = json!(user),
        None => {
            value["blocks"] = message.blocks.clone();
            value["user"] = json!(BOT_USER);
            value["bot_id"] = json!(BOT);
        }
    }
    if !message.file_ids.is_empty() {
        value["files"] = message.file_ids.iter().map(|id| json!({"id": id})).collect();
    }
    if !message.reactions.is_empty() {
        let reactions = message.reactions.iter();
        value["reactions"] = reactions.map(|(name, users)| json!({"name": name, "users": users, "count": users.len()})).collect();
    }
    if !message.metadata.is_null() {
        value["metadata"] = match request.flag("include_all_metadata") {
            true => message.metadata.clone(),
            false => json!({"event_type": message.metadata["event_type"]}),
        };
    }
    if let Some(root) = &message.thread_ts {
        value["thread_ts"] = json!(root);
    }
    value
}

fn visible<'w>(world: &'w World, request: &Request) -> Result<&'w Channel, Refusal> {
    let channel = world.channels.get(request.required("channel")?);
    channel.filter(|channel| channel.is_member || !channel.is_private).ok_or_else(|| "channel_not_found".into())
}

fn readable<'w>(world: &'w World, request: &Request) -> Result<&'w Channel, Refusal> {
    let channel = visible(world, request)?;
    needs(world, if channel.is_private { "groups:history" } else { "channels:history" })?;
    if channel.is_member { Ok(channel) } else { Err("not_in_channel".into()) }
}

fn shown(id: &str, channel: &Channel) -> Value {
    json!({
        "id": id,
        "name": channel.name,
        "is_channel": true,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_member": channel.is_member,
        "purpose": {"value": channel.purpose},
    })
}

/// A page of `limit`, and the cursor of the next; empty at the end.
fn page(all: &[Value], start: usize, limit: usize) -> (Vec<Value>, String) {
    let page: Vec<_> = all.iter().skip(start).take(limit).cloned().collect();
    let end = start + page.len();
    let next = if end < all.len() { format!("next:{end}") } else { String::new() };
    (page, next)
}
