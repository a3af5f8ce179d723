//! The delivery side of the ledger: what comes next in a channel, and what became of it.

use chrono::{DateTime, Utc};

use super::admit::message_in;
use super::audit::Stamp;
use super::change::Change;
use super::keys;
use super::live;
use super::record::{Crossing, CrossingId, Delivery, Expansion, Made, MessageRecord};
use super::state::{Event, Status};
use super::store::{Overlay, after, walk};
use super::threads::{current_in, current_in_overlay, take_severed};
use super::{Ledger, LedgerError, decode, encode};
use crate::delivery::{Approval, ChannelName, DeliveryKey, DestinationName, Part, PartnerName, Receipt, Timeliness};
use crate::mail::{MessageKey, ThreadId};

/// Where a walk through a channel's queue goes on. Dates may be added before it while it walks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(pub(super) Option<Vec<u8>>);

impl Ledger {
    /// The channels in whose queue something waits, each with the partner of its first crossing.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn channels_with_work(&self) -> Result<Vec<(DestinationName, ChannelName)>, LedgerError> {
        let mut channels = Vec::new();
        let (mut from, end) = (keys::table::QUEUE.to_vec(), after(keys::table::QUEUE));
        while let Some((key, _)) = self.store().scan(&from, &end, 1)?.rows.into_iter().next() {
            let mut fields = key.get(1..).unwrap_or_default().splitn(3, |&byte| byte == 0);
            let mut field = || String::from_utf8_lossy(fields.next().unwrap_or_default()).into_owned();
            let channel = (DestinationName::new(field()), ChannelName::new(field()));
            from = after(&keys::queue_of(&channel.0, &channel.1));
            channels.push(channel);
        }
        Ok(channels)
    }

    /// The next crossings of a channel in order of date, at most `limit`; the cursor moves past them.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn next(
        &self,
        destination: &DestinationName,
        channel: &ChannelName,
        cursor: &mut Cursor,
        limit: usize,
    ) -> Result<Vec<Crossing>, LedgerError> {
        let prefix = keys::queue_of(destination, channel);
        let from = cursor.0.clone().unwrap_or_else(|| prefix.clone());
        let mut crossings = Vec::new();
        for (key, _) in self.store().scan(&from, &after(&prefix), limit)?.rows.into_iter().take(limit) {
            if let Some(message) = key.last_chunk::<32>() {
                let message = MessageKey::new(crate::mail::Digest::from_bytes(*message));
                let id = CrossingId { message, destination: destination.clone(), channel: channel.clone() };
                crossings.push(self.crossing(&id)?);
            }
            cursor.0 = Some(after(&key));
        }
        Ok(crossings)
    }

    /// A crossing as it stands.
    ///
    /// # Errors
    /// When the index cannot be read, or does not know it.
    pub fn crossing(&self, id: &CrossingId) -> Result<Crossing, LedgerError> {
        let bytes = self.store().get(&keys::crossing(id))?;
        decode(&bytes.ok_or_else(|| LedgerError::Damaged(format!("message {} has no crossing to {}", id.message, id.channel)))?)
    }

    /// A message as it was admitted.
    ///
    /// # Errors
    /// When the index cannot be read, or does not know it.
    pub fn message(&self, key: &MessageKey) -> Result<MessageRecord, LedgerError> {
        let bytes = self.store().get(&keys::message(key))?;
        decode(&bytes.ok_or_else(|| LedgerError::Damaged(format!("message {key} is not recorded")))?)
    }

    /// The thread of a message, merges followed.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn thread(&self, record: &MessageRecord) -> Result<ThreadId, LedgerError> {
        current_in(self.store(), &record.thread)
    }

    /// The first post of a thread in a channel, if there is one.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn root(&self, thread: &ThreadId, id: &CrossingId) -> Result<Option<Receipt>, LedgerError> {
        let bytes = self.store().get(&keys::root(thread, &id.destination, &id.channel))?;
        bytes.map(|bytes| decode(&bytes)).transpose()
    }

    /// Writes down all the parts of a crossing and whether it is late, once: later versions, settings or mail do not change
    /// them.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub fn expand(&self, id: &CrossingId, parts: &[Part], timeliness: Timeliness) -> Result<Crossing, LedgerError> {
        self.edit(|edit| {
            if crossing_in(edit.transaction(), id)?.expansion == Expansion::Pending {
                edit.make(Change::Expanded { crossing: id.clone(), parts: parts.to_vec(), timeliness })?;
            }
            crossing_in(edit.transaction(), id)
        })
    }

    /// Records what happened to one part, and flushes. After it returns, a kill or a power cut does not undo it.
    ///
    /// # Errors
    /// When the event cannot happen in this state (then nothing changes), or the ledger cannot be written.
    pub fn record(&self, id: &CrossingId, part: Part, event: Event) -> Result<Crossing, LedgerError> {
        let key = DeliveryKey::of(&id.message, &id.destination, &id.channel, part);
        self.edit(|edit| {
            edit.make(Change::Happened { crossing: id.clone(), part, key, event })?;
            crossing_in(edit.transaction(), id)
        })
    }

    /// Records that a gate said the same of every open part of a crossing, and flushes.
    ///
    /// # Errors
    /// When a part is in flight, or the ledger cannot be written.
    pub fn record_all(&self, id: &CrossingId, event: &Event) -> Result<(), LedgerError> {
        self.change(vec![Change::Judged { crossing: id.clone(), event: event.clone() }])
    }

    /// Lets a crossing go that waits for a person: its waiting parts are planned again, and the gates that held them are
    /// not asked again. `by` says who let it go, or what made it pass. Returns how many parts were released.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub fn release(&self, id: &CrossingId, by: &str) -> Result<usize, LedgerError> {
        self.edit(|edit| {
            let crossing = crossing_in(edit.transaction(), id)?;
            let waiting = crossing.deliveries.iter().filter(|delivery| delivery.status.waiting().is_some()).count();
            if waiting > 0 {
                edit.make(Change::Released { crossing: id.clone(), by: by.to_owned() })?;
            }
            Ok(waiting)
        })
    }

    /// Who approved a partner, if anybody did.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn approval(&self, partner: &PartnerName) -> Result<Option<Approval>, LedgerError> {
        self.store().get(&keys::approval(partner))?.map(|bytes| decode(&bytes)).transpose()
    }

    /// Records an approval, and flushes. The first one stands: a second changes nothing and is handed back.
    ///
    /// # Errors
    /// When the index cannot be read or written.
    pub fn approve(&self, partner: &PartnerName, by: &str, at: DateTime<Utc>) -> Result<Approval, LedgerError> {
        if let Some(earlier) = self.approval(partner)? {
            return Ok(earlier);
        }
        let approval = Approval { by: by.to_owned(), at };
        self.change(vec![Change::Approved { partner: partner.clone(), approval: approval.clone() }])?;
        Ok(approval)
    }

    /// Visits every crossing.
    ///
    /// # Errors
    /// When the index cannot be read, or the visitor fails.
    pub fn each_crossing(&self, mut visit: impl FnMut(Crossing) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        walk(self.store(), keys::table::CROSSING, |_, value| visit(decode(value)?))
    }

    /// Visits every message.
    ///
    /// # Errors
    /// When the index cannot be read, or the visitor fails.
    pub fn each_message(
        &self,
        mut visit: impl FnMut(MessageKey, MessageRecord) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        walk(self.store(), keys::table::MESSAGE, |key, value| {
            let digest = key.last_chunk::<32>().ok_or_else(|| LedgerError::Damaged("a message key is cut".into()))?;
            visit(MessageKey::new(crate::mail::Digest::from_bytes(*digest)), decode(value)?)
        })
    }
}

pub(super) fn expanded(
    transaction: &mut Overlay<'_>,
    id: &CrossingId,
    parts: &[Part],
    timeliness: Timeliness,
) -> Result<(), LedgerError> {
    let mut crossing = crossing_in(transaction, id)?;
    for &part in parts {
        if crossing.deliveries.iter().any(|delivery| delivery.part == part) {
            continue;
        }
        let mut delivery = Delivery::planned(id, part);
        if matches!(part, Part::Link(_)) {
            delivery.under = take_severed(transaction, id)?;
            if delivery.under.is_none() {
                continue;
            }
        }
        crossing.deliveries.push(delivery);
    }
    crossing.expansion = Expansion::Done;
    crossing.timeliness = timeliness;
    put_crossing_in(transaction, &crossing)
}

pub(super) fn happened(
    transaction: &mut Overlay<'_>,
    stamp: &Stamp,
    id: &CrossingId,
    part: Part,
    event: &Event,
) -> Result<(), LedgerError> {
    let mut crossing = crossing_in(transaction, id)?;
    let delivery = crossing.deliveries.iter_mut().find(|delivery| delivery.part == part);
    let delivery = delivery.ok_or_else(|| LedgerError::Damaged(format!("message {} has no part {part}", id.message)))?;
    delivery.status = delivery.status.next(event.clone())?;
    if let Event::Attempted(attempt) = event {
        delivery.made = Some(Made { batch: stamp.batch, attempt: attempt.clone() });
    }
    if let (Part::Text(0), Status::Delivered(receipt)) = (part, &delivery.status) {
        let thread = current_in_overlay(transaction, &message_in(transaction, &id.message)?.thread)?;
        let root = keys::root(&thread, &id.destination, &id.channel);
        if transaction.get(&root)?.is_none() {
            transaction.put(root, encode(receipt)?);
        }
        live::posted(transaction, &thread, id, crossing.date)?;
    }
    put_crossing_in(transaction, &crossing)
}

pub(super) fn judged(transaction: &mut Overlay<'_>, id: &CrossingId, event: &Event) -> Result<(), LedgerError> {
    let mut crossing = crossing_in(transaction, id)?;
    for delivery in crossing.deliveries.iter_mut().filter(|delivery| delivery.status == Status::Planned) {
        delivery.status = delivery.status.next(event.clone())?;
    }
    put_crossing_in(transaction, &crossing)
}

pub(super) fn released(transaction: &mut Overlay<'_>, id: &CrossingId) -> Result<(), LedgerError> {
    let mut crossing = crossing_in(transaction, id)?;
    for delivery in &mut crossing.deliveries {
        if let Some(reason) = delivery.status.waiting() {
            if matches!(delivery.status, Status::Held(_)) && !crossing.released.contains(&reason.gate) {
                crossing.released.push(reason.gate.clone());
            }
            delivery.status = delivery.status.next(Event::Released)?;
        }
    }
    put_crossing_in(transaction, &crossing)
}

pub(super) fn approved(transaction: &mut Overlay<'_>, partner: &PartnerName, approval: &Approval) -> Result<(), LedgerError> {
    transaction.put(keys::approval(partner), encode(approval)?);
    Ok(())
}

/// A crossing as a transaction sees it.
pub(super) fn crossing_in(transaction: &Overlay<'_>, id: &CrossingId) -> Result<Crossing, LedgerError> {
    let bytes = transaction.get(&keys::crossing(id))?;
    decode(&bytes.ok_or_else(|| LedgerError::Damaged(format!("message {} has no crossing to {}", id.message, id.channel)))?)
}

/// Writes a crossing, with its place in the queue.
pub(super) fn put_crossing_in(transaction: &mut Overlay<'_>, crossing: &Crossing) -> Result<(), LedgerError> {
    let places = [Some(keys::queue(&crossing.id, crossing.date)), crossing.arrived.map(|at| keys::live(&crossing.id, at))];
    for place in places.into_iter().flatten() {
        if crossing.is_open() {
            transaction.put(place, Vec::new());
        } else {
            transaction.remove(place);
        }
    }
    transaction.put(keys::crossing(&crossing.id), encode(crossing)?);
    Ok(())
}
