//! The two streams of COMPRESS=DEFLATE (RFC 4978): raw deflate (RFC 1951) in each direction, without the header of zlib. No
//! input, no output: bytes go in, bytes come out.

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::ReadBuf;

/// The most of our own bytes that is deflated before what came of it is sent. A command has some hundred.
const PART_BYTES: usize = 16 * 1024;

/// Room for what a flush may still hold back.
const ROOM_BYTES: usize = 4 * 1024;

/// Both directions of a connection.
#[derive(Debug)]
pub(super) struct Deflation {
    inflating: Decompress,
    deflating: Compress,
    /// What was deflated and not sent.
    outgoing: Vec<u8>,
    /// Whether something was deflated that the other side could not read yet.
    is_block_open: bool,
}

/// What came of inflating once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inflated {
    /// Bytes of the compressed ones that are done with.
    pub(super) taken: usize,
    /// Bytes that came of them, or of those that were taken before.
    pub(super) given: usize,
    /// Whether the server has ended the stream, after which nothing comes.
    pub(super) is_over: bool,
}

impl Deflation {
    pub(super) fn new() -> Self {
        // What we say is short and alike: more effort would gain nothing.
        let deflating = Compress::new(Compression::fast(), false);
        Self { inflating: Decompress::new(false), deflating, outgoing: Vec::new(), is_block_open: false }
    }

    /// Inflates into what is asked for, no more.
    pub(super) fn inflate(&mut self, compressed: &[u8], into: &mut ReadBuf<'_>) -> io::Result<Inflated> {
        let before = (self.inflating.total_in(), self.inflating.total_out());
        let status = self.inflating.decompress(compressed, into.initialize_unfilled(), FlushDecompress::None);
        let status = status.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let taken = since(before.0, self.inflating.total_in());
        let given = since(before.1, self.inflating.total_out());
        into.advance(given);
        Ok(Inflated { taken, given, is_over: status == Status::StreamEnd })
    }

    /// Deflates a part of these bytes, and says how many.
    pub(super) fn deflate(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = bytes.split_at(bytes.len().min(PART_BYTES)).0;
        let mut rest = part;
        while !rest.is_empty() {
            rest = rest.split_at(self.step(rest, FlushCompress::None)?).1;
        }
        self.is_block_open |= !part.is_empty();
        Ok(part.len())
    }

    /// Has the other side able to read all that was deflated (a sync flush). Nothing is said where nothing is open, however
    /// often it is asked for.
    pub(super) fn end_block(&mut self) -> io::Result<()> {
        while self.is_block_open {
            self.step(&[], FlushCompress::Sync)?;
            // Where room is left, nothing was held back.
            self.is_block_open = self.outgoing.len() == self.outgoing.capacity();
        }
        Ok(())
    }

    fn step(&mut self, bytes: &[u8], flush: FlushCompress) -> io::Result<usize> {
        let before = self.deflating.total_in();
        self.outgoing.reserve(ROOM_BYTES);
        self.deflating.compress_vec(bytes, &mut self.outgoing, flush).map_err(io::Error::other)?;
        Ok(since(before, self.deflating.total_in()))
    }

    /// What was deflated and not sent.
    pub(super) fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    /// So many bytes of it were sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.outgoing.drain(..bytes.min(self.outgoing.len()));
    }
}

/// How far a count has come. What it counts fits into memory.
fn since(before: u64, now: u64) -> usize {
    usize::try_from(now - before).unwrap_or(usize::MAX)
}
