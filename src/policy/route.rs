//! Where a message may go: the audience rule.

use crate::delivery::{PartnerName, Reason};
use crate::mail::{Address, Message};

use super::Directory;

/// Where a message goes, by who stands in its From, To and Cc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the channel of each of these partners, each once, in the order of the configuration.
    Partners(Vec<PartnerName>),
    /// Nobody but ourselves is on it: never posted.
    Internal,
    /// Outsiders are on it, but none of a partner: never posted, counted.
    Unmapped(Vec<Address>),
    /// Nobody at all can be read from it: a person must look.
    Unreadable(Reason),
}

/// The route of a message.
pub fn route(_directory: &Directory, _message: &Message) -> Route {
    Route::Internal
}
