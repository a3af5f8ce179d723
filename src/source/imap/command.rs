//! One command and its answer. The only file that reads from a connection.
//!
//! async-imap's own calls end a stream of answers without an error when the server says NO or BAD or closes the
//! connection, which reads as "nothing there" (async-imap #95; chatmail/core #5009 lost mail by it). So nothing here but
//! raw answers, up to the tagged OK of the very command that was given. imap-proto can panic on what servers send
//! (`INTERNALDATE NIL`; a response code before non-ASCII text); a panic while reading ends this connection and no other.

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_imap::Client;
use async_imap::imap_proto::{MailboxDatum, Outcome, Response, Status};
use futures_util::FutureExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::failure::{Failure, said};
use super::idle::Event;
use super::objects::Objects;
use super::wire::{Cable, MAX_ANSWERS_BYTES, Wire};

/// One command, without its tag. Never printed: it may hold the password.
pub(super) struct Command {
    line: Vec<u8>,
    /// What is sent each time that the server asks for more (`+`): literals, or the answer to a challenge.
    continued: Vec<Vec<u8>>,
}

impl Command {
    /// A command of one line.
    pub(super) fn new(line: impl Into<Vec<u8>>) -> Self {
        Self { line: line.into(), continued: Vec::new() }
    }

    /// Adds what is sent at the server's next `+`.
    pub(super) fn then(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.continued.push(line.into());
        self
    }
}

/// How a server greets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// It wants a login.
    Stranger,
    /// It knows us already (PREAUTH).
    Known,
}

/// A connection that is used for one command at a time. After [`Failure::Lost`] it must be dropped.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client<Cable>,
    commands: u32,
    expunged: u64,
    /// Messages in the open mailbox, where the server has said so.
    held: Option<u32>,
    arrivals: u64,
    objects: Objects,
    answer_limit: Duration,
    command_limit: Duration,
}

/// What one answer means for the command that waits for it.
enum Step {
    /// It is one of the command's answers, or nobody's.
    Answer,
    /// The server says how many messages the open mailbox holds.
    Held(u32),
    /// The server says that a message is gone.
    Expunged,
    /// The server asks for what continues the command.
    More,
    /// The command is over.
    End(Result<(), Failure>),
}

impl Connection {
    /// A connection over an open wire to an account whose messages have these names; each answer may take `answer_limit`,
    /// each command `command_limit`.
    pub(super) fn new(wire: Box<dyn Wire>, objects: Objects, answer_limit: Duration, command_limit: Duration) -> Self {
        let client = Client::new(Cable::new(wire));
        Self { client, commands: 0, expunged: 0, held: None, arrivals: 0, objects, answer_limit, command_limit }
    }

    /// What the account calls its messages.
    pub(super) fn objects(&self) -> Objects {
        self.objects
    }

    /// From here on its messages have these names.
    pub(super) fn name_objects(&mut self, objects: Objects) {
        self.objects = objects;
    }

    /// From here on each answer may take `answer_limit`.
    pub(super) fn wait_for_answers(&mut self, answer_limit: Duration) {
        self.answer_limit = answer_limit;
    }

    /// How many messages the server said that it has expunged, of whatever mailbox was open then.
    pub(super) fn expunged(&self) -> u64 {
        self.expunged
    }

    /// Another mailbox is about to be opened: what is said of messages is said of it.
    pub(super) fn opens_another(&mut self) {
        self.held = None;
    }

    /// How many messages the open mailbox holds, as far as the server has said.
    pub(super) fn held(&self) -> Option<u32> {
        self.held
    }

    /// How often the server said, in answers to whatever command, that an open mailbox holds more than it did.
    pub(super) fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// The wire alone, for TLS to begin. What was read ahead is thrown away: it came before TLS and cannot be trusted.
    pub(super) fn into_wire(self) -> Box<dyn Wire> {
        self.client.into_inner().into_wire()
    }

    /// Has both directions compressed from here on (RFC 4978). `No` and `Bad` say that they are not, and that all goes on.
    pub(super) async fn compress(&mut self) -> Result<(), Failure> {
        self.client.get_mut().keep_to_lines();
        let asked = self.run(Command::new("COMPRESS DEFLATE"), |_| {}).await;
        let cable = self.client.get_mut();
        if asked.is_ok() {
            cable.deflate()
        } else {
            cable.stay_plain()
        }
        asked
    }

    /// Reads the greeting.
    pub(super) async fn greeting(&mut self) -> Result<Greeting, Failure> {
        self.read(|answer| {
            let Response::Data { status, outcome } = answer else {
                return Err(Failure::Lost("what answers there does not greet as an IMAP server".to_owned()));
            };
            match status {
                Status::Ok => Ok(Greeting::Stranger),
                Status::PreAuth => Ok(Greeting::Known),
                Status::No | Status::Bad | Status::Bye => Err(goodbye(outcome)),
            }
        })
        .await?
    }

    /// Runs one command. `on_answer` sees every untagged answer, also those that belong to nothing.
    ///
    /// `Ok` says that the server ended *this* command with OK; nothing else does.
    pub(super) async fn run<F>(&mut self, command: Command, on_answer: F) -> Result<(), Failure>
    where
        F: FnMut(&Response<'_>) + Send,
    {
        let limit = self.command_limit;
        match timeout(limit, self.converse(command, on_answer)).await {
            Ok(end) => end,
            Err(_) => Err(Failure::Lost(format!("the answer did not end within {limit:?}"))),
        }
    }

    async fn converse<F>(&mut self, command: Command, mut on_answer: F) -> Result<(), Failure>
    where
        F: FnMut(&Response<'_>) + Send,
    {
        let tag = self.begin(&command.line).await?;
        let mut continued = command.continued.into_iter();
        loop {
            let step = self.read(|answer| {
                let step = step(answer, &tag);
                if let Step::Answer | Step::Held(_) | Step::Expunged = step {
                    on_answer(answer);
                }
                step
            });
            match step.await? {
                Step::Answer => {}
                Step::Held(count) => self.hold(count),
                Step::Expunged => self.lose_one(),
                Step::End(end) => return end,
                Step::More => {
                    let line =
                        continued.next().ok_or_else(|| Failure::Lost("the server asks for more than there is".to_owned()))?;
                    self.send(&line).await?;
                }
            }
        }
    }

    /// Sends a command and returns its tag. Its answers have to be listened to, to the end, before the next.
    pub(super) async fn begin(&mut self, line: impl AsRef<[u8]>) -> Result<String, Failure> {
        self.commands = self.commands.wrapping_add(1);
        let tag = format!("F{}", self.commands);
        self.client.get_mut().begin_command();
        self.send([tag.as_bytes(), b" ", line.as_ref()].concat()).await?;
        Ok(tag)
    }

    /// Listens for one answer to a command that was begun, for so long.
    pub(super) async fn listen(&mut self, tag: &str, limit: Duration) -> Event {
        let hear = |answer: &Response<'_>| match step(answer, tag) {
            Step::More => Event::Continued,
            Step::Expunged => Event::Expunged,
            Step::End(end) => Event::Ended(end),
            Step::Held(count) => Event::Exists(count),
            Step::Answer => Event::Other,
        };
        let heard = self.read_within(limit, hear).await;
        let event = heard.map_or_else(|failure| Event::Ended(Err(failure)), |event| event.unwrap_or(Event::Silence));
        match event {
            Event::Exists(count) => self.hold(count),
            Event::Expunged => self.lose_one(),
            Event::Continued | Event::Other | Event::Silence | Event::Ended(_) => {}
        }
        event
    }

    fn hold(&mut self, count: u32) {
        if self.held.is_some_and(|held| count > held) {
            self.arrivals += 1;
        }
        self.held = Some(count);
    }

    fn lose_one(&mut self) {
        self.expunged += 1;
        self.held = self.held.map(|held| held.saturating_sub(1));
    }

    /// Sends one line.
    pub(super) async fn send(&mut self, line: impl AsRef<[u8]>) -> Result<(), Failure> {
        let line = [line.as_ref(), b"\r\n"].concat();
        let wire = self.client.get_mut();
        let writing = async {
            wire.write_all(&line).await?;
            wire.flush().await
        };
        match timeout(self.answer_limit, writing).await {
            Ok(written) => written.map_err(|error| Failure::Lost(broken_wire(&error))),
            Err(_) => Err(Failure::Lost(format!("the server took nothing for {:?}", self.answer_limit))),
        }
    }

    /// Reads one answer and gives it to `sort`.
    async fn read<T>(&mut self, sort: impl FnOnce(&Response<'_>) -> T + Send) -> Result<T, Failure> {
        let limit = self.answer_limit;
        self.read_within(limit, sort).await?.ok_or_else(|| Failure::Lost(format!("the server was silent for {limit:?}")))
    }

    /// The same for as long as it is said; `None` where nothing came. What had come of an answer by then is kept.
    async fn read_within<T>(
        &mut self,
        limit: Duration,
        sort: impl FnOnce(&Response<'_>) -> T + Send,
    ) -> Result<Option<T>, Failure> {
        // Unwind safe because a connection that panicked is never used again: see the type's promise.
        let reading = AssertUnwindSafe(self.client.read_response()).catch_unwind();
        match timeout(limit, reading).await {
            Ok(Ok(Ok(Some(answer)))) => Ok(Some(sort(answer.parsed()))),
            Ok(Ok(Ok(None))) => Err(Failure::Lost("the server closed the connection".to_owned())),
            Ok(Ok(Err(error))) => Err(Failure::Lost(broken_wire(&error))),
            Ok(Err(_panic)) => Err(Failure::Lost("the server sent what cannot be understood".to_owned())),
            Err(_) => Ok(None),
        }
    }
}

fn step(answer: &Response<'_>, tag: &str) -> Step {
    if let Response::Expunge(_) = answer {
        return Step::Expunged;
    }
    if let Response::MailboxData(MailboxDatum::Exists(count)) = answer {
        return Step::Held(*count);
    }
    if let Response::Continue(_) = answer {
        return Step::More;
    }
    if let Response::Data { status: Status::Bye, outcome } = answer {
        return Step::End(Err(goodbye(outcome)));
    }
    let Response::Done { tag: answered, status, outcome } = answer else { return Step::Answer };
    if answered.0 != tag {
        return Step::End(Err(Failure::Lost("the server answers what was not asked".to_owned())));
    }
    Step::End(match status {
        Status::Ok => Ok(()),
        Status::No => Err(Failure::No(said(outcome.information.as_deref()))),
        Status::Bad => Err(Failure::Bad(said(outcome.information.as_deref()))),
        Status::PreAuth | Status::Bye => Err(goodbye(outcome)),
    })
}

fn goodbye(outcome: &Outcome<'_>) -> Failure {
    Failure::Lost(format!("the server ended the connection: {}", said(outcome.information.as_deref())))
}

/// The words for a failed read or write. async-imap puts all that it has read into the text of a parse error, mail and
/// addresses included, so the text is never used.
fn broken_wire(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::UnexpectedEof {
        "the server closed the connection in the middle of an answer".to_owned()
    } else if kind == io::ErrorKind::FileTooLarge {
        format!("the server answered one command by more than {MAX_ANSWERS_BYTES} bytes")
    } else if matches!(kind, io::ErrorKind::Other | io::ErrorKind::InvalidData) {
        "the server sent what cannot be understood".to_owned()
    } else {
        format!("the connection broke: {kind}")
    }
}
