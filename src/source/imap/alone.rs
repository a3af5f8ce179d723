//! One message at a time: the large ones, and those over which a batch failed. A message that cannot be had is sent as
//! unreadable in the end, so that it holds up nothing else; one that was expunged meanwhile is simply not there any more.

use chrono::{DateTime, Utc};

use super::command::Command;
use super::cursor::Window;
use super::failure::Failure;
use super::fetch::{self, AskDate, Content, PIECE_BYTES};
use super::outline::Outline;
use super::progress::{Partial, TRIES_ALONE};
use super::reader::{Fetched, Listed, Reader};
use crate::source::{Closed, MAX_MESSAGE_BYTES, SourceError};

/// What came of asking for one message.
enum Answer {
    /// It came.
    Message(Fetched),
    /// The server is content and sent none.
    Nothing,
    /// It is longer than what is read.
    TooLong,
}

impl Reader<'_> {
    /// Asks for one message until it comes, turns out to be gone, or is given up.
    pub(super) async fn read_alone(&mut self, one: Listed) -> Result<(), Failure> {
        loop {
            let why = match self.ask(one).await {
                Ok(Answer::Message(fetched)) => return self.send_message(one.uid, fetched).await,
                Ok(Answer::TooLong) => {
                    let why = format!("it is longer than {MAX_MESSAGE_BYTES} bytes, the most that is read");
                    return self.send_unreadable(one.uid, why).await;
                }
                Ok(Answer::Nothing) => "the server lists it and sends no content".to_owned(),
                Err(failure) if failure.is_throttle() => return Err(failure),
                Err(failure @ Failure::Final(_)) => return Err(failure),
                Err(Failure::Lost(why)) => return self.lost_over(one.uid, why).await,
                Err(refused @ (Failure::No(_) | Failure::Bad(_))) => refused.why(),
            };
            if self.is_gone(one.uid).await? {
                self.pass(one.uid);
                return Ok(());
            }
            if self.progress.is_given_up(one.uid) {
                return self.give_up(one.uid, format!("asked for {TRIES_ALONE} times: {why}")).await;
            }
            tokio::time::sleep(self.errand.patience.first_pause).await;
        }
    }

    /// The connection broke over a message. Once may be chance; each time is the message (Dovecot closes in the middle of
    /// FETCH when it cannot read a file).
    async fn lost_over(&mut self, uid: u32, why: String) -> Result<(), Failure> {
        if self.progress.is_given_up(uid) {
            let reason = format!("{TRIES_ALONE} connections broke when it was asked for: {why}");
            self.give_up(uid, reason).await?;
        }
        Err(Failure::Lost(why))
    }

    /// Sends a message as unreadable, unless the server gives no messages at all: then the mailbox fails, and the next run
    /// asks for this message again.
    async fn give_up(&mut self, uid: u32, reason: String) -> Result<(), Failure> {
        if self.progress.gives_nothing() {
            let what = format!("the mailbox {}", self.mailbox.name);
            return Err(Failure::Final(SourceError::Broken { what, why: format!("one message after the other: {reason}") }));
        }
        self.send_unreadable(uid, reason).await
    }

    /// Whether it was expunged since it was listed (RFC 2180 4.1). Some servers find that out when they are asked for news
    /// and not before (Courier).
    pub(super) async fn is_gone(&mut self, uid: u32) -> Result<bool, Failure> {
        let window = Window { first: uid, last: Some(uid) };
        if fetch::existing(self.connection, window).await?.is_empty() {
            return Ok(true);
        }
        match self.connection.run(Command::new("NOOP"), |_| {}).await {
            Err(failure) if failure.is_lost() || failure.is_throttle() => return Err(failure),
            Ok(()) | Err(_) => {}
        }
        Ok(fetch::existing(self.connection, window).await?.is_empty())
    }

    async fn ask(&mut self, one: Listed) -> Result<Answer, Failure> {
        self.may_ask(1).await?;
        match one.outline.size {
            Some(size) if u64::from(size) > MAX_MESSAGE_BYTES => Ok(Answer::TooLong),
            Some(size) if size <= PIECE_BYTES => self.ask_for_whole(one).await,
            Some(_) | None => self.ask_for_pieces(one).await,
        }
    }

    async fn ask_for_whole(&mut self, one: Listed) -> Result<Answer, Failure> {
        let answer = fetch::whole_message(self.connection, one.uid).await?;
        Ok(match answer.content {
            Content::Whole(raw) => {
                self.errand.allowance.spend(raw.len());
                finish(raw, one.outline.internal_date, one.outline)
            }
            Content::Part(_) | Content::Nothing => Answer::Nothing,
        })
    }

    /// Reads a message piece by piece into one buffer, which outlives a broken connection.
    async fn ask_for_pieces(&mut self, one: Listed) -> Result<Answer, Failure> {
        let mut partial = self.partial(one).await?;
        loop {
            let offset = partial.bytes.len();
            let date = self.ask_date(&partial);
            let piece = match fetch::piece(self.connection, one.uid, offset, date).await {
                Ok(piece) => piece,
                Err(failure) => {
                    self.progress.partial = Some(partial);
                    return Err(failure);
                }
            };
            partial.internal_date = piece.internal_date.or(partial.internal_date);
            let came = match piece.content {
                Content::Part(bytes) => bytes,
                Content::Nothing if offset > 0 => Vec::new(),
                Content::Nothing => return Ok(Answer::Nothing),
                Content::Whole(raw) => {
                    self.errand.allowance.spend(raw.len());
                    return Ok(finish(raw, partial.internal_date, one.outline));
                }
            };
            self.errand.allowance.spend(came.len());
            partial.bytes.extend_from_slice(&came);
            if is_too_long(&partial.bytes) {
                return Ok(Answer::TooLong);
            }
            if is_end(&came, &partial, one.outline) {
                return Ok(finish(partial.bytes, partial.internal_date, one.outline));
            }
            self.progress.clear(one.uid);
        }
    }

    /// What came of the message over an earlier connection, or nothing yet; waits for the turn to hold a large message.
    async fn partial(&mut self, one: Listed) -> Result<Partial, Failure> {
        if let Some(partial) = self.progress.partial.take().filter(|partial| partial.uid == one.uid) {
            return Ok(partial);
        }
        let turn = self.errand.large.clone().acquire_owned().await.map_err(|_| Closed)?;
        Ok(Partial { uid: one.uid, bytes: Vec::new(), internal_date: one.outline.internal_date, _turn: turn })
    }

    /// The date is asked for with the first piece if it is not known, but not where that failed before: some servers have
    /// none, and imap-proto panics on `INTERNALDATE NIL`.
    fn ask_date(&self, partial: &Partial) -> AskDate {
        let is_unknown = partial.bytes.is_empty() && partial.internal_date.is_none();
        if is_unknown && self.progress.tries(partial.uid) == 0 { AskDate::Yes } else { AskDate::No }
    }
}

/// Whether it is longer than what is read, whatever the server announced.
pub(super) fn is_too_long(raw: &[u8]) -> bool {
    raw.len() as u64 > MAX_MESSAGE_BYTES
}

/// Whether a message has come to its end. RFC822.SIZE is advisory: it only spares the last question, where a short piece
/// meets it. Otherwise the end is where nothing comes any more; a server may make its pieces shorter than asked.
fn is_end(came: &[u8], partial: &Partial, outline: Outline) -> bool {
    let meets_size = outline.size.is_some_and(|size| size as usize == partial.bytes.len());
    came.is_empty() || (came.len() < PIECE_BYTES as usize && meets_size)
}

fn finish(raw: Vec<u8>, internal_date: Option<DateTime<Utc>>, outline: Outline) -> Answer {
    if is_too_long(&raw) {
        return Answer::TooLong;
    }
    if !outline.fits(&raw) {
        return Answer::Nothing;
    }
    let notes = outline.size.filter(|size| *size > PIECE_BYTES && raw.len() < *size as usize);
    let notes = notes.map(|size| format!("the server announced {size} bytes and sent {}", raw.len()));
    Answer::Message(Fetched { raw, internal_date, notes: notes.into_iter().collect(), object: outline.object })
}
