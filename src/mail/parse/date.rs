//! Dates as mail writes them: RFC 5322 3.3 and 4.3, RFC 850, asctime and ISO 8601.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

/// Years that a mail can be of: RFC 5322 3.3 begins with 1900, and later ones are spam that wants to stay on top.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2099;
/// The farthest that any place was ever from UTC is 15:13:42 (Alaska, until 1867).
const MOST_OFFSET_MINUTES: i32 = 15 * 60 + 59;

/// Reads a date with its own offset; `None` where it is none, or an impossible one. A date without a zone, or with one
/// that nobody knows, is taken for UTC (RFC 5322 4.3).
pub(super) fn parse(text: &str) -> Option<DateTime<FixedOffset>> {
    read(text).filter(|read| read.is_time).map(|read| read.date)
}

/// The same, but midnight where the time is one that no clock shows. Keys of messages are made of it: what is refused as
/// the date of a message must not make another message of it.
pub(super) fn parse_for_identity(text: &str) -> Option<DateTime<FixedOffset>> {
    read(text).map(|read| read.date)
}

/// A date that was read.
struct Read {
    date: DateTime<FixedOffset>,
    /// Whether the time is one that a clock shows.
    is_time: bool,
}

fn read(text: &str) -> Option<Read> {
    let text = without_comments(text);
    let text = text.trim();
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Some(Read { date, is_time: true }).filter(|read| YEARS.contains(&read.date.year()));
    }
    let mut found = Found::default();
    for token in text.split(|c: char| c.is_whitespace() || c == ',').filter(|token| !token.is_empty()) {
        found.take(token);
    }
    let is_time = !found.is_no_time;
    found.date().map(|date| Read { date, is_time })
}

/// What the words of a date said so far.
#[derive(Debug, Default)]
struct Found {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    time: Option<NaiveTime>,
    /// Whether the time is one that no clock shows.
    is_no_time: bool,
    offset_minutes: Option<i32>,
}

impl Found {
    /// Understands one word.
    fn take(&mut self, token: &str) {
        if self.time.is_none() && token.contains(':') && token.starts_with(|c: char| c.is_ascii_digit()) {
            self.take_time(token);
        } else if self.time.is_some() && self.offset_minutes.is_none() && self.take_zone(token) {
        } else if self.year.is_none() && token.starts_with(|c: char| c.is_ascii_digit()) && token.contains('-') {
            self.take_dashed(token);
        } else if let Ok(number) = token.trim_end_matches('.').parse::<i32>() {
            self.take_number(token, number);
        } else if self.month.is_none()
            && let Some(month) = month(token)
        {
            self.month = Some(month);
        } else if token.eq_ignore_ascii_case("pm") || token.eq_ignore_ascii_case("am") {
            self.take_half(token);
        }
    }

    fn take_number(&mut self, token: &str, number: i32) {
        match u32::try_from(number) {
            Ok(day) if self.day.is_none() && (1..=31).contains(&day) && token.len() <= 2 => self.day = Some(day),
            Ok(_) if self.year.is_none() && self.month.is_some() => self.year = full_year(token, number),
            _ => {}
        }
    }

    /// `06-Nov-94` or `1994-11-06`, which may carry a time after `T`.
    fn take_dashed(&mut self, token: &str) {
        let (date, time) = token.split_once(['T', 't']).filter(|(date, _)| date.len() == 10).unwrap_or((token, ""));
        let mut parts = date.splitn(3, '-');
        let (Some(first), Some(second), Some(third)) = (parts.next(), parts.next(), parts.next()) else { return };
        if first.len() == 4 {
            (self.year, self.month, self.day) = (first.parse().ok(), second.parse().ok(), third.parse().ok());
        } else if let (Some(month), Ok(year)) = (month(second), third.parse()) {
            (self.year, self.month, self.day) = (full_year(third, year), Some(month), first.parse().ok());
        }
        if !time.is_empty() {
            self.take_time(time);
        }
    }

    /// `hh:mm[:ss[.fraction]]`, with a zone that may follow at once.
    fn take_time(&mut self, token: &str) {
        let digits = token.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(token.len());
        let (time, zone) = token.split_at_checked(digits).unwrap_or((token, ""));
        let mut parts = time.split(':').map(|part| part.split('.').next().unwrap_or_default().parse::<u32>());
        let (Some(Ok(hour)), Some(Ok(minute))) = (parts.next(), parts.next()) else { return };
        let second = parts.next().and_then(Result::ok).unwrap_or(0);
        // A leap second is the last second before it to everyone who keeps Unix time.
        self.time = NaiveTime::from_hms_opt(hour, minute, if second == 60 { 59 } else { second });
        self.is_no_time = self.time.is_none();
        if !zone.is_empty() && !self.take_zone(zone) {
            self.take_half(zone);
        }
    }

    fn take_half(&mut self, token: &str) {
        let Some(time) = self.time else { return };
        let hour = chrono::Timelike::hour(&time);
        let hour = match (token.to_ascii_lowercase().as_str(), hour) {
            ("pm", 1..=11) => hour + 12,
            ("am", 12) => 0,
            _ => return,
        };
        self.time = chrono::Timelike::with_hour(&time, hour);
    }

    /// `+0100`, `-05:00`, `GMT`, `GMT+2`, `EST`; whether it was a zone.
    fn take_zone(&mut self, token: &str) -> bool {
        let name_end = token.find(['+', '-']).unwrap_or(token.len());
        let (name, number) = token.split_at_checked(name_end).unwrap_or((token, ""));
        let named = if name.is_empty() { Some(0) } else { named_zone(name) };
        let shifted = if number.is_empty() { Some(0) } else { numeric_zone(number) };
        let offset = named.zip(shifted).map(|(named, shifted)| named + shifted);
        if (name.is_empty() && number.is_empty()) || offset.is_none() {
            return false;
        }
        self.offset_minutes = offset;
        true
    }

    fn date(self) -> Option<DateTime<FixedOffset>> {
        let year = self.year.filter(|year| YEARS.contains(year))?;
        let date = NaiveDate::from_ymd_opt(year, self.month?, self.day?)?;
        let offset = self.offset_minutes.filter(|minutes| minutes.abs() <= MOST_OFFSET_MINUTES).unwrap_or(0);
        let local = NaiveDateTime::new(date, self.time.unwrap_or_default());
        FixedOffset::east_opt(offset * 60)?.from_local_datetime(&local).single()
    }
}

/// A year of two or three digits (RFC 5322 4.3).
fn full_year(token: &str, number: i32) -> Option<i32> {
    match (token.len(), number) {
        (2, 0..=49) => Some(2000 + number),
        (2 | 3, 50..=199) => Some(1900 + number),
        (4, 1000..=9999) => Some(number),
        _ => None,
    }
}

fn month(token: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = token.get(..3)?.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| *month == start)?;
    u32::try_from(index + 1).ok()
}

/// Minutes east of UTC. The letters A to Z of RFC 822 were used with both signs: only Z is certain (RFC 5322 4.3).
fn named_zone(name: &str) -> Option<i32> {
    let hours = match name.to_ascii_uppercase().as_str() {
        "UT" | "UTC" | "GMT" | "Z" | "WET" => 0,
        "BST" | "CET" | "MET" | "MEZ" | "WEST" => 1,
        "CEST" | "MEST" | "MESZ" | "EET" | "SAST" => 2,
        "EEST" | "MSK" => 3,
        "MSD" => 4,
        "IST" => return Some(5 * 60 + 30),
        "HKT" | "SGT" | "AWST" => 8,
        "JST" | "KST" => 9,
        "AEST" => 10,
        "AEDT" => 11,
        "NZST" => 12,
        "NZDT" => 13,
        "ADT" => -3,
        "AST" | "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        _ => return None,
    };
    Some(hours * 60)
}

/// `+0130`, `-8`, `+05:30`.
fn numeric_zone(number: &str) -> Option<i32> {
    let sign = if number.starts_with('-') { -1 } else { 1 };
    let digits: String = number.get(1..)?.chars().filter(|c| *c != ':').collect();
    if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i32 = digits.parse().ok()?;
    let (hours, minutes) = if digits.len() <= 2 { (value, 0) } else { (value / 100, value % 100) };
    Some(sign * (hours * 60 + minutes))
}

fn without_comments(text: &str) -> String {
    let mut depth = 0_u32;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        parse(text).map(|date| date.to_rfc3339())
    }

    #[test]
    fn dates_of_every_age_are_read() {
        for (text, date) in [
            ("Mon, 1 Mar 2021 09:05:00 +0100", "2021-03-01T09:05:00+01:00"),
            ("1 Mar 2021 09:05 -0500 (EST)", "2021-03-01T09:05:00-05:00"),
            ("Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37+00:00"),
            ("Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37+00:00"),
            ("Thu Mar  1 09:05:00 EST 2021", "2021-03-01T09:05:00-05:00"),
            ("Fri, 21 Nov 97 09:55:06 -0600", "1997-11-21T09:55:06-06:00"),
            ("21 Nov 102 09:55:06 GMT", "2002-11-21T09:55:06+00:00"),
            ("Wed, 2 Jan 2002 10:00:00 PDT", "2002-01-02T10:00:00-07:00"),
            ("Wed, 2 Jan 2002 10:00:00 GMT+02:00", "2002-01-02T10:00:00+02:00"),
            ("2 Jan 2002 10:00:00 PM +0000", "2002-01-02T22:00:00+00:00"),
            ("2021-03-01T09:05:00Z", "2021-03-01T09:05:00+00:00"),
            ("2021-03-01 09:05:00 +0100", "2021-03-01T09:05:00+01:00"),
            ("Tue, 31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59+00:00"),
            ("Mon, 1 Mar 2021 09:05:00 X", "2021-03-01T09:05:00+00:00"),
            ("Mon, 1 Mar 2021 09:05:00 +9900", "2021-03-01T09:05:00+00:00"),
            ("Fri, 1 Mar 2021 09:05:00 +0100", "2021-03-01T09:05:00+01:00"),
            ("Monday, 1 March 2021 09:05 Uhr +0100", "2021-03-01T09:05:00+01:00"),
            ("2021-03-01T09:05:00.250-05:30", "2021-03-01T09:05:00.250-05:30"),
            ("1 Mar 2021 09:05:00 NZDT", "2021-03-01T09:05:00+13:00"),
            ("1 Mar 2021 09:05:00 CET (Mitteleuropa)", "2021-03-01T09:05:00+01:00"),
            ("1 Mar 70 09:05:00 GMT", "1970-03-01T09:05:00+00:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(date), "{text}");
        }
    }

    #[test]
    fn a_time_that_no_clock_shows_is_no_date_but_stays_what_keys_are_made_of() {
        let text = "1 Jan 2021 25:00:00 +0000";
        assert_eq!((parse(text), parse_for_identity(text).map(|date| date.timestamp())), (None, Some(1_609_459_200)));
    }

    #[test]
    fn impossible_dates_are_none() {
        for text in [
            "",
            "yesterday",
            "32 Jan 2024 10:00:00 +0000",
            "29 Feb 2023 10:00:00 +0000",
            "1 Jan 0124 10:00:00 +0000",
            "1 Jan 9999 10:00 GMT",
            "30 Feb 2021 10:00:00 +0000",
            "1 Jan 2021 25:00:00 +0000",
            "1 Jan 2021 10:61:00 +0000",
            "2021-02-30T10:00:00Z",
            "0124-01-01T10:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
