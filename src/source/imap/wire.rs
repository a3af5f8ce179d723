//! What a connection runs over, and how its bytes are handed on: as they come, by lines, or inflated (RFC 4978).
//!
//! Whoever parses answers reads ahead, and nobody can take from it what it has read. So while COMPRESS is asked for, it is
//! given no byte beyond the end of a line: what follows the line that says OK is compressed, and waits here. A server may
//! send both in one packet.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead as _, AsyncRead, AsyncWrite, BufReader, ReadBuf};

use super::deflate::{Deflation, Inflated};
use crate::source::MAX_MESSAGE_BYTES;

/// The most bytes that the answers to one command may have, inflated: the largest message that is read, from a server that
/// knows no offsets, and what stands around it. Everything else that is asked for is far smaller; but a server that wants to
/// can make a gigabyte of a megabyte that it sends.
pub(super) const MAX_ANSWERS_BYTES: u64 = MAX_MESSAGE_BYTES + 1024 * 1024;

/// How often the wire is read in one go without anything to show for it: blocks that hold nothing are legal, and without end
/// they must not keep the clock of whoever waits from being looked at.
const FRUITLESS_READS: u32 = 64;

/// What an IMAP connection runs over: TCP, or TLS over TCP.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + Sync + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + fmt::Debug> Wire for T {}

/// A wire, and how its bytes are handed on.
#[derive(Debug)]
pub(super) struct Cable {
    wire: BufReader<Box<dyn Wire>>,
    form: Form,
    /// Bytes that were handed on since the last command began.
    answered: u64,
}

#[derive(Debug)]
enum Form {
    /// As they come.
    Plain,
    /// As they come, but in one go never beyond the end of a line.
    Lines,
    /// Inflated, and deflated on the way out.
    Deflated(Deflation),
}

impl Cable {
    /// One that hands on what comes.
    pub(super) fn new(wire: Box<dyn Wire>) -> Self {
        Self { wire: BufReader::new(wire), form: Form::Plain, answered: 0 }
    }

    /// The wire alone. What was read ahead is thrown away.
    pub(super) fn into_wire(self) -> Box<dyn Wire> {
        self.wire.into_inner()
    }

    /// What comes from here on answers another command.
    pub(super) fn begin_command(&mut self) {
        self.answered = 0;
    }

    /// From here on no byte is handed on together with one of the line before it.
    pub(super) fn keep_to_lines(&mut self) {
        self.form = Form::Lines;
    }

    /// Compression was refused: as before.
    pub(super) fn stay_plain(&mut self) {
        self.form = Form::Plain;
    }

    /// From here on both directions are compressed.
    pub(super) fn deflate(&mut self) {
        self.form = Form::Deflated(Deflation::new());
    }
}

impl AsyncRead for Cable {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let cable = &mut *self;
        if cable.answered > MAX_ANSWERS_BYTES {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        let before = into.filled().len();
        let read = match &mut cable.form {
            Form::Plain => Pin::new(&mut cable.wire).poll_read(context, into),
            Form::Lines => read_line(&mut cable.wire, context, into),
            Form::Deflated(deflation) => read_inflated(&mut cable.wire, deflation, context, into),
        };
        cable.answered += (into.filled().len() - before) as u64;
        read
    }
}

/// Hands on what there is, up to the end of the line.
fn read_line(wire: &mut BufReader<Box<dyn Wire>>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    let there = ready!(Pin::new(&mut *wire).poll_fill_buf(context))?;
    let length = there.iter().position(|byte| *byte == b'\n').map_or(there.len(), |end| end + 1).min(into.remaining());
    into.put_slice(there.split_at(length).0);
    Pin::new(wire).consume(length);
    Poll::Ready(Ok(()))
}

/// Hands on what was inflated as soon as there is any, and waits for the wire only where there is none. Never more than is
/// asked for: what is compressed stays so until somebody wants it.
fn read_inflated(
    wire: &mut BufReader<Box<dyn Wire>>,
    deflation: &mut Deflation,
    context: &mut Context<'_>,
    into: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    for _ in 0..FRUITLESS_READS {
        let Inflated { taken, given, is_over } = deflation.inflate(wire.buffer(), into)?;
        Pin::new(&mut *wire).consume(taken);
        if given > 0 || is_over {
            return Poll::Ready(Ok(()));
        }
        if !wire.buffer().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        if ready!(Pin::new(&mut *wire).poll_fill_buf(context))?.is_empty() {
            return Poll::Ready(Ok(()));
        }
    }
    context.waker().wake_by_ref();
    Poll::Pending
}

impl AsyncWrite for Cable {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { wire, form, .. } = &mut *self;
        match form {
            Form::Plain | Form::Lines => Pin::new(wire).poll_write(context, bytes),
            Form::Deflated(deflation) => {
                ready!(write_deflated(wire, deflation, context))?;
                Poll::Ready(deflation.deflate(bytes))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { wire, form, .. } = &mut *self;
        if let Form::Deflated(deflation) = form {
            deflation.end_block()?;
            ready!(write_deflated(wire, deflation, context))?;
        }
        Pin::new(wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

/// Writes all that was deflated.
fn write_deflated(
    wire: &mut BufReader<Box<dyn Wire>>,
    deflation: &mut Deflation,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !deflation.outgoing().is_empty() {
        let written = ready!(Pin::new(&mut *wire).poll_write(context, deflation.outgoing()))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        deflation.sent(written);
    }
    Poll::Ready(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flate2::{Compress, Compression, FlushCompress};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::timeout;

    use super::*;

    /// What a server sends for these bytes, as one block that is flushed.
    fn deflated(compress: &mut Compress, bytes: &[u8]) -> Vec<u8> {
        let mut block = Vec::with_capacity(bytes.len() + 1024);
        compress.compress_vec(bytes, &mut block, FlushCompress::Sync).unwrap();
        block
    }

    fn server() -> Compress {
        Compress::new(Compression::best(), false)
    }

    fn cable() -> (Cable, DuplexStream) {
        let (near, far) = duplex(1 << 20);
        (Cable::new(Box::new(near)), far)
    }

    /// Fails, and does not wait for ever, where what was sent is not handed on.
    async fn soon<T>(reading: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(20), reading).await.expect("nothing comes of what was sent")
    }

    async fn line(cable: &mut Cable) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            assert!(soon(cable.read_buf(&mut line)).await.unwrap() > 0);
        }
        String::from_utf8(line).unwrap()
    }

    /// What comes until the other side closes.
    async fn rest(cable: &mut Cable) -> String {
        let mut rest = String::new();
        soon(cable.read_to_string(&mut rest)).await.unwrap();
        rest
    }

    #[tokio::test]
    async fn what_follows_the_ok_is_inflated_however_the_packets_are_cut() {
        let mut sent = b"* OK a word\r\nF4 OK compressed\r\n".to_vec();
        let plain = sent.len();
        sent.extend(deflated(&mut server(), b"* 3 EXISTS\r\n* 4 EXISTS\r\n"));
        for cut in 0..=sent.len() {
            let (mut cable, mut far) = cable();
            cable.keep_to_lines();
            far.write_all(&sent[..cut]).await.unwrap();
            if cut < plain {
                // The rest comes while it is waited for.
                let late = sent[cut..].to_vec();
                let writing = tokio::spawn(async move {
                    far.write_all(&late).await.unwrap();
                    far
                });
                assert_eq!(line(&mut cable).await, "* OK a word\r\n", "{cut}");
                assert_eq!(line(&mut cable).await, "F4 OK compressed\r\n", "{cut}");
                far = writing.await.unwrap();
            } else {
                assert_eq!(line(&mut cable).await, "* OK a word\r\n", "{cut}");
                assert_eq!(line(&mut cable).await, "F4 OK compressed\r\n", "{cut}");
                far.write_all(&sent[cut..]).await.unwrap();
            }
            cable.deflate();
            drop(far);
            assert_eq!(rest(&mut cable).await, "* 3 EXISTS\r\n* 4 EXISTS\r\n", "{cut}");
        }
    }

    #[tokio::test]
    async fn after_a_refusal_everything_comes_as_it_was_sent() {
        let (mut cable, mut far) = cable();
        cable.keep_to_lines();
        far.write_all(b"F4 NO no\r\n* 3 EXISTS\r\n").await.unwrap();
        drop(far);
        assert_eq!(line(&mut cable).await, "F4 NO no\r\n");
        cable.stay_plain();
        assert_eq!(rest(&mut cable).await, "* 3 EXISTS\r\n");
    }

    #[tokio::test]
    async fn each_flush_is_read_by_the_other_side_and_each_answer_at_once() {
        let (mut cable, far) = cable();
        let mut other = Cable::new(Box::new(far));
        cable.deflate();
        other.deflate();
        let long = "x".repeat(300_000) + "\n";
        for said in ["F5 LIST\r\n", "F6 NOOP\r\n", long.as_str(), "DONE\r\n"] {
            let (from, to) = (&mut cable, &mut other);
            from.write_all(said.as_bytes()).await.unwrap();
            from.flush().await.unwrap();
            assert_eq!(line(to).await, said);
            to.write_all(said.as_bytes()).await.unwrap();
            to.flush().await.unwrap();
            assert_eq!(line(from).await, said);
        }
    }

    #[tokio::test]
    async fn answers_that_inflate_without_end_are_bounded_for_each_command() {
        let (mut cable, mut far) = cable();
        cable.deflate();
        let writing = tokio::spawn(async move {
            let (mut compress, nothing) = (server(), vec![b' '; 1 << 20]);
            while far.write_all(&deflated(&mut compress, &nothing)).await.is_ok() {}
        });
        let mut part = vec![0; 1 << 16];
        for _ in 0..2 {
            cable.begin_command();
            let mut came = 0;
            let error = loop {
                match cable.read(&mut part).await {
                    Ok(read) => came += read as u64,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
            assert!((MAX_ANSWERS_BYTES..=MAX_ANSWERS_BYTES + (1 << 16)).contains(&came), "{came}");
        }
        drop(cable);
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn blocks_that_hold_nothing_do_not_hold_up_the_clock() {
        /// A wire that is never at a loss for words, and says nothing.
        #[derive(Debug)]
        struct Empty;

        impl AsyncRead for Empty {
            fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                // A stored block of no bytes (RFC 1951 3.2.4), as often as it fits.
                let block = [0, 0, 0, 0xFF, 0xFF];
                while into.remaining() >= block.len() {
                    into.put_slice(&block);
                }
                Poll::Ready(Ok(()))
            }
        }

        impl AsyncWrite for Empty {
            fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                Poll::Ready(Ok(bytes.len()))
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }

        let mut cable = Cable::new(Box::new(Empty));
        cable.deflate();
        assert!(timeout(Duration::from_millis(50), cable.read_u8()).await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_deflate_is_an_error_and_the_end_of_a_stream_is_the_end() {
        let (mut cable, mut far) = cable();
        cable.deflate();
        // A block of the type that RFC 1951 3.2.3 reserves.
        far.write_all(&[0b111, 1, 2, 3]).await.unwrap();
        assert_eq!(cable.read_u8().await.unwrap_err().kind(), io::ErrorKind::InvalidData);

        let (mut cable, mut far) = self::cable();
        cable.deflate();
        let mut last = Vec::with_capacity(64);
        server().compress_vec(b"* BYE\r\n", &mut last, FlushCompress::Finish).unwrap();
        far.write_all(&[last, b"more".to_vec()].concat()).await.unwrap();
        assert_eq!(rest(&mut cable).await, "* BYE\r\n");
    }
}
