//! What is taken back. A post that was delivered stays delivered, which is final; that it was deleted again, or stays though
//! its batch is undone, stands beside it: a tombstone, so that nothing comes back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::audit::Stamp;
use super::change::Change;
use super::deliver::{crossing_in, put_crossing_in};
use super::keys;
use super::live;
use super::record::{Crossing, CrossingId, Delivery};
use super::state::Status;
use super::store::Overlay;
use super::threads::current_in_overlay;
use super::{Ledger, LedgerError, decode};
use crate::delivery::{Part, Receipt};

/// What became of a post whose batch was undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// It was deleted then.
    Retracted(DateTime<Utc>),
    /// It stays, for what people did with it.
    Kept(String),
}

impl Delivery {
    /// Whether its post stands in the channel, as far as we know.
    pub fn stands(&self) -> bool {
        matches!(self.status, Status::Delivered(_)) && !matches!(self.undo, Some(Undo::Retracted(_)))
    }
}

pub(super) fn retracted(transaction: &mut Overlay<'_>, stamp: &Stamp, id: &CrossingId, part: Part) -> Result<(), LedgerError> {
    let mut crossing = crossing_in(transaction, id)?;
    let delivery = standing(&mut crossing, part)?;
    delivery.undo = Some(Undo::Retracted(stamp.at));
    if let Status::Delivered(receipt) = &delivery.status {
        forget_root(transaction, id, receipt)?;
    }
    put_crossing_in(transaction, &crossing)?;
    if part == Part::Text(0) { live::gone(transaction, &crossing) } else { Ok(()) }
}

pub(super) fn kept(transaction: &mut Overlay<'_>, id: &CrossingId, part: Part, why: &str) -> Result<(), LedgerError> {
    let mut crossing = crossing_in(transaction, id)?;
    standing(&mut crossing, part)?.undo = Some(Undo::Kept(why.to_owned()));
    put_crossing_in(transaction, &crossing)
}

fn standing(crossing: &mut Crossing, part: Part) -> Result<&mut Delivery, LedgerError> {
    let message = crossing.id.message;
    let delivery = crossing.deliveries.iter_mut().find(|delivery| delivery.part == part && delivery.stands());
    delivery.ok_or_else(|| LedgerError::Damaged(format!("part {part} of message {message} does not stand, so it cannot be undone")))
}

/// A thread whose first post is gone begins anew with its next one.
fn forget_root(transaction: &mut Overlay<'_>, id: &CrossingId, gone: &Receipt) -> Result<(), LedgerError> {
    let Some(bytes) = transaction.get(&keys::message(&id.message))? else { return Ok(()) };
    let record: super::MessageRecord = decode(&bytes)?;
    let thread = current_in_overlay(transaction, &record.thread)?;
    let root = keys::root(&thread, &id.destination, &id.channel);
    let is_root = transaction.get(&root)?.map(|bytes| decode::<Receipt>(&bytes)).transpose()?.is_some_and(|root| root == *gone);
    if is_root {
        transaction.remove(root);
    }
    Ok(())
}

impl Ledger {
    /// Records that a post was deleted. Durable when it returns.
    ///
    /// # Errors
    /// When the post does not stand (then nothing changes), or the ledger cannot be written.
    pub fn retracted(&self, id: &CrossingId, delivery: &Delivery) -> Result<(), LedgerError> {
        self.change(vec![Change::Retracted { crossing: id.clone(), part: delivery.part, key: delivery.key }])
    }

    /// Records that posts of one message stay, and why. Durable when it returns.
    ///
    /// # Errors
    /// When a post does not stand (then nothing changes), or the ledger cannot be written.
    pub fn kept(&self, id: &CrossingId, parts: &[Part], why: &str) -> Result<(), LedgerError> {
        let kept = |part: &Part| Change::Kept { crossing: id.clone(), part: *part, why: why.to_owned() };
        self.change(parts.iter().map(kept).collect())
    }
}
