//! The `From ` line of an mbox: what counts as one, and the date in it.
//!
//! RFC 4155 wants `From address asctime-date` in UTC; what programs write differs: time zones before or after the year,
//! the form of RFC 5322, addresses with blanks (`goran at domain.com`), none at all (`From - Mon …`).

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// What every `From ` line begins with.
pub(super) const FROM: &[u8] = b"From ";

/// The dates that programs write for want of a better one: public-inbox's (and other mboxrd writers') epoch, and the one
/// that `git format-patch` gives to every patch. In seconds since 1970.
const CONSTANTS: [i64; 2] = [0, 1_000_684_800];

/// The date of a plausible `From ` line, without its line end; `None` where the line is more likely prose.
pub(super) fn date(line: &[u8]) -> Option<DateTime<Utc>> {
    let text = String::from_utf8_lossy(line.strip_prefix(FROM)?);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    (0..words.len()).find_map(|at| date_of(words.get(at..)?))
}

/// When the archive got a message, by the date of its `From ` line; `None` for the constants that stand for "unknown".
pub(super) fn internal_date(date: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (!CONSTANTS.contains(&date.timestamp())).then_some(date)
}

/// Whether a first line is a `From ` line at all, plausible or not, and no header `From : …` in the obsolete syntax of
/// RFC 5322 4.5.
pub(in crate::source) fn begins_mbox(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(FROM) else { return false };
    rest.iter().find(|byte| !matches!(byte, b' ' | b'\t')) != Some(&b':')
}

/// Reads `Mon Jan 1 00:00:00 2024` or `Mon, 1 Jan 2024 00:00:00` with everything that may stand between and behind.
fn date_of(words: &[&str]) -> Option<DateTime<Utc>> {
    let (weekday, rest) = words.split_first()?;
    is_one_of(weekday.trim_end_matches(','), &["mon", "tue", "wed", "thu", "fri", "sat", "sun"]).then_some(())?;
    match rest {
        [month, day, time, year, rest @ ..] if is_year(year) => instant(year, month, day, time, zone_and_end(rest)?),
        [month, day, time, zone, year, rest @ ..] if is_year(year) => {
            zone_and_end(rest)?;
            instant(year, month, day, time, offset(zone)?)
        }
        [day, month, year, time, rest @ ..] if is_year(year) => instant(year, month, day, time, zone_and_end(rest)?),
        _ => None,
    }
}

/// The zone after a date, UTC where there is none (RFC 4155). What follows may only be UUCP's `remote from host`.
fn zone_and_end(words: &[&str]) -> Option<FixedOffset> {
    match words {
        [] | ["remote", "from", _] => FixedOffset::east_opt(0),
        [zone] | [zone, "remote", "from", _] => offset(zone),
        _ => None,
    }
}

fn instant(year: &str, month: &str, day: &str, time: &str, zone: FixedOffset) -> Option<DateTime<Utc>> {
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let month = months.iter().zip(1_u32..).find(|(name, _)| name.eq_ignore_ascii_case(month))?.1;
    let date = NaiveDate::from_ymd_opt(year.parse().ok()?, month, day.parse().ok()?)?;
    let time = NaiveTime::parse_from_str(time, "%H:%M:%S").or_else(|_| NaiveTime::parse_from_str(time, "%H:%M")).ok()?;
    let local = NaiveDateTime::new(date, time).and_local_timezone(zone).single()?;
    Some(local.with_timezone(&Utc))
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// `+0200`, or a zone by its name (RFC 5322 4.3, and what European and Japanese systems write). A name that is not known
/// is no reason to doubt the line: it counts as UTC.
fn offset(zone: &str) -> Option<FixedOffset> {
    if let Some(sign) = zone.bytes().next().filter(|byte| matches!(byte, b'+' | b'-')) {
        let digits: i32 = zone.get(1..).filter(|digits| digits.len() == 4)?.parse().ok()?;
        let seconds = (digits / 100 * 60 + digits % 100) * 60;
        return FixedOffset::east_opt(if sign == b'-' { -seconds } else { seconds });
    }
    let is_name = (1..=5).contains(&zone.len()) && zone.bytes().all(|byte| byte.is_ascii_uppercase());
    let hours = match zone {
        "BST" | "CET" | "MET" | "WEST" => 1,
        "CEST" | "MEST" | "EET" => 2,
        "EEST" | "MSK" => 3,
        "JST" | "KST" => 9,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        _ => 0,
    };
    is_name.then(|| FixedOffset::east_opt(hours * 3600)).flatten()
}

fn is_one_of(word: &str, names: &[&str]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dates_of_all_dialects_are_read() {
        for (line, expected) in [
            ("From ann@acme.example Fri Feb 22 17:06:23 2008", "2008-02-22T17:06:23Z"),
            ("From ann@acme.example  Fri Feb  2 17:06:23 2008", "2008-02-02T17:06:23Z"),
            ("From user@domain  Fri Feb 22 23:00:00 2008 +0200", "2008-02-22T21:00:00Z"),
            ("From 1234567890123456789@xxx Mon Jan 06 09:00:00 +0000 2020", "2020-01-06T09:00:00Z"),
            ("From - Mon Jan 06 09:00:00 2020", "2020-01-06T09:00:00Z"),
            ("From MAILER-DAEMON Mon Jan  6 09:00:00 EST 2020", "2020-01-06T14:00:00Z"),
            ("From ann Mon Jan  6 09:00 2020", "2020-01-06T09:00:00Z"),
            ("From goran at domain.com  Wed Dec  1 08:26:40 2010", "2010-12-01T08:26:40Z"),
            ("From ann@acme.example Mon, 6 Jan 2020 09:00:00 +0100", "2020-01-06T08:00:00Z"),
            ("From host!ann Mon Jan  6 09:00:00 2020 remote from host", "2020-01-06T09:00:00Z"),
            ("From \"ann lee\"@acme.example Mon Jan  6 09:00:00 2020 CET", "2020-01-06T08:00:00Z"),
        ] {
            let expected: DateTime<Utc> = expected.parse().unwrap();
            assert_eq!(date(line.as_bytes()), Some(expected), "{line}");
        }
    }

    #[test]
    fn prose_is_no_envelope() {
        for line in [
            "From my point of view this works",
            "From Monday on we ship",
            "From Mon Jan 6 until Tue Jan 7 2020",
            "From ann Mon Jan  6 09:00:00 2020 we were closed",
            "From ann Mon Jan 32 09:00:00 2020",
            "From ann Mon Jan  6 09:00:00 20200",
            "From ",
            "from ann Mon Jan  6 09:00:00 2020",
        ] {
            assert_eq!(date(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn constants_date_nothing() {
        let epoch = date(b"From mboxrd@z Thu Jan  1 00:00:00 1970").unwrap();
        let patch = date(b"From 6fdb1b0a Mon Sep 17 00:00:00 2001").unwrap();
        assert_eq!((internal_date(epoch), internal_date(patch)), (None, None));
        let real = date(b"From ann Mon Jan  6 09:00:00 2020").unwrap();
        assert_eq!(internal_date(real), Some(real));
    }

    #[test]
    fn an_obsolete_from_header_is_no_envelope() {
        assert!(!begins_mbox(b"From : Ann <ann@acme.example>"));
        assert!(begins_mbox(b"From ann Mon Jan  6 09:00:00 2020"));
        assert!(!begins_mbox(b"From: Ann"));
    }
}
