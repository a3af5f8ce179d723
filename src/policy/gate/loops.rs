//! Did a person write it, and is it more than people write?
//!
//! What a program wrote waits, so that it can start no loop and fill no channel. Nothing is dropped unless the configuration
//! says so: what waits can be read and let go, and what looks like a program's may be a person's after all. A list that people
//! take part in is no program.

use super::{Case, Verdict};
use crate::delivery::Reason;
use crate::mail::Address;
use crate::mail::automatic::{Automatic, Kind};

pub(super) const NAME: &str = "loops";

/// How the reason of the breaker begins.
const TOO_MANY: &str = "more than";

/// The rules of `[policy.loops]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loops {
    /// Answers that nobody wrote for this one message: out of office.
    pub answers: Treatment,
    /// Delivery reports and receipts.
    pub reports: Treatment,
    /// Answers to invitations.
    pub invitations: Treatment,
    /// Bulk mail that nobody can answer.
    pub newsletters: Treatment,
    /// Everything else that calls itself automatic.
    pub notices: Treatment,
    /// Whose mail repeats what stands in a channel, such as the notifications of the destination.
    pub echoes: Vec<Address>,
    /// When too much arrives at once.
    pub breaker: Breaker,
}

impl Default for Loops {
    fn default() -> Self {
        Self {
            answers: Treatment::Hold,
            reports: Treatment::Hold,
            invitations: Treatment::Hold,
            newsletters: Treatment::Hold,
            notices: Treatment::Hold,
            echoes: Vec::new(),
            breaker: Breaker::default(),
        }
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It passes.
    Pass,
    /// It waits for a person.
    Hold,
    /// It is never said.
    Drop,
}

/// How much live mail of one correspondent, or of one thread, a channel takes before a person has to look. Mail of the
/// past is never counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Messages of one correspondent; zero: any number.
    pub correspondent: u32,
    /// Messages of one thread; zero: any number.
    pub thread: u32,
    /// Within so many minutes.
    pub minutes: u32,
}

impl Default for Breaker {
    /// One in twelve seconds for an hour is more than anybody writes and reads; a day's mail that comes at once is not.
    fn default() -> Self {
        Self { correspondent: 300, thread: 300, minutes: 60 }
    }
}

/// How many messages arrived live within the breaker's time, the one that is judged included; all zero for mail of the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// From the same correspondent, on the way to the same channel.
    pub correspondent: u32,
    /// Of the same thread, on the way to the same channel.
    pub thread: u32,
}

pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let Loops { echoes, breaker, .. } = case.loops;
    let is_echo = case.message.from.iter().any(|author| echoes.iter().any(|echo| echo.folded() == author.address.folded()));
    if is_echo {
        return Treatment::Hold
            .verdict("its author repeats what stands in a channel".into(), "take the address out of echoes in [policy.loops]");
    }
    let by_program = case.message.automatic.map(|automatic| case.loops.treat(&automatic));
    by_program.filter(|verdict| *verdict != Verdict::Pass).unwrap_or_else(|| breaker.judge(case))
}

/// Whether a reason is the breaker's.
pub fn is_too_many(reason: &Reason) -> bool {
    reason.gate == NAME && reason.text.starts_with(TOO_MANY)
}

impl Loops {
    fn treat(&self, automatic: &Automatic) -> Verdict {
        let (treatment, what, key) = match automatic.kind {
            Kind::Answer => (self.answers, "an automatic answer", "answers"),
            Kind::DeliveryReport => (self.reports, "a delivery report", "reports"),
            Kind::ReadReceipt => (self.reports, "a receipt", "reports"),
            Kind::CalendarAnswer => (self.invitations, "an answer to an invitation", "invitations"),
            Kind::Newsletter => (self.newsletters, "a newsletter", "newsletters"),
            Kind::Notice => (self.notices, "an automatic notice", "notices"),
        };
        treatment.verdict(format!("{what} ({})", automatic.sign), &format!("set {key} = \"pass\" in [policy.loops]"))
    }
}

impl Treatment {
    fn verdict(self, why: String, way_out: &str) -> Verdict {
        match self {
            Self::Pass => Verdict::Pass,
            Self::Hold => {
                Verdict::Hold(Reason::new(NAME, format!("{why}: where it belongs there, run `mailferry release`, or {way_out}")))
            }
            Self::Drop => Verdict::Drop(Reason::new(NAME, why)),
        }
    }
}

impl Breaker {
    fn judge(&self, case: &Case<'_>) -> Verdict {
        const LOOK: &str = "look whether it is a loop, then run `mailferry release`";
        let is_over = |arrived: u32, most: u32| most > 0 && arrived > most;
        let Self { correspondent, thread, minutes } = self;
        let text = if is_over(case.arrivals.correspondent, *correspondent) {
            let author = case.message.author().map_or_else(|| "nobody".to_owned(), |author| author.address.to_string());
            format!("{TOO_MANY} {correspondent} messages of {author} arrived within {minutes} minutes: {LOOK}")
        } else if is_over(case.arrivals.thread, *thread) {
            format!("{TOO_MANY} {thread} messages of its thread arrived within {minutes} minutes: {LOOK}")
        } else {
            return Verdict::Pass;
        };
        Verdict::Hold(Reason::new(NAME, text))
    }
}
