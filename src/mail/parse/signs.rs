//! The headers and parts by which a message is known to be a program's.

use super::bounds;
use super::header::Headers;
use super::notes::Notes;
use super::part::Part;
use super::words;
use crate::mail::Correspondent;
use crate::mail::automatic::{Automatic, Said, Signs, automatic};

/// Headers of one name that are looked at; more than one is odd already.
const MOST_HEADERS: usize = 8;

/// What a program wrote; `None` for what a person did, or may have done.
pub(super) fn read(root: &Part<'_>, subject: &str, from: &[Correspondent]) -> Option<Automatic> {
    let headers = &root.headers;
    let (auto_submitted, precedence) = (auto_submitted(headers), value(headers, "Precedence").unwrap_or_default());
    let says_answer = ["X-Autoreply", "X-Autorespond", "X-Auto-Reply"].iter().any(|name| says_yes(headers, name));
    let suppress = value(headers, "X-Auto-Response-Suppress").is_some_and(|value| !value.is_empty() && value != "none");
    let of_people =
        ["List-Post", "List-Subscribe"].iter().any(|name| value(headers, name).is_some_and(|value| value.contains('<')));
    let answers = ["In-Reply-To", "References"].iter().any(|name| value(headers, name).is_some_and(|value| !value.is_empty()));
    let is_report = root.media_type == "multipart/report";
    let report_type = root.content_type.parameter("report-type").filter(|_| is_report).unwrap_or_default().to_ascii_lowercase();
    let report_parts: Vec<&str> = root.children.iter().filter(|_| is_report).map(|part| part.media_type.as_str()).collect();
    automatic(&Signs {
        auto_submitted: &auto_submitted,
        says_answer: says_answer.into(),
        precedence: precedence.split_whitespace().next().unwrap_or_default(),
        suppresses_answers: suppress.into(),
        null_return_path: Said::from(value(headers, "Return-Path").as_deref() == Some("<>")),
        unsubscribe: Said::from(headers.first("List-Unsubscribe").is_some()),
        list_of_people: of_people.into(),
        answers: answers.into(),
        subject,
        author: &from.first().map(|author| author.address.folded()).unwrap_or_default(),
        report_type: &report_type,
        report_parts: &report_parts,
        calendar_methods: &calendar_methods(root),
    })
}

/// The first header of a name in lower case, as far as it can matter.
fn value(headers: &Headers<'_>, name: &str) -> Option<String> {
    headers.first(name).map(lower)
}

fn lower(value: &[u8]) -> String {
    let value = value.get(..bounds::LINE_CHARS).unwrap_or(value);
    words::written(value, &mut Notes::default()).trim().to_lowercase()
}

fn says_yes(headers: &Headers<'_>, name: &str) -> bool {
    value(headers, name).is_some_and(|value| !matches!(value.as_str(), "" | "no" | "none" | "false" | "0"))
}

/// The keywords of Auto-Submitted, without comments and parameters (RFC 3834 5).
fn auto_submitted(headers: &Headers<'_>) -> Vec<String> {
    let keyword = |value: &[u8]| {
        let text = lower(value);
        let text = match text.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((_, rest)) => rest.trim_start(),
            None => &text,
        };
        text.split([';', '(', ' ', '\t']).next().unwrap_or_default().to_owned()
    };
    headers.all("Auto-Submitted").take(MOST_HEADERS).map(keyword).collect()
}

/// What the calendars are sent for: the parameter that they must have (RFC 6047 2.4).
fn calendar_methods(root: &Part<'_>) -> Vec<String> {
    let leaves = root.leaves();
    let calendars = leaves.iter().filter(|leaf| leaf.media_type == "text/calendar").take(MOST_HEADERS);
    calendars.filter_map(|leaf| leaf.content_type.parameter("method")).map(str::to_ascii_lowercase).collect()
}
