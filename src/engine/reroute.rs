//! Messages of earlier runs, and partners that the configuration names only now.

use super::World;
use crate::ledger::{Bound, End};
use crate::mail::{Digest, MessageKey};
use crate::policy::{Party, Route, route_of};

/// Messages that are rerouted in one transaction.
const MAX_BATCH: usize = 512;

impl World {
    /// Where the partners changed since the last run: takes the messages of earlier runs to those that are new. Returns
    /// how many messages got a new way.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub(super) fn reroute(&self) -> anyhow::Result<u64> {
        let routing = self.routing();
        if self.ledger.routing()? == Some(routing) {
            return Ok(0);
        }
        let mut routes: Vec<(MessageKey, Vec<Bound>)> = Vec::new();
        self.ledger.each_message(|key, record| {
            if !matches!(record.end, End::Held(_)) {
                let bound_for = self.bound_for(&route_of(&self.config.directory, record.audience.iter()));
                if bound_for.len() > record.crossings.len() {
                    routes.push((key, bound_for));
                }
            }
            Ok(())
        })?;
        let mut rerouted = 0;
        for batch in routes.chunks(MAX_BATCH) {
            rerouted += self.ledger.reroute(batch)?;
        }
        self.ledger.routed_by(&routing)?;
        Ok(rerouted)
    }

    /// The channels of a route.
    pub(super) fn bound_for(&self, route: &Route) -> Vec<Bound> {
        let Route::Partners(names) = route else { return Vec::new() };
        let partners = names.iter().filter_map(|name| self.config.directory.partner(name));
        let bound = partners.map(|partner| Bound {
            partner: partner.name.clone(),
            destination: partner.destination.clone(),
            channel: partner.channel.clone(),
        });
        bound.collect()
    }

    /// What decides who belongs to whom, as a digest.
    fn routing(&self) -> Digest {
        let directory = &self.config.directory;
        let mut fields: Vec<&[u8]> = vec![b"routing"];
        fields.extend(directory.organisation().domains.iter().map(|domain| domain.as_bytes()));
        for partner in directory.partners() {
            fields.push(b"partner");
            fields.push(partner.name.as_str().as_bytes());
            fields.extend(partner.domains.iter().map(|domain| domain.as_bytes()));
            fields.extend(partner.addresses.iter().map(|address| address.as_str().as_bytes()));
        }
        Digest::of_fields(&fields)
    }

    /// Whether an address belongs to nobody that the configuration names.
    pub(super) fn is_outsider(&self, address: &crate::mail::Address) -> bool {
        self.config.directory.party(address) == Party::Unmapped
    }
}
