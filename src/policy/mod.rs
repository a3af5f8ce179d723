//! Who a correspondent is, and what may be said where. Pure.

mod byline;
pub mod gate;
mod partner;
mod provider;
mod route;

pub use self::byline::byline;
pub use self::partner::{Claimant, Directory, DirectoryError, Organisation, Partner, Party, Trust};
pub use self::route::{Route, route, route_of};

use serde::{Deserialize, Serialize};

use self::gate::Loops;

/// The rules of the `[policy]` table, and what belongs to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether a partner's channel opens only once someone has approved it.
    pub approval: Approvals,
    /// Whether nothing is posted for a partner without a valid NDA record.
    pub nda: NdaRule,
    /// The largest attachment that is carried, in bytes.
    pub max_attachment_bytes: u64,
    /// What is done with mail of programs.
    pub loops: Loops,
}

/// Whether a partner needs an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approvals {
    /// Only approved (or trusted) partners' channels open.
    Required,
    /// Every partner of the configuration counts as approved.
    NotRequired,
}

/// Whether a partner needs an NDA record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NdaRule {
    /// It does.
    Required,
    /// It does not.
    NotRequired,
}

/// What is done with mail whose From no trusted Authentication-Results vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnverifiedSenders {
    /// It passes.
    Allow,
    /// It waits for a person.
    Hold,
}
