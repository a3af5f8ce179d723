//! Domains and names that pass for others (UTS 39).

use unicode_security::MixedScript as _;
use unicode_security::confusable_detection::skeleton;

use super::{Address, Correspondent, Message};

/// The first label of a domain has at least so many characters where one other character makes it a look-alike: short
/// names are near to each other by chance.
const EDITED_LABEL_CHARS: usize = 4;

/// Characters of a domain that are compared: no domain is longer (RFC 1035 2.3.4).
const DOMAIN_CHARS: usize = 253;

/// The domain as people read it, where it is written in A-labels (`xn--…`); `None` where it reads as it is written.
pub fn readable(domain: &str) -> Option<String> {
    if !domain.split('.').any(|label| label.starts_with("xn--")) {
        return None;
    }
    let (unicode, _) = idna::domain_to_unicode(domain);
    (unicode != domain).then_some(unicode)
}

/// What is odd about a domain on its face: letters of several scripts in one label, or letters of one script that read as
/// Latin throughout. Takes the domain as people read it.
pub fn disguise(readable: &str) -> Option<&'static str> {
    let foreign = |label: &&str| !label.is_ascii();
    if readable.split('.').filter(foreign).any(|label| !label.is_single_script()) {
        return Some("its letters are of several scripts");
    }
    // Greek, Cyrillic and their like, drawn as Latin: "асме" (a Latin label with an umlaut is not meant).
    let is_drawn = |label: &str| {
        let letters = || label.chars().filter(|c| c.is_alphabetic());
        letters().all(|c| !c.is_ascii() && skeleton(c.encode_utf8(&mut [0; 4])).all(|c| c.is_ascii())) && letters().next().is_some()
    };
    readable.split('.').filter(foreign).any(is_drawn).then_some("its letters only look Latin")
}

/// Whether a domain that is not `own`, and does not lie in it, could be taken for it: drawn alike, one character away, or
/// with `own` in front (`acme.example.evil.example`). Both in normal form.
pub fn resembles(domain: &str, own: &str) -> bool {
    if domain.len() > DOMAIN_CHARS || own.is_empty() || is_within(domain, own) {
        return false;
    }
    if domain.starts_with(&format!("{own}.")) || domain.contains(&format!(".{own}.")) {
        return true;
    }
    let labels = own.split('.').count();
    let mut tail: Vec<&str> = domain.rsplit('.').take(labels).collect();
    tail.reverse();
    let tail = tail.join(".");
    let read = |domain: &str| readable(domain).unwrap_or_else(|| domain.to_owned());
    let drawn = |domain: &str| skeleton(&read(domain)).collect::<String>();
    if drawn(&tail) == drawn(own) {
        return true;
    }
    let first = own.split('.').next().unwrap_or_default().chars().count();
    first >= EDITED_LABEL_CHARS && strsim::osa_distance(&read(&tail), &read(own)) == 1
}

fn is_within(domain: &str, own: &str) -> bool {
    domain.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Another address than their own that somebody's name holds, as in `"ceo@corp.example" <eve@evil.example>`.
pub fn other_address(person: &Correspondent) -> Option<Address> {
    let is_edge = |c: char| c.is_whitespace() || "<>()[]{}\"'`,;:|".contains(c);
    let words = person.name.split(is_edge).filter(|word| word.contains('@'));
    let addresses = words.map(|word| Address::normal(word.trim_matches('.')));
    let real = |address: &Address| {
        let (local, domain) = address.as_str().rsplit_once('@').unwrap_or_default();
        !local.is_empty() && domain.contains('.')
    };
    addresses.filter(real).find(|address| address.folded() != person.address.folded())
}

/// What is odd about the people of a message on its face, each a sentence: what needs no knowledge of who "we" are.
pub fn remarks(message: &Message) -> Vec<String> {
    let mut remarks = Vec::new();
    for author in &message.from {
        let is_known = |other: &Address| message.behind.as_ref().is_some_and(|behind| behind.address.folded() == other.folded());
        if let Some(other) = other_address(author).filter(|other| !is_known(other)) {
            remarks.push(format!("the name of {} holds another address: {other}", author.address));
        }
    }
    let authors = message.from.len();
    let everyone = message.audience().chain(&message.behind).chain(&message.reply_to);
    for (index, person) in everyone.enumerate() {
        let Some(domain) = person.address.domain() else { continue };
        let Some(readable) = readable(domain) else { continue };
        let remark = match disguise(&readable) {
            Some(disguise) => format!("the domain {domain} reads {readable}: {disguise}"),
            None if index < authors => format!("the domain {domain} reads {readable}"),
            None => continue,
        };
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    remarks.truncate(MOST_REMARKS);
    remarks
}

/// Remarks on one message, so that a hostile one cannot fill a channel with them.
pub const MOST_REMARKS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::address::normal_domain;

    #[test]
    fn domains_that_are_drawn_alike_or_one_character_away_are_look_alikes() {
        for (domain, own) in [
            ("acrne.example", "acme.example"),
            ("mail.acrne.example", "acme.example"),
            ("acne.example", "acme.example"),
            ("acmee.example", "acme.example"),
            ("amce.example", "acme.example"),
            ("paypa1.example", "paypal.example"),
            ("acme.example.evil.test", "acme.example"),
            ("login.acme.example.evil.test", "acme.example"),
            ("аcme.example", "acme.example"),
            ("асmе.example", "acme.example"),
            ("acme.co", "acme.com"),
            ("muller.example", "müller.example"),
        ] {
            assert!(resembles(&normal_domain(domain), &normal_domain(own)), "{domain} {own}");
        }
    }

    #[test]
    fn the_domain_itself_and_what_is_only_short_are_none() {
        for (domain, own) in [
            ("acme.example", "acme.example"),
            ("mail.acme.example", "acme.example"),
            ("globex.example", "acme.example"),
            ("bmv.example", "bmw.example"),
            ("acme.org", "acme.example"),
            ("notacme.example", "acme.example"),
            ("example", "acme.example"),
            ("", "acme.example"),
        ] {
            assert!(!resembles(domain, own), "{domain} {own}");
        }
        assert!(!resembles(&"a.".repeat(100_000), "acme.example"));
    }

    #[test]
    fn a_disguise_is_seen_on_its_face() {
        assert_eq!(disguise("müller.example"), None);
        assert_eq!(disguise("почта.example"), None);
        assert_eq!(disguise("例え.example"), None);
        assert_eq!(disguise("аcme.example"), Some("its letters are of several scripts"));
        assert_eq!(disguise("асе.example"), Some("its letters only look Latin"));
        assert_eq!(readable("xn--mller-kva.example").as_deref(), Some("müller.example"));
        assert_eq!(readable("acme.example"), None);
    }

    #[test]
    fn a_name_that_holds_another_address_is_found() {
        let holds = |name: &str| {
            let person = Correspondent { name: name.into(), address: Address::normal("eve@evil.example") };
            other_address(&person).map(|address| address.as_str().to_owned())
        };
        assert_eq!(holds("ceo@corp.example").as_deref(), Some("ceo@corp.example"));
        assert_eq!(holds("The CEO <ceo@corp.example>, ").as_deref(), Some("ceo@corp.example"));
        for harmless in ["Eve", "eve@evil.example", "Eve (EVE@evil.example)", "Eve @ Acme", "@eve", "eve@work"] {
            assert_eq!(holds(harmless), None, "{harmless}");
        }
    }
}
