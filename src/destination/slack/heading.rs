//! The heading of a message: author, people, date and subject, each in bounds, as literal text.

use chrono::{DateTime, FixedOffset, Offset as _, Utc};

use super::text::line;
use crate::delivery::Timeliness;
use crate::destination::post::{DatedBy, Heading};
use crate::mail::Correspondent;

/// The longest name and address of one correspondent.
const CORRESPONDENT_MAX_CHARS: usize = 100;
/// The longest list of correspondents.
const PEOPLE_MAX_CHARS: usize = 240;
/// The longest remark.
const REMARK_MAX_CHARS: usize = 240;
/// The longest subject.
const SUBJECT_MAX_CHARS: usize = 200;

/// The author: name and address, and the list that passed the message on under its own.
pub(super) fn author(heading: &Heading) -> String {
    let author = heading.author.as_ref().map(correspondent).filter(|author| !author.is_empty());
    let author = author.unwrap_or_else(|| "(no author)".to_owned());
    match &heading.via {
        Some(list) => format!("{author} via {}", line(list.address.as_str(), CORRESPONDENT_MAX_CHARS)),
        None => author,
    }
}

/// What a reader must know about the people, in one line; `None` where there is nothing.
pub(super) fn remarks(heading: &Heading) -> Option<String> {
    let remarks: Vec<_> = heading.remarks.iter().map(|remark| line(remark, REMARK_MAX_CHARS)).collect();
    (!remarks.is_empty()).then(|| format!("Beware: {}", remarks.join("; ")))
}

/// The subject.
pub(super) fn subject(heading: &Heading) -> String {
    let subject = line(&heading.subject, SUBJECT_MAX_CHARS);
    if subject.is_empty() { "(no subject)".to_owned() } else { subject }
}

/// To whom it went: a line for To and one for Cc, where there is anybody.
pub(super) fn people(heading: &Heading) -> Vec<String> {
    let lists = [("To", &heading.to), ("Cc", &heading.cc)];
    lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| format!("{name}: {}", names(list))).collect()
}

/// The date: the sender's own clock first, then UTC. Slack cannot date a post back, so this is where the date lives.
pub(super) fn date(heading: &Heading) -> String {
    let mut shown = moment(&heading.date);
    if heading.dated_by == DatedBy::Inferred {
        shown.push_str(", inferred: the mail has no usable date");
    }
    if heading.timeliness == Timeliness::Late {
        shown.push_str(", arrived late: newer messages of its thread were posted before it");
    }
    shown
}

fn moment(date: &DateTime<FixedOffset>) -> String {
    let utc = date.with_timezone(&Utc);
    if date.offset().fix().local_minus_utc() == 0 {
        return utc.format("%-d %b %Y %H:%M UTC").to_string();
    }
    let day = if date.date_naive() == utc.date_naive() { "" } else { "%-d %b %Y " };
    format!("{} ({})", date.format("%-d %b %Y %H:%M %:z"), utc.format(&format!("{day}%H:%M UTC")))
}

fn correspondent(correspondent: &Correspondent) -> String {
    let address = correspondent.address.as_str();
    if correspondent.name.trim().is_empty() {
        return line(address, CORRESPONDENT_MAX_CHARS);
    }
    // The address is what tells one correspondent from another: a long name does not push it out of sight.
    let address = line(address, CORRESPONDENT_MAX_CHARS / 2);
    let room = CORRESPONDENT_MAX_CHARS - address.chars().count() - 3;
    format!("{} <{address}>", line(&correspondent.name, room))
}

/// As many correspondents as there is room for, the first one always, and how many more there are.
fn names(list: &[Correspondent]) -> String {
    let mut text = String::new();
    for (shown, next) in list.iter().map(correspondent).enumerate() {
        if shown > 0 && text.chars().count() + next.chars().count() + 2 > PEOPLE_MAX_CHARS {
            return format!("{text} and {} more", list.len() - shown);
        }
        if shown > 0 {
            text.push_str(", ");
        }
        text.push_str(&next);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Address;

    fn person(name: &str, address: &str) -> Correspondent {
        Correspondent { name: name.to_owned(), address: Address::normal(address) }
    }

    fn dated(date: &str, dated_by: DatedBy) -> Heading {
        let date = DateTime::parse_from_rfc3339(date).unwrap();
        Heading {
            author: None,
            via: None,
            remarks: Vec::new(),
            to: Vec::new(),
            cc: Vec::new(),
            subject: String::new(),
            date,
            dated_by,
            timeliness: Timeliness::InTime,
        }
    }

    #[test]
    fn a_date_shows_the_senders_clock_and_utc() {
        let shown = |text| date(&dated(text, DatedBy::Sender));
        assert_eq!(shown("2021-03-01T09:05:00+01:00"), "1 Mar 2021 09:05 +01:00 (08:05 UTC)");
        assert_eq!(shown("2021-01-01T00:30:00+05:30"), "1 Jan 2021 00:30 +05:30 (31 Dec 2020 19:00 UTC)");
        assert_eq!(shown("1999-12-31T23:59:59-00:00"), "31 Dec 1999 23:59 UTC");
    }

    #[test]
    fn an_inferred_date_says_so() {
        let shown = date(&dated("2021-03-01T08:05:00Z", DatedBy::Inferred));
        assert_eq!(shown, "1 Mar 2021 08:05 UTC, inferred: the mail has no usable date");
    }

    #[test]
    fn a_long_list_is_cut_and_says_how_many_more_there_are() {
        let list: Vec<_> = (0..300).map(|n| person(&format!("Person {n}"), &format!("p{n}@acme.example"))).collect();
        let text = names(&list);
        assert!(text.starts_with("Person 0 <p0@acme.example>, Person 1 <p1@acme.example>, "), "{text}");
        assert!(text.ends_with(" more"), "{text}");
        let shown = text.matches('@').count();
        assert!(text.ends_with(&format!(" and {} more", 300 - shown)), "{text}");
        assert!(text.chars().count() <= PEOPLE_MAX_CHARS + 20);
    }

    #[test]
    fn a_long_name_does_not_hide_the_address() {
        let shown = correspondent(&person(&"x".repeat(5000), "eve@evil.example"));
        assert!(shown.ends_with(" <eve@evil.example>"), "{shown}");
        assert_eq!(shown.chars().count(), CORRESPONDENT_MAX_CHARS);
        assert_eq!(correspondent(&person(" ", "ann@acme.example")), "ann@acme.example");
    }

    #[test]
    fn the_list_stands_beside_the_author_and_remarks_in_one_line() {
        let heading = Heading {
            author: Some(person("Ann Lee", "ann@acme.example")),
            via: Some(person("Ann Lee via Dev", "dev@lists.example")),
            remarks: vec!["one".to_owned(), "two\nlines".to_owned()],
            ..dated("2021-03-01T08:05:00Z", DatedBy::Sender)
        };
        assert_eq!(author(&heading), "Ann Lee <ann@acme.example> via dev@lists.example");
        assert_eq!(remarks(&heading).as_deref(), Some("Beware: one; two lines"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let heading = dated("2021-03-01T08:05:00Z", DatedBy::Sender);
        assert_eq!(author(&heading), "(no author)");
        assert_eq!(subject(&heading), "(no subject)");
        assert!(people(&heading).is_empty());
        assert_eq!(remarks(&heading), None);
    }
}
