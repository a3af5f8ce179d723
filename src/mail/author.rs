//! Who wrote a message that a list passes on under its own name.
//!
//! Lists take the From line for themselves, so that mail of domains with a DMARC policy arrives ("Ann via Dev
//! <dev@lists.example>"), and keep the author elsewhere. Anyone can write all of these headers, so nothing here is proof:
//! the author is named only where every trace of the rewriting agrees, From itself is never changed, and what decides
//! about a message (its audience, its authenticity) goes by From alone. Sender and Reply-To by themselves name no author.

use super::{Address, Correspondent};

/// How the author of a message is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Byline {
    /// Who wrote it; `None` where the message names nobody.
    pub author: Option<Correspondent>,
    /// The list whose address stands in From, where that is not the author's own.
    pub via: Option<Correspondent>,
    /// What a reader must know about the people, each a sentence: look-alikes, names that hold another address.
    pub remarks: Vec<String>,
}

/// The headers that lists leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traces<'m> {
    /// From.
    pub(super) from: &'m [Correspondent],
    /// X-Original-From, of Google Groups and of the IETF.
    pub(super) original_from: &'m [Correspondent],
    /// X-Original-Sender, of Google Groups: the address alone.
    pub(super) original_sender: &'m [Correspondent],
    /// Reply-To, where Mailman and Groups.io put the author.
    pub(super) reply_to: &'m [Correspondent],
    /// Cc, where Mailman puts the author of a list that takes the replies.
    pub(super) cc: &'m [Correspondent],
    /// List-Id, without angle brackets and comment, in lower case (RFC 2919); empty where there is none.
    pub(super) list_id: &'m str,
    /// The address in List-Post, in lower case (RFC 2369); empty where there is none.
    pub(super) list_post: &'m str,
}

/// The author behind a list that wrote itself into From; `None` where From was not certainly rewritten, or where the
/// traces do not agree on one author.
pub(super) fn behind(traces: &Traces<'_>) -> Option<Correspondent> {
    let [list] = traces.from else { return None };
    if !is_of_its_list(&list.address, traces) {
        return None;
    }
    let name = via_name(&list.name).unwrap_or_default();
    let named = |people: &[Correspondent]| match (name, people) {
        ("", _) => None,
        (name, people) => people.iter().find(|person| is_author(person, list) && same_name(&person.name, name)).cloned(),
    };
    let alone = |people: &[Correspondent]| match people {
        [person] if is_author(person, list) => Some(person.clone()),
        _ => None,
    };
    let nameless = |person: &Correspondent| person.name.is_empty() || person.name == person.address.as_str();
    let replies = named(traces.reply_to).or_else(|| alone(traces.reply_to).filter(|one| !name.is_empty() && nameless(one)));
    let found = [
        alone(traces.original_from),
        alone(traces.original_sender).filter(|_| !name.is_empty() || !traces.original_from.is_empty()),
        encoded(&list.address),
        replies,
        named(traces.cc),
    ];
    let mut found = found.into_iter().flatten();
    let author = found.next()?;
    if found.any(|other| other.address.folded() != author.address.folded()) {
        return None;
    }
    let name = if author.name.is_empty() { name.to_owned() } else { author.name };
    Some(Correspondent { name, ..author })
}

/// The name before " via ", without the quotes that Google Groups puts around it.
pub(super) fn via_name(name: &str) -> Option<&str> {
    let (name, _) = name.split_once(" via ")?;
    let name = name.trim();
    let bare = name.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')).unwrap_or(name);
    (!bare.is_empty()).then_some(bare)
}

/// Whether an address is that of the list that passes the message on, as the list's own headers say: the one that takes
/// posts, the one that List-Id is made of, or one of its host that holds the author's.
fn is_of_its_list(address: &Address, traces: &Traces<'_>) -> bool {
    let folded = address.folded();
    let Some((local, domain)) = folded.rsplit_once('@') else { return false };
    let id = traces.list_id;
    let is_named = folded == traces.list_post || (!id.is_empty() && (id == format!("{local}.{domain}") || id == folded));
    is_named || (encoded(address).is_some() && shares_host(id, domain))
}

/// Whether a List-Id and a domain lie in one place: `dev.group.groups.io` and `groups.io`, `ietf.ietf.org` and
/// `dmarc.ietf.org`. The two last labels have to be the same.
fn shares_host(list_id: &str, domain: &str) -> bool {
    let tail = |name: &str| name.rsplit('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    !list_id.is_empty() && tail(list_id).len() == 2 && tail(list_id) == tail(domain)
}

/// The author that a list wrote into its own address: `ann=acme.example@groups.io`, `ann=40acme.example@dmarc.ietf.org`.
fn encoded(address: &Address) -> Option<Correspondent> {
    let (local, _) = address.as_str().rsplit_once('@')?;
    let (user, domain) = local.rsplit_once("=40").or_else(|| local.rsplit_once('='))?;
    let is_domain =
        domain.contains('.') && !domain.starts_with('.') && domain.chars().all(|c| c.is_alphanumeric() || ".-".contains(c));
    let is_user = !user.is_empty() && !user.contains(['@', '=']);
    (is_domain && is_user).then(|| Correspondent { name: String::new(), address: Address::normal(&format!("{user}@{domain}")) })
}

fn is_author(person: &Correspondent, list: &Correspondent) -> bool {
    person.address.domain().is_some() && person.address.folded() != list.address.folded()
}

fn same_name(one: &str, other: &str) -> bool {
    one.trim_matches('\'').to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(list: &str) -> Vec<Correspondent> {
        let person = |text: &str| {
            let (name, address) = text.trim_end_matches('>').split_once('<').unwrap_or(("", text));
            Correspondent { name: name.trim().to_owned(), address: Address::normal(address) }
        };
        list.split(", ").filter(|text| !text.is_empty()).map(person).collect()
    }

    /// Who is behind some headers, each `name: value`.
    fn behind_of(headers: &[(&str, &str)]) -> Option<String> {
        let value = |name: &str| headers.iter().find(|(header, _)| *header == name).map_or("", |(_, value)| value);
        let traces = Traces {
            from: &people(value("from")),
            original_from: &people(value("x-original-from")),
            original_sender: &people(value("x-original-sender")),
            reply_to: &people(value("reply-to")),
            cc: &people(value("cc")),
            list_id: value("list-id"),
            list_post: value("list-post"),
        };
        behind(&traces).map(|author| format!("{} <{}>", author.name, author.address))
    }

    const MUNGED: (&str, &str) = ("from", "Ann Lee via Dev <dev@lists.example>");
    const ID: (&str, &str) = ("list-id", "dev.lists.example");
    const ANN: Option<&str> = Some("Ann Lee <ann@acme.example>");

    #[test]
    fn what_lists_do_to_from_is_undone() {
        for headers in [
            [MUNGED, ID, ("reply-to", "Ann Lee <ann@acme.example>")].as_slice(),
            &[MUNGED, ID, ("reply-to", "Dev <dev@lists.example>, Ann Lee <ann@acme.example>")],
            &[MUNGED, ID, ("reply-to", "dev@lists.example"), ("cc", "Bob <bob@b.example>, Ann Lee <ann@acme.example>")],
            &[MUNGED, ("list-post", "dev@lists.example"), ("reply-to", "ann@acme.example")],
            &[("from", "'Ann Lee' via Dev <dev@lists.example>"), ID, ("x-original-sender", "ann@acme.example")],
            &[("from", "Dev <dev@lists.example>"), ID, ("x-original-from", "Ann Lee <ann@acme.example>")],
            &[("from", "Ann Lee via groups.io <ann=acme.example@groups.io>"), ("list-id", "dev.groups.io")],
            &[("from", "Ann Lee via X <ann=40acme.example@dmarc.ietf.org>"), ("list-id", "x.ietf.org")],
        ] {
            assert_eq!(behind_of(headers).as_deref(), ANN, "{headers:?}");
        }
    }

    #[test]
    fn where_the_traces_are_missing_or_do_not_agree_from_stays() {
        for headers in [
            // No list says that the address is its own.
            [MUNGED, ("reply-to", "Ann Lee <ann@acme.example>")].as_slice(),
            &[MUNGED, ("list-id", "dev.other.example"), ("reply-to", "Ann Lee <ann@acme.example>")],
            // Reply-To and Cc of others are no authors.
            &[MUNGED, ID, ("reply-to", "Carl <carl@evil.example>")],
            &[("from", "Dev <dev@lists.example>"), ID, ("reply-to", "ann@acme.example")],
            &[("from", "Ann Lee <ann@acme.example>"), ID, ("reply-to", "carl@evil.example")],
            &[("from", "Ann Lee <ann@acme.example>"), ID, ("x-original-sender", "carl@evil.example")],
            // One trace says this, one that.
            &[MUNGED, ID, ("reply-to", "Ann Lee <ann@acme.example>"), ("x-original-from", "Ann Lee <ann@evil.example>")],
            &[
                ("from", "Ann Lee via G <ann=acme.example@groups.io>"),
                ("list-id", "g.groups.io"),
                ("reply-to", "Ann Lee <ann@evil.example>"),
            ],
            // An address that only looks encoded.
            &[("from", "SRS <bounce=x@lists.example>"), ("list-id", "dev.lists.example")],
            &[("from", "Ann <ann=acme.example@evil.example>"), ("list-id", "dev.groups.io")],
        ] {
            assert_eq!(behind_of(headers), None, "{headers:?}");
        }
    }
}
