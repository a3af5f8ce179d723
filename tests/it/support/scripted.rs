//! A server that knows only bytes: each connection follows its dialogue to the letter, whatever a real server would say.

use std::io;
use std::time::Duration;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// One connection: what the client must say, and what is said to it. It closes at the end.
#[derive(Clone, Default)]
pub(crate) struct Dialogue(Vec<Step>);

#[derive(Clone)]
enum Step {
    Server(Vec<u8>),
    Client(String),
    Continued(String),
    Deflated(Vec<u8>, Vec<u8>),
    Forgotten(Vec<u8>),
    Endless,
    Open,
}

impl Dialogue {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The server sends this; `{tag}` stands for the tag of the client's last command.
    pub(crate) fn server(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Server(bytes.as_ref().to_vec()))
    }

    /// The client must give this command; its tag is left out here.
    pub(crate) fn client(self, command: &str) -> Self {
        self.step(Step::Client(command.to_owned()))
    }

    /// The client must send this line without a tag.
    pub(crate) fn continued(self, line: &str) -> Self {
        self.step(Step::Continued(line.to_owned()))
    }

    /// The server sends this, and from here on both sides deflate what they say (RFC 4978); `early` comes deflated in the same
    /// packet.
    pub(crate) fn deflated(self, answer: &str, early: &str) -> Self {
        self.step(Step::Deflated(answer.into(), early.into()))
    }

    /// The server sends this as it stands, and forgets that it deflates.
    pub(crate) fn forgets(self, bytes: &str) -> Self {
        self.step(Step::Forgotten(bytes.into()))
    }

    /// The server goes on and on until the client closes.
    pub(crate) fn endless(self) -> Self {
        self.step(Step::Endless)
    }

    /// The server leaves the connection open and says nothing more, until the client closes.
    pub(crate) fn stays_open(self) -> Self {
        self.step(Step::Open)
    }

    /// The client must give this command, and the server answers it.
    pub(crate) fn exchange(self, command: &str, answer: impl AsRef<[u8]>) -> Self {
        self.client(command).server(answer)
    }

    /// What follows is said as well.
    pub(crate) fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }
}

/// A running server.
pub(crate) struct Scripted {
    pub(crate) port: u16,
    serving: JoinHandle<()>,
}

impl Scripted {
    /// Serves these connections, one after the other.
    pub(crate) async fn start(dialogues: Vec<Dialogue>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            for (number, dialogue) in (1..).zip(dialogues) {
                let (stream, _) = listener.accept().await.unwrap();
                follow(number, stream, dialogue).await;
            }
        });
        Self { port, serving }
    }

    /// Fails unless every dialogue was followed to its end.
    pub(crate) async fn finish(self) {
        let end = timeout(Duration::from_secs(10), self.serving).await;
        end.expect("the client did not say all that it should have").unwrap();
    }
}

/// The server's end of a connection.
struct Line {
    stream: BufReader<TcpStream>,
    deflation: Option<(Compress, Decompress)>,
    /// What was inflated and not read.
    inflated: Vec<u8>,
}

impl Line {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bytes = self.deflated(bytes);
        self.stream.write_all(&bytes).await
    }

    fn deflated(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some((compress, _)) = &mut self.deflation else { return bytes.to_vec() };
        let mut block = Vec::with_capacity(bytes.len() + 1024);
        compress.compress_vec(bytes, &mut block, FlushCompress::Sync).unwrap();
        block
    }

    async fn read_line(&mut self) -> String {
        let mut line = Vec::new();
        if self.deflation.is_some() {
            line = self.read_inflated().await;
        } else {
            self.stream.read_until(b'\n', &mut line).await.unwrap();
        }
        String::from_utf8(line).unwrap().trim_end_matches("\r\n").to_owned()
    }

    async fn read_inflated(&mut self) -> Vec<u8> {
        let (_, decompress) = self.deflation.as_mut().unwrap();
        while !self.inflated.contains(&b'\n') {
            let read = self.stream.fill_buf().await.unwrap();
            if read.is_empty() {
                break;
            }
            let before = decompress.total_in();
            self.inflated.reserve(1 << 16);
            decompress.decompress_vec(read, &mut self.inflated, FlushDecompress::Sync).unwrap();
            self.stream.consume((decompress.total_in() - before) as usize);
        }
        let end = self.inflated.iter().position(|byte| *byte == b'\n').map_or(self.inflated.len(), |end| end + 1);
        self.inflated.drain(..end).collect()
    }
}

async fn follow(number: u32, stream: TcpStream, dialogue: Dialogue) {
    let mut line = Line { stream: BufReader::new(stream), deflation: None, inflated: Vec::new() };
    let mut tag = String::new();
    for step in dialogue.0 {
        match step {
            Step::Server(bytes) => line.write(&with_tag(&bytes, &tag)).await.unwrap(),
            Step::Client(expected) => {
                let said = line.read_line().await;
                let (its_tag, command) = said.split_once(' ').unwrap_or((&said, ""));
                assert_eq!(command, expected, "connection {number}");
                tag = its_tag.to_owned();
            }
            Step::Continued(expected) => assert_eq!(line.read_line().await, expected, "connection {number}"),
            Step::Deflated(answer, early) => {
                let mut packet = line.deflated(&with_tag(&answer, &tag));
                line.deflation = Some((Compress::new(Compression::best(), false), Decompress::new(false)));
                packet.extend(line.deflated(&early));
                line.stream.write_all(&packet).await.unwrap();
            }
            Step::Forgotten(bytes) => line.stream.write_all(&bytes).await.unwrap(),
            Step::Endless => while line.write(&[b'x'; 1 << 20]).await.is_ok() {},
            Step::Open => {
                let mut rest = Vec::new();
                line.stream.read_to_end(&mut rest).await.unwrap();
                assert!(rest.is_empty(), "connection {number}: {}", String::from_utf8_lossy(&rest));
            }
        }
    }
}

fn with_tag(bytes: &[u8], tag: &str) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace("{tag}", tag).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}
