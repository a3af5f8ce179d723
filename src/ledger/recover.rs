//! From the trail to the index. What the trail holds and the index does not show yet, since a run was killed between the two,
//! is made up for whenever a ledger is opened; with an index that is new, or that was lost, that is everything.

use std::path::Path;

use super::audit::{BrokenEntry, Ending, Head, Reader, Stamp, holds, path_in};
use super::change::{Change, apply};
use super::keys::table;
use super::store::{Overlay, Store};
use super::{LedgerError, decode, encode};

/// Entries that are made up for in one transaction.
const MAX_ENTRIES: usize = 512;

/// Rows that every index has, whatever it shows.
const OWN_ROWS: [&[u8]; 2] = [table::FORMAT, table::HEAD];

/// How index and trail stand to each other.
pub(super) enum Standing {
    /// The index shows what the trail holds, up to here; what stands behind it was never said to be written.
    Level(Head),
    /// The trail does not hold what the index shows: the sentence why.
    Apart(String),
}

/// Brings an index up to date.
///
/// # Errors
/// [`LedgerError::BrokenTrail`] when the trail was changed; then the index shows what stands before.
pub(super) fn catch_up(store: &dyn Store, state: &Path) -> Result<Standing, LedgerError> {
    let shown: Option<Head> = store.get(table::HEAD)?.map(|bytes| decode(&bytes)).transpose()?;
    let head = shown.unwrap_or_else(Head::origin);
    if shown.is_none() && has_rows(store)? {
        return Ok(Standing::Apart("the index was written before there was a trail".into()));
    }
    if !holds(state, &head)? {
        return Ok(Standing::Apart(format!("the trail does not hold entry {}, the last that the index has seen", head.n)));
    }
    let Some(mut reader) = Reader::open(state, head)? else { return Ok(Standing::Level(head)) };
    let ending = Replay::new(store).run(&mut reader)?;
    let made_up_for = reader.head().n - head.n;
    if made_up_for > 0 {
        tracing::info!(entries = made_up_for, "the index was brought up to date from the audit trail");
    }
    match ending {
        Ending::Whole | Ending::Unfinished => Ok(Standing::Level(reader.head())),
        Ending::Broken(found) => Err(broken(state, &found)),
    }
}

/// The error of a trail that was changed.
pub(super) fn broken(state: &Path, found: &BrokenEntry) -> LedgerError {
    let path = path_in(state);
    LedgerError::BrokenTrail(format!(
        "the audit trail {} is broken at entry {}: {}; restore the file from a backup",
        path.display(),
        found.entry,
        found.why
    ))
}

/// Whether an index shows anything.
pub(super) fn has_rows(store: &dyn Store) -> Result<bool, LedgerError> {
    let page = store.scan(&[], &[u8::MAX], OWN_ROWS.len() + 1)?;
    Ok(page.rows.iter().any(|(key, _)| !OWN_ROWS.contains(&key.as_slice())))
}

/// Entries on their way into an index.
struct Replay<'a> {
    store: &'a dyn Store,
    transaction: Overlay<'a>,
    entries: usize,
    /// Rows of a restatement that are still to come.
    rows: u64,
}

impl<'a> Replay<'a> {
    fn new(store: &'a dyn Store) -> Self {
        Self { store, transaction: Overlay::new(store), entries: 0, rows: 0 }
    }

    fn run(mut self, reader: &mut Reader) -> Result<Ending, LedgerError> {
        loop {
            let entry = match reader.next()? {
                Ok(entry) => entry,
                Err(_) if self.rows > 0 => {
                    let why = format!("{} rows of the ledger are missing in the audit trail, which begins with them", self.rows);
                    return Err(LedgerError::BrokenTrail(format!("{why}; restore the file from a backup")));
                }
                Err(ending) => {
                    self.show(reader)?;
                    return Ok(ending);
                }
            };
            if let Change::Restated { rows, .. } = &entry.what {
                self.rows = *rows;
            } else if matches!(entry.what, Change::Row { .. }) {
                self.rows = self.rows.saturating_sub(1);
            }
            let stamp = Stamp { at: entry.at, by: entry.by, batch: entry.batch };
            apply(&mut self.transaction, &stamp, &entry.what)?;
            self.entries += 1;
            if self.entries == MAX_ENTRIES {
                self.show(reader)?;
            }
        }
    }

    /// Lets the index show what was read so far.
    fn show(&mut self, reader: &Reader) -> Result<(), LedgerError> {
        if self.entries > 0 {
            self.transaction.put(table::HEAD.to_vec(), encode(&reader.head())?);
            let transaction = std::mem::replace(&mut self.transaction, Overlay::new(self.store));
            self.store.apply(transaction.into_writes())?;
            self.entries = 0;
        }
        Ok(())
    }
}
