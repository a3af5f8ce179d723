//! Admission: a batch of what the sources found becomes part of the ledger, in one transaction with the checkpoints that
//! cover it. Identity, thread and route are settled here.

use chrono::{DateTime, Utc};

use super::keys;
use super::record::{Completeness, Crossing, CrossingId, End, MessageRecord, PositionRecord};
use super::store::Overlay;
use super::threads::Threads;
use super::{Ledger, LedgerError, decode, encode};
use crate::delivery::{ChannelName, DestinationName, PartnerName};
use crate::mail::thread::{Links, place};
use crate::mail::{Address, Digest, MessageId, MessageKey};
use crate::position::{Checkpoint, Position, SourceName};

/// One thing for the ledger, in the order in which its source sent it.
#[derive(Clone, Debug)]
pub enum Admission {
    /// A message at a position.
    Message(Box<Candidate>),
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
#[derive(Clone, Debug)]
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
    /// Where to go on.
    pub checkpoint: Option<Checkpoint>,
}

/// A channel that a message goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Admits a batch, all or nothing, and flushes. After it returns, a kill loses none of it, and the checkpoints cover
    /// exactly what was admitted.
    ///
    /// # Errors
    /// When the index cannot be read or written; then nothing of the batch is recorded.
    pub fn admit<'a>(&self, batch: impl IntoIterator<Item = &'a Admission>) -> Result<Vec<Admitted>, LedgerError> {
        let _writing = self.writing();
        let mut transaction = Overlay::new(self.store());
        let admitted = batch.into_iter().map(|admission| admit_one(&mut transaction, admission)).collect::<Result<_, _>>()?;
        self.store().apply(transaction.into_writes())?;
        self.store().barrier()?;
        Ok(admitted)
    }

    /// Takes messages that were admitted before to partners that the configuration names only now. A message that already
    /// goes to a partner is left alone, whatever its channel is called today: nothing is posted anew. Durable when it
    /// returns. Returns how many messages got a new way.
    ///
    /// # Errors
    /// When the index cannot be read or written.
    pub fn reroute(&self, routes: &[(MessageKey, Vec<Bound>)]) -> Result<u64, LedgerError> {
        let _writing = self.writing();
        let mut transaction = Overlay::new(self.store());
        let mut rerouted = 0;
        for (key, bound_for) in routes {
            let mut record = self.message(key)?;
            let mut taken = Vec::new();
            for id in &record.crossings {
                taken.push(self.crossing(id)?.partner);
            }
            let new: Vec<&Bound> = bound_for.iter().filter(|bound| !taken.contains(&bound.partner)).collect();
            if new.is_empty() {
                continue;
            }
            rerouted += 1;
            record.end = End::Routed;
            for bound in new {
                record.crossings.push(put_crossing(&mut transaction, *key, record.date, bound)?);
            }
            transaction.put(keys::message(key), encode(&record)?);
        }
        self.store().apply(transaction.into_writes())?;
        self.store().barrier()?;
        Ok(rerouted)
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
    /// When the index cannot be written.
    pub fn routed_by(&self, routing: &Digest) -> Result<(), LedgerError> {
        let _writing = self.writing();
        let mut transaction = Overlay::new(self.store());
        transaction.put(keys::table::ROUTING.to_vec(), encode(routing)?);
        self.store().apply(transaction.into_writes())
    }

    /// Records how the scan of a source ended. Durable with the next barrier: a lost entry only says `incomplete`.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn scanned(&self, source: &SourceName, completeness: Completeness) -> Result<(), LedgerError> {
        let _writing = self.writing();
        let mut transaction = Overlay::new(self.store());
        transaction.put(keys::source(source), encode(&completeness)?);
        self.store().apply(transaction.into_writes())
    }
}

fn admit_one(transaction: &mut Overlay<'_>, admission: &Admission) -> Result<Admitted, LedgerError> {
    match admission {
        Admission::Message(candidate) => {
            put_checkpoint(transaction, &candidate.position.source, &candidate.position.mailbox, candidate.checkpoint.as_ref())?;
            admit_message(transaction, candidate)
        }
        Admission::Unreadable { position, reason, checkpoint } => {
            put_checkpoint(transaction, &position.source, &position.mailbox, checkpoint.as_ref())?;
            if readable_before(transaction, position)? {
                return Ok(Admitted::Known);
            }
            transaction.put(keys::position(position), PositionRecord::Unreadable(reason.clone()).to_bytes());
            Ok(Admitted::Unreadable)
        }
        Admission::MailboxDone { source, mailbox, checkpoint } => {
            put_checkpoint(transaction, source, mailbox, checkpoint.as_ref())?;
            Ok(Admitted::Nothing)
        }
    }
}

fn put_checkpoint(
    transaction: &mut Overlay<'_>,
    source: &SourceName,
    mailbox: &str,
    checkpoint: Option<&Checkpoint>,
) -> Result<(), LedgerError> {
    if let Some(checkpoint) = checkpoint {
        transaction.put(keys::checkpoint(source, mailbox), encode(checkpoint)?);
    }
    Ok(())
}

/// Whether this position was recorded with a message before: then it stays as it is.
fn readable_before(transaction: &Overlay<'_>, position: &Position) -> Result<bool, LedgerError> {
    let Some(bytes) = transaction.get(&keys::position(position))? else { return Ok(false) };
    Ok(!matches!(PositionRecord::from_bytes(&bytes)?, PositionRecord::Unreadable(_)))
}

fn admit_message(transaction: &mut Overlay<'_>, candidate: &Candidate) -> Result<Admitted, LedgerError> {
    if readable_before(transaction, &candidate.position)? {
        return Ok(Admitted::Known);
    }
    let key = candidate.links.key;
    if let Some(bytes) = transaction.get(&keys::message(&key))? {
        transaction.put(keys::position(&candidate.position), PositionRecord::Duplicate(key).to_bytes());
        let mut record: MessageRecord = decode(&bytes)?;
        if candidate.sent && !record.sent {
            record.sent = true;
            transaction.put(keys::message(&key), encode(&record)?);
        }
        return Ok(Admitted::Duplicate);
    }
    let thread = place(&candidate.links, &mut Threads(transaction))?;
    let bound_for = candidate.bound_for.iter();
    let crossings = bound_for.map(|bound| put_crossing(transaction, key, candidate.date, bound)).collect::<Result<_, _>>()?;
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
        notes: candidate.notes.clone(),
    };
    transaction.put(keys::message(&key), encode(&record)?);
    transaction.put(keys::position(&candidate.position), PositionRecord::Admitted(key).to_bytes());
    Ok(Admitted::New)
}

/// Plans the way of a message to a channel.
fn put_crossing(
    transaction: &mut Overlay<'_>,
    message: MessageKey,
    date: DateTime<Utc>,
    bound: &Bound,
) -> Result<CrossingId, LedgerError> {
    let id = CrossingId { message, destination: bound.destination.clone(), channel: bound.channel.clone() };
    let crossing = Crossing::planned(id.clone(), bound.partner.clone(), date);
    transaction.put(keys::queue(&id, date), Vec::new());
    transaction.put(keys::crossing(&id), encode(&crossing)?);
    Ok(id)
}
