//! A trail that does not hold what the index shows, since it was written before there was a trail, or since its file was lost,
//! is put aside; a new one begins with what the index shows, row by row. So the index can be made again from it, too.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::audit::{Head, Stamp, Trail, put_aside};
use super::change::Change;
use super::keys::{self, table};
use super::live;
use super::record::MessageRecord;
use super::store::{Overlay, Store, walk};
use super::threads::current_in;
use super::{LedgerError, decode, encode};
use crate::disk::Disk;
use crate::mail::{Digest, MessageKey};

/// Rows that are written at once.
const MAX_ROWS: usize = 512;

/// Begins a new trail with what the index shows.
pub(super) fn restate(disk: Disk, store: &dyn Store, state: &Path, stamp: &Stamp, why: &str) -> Result<Trail, LedgerError> {
    let aside = put_aside(&disk, state, stamp.at)?;
    let why = match aside.as_deref().and_then(Path::file_name) {
        Some(name) => format!("{why}; the trail before is {}", name.display()),
        None => why.to_owned(),
    };
    tracing::warn!(why, "the audit trail begins anew with what the ledger shows");
    let mut trail = Trail::open(disk, state, Head::origin())?;
    let mut rows = 0;
    each_row(store, |_, _| {
        rows += 1;
        Ok(())
    })?;
    append(&mut trail, stamp, vec![Change::Restated { why, rows }])?;
    let mut changes = Vec::new();
    each_row(store, |key, value| {
        changes.push(Change::Row { key: STANDARD.encode(key), value: STANDARD.encode(value) });
        if changes.len() == MAX_ROWS { append(&mut trail, stamp, std::mem::take(&mut changes)) } else { Ok(()) }
    })?;
    append(&mut trail, stamp, changes)?;
    trail.descriptor()?.sync()?;
    let mut transaction = Overlay::new(store);
    transaction.put(table::HEAD.to_vec(), encode(&trail.head())?);
    store.apply(transaction.into_writes())?;
    store.settle()?;
    Ok(trail)
}

/// Brings the rows of an earlier format up to this one: format 1 kept no list of the messages of a thread, format 2 no date of
/// the newest post of one.
pub(super) fn bring_up(store: &dyn Store) -> Result<(), LedgerError> {
    let found = store.get(table::FORMAT)?.map(|bytes| decode::<u32>(&bytes)).transpose()?;
    if found == Some(1) {
        list_threads(store)?;
    }
    if matches!(found, Some(1 | 2)) {
        date_posts(store)?;
    }
    Ok(())
}

fn list_threads(store: &dyn Store) -> Result<(), LedgerError> {
    let mut transaction = Overlay::new(store);
    walk(store, table::MESSAGE, |key, value| {
        let digest = key.last_chunk::<32>().ok_or_else(|| LedgerError::Damaged("a message key is cut".into()))?;
        let record: MessageRecord = decode(value)?;
        let thread = current_in(store, &record.thread)?;
        transaction.put(keys::message_of(&thread, record.date, &MessageKey::new(Digest::from_bytes(*digest))), Vec::new());
        Ok(())
    })?;
    store.apply(transaction.into_writes())
}

fn date_posts(store: &dyn Store) -> Result<(), LedgerError> {
    let mut transaction = Overlay::new(store);
    walk(store, table::CROSSING, |_, value| live::restore_newest(&mut transaction, &decode(value)?))?;
    store.apply(transaction.into_writes())
}

/// Puts back one row.
pub(super) fn put_row(transaction: &mut Overlay<'_>, key: &str, value: &str) -> Result<(), LedgerError> {
    let bytes = |text: &str| STANDARD.decode(text).map_err(|error| LedgerError::Damaged(format!("a row of the trail: {error}")));
    transaction.put(bytes(key)?, bytes(value)?);
    Ok(())
}

/// Visits every row but those that an index has of its own.
fn each_row(store: &dyn Store, mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
    walk(store, &[], |key, value| if key == table::FORMAT || key == table::HEAD { Ok(()) } else { visit(key, value) })
}

fn append(trail: &mut Trail, stamp: &Stamp, changes: Vec<Change>) -> Result<(), LedgerError> {
    let draft = trail.draft(stamp, changes)?;
    trail.append(&draft)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::record::{Crossing, CrossingId, End};
    use super::super::state::Status;
    use super::super::store::Scratch;
    use super::*;
    use crate::delivery::{ChannelName, DestinationName, PartnerName, Receipt};
    use crate::mail::ThreadId;
    use crate::position::SourceName;

    #[test]
    fn what_an_earlier_format_posted_can_make_later_mail_late() {
        let (store, thread) = (Scratch::over(None), ThreadId::new(Digest::of(b"thread")));
        let mut transaction = Overlay::new(&store);
        let crossing = |name: &str, day: i64, receipt: Option<&str>| {
            let message = MessageKey::new(Digest::of(name.as_bytes()));
            let id = CrossingId { message, destination: DestinationName::new("slack"), channel: ChannelName::new("acme") };
            let date = DateTime::from_timestamp(day * 86_400, 0).unwrap();
            let mut crossing = Crossing::planned(id, PartnerName::new("Acme"), date);
            crossing.deliveries[0].status = receipt.map_or(Status::Planned, |id| Status::Delivered(Receipt { id: id.to_owned() }));
            crossing
        };
        let all = [crossing("posted", 5, Some("1.1")), crossing("newest", 9, Some("1.2")), crossing("waiting", 20, None)];
        for crossing in &all {
            let record = MessageRecord {
                vault: String::new(),
                thread,
                date: crossing.date,
                internal_date: None,
                source: SourceName::new("history"),
                sent: false,
                message_id: None,
                subject: String::new(),
                audience: Vec::new(),
                end: End::Routed,
                crossings: vec![crossing.id.clone()],
                batch: None,
                notes: Vec::new(),
            };
            transaction.put(keys::message(&crossing.id.message), encode(&record).unwrap());
            transaction.put(keys::crossing(&crossing.id), encode(crossing).unwrap());
        }
        transaction.put(table::FORMAT.to_vec(), encode(&2).unwrap());
        store.apply(transaction.into_writes()).unwrap();
        bring_up(&store).unwrap();
        let newest = keys::newest(&thread, &all[0].id.destination, &all[0].id.channel);
        let date: DateTime<chrono::Utc> = decode(&store.get(&newest).unwrap().unwrap()).unwrap();
        assert_eq!(date, all[1].date);
    }
}
