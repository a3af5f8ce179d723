//! What the ledger asks of the index below it: ordered bytes, and batches that are written whole or not at all.
//!
//! [`Overlay`] collects the writes of one transaction over a store, and reads its own writes. A [`Scratch`] is a store
//! whose writes stay in memory: the ledger of a dry run.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::LedgerError;

/// The writes of one transaction: a value, or `None` to remove.
pub(super) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Some rows in order, and where the next page begins.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Keys and values.
    pub(super) rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// The first key of the next page; `None` at the end.
    pub(super) resume: Option<Vec<u8>>,
}

/// An ordered index of bytes.
pub(super) trait Store: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError>;
    /// About `limit` rows from `from` (included) to `to` (excluded), in order.
    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, LedgerError>;
    /// Writes all or nothing. A kill may lose the last of what was applied, in order, until [`Store::settle`].
    fn apply(&self, writes: Writes) -> Result<(), LedgerError>;
    /// After it returns, everything that was applied before survives a kill.
    fn settle(&self) -> Result<(), LedgerError>;
}

/// Rows in a page when a whole range is walked.
const PAGE_ROWS: usize = 512;

/// Walks all rows that begin with `prefix`.
pub(super) fn walk(
    store: &dyn Store,
    prefix: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let (mut from, to) = (prefix.to_vec(), after(prefix));
    loop {
        let page = store.scan(&from, &to, PAGE_ROWS)?;
        for (key, value) in &page.rows {
            visit(key, value)?;
        }
        match page.resume {
            Some(next) => from = next,
            None => return Ok(()),
        }
    }
}

/// The first key after all keys that begin with `prefix`.
pub(super) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![u8::MAX; prefix.len() + 1]
}

/// The writes of one transaction over a store.
pub(super) struct Overlay<'a> {
    base: &'a dyn Store,
    writes: Writes,
}

impl<'a> Overlay<'a> {
    /// A transaction without writes yet.
    pub(super) fn new(base: &'a dyn Store) -> Self {
        Self { base, writes: Writes::new() }
    }

    /// The value as this transaction sees it.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        match self.writes.get(key) {
            Some(written) => Ok(written.clone()),
            None => self.base.get(key),
        }
    }

    /// Rows as this transaction sees them.
    pub(super) fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, LedgerError> {
        Ok(merge(self.base.scan(from, to, limit)?, &self.writes, from, to))
    }

    /// Writes a value.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    /// Removes a key.
    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    /// All the writes, for [`Store::apply`].
    pub(super) fn into_writes(self) -> Writes {
        self.writes
    }
}

/// A store whose writes stay in memory, over nothing or over another store that is only read.
pub(super) struct Scratch {
    base: Option<Arc<dyn Store>>,
    writes: Mutex<Writes>,
}

impl Scratch {
    /// A scratch store over `base`.
    pub(super) fn over(base: Option<Arc<dyn Store>>) -> Self {
        Self { base, writes: Mutex::default() }
    }

    fn writes(&self) -> MutexGuard<'_, Writes> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Scratch {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LedgerError> {
        if let Some(written) = self.writes().get(key) {
            return Ok(written.clone());
        }
        self.base.as_ref().map_or(Ok(None), |base| base.get(key))
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Page, LedgerError> {
        let base = self.base.as_ref().map_or_else(|| Ok(Page::default()), |base| base.scan(from, to, limit))?;
        Ok(merge(base, &self.writes(), from, to))
    }

    fn apply(&self, writes: Writes) -> Result<(), LedgerError> {
        self.writes().extend(writes);
        Ok(())
    }

    fn settle(&self) -> Result<(), LedgerError> {
        Ok(())
    }
}

/// A page of a base with the writes of the same range laid over it.
fn merge(base: Page, writes: &Writes, from: &[u8], to: &[u8]) -> Page {
    let end = base.resume.as_deref().unwrap_or(to);
    if from >= end {
        return base;
    }
    let over = writes.range::<[u8], _>((Bound::Included(from), Bound::Excluded(end)));
    let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = base.rows.into_iter().collect();
    for (key, value) in over {
        match value {
            Some(value) => rows.insert(key.clone(), value.clone()),
            None => rows.remove(key),
        };
    }
    Page { rows: rows.into_iter().collect(), resume: base.resume }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(store: &dyn Store) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        walk(store, b"k", |key, _| {
            keys.push(key.to_vec());
            Ok(())
        })
        .unwrap();
        keys
    }

    proptest! {
        #[test]
        fn a_scratch_over_a_scratch_reads_like_one_map(
            below in proptest::collection::btree_map(0_u16..2000, any::<bool>(), 0..1200),
            above in proptest::collection::btree_map(0_u16..2000, any::<bool>(), 0..1200),
        ) {
            let writes = |map: &BTreeMap<u16, bool>| -> Writes {
                map.iter().map(|(n, keep)| ([b"k".as_slice(), &n.to_be_bytes()].concat(), keep.then(|| vec![1]))).collect()
            };
            let base = Scratch::over(None);
            base.apply(writes(&below)).unwrap();
            let top = Scratch::over(Some(Arc::new(base)));
            top.apply(writes(&above)).unwrap();
            let mut expected = below;
            expected.extend(above);
            let expected: Vec<_> = writes(&expected).into_iter().filter_map(|(key, value)| value.map(|_| key)).collect();
            prop_assert_eq!(keys(&top), expected);
        }
    }

    #[test]
    fn the_key_after_a_prefix_is_after_all_of_it() {
        assert_eq!(after(b"ab"), b"ac");
        assert_eq!(after(&[1, u8::MAX]), vec![2]);
        assert!(after(&[u8::MAX]).as_slice() > [u8::MAX, 7].as_slice());
    }
}
