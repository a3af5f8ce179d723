//! A small IMAP server that answers what it is asked, and fails where it is told to: at a byte, at a command, once or always.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What goes wrong on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It closes after so many bytes.
    Cut(usize),
    /// The answer to this command is another, `{tag}` standing for its tag; the greeting is command 0.
    Answer(usize, &'static str),
    /// The answer to this command never comes.
    Silence(usize),
}

/// One mailbox and how it answers.
pub(crate) struct Office {
    pub(crate) uid_validity: u32,
    /// The UIDs and messages.
    pub(crate) messages: Vec<(u32, Vec<u8>)>,
    /// UIDNEXT, where it is not one more than the highest UID.
    pub(crate) uid_next: Option<u32>,
    /// A message whose answers cannot be understood.
    pub(crate) poisonous: Option<u32>,
    /// Messages that SEARCH does not name.
    pub(crate) hidden: Vec<u32>,
    /// What goes wrong on the first connection, the second and so on; on all others the last of them.
    pub(crate) faults: Vec<Fault>,
}

/// A running server. It stops when it is dropped.
pub(crate) struct Running {
    pub(crate) port: u16,
    office: Arc<Mutex<Office>>,
    /// How many bytes and commands each connection has seen.
    seen: Arc<Mutex<Vec<(usize, usize)>>>,
    serving: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Running {
    pub(crate) async fn start(office: Office) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (office, seen) = (Arc::new(Mutex::new(office)), Arc::new(Mutex::new(Vec::new())));
        let (shared, counts) = (office.clone(), seen.clone());
        let serving = tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let fault = {
                    let office = shared.lock().unwrap();
                    office.faults.get(number).or(office.faults.last()).cloned().unwrap_or(Fault::None)
                };
                counts.lock().unwrap().push((0, 0));
                tokio::spawn(Line::new(stream, fault, shared.clone(), counts.clone(), number).serve());
            }
        });
        Self { port, office, seen, serving }
    }

    /// Changes the mailbox or the faults, for the answers and connections to come.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Office)) {
        change(&mut self.office.lock().unwrap());
    }

    /// How many bytes were sent over a connection, and how many commands came, the greeting counted.
    pub(crate) fn seen(&self, connection: usize) -> (usize, usize) {
        self.seen.lock().unwrap()[connection]
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

/// One connection.
struct Line {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
    fault: Fault,
    office: Arc<Mutex<Office>>,
    seen: Arc<Mutex<Vec<(usize, usize)>>>,
    number: usize,
    sent: usize,
}

impl Line {
    fn new(
        stream: TcpStream,
        fault: Fault,
        office: Arc<Mutex<Office>>,
        seen: Arc<Mutex<Vec<(usize, usize)>>>,
        number: usize,
    ) -> Self {
        let (from, to) = stream.into_split();
        Self { from: BufReader::new(from), to, fault, office, seen, number, sent: 0 }
    }

    /// Ends as soon as either side does.
    async fn serve(mut self) -> Option<()> {
        self.answer(0, "", b"* OK ready\r\n".to_vec()).await?;
        for count in 1.. {
            let mut line = String::new();
            self.from.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            let (tag, command) = line.trim_end().split_once(' ')?;
            let answer = self.office.lock().unwrap().answer(tag, command);
            self.answer(count, tag, answer).await?;
        }
        None
    }

    async fn answer(&mut self, count: usize, tag: &str, answer: Vec<u8>) -> Option<()> {
        let mut answer = match &self.fault {
            Fault::Answer(at, other) if *at == count => other.replace("{tag}", tag).into_bytes(),
            Fault::Silence(at) if *at == count => {
                let mut rest = Vec::new();
                self.from.read_to_end(&mut rest).await.ok();
                return None;
            }
            Fault::None | Fault::Cut(_) | Fault::Answer(..) | Fault::Silence(_) => answer,
        };
        let left = if let Fault::Cut(at) = self.fault { at - self.sent } else { answer.len() };
        let is_cut = left < answer.len() || self.fault == Fault::Cut(self.sent + answer.len());
        answer.truncate(left);
        self.sent += answer.len();
        self.seen.lock().unwrap()[self.number] = (self.sent, count + 1);
        self.to.write_all(&answer).await.ok()?;
        let is_goodbye = answer.windows(6).any(|bytes| bytes == b"* BYE ");
        (!is_cut && !is_goodbye).then_some(())
    }
}

impl Office {
    pub(crate) fn new(messages: Vec<(u32, Vec<u8>)>) -> Self {
        Self { uid_validity: 7, messages, uid_next: None, poisonous: None, hidden: Vec::new(), faults: Vec::new() }
    }

    fn answer(&self, tag: &str, command: &str) -> Vec<u8> {
        let mut answer = Vec::new();
        match command.split(' ').next().unwrap() {
            "CAPABILITY" => answer.extend_from_slice(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE\r\n"),
            "LIST" => answer.extend_from_slice(b"* LIST (\\HasNoChildren) \"/\" INBOX\r\n"),
            "EXAMINE" => answer.extend_from_slice(self.examine().as_bytes()),
            "LOGOUT" => answer.extend_from_slice(b"* OK and goodbye\r\n"),
            "UID" => answer = self.by_uid(command),
            "AUTHENTICATE" | "NOOP" => {}
            _ => return format!("{tag} BAD what?\r\n").into_bytes(),
        }
        answer.extend_from_slice(format!("{tag} OK done\r\n").as_bytes());
        answer
    }

    fn examine(&self) -> String {
        let next = self.uid_next.unwrap_or_else(|| self.messages.last().map_or(1, |(uid, _)| uid + 1));
        format!(
            "* {} EXISTS\r\n* OK [UIDVALIDITY {}] valid\r\n* OK [UIDNEXT {next}] next\r\n",
            self.messages.len(),
            self.uid_validity
        )
    }

    fn by_uid(&self, command: &str) -> Vec<u8> {
        if let Some(set) = command.strip_prefix("UID SEARCH UID ") {
            let uids: String =
                self.within(set).filter(|(_, uid, _)| !self.hidden.contains(uid)).fold(String::new(), |mut uids, (_, uid, _)| {
                    write!(uids, " {uid}").unwrap();
                    uids
                });
            return format!("* SEARCH{uids}\r\n").into_bytes();
        }
        let (set, items) = command.strip_prefix("UID FETCH ").unwrap().split_once(' ').unwrap();
        let mut answer = Vec::new();
        for (number, uid, raw) in self.within(set) {
            if self.poisonous == Some(uid) && items.len() > "(UID)".len() {
                answer.extend_from_slice(format!("* {number} FETCH (UID {uid} INTERNALDATE NIL)\r\n").as_bytes());
                continue;
            }
            answer.extend_from_slice(format!("* {number} FETCH (UID {uid}").as_bytes());
            if items.contains("INTERNALDATE") {
                answer.extend_from_slice(format!(" INTERNALDATE \"{}\"", date(raw)).as_bytes());
            }
            if items.contains("RFC822.SIZE") {
                answer.extend_from_slice(format!(" RFC822.SIZE {}", raw.len()).as_bytes());
            }
            if let Some(range) = items.split_once("BODY.PEEK[]").map(|(_, range)| range.trim_matches(['<', '>', ')'])) {
                let (start, count) = range
                    .split_once('.')
                    .map_or((None, raw.len()), |(start, count)| (Some(start.parse::<usize>().unwrap()), count.parse().unwrap()));
                let part = &raw[start.unwrap_or(0).min(raw.len())..];
                let part = &part[..count.min(part.len())];
                let section = start.map(|start| format!("<{start}>")).unwrap_or_default();
                answer.extend_from_slice(format!(" BODY[]{section} {{{}}}\r\n", part.len()).as_bytes());
                answer.extend_from_slice(part);
            }
            answer.extend_from_slice(b")\r\n");
        }
        answer
    }

    /// The messages of a set, each with its sequence number and UID.
    fn within(&self, set: &str) -> impl Iterator<Item = (usize, u32, &[u8])> {
        let highest = self.messages.last().map_or(0, |(uid, _)| *uid);
        let bound = move |text: &str| if text == "*" { highest } else { text.parse().unwrap() };
        let ranges: Vec<(u32, u32)> = set
            .split(',')
            .map(|range| {
                let (first, last) = range.split_once(':').unwrap_or((range, range));
                let (first, last) = (bound(first), bound(last));
                (first.min(last), first.max(last))
            })
            .collect();
        let numbered = (1..).zip(&self.messages).map(|(number, (uid, raw))| (number, *uid, raw.as_slice()));
        numbered.filter(move |(_, uid, _)| ranges.iter().any(|(first, last)| (first..=last).contains(&uid)))
    }
}

/// When a message arrived: a second of 2021 that differs for different messages.
fn date(raw: &[u8]) -> String {
    let sum: u32 = raw.iter().map(|byte| u32::from(*byte)).sum();
    format!("01-Mar-2021 09:{:02}:{:02} +0100", sum / 60 % 60, sum % 60)
}
