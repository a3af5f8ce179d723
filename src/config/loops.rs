//! `[policy.loops]`: what is done with mail that programs write.

use super::table::Table;
use crate::mail::Address;
use crate::policy::gate::{Breaker, Loops, Treatment};

/// More of them within the time could as well be any number.
const MOST_MESSAGES: u64 = 100_000;
/// A day. What arrived longer ago is no part of a storm.
const MOST_MINUTES: u64 = 24 * 60;

/// Reads `[policy.loops]`.
pub(super) fn loops(table: Option<Table<'_>>) -> Loops {
    const CHOICES: &[(&str, Treatment)] = &[("pass", Treatment::Pass), ("hold", Treatment::Hold), ("drop", Treatment::Drop)];
    let default = Loops::default();
    let Some(mut table) = table else { return default };
    let loops = Loops {
        answers: table.choice("answers", CHOICES).unwrap_or(default.answers),
        reports: table.choice("reports", CHOICES).unwrap_or(default.reports),
        invitations: table.choice("invitations", CHOICES).unwrap_or(default.invitations),
        newsletters: table.choice("newsletters", CHOICES).unwrap_or(default.newsletters),
        notices: table.choice("notices", CHOICES).unwrap_or(default.notices),
        echoes: echoes(&mut table),
        breaker: breaker(&mut table, default.breaker),
    };
    table.finish();
    loops
}

fn echoes(table: &mut Table<'_>) -> Vec<Address> {
    let mut addresses = Vec::new();
    for given in table.texts("echoes").unwrap_or_default() {
        let address = Address::normal(&given.value);
        if address.domain().is_none() {
            table.complaints.add(&given.place, "is no address: write \"notifications@chat.example\"");
        }
        addresses.push(address);
    }
    addresses
}

fn breaker(table: &mut Table<'_>, default: Breaker) -> Breaker {
    let mut count = |key, most: std::ops::RangeInclusive<u64>, default: u32| {
        table.integer(key, most).and_then(|count| u32::try_from(count).ok()).unwrap_or(default)
    };
    Breaker {
        correspondent: count("messages_of_correspondent", 0..=MOST_MESSAGES, default.correspondent),
        thread: count("messages_of_thread", 0..=MOST_MESSAGES, default.thread),
        minutes: count("within_minutes", 1..=MOST_MINUTES, default.minutes),
    }
}
