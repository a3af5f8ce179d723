//! Admission: a batch of what the sources found becomes part of the ledger, in one transaction with the checkpoints that
//! cover it. Identity, thread and route are settled here.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::audit::Stamp;
use super::change::Change;
use super::deliver::put_crossing_in;
use super::edit::Edit;
use super::keys;
use super::live;
use super::record::{Completeness, Crossing, CrossingId, End, MessageRecord, PositionRecord};
use super::store::Overlay;
use super::threads::Threads;
use super::{Ledger, LedgerError, decode, encode};
use crate::delivery::{ChannelName, DestinationName, PartnerName};
use crate::mail::thread::{Links, place};
use crate::mail::{Address, Digest, MessageId, MessageKey, ObjectId};
use crate::position::{Checkpoint, Position, SourceName};

/// One thing for the ledger, in the order in which its source sent it.
#[derive(Clone, Debug)]
pub enum Admission {
    /// A message at a position.
    Message(Box<Candidate>),
    /// A position that shows a message which was admitted under this object.
    Copy {
        /// The position.
        position: Position,
        /// What the account calls the message.
        object: ObjectId,
        /// Whether it was seen in a mailbox of what we sent.
        sent: bool,
        /// Where to go on.
        checkpoint: Option<Checkpoint>,
    },
    /// A position whose message cannot be read.
    Unreadable {
        /// The position.
        position: Position,
        /// Why.
        reason: String,
        /// Where to go on.
        checkpoint: Option<Checkpoint>,
    },
    /// A mailbox was read to its end.
    MailboxDone {
        /// The source.
        source: SourceName,
        /// The mailbox.
        mailbox: String,
        /// Where to go on.
        checkpoint: Option<Checkpoint>,
    },
}

/// A message that may be new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Where it was seen.
    pub position: Position,
    /// What it says about its thread; also its key.
    pub links: Links,
    /// Where the vault keeps it.
    pub vault: String,
    /// The date that orders it.
    pub date: DateTime<Utc>,
    /// When the server or the archive got it.
    pub internal_date: Option<DateTime<Utc>>,
    /// When it arrived, where it arrived live; `None` for mail of the past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<DateTime<Utc>>,
    /// Whether it was seen in a mailbox of what we sent.
    pub sent: bool,
    /// Its Message-ID.
    pub message_id: Option<MessageId>,
    /// The subject, cut to what a list shows.
    pub subject: String,
    /// From, To and Cc.
    pub audience: Vec<Address>,
    /// How it ends unless it is routed.
    pub end: End,
    /// The channels that it goes to; empty unless `end` is [`End::Routed`].
    pub bound_for: Vec<Bound>,
    /// What was odd.
    pub notes: Vec<String>,
    /// What the account calls it, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// Where to go on.
    pub checkpoint: Option<Checkpoint>,
}

/// A channel that a message goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The partner whose channel it is.
    pub partner: PartnerName,
    /// Where the channel is.
    pub destination: DestinationName,
    /// The channel.
    pub channel: ChannelName,
}

/// What became of one admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// A new message.
    New,
    /// A copy of a known one at a new position.
    Duplicate,
    /// A position that was recorded before; nothing changed.
    Known,
    /// An unreadable position.
    Unreadable,
    /// No message: a checkpoint only.
    Nothing,
}

impl Ledger {
    /// Admits a batch, all or nothing, and flushes. After it returns, a kill or a power cut loses none of it, and the
    /// checkpoints cover exactly what was admitted.
    ///
    /// # Errors
    /// When the ledger cannot be read or written; then nothing of the batch is recorded.
    pub fn admit<'a>(&self, batch: impl IntoIterator<Item = &'a Admission>) -> Result<Vec<Admitted>, LedgerError> {
        self.edit(|edit| batch.into_iter().map(|admission| admit_one(edit, admission)).collect())
    }

    /// Takes messages that were admitted before to partners that the configuration names only now. A message that already
    /// goes to a partner is left alone, whatever its channel is called today: nothing is posted anew. Durable when it
    /// returns. Returns how many messages got a new way.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub fn reroute(&self, routes: &[(MessageKey, Vec<Bound>)]) -> Result<u64, LedgerError> {
        self.edit(|edit| {
            let mut rerouted = 0;
            for (message, bound_for) in routes {
                let mut taken = Vec::new();
                for id in &self.message(message)?.crossings {
                    taken.push(self.crossing(id)?.partner);
                }
                let new: Vec<Bound> = bound_for.iter().filter(|bound| !taken.contains(&bound.partner)).cloned().collect();
                if !new.is_empty() {
                    edit.make(Change::Rerouted { message: *message, bound_for: new })?;
                    rerouted += 1;
                }
            }
            Ok(rerouted)
        })
    }

    /// The digest of the partners by which all messages are routed, once [`Ledger::routed_by`] was called.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn routing(&self) -> Result<Option<Digest>, LedgerError> {
        self.store().get(keys::table::ROUTING)?.map(|bytes| decode(&bytes)).transpose()
    }

    /// Records by which partners all messages are routed.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn routed_by(&self, routing: &Digest) -> Result<(), LedgerError> {
        self.change(vec![Change::RoutedBy(*routing)])
    }

    /// Whether a source was read to its end when it was last read, or is followed since it was.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn was_read(&self, source: &SourceName) -> Result<bool, LedgerError> {
        let ended = self.store().get(&keys::source(source))?.map(|bytes| decode::<Completeness>(&bytes)).transpose()?;
        Ok(ended == Some(Completeness::Complete))
    }

    /// Records how the scan of a source ended.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub fn scanned(&self, source: &SourceName, completeness: Completeness) -> Result<(), LedgerError> {
        let before = self.store().get(&keys::source(source))?.map(|bytes| decode::<Completeness>(&bytes)).transpose()?;
        if before == Some(completeness) {
            return Ok(());
        }
        self.change(vec![Change::Scanned { source: source.clone(), completeness }])
    }
}

/// Finds out what an admission changes, and changes it.
fn admit_one(edit: &mut Edit<'_>, admission: &Admission) -> Result<Admitted, LedgerError> {
    match admission {
        Admission::Message(candidate) => admit_message(edit, candidate),
        Admission::Copy { position, object, sent, checkpoint } => {
            if is_settled(edit, position)? {
                reach(edit, &position.source, &position.mailbox, checkpoint.as_ref())?;
                return Ok(Admitted::Known);
            }
            let bytes = edit.get(&keys::object(object))?;
            let bytes = bytes.ok_or_else(|| LedgerError::Damaged(format!("{position} shows a message that is not recorded")))?;
            let (message, position, checkpoint) = (decode(&bytes)?, position.clone(), checkpoint.clone());
            edit.make(Change::Seen { position, message, sent: *sent, object: None, checkpoint })?;
            Ok(Admitted::Duplicate)
        }
        Admission::Unreadable { position, reason, checkpoint } => {
            let before = edit.get(&keys::position(position))?.map(|bytes| PositionRecord::from_bytes(&bytes)).transpose()?;
            match before {
                Some(PositionRecord::Admitted(_) | PositionRecord::Duplicate(_)) => {
                    reach(edit, &position.source, &position.mailbox, checkpoint.as_ref())?;
                    return Ok(Admitted::Known);
                }
                Some(PositionRecord::Unreadable(before)) if before == *reason => {
                    reach(edit, &position.source, &position.mailbox, checkpoint.as_ref())?;
                }
                Some(PositionRecord::Unreadable(_)) | None => {
                    let (position, reason, checkpoint) = (position.clone(), reason.clone(), checkpoint.clone());
                    edit.make(Change::Unreadable { position, reason, checkpoint })?;
                }
            }
            Ok(Admitted::Unreadable)
        }
        Admission::MailboxDone { source, mailbox, checkpoint } => {
            reach(edit, source, mailbox, checkpoint.as_ref())?;
            Ok(Admitted::Nothing)
        }
    }
}

fn admit_message(edit: &mut Edit<'_>, candidate: &Candidate) -> Result<Admitted, LedgerError> {
    let position = &candidate.position;
    if is_settled(edit, position)? {
        reach(edit, &position.source, &position.mailbox, candidate.checkpoint.as_ref())?;
        return Ok(Admitted::Known);
    }
    let message = candidate.links.key;
    if edit.get(&keys::message(&message))?.is_none() {
        edit.make(Change::Admitted(Box::new(candidate.clone())))?;
        return Ok(Admitted::New);
    }
    let object = candidate.object.filter(|object| edit.get(&keys::object(object)).is_ok_and(|known| known.is_none()));
    let (position, checkpoint) = (position.clone(), candidate.checkpoint.clone());
    edit.make(Change::Seen { position, message, sent: candidate.sent, object, checkpoint })?;
    Ok(Admitted::Duplicate)
}

/// Whether a position was recorded with its message.
fn is_settled(edit: &Edit<'_>, position: &Position) -> Result<bool, LedgerError> {
    let before = edit.get(&keys::position(position))?.map(|bytes| PositionRecord::from_bytes(&bytes)).transpose()?;
    Ok(before.is_some_and(|before| !matches!(before, PositionRecord::Unreadable(_))))
}

/// Moves a checkpoint, unless it stands there already.
fn reach(edit: &mut Edit<'_>, source: &SourceName, mailbox: &str, checkpoint: Option<&Checkpoint>) -> Result<(), LedgerError> {
    let Some(checkpoint) = checkpoint else { return Ok(()) };
    if edit.get(&keys::checkpoint(source, mailbox))? == Some(encode(checkpoint)?) {
        return Ok(());
    }
    edit.make(Change::Reached { source: source.clone(), mailbox: mailbox.to_owned(), checkpoint: checkpoint.clone() })
}

pub(super) fn reached(
    transaction: &mut Overlay<'_>,
    source: &SourceName,
    mailbox: &str,
    checkpoint: &Checkpoint,
) -> Result<(), LedgerError> {
    transaction.put(keys::checkpoint(source, mailbox), encode(checkpoint)?);
    Ok(())
}

fn reached_at(transaction: &mut Overlay<'_>, position: &Position, checkpoint: Option<&Checkpoint>) -> Result<(), LedgerError> {
    checkpoint.map_or(Ok(()), |checkpoint| reached(transaction, &position.source, &position.mailbox, checkpoint))
}

pub(super) fn unreadable(
    transaction: &mut Overlay<'_>,
    position: &Position,
    reason: &str,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), LedgerError> {
    transaction.put(keys::position(position), PositionRecord::Unreadable(reason.to_owned()).to_bytes());
    reached_at(transaction, position, checkpoint)
}

pub(super) fn seen(
    transaction: &mut Overlay<'_>,
    position: &Position,
    message: MessageKey,
    sent: bool,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), LedgerError> {
    transaction.put(keys::position(position), PositionRecord::Duplicate(message).to_bytes());
    let mut record = message_in(transaction, &message)?;
    if sent && !record.sent {
        record.sent = true;
        transaction.put(keys::message(&message), encode(&record)?);
    }
    reached_at(transaction, position, checkpoint)
}

/// An account calls a message so.
pub(super) fn called(transaction: &mut Overlay<'_>, object: &ObjectId, message: &MessageKey) -> Result<(), LedgerError> {
    transaction.put(keys::object(object), encode(message)?);
    Ok(())
}

pub(super) fn admitted(transaction: &mut Overlay<'_>, stamp: &Stamp, candidate: &Candidate) -> Result<(), LedgerError> {
    let key = candidate.links.key;
    let thread = place(&candidate.links, &mut Threads(transaction))?;
    let dates = (candidate.date, candidate.arrived);
    let bound_for = candidate.bound_for.iter();
    let crossings: Vec<_> = bound_for.map(|bound| put_crossing(transaction, key, dates, bound)).collect::<Result<_, _>>()?;
    if let Some(arrived) = candidate.arrived {
        crossings.iter().for_each(|id| live::counted(transaction, id, (&thread, candidate.audience.first()), arrived));
    }
    let record = MessageRecord {
        vault: candidate.vault.clone(),
        thread,
        date: candidate.date,
        internal_date: candidate.internal_date,
        source: candidate.position.source.clone(),
        sent: candidate.sent,
        message_id: candidate.message_id.clone(),
        subject: candidate.subject.clone(),
        audience: candidate.audience.clone(),
        end: candidate.end.clone(),
        crossings,
        batch: stamp.batch,
        notes: candidate.notes.clone(),
    };
    if let Some(object) = &candidate.object {
        called(transaction, object, &key)?;
    }
    transaction.put(keys::message_of(&thread, candidate.date, &key), Vec::new());
    transaction.put(keys::message(&key), encode(&record)?);
    transaction.put(keys::position(&candidate.position), PositionRecord::Admitted(key).to_bytes());
    reached_at(transaction, &candidate.position, candidate.checkpoint.as_ref())
}

pub(super) fn rerouted(transaction: &mut Overlay<'_>, message: &MessageKey, bound_for: &[Bound]) -> Result<(), LedgerError> {
    let mut record = message_in(transaction, message)?;
    record.end = End::Routed;
    for bound in bound_for {
        record.crossings.push(put_crossing(transaction, *message, (record.date, None), bound)?);
    }
    transaction.put(keys::message(message), encode(&record)?);
    Ok(())
}

pub(super) fn routed_by(transaction: &mut Overlay<'_>, routing: &Digest) -> Result<(), LedgerError> {
    transaction.put(keys::table::ROUTING.to_vec(), encode(routing)?);
    Ok(())
}

pub(super) fn scanned(transaction: &mut Overlay<'_>, source: &SourceName, completeness: Completeness) -> Result<(), LedgerError> {
    transaction.put(keys::source(source), encode(&completeness)?);
    Ok(())
}

/// A message as a transaction sees it.
pub(super) fn message_in(transaction: &Overlay<'_>, key: &MessageKey) -> Result<MessageRecord, LedgerError> {
    let bytes = transaction.get(&keys::message(key))?;
    decode(&bytes.ok_or_else(|| LedgerError::Damaged(format!("message {key} is not recorded")))?)
}

/// Plans the way of a message to a channel.
fn put_crossing(
    transaction: &mut Overlay<'_>,
    message: MessageKey,
    (date, arrived): (DateTime<Utc>, Option<DateTime<Utc>>),
    bound: &Bound,
) -> Result<CrossingId, LedgerError> {
    let id = CrossingId { message, destination: bound.destination.clone(), channel: bound.channel.clone() };
    let crossing = Crossing { arrived, ..Crossing::planned(id.clone(), bound.partner.clone(), date) };
    put_crossing_in(transaction, &crossing)?;
    Ok(id)
}
