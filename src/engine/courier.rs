//! Carries the parts of one message to one channel, each exactly once.
//!
//! The order of things is the promise: the intent is flushed, then the call is made, then the outcome is flushed. An
//! outcome that is unknown is looked up at the destination before anything is sent again, and not before the attempt can
//! no longer take effect.

use std::sync::Arc;
use std::time::Duration;

use super::World;
use super::prepared::Prepared;
use super::reach::{Halt, Patience, Reach};
use crate::delivery::{Attempt, ChannelId, Handle, Part, Reason, Receipt};
use crate::destination::{ChannelSpec, Destination, Failure, Post};
use crate::ledger::{Crossing, CrossingId, Delivery, Event, Status};
use crate::mail::ThreadId;

/// What is left of a crossing after it was carried.
pub(super) enum Left {
    /// Every part stands in the channel.
    Nothing,
    /// A part waits for a person.
    Waiting(Reason),
    /// A part may or may not be there, and that could not be found out.
    InDoubt(String),
}

/// Carries messages to one channel.
pub(super) struct Courier {
    world: Arc<World>,
    reach: Reach,
    posts: u64,
    files: u64,
}

/// What became of one part.
enum Carried {
    Delivered,
    Waiting(Reason),
    InDoubt(String),
}

impl Courier {
    /// A courier that has not looked for its channel yet.
    pub(super) fn new(world: Arc<World>, destination: Arc<dyn Destination>, spec: ChannelSpec) -> Self {
        Self { world: world.clone(), reach: Reach::new(world, destination, spec), posts: 0, files: 0 }
    }

    /// Posts made so far.
    pub(super) fn posts(&self) -> u64 {
        self.posts
    }

    /// Of these, files.
    pub(super) fn files(&self) -> u64 {
        self.files
    }

    /// Carries every open part, in order.
    pub(super) async fn carry(&mut self, crossing: &Crossing, prepared: &Prepared, thread: &ThreadId) -> Result<Left, Halt> {
        let mut waiting = None;
        for delivery in &crossing.deliveries {
            match self.carry_part(&crossing.id, delivery, prepared, thread).await? {
                Carried::Delivered => {}
                // Without its text a message is not said any further; without one file the others still go.
                Carried::Waiting(reason) if matches!(delivery.part, Part::Text(_)) => return Ok(Left::Waiting(reason)),
                Carried::Waiting(reason) => waiting = Some(reason),
                Carried::InDoubt(why) => return Ok(Left::InDoubt(why)),
            }
        }
        Ok(waiting.map_or(Left::Nothing, Left::Waiting))
    }

    async fn carry_part(
        &mut self,
        id: &CrossingId,
        delivery: &Delivery,
        prepared: &Prepared,
        thread: &ThreadId,
    ) -> Result<Carried, Halt> {
        let mut status = delivery.status.clone();
        let mut patience = Patience::default();
        loop {
            let event = match &status {
                Status::Delivered(_) => return Ok(Carried::Delivered),
                Status::Held(reason) | Status::Rejected(reason) | Status::Dropped(reason) => {
                    return Ok(Carried::Waiting(reason.clone()));
                }
                Status::Planned => match prepared.post(delivery) {
                    Some(post) => self.attempt((id, delivery), &post, thread, &mut patience).await?,
                    None => Some(Event::Held(Reason::new("reading", "the message no longer has this part"))),
                },
                Status::InFlight(attempt) => match self.reach.resolve(delivery, attempt, &mut patience).await? {
                    Ok(event) => Some(event),
                    Err(why) => return Ok(Carried::InDoubt(why)),
                },
            };
            status = match event {
                Some(event) => self.record(id, delivery.part, event)?,
                None => status_of(self.world.ledger.crossing(id)?, delivery.part)?,
            };
        }
    }

    /// Makes one attempt. The intent is recorded here; the event is the outcome, `None` where it is unknown.
    async fn attempt(
        &mut self,
        (id, delivery): (&CrossingId, &Delivery),
        post: &Post,
        thread: &ThreadId,
        patience: &mut Patience,
    ) -> Result<Option<Event>, Halt> {
        let channel = self.reach.open().await?;
        let handle = match self.prepare(post).await? {
            Ok(handle) => handle,
            Err(reason) => return Ok(Some(Event::Held(reason))),
        };
        let root = match &delivery.under {
            Some(root) => Some(root.clone()),
            None => self.world.ledger.root(thread, id)?,
        };
        // The turn is awaited before the attempt is recorded: the time of an attempt is the time of its call.
        self.reach.unless_stopped(self.reach.destination().turn(&channel)).await?;
        let attempt = Attempt { at: (self.world.clock)(), handle: handle.clone(), root: root.clone() };
        self.record(id, post.part, Event::Attempted(attempt))?;
        match self.call(&channel, root.as_ref(), post, &handle).await {
            Ok(receipt) => Ok(Some(Event::Delivered(receipt))),
            Err(Failure::Unknown(why)) => {
                tracing::info!(delivery.key = %post.key, why, "the outcome of a post is unknown; it will be looked up");
                Ok(None)
            }
            Err(Failure::Refused(why)) => Ok(Some(Event::Rejected(Reason::new("destination", why)))),
            Err(failure) => {
                // Every other failure certainly had no effect.
                self.record(id, post.part, Event::Absent)?;
                self.reach.recover(failure, patience).await?;
                Ok(None)
            }
        }
    }

    /// The call itself. When somebody asks to stop it is given a moment to end well; then its outcome is unknown.
    async fn call(&self, channel: &ChannelId, root: Option<&Receipt>, post: &Post, handle: &Handle) -> Result<Receipt, Failure> {
        const GRACE: Duration = Duration::from_secs(3);
        let stopped = async {
            self.world.stop.asked().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            outcome = self.reach.destination().post(channel, root, post, handle) => outcome,
            () = stopped => Err(Failure::Unknown("the run was stopped before the answer came".into())),
        }
    }

    /// What can be done of a post before anybody sees it; an error is the reason why it waits for a person.
    async fn prepare(&mut self, post: &Post) -> Result<Result<Handle, Reason>, Halt> {
        let mut patience = Patience::default();
        loop {
            match self.reach.unless_stopped(self.reach.destination().prepare(post)).await? {
                Ok(handle) => return Ok(Ok(handle)),
                Err(Failure::Refused(why)) => return Ok(Err(Reason::new("destination", why))),
                Err(Failure::Unknown(why)) => self.reach.recover(Failure::Transient(why), &mut patience).await?,
                Err(failure) => self.reach.recover(failure, &mut patience).await?,
            }
        }
    }

    /// Records an event, and hands back where the part stands then.
    fn record(&mut self, id: &CrossingId, part: Part, event: Event) -> Result<Status, Halt> {
        if matches!(event, Event::Delivered(_)) {
            self.posts += 1;
            self.files += u64::from(matches!(part, Part::File(_)));
        }
        status_of(tokio::task::block_in_place(|| self.world.ledger.record(id, part, event))?, part)
    }
}

/// Where one part of a crossing stands.
fn status_of(crossing: Crossing, part: Part) -> Result<Status, Halt> {
    let message = crossing.id.message;
    let delivery = crossing.deliveries.into_iter().find(|delivery| delivery.part == part);
    delivery.map(|delivery| delivery.status).ok_or_else(|| Halt::Broken(anyhow::anyhow!("a part of {message} is gone")))
}
