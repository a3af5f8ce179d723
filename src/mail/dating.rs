//! When a message was sent: by the sender's own clock where it can be believed, else by what dates it best.
//!
//! The clocks that are asked, in order: the sender's (Date), our receiving server's (the topmost Received: those below it
//! were written on the way, by anybody), the mailbox's (INTERNALDATE, the line of an mbox, the time of a file), ours now.

use chrono::{DateTime, Duration, Utc};

use super::Message;

/// How far a date may lie in the future: clocks go wrong by time zones, not by days.
const MAX_FUTURE: Duration = Duration::days(2);

/// The start of 1971, the year of the first mail between two machines. What is older, most of it 1970-01-01, is a clock
/// that was never set.
const FIRST_MAIL_SECONDS: i64 = 31_536_000;

/// Whose clock dates a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// The sender's: the Date header.
    Sender,
    /// Our receiving server's: the topmost Received header.
    Received,
    /// The mailbox's: when it got the message.
    Mailbox,
    /// Ours: when the message was read.
    Now,
}

/// What date a message has, and why that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dating {
    /// The date.
    pub at: DateTime<Utc>,
    /// Whose clock it is.
    pub clock: Clock,
    /// What is wrong with the sender's own date, where it is not used.
    pub why: Option<&'static str>,
}

/// Dates a message that the mailbox got at `internal`.
pub fn dating(message: &Message, internal: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Dating {
    let believable = |date: &DateTime<Utc>| date.timestamp() >= FIRST_MAIL_SECONDS && *date <= now + MAX_FUTURE;
    let received = message.received.map(|date| date.to_utc()).filter(believable);
    let internal = internal.filter(believable);
    let own = message.date.map(|date| date.to_utc());
    // A mail cannot be sent after it arrived. Where the mailbox agrees with the sender, it is the server whose clock is
    // wrong; a mailbox that got the mail later, as when it was moved, agrees with nobody.
    let is_ahead = |own: DateTime<Utc>, other: DateTime<Utc>| own > other + MAX_FUTURE;
    let why = match own {
        None => Some("it has no date that can be read"),
        Some(own) if own.timestamp() < FIRST_MAIL_SECONDS => Some("it is older than mail"),
        Some(own) if own > now + MAX_FUTURE => Some("it lies in the future"),
        Some(own)
            if received.is_some_and(|received| is_ahead(own, received))
                && internal.is_none_or(|internal| is_ahead(own, internal)) =>
        {
            Some("it lies after the arrival at our server")
        }
        Some(at) => return Dating { at, clock: Clock::Sender, why: None },
    };
    let others = [(received, Clock::Received), (internal, Clock::Mailbox)];
    let (at, clock) = others.into_iter().find_map(|(at, clock)| Some((at?, clock))).unwrap_or((now, Clock::Now));
    Dating { at, clock, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::parse;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn the_first_clock_that_can_be_believed_dates_a_message() {
        let (date, received) = ("Date: Mon, 1 Mar 2021 09:05:00 +0100", "Received: by mx; Tue, 2 Mar 2021 08:00:00 +0000");
        let early_hop = "Received: by mx; 29 Feb 2023 08:00:00 +0000\nReceived: by evil; Fri, 1 Jan 2016 08:00:00 +0000";
        for (headers, internal, expected, clock) in [
            (date.to_owned(), Some("2026-01-01T00:00:00Z"), "2021-03-01T08:05:00Z", Clock::Sender),
            (format!("{date}\n{received}"), None, "2021-03-01T08:05:00Z", Clock::Sender),
            ("Date: Thu, 30 Feb 2021 09:05:00 +0100\n".to_owned() + received, None, "2021-03-02T08:00:00Z", Clock::Received),
            ("Date: Thu, 1 Jan 1970 00:00:00 +0000\n".to_owned() + received, None, "2021-03-02T08:00:00Z", Clock::Received),
            ("Date: Sat, 1 Jan 2039 00:00:00 +0000\n".to_owned() + received, None, "2021-03-02T08:00:00Z", Clock::Received),
            ("Date: Fri, 1 Mar 2024 00:00:00 +0000\n".to_owned() + received, None, "2021-03-02T08:00:00Z", Clock::Received),
            // The mailbox agrees with the sender: the server's clock was wrong.
            (
                "Date: Fri, 1 Mar 2024 00:00:00 +0000\n".to_owned() + received,
                Some("2024-03-01T01:00:00Z"),
                "2024-03-01T00:00:00Z",
                Clock::Sender,
            ),
            // A hop below the topmost is not asked: anybody wrote it.
            (early_hop.to_owned(), Some("2021-03-03T00:00:00Z"), "2021-03-03T00:00:00Z", Clock::Mailbox),
            (String::new(), Some("1970-01-01T00:00:00Z"), "2026-11-24T00:00:00Z", Clock::Now),
        ] {
            let message = parse(format!("{headers}\nSubject: x\n\nx").as_bytes());
            let dating = dating(&message, internal.map(at), at("2026-11-24T00:00:00Z"));
            assert_eq!((dating.at, dating.clock), (at(expected), clock), "{headers} {internal:?}");
            assert_eq!(dating.why.is_none(), clock == Clock::Sender, "{headers}");
        }
    }
}
