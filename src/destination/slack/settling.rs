//! Calls that were given up without an answer: what they ask for may still come to be, for a while after the last word was
//! heard of them, and until then nothing can be called absent.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::delivery::DeliveryKey;

/// Until when the calls of this run may take effect that were given up.
#[derive(Debug, Default)]
pub(super) struct Settling(Mutex<BTreeMap<DeliveryKey, Instant>>);

impl Settling {
    /// A call for this delivery was given up just now, and may take effect for so long.
    pub(super) fn begin(&self, key: DeliveryKey, settle: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Instant::now() + settle);
    }

    /// Waits until no call for this delivery can take effect any more. One that is dropped waits no less the next time.
    pub(super) async fn end(&self, key: &DeliveryKey) {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        let Some(until) = until else { return };
        sleep_until(until).await;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
