//! Links that a mail filter or a web service wrapped: the address that they lead to.
//!
//! Filters rewrite every link of a mail into one of their own, hundreds of characters long, in which the real address
//! stands encoded. A reader wants that one. What cannot be decoded here (Mimecast keeps the address on its server) stays as
//! it is. Nothing is fetched.

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::{Captures, Regex};

use super::pattern::compile;

/// Filters wrap what other filters wrapped, so often at most.
const MAX_LAYERS: usize = 4;
/// A longer address is left alone.
const MAX_BYTES: usize = 16 * 1024;

/// How the real address stands in the parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// As in any query (RFC 3986 2.1).
    Percent,
    /// Proofpoint's second version: `-` stands for `%`, `_` for `/`.
    Proofpoint,
    /// Base64 of the address.
    Base64,
}

/// The end of the host, the beginning of the path, the parameter, and how it is written.
const WRAPPERS: &[(&str, &str, &str, Coding)] = &[
    ("safelinks.protection.outlook.com", "/", "url", Coding::Percent),
    ("safelinks.protection.outlook.cn", "/", "url", Coding::Percent),
    ("safelinks.protection.office365.us", "/", "url", Coding::Percent),
    ("statics.teams.cdn.office.net", "/evergreen-assets/safelinks/", "url", Coding::Percent),
    ("urldefense.proofpoint.com", "/v1/url", "u", Coding::Percent),
    ("urldefense.proofpoint.com", "/v2/url", "u", Coding::Proofpoint),
    ("urldefense.com", "/v1/url", "u", Coding::Percent),
    ("urldefense.com", "/v2/url", "u", Coding::Proofpoint),
    ("linkprotect.cudasvc.com", "/url", "a", Coding::Percent),
    ("protect2.fireeye.com", "/", "u", Coding::Percent),
    ("protection.sophos.com", "/", "u", Coding::Base64),
    ("trendmicro.com", "/wis/clicktime/", "url", Coding::Percent),
    ("slack-redir.net", "/link", "url", Coding::Percent),
    ("facebook.com", "/l.php", "u", Coding::Percent),
    ("linkedin.com", "/redir/redirect", "url", Coding::Percent),
    ("youtube.com", "/redirect", "q", Coding::Percent),
];

static URL: LazyLock<Regex> = LazyLock::new(|| compile(r#"(?i)https?://[^\s<>"\[\]]+"#));
/// `https://urldefense.com/v3/__https://acme.example/*x__;Iw!!…$`.
static PROOFPOINT_3: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)^https?://urldefense(?:\.proofpoint)?\.(?:com|us)/v3/__(?P<address>.+?)__;(?P<signs>[\w-]*)!"));

/// A text with the addresses in it unwrapped.
pub(super) fn unwrapped_in(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    URL.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get(0).map_or("", |found| found.as_str());
        // The brackets and stops behind an address are none of it.
        let address = whole.trim_end_matches([')', '.', ',', ';', ':', '!', '?', '\'', '*', '_']);
        let behind = whole.get(address.len()..).unwrap_or_default();
        unwrapped(address).map_or_else(|| whole.to_owned(), |real| format!("{real}{behind}"))
    })
}

/// The address that a wrapped one leads to; `None` where it is not wrapped, or in a way that cannot be read.
pub(super) fn unwrapped(address: &str) -> Option<String> {
    let mut real = layer(address)?;
    for _ in 1..MAX_LAYERS {
        match layer(&real) {
            Some(inner) => real = inner,
            None => break,
        }
    }
    Some(real)
}

fn layer(address: &str) -> Option<String> {
    if address.len() > MAX_BYTES {
        return None;
    }
    if let Some(found) = PROOFPOINT_3.captures(address) {
        return harmless(&proofpoint_3(found.name("address")?.as_str(), found.name("signs")?.as_str())?);
    }
    let (host, path, query) = parts(address)?;
    let is = |end: &str| host == end || host.strip_suffix(end).is_some_and(|before| before.ends_with('.'));
    let google = host.split('.').any(|label| label == "google") && path == "/url";
    if google {
        return parameter(query, "q").or_else(|| parameter(query, "url")).and_then(|value| harmless(&percent(value)?));
    }
    let (_, _, name, coding) = WRAPPERS.iter().find(|(end, start, ..)| is(end) && path.starts_with(start))?;
    let value = parameter(query, name)?;
    let real = match coding {
        Coding::Percent => percent(value)?,
        Coding::Proofpoint => percent(&value.replace('-', "%").replace('_', "/"))?,
        Coding::Base64 => String::from_utf8(STANDARD_NO_PAD.decode(percent(value)?.trim_end_matches('=')).ok()?).ok()?,
    };
    harmless(&real)
}

/// Host in lower case, path, query.
fn parts(address: &str) -> Option<(String, &str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let (before, query) = rest.split_once('?')?;
    let (host, path) = before.split_at_checked(before.find('/').unwrap_or(before.len()))?;
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    Some((host, if path.is_empty() { "/" } else { path }, query))
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    let query = query.split('#').next().unwrap_or_default();
    query
        .split('&')
        .find_map(|pair| pair.trim_start_matches("amp;").split_once('=').filter(|(key, _)| *key == name))
        .map(|(_, value)| value)
}

/// Undoes percent-encoding; `None` where the result is no text.
fn percent(value: &str) -> Option<String> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let pair = || Some(after.first_chunk::<2>()?.map(|digit| char::from(digit).to_digit(16)));
        match (byte, pair()) {
            (b'%', Some([Some(high), Some(low)])) => {
                out.push(u8::try_from(high << 4 | low).ok()?);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// Proofpoint's third version: each `*` stands for one byte of a list, `**` and a letter for a run of them.
fn proofpoint_3(address: &str, signs: &str) -> Option<String> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let signs = URL_SAFE_NO_PAD.decode(signs).ok()?;
    let mut signs = signs.into_iter();
    let mut out = Vec::with_capacity(address.len());
    let mut rest = address.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'*' {
            out.push(byte);
            continue;
        }
        let run = match after {
            [b'*', length, ..] => {
                rest = after.get(2..).unwrap_or_default();
                DIGITS.find(char::from(*length))? + 2
            }
            _ => 1,
        };
        out.extend(signs.by_ref().take(run));
    }
    // It folds the two slashes behind the scheme into one.
    let real = String::from_utf8(out).ok()?;
    match real.split_once(":/") {
        Some((scheme, rest)) if !rest.starts_with('/') => Some(format!("{scheme}://{rest}")),
        _ => Some(real),
    }
}

/// An address of the web, with what could break out of it encoded again.
fn harmless(address: &str) -> Option<String> {
    let web = ["http://", "https://"]
        .iter()
        .any(|scheme| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    if !web || address.chars().any(char::is_control) {
        return None;
    }
    let mut out = String::with_capacity(address.len());
    for c in address.chars() {
        if c.is_whitespace() || matches!(c, '<' | '>' | '"' | '[' | ']') || crate::mail::parse::clean::is_hidden(c) {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("%{byte:02X}")));
        } else {
            out.push(c);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{unwrapped, unwrapped_in};

    #[test]
    fn every_filter_that_writes_the_address_into_its_own_is_unwrapped() {
        for (wrapped, real) in [
            (
                "https://eur02.safelinks.protection.outlook.com/?url=https%3A%2F%2Facme.example%2Fplan%3Fa%3D1%26b%3D2&data=05%7C02&sdata=x%3D&reserved=0",
                "https://acme.example/plan?a=1&b=2",
            ),
            (
                "https://eur02.safelinks.protection.outlook.com/?url=https%3A%2F%2Facme.example%2F&amp;data=05&amp;reserved=0",
                "https://acme.example/",
            ),
            ("https://urldefense.proofpoint.com/v1/url?u=http%3A%2F%2Facme.example/a&k=x", "http://acme.example/a"),
            (
                "https://urldefense.proofpoint.com/v2/url?u=https-3A__acme.example_a-2Db_-3Fc-3D1&d=DwMFaQ&c=x",
                "https://acme.example/a-b/?c=1",
            ),
            ("https://urldefense.com/v3/__https://acme.example/plan__;!!abc!def$", "https://acme.example/plan"),
            ("https://urldefense.com/v3/__https:/acme.example/*a__;Iw!!abc!def$ ", "https://acme.example/#a"),
            ("https://urldefense.com/v3/__https://acme.example/a**Ab__;Iys!!abc!def$", "https://acme.example/a#+b"),
            ("https://www.google.com/url?q=https://acme.example/plan&sa=D&usg=x", "https://acme.example/plan"),
            ("https://www.google.co.uk/url?sa=t&url=https%3A%2F%2Facme.example%2F&ved=1", "https://acme.example/"),
            ("https://linkprotect.cudasvc.com/url?a=https%3a%2f%2facme.example%2fa&c=E,1", "https://acme.example/a"),
            ("https://eu.protection.sophos.com?d=acme.example&u=aHR0cHM6Ly9hY21lLmV4YW1wbGUv&i=1", "https://acme.example/"),
        ] {
            assert_eq!(unwrapped(wrapped).as_deref(), Some(real), "{wrapped}");
        }
    }

    #[test]
    fn layers_come_off_together() {
        let inner = "https%3A%2F%2Furldefense.com%2Fv3%2F__https%3A%2F%2Facme.example%2F__%3B!!a!b%24";
        let wrapped = format!("https://nam01.safelinks.protection.outlook.com/?url={inner}&data=1");
        assert_eq!(unwrapped(&wrapped).as_deref(), Some("https://acme.example/"));
    }

    #[test]
    fn what_is_not_wrapped_or_cannot_be_read_stays() {
        for address in [
            "https://acme.example/?url=https%3A%2F%2Fevil.example",
            "https://protect-eu.mimecast.com/s/AbCdEf?domain=acme.example",
            "https://safelinks.protection.outlook.com.evil.example/?url=https%3A%2F%2Facme.example",
            "https://x.safelinks.protection.outlook.com/?url=javascript%3Aalert(1)",
            "https://x.safelinks.protection.outlook.com/?url=https%3A%2F%2Facme.example%0Ax",
            "https://x.safelinks.protection.outlook.com/?url=%FF%FE",
            "https://urldefense.com/v3/__https://acme.example",
        ] {
            assert_eq!(unwrapped(address), None, "{address}");
        }
    }

    #[test]
    fn addresses_in_a_text_are_unwrapped_in_their_place() {
        let text = "See <https://x.safelinks.protection.outlook.com/?url=https%3A%2F%2Facme.example%2Fa&data=1>, (https://www.google.com/url?q=https://b.example/c&sa=D).";
        assert_eq!(unwrapped_in(text), "See <https://acme.example/a>, (https://b.example/c).");
        assert_eq!(unwrapped_in("https://acme.example/a)."), "https://acme.example/a).");
    }
}
