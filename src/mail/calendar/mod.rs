//! Invitations (iCalendar, RFC 5545, and what is done with them by mail, RFC 5546), as text that people read: what, when in
//! which zone, where, who, and whether it is an update or a cancellation. The file itself stays beside it.

mod content;
mod event;
mod rule;
mod time;
mod zone;

use self::content::{Component, read_components};
use self::event::Event;
use self::zone::Zones;
use crate::mail::parse::clean;

/// Bytes of a calendar that are read. Invitations have a few thousand; whole calendars are no mail.
const MAX_BYTES: usize = 1024 * 1024;
/// Events that are written out. More of them are the exceptions of a series, or a calendar.
const MAX_EVENTS: usize = 5;
/// People who are named; the others are counted.
const MAX_NAMED: usize = 20;

/// A calendar as text, a paragraph for each event; `None` where it holds no event.
pub(in crate::mail) fn text(calendar: &str) -> Option<String> {
    let calendar = calendar.get(..calendar.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
    let components = read_components(calendar);
    let method = components.iter().find_map(|component| component.value("METHOD")).unwrap_or_default().to_ascii_uppercase();
    let zones = Zones::of(&components);
    let events: Vec<&Component> = components.iter().filter(|component| component.name == "VEVENT").collect();
    let mut out = String::new();
    for component in events.iter().take(MAX_EVENTS) {
        if !out.is_empty() {
            out.push('\n');
        }
        write_event(&Event::read(component, &zones), &method, &mut out);
    }
    if events.len() > MAX_EVENTS {
        out.push_str(&format!("\nand {} more events in the calendar file\n", events.len() - MAX_EVENTS));
    }
    (!out.is_empty()).then_some(out)
}

fn write_event(event: &Event, method: &str, out: &mut String) {
    let mut line = |label: &str, text: &str| {
        if !text.is_empty() {
            out.push_str(&format!("{label}: {}\n", clean::line(text, 2_000)));
        }
    };
    line(kind(event, method), if event.summary.is_empty() { "(no subject)" } else { &event.summary });
    line("When", &event.when);
    line("Instead of", &event.instead_of);
    line("Repeats", &event.repeats);
    line("Where", &event.place);
    line("Online", &event.link);
    line("Organiser", &event.organiser);
    if method == "REPLY" || method == "COUNTER" {
        line("Answer", &event.answers.join("; "));
        return;
    }
    let named = event.invited.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = event.invited.len().saturating_sub(MAX_NAMED);
    line("Invited", &if more > 0 { format!("{named} and {more} more") } else { named });
}

fn kind(event: &Event, method: &str) -> &'static str {
    match method {
        _ if event.is_cancelled => "Cancelled",
        "CANCEL" => "Cancelled",
        "REPLY" => "Answer to the invitation",
        "COUNTER" => "Other time proposed",
        "DECLINECOUNTER" => "Other time declined",
        "REQUEST" | "ADD" if event.sequence > 0 => "Updated invitation",
        "REQUEST" | "ADD" => "Invitation",
        _ => "Event",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: &str = "BEGIN:VTIMEZONE\nTZID:W. Europe Standard Time\nBEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\n\
        TZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:16010101T020000\n\
        TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\n";

    fn calendar(method: &str, event: &str) -> String {
        format!("BEGIN:VCALENDAR\nMETHOD:{method}\n{BERLIN}BEGIN:VEVENT\n{event}\nEND:VEVENT\nEND:VCALENDAR\n")
    }

    #[test]
    fn an_invitation_says_what_when_where_and_who() {
        let event = "SUMMARY:Planning\\, second\n  round\nDTSTART;TZID=\"W. Europe Standard Time\":20210301T090000\n\
            DTEND;TZID=\"W. Europe Standard Time\":20210301T103000\nLOCATION:Room 5\nORGANIZER;CN=Ann Lee:mailto:ann@acme.example\n\
            ATTENDEE;CN=\"Ray; Bob\";PARTSTAT=NEEDS-ACTION:MAILTO:bob@ferry.example\nATTENDEE:mailto:cy@ferry.example\nSEQUENCE:0";
        assert_eq!(
            text(&calendar("REQUEST", event)).unwrap(),
            "Invitation: Planning, second round\nWhen: Mon 1 Mar 2021, 09:00–10:30 (Europe/Berlin, UTC+01:00)\nWhere: Room 5\n\
             Organiser: Ann Lee <ann@acme.example>\nInvited: Ray; Bob <bob@ferry.example>, cy@ferry.example\n"
        );
    }

    #[test]
    fn an_update_a_cancellation_and_an_answer_say_so() {
        let event = "SUMMARY:Talk\nDTSTART:20210701T090000Z\nDURATION:PT45M\nSEQUENCE:2\nATTENDEE;CN=Bob;PARTSTAT=DECLINED:mailto:b@f.example";
        let first = |method: &str| text(&calendar(method, event)).unwrap().lines().next().unwrap().to_owned();
        assert_eq!(first("REQUEST"), "Updated invitation: Talk");
        assert_eq!(first("CANCEL"), "Cancelled: Talk");
        let answer = text(&calendar("REPLY", event)).unwrap();
        assert_eq!(
            answer,
            "Answer to the invitation: Talk\nWhen: Thu 1 Jul 2021, 09:00–09:45 (UTC)\nAnswer: Bob <b@f.example> declines\n"
        );
    }

    #[test]
    fn a_series_is_told_in_words() {
        let event = "SUMMARY:Jour fixe\nDTSTART;TZID=W. Europe Standard Time:20210705T090000\nDTEND;TZID=W. Europe Standard Time:20210705T100000\n\
            RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20211231T000000Z";
        let text = text(&calendar("REQUEST", event)).unwrap();
        assert!(text.contains("When: Mon 5 Jul 2021, 09:00–10:00 (Europe/Berlin, UTC+02:00)\n"), "{text}");
        assert!(text.contains("Repeats: every 2 weeks on Monday and Wednesday, until 31 Dec 2021\n"), "{text}");
    }

    #[test]
    fn whole_days_have_no_hours() {
        let of = |start: &str, end: &str| {
            let event = format!("SUMMARY:Fair\nDTSTART;VALUE=DATE:{start}\nDTEND;VALUE=DATE:{end}");
            text(&calendar("PUBLISH", &event)).unwrap().lines().nth(1).unwrap().to_owned()
        };
        assert_eq!(of("20210301", "20210302"), "When: Mon 1 Mar 2021 (whole day)");
        assert_eq!(of("20210301", "20210304"), "When: Mon 1 Mar 2021 – Wed 3 Mar 2021 (whole days)");
    }

    #[test]
    fn what_is_no_calendar_says_nothing() {
        for calendar in ["", "BEGIN:VCALENDAR\nEND:VCALENDAR\n", "BEGIN:VEVENT", "Hello", ":\n;=\nEND:\nBEGIN:\n"] {
            assert!(text(calendar).is_none_or(|text| text == "Event: (no subject)\n"), "{calendar}");
        }
    }
}
