//! What ingest does with one raw message before the ledger sees it: parse, thread links, route, seal. On any thread.

use chrono::{DateTime, Utc};

use super::{World, arrivals};
use crate::destination::post::DatedBy;
use crate::ledger::{Admission, Bound, Candidate, End};
use crate::mail::dating::{Clock, dating};
use crate::mail::{self, Message, thread};
use crate::policy::{Route, route};
use crate::source::{Found, Parcel, Phase, Scanned, Sent};
use crate::vault::{Sealed, seal};

/// Characters of a subject that the ledger keeps for lists; the whole one is in the vault.
const MAX_SUBJECT_CHARS: usize = 120;

/// What was understood of one thing that a source sent.
pub(super) struct Understood {
    /// For the ledger; the vault's locator is still empty.
    pub(super) admission: Admission,
    /// The message ready for the vault, until it is kept there.
    pub(super) sealed: Option<Sealed>,
    /// Whether there was something to keep: a message that was not known.
    pub(super) is_new: bool,
    /// Bytes of the raw message.
    pub(super) bytes: u64,
    /// What would be posted, in a dry run.
    pub(super) forecast: Vec<super::plan::Forecast>,
}

/// Which date of a message can be used.
pub(super) fn dated(message: &Message, internal: Option<DateTime<Utc>>, now: DateTime<Utc>) -> (DateTime<Utc>, DatedBy) {
    let dating = dating(message, internal, now);
    (dating.at, if dating.clock == Clock::Sender { DatedBy::Sender } else { DatedBy::Inferred })
}

/// Understands one raw message.
pub(super) fn message(world: &World, found: Found, phase: Phase, now: DateTime<Utc>) -> std::io::Result<Understood> {
    let parsed = mail::parse(&found.raw);
    let (end, bound_for) = ending(world, &parsed);
    let forecast = world.forecast(&parsed, &found, &bound_for, now);
    // A copy of a known message is not kept again; copies within one batch may be, which only costs their space.
    let sealed = if world.ledger.knows(&parsed.key).unwrap_or(false) { None } else { Some(seal(&found.raw)?) };
    let links = thread::links_under(&parsed, world.config.reuse);
    let candidate = Candidate {
        links,
        vault: String::new(),
        date: dated(&parsed, found.internal_date, now).0,
        internal_date: found.internal_date,
        arrived: arrivals::arrived(&parsed, &found, phase, now),
        sent: found.sent == Sent::Yes,
        message_id: parsed.message_id.clone(),
        subject: parsed.subject.chars().take(MAX_SUBJECT_CHARS).collect(),
        audience: parsed.audience().map(|person| person.address.clone()).collect(),
        end,
        bound_for,
        notes: found.notes.into_iter().chain(parsed.notes).collect(),
        object: found.object,
        position: found.position,
        checkpoint: found.checkpoint,
    };
    let (bytes, is_new) = (found.raw.len() as u64, sealed.is_some());
    Ok(Understood { admission: Admission::Message(Box::new(candidate)), sealed, is_new, bytes, forecast })
}

/// Understands whatever a source sent; `None` for what the ledger does not record.
pub(super) fn parcel(world: &World, parcel: &mut Parcel, now: DateTime<Utc>) -> std::io::Result<Option<Understood>> {
    let phase = parcel.phase;
    let nothing = Scanned::Expected { mailbox: String::new(), messages: None, bytes: None };
    let admission = match std::mem::replace(&mut parcel.scanned, nothing) {
        Scanned::Message(found) => return message(world, found, phase, now).map(Some),
        Scanned::Copy { position, object, sent, checkpoint } => {
            Admission::Copy { position, object, sent: sent == Sent::Yes, checkpoint }
        }
        Scanned::Unreadable { position, reason, checkpoint } => Admission::Unreadable { position, reason, checkpoint },
        Scanned::MailboxDone { mailbox, checkpoint } => {
            Admission::MailboxDone { source: parcel.source.clone(), mailbox, checkpoint }
        }
        scanned @ (Scanned::Expected { .. } | Scanned::MailboxFailed { .. }) => {
            parcel.scanned = scanned;
            return Ok(None);
        }
    };
    Ok(Some(Understood { admission, sealed: None, is_new: false, bytes: 0, forecast: Vec::new() }))
}

/// How a message ends, and the channels that it goes to.
fn ending(world: &World, message: &Message) -> (End, Vec<Bound>) {
    let route = route(&world.config.directory, message);
    let bound_for = world.bound_for(&route);
    let end = match route {
        Route::Internal => End::Internal,
        Route::Unmapped(_) => End::Unmapped,
        Route::Unreadable(reason) => End::Held(reason),
        Route::Partners(_) => End::Routed,
    };
    (end, bound_for)
}
