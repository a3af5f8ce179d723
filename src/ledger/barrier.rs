//! Barriers that are asked for at the same time share one: who waits while another syncs finds its own writes synced.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::LedgerError;

/// A barrier that many can pass together.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    asked: AtomicU64,
    done: Mutex<u64>,
}

impl Barrier {
    /// Makes everything durable that was written before the call, by `sync` or by somebody else's.
    pub(super) fn pass(&self, sync: impl FnOnce() -> Result<(), LedgerError>) -> Result<(), LedgerError> {
        let ticket = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if *done >= ticket {
            return Ok(());
        }
        let covered = self.asked.load(Ordering::SeqCst);
        sync()?;
        *done = covered;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_that_fails_covers_nobody() {
        let barrier = Barrier::default();
        let mut syncs = 0;
        let mut sync = |outcome: Result<(), LedgerError>| {
            barrier.pass(|| {
                syncs += 1;
                outcome
            })
        };
        assert!(sync(Err(LedgerError::Storage("full".into()))).is_err());
        assert!(sync(Ok(())).is_ok());
        assert!(sync(Ok(())).is_ok());
        assert_eq!(syncs, 3, "nobody else was waiting, so each synced for itself");
    }
}
