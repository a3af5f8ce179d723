//! Time zones as calendars name them: by an id of IANA, by the name that Windows has for one, or by rules of their own.

use std::sync::LazyLock;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Weekday};

use super::content::Component;

/// The zones of Windows and where they are (CLDR, windowsZones, territory 001).
static WINDOWS_ZONES: LazyLock<Vec<(String, &'static str)>> = LazyLock::new(|| {
    let pairs = include_str!("windows-zones.txt").lines().filter_map(|line| line.split_once(" = "));
    pairs.map(|(windows, iana)| (windows.to_lowercase(), iana)).collect()
});

/// The zones that a calendar describes.
#[derive(Debug)]
pub(super) struct Zones {
    zones: Vec<(String, Vec<Observance>)>,
}

/// A time of the year with one offset (RFC 5545 3.6.5).
#[derive(Debug)]
struct Observance {
    begins: NaiveDateTime,
    offset_from: String,
    offset_to: String,
    /// Where it begins each year anew.
    yearly: Option<Yearly>,
}

#[derive(Debug)]
struct Yearly {
    month: u32,
    weekday: Weekday,
    /// 1 is the first of the month, -1 the last.
    place: i32,
}

impl Zones {
    pub(super) fn of(components: &[Component]) -> Self {
        let zone_id = |component: &Component| component.value("TZID").filter(|_| component.name == "VTIMEZONE");
        let zones = components.iter().enumerate().filter_map(|(at, component)| {
            let observances = components.iter().filter(|inner| inner.parent == Some(at)).filter_map(Observance::read);
            Some((zone_id(component)?, observances.collect()))
        });
        Self { zones: zones.collect() }
    }

    /// The name of a zone and its offset at a moment, as people read them: `Europe/Berlin, UTC+01:00`.
    pub(super) fn name_at(&self, id: &str, moment: &NaiveDateTime) -> String {
        let name = name_of(id);
        let observances = self.zones.iter().find(|(own, _)| own == id).map(|(_, observances)| observances.as_slice());
        match (observances.and_then(|observances| offset_at(observances, moment)), name) {
            (Some(offset), Some(name)) => format!("{name}, UTC{offset}"),
            (Some(offset), None) => format!("UTC{offset}"),
            (None, Some(name)) => name,
            (None, None) => "a time zone of the sender's own".into(),
        }
    }
}

/// The name that IANA has for a zone, or the id as it is; `None` where it says nothing.
fn name_of(id: &str) -> Option<String> {
    let id = id.trim();
    if let Some((_, iana)) = WINDOWS_ZONES.iter().find(|(windows, _)| *windows == id.to_lowercase()) {
        return Some((*iana).to_owned());
    }
    // Some programs put a path before it: `/freeassociation.sourceforge.net/Europe/Berlin`.
    const AREAS: [&str; 10] =
        ["Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"];
    let steps: Vec<&str> = id.split('/').collect();
    if let Some(at) = steps.iter().position(|step| AREAS.contains(step)) {
        return Some(steps.get(at..).unwrap_or_default().join("/"));
    }
    let says_nothing = id.is_empty() || id.to_lowercase().starts_with("customized time zone") || id.contains("://");
    (!says_nothing).then(|| id.to_owned())
}

impl Observance {
    fn read(component: &Component) -> Option<Self> {
        let begins = NaiveDateTime::parse_from_str(component.value("DTSTART")?.trim(), "%Y%m%dT%H%M%S").ok()?;
        let offset = |name: &str| component.value(name).and_then(|offset| offset_in_words(&offset));
        Some(Self {
            begins,
            offset_to: offset("TZOFFSETTO")?,
            offset_from: offset("TZOFFSETFROM")?,
            yearly: component.property("RRULE").and_then(|rule| Yearly::read(&rule.value)),
        })
    }

    /// When it last began before a moment.
    fn last_before(&self, moment: &NaiveDateTime) -> Option<NaiveDateTime> {
        let yearly = match &self.yearly {
            Some(yearly) => [moment.year(), moment.year() - 1].into_iter().find_map(|year| {
                let begins = yearly.day_of(year)?.and_time(self.begins.time());
                (begins <= *moment && begins >= self.begins).then_some(begins)
            }),
            None => None,
        };
        yearly.or(Some(self.begins).filter(|begins| begins <= moment))
    }
}

impl Yearly {
    /// `FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU`, the only form that calendars of mail use.
    fn read(rule: &str) -> Option<Self> {
        let part = |name: &str| rule.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let day = part("BYDAY")?;
        let (place, name) = day.split_at_checked(day.len().checked_sub(2)?)?;
        let weekday = match name {
            "MO" => Weekday::Mon,
            "TU" => Weekday::Tue,
            "WE" => Weekday::Wed,
            "TH" => Weekday::Thu,
            "FR" => Weekday::Fri,
            "SA" => Weekday::Sat,
            "SU" => Weekday::Sun,
            _ => return None,
        };
        Some(Self { month: part("BYMONTH")?.parse().ok()?, weekday, place: place.parse().ok()? })
    }

    fn day_of(&self, year: i32) -> Option<NaiveDate> {
        if self.place > 0 {
            return NaiveDate::from_weekday_of_month_opt(year, self.month, self.weekday, u8::try_from(self.place).ok()?);
        }
        (1..=5).rev().find_map(|place| NaiveDate::from_weekday_of_month_opt(year, self.month, self.weekday, place))
    }
}

/// The offset in force at a moment: that of the observance that began last.
fn offset_at<'o>(observances: &'o [Observance], moment: &NaiveDateTime) -> Option<&'o str> {
    let begun = observances.iter().filter_map(|observance| Some((observance.last_before(moment)?, observance)));
    let last = begun.max_by_key(|(begins, _)| *begins).map(|(_, observance)| observance.offset_to.as_str());
    last.or_else(|| observances.first().map(|observance| observance.offset_from.as_str()))
}

/// `+0100` → `+01:00`.
fn offset_in_words(text: &str) -> Option<String> {
    let text = text.trim();
    let (sign, digits) = text.split_at_checked(1)?;
    let is_offset = matches!(sign, "+" | "-") && digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_offset.then(|| format!("{sign}{}:{}", digits.get(..2).unwrap_or_default(), digits.get(2..4).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_by_the_names_of_windows_and_of_iana() {
        for (id, name) in [
            ("W. Europe Standard Time", Some("Europe/Berlin")),
            ("eastern standard time", Some("America/New_York")),
            ("Europe/Paris", Some("Europe/Paris")),
            ("/freeassociation.sourceforge.net/Tzfile/America/Argentina/Salta", Some("America/Argentina/Salta")),
            ("Customized Time Zone 1", None),
            ("tzone://Microsoft/Custom", None),
            ("Head office", Some("Head office")),
        ] {
            assert_eq!(name_of(id).as_deref(), name, "{id}");
        }
        assert!(WINDOWS_ZONES.len() > 130 && WINDOWS_ZONES.iter().all(|(_, iana)| iana.contains('/')));
    }

    #[test]
    fn the_offset_is_that_of_the_day() {
        let observance = |begins: &str, from: &str, to: &str, rule: &str| Observance {
            begins: NaiveDateTime::parse_from_str(begins, "%Y%m%dT%H%M%S").unwrap(),
            offset_from: from.into(),
            offset_to: to.into(),
            yearly: Yearly::read(rule),
        };
        let berlin = [
            observance("19701025T030000", "+02:00", "+01:00", "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"),
            observance("19700329T020000", "+01:00", "+02:00", "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"),
        ];
        for (moment, offset) in [
            ("20210327T120000", "+01:00"),
            ("20210328T030000", "+02:00"),
            ("20211231T000000", "+01:00"),
            ("19600101T000000", "+02:00"),
        ] {
            let moment = NaiveDateTime::parse_from_str(moment, "%Y%m%dT%H%M%S").unwrap();
            assert_eq!(offset_at(&berlin, &moment), Some(offset), "{moment}");
        }
    }
}
