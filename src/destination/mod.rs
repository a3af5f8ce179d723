//! Where posts go.
//!
//! A destination promises three things to the engine:
//! - [`Destination::prepare`] has no effect that anybody can see; [`Destination::post`] has one. The engine records its
//!   intent, flushed, between the two.
//! - A post carries its delivery key, so that [`Destination::lookup`] can say whether an attempt took effect.
//! - A failure is sorted ([`Failure`]) by what has to be done about it, and says truthfully whether something may have
//!   taken effect: [`Failure::Unknown`] where it may, every other only where it certainly has not.

pub mod archive;
mod pace;
mod pieces;
pub mod post;
pub mod slack;

use std::time::Duration;

use async_trait::async_trait;

use crate::delivery::{Attempt, ChannelId, ChannelName, DeliveryKey, DestinationName, Handle, Receipt};
use crate::finding::Finding;

pub use self::archive::ArchiveDestination;
pub use self::pace::Pace;
pub use self::post::Post;
pub use self::slack::SlackDestination;

/// What a destination can carry, and how fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Characters (Unicode scalars) of text in one post, heading included.
    pub text_chars: usize,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Whether an empty file can be carried.
    pub empty_files: EmptyFiles,
    /// Posts and files a second in one channel; `None`: as fast as it goes.
    pub posts_per_second: Option<f64>,
    /// Posts and files a minute in the whole workspace; `None`: as fast as it goes.
    pub workspace_posts_per_minute: Option<f64>,
}

/// Whether a destination takes a file without bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyFiles {
    /// It does.
    Carried,
    /// It refuses them: they are named in the text (Slack: `missing_argument`).
    Refused,
}

/// A channel as the configuration wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSpec {
    /// Its name.
    pub name: ChannelName,
    /// Who may see it where it has to be created.
    pub visibility: Visibility,
    /// What it is for: set as its purpose where it has to be created.
    pub purpose: String,
}

/// Who may see a channel that is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everyone in the workspace.
    Public,
    /// Its members.
    Private,
}

/// Why a call to a destination did not succeed, sorted by what has to be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing took effect; call again after this time (429, a rate-limit error).
    #[error("asked to wait {} s", .0.as_secs())]
    Wait(Duration),
    /// Nothing took effect, and the trouble may pass (connection refused, DNS): call again with growing pauses.
    #[error("{0}")]
    Transient(String),
    /// **It may have taken effect**: look it up before anything is sent again.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// Nothing took effect since the channel is not what it was (not found, not joined): open it anew, then call again.
    #[error("the channel has to be looked up again: {0}")]
    StaleChannel(String),
    /// Nothing took effect and never will: this delivery waits for a person.
    #[error("{0}")]
    Refused(String),
    /// Nothing took effect, and nothing will on this whole channel until an administrator acts; other channels go on.
    #[error("{why}; {advice}")]
    ChannelClosed {
        /// What the destination said.
        why: String,
        /// What the administrator must do.
        advice: String,
    },
    /// Nothing took effect, and nothing will on the whole destination until an administrator acts.
    #[error("{why}; {advice}")]
    Stop {
        /// What the destination said.
        why: String,
        /// What the administrator must do.
        advice: String,
    },
}

/// How people have met one of our posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regard {
    /// It stands no more: somebody deleted it, or it was retracted.
    Gone,
    /// It stands, and nobody answered it or reacted to it.
    Untouched,
    /// It stands, and people did something with it: what, as a sentence part such as "2 replies, 1 reaction". Our own posts
    /// do not count.
    Answered(String),
}

/// One of our posts that stands in a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its id, as its receipt has it.
    pub receipt: Receipt,
    /// The delivery key that it carries; `None` where it carries none, as files in Slack do.
    pub key: Option<String>,
    /// The ids of the files that it shares (a receipt of a file may be the file's id instead of the post's).
    pub files: Vec<String>,
}

/// A destination.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &DestinationName;

    /// What it can carry.
    fn limits(&self) -> Limits;

    /// How long a call without an answer may still take effect: only then is it looked up.
    fn settle_time(&self) -> Duration;

    /// Looks whether it can be posted to: login, rights, channels. Changes nothing.
    async fn check(&self, channels: &[ChannelSpec]) -> Vec<Finding>;

    /// Finds the channel, or creates it, and joins it where needed. After it returns, posts to the id can succeed.
    /// Calling it again gives the same channel.
    async fn open(&self, channel: &ChannelSpec) -> Result<ChannelId, Failure>;

    /// Does what can be done of a post without anybody seeing it (uploading a file's bytes). After it returns, the
    /// handle finds the post again. Repeating it has no effect that anybody can see.
    async fn prepare(&self, post: &Post) -> Result<Handle, Failure>;

    /// Waits until the pace lets a post go to this channel, and takes that turn. The engine calls it right before it
    /// records an attempt, so that the time of an attempt is the time of its call.
    async fn turn(&self, _channel: &ChannelId) {}

    /// Posts. `root` is the receipt of the thread's first post in this channel; `None` starts a thread. After it
    /// returns `Ok`, the post stands in the channel, whole.
    async fn post(&self, channel: &ChannelId, root: Option<&Receipt>, post: &Post, handle: &Handle) -> Result<Receipt, Failure>;

    /// Whether an attempt took effect: `Some` receipt when the post stands in the channel, `None` when it certainly
    /// does not. Never an `Ok(None)` out of an answer that was cut or refused.
    async fn lookup(
        &self,
        channel: &ChannelId,
        root: Option<&Receipt>,
        key: &DeliveryKey,
        attempt: &Attempt,
    ) -> Result<Option<Receipt>, Failure>;

    /// What people did with a post. `root` is the thread's first post where the post is a reply. Changes nothing.
    async fn regard(&self, channel: &ChannelId, root: Option<&Receipt>, receipt: &Receipt) -> Result<Regard, Failure>;

    /// Deletes one of our posts: after it returns, neither it nor its file stands. `handle` is that of the attempt that
    /// posted it (Slack: the file's id; empty for a text). Repeating it is harmless: what is gone already is `Ok`.
    async fn retract(&self, channel: &ChannelId, receipt: &Receipt, handle: &Handle) -> Result<(), Failure>;

    /// Every post of ours that stands in the thread of `root`, in order: the root first, unless it is gone; empty where
    /// nothing stands. Never a list out of an answer that was cut or refused.
    async fn thread(&self, channel: &ChannelId, root: &Receipt) -> Result<Vec<Standing>, Failure>;

    /// Makes all that was posted ready to be read (the archive writes its day files and pages). Called now and then and
    /// at the end; cheap where nothing changed.
    async fn publish(&self) -> Result<(), Failure>;

    /// What a person should open to see the result, such as the path of a page.
    fn entrance(&self) -> Option<String>;
}
