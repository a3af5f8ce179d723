//! What is known of messages before they are fetched: sizes, dates, and what the account calls them.

use std::collections::BTreeMap;

use async_imap::imap_proto::AttributeValue;
use chrono::{DateTime, Utc};

use super::command::{Command, Connection};
use super::failure::Failure;
use super::fetch::{internal_date, message};
use super::objects::{Kind, Naming, Objects};
use crate::mail::ObjectId;

/// What is known of a message before it is fetched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outline {
    /// RFC822.SIZE: advisory, as Exchange and hMailServer are known to be wrong.
    pub(super) size: Option<u32>,
    /// INTERNALDATE.
    pub(super) internal_date: Option<DateTime<Utc>>,
    /// What the account calls it.
    pub(super) object: Option<ObjectId>,
    /// What Gmail says it is.
    pub(super) kind: Kind,
}

impl Outline {
    /// Whether what came can be the message: nothing, where something was announced, is a server that could not read it.
    pub(super) fn fits(&self, raw: &[u8]) -> bool {
        !raw.is_empty() || self.size.is_none_or(|size| size == 0)
    }
}

/// Sizes and dates of the messages from `first` to `last`, and what the account calls them. A server that offers names and
/// then refuses them is not asked for them again over this connection.
pub(super) async fn outlines(connection: &mut Connection, first: u32, last: u32) -> Result<BTreeMap<u32, Outline>, Failure> {
    let objects = connection.objects();
    match outlines_with(connection, objects, first, last).await {
        Err(Failure::Bad(_)) if objects.naming == Naming::EmailId => {
            let unnamed = objects.without_names();
            connection.name_objects(unnamed);
            outlines_with(connection, unnamed, first, last).await
        }
        outlines => outlines,
    }
}

async fn outlines_with(
    connection: &mut Connection,
    objects: Objects,
    first: u32,
    last: u32,
) -> Result<BTreeMap<u32, Outline>, Failure> {
    let mut outlines = BTreeMap::new();
    let command = format!("UID FETCH {first}:{last} (UID INTERNALDATE RFC822.SIZE{})", objects.items());
    let fetching = connection.run(Command::new(command), |answer| {
        if let Some((uid, attributes)) = message(answer)
            && (first..=last).contains(&uid)
        {
            let known: &mut Outline = outlines.entry(uid).or_default();
            known.size = size(attributes).or(known.size);
            known.internal_date = internal_date(attributes).or(known.internal_date);
            known.object = objects.object(attributes).or(known.object);
            known.kind = match objects.kind(attributes) {
                Kind::Unsaid => known.kind,
                said @ (Kind::Mail | Kind::Draft | Kind::Discarded) => said,
            };
        }
    });
    fetching.await?;
    Ok(outlines)
}

fn size(attributes: &[AttributeValue<'_>]) -> Option<u32> {
    attributes.iter().find_map(|attribute| if let AttributeValue::Rfc822Size(size) = attribute { Some(*size) } else { None })
}
