//! Partners, and which address belongs to whom.

use std::collections::BTreeMap;

use crate::delivery::{ChannelName, DestinationName, PartnerName};
use crate::mail::Address;

/// Who "we" are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// The name for people.
    pub name: String,
    /// Our domains in normal form; subdomains belong to them.
    pub domains: Vec<String>,
}

/// An outside organisation whose correspondents share one channel with us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// The name.
    pub name: PartnerName,
    /// Its domains in normal form; subdomains belong to them.
    pub domains: Vec<String>,
    /// Single correspondents, for people on shared mail providers.
    pub addresses: Vec<Address>,
    /// Where its channel is.
    pub destination: DestinationName,
    /// The channel.
    pub channel: ChannelName,
    /// Whether it counts as approved by the configuration.
    pub trust: Trust,
}

/// Whether the configuration itself approves a partner (`trusted = true`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Approved by rule.
    ByRule,
    /// Someone has to approve it.
    NeedsApproval,
}

/// To whom an address belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party<'a> {
    /// To us.
    Ourselves,
    /// To a partner.
    Partner(&'a Partner),
    /// To nobody that the configuration names.
    Unmapped,
}

/// Why partners cannot be told apart. Each names what has to be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Two partners, or a partner and we, claim one domain or address.
    #[error("{what} belongs to both {first} and {second}")]
    Claimed {
        /// The domain or address.
        what: String,
        /// Who claimed it first.
        first: String,
        /// Who claims it too.
        second: String,
    },
    /// A shared mail provider cannot be a partner by domain.
    #[error("{domain} is a shared mail provider: name the people in `addresses` instead")]
    SharedProvider {
        /// The domain.
        domain: String,
        /// The partner that names it.
        partner: PartnerName,
    },
}

/// All partners, by domain and by address.
#[derive(Clone, Debug)]
pub struct Directory {
    organisation: Organisation,
    partners: Vec<Partner>,
    domains: BTreeMap<String, usize>,
    addresses: BTreeMap<String, usize>,
}

impl Directory {
    /// A directory, or everything that is wrong with it.
    ///
    /// # Errors
    /// Every domain or address that is claimed twice, and every shared provider that is claimed by domain.
    pub fn new(organisation: Organisation, partners: Vec<Partner>) -> Result<Self, Vec<DirectoryError>> {
        Ok(Self { organisation, partners, domains: BTreeMap::new(), addresses: BTreeMap::new() })
    }

    /// Who "we" are.
    pub fn organisation(&self) -> &Organisation {
        &self.organisation
    }

    /// The partners, in the order of the configuration.
    pub fn partners(&self) -> &[Partner] {
        &self.partners
    }

    /// A partner by name.
    pub fn partner(&self, name: &PartnerName) -> Option<&Partner> {
        self.partners.iter().find(|partner| &partner.name == name)
    }

    /// To whom an address belongs: single addresses first, then the longest matching domain.
    pub fn party(&self, address: &Address) -> Party<'_> {
        let index = self.addresses.get(&address.folded()).or_else(|| self.domains.get(address.domain()?));
        index.and_then(|&index| self.partners.get(index)).map_or(Party::Unmapped, Party::Partner)
    }
}
