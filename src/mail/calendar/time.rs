//! Dates and times of calendars (RFC 5545 3.3.4, 3.3.5, 3.3.6), and how people read them.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::content::Property;

/// A day, or a moment as a clock on the wall shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// A whole day.
    Day(NaiveDate),
    /// A moment, in a zone.
    Moment(NaiveDateTime, Clock),
}

/// Whose clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Utc,
    /// The zone of this id in the calendar.
    Zone(String),
    /// That of whoever reads it.
    Local,
}

impl Time {
    pub(super) fn read(property: &Property) -> Option<Self> {
        Self::of(property.value.trim(), property.parameter("TZID"))
    }

    /// `20210301`, `20210301T090000` or `20210301T090000Z`.
    pub(super) fn of(text: &str, zone: Option<&str>) -> Option<Self> {
        let text = text.trim();
        if text.len() == 8 {
            return NaiveDate::parse_from_str(text, "%Y%m%d").ok().map(Self::Day);
        }
        let (bare, is_utc) = match text.strip_suffix('Z') {
            Some(bare) => (bare, true),
            None => (text, false),
        };
        let moment = NaiveDateTime::parse_from_str(bare, "%Y%m%dT%H%M%S").ok()?;
        Some(Self::Moment(
            moment,
            match zone {
                _ if is_utc => Clock::Utc,
                Some(zone) => Clock::Zone(zone.to_owned()),
                None => Clock::Local,
            },
        ))
    }

    pub(super) fn date(&self) -> NaiveDate {
        match self {
            Self::Day(day) => *day,
            Self::Moment(moment, _) => moment.date(),
        }
    }
}

/// A day as people read it.
pub(super) fn day(date: NaiveDate) -> String {
    date.format("%a %-d %b %Y").to_string()
}

/// `PT1H30M`, `P1D`, `-PT15M`; a duration that is none is nothing.
pub(super) fn duration(text: &str) -> Option<TimeDelta> {
    let text = text.trim().trim_start_matches('+').strip_prefix('P')?;
    let (mut total, mut number) = (TimeDelta::zero(), 0_i64);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = number.checked_mul(10)?.checked_add(digit.into())?;
            continue;
        }
        let part = match c {
            'W' => TimeDelta::try_weeks(number)?,
            'D' => TimeDelta::try_days(number)?,
            'H' => TimeDelta::try_hours(number)?,
            'M' => TimeDelta::try_minutes(number)?,
            'S' => TimeDelta::try_seconds(number)?,
            'T' => TimeDelta::zero(),
            _ => return None,
        };
        total = total.checked_add(&part)?;
        number = 0;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_or_moments_on_a_clock() {
        assert!(matches!(Time::of("20210301", None), Some(Time::Day(_))));
        assert!(matches!(Time::of("20210301T090000Z", Some("x")), Some(Time::Moment(_, Clock::Utc))));
        assert!(matches!(Time::of("20210301T090000", None), Some(Time::Moment(_, Clock::Local))));
        assert_eq!(Time::of("20210230", None), None);
        assert_eq!(Time::of("nonsense", None), None);
    }

    #[test]
    fn durations_add_up() {
        assert_eq!(duration("P1DT2H30M"), TimeDelta::try_minutes(26 * 60 + 30));
        assert_eq!(duration("PT99999999999999999999H"), None);
        assert_eq!(duration("45M"), None);
    }
}
