//! The bounded pipe from the sources to ingest: so many bytes in flight and no more, however large the messages are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Scanned;
use crate::position::SourceName;

/// Bytes that may be in flight between the sources and the ledger. Enough to keep all cores busy, small enough that ten
/// sources do not add up; one larger message passes alone.
pub(super) const MAX_BYTES_IN_FLIGHT: u32 = 8 * 1024 * 1024;

/// Items that may wait in the pipe.
const MAX_ITEMS_IN_FLIGHT: usize = 1024;

/// The receiving side is gone: the run is being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// One thing on its way from a source, with its share of the bytes in flight; the share is given back when it is dropped.
#[derive(Debug)]
pub struct Parcel {
    /// The source that sent it.
    pub source: SourceName,
    /// What it sent.
    pub scanned: Scanned,
    /// Whether that was there before.
    pub phase: Phase,
    _share: OwnedSemaphorePermit,
}

/// Whether a source sends what was there before, or what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// What was there before.
    Past,
    /// What arrives.
    Live,
}

/// The sending end, one for each source.
#[derive(Clone, Debug)]
pub struct Outlet {
    source: SourceName,
    sender: mpsc::Sender<Parcel>,
    bytes: Arc<Semaphore>,
    is_live: Arc<AtomicBool>,
}

/// The receiving end.
pub type Inlet = mpsc::Receiver<Parcel>;

/// A new pipe; the function makes an outlet for a named source.
pub fn outlet() -> (impl Fn(SourceName) -> Outlet, Inlet) {
    let (sender, inlet) = mpsc::channel(MAX_ITEMS_IN_FLIGHT);
    let bytes = Arc::new(Semaphore::new(MAX_BYTES_IN_FLIGHT as usize));
    (move |source| Outlet { source, sender: sender.clone(), bytes: bytes.clone(), is_live: Arc::default() }, inlet)
}

impl Outlet {
    /// Sends one thing, waiting while too much is in flight.
    ///
    /// # Errors
    /// [`Closed`] when nobody receives any more.
    pub async fn send(&self, scanned: Scanned) -> Result<(), Closed> {
        let share = self.bytes.clone().acquire_many_owned(weight(&scanned)).await.map_err(|_| Closed)?;
        let phase = if self.is_live.load(Ordering::Acquire) { Phase::Live } else { Phase::Past };
        let parcel = Parcel { source: self.source.clone(), scanned, phase, _share: share };
        self.sender.send(parcel).await.map_err(|_| Closed)
    }

    /// From now on the source sends what arrives: everything that there was has been sent.
    pub fn goes_live(&self) {
        self.is_live.store(true, Ordering::Release);
    }

    /// Returns once nobody receives any more.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }

    /// The same from a thread that may block.
    ///
    /// # Errors
    /// [`Closed`] when nobody receives any more.
    pub fn send_blocking(&self, scanned: Scanned) -> Result<(), Closed> {
        tokio::runtime::Handle::current().block_on(self.send(scanned))
    }
}

/// The bytes that an item holds, capped so that a message larger than the whole pipe passes alone.
fn weight(scanned: &Scanned) -> u32 {
    match scanned {
        Scanned::Message(found) => u32::try_from(found.raw.len()).unwrap_or(u32::MAX).clamp(1, MAX_BYTES_IN_FLIGHT),
        Scanned::Expected { .. }
        | Scanned::Copy { .. }
        | Scanned::Unreadable { .. }
        | Scanned::MailboxDone { .. }
        | Scanned::MailboxFailed { .. } => 1,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::position::Position;

    fn unreadable(number: usize) -> Scanned {
        let position = Position { source: SourceName::new("s"), mailbox: "m".into(), place: number.to_string() };
        Scanned::Unreadable { position, reason: "test".into(), checkpoint: None }
    }

    #[tokio::test]
    async fn a_full_pipe_waits_until_something_is_taken_out() {
        let (outlets, mut inlet) = outlet();
        let outlet = outlets(SourceName::new("s"));
        for number in 0..MAX_ITEMS_IN_FLIGHT {
            outlet.send(unreadable(number)).await.unwrap();
        }
        let mut waiting = Box::pin(outlet.send(unreadable(MAX_ITEMS_IN_FLIGHT)));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(inlet.recv().await.is_some());
        assert_eq!(waiting.await, Ok(()));
    }

    #[tokio::test]
    async fn what_was_sent_before_the_source_went_live_is_of_the_past() {
        let (outlets, mut inlet) = outlet();
        let (outlet, other) = (outlets(SourceName::new("s")), outlets(SourceName::new("other")));
        outlet.send(unreadable(0)).await.unwrap();
        outlet.clone().goes_live();
        outlet.send(unreadable(1)).await.unwrap();
        other.send(unreadable(2)).await.unwrap();
        for phase in [Phase::Past, Phase::Live, Phase::Past] {
            assert_eq!(inlet.recv().await.unwrap().phase, phase);
        }
    }

    #[tokio::test]
    async fn who_sends_to_nobody_is_told() {
        let (outlets, inlet) = outlet();
        drop(inlet);
        assert_eq!(outlets(SourceName::new("s")).send(unreadable(0)).await, Err(Closed));
    }
}
