//! Is the message from whom it says, where the source wants to know?
//!
//! What counts is the topmost Authentication-Results header that names one of our own receiving servers (RFC 8601 5, 7.1):
//! anybody can write such a header into a message, but only our server writes above it, and it takes out the ones that
//! pretend to be its own. From is vouched for when DMARC passed for its domain, or else when DKIM or SPF passed for a
//! domain that is aligned with it (RFC 7489 3.1). Where our server says that DMARC failed, nothing else helps: the owner of
//! the domain asked for more than DKIM or SPF of some aligned domain.

use super::{Case, Verdict};
use crate::delivery::Reason;
use crate::mail::address::normal_domain;
use crate::mail::authentication::MethodResult;
use crate::mail::{Address, AuthenticationResults};
use crate::policy::{Directory, Party, UnverifiedSenders};

pub(super) const NAME: &str = "authenticity";

pub(super) fn judge(case: &Case<'_>) -> Verdict {
    if case.origin.unverified == UnverifiedSenders::Allow || is_sent_by_us(case) {
        return Verdict::Pass;
    }
    match doubt(case) {
        None => Verdict::Pass,
        Some(text) => Verdict::Hold(Reason::new(NAME, text)),
    }
}

/// What we sent ourselves never came in through our receiving server, so that nothing can vouch for it.
fn is_sent_by_us(case: &Case<'_>) -> bool {
    let from = &case.message.from;
    case.origin.sent && !from.is_empty() && from.iter().all(|author| case.directory.party(&author.address) == Party::Ourselves)
}

/// Why From is not vouched for, and what can be done.
fn doubt(case: &Case<'_>) -> Option<String> {
    const LOOK: &str = "look whether it is genuine, then run `mailferry release`";
    let Case { message, origin, directory, .. } = case;
    if message.from.is_empty() {
        return Some(format!("it names no author: {LOOK}"));
    }
    if origin.trusted_servers.is_empty() {
        return Some(
            "no server is trusted to vouch for senders: set authserv_ids of its source to the first word of the \
             Authentication-Results headers that your mail server writes, or unverified_senders = \"allow\""
                .into(),
        );
    }
    let Some(results) = message.authentication.iter().find(|results| origin.trusted_servers.contains(&results.server)) else {
        let servers = origin.trusted_servers.join(" or ");
        return Some(format!("it carries no Authentication-Results of {servers}: {LOOK}"));
    };
    let author = message.from.iter().find(|author| !vouches(results, &author.address, directory))?;
    Some(format!("{} does not vouch that it is from {}: {LOOK}", results.server, author.address))
}

fn vouches(results: &AuthenticationResults, author: &Address, directory: &Directory) -> bool {
    let Some(domain) = author.domain() else { return false };
    let aligned = |other: &str| is_aligned(domain, other, directory);
    let mut dmarc = results.methods.iter().filter(|m| m.method == "dmarc" && property_domains(m, &["header.from"]).any(aligned));
    match dmarc.next().map(|m| m.result.as_str()) {
        Some("pass") => true,
        Some("fail") => false,
        // No policy, an error, or nothing said: what DMARC is made of decides.
        Some(_) | None => results.methods.iter().filter(|m| m.result == "pass").any(|m| match m.method.as_str() {
            "dkim" => property_domains(m, &["header.d", "header.i"]).any(aligned),
            "spf" => property_domains(m, &["smtp.mailfrom"]).any(aligned),
            _ => false,
        }),
    }
}

/// The domains that a method speaks of: its properties hold `acme.example`, `@acme.example` or `ann@acme.example`.
fn property_domains<'a>(method: &'a MethodResult, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let values = method.properties.iter().filter(|(name, _)| names.contains(&name.as_str()));
    values.map(|(_, value)| value.rsplit_once('@').map_or(value.as_str(), |(_, domain)| domain))
}

/// Whether two domains are one organisation's. DMARC asks a list of public suffixes for that; here the configuration says
/// it, where it names both, and else one has to lie in the other, which is stricter.
fn is_aligned(author: &str, other: &str, directory: &Directory) -> bool {
    let other = normal_domain(other);
    match (directory.claimed_domain(author), directory.claimed_domain(&other)) {
        (Some(author), Some(other)) => author == other,
        (Some(_), None) | (None, Some(_) | None) => is_within(author, &other) || is_within(&other, author),
    }
}

/// Whether `inner` is `outer` or lies in it. A name without a dot is nobody's own.
fn is_within(inner: &str, outer: &str) -> bool {
    outer.contains('.') && inner.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
