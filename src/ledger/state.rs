//! The states of a delivery, pure. [`Status::next`] is the only way from one to another.
//!
//! ```text
//!  Planned ─Attempted▶ InFlight ─Delivered▶ Delivered (final)      Planned ─Held▶ Held ─Released▶ Planned
//!                      InFlight ─Absent▶ Planned                   InFlight ─Rejected▶ Rejected ─Released▶ Planned
//!                                                                  Planned ─Dropped▶ Dropped (final)
//! ```
//!
//! `InFlight` is the honest state: *it may or may not be there*.

use serde::{Deserialize, Serialize};

use crate::delivery::{Attempt, Reason, Receipt};

/// Where a delivery stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is to be posted.
    Planned,
    /// An attempt was announced whose outcome is not recorded.
    InFlight(Attempt),
    /// It stands in the channel. Final.
    Delivered(Receipt),
    /// It waits for a person.
    Held(Reason),
    /// The destination will never take it as it is; a person must look.
    Rejected(Reason),
    /// A gate said that it is never to be posted. Final.
    Dropped(Reason),
}

/// What happened to a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A call that changes the destination is about to be made.
    Attempted(Attempt),
    /// The destination proved that the post stands.
    Delivered(Receipt),
    /// The attempt certainly had no effect.
    Absent,
    /// The destination refused it for good.
    Rejected(Reason),
    /// A gate holds it.
    Held(Reason),
    /// A gate drops it.
    Dropped(Reason),
    /// A person lets it go.
    Released,
}

/// An event that cannot happen in this state; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delivery that is {status} cannot be {event}")]
pub struct IllegalEvent {
    status: &'static str,
    event: &'static str,
}

impl Status {
    /// The status after an event.
    ///
    /// # Errors
    /// When the event cannot happen in this state.
    pub fn next(&self, event: Event) -> Result<Self, IllegalEvent> {
        match (self, event) {
            (Self::Planned, Event::Attempted(attempt)) => Ok(Self::InFlight(attempt)),
            (Self::Planned, Event::Held(reason)) => Ok(Self::Held(reason)),
            (Self::Planned, Event::Dropped(reason)) => Ok(Self::Dropped(reason)),
            (Self::InFlight(_), Event::Delivered(receipt)) => Ok(Self::Delivered(receipt)),
            (Self::InFlight(_), Event::Absent) => Ok(Self::Planned),
            (Self::InFlight(_), Event::Rejected(reason)) => Ok(Self::Rejected(reason)),
            (Self::Held(_) | Self::Rejected(_), Event::Released) => Ok(Self::Planned),
            (status, event) => Err(IllegalEvent { status: status.name(), event: event.name() }),
        }
    }

    /// The state's name, as `status --json` has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::InFlight(_) => "in_flight",
            Self::Delivered(_) => "delivered",
            Self::Held(_) => "held",
            Self::Rejected(_) => "rejected",
            Self::Dropped(_) => "dropped",
        }
    }

    /// Whether the engine still has to do something about it.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Planned | Self::InFlight(_))
    }

    /// Why it waits for a person, where it does.
    pub fn waiting(&self) -> Option<&Reason> {
        match self {
            Self::Held(reason) | Self::Rejected(reason) => Some(reason),
            Self::Planned | Self::InFlight(_) | Self::Delivered(_) | Self::Dropped(_) => None,
        }
    }
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Attempted(_) => "attempted",
            Self::Delivered(_) => "delivered",
            Self::Absent => "found absent",
            Self::Rejected(_) => "rejected",
            Self::Held(_) => "held",
            Self::Dropped(_) => "dropped",
            Self::Released => "released",
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::delivery::Handle;

    fn any_event() -> impl Strategy<Value = Event> {
        let reason = || Reason::new("gate", "why");
        prop_oneof![
            Just(Event::Attempted(Attempt { at: DateTime::UNIX_EPOCH, handle: Handle::new(""), root: None })),
            Just(Event::Delivered(Receipt { id: "1.000100".into() })),
            Just(Event::Absent),
            Just(Event::Rejected(reason())),
            Just(Event::Held(reason())),
            Just(Event::Dropped(reason())),
            Just(Event::Released),
        ]
    }

    proptest! {
        #[test]
        fn delivered_is_final_and_follows_an_attempt(events in proptest::collection::vec(any_event(), 0..40)) {
            let mut status = Status::Planned;
            for event in events {
                let before = status.clone();
                match status.next(event.clone()) {
                    Ok(after) => {
                        prop_assert!(!matches!(before, Status::Delivered(_) | Status::Dropped(_)));
                        if matches!(after, Status::Delivered(_)) {
                            prop_assert!(matches!(before, Status::InFlight(_)));
                        }
                        status = after;
                    }
                    Err(illegal) => prop_assert!(illegal.to_string().contains(before.name())),
                }
            }
        }
    }

    #[test]
    fn an_attempt_in_flight_is_neither_held_nor_attempted_again() {
        let attempt = Attempt { at: DateTime::UNIX_EPOCH, handle: Handle::new("F1"), root: None };
        let in_flight = Status::InFlight(attempt.clone());
        assert!(in_flight.next(Event::Attempted(attempt)).is_err());
        assert!(in_flight.next(Event::Held(Reason::new("approval", "no"))).is_err());
        assert_eq!(in_flight.next(Event::Absent), Ok(Status::Planned));
    }
}
