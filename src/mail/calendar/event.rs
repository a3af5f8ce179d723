//! One event, in words.

use chrono::{Days, NaiveDateTime};

use super::content::{Component, Property};
use super::rule;
use super::time::{self, Clock, Time};
use super::zone::Zones;

/// Times that are named as exceptions of a series.
const MAX_EXCEPTIONS: usize = 10;

/// An event in words; what it does not say is empty.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) summary: String,
    pub(super) when: String,
    /// The time in its series that it stands for.
    pub(super) instead_of: String,
    pub(super) repeats: String,
    pub(super) place: String,
    pub(super) link: String,
    pub(super) organiser: String,
    pub(super) invited: Vec<String>,
    /// What each of the invited says.
    pub(super) answers: Vec<String>,
    pub(super) sequence: u32,
    pub(super) is_cancelled: bool,
}

impl Event {
    pub(super) fn read(component: &Component, zones: &Zones) -> Self {
        let value = |name: &str| component.value(name).unwrap_or_default().trim().to_owned();
        let organiser = component.property("ORGANIZER").and_then(person).unwrap_or_default();
        let attendees: Vec<&Property> = component.all("ATTENDEE").collect();
        let invited = attendees.iter().filter_map(|attendee| person(attendee)).filter(|name| *name != organiser).collect();
        let links = ["X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL", "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK"];
        let start = component.property("DTSTART").and_then(Time::read);
        let instead_of = component.property("RECURRENCE-ID").and_then(Time::read);
        Self {
            summary: value("SUMMARY"),
            when: start.as_ref().map(|start| when(component, start, zones)).unwrap_or_default(),
            instead_of: instead_of.map(|time| span(&time, None, zones)).unwrap_or_default(),
            repeats: component.property("RRULE").map(|rule| repeats(component, &rule.value)).unwrap_or_default(),
            place: value("LOCATION"),
            link: links.into_iter().find_map(|name| component.value(name)).unwrap_or_default(),
            organiser,
            invited,
            answers: attendees.iter().filter_map(|attendee| answer(attendee)).collect(),
            sequence: value("SEQUENCE").parse().unwrap_or_default(),
            is_cancelled: value("STATUS").eq_ignore_ascii_case("CANCELLED"),
        }
    }
}

fn when(component: &Component, start: &Time, zones: &Zones) -> String {
    let end = component.property("DTEND").and_then(Time::read).or_else(|| {
        let duration = component.property("DURATION").and_then(|duration| time::duration(&duration.value))?;
        match start {
            Time::Day(day) => day.checked_add_signed(duration).map(Time::Day),
            Time::Moment(moment, clock) => Some(Time::Moment(moment.checked_add_signed(duration)?, clock.clone())),
        }
    });
    span(start, end.as_ref(), zones)
}

/// A time, or a stretch of it.
fn span(start: &Time, end: Option<&Time>, zones: &Zones) -> String {
    match (start, end) {
        (Time::Day(first), end) => {
            // The day of the end is the first that does not belong to it (RFC 5545 3.6.1).
            let last = end.and_then(|end| end.date().checked_sub_days(Days::new(1))).filter(|last| last > first);
            match last {
                Some(last) => format!("{} – {} (whole days)", time::day(*first), time::day(last)),
                None => format!("{} (whole day)", time::day(*first)),
            }
        }
        (Time::Moment(start, clock), Some(Time::Moment(end, end_clock))) => {
            let is_same_clock = clock == end_clock;
            let (zone, end_zone) = (zone_of(start, clock, zones), zone_of(end, end_clock, zones));
            match is_same_clock && start.date() == end.date() {
                true if start == end => format!("{}, {} ({zone})", time::day(start.date()), hour(start)),
                true => format!("{}, {}–{} ({zone})", time::day(start.date()), hour(start), hour(end)),
                false if zone == end_zone => {
                    let (first, last) = (time::day(start.date()), time::day(end.date()));
                    format!("{first}, {} – {last}, {} ({zone})", hour(start), hour(end))
                }
                false => {
                    let (first, last) = (time::day(start.date()), time::day(end.date()));
                    format!("{first}, {} ({zone}) – {last}, {} ({end_zone})", hour(start), hour(end))
                }
            }
        }
        (Time::Moment(start, clock), _) => {
            format!("{}, {} ({})", time::day(start.date()), hour(start), zone_of(start, clock, zones))
        }
    }
}

fn hour(moment: &NaiveDateTime) -> String {
    moment.format("%H:%M").to_string()
}

fn zone_of(moment: &NaiveDateTime, clock: &Clock, zones: &Zones) -> String {
    match clock {
        Clock::Utc => "UTC".into(),
        Clock::Local => "no time zone given".into(),
        Clock::Zone(id) => zones.name_at(id, moment),
    }
}

fn repeats(component: &Component, rule: &str) -> String {
    let mut text = rule::in_words(rule);
    let exceptions = component.all("EXDATE").flat_map(|property| {
        let zone = property.parameter("TZID");
        property.value.split(',').filter_map(move |text| Time::of(text, zone)).collect::<Vec<_>>()
    });
    let exceptions: Vec<String> = exceptions.take(MAX_EXCEPTIONS).map(|exception| time::day(exception.date())).collect();
    if !exceptions.is_empty() {
        text.push_str(&format!(", except on {}", exceptions.join(", ")));
    }
    text
}

/// `Ann Lee <ann@acme.example>`.
fn person(property: &Property) -> Option<String> {
    let address = property.value.trim();
    let address = match address.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => address.get(7..)?,
        // A place in a directory, or `invalid:nomail`, is no address.
        _ if address.contains(':') => "",
        _ => address,
    };
    match (property.parameter("CN").map(str::trim).unwrap_or_default(), address.trim()) {
        ("", "") => None,
        ("", address) => Some(address.to_owned()),
        (name, address) if name == address || address.is_empty() => Some(name.to_owned()),
        (name, address) => Some(format!("{name} <{address}>")),
    }
}

fn answer(property: &Property) -> Option<String> {
    let says = match property.parameter("PARTSTAT")?.to_ascii_uppercase().as_str() {
        "ACCEPTED" => "accepts",
        "DECLINED" => "declines",
        "TENTATIVE" => "accepts with reservation",
        "DELEGATED" => "sends somebody else",
        _ => return None,
    };
    Some(format!("{} {says}", person(property)?))
}
