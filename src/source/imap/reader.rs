//! One mailbox, read to its end over one connection at a time.
//!
//! SEARCH says which messages there are, in windows of UIDs; FETCH says how large they are, in slices; the small ones come
//! in batches, the others alone. Each is sent in the order of UIDs, with the checkpoint that covers it and all before.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tracing::debug;

use super::allowance::Purpose;
use super::alone::is_too_long;
use super::command::Connection;
use super::cursor::{Cursor, Windows};
use super::failure::Failure;
use super::fetch::{self, Examined, PIECE_BYTES};
use super::mailboxes::Mailbox;
use super::outline::{self, Outline};
use super::progress::{Compared, Expectation, Order, Progress};
use super::scan::Reading;
use crate::mail::ObjectId;
use crate::position::Position;
use crate::source::{Found, Scanned};

/// Messages whose sizes and dates are asked for at once: a second of work, should it have to be done again.
const SLICE: usize = 500;

/// Messages that are fetched by one command, of together [`PIECE_BYTES`]. Larger batches are not faster: 25 and 100 were
/// measured alike against Dovecot.
const BATCH: usize = 64;

/// The most messages that count as arrivals when they come at once; more have heaped up, or are a history.
const ARRIVALS: usize = 100;

/// One message that is listed and not yet known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) uid: u32,
    pub(super) outline: Outline,
}

/// One message as it came.
pub(super) struct Fetched {
    pub(super) raw: Vec<u8>,
    pub(super) internal_date: Option<DateTime<Utc>>,
    pub(super) notes: Vec<String>,
    pub(super) object: Option<ObjectId>,
}

/// A mailbox and a connection to read it over.
pub(super) struct Reader<'a> {
    pub(super) errand: &'a Reading,
    pub(super) mailbox: &'a Mailbox,
    pub(super) connection: &'a mut Connection,
    pub(super) progress: &'a mut Progress,
}

impl Reader<'_> {
    /// Reads the mailbox to its end.
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        let examined = fetch::examine(self.connection, self.mailbox).await?;
        self.take_up(&examined).await?;
        if examined.messages != Some(0) {
            self.read_windows(&examined).await?;
            self.reconcile(&examined).await?;
        }
        let checkpoint = self.progress.cursor().checkpoint();
        let done = Scanned::MailboxDone { mailbox: self.mailbox.name.clone(), checkpoint };
        Ok(self.errand.outlet.send(done).await?)
    }

    /// Goes on where the last connection or the last run left off, if the UIDs still mean the same.
    async fn take_up(&mut self, examined: &Examined) -> Result<(), Failure> {
        let is_resumed = !self.progress.belongs_to(examined.uid_validity);
        let mut cursor = self.progress.cursor();
        if is_resumed {
            let recorded = || Cursor::resume(self.errand.known.checkpoint(&self.mailbox.name).as_ref(), examined.uid_validity);
            cursor = self.progress.ended(examined.uid_validity).unwrap_or_else(recorded);
        }
        let is_rewound =
            fetch::is_rewound(self.connection, cursor, examined).await? || is_resumed && self.is_replaced(cursor, examined).await?;
        if is_rewound {
            debug!(mailbox.name = %self.mailbox.name, "the server began to count anew");
            self.progress.begin(cursor.rewound());
        } else if is_resumed {
            self.progress.begin(cursor);
        }
        Ok(())
    }

    /// Whether the last message of earlier runs is another one now. If the connection breaks over that, it is done without.
    async fn is_replaced(&mut self, cursor: Cursor, examined: &Examined) -> Result<bool, Failure> {
        if self.progress.compared == Compared::Yes {
            return Ok(false);
        }
        let is_replaced = fetch::is_replaced(self.connection, cursor, examined).await;
        if is_replaced.as_ref().map_or_else(Failure::is_lost, |_| true) {
            self.progress.compared = Compared::Yes;
        }
        is_replaced
    }

    async fn read_windows(&mut self, examined: &Examined) -> Result<(), Failure> {
        let mut windows = Windows::new(self.progress.next(), examined.uid_next);
        let mut found = usize::MAX;
        while let Some(window) = windows.next(found) {
            let uids: Vec<u32> = fetch::existing(self.connection, window).await?.into_iter().collect();
            found = uids.len();
            let mut slices = uids.chunks(SLICE).peekable();
            while let Some(slice) = slices.next() {
                let is_last = window.last.is_none() && slices.peek().is_none();
                let listed = self.outline(slice).await?;
                if listed.len() > ARRIVALS || !is_last && !listed.is_empty() {
                    self.progress.purpose = Purpose::Bulk;
                }
                self.say_expected(examined, is_last.then_some(&listed)).await?;
                let unlisted = listed.iter().map(|one| one.uid).filter(|uid| slice.binary_search(uid).is_err()).collect();
                let read = self.read_slice(listed).await;
                if let Some(last) = slice.last().filter(|_| read.is_ok()) {
                    self.pass(*last);
                }
                self.progress.count_listed(slice, unlisted);
                read?;
            }
        }
        Ok(())
    }

    /// The messages of a slice that are not known yet, in order. FETCH adds sizes and dates, and messages that SEARCH
    /// did not name. Where asking for those breaks the connection (Dovecot has to open a file to know its size),
    /// the messages are read without.
    async fn outline(&mut self, slice: &[u32]) -> Result<Vec<Listed>, Failure> {
        let (Some(first), Some(last)) = (slice.first().copied(), slice.last().copied()) else { return Ok(Vec::new()) };
        let mut all: BTreeMap<u32, Outline> = slice.iter().map(|uid| (*uid, Outline::default())).collect();
        all.retain(|uid, _| !self.is_known(*uid));
        if !all.is_empty() && last > self.progress.without_outlines_to {
            match outline::outlines(self.connection, first, last).await {
                Ok(outlines) => {
                    let is_new = |uid: &u32| slice.binary_search(uid).is_err() && !self.is_known(*uid);
                    let wanted: Vec<_> = outlines.into_iter().filter(|(uid, _)| all.contains_key(uid) || is_new(uid)).collect();
                    all.extend(wanted);
                }
                Err(failure @ Failure::Final(_)) => return Err(failure),
                Err(failure) if failure.is_throttle() || self.tells_drafts() => return Err(failure),
                Err(failure) => {
                    self.progress.without_outlines_to = last;
                    if failure.is_lost() {
                        return Err(failure);
                    }
                }
            }
        }
        Ok(all.into_iter().map(|(uid, outline)| Listed { uid, outline }).collect())
    }

    fn is_known(&self, uid: u32) -> bool {
        uid < self.progress.next() || self.is_sent(uid)
    }

    /// Whether it was sent, lately or in an earlier run.
    pub(super) fn is_sent(&self, uid: u32) -> bool {
        self.progress.was_sent_lately(uid) || self.errand.known.has(&self.position(uid))
    }

    /// Tells the progress bar what to expect: exactly where the first slice is the last, else the whole of a new mailbox.
    async fn say_expected(&mut self, examined: &Examined, rest: Option<&Vec<Listed>>) -> Result<(), Failure> {
        if self.progress.expected == Expectation::Said {
            return Ok(());
        }
        self.progress.expected = Expectation::Said;
        let is_new = self.progress.cursor().uid() == 0;
        let messages = match rest {
            Some(listed) => u64::try_from(listed.len()).ok(),
            None => examined.messages.filter(|_| is_new).map(u64::from),
        };
        let bytes = rest.and_then(|listed| listed.iter().map(|one| one.outline.size.map(u64::from)).sum());
        let expected = Scanned::Expected { mailbox: self.mailbox.name.clone(), messages, bytes };
        Ok(self.errand.outlet.send(expected).await?)
    }

    pub(super) async fn read_slice(&mut self, listed: Vec<Listed>) -> Result<(), Failure> {
        let listed = self.with_kinds(listed).await?;
        let mut rest = listed.as_slice();
        while let Some((one, after)) = rest.split_first() {
            if let Some(spared) = self.spared(one) {
                self.send_spared(one, spared).await?;
                rest = after;
                continue;
            }
            let batch = self.batch(rest);
            if batch.is_empty() {
                self.read_alone(*one).await?;
                rest = after;
            } else {
                self.read_batch(batch).await?;
                rest = rest.split_at(batch.len()).1;
            }
        }
        Ok(())
    }

    /// How many of the next messages are fetched together: small ones only, and none that is under suspicion.
    fn batch<'b>(&self, rest: &'b [Listed]) -> &'b [Listed] {
        let mut bytes = 0_u32;
        let most = self.errand.allowance.left(self.progress.purpose).min(PIECE_BYTES);
        let fits = |one: &&Listed| {
            bytes = bytes.saturating_add(one.outline.size.unwrap_or(u32::MAX));
            one.uid > self.progress.alone_to && bytes <= most && self.spared(one).is_none()
        };
        let count = rest.iter().take(BATCH.min(self.errand.allowance.at_once())).take_while(fits).count();
        rest.split_at(count).0
    }

    /// Sends a batch in order. What the server leaves out is asked for alone; where the connection broke, what came before
    /// the first gap is sent and the rest asked for alone over the next one.
    async fn read_batch(&mut self, batch: &[Listed]) -> Result<(), Failure> {
        let uids: Vec<u32> = batch.iter().map(|one| one.uid).collect();
        self.may_ask(uids.len()).await?;
        let (mut messages, end) = fetch::whole_messages(self.connection, &uids).await;
        self.errand.allowance.spend(messages.values().map(Vec::len).sum());
        let stop = match end {
            Ok(()) => None,
            Err(failure) if failure.is_lost() || failure.is_throttle() => Some(failure),
            Err(refused) => {
                debug!(mailbox.name = %self.mailbox.name, why = refused.why(), "a batch was refused");
                None
            }
        };
        for one in batch {
            match messages.remove(&one.uid).filter(|raw| one.outline.fits(raw) && !is_too_long(raw)) {
                Some(raw) => {
                    let fetched =
                        Fetched { raw, internal_date: one.outline.internal_date, notes: Vec::new(), object: one.outline.object };
                    self.send_message(one.uid, fetched).await?;
                }
                None if stop.is_some() => break,
                None => self.read_alone(*one).await?,
            }
        }
        let Some(failure) = stop else { return Ok(()) };
        if failure.is_lost() {
            self.progress.alone_to = uids.last().copied().unwrap_or_default();
        }
        Err(failure)
    }

    /// Waits for the turn to ask for so many messages; fails where no more may be downloaded today.
    pub(super) async fn may_ask(&self, messages: usize) -> Result<(), Failure> {
        self.errand.allowance.check(self.progress.purpose).map_err(Failure::Final)?;
        self.errand.allowance.wait_for(messages).await;
        Ok(())
    }

    /// Everything up to `uid` is settled.
    pub(super) fn pass(&mut self, uid: u32) {
        if self.progress.order == Order::Hidden {
            self.progress.unlisted.insert(uid);
        }
        self.progress.pass(uid);
    }

    /// Sends a message, with the checkpoint that covers it.
    pub(super) async fn send_message(&mut self, uid: u32, fetched: Fetched) -> Result<(), Failure> {
        self.progress.count_missed(uid);
        self.pass(uid);
        self.progress.date(uid, fetched.internal_date);
        self.progress.arrived();
        let object = fetched.object;
        let found = Found {
            position: self.position(uid),
            raw: fetched.raw,
            internal_date: fetched.internal_date,
            sent: self.mailbox.sent(),
            checkpoint: self.progress.cursor().checkpoint(),
            notes: fetched.notes,
            object,
        };
        self.errand.outlet.send(Scanned::Message(found)).await?;
        if let Some(object) = object {
            self.errand.lately().add(object);
        }
        Ok(())
    }

    /// Sends a position whose message cannot be had.
    pub(super) async fn send_unreadable(&mut self, uid: u32, reason: String) -> Result<(), Failure> {
        self.pass(uid);
        let checkpoint = self.progress.cursor().checkpoint();
        Ok(self.errand.outlet.send(Scanned::Unreadable { position: self.position(uid), reason, checkpoint }).await?)
    }

    pub(super) fn position(&self, uid: u32) -> Position {
        let place = self.progress.cursor().place(uid);
        Position { source: self.errand.source.clone(), mailbox: self.mailbox.name.clone(), place }
    }
}
