//! Where a message may go: the audience rule.
//!
//! No party sees through a channel what it was not sent: a message goes to a partner's channel only if a correspondent of
//! that partner stands in its From, To or Cc. Bcc does not count, since the others on the message do not know of it; nor
//! do Sender and Reply-To, which say how a message travels and not whom it is for.

use std::collections::BTreeSet;

use crate::delivery::{PartnerName, Reason};
use crate::mail::{Address, Message};

use super::{Directory, Party};

/// Where a message goes, by who stands in its From, To and Cc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the channel of each of these partners, each once, in the order of the configuration.
    Partners(Vec<PartnerName>),
    /// Nobody but ourselves is on it: never posted.
    Internal,
    /// Outsiders are on it, but none of a partner: never posted, counted. Each once, as they stand in the message.
    Unmapped(Vec<Address>),
    /// Nobody at all can be read from it: a person must look.
    Unreadable(Reason),
}

/// The route of a message.
pub fn route(directory: &Directory, message: &Message) -> Route {
    route_of(directory, message.audience().map(|correspondent| &correspondent.address))
}

/// The route of a message with this audience (its From, To and Cc).
pub fn route_of<'a>(directory: &Directory, audience: impl Iterator<Item = &'a Address>) -> Route {
    let mut audience = audience.filter(|address| address.domain().is_some()).peekable();
    if audience.peek().is_none() {
        let text = "nobody can be read from its From, To and Cc: look at the raw message";
        return Route::Unreadable(Reason::new("audience", text));
    }
    let (mut present, mut outsiders) = (BTreeSet::new(), Vec::new());
    for address in audience {
        match directory.party(address) {
            Party::Ourselves => {}
            Party::Partner(partner) => {
                present.insert(&partner.name);
            }
            Party::Unmapped if outsiders.contains(address) => {}
            Party::Unmapped => outsiders.push(address.clone()),
        }
    }
    let partners = directory.partners().iter().map(|partner| &partner.name);
    let partners: Vec<_> = partners.filter(|name| present.contains(name)).cloned().collect();
    match (partners.is_empty(), outsiders.is_empty()) {
        (false, _) => Route::Partners(partners),
        (true, true) => Route::Internal,
        (true, false) => Route::Unmapped(outsiders),
    }
}
