//! Slack: channels and threads of a workspace, over its Web API.
//!
//! - A text is one message; its metadata carry the delivery key, by which a lookup finds it again. A file is uploaded
//!   beforehand and shared into the thread of its message; it is found again by its id.
//! - Slack has no key that makes a repeated post harmless, and cannot date a post back. So nothing is sent twice in here,
//!   and the date stands in the heading.
//! - A call goes through `api`, which says what an answer means by the one table in `errors`.

mod api;
mod channels;
mod check;
mod errors;
mod files;
mod heading;
mod lookup;
mod message;
mod method;
mod pages;
mod settling;
mod standing;
mod tempo;
mod text;

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::post::Content;
use super::{ChannelSpec, Destination, EmptyFiles, Failure, Limits, Pace, Post, Regard, Standing};
use crate::delivery::{Attempt, ChannelId, DeliveryKey, DestinationName, Handle, Receipt};
use crate::finding::Finding;

use self::api::{Api, Trouble};
use self::channels::Channels;
pub use self::message::Message;
use self::message::TEXT_MAX_CHARS;
use self::method::Method;
use self::settling::Settling;
use self::standing::Ourselves;

/// The text of one post, heading included: Slack recommends at most 4,000 characters, and escaping needs room.
const TEXT_CHARS: usize = 3_500;
/// Slack's largest file.
const FILE_MAX_BYTES: u64 = 1_000_000_000;

/// A destination of kind `slack`.
#[derive(Debug)]
pub struct SlackDestination {
    name: DestinationName,
    settings: SlackSettings,
    api: Api,
    channels: Channels,
    pace: Pace,
    ourselves: OnceCell<Ourselves>,
    settling: Settling,
}

impl SlackDestination {
    /// A destination with checked settings.
    ///
    /// # Errors
    /// When it cannot be set up on this machine.
    pub fn new(name: DestinationName, settings: SlackSettings) -> Result<Self, Failure> {
        let api = Api::new(&settings)?;
        let pace = Pace::new(settings.posts_per_second, settings.workspace_posts_per_minute);
        Ok(Self {
            name,
            settings,
            api,
            channels: Channels::default(),
            pace,
            ourselves: OnceCell::new(),
            settling: Settling::default(),
        })
    }

    async fn post_message(&self, channel: &ChannelId, root: Option<&Receipt>, message: &Message) -> Result<Receipt, Failure> {
        #[derive(Deserialize)]
        struct Posted {
            ts: String,
            #[serde(default)]
            message: serde_json::Value,
        }
        let length = message.text.chars().count();
        if length > TEXT_MAX_CHARS {
            return Err(Failure::Refused(format!("the text has {length} characters; slack cuts it at {TEXT_MAX_CHARS}")));
        }
        let mut fields = vec![
            ("channel", channel.as_str()),
            ("text", &message.text),
            ("blocks", &message.blocks),
            ("metadata", &message.metadata),
            ("mrkdwn", "false"),
            ("unfurl_links", "false"),
            ("unfurl_media", "false"),
        ];
        fields.extend(root.map(|root| ("thread_ts", root.id.as_str())));
        let answer = self.api.call::<Posted>(Method::ChatPostMessage, &fields).await?;
        let receipt = Receipt { id: answer.body.ts };
        if receipt.id.is_empty() {
            return Err(Trouble::incomplete(Method::ChatPostMessage, "the answer has no ts").into());
        }
        if answer.warnings.iter().any(|warning| warning == "message_truncated") {
            return Err(self.take_back(channel, &receipt, "slack cut the text (message_truncated)").await);
        }
        match root {
            Some(root) if standing::may_be_outside(&answer.body.message) => self.inside(channel, root, receipt).await,
            _ => Ok(receipt),
        }
    }

    /// An answer to a thread whose first post is gone Slack puts into the channel itself, without a word. What the channel
    /// cannot say (a missing right, no answer) does not undo that the post stands.
    async fn inside(&self, channel: &ChannelId, root: &Receipt, receipt: Receipt) -> Result<Receipt, Failure> {
        match standing::has_thread(&self.api, channel, root).await {
            Ok(false) => {
                let why = format!("the first post of its thread ({}) is gone, and slack put it into the channel", root.id);
                Err(self.take_back(channel, &receipt, &why).await)
            }
            Ok(true) => Ok(receipt),
            Err(failure) => {
                tracing::debug!(channel.id = %channel, %failure, "whether a post stands in its thread is not known");
                Ok(receipt)
            }
        }
    }

    /// Takes back a post that does not stand as it should: it does not count, so it must not stand at all.
    async fn take_back(&self, channel: &ChannelId, receipt: &Receipt, why: &str) -> Failure {
        let what = match standing::retract(&self.api, channel, Some(receipt), None).await {
            Ok(()) => "the post was taken back".to_owned(),
            Err(failure) => format!("the post {} stands and has to be deleted: {failure}", receipt.id),
        };
        Failure::Refused(format!("{why}; {what}"))
    }

    /// Who we are, asked once.
    async fn ourselves(&self) -> Result<&Ourselves, Failure> {
        self.ourselves.get_or_try_init(|| Ourselves::ask(&self.api)).await
    }

    /// The receipt with the `ts` of the post. One that is a file's id is of a post whose `ts` never showed: the file says
    /// where it is shared, as far as it does; `None` where it is not there, or shared nowhere in the channel.
    async fn located(&self, channel: &ChannelId, receipt: &Receipt) -> Result<Option<Receipt>, Failure> {
        if is_ts(receipt) {
            return Ok(Some(receipt.clone()));
        }
        match files::shared(&self.api, channel, &Handle::new(&*receipt.id), self.settings.settle).await {
            Ok(found) => Ok(found),
            Err(trouble) if files::is_gone(&trouble) => Ok(None),
            Err(trouble) => Err(trouble.concerning_this_alone()),
        }
    }

    /// An outcome, with what it says about the channel taken to heart.
    async fn heeded<T>(&self, channel: &ChannelId, outcome: Result<T, Failure>) -> Result<T, Failure> {
        match outcome {
            Err(failure) => Err(self.channels.heed(channel, failure).await),
            done => done,
        }
    }
}

/// What Slack is told of a post of text; `None` for a file, which is uploaded and shared instead.
pub fn said(post: &Post) -> Option<Message> {
    match &post.content {
        Content::Text { text, number, of } => Some(Message::new(post, text, *number, *of)),
        Content::File { .. } => None,
    }
}

/// Whether a receipt is the `ts` of a message: seconds, a point, six digits. A file's id has no point.
fn is_ts(receipt: &Receipt) -> bool {
    receipt.id.contains('.')
}

#[async_trait]
impl Destination for SlackDestination {
    fn name(&self) -> &DestinationName {
        &self.name
    }

    fn limits(&self) -> Limits {
        let rate = |rate: f64| (rate > 0.0).then_some(rate);
        Limits {
            text_chars: TEXT_CHARS,
            file_bytes: FILE_MAX_BYTES,
            empty_files: EmptyFiles::Refused,
            posts_per_second: rate(self.settings.posts_per_second),
            workspace_posts_per_minute: rate(self.settings.workspace_posts_per_minute),
        }
    }

    fn settle_time(&self) -> Duration {
        self.settings.settle
    }

    async fn check(&self, channels: &[ChannelSpec]) -> Vec<Finding> {
        check::check(&self.api, &format!("destination {}", self.name), channels).await
    }

    async fn open(&self, channel: &ChannelSpec) -> Result<ChannelId, Failure> {
        self.channels.open(&self.api, channel).await
    }

    async fn prepare(&self, post: &Post) -> Result<Handle, Failure> {
        match &post.content {
            Content::Text { .. } => Ok(Handle::new("")),
            Content::File { bytes, .. } if bytes.is_empty() => Err(Failure::Refused("slack takes no empty file".to_owned())),
            Content::File { name, bytes, .. } => files::upload(&self.api, name, bytes).await,
        }
    }

    async fn turn(&self, channel: &ChannelId) {
        self.pace.wait(channel).await;
    }

    async fn post(&self, channel: &ChannelId, root: Option<&Receipt>, post: &Post, handle: &Handle) -> Result<Receipt, Failure> {
        let outcome = match &post.content {
            Content::Text { text, number, of } => self.post_message(channel, root, &Message::new(post, text, *number, *of)).await,
            Content::File { name, .. } => files::share(&self.api, channel, root, name, handle, self.settings.settle).await,
        };
        match outcome {
            Ok(receipt) => {
                self.channels.trust(channel);
                Ok(receipt)
            }
            Err(Failure::Wait(pause)) => {
                self.pace.hold_back(pause);
                Err(Failure::Wait(pause))
            }
            Err(failure @ Failure::Unknown(_)) => {
                self.settling.begin(post.key, self.settings.settle);
                Err(failure)
            }
            Err(failure) => Err(self.channels.heed(channel, failure).await),
        }
    }

    async fn lookup(
        &self,
        channel: &ChannelId,
        root: Option<&Receipt>,
        key: &DeliveryKey,
        attempt: &Attempt,
    ) -> Result<Option<Receipt>, Failure> {
        self.settling.end(key).await;
        let outcome = if attempt.handle.as_str().is_empty() {
            lookup::text(&self.api, channel, root, key, attempt).await
        } else {
            lookup::file(&self.api, channel, attempt, self.settings.settle).await
        };
        self.heeded(channel, outcome).await
    }

    async fn regard(&self, channel: &ChannelId, root: Option<&Receipt>, receipt: &Receipt) -> Result<Regard, Failure> {
        let outcome = async {
            let ourselves = self.ourselves().await?;
            match self.located(channel, receipt).await? {
                Some(post) if is_ts(&post) => standing::regard(&self.api, ourselves, channel, root, &post.id).await,
                Some(file) => Err(Failure::Refused(format!("slack does not say which post shares the file {}", file.id))),
                None => Ok(Regard::Gone),
            }
        };
        self.heeded(channel, outcome.await).await
    }

    async fn retract(&self, channel: &ChannelId, receipt: &Receipt, handle: &Handle) -> Result<(), Failure> {
        let file = match is_ts(receipt) {
            true => Some(handle.clone()).filter(|handle| !handle.as_str().is_empty()),
            false => Some(Handle::new(&*receipt.id)),
        };
        let outcome = async {
            // The message first: once its file is gone, nothing says any more where it is.
            let post = self.located(channel, receipt).await?.filter(is_ts);
            standing::retract(&self.api, channel, post.as_ref(), file.as_ref()).await
        };
        self.heeded(channel, outcome.await).await
    }

    async fn thread(&self, channel: &ChannelId, root: &Receipt) -> Result<Vec<Standing>, Failure> {
        let outcome = async { standing::thread(&self.api, self.ourselves().await?, channel, root).await };
        self.heeded(channel, outcome.await).await
    }

    async fn publish(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn entrance(&self) -> Option<String> {
        None
    }
}

/// The settings of a Slack destination, checked.
#[derive(Clone, Debug)]
pub struct SlackSettings {
    /// The bot token (`xoxb-…`).
    pub token: secrecy::SecretString,
    /// Where the API is, ending in `/`; the real one is `https://slack.com/api/`.
    pub api_url: String,
    /// Posts a second in one channel; Slack's own figure is 1.
    pub posts_per_second: f64,
    /// Posts a minute in the workspace; "several hundred", default 300.
    pub workspace_posts_per_minute: f64,
    /// How long a call without an answer may still take effect.
    pub settle: Duration,
}
