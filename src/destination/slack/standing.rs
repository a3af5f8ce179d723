//! Posts that stand: what people did with them, how they are taken back, and which there are in a thread.

use serde::Deserialize;
use serde_json::Value;

use super::api::{Api, Trouble};
use super::files;
use super::message::key_of;
use super::method::Method;
use super::pages::Pages;
use crate::delivery::{ChannelId, Handle, Receipt};
use crate::destination::{Failure, Regard, Standing};

/// Who we are in the workspace, as `auth.test` says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Ourselves {
    user_id: String,
    bot_id: Option<String>,
}

impl Ourselves {
    /// Asks who we are.
    pub(super) async fn ask(api: &Api) -> Result<Self, Failure> {
        let ourselves = api.call::<Self>(Method::AuthTest, &[]).await?.body;
        // A message without a user would be taken for ours.
        match ourselves.user_id.is_empty() {
            true => Err(Trouble::incomplete(Method::AuthTest, "the answer does not say who we are").into()),
            false => Ok(ourselves),
        }
    }

    /// Whether we posted a message. What was deleted is nobody's: Slack leaves a tombstone of its own where a thread goes on.
    fn posted(&self, message: &Value) -> bool {
        let is_bots = self.bot_id.is_some() && text(message, "bot_id") == self.bot_id.as_deref();
        !is_tombstone(message) && (is_bots || text(message, "user") == Some(&self.user_id))
    }

    /// How many others reacted to a message. Slack may list fewer users than it counts.
    fn reactions_of_others(&self, message: &Value) -> u64 {
        let reactions = message.get("reactions").and_then(Value::as_array).into_iter().flatten();
        let others = reactions.map(|reaction| {
            let users = reaction.get("users").and_then(Value::as_array);
            let listed = users.map_or(0, |users| users.len() as u64);
            let own = users.is_some_and(|users| users.iter().any(|user| user.as_str() == Some(&self.user_id)));
            let count = reaction.get("count").and_then(Value::as_u64).unwrap_or(0).max(listed);
            count - u64::from(own)
        });
        others.sum()
    }
}

/// What others did with the post at this `ts`. Slack knows replies to the root of a thread only.
pub(super) async fn regard(
    api: &Api,
    ourselves: &Ourselves,
    channel: &ChannelId,
    root: Option<&Receipt>,
    ts: &str,
) -> Result<Regard, Failure> {
    let root = root.map_or(ts, |root| &root.id);
    let bounds: &[_] = if root == ts { &[] } else { &[("oldest", ts), ("latest", ts), ("inclusive", "true")] };
    let Some(messages) = replies(api, channel, root, bounds).await? else { return Ok(Regard::Gone) };
    let Some(post) = messages.iter().find(|message| text(message, "ts") == Some(ts) && !is_tombstone(message)) else {
        return Ok(Regard::Gone);
    };
    let is_answer =
        |message: &&Value| root == ts && text(message, "ts") != Some(ts) && !is_tombstone(message) && !ourselves.posted(message);
    let replies = messages.iter().filter(is_answer).count() as u64;
    let done: Vec<_> =
        [counted(replies, "reply", "replies"), counted(ourselves.reactions_of_others(post), "reaction", "reactions")]
            .into_iter()
            .flatten()
            .collect();
    Ok(if done.is_empty() { Regard::Untouched } else { Regard::Answered(done.join(", ")) })
}

/// Deletes a message, and the file that it shares. Both calls may be repeated: what is gone is gone. So an
/// answer that was lost is [`Failure::Transient`], and who calls again finds out.
pub(super) async fn retract(api: &Api, channel: &ChannelId, post: Option<&Receipt>, file: Option<&Handle>) -> Result<(), Failure> {
    let message = match post {
        Some(post) => delete(api, channel, &post.id).await,
        None => Ok(()),
    };
    // A message that cannot be deleted is no reason to leave its file.
    let file = match file {
        Some(file) => files::delete(api, file).await.map_err(|trouble| by_hand(trouble, &format!("the file {file}"))),
        None => Ok(()),
    };
    message.and(file)
}

async fn delete(api: &Api, channel: &ChannelId, ts: &str) -> Result<(), Failure> {
    match api.call::<Value>(Method::ChatDelete, &[("channel", channel.as_str()), ("ts", ts)]).await {
        Ok(_) => Ok(()),
        Err(trouble) if trouble.error() == Some("message_not_found") => Ok(()),
        Err(trouble) => Err(by_hand(trouble, &format!("the post {ts} in the channel {channel}"))),
    }
}

/// What Slack does not let us delete a person has to.
fn by_hand(trouble: Trouble, what: &str) -> Failure {
    match trouble.concerning_this_alone() {
        Failure::Refused(why) => Failure::Refused(format!("{why}; delete {what} in Slack by hand")),
        other @ (Failure::Wait(_)
        | Failure::Transient(_)
        | Failure::Unknown(_)
        | Failure::StaleChannel(_)
        | Failure::ChannelClosed { .. }
        | Failure::Stop { .. }) => other,
    }
}

/// Our posts in a thread, in order.
pub(super) async fn thread(
    api: &Api,
    ourselves: &Ourselves,
    channel: &ChannelId,
    root: &Receipt,
) -> Result<Vec<Standing>, Failure> {
    let messages = replies(api, channel, &root.id, &[]).await?.unwrap_or_default();
    messages.iter().filter(|message| ourselves.posted(message)).map(standing).collect()
}

fn standing(message: &Value) -> Result<Standing, Failure> {
    let ts = text(message, "ts");
    let ts = ts.ok_or_else(|| Trouble::incomplete(Method::ConversationsReplies, "a post is there without its ts"))?;
    let files = message.get("files").and_then(Value::as_array).into_iter().flatten();
    Ok(Standing {
        receipt: Receipt { id: ts.to_owned() },
        key: key_of(message).map(str::to_owned),
        files: files.filter_map(|file| text(file, "id")).map(str::to_owned).collect(),
    })
}

/// Whether a message, as Slack answers a post into a thread, may stand outside of it: it is told in full, and names no thread.
pub(super) fn may_be_outside(message: &Value) -> bool {
    text(message, "ts").is_some() && text(message, "thread_ts").is_none()
}

/// Whether there is such a thread.
pub(super) async fn has_thread(api: &Api, channel: &ChannelId, root: &Receipt) -> Result<bool, Failure> {
    let bounds = [("oldest", root.id.as_str()), ("latest", root.id.as_str()), ("inclusive", "true")];
    Ok(replies(api, channel, &root.id, &bounds).await?.is_some())
}

/// Whether an error says that there is no such thread.
pub(super) fn is_gone(trouble: &Trouble) -> bool {
    matches!(trouble.error(), Some("thread_not_found" | "message_not_found"))
}

/// All messages of a thread within these bounds, its root first; `None` where there is no such thread.
async fn replies(
    api: &Api,
    channel: &ChannelId,
    root: &str,
    bounds: &[(&'static str, &str)],
) -> Result<Option<Vec<Value>>, Failure> {
    let fields = [("channel", channel.as_str()), ("ts", root)].into_iter().chain(bounds.iter().copied()).collect();
    let (mut pages, mut messages) = (Pages::new(api, Method::ConversationsReplies, fields), Vec::<Value>::new());
    loop {
        match pages.next().await {
            Ok(Some(page)) => {
                // Some pages repeat the root.
                let repeats = |message: &Value| !messages.is_empty() && text(message, "ts") == Some(root);
                let new: Vec<Value> = page.into_iter().filter(|message| !repeats(message)).collect();
                messages.extend(new);
            }
            Ok(None) => return Ok(Some(messages)),
            Err(trouble) if is_gone(&trouble) => return Ok(None),
            Err(trouble) => return Err(trouble.concerning_this_alone()),
        }
    }
}

fn is_tombstone(message: &Value) -> bool {
    text(message, "subtype") == Some("tombstone")
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field).and_then(Value::as_str)
}

/// `2 replies`; nothing where there is none.
fn counted(count: u64, one: &str, many: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { many }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ourselves() -> Ourselves {
        Ourselves { user_id: "U0".to_owned(), bot_id: Some("B0".to_owned()) }
    }

    #[test]
    fn our_posts_are_known_by_bot_or_user_and_a_tombstone_is_nobodys() {
        for own in [json!({"bot_id": "B0"}), json!({"user": "U0"}), json!({"user": "U0", "bot_id": "B0"})] {
            assert!(ourselves().posted(&own), "{own}");
        }
        for other in [json!({}), json!({"user": "U1"}), json!({"bot_id": "B1"}), json!({"user": "U0", "subtype": "tombstone"})] {
            assert!(!ourselves().posted(&other), "{other}");
        }
        let user = Ourselves { bot_id: None, ..ourselves() };
        assert!(!user.posted(&json!({"user": "U1"})), "no bot is not everybody");
    }

    #[test]
    fn reactions_are_counted_without_our_own_and_beyond_those_that_are_listed() {
        let count = |reactions: Value| ourselves().reactions_of_others(&json!({"reactions": reactions}));
        assert_eq!(count(json!([{"name": "eyes", "users": ["U0"], "count": 1}])), 0);
        assert_eq!(count(json!([{"name": "eyes", "users": ["U0", "U1"], "count": 2}, {"name": "+1", "users": ["U1"]}])), 2);
        assert_eq!(count(json!([{"name": "+1", "users": ["U1"], "count": 70}])), 70);
        assert_eq!(ourselves().reactions_of_others(&json!({})), 0);
    }
}
