//! A trail that does not hold what the index shows, since it was written before there was a trail, or since its file was lost,
//! is put aside; a new one begins with what the index shows, row by row. So the index can be made again from it, too.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::audit::{Head, Stamp, Trail, put_aside};
use super::change::Change;
use super::keys::{self, table};
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

/// Brings the rows of an earlier format up to this one: format 1 kept no list of the messages of a thread.
pub(super) fn bring_up(store: &dyn Store) -> Result<(), LedgerError> {
    if store.get(table::FORMAT)?.map(|bytes| decode::<u32>(&bytes)).transpose()? != Some(1) {
        return Ok(());
    }
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
