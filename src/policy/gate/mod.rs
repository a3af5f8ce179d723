//! The chain of gates: one question each that a message must pass before it is said in a channel.
//!
//! | gate | asks | lifted by |
//! |---|---|---|
//! | `approval` | has someone opened the partner's channel? | `mailferry approve` |
//! | `nda` | is there an NDA, where the rules want one? | nobody |
//! | `audience` | does somebody of the partner stand on the message? | nobody |
//! | `authenticity` | is it from whom it says, where the source wants that? | `mailferry release` |
//! | `loops` | did a person write it, and is it no more than people write? | `mailferry release` |
//!
//! [`carriage`] asks the same of an attachment; what it does not let pass is named in the text.

mod approval;
mod attachments;
mod audience;
mod authenticity;
mod loops;
mod nda;

use serde::{Deserialize, Serialize};

use super::{Directory, Partner, Rules, UnverifiedSenders};
use crate::delivery::{Approval, Reason};
use crate::mail::Message;

pub use self::attachments::{Carriage, carriage};
pub use self::loops::{Arrivals, Breaker, Loops, Treatment, is_too_many};

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
    /// What is done with mail of programs.
    pub loops: &'a Loops,
    /// How much arrived with it.
    pub arrivals: Arrivals,
}

/// What can be asked without the message: whether anything at all may be said in the partner's channel.
pub fn judge_partner(rules: &Rules, partner: &Partner, approval: Option<&Approval>) -> Verdict {
    first_objection([approval::judge(rules, partner, approval), nda::judge(rules, partner)])
}

/// What the message itself has to pass. `released` names the gates whose hold a person has lifted for this message; the
/// audience is asked for all the same.
pub fn judge(case: &Case<'_>, released: &[String]) -> Verdict {
    let unless_released = |name: &str, judge: fn(&Case<'_>) -> Verdict| {
        if released.iter().any(|gate| gate == name) { Verdict::Pass } else { judge(case) }
    };
    first_objection([
        audience::judge(case),
        unless_released(authenticity::NAME, authenticity::judge),
        unless_released(loops::NAME, loops::judge),
    ])
}

fn first_objection<const N: usize>(verdicts: [Verdict; N]) -> Verdict {
    verdicts.into_iter().find(|verdict| *verdict != Verdict::Pass).unwrap_or(Verdict::Pass)
}
