//! IDLE (RFC 2177): the server says when something arrives. No input, no output: events go in, actions come out.

use super::failure::Failure;

/// What happened while the server was listened to.
#[derive(Debug)]
pub(super) enum Event {
    /// `+`: the server is in IDLE.
    Continued,
    /// The mailbox holds so many messages now.
    Exists(u32),
    /// One message is gone.
    Expunged,
    /// Something that says nothing about messages: flags, `* OK Still here`.
    Other,
    /// The time that was given for this step is over.
    Silence,
    /// The command ended, or the connection did.
    Ended(Result<(), Failure>),
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Action {
    /// Listen on.
    Listen,
    /// Send `DONE`, then listen on.
    SendDone,
    /// It is over.
    End(Result<Noticed, Failure>),
}

/// What a round of IDLE brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noticed {
    /// A message arrived.
    Arrival,
    /// Nothing that is of interest; the mailbox holds so many messages.
    Nothing(u32),
}

/// Where in a round of IDLE things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// IDLE was sent, and its `+` has not come.
    Asked,
    /// The server tells what happens.
    Idle,
    /// `DONE` was sent.
    Leaving,
}

/// One round of IDLE, from the command to its tagged answer.
#[derive(Debug)]
pub(super) struct Round {
    stage: Stage,
    noticed: Noticed,
}

impl Round {
    /// A round in a mailbox that holds so many messages; IDLE is to be sent.
    pub(super) fn new(messages: u32) -> Self {
        Self { stage: Stage::Asked, noticed: Noticed::Nothing(messages) }
    }

    /// Where it is.
    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// What follows from an event.
    pub(super) fn on(&mut self, event: Event) -> Action {
        match event {
            Event::Exists(count) => self.count(count),
            Event::Expunged => {
                if let Noticed::Nothing(messages) = &mut self.noticed {
                    *messages = messages.saturating_sub(1);
                }
            }
            Event::Continued if self.stage == Stage::Asked => self.stage = Stage::Idle,
            Event::Continued => return Action::End(Err(Failure::Lost("the server asks for more than there is".to_owned()))),
            Event::Silence if self.stage == Stage::Idle => return self.leave(),
            Event::Silence => return Action::End(Err(Failure::Lost("the server was silent about IDLE".to_owned()))),
            Event::Ended(Ok(())) if self.stage == Stage::Asked => {
                return Action::End(Err(Failure::Lost("the server ends IDLE before it begins".to_owned())));
            }
            // A server may end IDLE by itself with OK, which is as good as an answer to DONE.
            Event::Ended(Ok(())) => return Action::End(Ok(self.noticed)),
            Event::Ended(Err(failure)) => return Action::End(Err(failure)),
            Event::Other => {}
        }
        // What arrived before the `+` is only acted upon after it: DONE means nothing to a server that is not in IDLE.
        if self.stage == Stage::Idle && self.noticed == Noticed::Arrival { self.leave() } else { Action::Listen }
    }

    /// More messages than before: one arrived. As many or fewer is a server that says what it has said.
    fn count(&mut self, count: u32) {
        if let Noticed::Nothing(messages) = self.noticed {
            self.noticed = if count > messages { Noticed::Arrival } else { Noticed::Nothing(count) };
        }
    }

    fn leave(&mut self) -> Action {
        self.stage = Stage::Leaving;
        Action::SendDone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The actions after these events, as one word each.
    fn actions(messages: u32, events: Vec<Event>) -> Vec<String> {
        let mut round = Round::new(messages);
        let word = |action| match action {
            Action::Listen => "listen".to_owned(),
            Action::SendDone => "done".to_owned(),
            Action::End(Ok(noticed)) => format!("{noticed:?}"),
            Action::End(Err(failure)) => format!("!{}", failure.why()),
        };
        events.into_iter().map(|event| word(round.on(event))).collect()
    }

    #[test]
    fn an_arrival_ends_the_round() {
        let events = vec![Event::Continued, Event::Other, Event::Exists(4), Event::Ended(Ok(()))];
        assert_eq!(actions(3, events), ["listen", "listen", "done", "Arrival"]);
    }

    #[test]
    fn an_arrival_before_the_continuation_is_acted_upon_after_it() {
        let events = vec![Event::Exists(4), Event::Continued, Event::Ended(Ok(()))];
        assert_eq!(actions(3, events), ["listen", "done", "Arrival"]);
    }

    #[test]
    fn an_arrival_that_comes_after_done_counts() {
        let events = vec![Event::Continued, Event::Silence, Event::Exists(4), Event::Ended(Ok(()))];
        assert_eq!(actions(3, events), ["listen", "done", "listen", "Arrival"]);
    }

    #[test]
    fn what_is_expunged_is_no_arrival_and_what_comes_in_its_place_is_one() {
        let events = vec![Event::Continued, Event::Expunged, Event::Exists(2), Event::Silence, Event::Ended(Ok(()))];
        assert_eq!(actions(3, events), ["listen", "listen", "listen", "done", "Nothing(2)"]);
        let events = vec![Event::Continued, Event::Expunged, Event::Exists(3)];
        assert_eq!(actions(3, events), ["listen", "listen", "done"]);
    }

    #[test]
    fn refusals_and_silence_are_failures() {
        assert_eq!(actions(3, vec![Event::Ended(Err(Failure::No("no".into())))]), ["!the server refuses: no"]);
        assert_eq!(actions(3, vec![Event::Silence]), ["!the server was silent about IDLE"]);
        assert_eq!(actions(3, vec![Event::Ended(Ok(()))]), ["!the server ends IDLE before it begins"]);
        let events = vec![Event::Continued, Event::Silence, Event::Silence];
        assert_eq!(actions(3, events), ["listen", "done", "!the server was silent about IDLE"]);
        let events = vec![Event::Continued, Event::Ended(Err(Failure::Lost("BYE".into())))];
        assert_eq!(actions(3, events), ["listen", "!BYE"]);
        let events = vec![Event::Continued, Event::Continued];
        assert_eq!(actions(3, events), ["listen", "!the server asks for more than there is"]);
    }
}
