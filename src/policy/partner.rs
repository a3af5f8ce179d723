//! Partners, and which address belongs to whom.

use std::collections::BTreeMap;
use std::fmt;

use super::provider;
use crate::delivery::{ChannelName, DestinationName, PartnerName};
use crate::mail::Address;
use crate::mail::address::normal_domain;

/// Who "we" are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// The name for people.
    pub name: String,
    /// Our domains in normal form; subdomains belong to them.
    pub domains: Vec<String>,
    /// Single addresses of ours, for people of ours on shared mail providers.
    pub addresses: Vec<Address>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party<'a> {
    /// To us.
    Ourselves,
    /// To a partner.
    Partner(&'a Partner),
    /// To nobody that the configuration names.
    Unmapped,
}

/// Who claims a domain or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimant {
    /// We do.
    Ourselves,
    /// A partner does.
    Partner(PartnerName),
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ourselves => f.write_str("our own organisation"),
            Self::Partner(name) => name.fmt(f),
        }
    }
}

/// Why partners cannot be told apart. Each names what has to be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Two partners, or a partner and we, claim one domain or address.
    #[error("{what} belongs to both {first} and {second}: leave it with one of them")]
    Claimed {
        /// The domain or address, in normal form.
        what: String,
        /// Who claimed it first.
        first: Claimant,
        /// Who claims it too.
        second: Claimant,
    },
    /// A shared mail provider is nobody's domain.
    #[error("{domain} is a mail provider that everybody shares: name the people in `addresses` instead")]
    SharedProvider {
        /// The domain, in normal form.
        domain: String,
        /// Who claims it.
        claimant: Claimant,
    },
}

/// All partners, by domain and by address.
#[derive(Clone, Debug)]
pub struct Directory {
    organisation: Organisation,
    partners: Vec<Partner>,
    domains: BTreeMap<String, Owner>,
    addresses: BTreeMap<String, Owner>,
}

/// Whose a domain or an address is; a partner by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Ourselves,
    Partner(usize),
}

impl Directory {
    /// A directory, or everything that is wrong with it. Domains and addresses are brought to normal form.
    ///
    /// # Errors
    /// Every domain or address that is claimed twice, and every shared provider that is claimed by domain.
    pub fn new(organisation: Organisation, partners: Vec<Partner>) -> Result<Self, Vec<DirectoryError>> {
        let mut directory = Self { organisation, partners, domains: BTreeMap::new(), addresses: BTreeMap::new() };
        let mut errors = Vec::new();
        for (owner, domains, addresses) in directory.claims() {
            for domain in domains {
                errors.extend(directory.claim_domain(&domain, owner).err());
            }
            for address in addresses {
                errors.extend(directory.claim_address(&address, owner).err());
            }
        }
        if errors.is_empty() { Ok(directory) } else { Err(errors) }
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

    /// To whom an address belongs: single addresses first, then the longest domain that it is in.
    pub fn party(&self, address: &Address) -> Party<'_> {
        let named = self.addresses.get(&address.folded()).copied();
        let owner = named.or_else(|| Some(self.owning_domain(address.domain()?)?.1));
        match owner {
            Some(Owner::Ourselves) => Party::Ourselves,
            Some(Owner::Partner(index)) => self.partners.get(index).map_or(Party::Unmapped, Party::Partner),
            None => Party::Unmapped,
        }
    }

    /// The longest claimed domain that `domain` is or lies in: what the configuration calls one organisation's own.
    pub fn claimed_domain(&self, domain: &str) -> Option<&str> {
        self.owning_domain(&normal_domain(domain)).map(|(claimed, _)| claimed)
    }

    /// Every claimed domain in normal form, and who claims it.
    pub fn claimed_domains(&self) -> impl Iterator<Item = (&str, Claimant)> {
        self.domains.iter().map(|(domain, owner)| (domain.as_str(), self.claimant(*owner)))
    }

    fn owning_domain(&self, domain: &str) -> Option<(&str, Owner)> {
        itself_and_parents(domain)
            .find_map(|domain| self.domains.get_key_value(domain))
            .map(|(domain, owner)| (domain.as_str(), *owner))
    }

    /// Everything that is claimed, ours first, then the partners' in order.
    fn claims(&self) -> Vec<(Owner, Vec<String>, Vec<Address>)> {
        let ours = (Owner::Ourselves, self.organisation.domains.clone(), self.organisation.addresses.clone());
        let theirs = self.partners.iter().enumerate();
        let theirs = theirs.map(|(index, partner)| (Owner::Partner(index), partner.domains.clone(), partner.addresses.clone()));
        std::iter::once(ours).chain(theirs).collect()
    }

    fn claim_domain(&mut self, domain: &str, owner: Owner) -> Result<(), DirectoryError> {
        let domain = normal_domain(domain);
        if provider::is_shared(&domain) {
            return Err(DirectoryError::SharedProvider { domain, claimant: self.claimant(owner) });
        }
        let first = *self.domains.entry(domain.clone()).or_insert(owner);
        self.sole_owner(domain, first, owner)
    }

    fn claim_address(&mut self, address: &Address, owner: Owner) -> Result<(), DirectoryError> {
        let folded = Address::normal(address.as_str()).folded();
        let first = *self.addresses.entry(folded.clone()).or_insert(owner);
        self.sole_owner(folded, first, owner)
    }

    /// One party may claim a thing twice: that is untidy but clear.
    fn sole_owner(&self, what: String, first: Owner, second: Owner) -> Result<(), DirectoryError> {
        if first == second {
            return Ok(());
        }
        Err(DirectoryError::Claimed { what, first: self.claimant(first), second: self.claimant(second) })
    }

    fn claimant(&self, owner: Owner) -> Claimant {
        match owner {
            Owner::Ourselves => Claimant::Ourselves,
            Owner::Partner(index) => {
                self.partners.get(index).map_or(Claimant::Ourselves, |partner| Claimant::Partner(partner.name.clone()))
            }
        }
    }
}

/// `mail.acme.example`, `acme.example`, `example`.
fn itself_and_parents(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, parent)| parent))
}
