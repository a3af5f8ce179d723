//! Names that have to hold elsewhere: channels, domains, addresses, hosts.

use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;

use crate::mail::Address;
use crate::mail::address::normal_domain;

/// The longest name of a channel in characters (Slack, conversations.create).
const MAX_CHANNEL_CHARS: usize = 80;

/// The name of a channel that is nearest to a text: lower case, one `-` for whatever else there is between letters, digits
/// and `_`. Empty where the text holds none of these.
pub(super) fn channel_slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.nfc().flat_map(char::to_lowercase) {
        match c {
            c if c.is_alphanumeric() || c == '_' => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.chars().take(MAX_CHANNEL_CHARS).collect::<String>().trim_end_matches('-').to_owned()
}

/// What is wrong with the name of a channel. The same for every destination: it also names a directory of the archive.
pub(super) fn channel_fault(name: &str) -> Option<String> {
    let fits = |c: char| c == '-' || c == '_' || (c.is_alphanumeric() && c.to_lowercase().eq([c]));
    if name.chars().all(fits) && name.chars().count() <= MAX_CHANNEL_CHARS && !name.is_empty() {
        return None;
    }
    let rule = format!("a channel has lower-case letters, digits, - and _, and at most {MAX_CHANNEL_CHARS} of them");
    let slug = channel_slug(name);
    Some(if slug.is_empty() { rule } else { format!("{rule}: write {slug:?}") })
}

/// A domain in normal form, or what is wrong with it.
pub(super) fn domain(text: &str) -> Result<String, String> {
    let text = text.trim();
    if let Some((_, domain)) = text.rsplit_once('@') {
        return Err(format!("is an address: write {domain:?} for the whole domain, or move it to `addresses`"));
    }
    if let Some(domain) = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')) {
        return Err(format!("subdomains belong to a domain anyway: write {domain:?}"));
    }
    let domain = normal_domain(text);
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if domain.len() > 253 || !domain.split('.').all(is_label) {
        return Err(format!("{text:?} is no domain: write it like \"acme.example\""));
    }
    if !domain.contains('.') {
        return Err(format!("{text:?} is a whole top-level domain: write the organisation's own, like \"acme.{domain}\""));
    }
    Ok(domain)
}

/// An address in normal form, or what is wrong with it.
pub(super) fn address(text: &str) -> Result<Address, String> {
    let wrong = || format!("{text:?} is no address: write it like \"ann@acme.example\"");
    let (local, at_domain) = text.trim().rsplit_once('@').ok_or_else(wrong)?;
    if local.is_empty() || local.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',')) {
        return Err(wrong());
    }
    domain(at_domain).map_err(|_| wrong())?;
    Ok(Address::normal(text))
}

/// What is wrong with the name of a host.
pub(super) fn host_fault(text: &str) -> Option<String> {
    if text.parse::<IpAddr>().is_ok() {
        return None;
    }
    if let Some((_, rest)) = text.split_once("://") {
        return Some(format!("takes the host alone: write {:?}", rest.split(['/', ':']).next().unwrap_or(rest)));
    }
    if let Some((host, port)) = text.split_once(':') {
        return Some(format!("takes the host alone: write host = {host:?} and port = {port}"));
    }
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    (!text.chars().all(fits)).then(|| format!("{text:?} is no host: write it like \"imap.ourco.example\""))
}

/// Whether a host is this machine, so that nobody can listen in between.
pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The base address of an API, ending in `/`, or what is wrong with it.
pub(super) fn api_url(text: &str) -> Result<String, String> {
    let form = "write it like \"https://slack.com/api/\"";
    let (scheme, rest) = text.split_once("://").ok_or_else(|| format!("is no URL: {form}"))?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() || rest.contains(|c: char| c.is_whitespace() || matches!(c, '?' | '#' | '@' | '\\')) {
        return Err(format!("is no URL of an API: {form}"));
    }
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or(authority),
    };
    match scheme {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => return Err("sends the token in the clear: http:// is for this machine alone, write https://".into()),
        _ => return Err(format!("is no URL of an API: {form}")),
    }
    Ok(if text.ends_with('/') { text.to_owned() } else { format!("{text}/") })
}

/// What is wrong with an address that secrets are sent to. It may have a query.
pub(super) fn endpoint_fault(text: &str) -> Option<String> {
    let fault = api_url(text.split('?').next().unwrap_or_default()).err();
    let form = "write it like \"https://id.ourco.example/token\"; http:// is for this machine alone";
    fault.map(|_| format!("is no URL that secrets are sent to: {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_by_slack_s_rules() {
        assert_eq!(channel_slug("  Acme & Söhne, Inc. "), "acme-söhne-inc");
        assert_eq!(channel_slug("!!!"), "");
        assert_eq!(channel_slug(&"x-".repeat(80)).len(), 79);
        assert_eq!(channel_fault("ext-acme_2"), None);
        assert!(channel_fault("#Ext Acme").unwrap().ends_with("write \"ext-acme\""));
        assert!(channel_fault("../../etc").unwrap().ends_with("write \"etc\""));
        assert!(channel_fault(&"x".repeat(81)).is_some());
    }

    #[test]
    fn domains_are_told_from_addresses_and_from_whole_top_levels() {
        assert_eq!(domain(" Müller.Example. "), Ok("xn--mller-kva.example".into()));
        for (text, advice) in [
            ("@acme.example", "write \"acme.example\""),
            ("ann@acme.example", "`addresses`"),
            ("*.acme.example", "write \"acme.example\""),
            ("com", "top-level"),
            ("acme example", "is no domain"),
            ("https://acme.example", "is no domain"),
            ("acme..example", "is no domain"),
        ] {
            assert!(domain(text).unwrap_err().contains(advice), "{text}");
        }
    }

    #[test]
    fn addresses_have_two_sides() {
        assert_eq!(address("Ann@ACME.example").map(|address| address.to_string()), Ok("Ann@acme.example".into()));
        for text in ["acme.example", "@acme.example", "ann@", "Ann <ann@acme.example>", "a@b, c@d.example"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_is_neither_a_url_nor_has_it_a_port() {
        assert_eq!(host_fault("imap.ourco.example"), None);
        assert_eq!(host_fault("::1"), None);
        assert!(host_fault("imaps://imap.ourco.example:993/").unwrap().contains("write \"imap.ourco.example\""));
        assert!(host_fault("imap.ourco.example:993").unwrap().contains("port = 993"));
    }

    #[test]
    fn tokens_are_sent_in_the_clear_to_this_machine_alone() {
        assert_eq!(api_url("https://slack.com/api"), Ok("https://slack.com/api/".into()));
        assert_eq!(api_url("http://127.0.0.1:9911/api/"), Ok("http://127.0.0.1:9911/api/".into()));
        assert_eq!(api_url("http://[::1]:80/"), Ok("http://[::1]:80/".into()));
        for text in ["http://slack.com/api/", "http://localhost@evil.example/", "slack.com", "ftp://localhost/", "https:///api/"] {
            assert!(api_url(text).is_err(), "{text}");
        }
    }
}
