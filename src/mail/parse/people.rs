//! Address lists (RFC 5322 3.4), broken ones included.

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, HeaderValue};

use super::notes::Notes;
use super::{bounds, clean, guarded, words};
use crate::mail::{Address, Correspondent};

/// Reads the addresses of a header; groups are opened, and encoded words cannot add an address.
pub(super) fn parse(value: &[u8], notes: &mut Notes) -> Vec<Correspondent> {
    let text = words::unfolded(value, notes);
    let mut line = words::joined(&text, notes).into_owned();
    // The parser of the header ends at its line end.
    line.push('\n');
    let people = guarded(|| {
        let HeaderValue::Address(list) = MessageStream::new(line.as_bytes()).parse_address() else { return Vec::new() };
        list.iter().take(bounds::ADDRESSES + 1).filter_map(correspondent).collect()
    });
    let mut people = people.unwrap_or_else(|| {
        notes.add("an address list could not be read");
        Vec::new()
    });
    if people.len() > bounds::ADDRESSES {
        people.truncate(bounds::ADDRESSES);
        notes.add("addresses cut: more than the bound");
    }
    people
}

/// One address. A lone word is a local user (`root`); a lone phrase is a name without an address.
fn correspondent(addr: &Addr<'_>) -> Option<Correspondent> {
    let name = addr.name.as_deref().unwrap_or_default();
    let (name, address) = match addr.address.as_deref() {
        Some(address) => (name, tidy(address)),
        None if !name.contains(char::is_whitespace) => ("", tidy(name)),
        None => (name, String::new()),
    };
    let name = clean::line(name, bounds::LINE_CHARS);
    let name = name.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')).unwrap_or(&name).to_owned();
    let correspondent = Correspondent { name, address: Address::normal(&address) };
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
    fn a_list_over_the_bound_is_cut() {
        let mut notes = Notes::default();
        assert_eq!(parse("a@b.example,".repeat(bounds::ADDRESSES + 9).as_bytes(), &mut notes).len(), bounds::ADDRESSES);
        assert_eq!(notes.into_vec(), ["addresses cut: more than the bound"]);
    }
}
