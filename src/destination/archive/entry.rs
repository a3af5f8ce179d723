//! One line of a journal: what was posted, as it came, before any reader's markup.

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use super::upload::Upload;
use crate::delivery::{ChannelName, DeliveryKey, Receipt, Timeliness};
use crate::destination::post::{self, DatedBy, Post};
use crate::destination::{ChannelSpec, Standing, Visibility};
use crate::mail::Correspondent;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// What the channel is; the last such line holds.
    Channel(About),
    /// A post.
    Post(Box<Entry>),
    /// A post that was taken back: the line that said it stands no more. Programs before archives of format 2 do not know
    /// such lines and would take the last one for torn; [`super::place`] keeps them away.
    Retracted(Retraction),
}

/// Which post was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Retraction {
    /// Where it stood.
    pub(super) ts: Stamp,
    /// Its delivery key.
    pub(super) key: DeliveryKey,
}

/// What a channel is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    /// Its name in the configuration.
    pub(super) name: ChannelName,
    /// What it is for.
    pub(super) purpose: String,
    /// Who may see it, where the export is imported somewhere.
    pub(super) visibility: Visibility,
}

impl From<&ChannelSpec> for About {
    fn from(spec: &ChannelSpec) -> Self {
        Self { name: spec.name.clone(), purpose: spec.purpose.clone(), visibility: spec.visibility }
    }
}

/// A post that stands in the channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Its delivery key.
    pub(super) key: DeliveryKey,
    /// Where it stands.
    pub(super) ts: Stamp,
    /// Its thread's first post; `None` where it is that itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) root: Option<Stamp>,
    /// The author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) author: Option<Correspondent>,
    /// The list that passed it on under its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) via: Option<Correspondent>,
    /// What a reader must know about the people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) remarks: Vec<String>,
    /// To.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) to: Vec<Correspondent>,
    /// Cc.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) cc: Vec<Correspondent>,
    /// The subject.
    pub(super) subject: String,
    /// The true date, which `ts` may have to leave.
    pub(super) date: DateTime<FixedOffset>,
    /// Where the date is from.
    pub(super) dated: Dated,
    /// Whether newer messages of its thread were posted before it.
    #[serde(default, skip_serializing_if = "Timeliness::is_in_time")]
    pub(super) timeliness: Timeliness,
    /// What it says.
    pub(super) content: Content,
}

/// Where a date is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Dated {
    /// The sender said so.
    Sender,
    /// Something on the way did.
    Inferred,
}

/// What a post says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Content {
    /// A piece of the text.
    Text {
        /// The text.
        text: String,
        /// Its place among the pieces, from 1.
        number: u32,
        /// How many pieces there are.
        of: u32,
    },
    /// A file, whose bytes lie among the uploads.
    File(Upload),
}

impl Entry {
    /// The entry of a post that shall stand there.
    pub(super) fn of(post: &Post, ts: Stamp, root: Option<Stamp>) -> Self {
        let heading = &post.heading;
        Self {
            key: post.key,
            ts,
            root,
            author: heading.author.clone(),
            via: heading.via.clone(),
            remarks: heading.remarks.clone(),
            to: heading.to.clone(),
            cc: heading.cc.clone(),
            subject: heading.subject.clone(),
            date: heading.date,
            dated: match heading.dated_by {
                DatedBy::Sender => Dated::Sender,
                DatedBy::Inferred => Dated::Inferred,
            },
            timeliness: heading.timeliness,
            content: match &post.content {
                post::Content::Text { text, number, of } => Content::Text { text: text.clone(), number: *number, of: *of },
                post::Content::File { name, media_type, sha256, bytes } => {
                    Content::File(Upload::of(&post.key, name, media_type, *sha256, bytes.len() as u64))
                }
            },
        }
    }

    /// The post as one that stands.
    pub(super) fn standing(&self) -> Standing {
        let files = match &self.content {
            Content::File(upload) => vec![upload.id.clone()],
            Content::Text { .. } => Vec::new(),
        };
        Standing { receipt: Receipt { id: self.ts.to_string() }, key: Some(self.key.to_string()), files }
    }

    /// The first post of its thread.
    pub(super) fn thread(&self) -> Stamp {
        self.root.unwrap_or(self.ts)
    }
}
