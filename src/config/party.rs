//! `[organisation]` and `[[partner]]`: who we are, and who they are.

use std::collections::BTreeMap;

use super::complaint::{Complaints, Place};
use super::destination::Draft;
use super::name;
use super::table::{Given, Table, instead};
use crate::delivery::{ChannelName, DestinationName, PartnerName};
use crate::mail::Address;
use crate::policy::{Claimant, Directory, DirectoryError, Organisation, Partner, Trust};

/// Who claims which domains and addresses, and where in the file.
#[derive(Debug, Default)]
pub(super) struct Claims(Vec<(Claimant, String, Place)>);

impl Claims {
    /// Reads `domains` and `addresses`; complains where neither names anybody.
    fn read(&mut self, table: &mut Table<'_>, claimant: &Claimant) -> (Vec<String>, Vec<Address>) {
        let given = (table.texts("domains"), table.texts("addresses"));
        if given.0.as_ref().is_none_or(Vec::is_empty) && given.1.as_ref().is_none_or(Vec::is_empty) {
            table.missing("domains", "domains = [\"acme.example\"], or addresses = [\"ann@mail.example\"] for single people");
        }
        let domains = checked(given.0.unwrap_or_default(), table, name::domain);
        let addresses = checked(given.1.unwrap_or_default(), table, name::address);
        let claims = domains.iter().map(|domain| (domain.value.clone(), &domain.place));
        let claims = claims.chain(addresses.iter().map(|address| (address.value.folded(), &address.place)));
        self.0.extend(claims.map(|(what, place)| (claimant.clone(), what, place.clone())));
        (domains.into_iter().map(|domain| domain.value).collect(), addresses.into_iter().map(|address| address.value).collect())
    }

    /// A directory of everybody; complains where one belongs to two.
    pub(super) fn directory(
        &self,
        organisation: Organisation,
        partners: Vec<Partner>,
        complaints: &Complaints<'_>,
    ) -> Option<Directory> {
        let errors = match Directory::new(organisation, partners) {
            Ok(directory) => return Some(directory),
            Err(errors) => errors,
        };
        for error in errors {
            let (who, what) = match &error {
                DirectoryError::Claimed { second, what, .. } => (second, what),
                DirectoryError::SharedProvider { claimant, domain } => (claimant, domain),
            };
            if let Some((_, _, place)) = self.0.iter().find(|(claimant, claimed, _)| claimant == who && claimed == what) {
                complaints.add(place, error.to_string());
            }
        }
        None
    }
}

/// The texts that pass a check; complains of the others.
fn checked<T>(given: Vec<Given<String>>, table: &Table<'_>, check: impl Fn(&str) -> Result<T, String>) -> Vec<Given<T>> {
    let checked = given.into_iter().filter_map(|given| match check(&given.value) {
        Ok(value) => Some(Given { value, place: given.place }),
        Err(fault) => {
            table.complaints.add(&given.place, fault);
            None
        }
    });
    checked.collect()
}

/// Reads `[organisation]`.
pub(super) fn organisation(mut table: Table<'_>, claims: &mut Claims) -> Option<Organisation> {
    let name = table.required_text("name", "name = \"Our Co\"");
    let (domains, addresses) = claims.read(&mut table, &Claimant::Ourselves);
    table.finish();
    Some(Organisation { name: name?.value, domains, addresses })
}

/// Reads every `[[partner]]`. Those that are wrong are left out: they are complained of.
pub(super) fn partners(tables: Vec<Table<'_>>, destinations: &[Draft], claims: &mut Claims) -> Vec<Partner> {
    let mut channels = BTreeMap::new();
    tables.into_iter().filter_map(|table| partner(table, destinations, claims, &mut channels)).collect()
}

/// Whose a channel is, by destination and name.
type Channels = BTreeMap<(DestinationName, ChannelName), PartnerName>;

fn partner(mut table: Table<'_>, destinations: &[Draft], claims: &mut Claims, channels: &mut Channels) -> Option<Partner> {
    let name = table.required_text("name", "name = \"Acme\"");
    let claimant = Claimant::Partner(PartnerName::new(name.as_ref().map_or("", |name| &name.value)));
    let (domains, addresses) = claims.read(&mut table, &claimant);
    let trust = if table.flag("trusted").unwrap_or(false) { Trust::ByRule } else { Trust::NeedsApproval };
    let destination = destination(&mut table, destinations);
    let channel = table.text("channel");
    let (complaints, place) = (table.complaints, table.at("channel"));
    table.finish();

    let (name, draft) = (name?.value, destination?);
    let channel = channel.map_or_else(|| draft.channel_of(&name), |channel| channel.value);
    if let Some(fault) = name::channel_fault(&channel) {
        complaints.add(&place, fault);
        return None;
    }
    let partner = Partner {
        name: PartnerName::new(name),
        domains,
        addresses,
        destination: DestinationName::new(&*draft.name.as_ref()?.value),
        channel: ChannelName::new(channel),
        trust,
    };
    let seat = (partner.destination.clone(), partner.channel.clone());
    if let Some(other) = channels.insert(seat, partner.name.clone()) {
        let text = format!("{} is the channel of {other} too: each would read what the other was sent", partner.channel);
        complaints.add(&place, text);
    }
    Some(partner)
}

/// The destination that a table names, or else the first.
pub(super) fn destination<'d>(table: &mut Table<'_>, destinations: &'d [Draft]) -> Option<&'d Draft> {
    let Some(given) = table.text("destination") else { return destinations.first() };
    let names: Vec<_> = destinations.iter().filter_map(|draft| draft.name.as_ref()).map(|name| name.value.as_str()).collect();
    let found = destinations.iter().find(|draft| draft.name.as_ref().is_some_and(|name| name.value == given.value));
    if found.is_none() {
        table.complaints.add(&given.place, format!("there is no destination {:?}{}", given.value, instead(&given.value, &names)));
    }
    found
}
