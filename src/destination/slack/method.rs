//! The methods of Slack's API that we call: what each does to the world, and how often it may be called.

use std::fmt;

/// A method of the Web API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    /// Whose token it is.
    AuthTest,
    /// Takes back a message of our own.
    ChatDelete,
    /// Posts a message.
    ChatPostMessage,
    /// Creates a channel.
    ConversationsCreate,
    /// The messages of a channel, without replies.
    ConversationsHistory,
    /// Joins a public channel.
    ConversationsJoin,
    /// The channels that the bot can see.
    ConversationsList,
    /// The messages of a thread.
    ConversationsReplies,
    /// Says what a channel is for.
    ConversationsSetPurpose,
    /// Shares uploaded files.
    FilesCompleteUploadExternal,
    /// Takes back a file of our own, wherever it is shared.
    FilesDelete,
    /// The address to upload a file to.
    FilesGetUploadUrlExternal,
    /// One file, and where it is shared.
    FilesInfo,
}

/// What a second call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that the first did not do: reads, and what finds itself done. A call without an answer is called again.
    Repeatable,
    /// The same once more, for all to see. A call without an answer is looked up first.
    Once,
}

impl Method {
    /// Its name, which ends its address.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AuthTest => "auth.test",
            Self::ChatDelete => "chat.delete",
            Self::ChatPostMessage => "chat.postMessage",
            Self::ConversationsCreate => "conversations.create",
            Self::ConversationsHistory => "conversations.history",
            Self::ConversationsJoin => "conversations.join",
            Self::ConversationsList => "conversations.list",
            Self::ConversationsReplies => "conversations.replies",
            Self::ConversationsSetPurpose => "conversations.setPurpose",
            Self::FilesCompleteUploadExternal => "files.completeUploadExternal",
            Self::FilesDelete => "files.delete",
            Self::FilesGetUploadUrlExternal => "files.getUploadURLExternal",
            Self::FilesInfo => "files.info",
        }
    }

    /// What a second call does. Creating a channel is repeatable, since the second call finds the name taken; so is
    /// deleting, since the second call finds nothing left: an answer that was lost is no reason to look anything up.
    pub(super) fn effect(self) -> Effect {
        match self {
            Self::ChatPostMessage | Self::FilesCompleteUploadExternal => Effect::Once,
            Self::AuthTest
            | Self::ChatDelete
            | Self::ConversationsCreate
            | Self::ConversationsHistory
            | Self::ConversationsJoin
            | Self::ConversationsList
            | Self::ConversationsReplies
            | Self::ConversationsSetPurpose
            | Self::FilesDelete
            | Self::FilesGetUploadUrlExternal
            | Self::FilesInfo => Effect::Repeatable,
        }
    }

    /// How many calls a minute are promised to every app (Slack's rate limit tiers 2, 3 and 4); `None` for methods with
    /// limits of their own, and for posts, which keep their pace by [`Pace`](crate::destination::Pace).
    pub(super) fn calls_per_minute(self) -> Option<f64> {
        match self {
            Self::ConversationsCreate | Self::ConversationsList | Self::ConversationsSetPurpose => Some(20.0),
            Self::ChatDelete
            | Self::ConversationsHistory
            | Self::ConversationsJoin
            | Self::ConversationsReplies
            | Self::FilesDelete => Some(50.0),
            Self::FilesGetUploadUrlExternal | Self::FilesInfo => Some(100.0),
            Self::AuthTest | Self::ChatPostMessage | Self::FilesCompleteUploadExternal => None,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
