//! The sums: every position ended in one named state, every message in one end.

use std::collections::BTreeMap;

use serde::Serialize;

use super::keys::table;
use super::record::{Completeness, Crossing, Delivery, End, PositionRecord};
use super::state::Status;
use super::store::walk;
use super::{Ledger, LedgerError, decode};
use crate::delivery::PartnerName;
use crate::position::SourceName;

/// How everything stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Messages, each once.
    pub messages: u64,
    /// Positions that showed a message known before.
    pub duplicates: u64,
    /// By source.
    pub sources: BTreeMap<SourceName, SourceSums>,
    /// Deliveries by state.
    pub deliveries: DeliverySums,
    /// Messages by how they end.
    pub messages_by_end: EndSums,
    /// By partner.
    pub partners: BTreeMap<PartnerName, PartnerSums>,
}

/// The positions of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceSums {
    /// All that it ever showed.
    pub positions: u64,
    /// Those that showed a message first.
    pub admitted: u64,
    /// Those that showed a known one.
    pub duplicates: u64,
    /// Those whose message cannot be read.
    pub unreadable: u64,
    /// Whether the last scan came to its end.
    pub complete: bool,
}

/// Deliveries by state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeliverySums {
    /// To be posted.
    pub planned: u64,
    /// Announced, the outcome not recorded.
    pub in_flight: u64,
    /// In their channel.
    pub delivered: u64,
    /// Waiting for a person.
    pub held: u64,
    /// Refused by the destination, waiting for a person.
    pub rejected: u64,
    /// Never to be posted, by a gate.
    pub dropped: u64,
    /// Posted, and deleted again as their batch was undone.
    #[serde(skip_serializing_if = "is_zero")]
    pub undone: u64,
}

/// Messages by how they end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndSums {
    /// Whole in every channel that they go to.
    pub delivered: u64,
    /// Waiting for a person in at least one channel.
    pub held: u64,
    /// Nobody but ourselves on them.
    pub internal: u64,
    /// No partner on them.
    pub unmapped: u64,
    /// Never to be posted, by a gate.
    pub dropped: u64,
    /// Not yet whole.
    pub pending: u64,
    /// Posted, and deleted again as their batch was undone; they never come back.
    #[serde(skip_serializing_if = "is_zero")]
    pub undone: u64,
}

/// The messages of one partner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartnerSums {
    /// Whole in its channel.
    pub delivered: u64,
    /// Waiting for a person.
    pub held: u64,
    /// Not yet whole.
    pub pending: u64,
    /// Never to be posted, by a gate.
    pub dropped: u64,
    /// Posted, and deleted again.
    #[serde(skip_serializing_if = "is_zero")]
    pub undone: u64,
}

/// How one crossing, or one message over all its crossings, stands; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Held,
    Pending,
    Delivered,
    Undone,
    Dropped,
}

impl Sums {
    /// Whether everything adds up: each source's positions, the duplicates, and the messages by end.
    pub fn add_up(&self) -> bool {
        let ends = &self.messages_by_end;
        let by_end = ends.delivered + ends.held + ends.internal + ends.unmapped + ends.dropped + ends.pending + ends.undone;
        let sources = self.sources.values();
        let admitted: u64 = sources.clone().map(|source| source.admitted).sum();
        let duplicates: u64 = sources.clone().map(|source| source.duplicates).sum();
        let each = sources.clone().all(|source| source.positions == source.admitted + source.duplicates + source.unreadable);
        each && by_end == self.messages && admitted == self.messages && duplicates == self.duplicates
    }
}

impl Ledger {
    /// Counts everything anew: nothing is kept beside the records that could disagree with them.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn sums(&self) -> Result<Sums, LedgerError> {
        let mut sums = Sums::default();
        self.count_sources(&mut sums)?;
        self.each_message(|_, record| {
            sums.messages += 1;
            let ends = &mut sums.messages_by_end;
            let mut worst = match &record.end {
                End::Internal => {
                    ends.internal += 1;
                    return Ok(());
                }
                End::Unmapped => {
                    ends.unmapped += 1;
                    return Ok(());
                }
                End::Held(_) => Standing::Held,
                End::Routed => Standing::Dropped,
            };
            for id in &record.crossings {
                let crossing = self.crossing(id)?;
                count_deliveries(&mut sums.deliveries, &crossing);
                let standing = standing_of(&crossing);
                count_partner(sums.partners.entry(crossing.partner.clone()).or_default(), standing);
                worst = worst.min(standing);
            }
            *match worst {
                Standing::Held => &mut sums.messages_by_end.held,
                Standing::Pending => &mut sums.messages_by_end.pending,
                Standing::Delivered => &mut sums.messages_by_end.delivered,
                Standing::Undone => &mut sums.messages_by_end.undone,
                Standing::Dropped => &mut sums.messages_by_end.dropped,
            } += 1;
            Ok(())
        })?;
        Ok(sums)
    }

    fn count_sources(&self, sums: &mut Sums) -> Result<(), LedgerError> {
        walk(self.store(), table::SOURCE, |key, value| {
            let name = String::from_utf8_lossy(key.get(1..key.len().saturating_sub(1)).unwrap_or_default()).into_owned();
            let complete = decode::<Completeness>(value)? == Completeness::Complete;
            sums.sources.entry(SourceName::new(name)).or_default().complete = complete;
            Ok(())
        })?;
        walk(self.store(), table::POSITION, |key, value| {
            let name = key.get(1..).and_then(|rest| rest.split(|&byte| byte == 0).next()).unwrap_or_default();
            let source = SourceName::new(String::from_utf8_lossy(name).into_owned());
            let counted = sums.sources.entry(source).or_default();
            counted.positions += 1;
            match PositionRecord::from_bytes(value)? {
                PositionRecord::Admitted(_) => counted.admitted += 1,
                PositionRecord::Duplicate(_) => {
                    counted.duplicates += 1;
                    sums.duplicates += 1;
                }
                PositionRecord::Unreadable(_) => counted.unreadable += 1,
            }
            Ok(())
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde wants")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn standing_of(crossing: &Crossing) -> Standing {
    if crossing.waiting().is_some() {
        Standing::Held
    } else if crossing.is_open() {
        Standing::Pending
    } else if crossing.deliveries.iter().any(Delivery::stands) {
        Standing::Delivered
    } else if crossing.deliveries.iter().any(|delivery| matches!(delivery.status, Status::Delivered(_))) {
        Standing::Undone
    } else {
        Standing::Dropped
    }
}

fn count_deliveries(sums: &mut DeliverySums, crossing: &Crossing) {
    for delivery in &crossing.deliveries {
        *match delivery.status {
            Status::Planned => &mut sums.planned,
            Status::InFlight(_) => &mut sums.in_flight,
            Status::Delivered(_) if !delivery.stands() => &mut sums.undone,
            Status::Delivered(_) => &mut sums.delivered,
            Status::Held(_) => &mut sums.held,
            Status::Rejected(_) => &mut sums.rejected,
            Status::Dropped(_) => &mut sums.dropped,
        } += 1;
    }
}

fn count_partner(sums: &mut PartnerSums, standing: Standing) {
    *match standing {
        Standing::Held => &mut sums.held,
        Standing::Pending => &mut sums.pending,
        Standing::Delivered => &mut sums.delivered,
        Standing::Undone => &mut sums.undone,
        Standing::Dropped => &mut sums.dropped,
    } += 1;
}
