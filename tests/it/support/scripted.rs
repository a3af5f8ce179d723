//! A server that knows only bytes: each connection follows its dialogue to the letter, whatever a real server would say.

use std::time::Duration;

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

async fn follow(number: u32, stream: TcpStream, dialogue: Dialogue) {
    let mut stream = BufReader::new(stream);
    let mut tag = String::new();
    for step in dialogue.0 {
        match step {
            Step::Server(bytes) => stream.write_all(&with_tag(&bytes, &tag)).await.unwrap(),
            Step::Client(expected) => {
                let line = read_line(&mut stream).await;
                let (its_tag, command) = line.split_once(' ').unwrap_or((&line, ""));
                assert_eq!(command, expected, "connection {number}");
                tag = its_tag.to_owned();
            }
            Step::Continued(expected) => assert_eq!(read_line(&mut stream).await, expected, "connection {number}"),
            Step::Open => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.unwrap();
                assert!(rest.is_empty(), "connection {number}: {}", String::from_utf8_lossy(&rest));
            }
        }
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await.unwrap();
    String::from_utf8(line).unwrap().trim_end_matches("\r\n").to_owned()
}

fn with_tag(bytes: &[u8], tag: &str) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.replace("{tag}", tag).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}
