//! Files, in three steps: Slack gives an address, the bytes go there, and the upload is completed into a channel. Only the
//! last step is seen by anybody, and the file's id, known after the first, finds the file again.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, Trouble};
use super::method::Method;
use super::text::line;
use crate::delivery::{ChannelId, Handle, Receipt};
use crate::destination::Failure;

/// The longest name of a file.
const NAME_MAX_CHARS: usize = 255;
/// The pauses between two looks at a file that is not shared yet.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Uploads a file, seen by nobody; the handle is its id.
pub(super) async fn upload(api: &Api, name: &str, bytes: &[u8]) -> Result<Handle, Failure> {
    #[derive(Deserialize)]
    struct Place {
        upload_url: String,
        file_id: String,
    }
    let (name, length) = (shown_name(name), bytes.len().to_string());
    let place = api.call::<Place>(Method::FilesGetUploadUrlExternal, &[("filename", &name), ("length", &length)]).await?;
    let Place { upload_url, file_id } = place.body;
    if file_id.is_empty() {
        return Err(Trouble::incomplete(Method::FilesGetUploadUrlExternal, "the answer names no file").into());
    }
    // The engine keeps the post until its outcome is known; the request needs bytes of its own.
    api.upload(&upload_url, bytes.to_vec()).await?;
    Ok(Handle::new(file_id))
}

/// Shares an uploaded file in a thread. The receipt is the `ts` of the message that shares it where that shows within
/// `settle`, else the id of the file: Slack has taken it, so no failure to see it undoes that.
pub(super) async fn share(
    api: &Api,
    channel: &ChannelId,
    root: Option<&Receipt>,
    name: &str,
    handle: &Handle,
    settle: Duration,
) -> Result<Receipt, Failure> {
    #[derive(Deserialize)]
    struct Completed {
        #[serde(default)]
        files: Vec<Value>,
    }
    let files = json!([{"id": handle.as_str(), "title": shown_name(name)}]).to_string();
    let mut fields = vec![("files", files.as_str()), ("channel_id", channel.as_str())];
    fields.extend(root.map(|root| ("thread_ts", root.id.as_str())));
    let completed = match api.call::<Completed>(Method::FilesCompleteUploadExternal, &fields).await {
        Ok(completed) => completed.body,
        Err(trouble) if is_gone(&trouble) => return completed_before(api, channel, handle, settle, trouble).await,
        Err(trouble) => return Err(trouble.into()),
    };
    if let Some(receipt) = completed.files.iter().find_map(|file| share_in(file, channel)) {
        return Ok(receipt);
    }
    let by_file = || Receipt { id: handle.as_str().to_owned() };
    match shared(api, channel, handle, settle).await {
        Ok(found) => Ok(found.unwrap_or_else(by_file)),
        Err(trouble) => {
            tracing::debug!(file.id = handle.as_str(), error = %Failure::from(trouble), "the file cannot be looked at");
            Ok(by_file())
        }
    }
}

/// What became of a file that Slack does not complete since it knows no such upload. An upload is completed once, so one that
/// stands was completed before; one that does not, Slack has lost or thrown away, and it has to be uploaded again.
async fn completed_before(
    api: &Api,
    channel: &ChannelId,
    handle: &Handle,
    settle: Duration,
    trouble: Trouble,
) -> Result<Receipt, Failure> {
    let refused = Failure::from(trouble);
    match shared(api, channel, handle, settle).await {
        Ok(Some(receipt)) => Ok(receipt),
        Ok(None) => Err(Failure::Transient(refused.to_string())),
        Err(trouble) if is_gone(&trouble) => Err(Failure::Transient(refused.to_string())),
        Err(_) => Err(refused),
    }
}

/// Where a file is shared in this channel. Slack shares a file a moment after it said yes, so a file that is there and not
/// shared is looked at until `settle` has passed; `None` where it is not shared then.
pub(super) async fn shared(api: &Api, channel: &ChannelId, handle: &Handle, settle: Duration) -> Result<Option<Receipt>, Trouble> {
    #[derive(Deserialize)]
    struct Info {
        file: Value,
    }
    let (mut waited, mut pause) = (Duration::ZERO, FIRST_PAUSE);
    loop {
        let info = api.call::<Info>(Method::FilesInfo, &[("file", handle.as_str())]).await?.body;
        match share_in(&info.file, channel) {
            None if waited < settle => tokio::time::sleep(pause).await,
            found => return Ok(found),
        }
        waited += pause;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Deletes a file, which takes it out of every channel. One that is gone already is fine.
pub(super) async fn delete(api: &Api, handle: &Handle) -> Result<(), Trouble> {
    match api.call::<Value>(Method::FilesDelete, &[("file", handle.as_str())]).await {
        Ok(_) => Ok(()),
        Err(trouble) if is_gone(&trouble) => Ok(()),
        Err(trouble) => Err(trouble),
    }
}

/// Whether an error says that there is no such file any more.
pub(super) fn is_gone(trouble: &Trouble) -> bool {
    matches!(trouble.error(), Some("file_not_found" | "file_deleted"))
}

/// The message that shares a file in a channel: `shares.{public,private}.<channel>[].ts`. Without a `ts` the file's own id
/// is the proof.
fn share_in(file: &Value, channel: &ChannelId) -> Option<Receipt> {
    let share = ["public", "private"]
        .into_iter()
        .filter_map(|kind| file.get("shares")?.get(kind)?.get(channel.as_str())?.as_array()?.first())
        .next()?;
    let id = share.get("ts").or_else(|| file.get("id"))?.as_str()?;
    Some(Receipt { id: id.to_owned() })
}

/// A file name that is only a name: one line, no path, never empty.
fn shown_name(name: &str) -> String {
    let name = line(name, NAME_MAX_CHARS).replace(['/', '\\'], "_");
    if name.is_empty() { "file".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_found_in_public_and_private_channels() {
        let channel = ChannelId::new("C1");
        let id = |file: Value| share_in(&file, &channel).map(|receipt| receipt.id);
        let share = json!([{"ts": "1.2"}]);
        assert_eq!(id(json!({"id": "F1", "shares": {"public": {"C1": share}}})), Some("1.2".to_owned()));
        assert_eq!(id(json!({"id": "F1", "shares": {"private": {"C1": share}}})), Some("1.2".to_owned()));
        assert_eq!(id(json!({"id": "F1", "shares": {"public": {"C1": [{}]}}})), Some("F1".to_owned()));
        for none in [json!({}), json!([]), json!({"public": {"C2": share}}), json!({"public": {"C1": []}})] {
            assert_eq!(id(json!({"id": "F1", "shares": none})), None);
        }
        assert_eq!(id(json!({"id": "F1"})), None);
    }

    #[test]
    fn a_file_name_is_only_a_name() {
        assert_eq!(shown_name("../../etc/passwd"), ".._.._etc_passwd");
        assert_eq!(shown_name("a\r\nb\u{0}.txt"), "a b.txt");
        assert_eq!(shown_name(" "), "file");
        assert_eq!(shown_name(&"x".repeat(1000)).chars().count(), NAME_MAX_CHARS);
    }
}
