//! Every way in which the ledger changes, as a value: what the audit trail records, and what the index is made from. There
//! is no other way to change the index, so the trail alone can make it again.

use serde::{Deserialize, Serialize};

use super::LedgerError;
use super::admit::{self, Bound, Candidate};
use super::audit::Stamp;
use super::batch;
use super::deliver;
use super::record::{Completeness, CrossingId};
use super::state::Event;
use super::store::Overlay;
use super::undo;
use crate::delivery::{Approval, DeliveryKey, Part, PartnerName, Timeliness};
use crate::mail::{Digest, MessageKey, ObjectId};
use crate::position::{Checkpoint, Position, SourceName};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A run began; it is the batch of all that follows.
    Began {
        /// The command.
        command: String,
        /// The version of the program.
        version: String,
        /// The user who ran it.
        user: String,
    },
    /// The run came to its end.
    Ended {},
    /// A message was seen for the first time.
    Admitted(Box<Candidate>),
    /// A known message was seen at another position.
    Seen {
        /// The position.
        position: Position,
        /// The message.
        message: MessageKey,
        /// Whether it was seen in a mailbox of what we sent.
        sent: bool,
        /// What the account calls the message, where that was not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<ObjectId>,
        /// Where to go on.
        checkpoint: Option<Checkpoint>,
    },
    /// A position was seen whose message cannot be read.
    Unreadable {
        /// The position.
        position: Position,
        /// Why.
        reason: String,
        /// Where to go on.
        checkpoint: Option<Checkpoint>,
    },
    /// A mailbox was read so far.
    Reached {
        /// The source.
        source: SourceName,
        /// The mailbox.
        mailbox: String,
        /// Where to go on.
        checkpoint: Checkpoint,
    },
    /// The scan of a source ended.
    Scanned {
        /// The source.
        source: SourceName,
        /// How.
        completeness: Completeness,
    },
    /// A message of an earlier run goes to partners that the configuration named later.
    Rerouted {
        /// The message.
        message: MessageKey,
        /// The new channels.
        bound_for: Vec<Bound>,
    },
    /// All messages are routed by the partners of this digest.
    RoutedBy(Digest),
    /// All the parts of a message on its way to a channel are known.
    Expanded {
        /// Which message, to which channel.
        crossing: CrossingId,
        /// The parts, in order.
        parts: Vec<Part>,
        /// Whether it comes after newer ones of its thread.
        #[serde(default, skip_serializing_if = "Timeliness::is_in_time")]
        timeliness: Timeliness,
    },
    /// Something happened to one delivery.
    Happened {
        /// Which message, to which channel.
        crossing: CrossingId,
        /// Which part.
        part: Part,
        /// Its delivery key, as the post carries it.
        key: DeliveryKey,
        /// What.
        event: Event,
    },
    /// A gate said the same of all planned parts of a message on its way to a channel.
    Judged {
        /// Which message, to which channel.
        crossing: CrossingId,
        /// What it said.
        event: Event,
    },
    /// What waited for a person goes on.
    Released {
        /// Which message, to which channel.
        crossing: CrossingId,
        /// Who let it go, or what made it pass.
        by: String,
    },
    /// A partner's channel was opened.
    Approved {
        /// The partner.
        partner: PartnerName,
        /// By whom, and when.
        approval: Approval,
    },
    /// A post was deleted at the destination, since its batch is undone. It never comes back.
    Retracted {
        /// Which message, to which channel.
        crossing: CrossingId,
        /// Which part.
        part: Part,
        /// Its delivery key.
        key: DeliveryKey,
    },
    /// A post stays though its batch is undone.
    Kept {
        /// Which message, to which channel.
        crossing: CrossingId,
        /// Which part.
        part: Part,
        /// What people did with it.
        why: String,
    },
    /// The trail did not hold what the index shows, for this reason. As many rows follow as the index had.
    Restated {
        /// Why.
        why: String,
        /// How many rows follow.
        rows: u64,
    },
    /// One row of the index as it stood, in base 64.
    Row {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
}

impl Change {
    /// Whether something may wait in a channel's queue then that did not before.
    pub(super) fn brings_work(&self) -> bool {
        match self {
            Self::Admitted(candidate) => !candidate.bound_for.is_empty(),
            Self::Rerouted { .. } | Self::Released { .. } => true,
            Self::Began { .. }
            | Self::Ended {}
            | Self::Seen { .. }
            | Self::Unreadable { .. }
            | Self::Reached { .. }
            | Self::Scanned { .. }
            | Self::RoutedBy(_)
            | Self::Expanded { .. }
            | Self::Happened { .. }
            | Self::Judged { .. }
            | Self::Approved { .. }
            | Self::Retracted { .. }
            | Self::Kept { .. }
            | Self::Restated { .. }
            | Self::Row { .. } => false,
        }
    }
}

/// Makes one change in a transaction.
pub(super) fn apply(transaction: &mut Overlay<'_>, stamp: &Stamp, change: &Change) -> Result<(), LedgerError> {
    match change {
        Change::Began { command, .. } => batch::begin(transaction, stamp, command),
        Change::Ended {} => batch::end(transaction, stamp),
        Change::Admitted(candidate) => admit::admitted(transaction, stamp, candidate),
        Change::Seen { position, message, sent, object, checkpoint } => {
            if let Some(object) = object {
                admit::called(transaction, object, message)?;
            }
            admit::seen(transaction, position, *message, *sent, checkpoint.as_ref())
        }
        Change::Unreadable { position, reason, checkpoint } => {
            admit::unreadable(transaction, position, reason, checkpoint.as_ref())
        }
        Change::Reached { source, mailbox, checkpoint } => admit::reached(transaction, source, mailbox, checkpoint),
        Change::Scanned { source, completeness } => admit::scanned(transaction, source, *completeness),
        Change::Rerouted { message, bound_for } => admit::rerouted(transaction, message, bound_for),
        Change::RoutedBy(routing) => admit::routed_by(transaction, routing),
        Change::Expanded { crossing, parts, timeliness } => deliver::expanded(transaction, crossing, parts, *timeliness),
        Change::Happened { crossing, part, event, .. } => deliver::happened(transaction, stamp, crossing, *part, event),
        Change::Judged { crossing, event } => deliver::judged(transaction, crossing, event),
        Change::Released { crossing, .. } => deliver::released(transaction, crossing),
        Change::Approved { partner, approval } => deliver::approved(transaction, partner, approval),
        Change::Retracted { crossing, part, .. } => undo::retracted(transaction, stamp, crossing, *part),
        Change::Kept { crossing, part, why } => undo::kept(transaction, crossing, *part, why),
        Change::Restated { .. } => Ok(()),
        Change::Row { key, value } => super::restate::put_row(transaction, key, value),
    }
}
