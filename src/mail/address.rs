//! Addresses of correspondents in normal form.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A correspondent as a header names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Correspondent {
    /// The display name, decoded, without control or direction characters; empty where there is none.
    pub name: String,
    /// The address.
    pub address: Address,
}

/// An address in normal form: white space trimmed, the domain in lower case and in ASCII (IDNA A-labels). The local part
/// is left as it was written (RFC 5321 2.4 lets it be case-sensitive); [`Address::folded`] is what comparisons use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// Normalises what a header or a configuration holds. Never fails: what is no address at all is kept as it is,
    /// without control characters, and has no domain.
    pub fn normal(text: &str) -> Self {
        let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
        match text.rsplit_once('@') {
            Some((local, domain)) => Self(format!("{}@{}", local.trim(), normal_domain(domain))),
            None => Self(text),
        }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain; `None` where the text is no address.
    pub fn domain(&self) -> Option<&str> {
        self.0.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
    }

    /// The whole address in lower case: what comparisons use, since no provider in use tells local parts apart by case.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A domain in normal form: lower case, ASCII where it can be (UTS 46), without a trailing dot.
pub fn normal_domain(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    idna::domain_to_ascii(text).unwrap_or_else(|_| text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_lower_case_and_ascii() {
        assert_eq!(Address::normal(" Ann.Lee@ACME.Example. ").as_str(), "Ann.Lee@acme.example");
        assert_eq!(Address::normal("a@Müller.example").as_str(), "a@xn--mller-kva.example");
        assert_eq!(Address::normal("undisclosed-recipients").domain(), None);
    }
}
