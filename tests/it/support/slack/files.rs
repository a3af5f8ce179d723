//! Files: an address, the bytes, and the completion into a channel.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{Outcome, Request, needs};
use super::chat::{self, is_root, may_post};
use super::world::{File, Message, World};

pub(super) fn get_upload_url(world: &mut World, request: &Request) -> Outcome {
    request.only(&["filename", "length"])?;
    needs(world, "files:write")?;
    let name = request.field("filename").filter(|name| !name.is_empty()).ok_or("missing_argument")?.to_owned();
    let length = request.field("length").and_then(|length| length.parse().ok()).filter(|length| *length > 0);
    let length = length.ok_or("missing_argument")?;
    let id = world.new_id('F');
    world.files.insert(id.clone(), File { name, length, ..File::default() });
    Ok(json!({"file_id": id, "upload_url": format!("{}{id}", world.upload_base)}))
}

/// The bytes of a file: taken once, when there are as many as announced. The address is the secret; a token has no
/// business here.
pub(super) fn upload(world: &mut World, path: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let status = |status: u16, text: String| Response::builder().status(status).body(Body::from(text)).unwrap();
    let file = world.files.get_mut(path.trim_start_matches("/upload/"));
    match file {
        _ if headers.contains_key("authorization") => status(403, "a token went to the address of an upload".to_owned()),
        Some(file) if file.bytes.is_none() && file.length == body.len() => {
            file.bytes = Some(body.to_vec());
            status(200, format!("OK - {}", body.len()))
        }
        Some(file) => status(400, format!("{} bytes announced, {} came", file.length, body.len())),
        None => status(404, "not found".to_owned()),
    }
}

pub(super) fn complete(world: &mut World, request: &Request) -> Outcome {
    request.only(&["files", "channel_id", "thread_ts"])?;
    needs(world, "files:write")?;
    let files: Value = serde_json::from_str(request.required("files")?).map_err(|_| "invalid_arguments")?;
    let id = files[0]["id"].as_str().ok_or("invalid_arguments")?.to_owned();
    let title = files[0]["title"].as_str().unwrap_or_default().to_owned();
    let channel = request.required("channel_id")?.to_owned();
    may_post(world, &channel)?;
    let thread_ts = request.field("thread_ts").map(str::to_owned);
    if thread_ts.as_ref().is_some_and(|root| !is_root(world, &channel, root)) {
        return Err("invalid_thread_ts".into());
    }
    let ready = |file: &&mut File| file.bytes.is_some() && file.share.is_none() && !file.is_deleted;
    let ts = world.new_ts();
    let file = world.files.get_mut(&id).filter(ready).ok_or("file_not_found")?;
    file.share = Some((channel.clone(), ts.clone()));
    let message = Message { ts, thread_ts, files: vec![title], file_ids: vec![id.clone()], ..Message::default() };
    world.channels.get_mut(&channel).unwrap().messages.push(message);
    Ok(json!({"files": [shown(world, &id)]}))
}

pub(super) fn info(world: &mut World, request: &Request) -> Outcome {
    request.only(&["file"])?;
    needs(world, "files:read")?;
    let id = request.required("file")?;
    let file = world.files.get_mut(id).filter(|file| file.bytes.is_some()).ok_or("file_not_found")?;
    if file.is_deleted {
        return Err("file_deleted".into());
    }
    file.asked += 1;
    Ok(json!({"file": shown(world, id)}))
}

/// Takes a file away, and the message that shares it.
pub(super) fn delete(world: &mut World, request: &Request) -> Outcome {
    request.only(&["file"])?;
    needs(world, "files:write")?;
    let file = world.files.get_mut(request.required("file")?).ok_or("file_not_found")?;
    if std::mem::replace(&mut file.is_deleted, true) {
        return Err("file_deleted".into());
    }
    if let Some((channel, ts)) = file.share.take() {
        chat::remove(world, &channel, &ts);
    }
    Ok(json!({}))
}

/// A file, and where it is shared once that shows.
fn shown(world: &World, id: &str) -> Value {
    let file = &world.files[id];
    let shares = match &file.share {
        Some((channel, ts)) if file.asked >= world.shares_show_after => {
            let kind = if world.channels[channel].is_private { "private" } else { "public" };
            json!({kind: {channel: [{"ts": ts}]}})
        }
        _ => json!({}),
    };
    json!({"id": id, "name": file.name, "size": file.length, "mode": "hosted", "shares": shares})
}
