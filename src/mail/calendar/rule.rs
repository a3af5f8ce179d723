//! Recurrence rules (RFC 5545 3.3.10) in words.

use super::time::Time;

const DAYS: [(&str, &str); 7] = [
    ("MO", "Monday"),
    ("TU", "Tuesday"),
    ("WE", "Wednesday"),
    ("TH", "Thursday"),
    ("FR", "Friday"),
    ("SA", "Saturday"),
    ("SU", "Sunday"),
];
const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
/// Values of one part of a rule that are written out.
const MAX_VALUES: usize = 31;

/// A rule in words; one that has no words is given as it is.
pub(super) fn in_words(rule: &str) -> String {
    words(rule).unwrap_or_else(|| format!("by the rule {}", rule.trim()))
}

fn words(rule: &str) -> Option<String> {
    let parts: Vec<(String, &str)> = rule
        .trim()
        .split(';')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.to_ascii_uppercase(), value))
        .collect();
    let part = |name: &str| parts.iter().find(|(own, _)| own == name).map(|(_, value)| *value);
    let known = ["FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "COUNT", "UNTIL", "WKST"];
    if parts.iter().any(|(name, _)| !known.contains(&name.as_str())) {
        return None;
    }
    let frequency = part("FREQ")?.to_ascii_uppercase();
    let unit = match frequency.as_str() {
        "DAILY" => "day",
        "WEEKLY" => "week",
        "MONTHLY" => "month",
        "YEARLY" => "year",
        _ => return None,
    };
    let interval: u32 = part("INTERVAL").map_or(Some(1), |text| text.parse().ok())?;
    let mut out = if interval == 1 { format!("every {unit}") } else { format!("every {interval} {unit}s") };
    let months = match part("BYMONTH") {
        Some(names) => Some(months(names)?),
        None => None,
    };
    match (part("BYDAY"), part("BYMONTHDAY"), part("BYSETPOS")) {
        (Some(days), None, position) => out.push_str(&format!(" on {}", weekdays(days, position, &frequency)?)),
        (None, Some(days), None) => out.push_str(&month_days(days)?),
        (None, None, None) => {}
        _ => return None,
    }
    if let Some(months) = months {
        out.push_str(&format!(" in {months}"));
    }
    if let Some(count) = part("COUNT") {
        let count: u32 = count.parse().ok()?;
        out.push_str(&format!(", {count} times"));
    }
    if let Some(until) = part("UNTIL") {
        out.push_str(&format!(", until {}", Time::of(until, None)?.date().format("%-d %b %Y")));
    }
    Some(out)
}

/// `MO,WE` or `-1FR`, and the place among them that BYSETPOS picks.
fn weekdays(days: &str, position: Option<&str>, frequency: &str) -> Option<String> {
    let mut named = Vec::new();
    for day in days.split(',').take(MAX_VALUES) {
        let day = day.trim().to_ascii_uppercase();
        let (number, name) = day.split_at_checked(day.len().checked_sub(2)?)?;
        let name = DAYS.iter().find(|(short, _)| *short == name)?.1;
        named.push(match number {
            "" => name.to_owned(),
            number => format!("the {} {name}", ordinal(number)?),
        });
    }
    let all = match (named.len(), frequency) {
        (7, _) => "every day".to_owned(),
        (5, _) if days.eq_ignore_ascii_case("MO,TU,WE,TH,FR") => "weekday".to_owned(),
        _ => listed(&named),
    };
    match position {
        Some(position) => Some(format!("the {} {all}", ordinal(position)?)),
        None if all == "weekday" => Some("weekdays".into()),
        None => Some(all),
    }
}

fn month_days(days: &str) -> Option<String> {
    let days: Vec<i32> = days.split(',').take(MAX_VALUES).map(|day| day.trim().parse().ok()).collect::<Option<_>>()?;
    match days.as_slice() {
        [-1] => Some(" on the last day".into()),
        days if days.iter().all(|day| (1..=31).contains(day)) => {
            let days: Vec<String> = days.iter().map(ToString::to_string).collect();
            Some(format!(" on day {}", listed(&days)))
        }
        _ => None,
    }
}

fn months(months: &str) -> Option<String> {
    let month = |text: &str| MONTHS.get(text.trim().parse::<usize>().ok()?.checked_sub(1)?).map(|name| (*name).to_owned());
    months.split(',').take(MAX_VALUES).map(month).collect::<Option<Vec<_>>>().map(|months| listed(&months))
}

fn ordinal(number: &str) -> Option<&'static str> {
    Some(match number.parse::<i32>().ok()? {
        1 => "first",
        2 => "second",
        3 => "third",
        4 => "fourth",
        5 => "fifth",
        -1 => "last",
        -2 => "second last",
        _ => return None,
    })
}

/// `a, b and c`.
fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn rules_are_told_in_words() {
        for (rule, words) in [
            ("FREQ=DAILY", "every day"),
            ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,FR;WKST=MO", "every 2 weeks on Monday, Wednesday and Friday"),
            ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;COUNT=10", "every week on weekdays, 10 times"),
            ("FREQ=MONTHLY;BYDAY=-1FR", "every month on the last Friday"),
            ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", "every month on the first weekday"),
            ("FREQ=MONTHLY;BYMONTHDAY=15;UNTIL=20211231", "every month on day 15, until 31 Dec 2021"),
            ("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1", "every year on day 1 in March"),
            ("FREQ=HOURLY", "by the rule FREQ=HOURLY"),
            ("FREQ=YEARLY;BYWEEKNO=20", "by the rule FREQ=YEARLY;BYWEEKNO=20"),
            ("FREQ=WEEKLY;BYDAY=ü", "by the rule FREQ=WEEKLY;BYDAY=ü"),
        ] {
            assert_eq!(in_words(rule), words, "{rule}");
        }
    }
}
