//! Who wrote, and to whom: the addresses of an item.

use super::property::{Properties, id};

/// The domain of addresses that only an Exchange server knows (RFC 6761 6.4: it exists nowhere). Nobody is taken for
/// somebody else by a guess.
const NO_DOMAIN: &str = "exchange.invalid";

/// A person as an item names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    /// An address of SMTP.
    pub(super) address: String,
}

/// What kind of recipient (PidTagRecipientType).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    To,
    Cc,
    Bcc,
}

/// For whom it was sent: the author.
pub(super) fn author(properties: &Properties) -> Option<Person> {
    let author = [id::SENT_REPRESENTING_SMTP_ADDRESS, id::SENT_REPRESENTING_ADDRESS];
    person(properties, &[id::SENT_REPRESENTING_NAME], &author).or_else(|| sender(properties))
}

/// Who sent it for the author.
pub(super) fn sender(properties: &Properties) -> Option<Person> {
    person(properties, &[id::SENDER_NAME], &[id::SENDER_SMTP_ADDRESS, id::SENDER_ADDRESS])
}

/// One recipient and what kind; the organiser of a meeting and the like (type 0) are none.
pub(super) fn recipient(properties: &Properties) -> Option<(Kind, Person)> {
    // The high bits say that it was sent to already ([MS-OXCMSG] 2.2.3.1.2).
    let kind = match properties.number(id::RECIPIENT_TYPE).map_or(1, |kind| kind & 0xF) {
        1 => Kind::To,
        2 => Kind::Cc,
        3 => Kind::Bcc,
        _ => return None,
    };
    let names = [id::DISPLAY_NAME, id::RECIPIENT_DISPLAY_NAME];
    Some((kind, person(properties, &names, &[id::SMTP_ADDRESS, id::EMAIL_ADDRESS])?))
}

/// The names of a line that Outlook shows, `Ann Lee; Bob`: all that there is where an item has no recipients.
pub(super) fn shown(line: &str) -> Vec<Person> {
    let names = line.split(';').map(|name| name.trim_matches(|c: char| c.is_whitespace() || c == '\''));
    names.filter(|name| !name.is_empty()).map(|name| of_name(name.to_owned())).collect()
}

fn person(properties: &Properties, names: &[u16], addresses: &[u16]) -> Option<Person> {
    let name = names.iter().find_map(|id| properties.text(*id)).unwrap_or_default();
    let addresses: Vec<String> = addresses.iter().filter_map(|id| properties.text(*id)).collect();
    match addresses.iter().find(|address| is_smtp(address)).or(addresses.first()) {
        Some(address) if is_smtp(address) => Some(Person { name, address: address.trim().to_owned() }),
        Some(address) if !is_smtp(&name) => Some(Person { address: encapsulated(address), name }),
        _ if name.is_empty() => None,
        _ => Some(of_name(name)),
    }
}

fn of_name(name: String) -> Person {
    if is_smtp(&name) {
        return Person { address: name.trim().to_owned(), name: String::new() };
    }
    Person { address: format!("{}@{NO_DOMAIN}", in_local_part(&name)), name }
}

fn is_smtp(text: &str) -> bool {
    let text = text.trim();
    text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"'))
        && !text.starts_with('/')
}

/// An address of another system within one of SMTP (\[MS-OXCMAIL\] 2.1.3.3): that of Exchange is the path of an entry.
fn encapsulated(address: &str) -> String {
    format!("IMCEAEX-{}@{NO_DOMAIN}", in_local_part(address))
}

/// Letters and digits as they are, `/` as `_`, anything else as `+hh` of its UTF-8.
fn in_local_part(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.trim().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'=' => out.push(char::from(byte)),
            b'/' => out.push('_'),
            _ => out.push_str(&format!("+{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::outlook::Value;

    fn of(values: &[(u16, &str)]) -> Properties {
        let mut properties = Properties::default();
        values.iter().for_each(|(id, text)| properties.add(*id, Value::Text((*text).to_owned())));
        properties
    }

    #[test]
    fn an_address_of_smtp_comes_before_one_of_exchange() {
        let ex = "/o=Acme/ou=First/cn=Recipients/cn=ann";
        let known = of(&[(0x3001, "Ann Lee"), (0x3003, ex), (0x39FE, "ann@acme.example")]);
        assert_eq!(recipient(&known), Some((Kind::To, Person { name: "Ann Lee".into(), address: "ann@acme.example".into() })));
        let unknown = recipient(&of(&[(0x3001, "Ann Lee"), (0x3003, ex)])).unwrap().1;
        assert_eq!(unknown.address, "IMCEAEX-_o=Acme_ou=First_cn=Recipients_cn=ann@exchange.invalid");
    }

    #[test]
    fn a_name_alone_is_nobody_that_we_know() {
        let people = shown("'Ann Lee'; bob@acme.example;");
        let addresses: Vec<_> = people.iter().map(|person| person.address.as_str()).collect();
        assert_eq!(addresses, ["Ann+20Lee@exchange.invalid", "bob@acme.example"]);
        assert_eq!(author(&of(&[])), None);
    }
}
