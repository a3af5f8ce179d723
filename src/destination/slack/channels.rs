//! Channels: found by name, created where there is none, joined where it is needed.
//!
//! The list of channels is read once and kept until a call says that a channel is not what it was. A private channel that
//! the bot is not a member of is on no list: it shows only by its name being taken.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use super::api::{Api, Trouble};
use super::method::Method;
use super::text::line;
use crate::delivery::{ChannelId, ChannelName};
use crate::destination::{ChannelSpec, Failure, Visibility};

/// The longest name of a channel.
const NAME_MAX_CHARS: usize = 80;
/// The longest purpose of a channel.
const PURPOSE_MAX_CHARS: usize = 250;
/// Channels a page; Slack gives at most 999.
const PAGE: &str = "999";
/// The most pages that are read: a million channels.
const PAGES_MAX: usize = 1_000;

/// A channel as Slack lists it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Listed {
    id: String,
    name: String,
    #[serde(default)]
    pub(super) is_private: bool,
    #[serde(default)]
    pub(super) is_archived: bool,
    #[serde(default)]
    pub(super) is_member: bool,
}

/// The channels of the workspace by name.
pub(super) type Listing = BTreeMap<String, Listed>;

/// Which channels a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Archived {
    /// Archived channels are left out.
    LeftOut,
    /// Archived channels are on it.
    Listed,
}

/// What is known of the channels.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// The list as it was read; `None` where it has to be read. Locked while a channel is opened, so that two calls do
    /// not create one channel.
    listing: tokio::sync::Mutex<Option<Listing>>,
    doubts: Mutex<BTreeMap<ChannelId, Doubt>>,
}

/// How often a channel was not what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// It was refused and has not been opened since.
    Stale,
    /// It was refused, opened again, and nothing has been taken since.
    Reopened,
}

impl Channels {
    /// Finds the channel, or creates it, and joins it.
    pub(super) async fn open(&self, api: &Api, spec: &ChannelSpec) -> Result<ChannelId, Failure> {
        let name = slack_name(&spec.name)?;
        let mut listing = self.listing.lock().await;
        let known = match listing.take() {
            Some(known) => known,
            None => list(api, Archived::LeftOut).await?,
        };
        let mut channel = match known.get(&name) {
            Some(channel) => channel.clone(),
            None => create(api, spec, &name).await?,
        };
        if channel.is_archived {
            return Err(archived(&name));
        }
        if !channel.is_member {
            join(api, &channel).await?;
            channel.is_member = true;
        }
        let id = ChannelId::new(channel.id.clone());
        // The list is only put back here: after any failure it is read anew.
        let known = listing.insert(known);
        known.insert(name, channel);
        self.lock_doubts().entry(id.clone()).and_modify(|doubt| *doubt = Doubt::Reopened);
        Ok(id)
    }

    /// Sorts a failure of a call to this channel: a channel that is refused again after it was opened anew is closed.
    pub(super) async fn heed(&self, channel: &ChannelId, failure: Failure) -> Failure {
        let Failure::StaleChannel(why) = failure else { return failure };
        self.listing.lock().await.take();
        match self.lock_doubts().insert(channel.clone(), Doubt::Stale) {
            Some(Doubt::Reopened) => Failure::ChannelClosed { why, advice: "invite the Slack app to the channel".to_owned() },
            Some(Doubt::Stale) | None => Failure::StaleChannel(why),
        }
    }

    /// Takes note that a call to this channel succeeded.
    pub(super) fn trust(&self, channel: &ChannelId) {
        self.lock_doubts().remove(channel);
    }

    fn lock_doubts(&self) -> std::sync::MutexGuard<'_, BTreeMap<ChannelId, Doubt>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name as Slack writes it: without a `#`, in lower case. Nothing else is changed: two names of the configuration
/// must not become one channel of two partners.
pub(super) fn slack_name(name: &ChannelName) -> Result<String, Failure> {
    let name = name.as_str().trim().trim_start_matches('#').to_lowercase();
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().count() <= NAME_MAX_CHARS && name.chars().all(allowed) {
        return Ok(name);
    }
    Err(Failure::ChannelClosed {
        why: format!("slack takes no channel name like {:?}", line(&name, NAME_MAX_CHARS)),
        advice: "use lower-case letters, digits, - and _, at most 80 characters".to_owned(),
    })
}

/// All channels that the bot can see.
pub(super) async fn list(api: &Api, archived: Archived) -> Result<Listing, Failure> {
    #[derive(Deserialize)]
    struct Page {
        channels: Vec<Listed>,
        response_metadata: Option<Cursor>,
    }
    let exclude_archived = if archived == Archived::LeftOut { "true" } else { "false" };
    let (mut listing, mut cursor) = (Listing::new(), String::new());
    for _ in 0..PAGES_MAX {
        let mut fields = vec![("types", "public_channel,private_channel"), ("exclude_archived", exclude_archived), ("limit", PAGE)];
        if !cursor.is_empty() {
            fields.push(("cursor", &cursor));
        }
        let page = api.call::<Page>(Method::ConversationsList, &fields).await?.body;
        listing.extend(page.channels.into_iter().map(|channel| (channel.name.clone(), channel)));
        cursor = page.response_metadata.and_then(|next| next.next_cursor).unwrap_or_default();
        if cursor.is_empty() {
            return Ok(listing);
        }
    }
    Err(Failure::Transient(format!("slack's list of channels does not end after {PAGES_MAX} pages")))
}

/// Where the next page is; absent or empty: there is none.
#[derive(Deserialize)]
pub(super) struct Cursor {
    pub(super) next_cursor: Option<String>,
}

async fn create(api: &Api, spec: &ChannelSpec, name: &str) -> Result<Listed, Failure> {
    #[derive(Deserialize)]
    struct Created {
        channel: Listed,
    }
    let is_private = if spec.visibility == Visibility::Private { "true" } else { "false" };
    match api.call::<Created>(Method::ConversationsCreate, &[("name", name), ("is_private", is_private)]).await {
        Ok(created) => {
            let mut channel = created.body.channel;
            channel.is_member = true; // who creates a channel is in it
            describe(api, &channel, &spec.purpose).await;
            Ok(channel)
        }
        Err(trouble) if trouble.error() == Some("name_taken") => taken(api, name).await,
        Err(trouble) => Err(closed("create the channel in Slack and invite the app, or add the scope", trouble)),
    }
}

/// The channel that has taken a name: an archived one, one that was created meanwhile, or a private one.
async fn taken(api: &Api, name: &str) -> Result<Listed, Failure> {
    match list(api, Archived::Listed).await?.remove(name) {
        Some(channel) => Ok(channel),
        None => Err(Failure::ChannelClosed {
            why: format!("the name {name} is taken by a channel that the Slack app cannot see, most likely a private one"),
            advice: "invite the app to that channel, or give the partner another one".to_owned(),
        }),
    }
}

/// Says what a new channel is for. A channel without it works as well, so a failure is only told.
async fn describe(api: &Api, channel: &Listed, purpose: &str) {
    let purpose = line(purpose, PURPOSE_MAX_CHARS);
    if purpose.is_empty() {
        return;
    }
    let fields = [("channel", channel.id.as_str()), ("purpose", purpose.as_str())];
    if let Err(trouble) = api.call::<serde_json::Value>(Method::ConversationsSetPurpose, &fields).await {
        tracing::warn!(channel.id = channel.id, error = %Failure::from(trouble), "the purpose of the channel is not set");
    }
}

async fn join(api: &Api, channel: &Listed) -> Result<(), Failure> {
    const INVITE: &str = "invite the Slack app to the channel, or add the scope";
    if channel.is_private {
        return Err(Failure::ChannelClosed {
            why: format!("the Slack app is not a member of the private channel {}", channel.name),
            advice: "invite the app to the channel".to_owned(),
        });
    }
    match api.call::<serde_json::Value>(Method::ConversationsJoin, &[("channel", &channel.id)]).await {
        Ok(_) => Ok(()),
        Err(trouble) => Err(closed(INVITE, trouble)),
    }
}

fn archived(name: &str) -> Failure {
    Failure::ChannelClosed {
        why: format!("the channel {name} is archived"),
        advice: "unarchive it in Slack, or give the partner another channel".to_owned(),
    }
}

/// A failure to open one channel concerns that channel: a scope that is missing to create or join channels does not stop
/// those that stand already, and what changed meanwhile is listed anew by the next call.
fn closed(advice: &str, trouble: Trouble) -> Failure {
    let lacks_scope = trouble.error() == Some("missing_scope");
    match Failure::from(trouble) {
        Failure::StaleChannel(why) => Failure::Transient(why),
        Failure::Refused(why) => Failure::ChannelClosed { why, advice: advice.to_owned() },
        Failure::Stop { why, .. } if lacks_scope => Failure::ChannelClosed { why, advice: advice.to_owned() },
        other @ (Failure::Wait(_)
        | Failure::Transient(_)
        | Failure::Unknown(_)
        | Failure::ChannelClosed { .. }
        | Failure::Stop { .. }) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_slack_writes_them_or_refused() {
        let name = |text: &str| slack_name(&ChannelName::new(text));
        assert_eq!(name("#Ext-Acme_1"), Ok("ext-acme_1".to_owned()));
        assert_eq!(name("kunden-müller"), Ok("kunden-müller".to_owned()));
        assert_eq!(name(&"a".repeat(80)).unwrap().len(), 80);
        for bad in ["", "#", "two words", "a.b", "a/b", "<!channel>", &"a".repeat(81)] {
            assert!(matches!(name(bad), Err(Failure::ChannelClosed { .. })), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_channel_that_stays_refused_after_it_was_opened_again_is_closed() {
        let (channels, id) = (Channels::default(), ChannelId::new("C1"));
        let stale = || Failure::StaleChannel("not_in_channel".to_owned());
        assert!(matches!(channels.heed(&id, stale()).await, Failure::StaleChannel(_)));
        assert!(matches!(channels.heed(&id, stale()).await, Failure::StaleChannel(_)), "nobody has opened it since");
        channels.lock_doubts().insert(id.clone(), Doubt::Reopened);
        assert!(matches!(channels.heed(&id, stale()).await, Failure::ChannelClosed { .. }));
        channels.lock_doubts().insert(id.clone(), Doubt::Reopened);
        channels.trust(&id);
        assert!(matches!(channels.heed(&id, stale()).await, Failure::StaleChannel(_)));
    }
}
