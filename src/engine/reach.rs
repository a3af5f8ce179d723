//! A channel that is called until it answers: what had no effect and may pass is waited out, an attempt whose outcome is
//! unknown is looked up, and somebody who asks to stop is heard in between.

use std::sync::Arc;
use std::time::Duration;

use super::World;
use crate::delivery::{Attempt, ChannelId};
use crate::destination::{ChannelSpec, Destination, Failure};
use crate::ledger::{Delivery, Event, LedgerError};

/// Tries of a call whose trouble may pass, before the channel is left for the next run: with the pauses below, about
/// two minutes.
const MAX_TRIES: u32 = 8;

/// The first pause between tries; each is twice the one before, up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between tries.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Why a lane goes no further.
pub(super) enum Halt {
    /// Somebody asked to stop.
    Stopped,
    /// The channel or the destination is in trouble; other lanes go on.
    Failed(String),
    /// The ledger or the vault is in trouble: nothing goes on.
    Broken(anyhow::Error),
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        Self::Broken(error.into())
    }
}

impl From<anyhow::Error> for Halt {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

/// One channel of one destination.
pub(super) struct Reach {
    world: Arc<World>,
    destination: Arc<dyn Destination>,
    spec: ChannelSpec,
    channel: Option<ChannelId>,
}

impl Reach {
    /// A channel that was not looked for yet.
    pub(super) fn new(world: Arc<World>, destination: Arc<dyn Destination>, spec: ChannelSpec) -> Self {
        Self { world, destination, spec, channel: None }
    }

    /// The destination.
    pub(super) fn destination(&self) -> &dyn Destination {
        self.destination.as_ref()
    }

    /// Makes a call that may be repeated until it is answered. An error is the sentence why the destination refuses it.
    pub(super) async fn ask<T>(
        &mut self,
        call: impl AsyncFn(&dyn Destination, &ChannelId) -> Result<T, Failure>,
    ) -> Result<Result<T, String>, Halt> {
        let mut patience = Patience::default();
        loop {
            let channel = self.open().await?;
            match self.unless_stopped(call(self.destination.as_ref(), &channel)).await? {
                Ok(answer) => return Ok(Ok(answer)),
                Err(Failure::Refused(why)) => return Ok(Err(why)),
                Err(failure) => self.recover(failure, &mut patience).await?,
            }
        }
    }

    /// Finds out what became of an attempt: an event, or the sentence why it cannot be found out now.
    pub(super) async fn resolve(
        &mut self,
        delivery: &Delivery,
        attempt: &Attempt,
        patience: &mut Patience,
    ) -> Result<Result<Event, String>, Halt> {
        let settled = attempt.at + self.destination.settle_time();
        let left = (settled - (self.world.clock)()).to_std().unwrap_or_default();
        self.unless_stopped(tokio::time::sleep(left)).await?;
        let channel = self.open().await?;
        loop {
            let lookup = self.destination.lookup(&channel, attempt.root.as_ref(), &delivery.key, attempt);
            match self.unless_stopped(lookup).await? {
                Ok(Some(receipt)) => return Ok(Ok(Event::Delivered(receipt))),
                Ok(None) => return Ok(Ok(Event::Absent)),
                Err(failure @ (Failure::Wait(_) | Failure::Transient(_) | Failure::Unknown(_))) => {
                    if self.pause(&failure, patience).await?.is_err() {
                        return Ok(Err(failure.to_string()));
                    }
                }
                Err(failure @ Failure::Stop { .. }) => return Err(Halt::Failed(failure.to_string())),
                Err(failure @ (Failure::StaleChannel(_) | Failure::Refused(_) | Failure::ChannelClosed { .. })) => {
                    return Ok(Err(failure.to_string()));
                }
            }
        }
    }

    /// The channel, looked for once.
    pub(super) async fn open(&mut self) -> Result<ChannelId, Halt> {
        let mut patience = Patience::default();
        loop {
            if let Some(channel) = &self.channel {
                return Ok(channel.clone());
            }
            match self.unless_stopped(self.destination.open(&self.spec)).await? {
                Ok(channel) => self.channel = Some(channel),
                Err(failure) => self.recover(failure, &mut patience).await?,
            }
        }
    }

    /// After a failure without effect: waits, or says why the lane ends.
    pub(super) async fn recover(&mut self, failure: Failure, patience: &mut Patience) -> Result<(), Halt> {
        match failure {
            Failure::Wait(_) | Failure::Transient(_) | Failure::Unknown(_) => {
                self.pause(&failure, patience).await?.map_err(|()| Halt::Failed(failure.to_string()))
            }
            Failure::StaleChannel(_) => {
                self.channel = None;
                self.pause(&failure, patience).await?.map_err(|()| Halt::Failed(failure.to_string()))
            }
            Failure::Refused(_) | Failure::ChannelClosed { .. } | Failure::Stop { .. } => Err(Halt::Failed(failure.to_string())),
        }
    }

    /// Waits as long as a failure asks for; `Err` when patience is at its end.
    async fn pause(&self, failure: &Failure, patience: &mut Patience) -> Result<Result<(), ()>, Halt> {
        let pause = match failure {
            // Being asked to wait is no trouble: it may happen as often as it likes.
            Failure::Wait(pause) => *pause,
            Failure::Transient(_)
            | Failure::Unknown(_)
            | Failure::StaleChannel(_)
            | Failure::Refused(_)
            | Failure::ChannelClosed { .. }
            | Failure::Stop { .. } => match patience.next() {
                Some(pause) => pause,
                None => return Ok(Err(())),
            },
        };
        tracing::debug!(channel.name = %self.spec.name, %failure, pause_ms = pause.as_millis(), "waiting");
        self.unless_stopped(tokio::time::sleep(pause)).await?;
        Ok(Ok(()))
    }

    /// Waits for something without effect, unless somebody asks to stop.
    pub(super) async fn unless_stopped<T>(&self, something: impl Future<Output = T>) -> Result<T, Halt> {
        tokio::select! {
            done = something => Ok(done),
            () = self.world.stop.asked() => Err(Halt::Stopped),
        }
    }
}

/// Growing pauses, so many times.
#[derive(Default)]
pub(super) struct Patience {
    tries: u32,
}

impl Patience {
    fn next(&mut self) -> Option<Duration> {
        self.tries += 1;
        (self.tries < MAX_TRIES).then(|| FIRST_PAUSE.saturating_mul(1 << self.tries.min(16)).min(MAX_PAUSE))
    }
}
