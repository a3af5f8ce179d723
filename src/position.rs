//! Where in a source a message was seen, and where to go on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name that the configuration gives to a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceName(String);

impl SourceName {
    /// Wraps a name as the configuration gives it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One place in one source at which one message was seen. The same message may have many positions.
///
/// A position never comes to mean another message: a source whose places can be reused (an mbox that is rewritten, an
/// IMAP mailbox whose UIDVALIDITY changes) puts the generation into `place`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The source.
    pub source: SourceName,
    /// The mailbox within it: an IMAP mailbox (decoded), a file or a directory.
    pub mailbox: String,
    /// The place within the mailbox; its form is the source's own (`uidvalidity/uid`, `generation/offset`, a file name).
    pub place: String,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at {}", self.source, self.mailbox, self.place)
    }
}

/// Where to go on in one mailbox: text whose form is the source's own, kept by the ledger in the same transaction as the
/// messages that it covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub String);
