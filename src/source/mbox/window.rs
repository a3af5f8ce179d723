//! A window that slides over a stream: what is seen of it stands in one piece in memory.

use std::io::{self, Read, Seek, SeekFrom};

/// How much is read at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// How many bytes of what was passed are remembered, of the beginning of the file and before the window.
pub(super) const REMEMBERED: usize = 4096;

/// What stands before some place of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    /// The place.
    pub(super) offset: u64,
    /// The first bytes of the file, at most [`REMEMBERED`] and none from `offset` on.
    pub(super) beginning: Vec<u8>,
    /// The bytes before `offset`, as many.
    pub(super) before: Vec<u8>,
}

impl Past {
    /// Reads what stands before `offset` now; moves the file.
    pub(super) fn read(file: &mut (impl Read + Seek), offset: u64) -> io::Result<Self> {
        let count = offset.min(REMEMBERED as u64);
        let mut bytes = |start| -> io::Result<Vec<u8>> {
            let mut bytes = Vec::with_capacity(REMEMBERED);
            file.seek(SeekFrom::Start(start))?;
            file.by_ref().take(count).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        Ok(Self { offset, beginning: bytes(0)?, before: bytes(offset - count)? })
    }
}

/// The bytes from [`Window::offset`] on, as far as they were read.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    bytes: Vec<u8>,
    /// Where in `bytes` the window begins; of what is before it, the last [`REMEMBERED`] bytes outlive the next read.
    head: usize,
    offset: u64,
    ended: bool,
    /// The first bytes of the file.
    beginning: Vec<u8>,
}

impl<R: Read> Window<R> {
    /// A window at the beginning of `input`, before which `past` stands in the file.
    pub(super) fn new(input: R, past: Past) -> Self {
        let Past { offset, beginning, before } = past;
        Self { input, head: before.len(), bytes: before, offset, ended: false, beginning }
    }

    /// What stands before the window, as it was read.
    pub(super) fn past(&self) -> Past {
        let remembered = self.bytes.get(self.head.saturating_sub(REMEMBERED)..self.head).unwrap_or_default();
        let known = usize::try_from(self.offset).unwrap_or(REMEMBERED);
        let beginning = self.beginning.get(..known).unwrap_or(&self.beginning);
        Past { offset: self.offset, beginning: beginning.to_vec(), before: remembered.to_vec() }
    }

    /// What is seen.
    pub(super) fn view(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// Where the window begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the view reaches to the end of the stream.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Moves the beginning forward over `count` bytes of the view.
    pub(super) fn pass(&mut self, count: usize) {
        let count = count.min(self.view().len());
        self.head += count;
        self.offset += count as u64;
    }

    /// Reads one more chunk.
    pub(super) fn grow(&mut self) -> io::Result<()> {
        let forgotten = self.head.saturating_sub(REMEMBERED);
        self.bytes.drain(..forgotten);
        self.head -= forgotten;
        if self.bytes.capacity() > 8 * CHUNK && self.bytes.len() < CHUNK {
            self.bytes.shrink_to(2 * CHUNK);
        }
        let read = self.input.by_ref().take(CHUNK as u64).read_to_end(&mut self.bytes)?;
        let fresh = self.bytes.get(self.bytes.len() - read..).unwrap_or_default();
        let missing = REMEMBERED.saturating_sub(self.beginning.len());
        self.beginning.extend_from_slice(fresh.get(..missing).unwrap_or(fresh));
        self.ended = read < CHUNK;
        Ok(())
    }

    /// Reads until `count` bytes are seen, or the end.
    pub(super) fn reach(&mut self, count: usize) -> io::Result<()> {
        while self.view().len() < count && !self.ended {
            self.grow()?;
        }
        Ok(())
    }
}
