//! Runs. Each run that may post is a batch: what it posted can be listed, and undone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::audit::{BatchId, Stamp};
use super::change::Change;
use super::keys::{self, table};
use super::record::Crossing;
use super::state::Status;
use super::store::{Overlay, walk};
use super::undo::Undo;
use super::{Ledger, LedgerError, decode, encode};
use crate::delivery::Part;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The command.
    pub command: String,
    /// When it began.
    pub began: DateTime<Utc>,
    /// When it ended; `None` for a run that goes on, or that was killed.
    pub ended: Option<DateTime<Utc>>,
}

/// A run, and what became of its posts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BatchSums {
    /// Its number.
    pub batch: BatchId,
    /// The run.
    #[serde(flatten)]
    pub run: Batch,
    /// Messages that it saw first.
    pub messages: u64,
    /// Posts that it made, files included, which stand.
    pub posts: u64,
    /// Of these, files.
    pub files: u64,
    /// Posts whose outcome is not known.
    pub in_flight: u64,
    /// Posts that were deleted again.
    pub retracted: u64,
    /// Posts that stay though the batch was undone, since people answered them or reacted to them.
    pub kept: u64,
}

pub(super) fn begin(transaction: &mut Overlay<'_>, stamp: &Stamp, command: &str) -> Result<(), LedgerError> {
    let Some(batch) = stamp.batch else { return Err(LedgerError::Damaged("a run began without a number".into())) };
    let run = Batch { command: command.to_owned(), began: stamp.at, ended: None };
    transaction.put(keys::batch(batch), encode(&run)?);
    Ok(())
}

pub(super) fn end(transaction: &mut Overlay<'_>, stamp: &Stamp) -> Result<(), LedgerError> {
    let Some(batch) = stamp.batch else { return Ok(()) };
    if let Some(bytes) = transaction.get(&keys::batch(batch))? {
        let run = Batch { ended: Some(stamp.at), ..decode(&bytes)? };
        transaction.put(keys::batch(batch), encode(&run)?);
    }
    Ok(())
}

impl Ledger {
    /// Begins a run: what is posted from now on belongs to it.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub fn begin(&self, command: &str, user: &str) -> Result<BatchId, LedgerError> {
        let mut last = 0;
        walk(self.store(), table::BATCH, |key, _| {
            last = keys::batch_of(key).map_or(last, |batch| batch.0);
            Ok(())
        })?;
        let batch = BatchId(last + 1);
        self.set_batch(batch);
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.change(vec![Change::Began { command: command.to_owned(), version, user: user.to_owned() }])?;
        Ok(batch)
    }

    /// Ends the run that [`Ledger::begin`] began, and makes the index as new as the trail.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn end(&self) -> Result<(), LedgerError> {
        self.change(vec![Change::Ended {}])?;
        self.settle()
    }

    /// Every run, the oldest first, with what became of its posts.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn batches(&self) -> Result<Vec<BatchSums>, LedgerError> {
        let mut batches = std::collections::BTreeMap::new();
        walk(self.store(), table::BATCH, |key, value| {
            if let Some(batch) = keys::batch_of(key) {
                let run = decode(value)?;
                let sums = BatchSums { batch, run, messages: 0, posts: 0, files: 0, in_flight: 0, retracted: 0, kept: 0 };
                batches.insert(batch, sums);
            }
            Ok(())
        })?;
        self.each_message(|_, record| {
            if let Some(sums) = record.batch.and_then(|batch| batches.get_mut(&batch)) {
                sums.messages += 1;
            }
            for id in &record.crossings {
                count(&mut batches, &self.crossing(id)?);
            }
            Ok(())
        })?;
        Ok(batches.into_values().collect())
    }
}

fn count(batches: &mut std::collections::BTreeMap<BatchId, BatchSums>, crossing: &Crossing) {
    for delivery in &crossing.deliveries {
        let Some(sums) = delivery.made.as_ref().and_then(|made| made.batch).and_then(|batch| batches.get_mut(&batch)) else {
            continue;
        };
        match (&delivery.status, &delivery.undo) {
            (Status::Delivered(_), Some(Undo::Retracted(_))) => sums.retracted += 1,
            (Status::Delivered(_), undo) => {
                sums.posts += 1;
                sums.files += u64::from(matches!(delivery.part, Part::File(_)));
                sums.kept += u64::from(undo.is_some());
            }
            (Status::InFlight(_), _) => sums.in_flight += 1,
            (Status::Planned | Status::Held(_) | Status::Rejected(_) | Status::Dropped(_), _) => {}
        }
    }
}
