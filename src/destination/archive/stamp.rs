//! When a post stands in its channel: Slack's `ts`, which is its date and its name in one.
//!
//! Readers of exports keep posts apart by milliseconds (mmetl), so a stamp is a millisecond of its own within its
//! channel: the second is the mail's true one, the milliseconds only count the posts of that second. The microseconds are
//! always 100, so that the fraction outlives readers that take a `ts` for a number.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The place of a post in its channel's time, in milliseconds since 1970; shown as `1612345678.000100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stamp(i64);

impl Stamp {
    /// The first millisecond that a stamp can name: Slack's `ts` knows nothing before 1970.
    const FIRST: i64 = 0;
    /// The last second that a stamp begins in: `ts` has ten digits before the point everywhere, which end in 2286.
    const LAST_SECOND: i64 = 9_999_999_998;

    /// The first stamp of a date's second. Dates that a `ts` cannot show become the nearest that it can.
    pub(super) fn of(date: &DateTime<FixedOffset>) -> Self {
        Self(date.timestamp().clamp(Self::FIRST, Self::LAST_SECOND) * 1000)
    }

    /// The first stamp of a day (UTC).
    pub(super) fn midnight(day: NaiveDate) -> Self {
        Self(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())
    }

    /// The next stamp.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Whole seconds since 1970.
    pub(super) fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The day in UTC.
    pub(super) fn day(self) -> NaiveDate {
        DateTime::<Utc>::from_timestamp_millis(self.0).unwrap_or(DateTime::UNIX_EPOCH).date_naive()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}100", self.seconds(), self.0.rem_euclid(1000))
    }
}

/// A text that is no stamp of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stamp has the form 1612345678.000100")]
pub(super) struct NoStamp;

impl FromStr for Stamp {
    type Err = NoStamp;

    fn from_str(text: &str) -> Result<Self, NoStamp> {
        let (seconds, fraction) = text.split_once('.').ok_or(NoStamp)?;
        let millis = fraction.strip_suffix("100").filter(|millis| millis.len() == 3).ok_or(NoStamp)?;
        let seconds: u64 = seconds.parse().map_err(|_| NoStamp)?;
        let millis: u16 = millis.parse().map_err(|_| NoStamp)?;
        let whole = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000)).ok_or(NoStamp)?;
        Ok(Self(whole + i64::from(millis)))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The stamps of a channel that are taken, as runs without a gap: a thousand mails of one second, or a hundred thousand
/// without a date, are one run, and the next free stamp is found without walking over them.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// First and last stamp of each run.
    runs: BTreeMap<i64, i64>,
}

impl Taken {
    /// The first free stamp at or after the wanted one.
    pub(super) fn free(&self, wanted: Stamp) -> Stamp {
        match self.runs.range(..=wanted.0).next_back() {
            Some((_, last)) if *last >= wanted.0 => Stamp(last + 1),
            _ => wanted,
        }
    }

    /// Takes a stamp.
    pub(super) fn take(&mut self, stamp: Stamp) {
        let (mut first, mut last) = (stamp.0, stamp.0);
        if let Some((start, end)) = self.runs.range(..=stamp.0).next_back().map(|(start, end)| (*start, *end)) {
            if end >= stamp.0 {
                return;
            }
            if end + 1 == stamp.0 {
                first = start;
            }
        }
        if let Some(end) = self.runs.remove(&(stamp.0 + 1)) {
            last = end;
        }
        self.runs.insert(first, last);
    }
}

/// The stamp of a post that is dated so, in a thread with this root: its own second where that is after the root, else
/// just after the root, since readers drop a reply that stands before its root.
pub(super) fn assign(taken: &Taken, date: &DateTime<FixedOffset>, root: Option<Stamp>) -> Stamp {
    let own = Stamp::of(date);
    taken.free(root.map_or(own, |root| own.max(root.next())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<FixedOffset> {
        DateTime::from_timestamp(seconds, 0).unwrap().fixed_offset()
    }

    #[test]
    fn a_stamp_is_the_true_second_and_a_counter() {
        let date = DateTime::parse_from_rfc3339("2021-03-01T09:05:00+01:00").unwrap();
        let stamp = Stamp::of(&date);
        assert_eq!(stamp.to_string(), "1614585900.000100");
        assert_eq!(stamp.next().to_string(), "1614585900.001100");
        assert_eq!("1614585900.001100".parse(), Ok(stamp.next()));
        assert_eq!("1614585900.5".parse::<Stamp>(), Err(NoStamp));
    }

    #[test]
    fn dates_that_a_ts_cannot_show_become_the_nearest_that_it_can() {
        assert_eq!(Stamp::of(&at(-5)).to_string(), "0.000100");
        assert_eq!(Stamp::of(&at(253_402_300_000)).to_string(), "9999999998.000100");
    }

    proptest! {
        #[test]
        fn stamps_are_unique_true_to_the_second_and_after_their_root(
            dates in prop::collection::vec((-10_i64..20, prop::option::of(0_usize..40)), 1..200),
        ) {
            let (mut taken, mut given) = (Taken::default(), Vec::<Stamp>::new());
            for (seconds, root) in dates {
                let root = root.and_then(|nth| given.get(nth).copied());
                let stamp = assign(&taken, &at(seconds), root);
                taken.take(stamp);
                prop_assert!(root.is_none_or(|root| stamp > root));
                prop_assert!(stamp >= Stamp::of(&at(seconds)));
                prop_assert_eq!(stamp.to_string().parse(), Ok(stamp));
                given.push(stamp);
            }
            prop_assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len());
        }

        #[test]
        fn parts_of_one_message_keep_their_order(seconds in 0_i64..3, others in prop::collection::vec(0_i64..3, 0..50)) {
            let (mut taken, mut last) = (Taken::default(), None);
            for other in others {
                let part = assign(&taken, &at(seconds), None);
                taken.take(part);
                prop_assert!(last < Some(part));
                last = Some(part);
                taken.take(assign(&taken, &at(other), None));
            }
        }

        #[test]
        fn runs_are_the_set_of_what_was_taken(stamps in prop::collection::vec(0_i64..60, 0..80), wanted in 0_i64..60) {
            let mut taken = Taken::default();
            stamps.iter().for_each(|stamp| taken.take(Stamp(*stamp)));
            let free = (wanted..).find(|stamp| !stamps.contains(stamp)).unwrap();
            prop_assert_eq!(taken.free(Stamp(wanted)), Stamp(free));
        }
    }
}
