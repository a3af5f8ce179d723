//! Address lists (RFC 5322 3.4), broken ones included.

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, HeaderValue};

use super::notes::Notes;
use super::{bounds, clean, guarded, words};
use crate::mail::{Address, Correspondent};

/// Reads the addresses of a header; groups are opened, and encoded words cannot add an address.
pub(super) fn parse(value: &[u8], notes: &mut Notes) -> Vec<Correspondent> {
    let mut line = with_commas(&words::joined(&without_forced_folds(value), notes));
    // The parser of the header ends at its line end.
    line.push('\n');
    let people = guarded(|| {
        let HeaderValue::Address(list) = MessageStream::new(line.as_bytes()).parse_address() else { return Vec::new() };
        list.iter().take(bounds::ADDRESSES + 1).flat_map(correspondents).collect::<Vec<_>>()
    });
    let mut people = people.unwrap_or_else(|| {
        notes.add("an address list could not be read");
        Vec::new()
    });
    // A phrase beside addresses is a comment; alone it is all that we know of who wrote.
    if people.iter().any(|person| !person.address.as_str().is_empty()) {
        people.retain(|person| !person.address.as_str().is_empty());
    }
    if people.len() > bounds::ADDRESSES {
        people.truncate(bounds::ADDRESSES);
        notes.add("addresses cut: more than the bound");
    }
    people
}

/// How long a line is that had to be folded (RFC 5322 2.1.1: 998, less the name of the field), and not only might be.
const FORCED_FOLD_BYTES: usize = 980;

/// Undoes the folds that went through the middle of an address, as some mailers fold a line of full length.
fn without_forced_folds(value: &[u8]) -> Cow<'_, [u8]> {
    let is_forced = |line: &[u8]| line.len() >= FORCED_FOLD_BYTES && !line.trim_ascii_end().ends_with(b",");
    if value.len() < FORCED_FOLD_BYTES || !value.split(|byte| *byte == b'\n').any(is_forced) {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut was_forced = false;
    for line in value.split_inclusive(|byte| *byte == b'\n') {
        out.extend_from_slice(if was_forced { line.trim_ascii_start() } else { line });
        was_forced = is_forced(line);
        if was_forced {
            out.truncate(out.trim_ascii_end().len());
        }
    }
    Cow::Owned(out)
}

/// Puts in the comma that some mailers leave out behind `>`.
fn with_commas(list: &str) -> String {
    let is_followed = |tail: &str| matches!(tail.trim_start().as_bytes().first(), None | Some(b',' | b';'));
    if list.split('>').skip(1).all(is_followed) {
        return list.to_owned();
    }
    let mut out = String::with_capacity(list.len() + 1);
    let (mut in_quotes, mut is_escaped, mut comment_depth, mut is_closed) = (false, false, 0_u32, false);
    for c in list.chars() {
        if is_closed && !c.is_whitespace() && comment_depth == 0 {
            if !matches!(c, ',' | ';' | '(' | '>') {
                out.push(',');
            }
            is_closed = c == '(';
        }
        out.push(c);
        if is_escaped {
            is_escaped = false;
            continue;
        }
        match c {
            '\\' => is_escaped = true,
            '"' if comment_depth == 0 => in_quotes = !in_quotes,
            '(' if !in_quotes => comment_depth += 1,
            ')' if !in_quotes => comment_depth = comment_depth.saturating_sub(1),
            '>' if !in_quotes && comment_depth == 0 => is_closed = true,
            _ => {}
        }
    }
    out
}

/// What one entry of a list holds; more than one address where a comma is missing between bare ones.
fn correspondents(addr: &Addr<'_>) -> Vec<Correspondent> {
    let name = addr.name.as_deref().unwrap_or_default();
    let address = match addr.address.as_deref() {
        Some(address) => address.to_owned(),
        // A lone word is a local user, such as `root`.
        None if !name.contains(char::is_whitespace) => return correspondent("", name).into_iter().collect(),
        None => return correspondent(name, "").into_iter().collect(),
    };
    if address.starts_with('"') || !address.trim().contains(char::is_whitespace) {
        return correspondent(name, &address).into_iter().collect();
    }
    // White space around `@` and `.` is obsolete syntax (RFC 5322 4.4).
    let words: Vec<&str> = address.split_whitespace().collect();
    let glued = words.join(" ").replace(" @", "@").replace("@ ", "@").replace(" .", ".").replace(". ", ".");
    let (addresses, phrase): (Vec<&str>, Vec<&str>) = glued.split(' ').partition(|word| word.contains('@'));
    let phrase = if name.is_empty() { phrase.join(" ") } else { name.to_owned() };
    addresses.into_iter().filter_map(|address| correspondent(&phrase, address)).collect()
}

fn correspondent(name: &str, address: &str) -> Option<Correspondent> {
    let name = clean::line(name, bounds::LINE_CHARS);
    let name = name.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')).unwrap_or(&name).to_owned();
    let correspondent = Correspondent { name, address: Address::normal(&tidy(address)) };
    let is_empty = correspondent.name.is_empty() && correspondent.address.as_str().is_empty();
    (!is_empty).then_some(correspondent)
}

/// An address without what does not belong to it: white space, quotes around it, a route (RFC 5322 4.4), `mailto:`.
fn tidy(address: &str) -> String {
    let bare: String = address.chars().filter(|c| !c.is_whitespace() && !clean::is_hidden(*c)).take(bounds::LINE_CHARS).collect();
    let bare = bare.trim_matches(['<', '>', '\'']);
    let bare = bare.strip_prefix("mailto:").unwrap_or(bare);
    let bare = if bare.starts_with('@') { bare.split_once(':').map_or(bare, |(_, address)| address) } else { bare };
    bare.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<(String, String)> {
        parse(value.as_bytes(), &mut Notes::default())
            .into_iter()
            .map(|person| (person.name, person.address.as_str().to_owned()))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, address)| ((*name).to_owned(), (*address).to_owned())).collect()
    }

    #[test]
    fn lists_names_and_groups_are_read() {
        for (value, expected) in [
            ("Ann Lee <ann@ACME.example>", [("Ann Lee", "ann@acme.example")].as_slice()),
            ("\"Lee, Ann\" <ann@a.example>, bob@b.example", &[("Lee, Ann", "ann@a.example"), ("", "bob@b.example")]),
            ("bob@b.example (Bob)", &[("Bob", "bob@b.example")]),
            ("Friends: ann@a.example, Bob <bob@b.example>;", &[("", "ann@a.example"), ("Bob", "bob@b.example")]),
            ("undisclosed-recipients:;", &[]),
            ("<@relay.example:ann@a.example>", &[("", "ann@a.example")]),
            ("'Ann' <'ann@a.example'>", &[("Ann", "ann@a.example")]),
            ("root", &[("", "root")]),
            ("=?utf-8?Q?J=C3=BCrgen?=\r\n =?utf-8?Q?_L?= <j@a.example>", &[("Jürgen L", "j@a.example")]),
            ("Bob <bob@b.example> Ann <ann@a.example>", &[("Bob", "bob@b.example"), ("Ann", "ann@a.example")]),
            ("bob@b.example ann@a.example", &[("", "bob@b.example"), ("", "ann@a.example")]),
            ("Big Bob bob@b.example", &[("Big Bob", "bob@b.example")]),
            ("Bob <bob @ b.example> (at home), ann@a.example", &[("Bob (at home)", "bob@b.example"), ("", "ann@a.example")]),
            ("Ann Lee", &[("Ann Lee", "")]),
            ("A:Chris <c@(host)a.example>, joe@b.example; (the end)", &[("Chris (host)", "c@a.example"), ("", "joe@b.example")]),
            ("", &[]),
        ] {
            assert_eq!(read(value), pairs(expected), "{value}");
        }
    }

    #[test]
    fn an_encoded_word_adds_no_address() {
        assert_eq!(
            read("=?utf-8?Q?=22CEO=22_=3Cceo=40corp.example=3E=2C?= <evil@x.example>"),
            pairs(&[("\"CEO\" <ceo@corp.example>,", "evil@x.example")])
        );
    }

    #[test]
    fn an_address_that_a_full_line_broke_is_whole_again() {
        let list = "ann@a.example,".repeat(FORCED_FOLD_BYTES / 14 + 1);
        let read = read(&format!("{list} carl\r\n a.roe@c.example,\r\n Bob\r\n Ray <bob@b.example>"));
        let tail: Vec<_> = read.iter().rev().take(2).rev().cloned().collect();
        assert_eq!(tail, pairs(&[("", "carla.roe@c.example"), ("Bob Ray", "bob@b.example")]));
    }

    #[test]
    fn a_list_over_the_bound_is_cut() {
        let mut notes = Notes::default();
        assert_eq!(parse("a@b.example,".repeat(bounds::ADDRESSES + 9).as_bytes(), &mut notes).len(), bounds::ADDRESSES);
        assert_eq!(notes.into_vec(), ["addresses cut: more than the bound"]);
    }
}
