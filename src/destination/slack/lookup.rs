//! Whether an attempt took effect: a text is found by the key in its metadata, a file by its id.
//!
//! `None` is only said when everything was read that could hold the post. What cannot be read is a failure, and a scope
//! that is missing for it concerns this lookup alone ([`Failure::Refused`]): other deliveries go on.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::api::{Api, Trouble};
use super::files;
use super::message::key_of;
use super::method::Method;
use super::pages::Pages;
use super::standing;
use crate::delivery::{Attempt, ChannelId, DeliveryKey, Receipt};
use crate::destination::Failure;

/// How far Slack's clock may stand behind ours.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// Finds a text by its key among what was posted since the attempt: in the channel, or in the thread of `root`.
pub(super) async fn text(
    api: &Api,
    channel: &ChannelId,
    root: Option<&Receipt>,
    key: &DeliveryKey,
    attempt: &Attempt,
) -> Result<Option<Receipt>, Failure> {
    let (oldest, key) = (timestamp(attempt.at - CLOCKS_APART), key.to_string());
    let since = [("channel", channel.as_str()), ("oldest", oldest.as_str()), ("inclusive", "true")];
    if let Some(root) = root {
        let fields = since.into_iter().chain([("ts", root.id.as_str())]).collect();
        match find(Pages::new(api, Method::ConversationsReplies, fields), &key).await {
            // Slack puts an answer to a thread that is gone into the channel itself.
            Err(trouble) if standing::is_gone(&trouble) => {}
            found => return found.map_err(Trouble::concerning_this_alone),
        }
    }
    let pages = Pages::new(api, Method::ConversationsHistory, since.into());
    find(pages, &key).await.map_err(Trouble::concerning_this_alone)
}

/// The first message that carries this key.
async fn find(mut pages: Pages<'_>, key: &str) -> Result<Option<Receipt>, Trouble> {
    while let Some(page) = pages.next().await? {
        if let Some(found) = page.iter().find(|message| key_of(message) == Some(key)) {
            let ts = found.get("ts").and_then(Value::as_str);
            let ts = ts.ok_or_else(|| pages.incomplete("the post is there without its ts"))?;
            return Ok(Some(Receipt { id: ts.to_owned() }));
        }
    }
    Ok(None)
}

/// Finds a file by its id. A file that is there and shared nowhere is deleted before it is called absent: Slack shares files
/// behind its answer, and one that it shared after this look would stand beside the one that is posted next.
pub(super) async fn file(api: &Api, channel: &ChannelId, attempt: &Attempt, settle: Duration) -> Result<Option<Receipt>, Failure> {
    match files::shared(api, channel, &attempt.handle, settle).await {
        Ok(Some(receipt)) => Ok(Some(receipt)),
        Ok(None) => match files::delete(api, &attempt.handle).await {
            Ok(()) => Ok(None),
            // What stands in for Slack and deletes nothing has had its time to share the file.
            Err(trouble) if trouble.error() == Some("unknown_method") => Ok(None),
            Err(trouble) => Err(trouble.concerning_this_alone()),
        },
        Err(trouble) if files::is_gone(&trouble) => Ok(None),
        Err(trouble) => Err(trouble.concerning_this_alone()),
    }
}

/// A time as Slack writes it: seconds and six digits, which no float holds exactly.
fn timestamp(at: DateTime<Utc>) -> String {
    format!("{}.{:06}", at.timestamp(), at.timestamp_subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits() {
        let at = DateTime::from_timestamp(1_614_586_000, 42_000).unwrap();
        assert_eq!(timestamp(at), "1614586000.000042");
    }
}
