//! Live mailboxes: against a real Dovecot, and against servers that misbehave byte by byte.

mod allowance;
mod census;
mod compress;
mod dovecot;
mod each_server;
mod follow;
mod interruptions;
mod lifetimes;
mod oauth2;
mod scripted;
mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailferry::mail::ObjectId;
use mailferry::mail::id::Digest;
use mailferry::position::{Checkpoint, Position, SourceName};
use mailferry::source::imap::{Allowed, Compression, ImapSettings, ImapSource, Login, Patience, Security};
use mailferry::source::{Found, Known, Scanned, Source as _, SourceError, outlet};

/// What earlier scans left behind, as the ledger would keep it.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Remembered>>);

#[derive(Default)]
struct Remembered {
    checkpoints: BTreeMap<String, Checkpoint>,
    positions: BTreeSet<Position>,
    objects: BTreeSet<ObjectId>,
}

impl Known for Memory {
    fn checkpoint(&self, mailbox: &str) -> Option<Checkpoint> {
        self.0.lock().unwrap().checkpoints.get(mailbox).cloned()
    }

    fn has(&self, position: &Position) -> bool {
        self.0.lock().unwrap().positions.contains(position)
    }

    fn holds(&self, object: &ObjectId) -> bool {
        self.0.lock().unwrap().objects.contains(object)
    }
}

impl Memory {
    fn keep(&self, mailbox: &str, position: Option<&Position>, checkpoint: Option<&Checkpoint>) {
        let mut remembered = self.0.lock().unwrap();
        if let Some(position) = position {
            assert!(remembered.positions.insert(position.clone()), "{position} was sent twice");
        }
        if let Some(checkpoint) = checkpoint {
            remembered.checkpoints.insert(mailbox.to_owned(), checkpoint.clone());
        }
    }
}

impl Memory {
    /// Loses one position, and no checkpoint.
    fn forget(&self, position: &Position) {
        assert!(self.0.lock().unwrap().positions.remove(position), "{position} was not known");
    }

    /// The UIDVALIDITY of a mailbox by its checkpoint.
    fn uid_validity(&self, mailbox: &str) -> u64 {
        let checkpoint: serde_json::Value = serde_json::from_str(&self.checkpoint(mailbox).unwrap().0).unwrap();
        checkpoint["uid_validity"].as_u64().unwrap()
    }
}

fn position(mailbox: &str, place: &str) -> Position {
    Position { source: SourceName::new("vendors"), mailbox: mailbox.to_owned(), place: place.to_owned() }
}

/// All that one scan sent.
#[derive(Default)]
struct Seen {
    messages: Vec<Found>,
    /// Positions of messages that were not read again.
    copies: Vec<Position>,
    unreadable: Vec<(Position, String)>,
    expected: BTreeMap<String, (Option<u64>, Option<u64>)>,
    done: Vec<String>,
    failed: BTreeMap<String, SourceError>,
    end: Option<Result<(), SourceError>>,
}

impl Seen {
    /// The UIDs of a mailbox's messages, in order of arrival.
    fn uids(&self, mailbox: &str) -> Vec<u32> {
        let places = self.messages.iter().filter(|found| found.position.mailbox == mailbox).map(|found| &found.position.place);
        places.map(|place| place.split_once('/').unwrap().1.parse().unwrap()).collect()
    }

    fn digests(&self) -> BTreeSet<Digest> {
        self.messages.iter().map(|found| Digest::of(&found.raw)).collect()
    }

    /// Fails unless every mailbox was read to its end.
    fn expect_clean(&self) {
        assert!(matches!(self.end, Some(Ok(()))), "{:?}", self.end);
        assert!(self.failed.is_empty(), "{:?}", self.failed);
        assert!(self.unreadable.is_empty(), "{:?}", self.unreadable);
    }

    /// Why the scan as a whole failed.
    fn error(&self) -> &SourceError {
        self.end.as_ref().unwrap().as_ref().expect_err("the scan should have failed")
    }
}

/// Scans to the end and remembers what was sent, as a ledger does.
async fn scan(source: &ImapSource, memory: &Memory) -> Seen {
    let (outlets, mut inlet) = outlet();
    let outlet = outlets(source.name().clone());
    drop(outlets);
    let scanning = {
        let (source, memory) = (source.clone(), memory.clone());
        tokio::spawn(async move { source.scan(Arc::new(memory), outlet).await })
    };
    let mut seen = Seen::default();
    while let Some(parcel) = inlet.recv().await {
        take(&mut seen, memory, parcel.scanned);
    }
    seen.end = Some(scanning.await.unwrap());
    seen
}

/// Scans to the end, between two censuses: the first names what the scan sends, the second nothing.
async fn scan_counted(source: &ImapSource, memory: &Memory) -> Seen {
    let announced = source.census(Arc::new(memory.clone())).await;
    let seen = scan(source, memory).await;
    match (announced, &seen.end) {
        (Ok(announced), Some(Ok(()))) => {
            let unknown: u64 = announced.iter().flatten().map(|census| census.unknown).sum();
            assert_eq!(unknown, (seen.messages.len() + seen.copies.len() + seen.unreadable.len()) as u64);
            let failed = announced.iter().filter_map(|counted| counted.as_ref().err());
            assert!(
                failed.map(|(mailbox, error)| (mailbox, error.to_string())).eq(seen.failed.iter().map(|(m, e)| (m, e.to_string())))
            );
            let left = source.census(Arc::new(memory.clone())).await.unwrap();
            assert!(left.iter().flatten().all(|census| census.unknown == 0), "unknown after a whole scan: {left:?}");
        }
        (announced, end) => assert_eq!(
            announced.map(|_| ()).map_err(|error| error.to_string()),
            end.as_ref().unwrap().as_ref().copied().map_err(ToString::to_string)
        ),
    }
    seen
}

fn take(seen: &mut Seen, memory: &Memory, scanned: Scanned) {
    match scanned {
        Scanned::Expected { mailbox, messages, bytes } => {
            seen.expected.insert(mailbox, (messages, bytes));
        }
        Scanned::Message(found) => {
            memory.keep(&found.position.mailbox, Some(&found.position), found.checkpoint.as_ref());
            memory.0.lock().unwrap().objects.extend(found.object);
            seen.messages.push(found);
        }
        Scanned::Copy { position, object, checkpoint, .. } => {
            assert!(memory.holds(&object), "{position} is no copy of anything");
            memory.keep(&position.mailbox, Some(&position), checkpoint.as_ref());
            seen.copies.push(position);
        }
        Scanned::Unreadable { position, reason, checkpoint } => {
            memory.keep(&position.mailbox, Some(&position), checkpoint.as_ref());
            seen.unreadable.push((position, reason));
        }
        Scanned::MailboxDone { mailbox, checkpoint } => {
            memory.keep(&mailbox, None, checkpoint.as_ref());
            seen.done.push(mailbox);
        }
        Scanned::MailboxFailed { mailbox, error } => {
            seen.failed.insert(mailbox, error);
        }
    }
}

/// An account on this machine, with short pauses.
fn source(settings: ImapSettings) -> ImapSource {
    let patience = Patience { first_pause: Duration::from_millis(1), ..Patience::default() };
    ImapSource::new(SourceName::new("vendors"), settings).with_patience(patience)
}

fn settings(port: u16, security: Security) -> ImapSettings {
    ImapSettings {
        host: "127.0.0.1".to_owned(),
        port,
        security,
        ca_file: None,
        username: "alice".to_owned(),
        login: Login::Password("secret".to_owned().into()),
        mailboxes: Vec::new(),
        max_connections: 1,
        compression: Compression::Never,
        allowed: Allowed::default(),
    }
}

/// A small message that differs for each number.
fn mail(number: u32) -> Vec<u8> {
    format!(
        "From: Ann <ann@acme.example>\r\nTo: vendors@ourco.example\r\nSubject: Order {number}\r\n\
         Message-ID: <{number}@acme.example>\r\nDate: Mon, 1 Mar 2021 09:05:00 +0100\r\n\r\nOrder {number}.\r\n"
    )
    .into_bytes()
}
