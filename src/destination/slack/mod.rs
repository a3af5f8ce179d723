//! Slack.

use std::time::Duration;

use async_trait::async_trait;

use super::{ChannelSpec, Destination, EmptyFiles, Failure, Limits, Post};
use crate::delivery::{Attempt, ChannelId, DeliveryKey, DestinationName, Handle, Receipt};
use crate::finding::Finding;

/// A destination of kind `slack`.
#[derive(Debug)]
pub struct SlackDestination {
    name: DestinationName,
    settings: SlackSettings,
}

impl SlackDestination {
    /// A destination with checked settings.
    ///
    /// # Errors
    /// When it cannot be set up on this machine.
    pub fn new(name: DestinationName, settings: SlackSettings) -> Result<Self, Failure> {
        Ok(Self { name, settings })
    }
}

#[async_trait]
impl Destination for SlackDestination {
    fn name(&self) -> &DestinationName {
        &self.name
    }

    fn limits(&self) -> Limits {
        Limits {
            text_chars: 3_500,
            file_bytes: 1_000_000_000,
            empty_files: EmptyFiles::Refused,
            posts_per_second: None,
            workspace_posts_per_minute: None,
        }
    }

    fn settle_time(&self) -> Duration {
        Duration::ZERO
    }

    async fn check(&self, _channels: &[ChannelSpec]) -> Vec<Finding> {
        vec![Finding::fine("", format!("{:?}", self.settings))]
    }

    async fn open(&self, channel: &ChannelSpec) -> Result<ChannelId, Failure> {
        Ok(ChannelId::new(channel.name.as_str()))
    }

    async fn prepare(&self, _post: &Post) -> Result<Handle, Failure> {
        Ok(Handle::new(""))
    }

    async fn post(
        &self,
        _channel: &ChannelId,
        _root: Option<&Receipt>,
        _post: &Post,
        _handle: &Handle,
    ) -> Result<Receipt, Failure> {
        Err(Failure::Refused("not written".into()))
    }

    async fn lookup(
        &self,
        _channel: &ChannelId,
        _root: Option<&Receipt>,
        _key: &DeliveryKey,
        _attempt: &Attempt,
    ) -> Result<Option<Receipt>, Failure> {
        Ok(None)
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
