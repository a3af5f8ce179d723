//! Text as exports hold it: Slack's mrkdwn, in which nothing of a mail acts.

use super::entry::{Dated, Entry};
use crate::delivery::Timeliness;
use crate::mail::Correspondent;

/// Joins two characters without being seen: it keeps a mention or a link from being one.
const WORD_JOINER: char = '\u{2060}';

/// Names that call everyone in a channel.
const CALLS: [&str; 4] = ["channel", "here", "everyone", "group"];

/// The text, literally: what mrkdwn would take for markup is escaped, names that call everyone call nobody, and Markdown's
/// links and pictures, which viewers of exports obey, are pulled apart.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let (mut rest, mut before) = (text, ' ');
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or("");
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' if !before.is_alphanumeric() && CALLS.iter().any(|name| begins(rest, name)) => out.extend([c, WORD_JOINER]),
            ']' if rest.starts_with(['(', '[', ':']) => out.extend([c, WORD_JOINER]),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

/// So many recipients are named above a text: a mail to half a company is still read for its text.
const NAMES: usize = 30;

/// What stands above the text of a message's first post: the subject where it opens a thread or leaves its thread's, who
/// got it, and when it was sent.
pub(super) fn heading(entry: &Entry, thread_subject: &str) -> String {
    let mut lines = String::new();
    let is_root = entry.root.is_none();
    if !entry.subject.is_empty() && (is_root || base_subject(&entry.subject) != base_subject(thread_subject)) {
        let mark = if entry.subject.contains('*') { "" } else { "*" };
        lines.push_str(&format!("{mark}{}{mark}\n", literal(&entry.subject)));
    }
    if let Some(list) = &entry.via {
        lines.push_str(&format!("Via: {}\n", literal(list.address.as_str())));
    }
    for (label, people) in [("To", &entry.to), ("Cc", &entry.cc)] {
        if !people.is_empty() {
            lines.push_str(&format!("{label}: {}\n", literal(&names(people))));
        }
    }
    lines.push_str(&date_line(entry));
    lines.push('\n');
    entry.remarks.iter().for_each(|remark| lines.push_str(&format!("Beware: {}\n", literal(remark))));
    lines
}

/// The date as the sender's clock showed it, and in UTC.
fn date_line(entry: &Entry) -> String {
    let utc = entry.date.to_utc();
    let mut line = entry.date.format("%a, %-d %b %Y %H:%M %:z").to_string();
    if entry.date.offset().local_minus_utc() != 0 {
        let format = if utc.date_naive() == entry.date.date_naive() { "%H:%M UTC" } else { "%-d %b %H:%M UTC" };
        line.push_str(&format!(" ({})", utc.format(format)));
    }
    if entry.dated == Dated::Inferred {
        line.push_str(", inferred: the mail has no usable date");
    }
    if entry.timeliness == Timeliness::Late {
        line.push_str(", arrived late: newer messages of its thread were posted before it");
    }
    line
}

fn names(people: &[Correspondent]) -> String {
    let name = |person: &Correspondent| match person.name.as_str() {
        "" => person.address.to_string(),
        name => format!("{name} ({})", person.address),
    };
    let mut names: Vec<String> = people.iter().take(NAMES).map(name).collect();
    if people.len() > NAMES {
        names.push(format!("and {} more", people.len() - NAMES));
    }
    names.join(", ")
}

/// A subject without the marks of replying and forwarding, in lower case: what a thread's messages have in common.
fn base_subject(subject: &str) -> String {
    const MARKS: [&str; 15] = ["re", "aw", "fw", "fwd", "wg", "sv", "vs", "antw", "tr", "rif", "res", "enc", "odp", "rv", "vb"];
    let mut rest = subject.trim();
    while let Some((mark, after)) = rest.split_once([':', '：']) {
        let mark = mark.trim().trim_end_matches(|c: char| "[]()0123456789".contains(c)).to_lowercase();
        if !MARKS.contains(&mark.as_str()) {
            break;
        }
        rest = after.trim_start();
    }
    rest.to_lowercase()
}

fn begins(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_mail_acts() {
        assert_eq!(literal("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(literal("hi @Channel, @here!"), "hi @\u{2060}Channel, @\u{2060}here!");
        assert_eq!(literal("ann@here.example"), "ann@here.example");
        assert_eq!(literal("![x](http://t.example/p.png)"), "![x]\u{2060}(http://t.example/p.png)");
    }

    #[test]
    fn a_reply_has_its_threads_subject() {
        assert_eq!(base_subject("Re: AW: Fwd[2]: Plan: one"), base_subject("plan: One"));
        assert_ne!(base_subject("Re: Plan B"), base_subject("Plan"));
    }
}
