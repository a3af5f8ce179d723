//! What was odd about a message, said once each.

use super::bounds;

/// The notes of one message: sentences for people, in the order in which they came up.
#[derive(Debug, Default)]
pub(in crate::mail) struct Notes(Vec<String>);

impl Notes {
    /// Adds a note, unless it was said before or there are too many.
    pub(in crate::mail) fn add(&mut self, note: impl Into<String>) {
        let note = note.into();
        if self.0.len() < bounds::NOTES && !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// The notes.
    pub(in crate::mail) fn into_vec(self) -> Vec<String> {
        self.0
    }
}
