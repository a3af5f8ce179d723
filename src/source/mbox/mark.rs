//! How far an mbox was read, and whether it is still the same file.
//!
//! A program that appends leaves what was read as it was. One that rewrites (a mail program that compacts its folders, a
//! new export over the old one) moves messages to other offsets: then a new generation begins, and everything is read
//! anew under new positions; the ledger knows the messages again by their identity.
//!
//! The last message is a case of its own: the file may have been read while it was written. It is looked at again when
//! the file has grown, and if it has grown, too, it is sent whole, under the next generation.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

use super::reader::MboxEntry;
use crate::mail::Digest;
use crate::position::Checkpoint;

/// How many bytes at the beginning of the file, and before the place where to go on, tell whether it is the same.
const FINGERPRINTED: u64 = 4096;

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
        Self { generation, offset: 0, fingerprint: fingerprint(Digest::of(b""), b""), last: None, unsettled: None }
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

    /// Moves past an entry.
    pub(super) fn pass(&mut self, entry: &MboxEntry, prints: &mut Fingerprints) -> io::Result<()> {
        self.offset = entry.span.end;
        self.fingerprint = prints.before(self.offset)?;
        self.last = Some(Extent::of(entry));
        if entry.unsettled {
            self.unsettled.get_or_insert(Extent::of(entry));
        }
        Ok(())
    }

    /// Moves past an entry that was sent before and has not changed: at most, a blank line was added after it.
    pub(super) fn revisit(&mut self, entry: &MboxEntry, prints: &mut Fingerprints) -> io::Result<()> {
        if entry.span.end > self.offset {
            return self.pass(entry, prints);
        }
        if entry.unsettled {
            self.unsettled.get_or_insert(Extent::of(entry));
        }
        Ok(())
    }
}

/// Takes fingerprints of a file.
#[derive(Debug)]
pub(super) struct Fingerprints {
    file: File,
    /// The digest of the first [`FINGERPRINTED`] bytes, once they were read.
    head: Option<Digest>,
}

impl Fingerprints {
    /// Takes them with its own handle: reading moves it.
    pub(super) fn new(file: File) -> Self {
        Self { file, head: None }
    }

    /// The fingerprint of what stands before `offset`: of its first and last few bytes.
    pub(super) fn before(&mut self, offset: u64) -> io::Result<Digest> {
        let head = match self.head {
            Some(head) if offset >= FINGERPRINTED => head,
            _ => Digest::of(&self.bytes(0, offset.min(FINGERPRINTED))?),
        };
        self.head = (offset >= FINGERPRINTED).then_some(head);
        let tail = offset.min(FINGERPRINTED);
        Ok(fingerprint(head, &self.bytes(offset - tail, tail)?))
    }

    fn bytes(&mut self, start: u64, count: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        self.file.seek(SeekFrom::Start(start))?;
        self.file.by_ref().take(count).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn fingerprint(head: Digest, tail: &[u8]) -> Digest {
    Digest::of_fields(&[head.as_bytes(), tail])
}
