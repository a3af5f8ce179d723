//! What an origin holds now, counted against what is known of it: the proof that nothing was missed.

use super::{Known, SourceError};
use crate::position::Position;

/// How many positions that are not known are named for one mailbox: enough to look some of them up by hand.
pub const MAX_NAMED: usize = 20;

/// What a mailbox holds now, against what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// The mailbox.
    pub mailbox: String,
    /// Messages that it holds.
    pub held: u64,
    /// Of these, messages at positions that are not known.
    pub unknown: u64,
    /// The first of these positions, at most [`MAX_NAMED`].
    pub examples: Vec<Position>,
}

/// One mailbox as far as it could be counted: its census, or its name and why there is none.
pub type Counted = Result<Census, (String, SourceError)>;

impl Census {
    /// The census of a mailbox of which nothing was counted yet.
    pub(super) fn new(mailbox: impl Into<String>) -> Self {
        Self { mailbox: mailbox.into(), held: 0, unknown: 0, examples: Vec::new() }
    }

    /// Counts a message by whether its position is known.
    pub(super) fn count(&mut self, position: Position, known: &dyn Known) {
        if known.has(&position) {
            self.count_known();
        } else {
            self.count_unknown(position);
        }
    }

    /// Counts a message whose position is known.
    pub(super) fn count_known(&mut self) {
        self.held += 1;
    }

    /// Counts a message whose position is not known.
    pub(super) fn count_unknown(&mut self, position: Position) {
        self.held += 1;
        self.unknown += 1;
        if self.examples.len() < MAX_NAMED {
            self.examples.push(position);
        }
    }
}
