//! What a person who watches a run is shown. The engine tells; the command line draws.

use crate::position::SourceName;

/// What the engine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the sources.
    Ingest,
    /// Posting.
    Deliver,
    /// Making what was posted ready to be read.
    Publish,
    /// Following the sources and posting what arrives.
    Mirror,
    /// Deleting posts.
    Undo,
    /// Comparing the ledger with the world.
    Compare,
}

/// Someone who watches. Every method may be called from any thread, and returns at once.
pub trait Watch: Send + Sync {
    /// A stage begins.
    fn stage(&self, stage: Stage);
    /// So much of a mailbox is still to come, where the source knows.
    fn expected(&self, source: &SourceName, mailbox: &str, messages: Option<u64>, bytes: Option<u64>);
    /// So much was admitted.
    fn ingested(&self, messages: u64, bytes: u64);
    /// So many messages wait for delivery in a channel.
    fn to_deliver(&self, messages: u64);
    /// A message is done in a channel: delivered, held or dropped.
    fn crossed(&self);
    /// Something that a person should know at once.
    fn say(&self, text: &str);
}

/// Nobody watches.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Watch for Nobody {
    fn stage(&self, _stage: Stage) {}
    fn expected(&self, _source: &SourceName, _mailbox: &str, _messages: Option<u64>, _bytes: Option<u64>) {}
    fn ingested(&self, _messages: u64, _bytes: u64) {}
    fn to_deliver(&self, _messages: u64) {}
    fn crossed(&self) {}
    fn say(&self, _text: &str) {}
}
