//! A window that slides over a stream: what is seen of it stands in one piece in memory.

use std::io::{self, Read};

/// How much is read at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// The bytes from [`Window::offset`] on, as far as they were read.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    bytes: Vec<u8>,
    /// Where in `bytes` the window begins; what is before it is given up at the next read.
    head: usize,
    offset: u64,
    ended: bool,
}

impl<R: Read> Window<R> {
    /// A window at the beginning of `input`, which stands at `offset` of what it belongs to.
    pub(super) fn new(input: R, offset: u64) -> Self {
        Self { input, bytes: Vec::new(), head: 0, offset, ended: false }
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
        self.bytes.drain(..self.head);
        self.head = 0;
        if self.bytes.capacity() > 8 * CHUNK && self.bytes.len() < CHUNK {
            self.bytes.shrink_to(2 * CHUNK);
        }
        let read = self.input.by_ref().take(CHUNK as u64).read_to_end(&mut self.bytes)?;
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
