//! How far an mbox was read, and whether it is still the same file.
//!
//! A program that appends leaves what was read as it was. One that rewrites (a mail program that compacts its folders, a
//! new export over the old one) moves messages to other offsets: then a new generation begins, and everything is read
//! anew under new positions; the ledger knows the messages again by their identity.
//!
//! The last message is a case of its own: the file may have been read while it was written. It is looked at again when
//! the file has grown, and if it has grown, too, it is sent whole, under the next generation.

use serde::{Deserialize, Serialize};

use super::reader::MboxEntry;
use super::window::{Past, REMEMBERED};
use crate::mail::Digest;
use crate::position::Checkpoint;

/// Where one message stands: its `From ` line and the end of its text, in bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Extent {
    pub(super) fn of(entry: &MboxEntry) -> Self {
        Self { start: entry.span.start, end: entry.text_end }
    }
}

/// The content of an mbox's checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Counts how often places changed their meaning.
    pub(super) generation: u64,
    /// The generation in which the file was last read from its beginning.
    #[serde(default)]
    pub(super) since: u64,
    /// Where to go on.
    pub(super) offset: u64,
    /// What the bytes before `offset` look like.
    pub(super) fingerprint: Digest,
    /// The last message before `offset`.
    pub(super) last: Option<Extent>,
    /// The first message whose Content-Length promised more than the file held.
    pub(super) unsettled: Option<Extent>,
}

impl Mark {
    /// The mark of a generation of which nothing was read yet.
    pub(super) fn start(generation: u64) -> Self {
        let fingerprint = fingerprint(Digest::of(b""), b"");
        Self { generation, since: generation, offset: 0, fingerprint, last: None, unsettled: None }
    }

    /// Reads a checkpoint; `None` where it is not of this form.
    pub(super) fn read(checkpoint: &Checkpoint) -> Option<Self> {
        serde_json::from_str(&checkpoint.0).ok()
    }

    /// The checkpoint as text.
    pub(super) fn write(&self) -> Result<Checkpoint, serde_json::Error> {
        serde_json::to_string(self).map(Checkpoint)
    }

    /// Where reading has to begin again once the file has grown: at the first message that may have grown with it.
    pub(super) fn resume_at(&self) -> u64 {
        self.unsettled.or(self.last).map_or(self.offset, |extent| extent.start)
    }

    /// Whether an entry that is read again is one that was sent before, and has not changed since.
    pub(super) fn covers(&self, entry: &MboxEntry) -> bool {
        let now = Extent::of(entry);
        match [self.unsettled, self.last].into_iter().flatten().find(|then| then.start == now.start) {
            Some(then) => then == now,
            None => self.last.is_some_and(|last| entry.span.end <= last.start),
        }
    }

    /// Moves past an entry, with the fingerprint of what stands before its end.
    pub(super) fn pass(&mut self, entry: &MboxEntry, fingerprint: Digest) {
        self.offset = entry.span.end;
        self.fingerprint = fingerprint;
        self.last = Some(Extent::of(entry));
        if entry.unsettled {
            self.unsettled.get_or_insert(Extent::of(entry));
        }
    }

    /// Moves past an entry that was sent before and has not changed: at most, a blank line was added after it.
    pub(super) fn revisit(&mut self, entry: &MboxEntry, fingerprint: impl FnOnce() -> Digest) {
        if entry.span.end > self.offset {
            self.pass(entry, fingerprint());
        } else if entry.unsettled {
            self.unsettled.get_or_insert(Extent::of(entry));
        }
    }
}

/// Takes fingerprints of a file: of its beginning, and of what stands before some place. It takes them of what was read,
/// not of what stands there now: another program may have rewritten the file in between.
///
/// What changes in the middle and moves nothing, such as a status flag that a mail program sets in place, goes unnoticed,
/// as it should.
#[derive(Debug, Default)]
pub(super) struct Fingerprints {
    /// The digest of the beginning, once all of it was read.
    beginning: Option<Digest>,
}

impl Fingerprints {
    /// The fingerprint of what was passed.
    pub(super) fn of(&mut self, past: &Past) -> Digest {
        if past.beginning.len() < REMEMBERED {
            return fingerprint(Digest::of(&past.beginning), &past.before);
        }
        let beginning = *self.beginning.get_or_insert_with(|| Digest::of(&past.beginning));
        fingerprint(beginning, &past.before)
    }
}

fn fingerprint(beginning: Digest, before: &[u8]) -> Digest {
    Digest::of_fields(&[beginning.as_bytes(), before])
}
