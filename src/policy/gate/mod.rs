//! The chain of gates: one question each that a message must pass before it is said in a channel.

use serde::{Deserialize, Serialize};

use super::{Approval, Directory, Partner, Rules, UnverifiedSenders};
use crate::delivery::Reason;
use crate::mail::Message;

/// What a gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be said.
    Pass,
    /// It waits for a person.
    Hold(Reason),
    /// It is never said.
    Drop(Reason),
}

/// What is known of where a message came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Whether it stands in a mailbox of what we sent.
    pub sent: bool,
    /// What its source says about unverified senders.
    pub unverified: UnverifiedSenders,
    /// The authserv-ids of the source's own receiving server, in lower case.
    pub trusted_servers: Vec<String>,
}

/// One message on its way to one partner's channel.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The message.
    pub message: &'a Message,
    /// Where it came from.
    pub origin: &'a Origin,
    /// The partner whose channel it would go to.
    pub partner: &'a Partner,
    /// Everyone.
    pub directory: &'a Directory,
}

/// What can be asked without the message: whether anything at all may be said in the partner's channel.
pub fn judge_partner(_rules: &Rules, _partner: &Partner, _approval: Option<&Approval>) -> Verdict {
    Verdict::Pass
}

/// What the message itself has to pass. `released` names the gates whose hold a person has lifted for this message.
pub fn judge(_case: &Case<'_>, _released: &[String]) -> Verdict {
    Verdict::Pass
}
