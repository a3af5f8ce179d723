//! Waits for one mailbox to hold something new, by IDLE.
//!
//! IDLE alone is not to be believed: Office 365 goes deaf after an hour or two, network devices forget idle connections
//! after 5 to 15 minutes, and an arrival may fall between two commands. So the mailbox is compared with the checkpoint
//! before anything is waited for, IDLE is begun anew every few minutes, and a NOOP asks again after each round.

use std::time::Duration;

use async_imap::imap_proto::{MailboxDatum, Response};
use futures_util::FutureExt as _;
use tokio::time::Instant;

use super::ImapSource;
use super::command::{Command, Connection};
use super::connect::Session;
use super::cursor::Cursor;
use super::failure::Failure;
use super::fetch::{self, Examined};
use super::idle::{Action, Event, Noticed, Round, Stage};
use super::mailboxes::{Mailbox, choose, list};
use super::patience::Patience;
use crate::position::Checkpoint;
use crate::source::SourceError;

/// What came of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// There is something that the checkpoint does not cover.
    Changed,
    /// There is nothing new, and the time is over.
    TimedOut,
}

/// A connection that waits for one mailbox to change.
pub struct Watcher {
    session: Session,
    mailbox: Mailbox,
    patience: Patience,
}

impl ImapSource {
    /// Opens a connection that waits for a mailbox, by its decoded name.
    ///
    /// # Errors
    /// When it cannot be opened, there is no such mailbox, or the server offers no IDLE and has to be polled.
    pub async fn watcher(&self, mailbox: &str) -> Result<Watcher, SourceError> {
        let account = self.account().await?;
        let failed = |failure: Failure| failure.into_error(account.address());
        let mut session = account.open().await.map_err(failed)?;
        let mailboxes = list(&mut session).await.map_err(failed)?;
        let mut choice = choose(&mailboxes, &[mailbox.to_owned()], &session.capabilities);
        if let Some((_, missing)) = choice.missing.pop() {
            return Err(missing);
        }
        let what = format!("the mailbox {mailbox}");
        let Some(mailbox) = choice.read.pop() else { return Err(SourceError::Missing { what, hint: String::new() }) };
        if !session.capabilities.has("IDLE") {
            return Err(SourceError::Broken {
                what,
                why: "the server offers no IDLE; it has to be asked time and again".to_owned(),
            });
        }
        Ok(Watcher { session, mailbox, patience: self.patience })
    }
}

impl Watcher {
    /// Waits until the mailbox holds something that the checkpoint does not cover, for about `limit` at most.
    ///
    /// # Errors
    /// When the connection broke or the server refuses; the watcher must be dropped then.
    pub async fn watch(&mut self, checkpoint: Option<&Checkpoint>, limit: Duration) -> Result<Watched, SourceError> {
        let watched = self.wait(checkpoint, limit).await;
        watched.map_err(|failure| failure.into_error(format!("the mailbox {}", self.mailbox.name)))
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.session.close().await;
    }

    async fn wait(&mut self, checkpoint: Option<&Checkpoint>, limit: Duration) -> Result<Watched, Failure> {
        let end = Instant::now() + limit;
        let connection = &mut self.session.connection;
        let examined = fetch::examine(connection, &self.mailbox).await?;
        if holds_more(connection, checkpoint, &examined).await? {
            return Ok(Watched::Changed);
        }
        let mut messages = examined.messages.unwrap_or_default();
        loop {
            let round = end.min(Instant::now() + self.patience.idle);
            let Noticed::Nothing(left) = idle(connection, messages, round, self.patience.answer, std::future::pending()).await?
            else {
                return Ok(Watched::Changed);
            };
            let now = count(connection, left).await?;
            if now > left {
                return Ok(Watched::Changed);
            }
            if Instant::now() >= end {
                return Ok(Watched::TimedOut);
            }
            messages = now;
        }
    }
}

/// Whether a mailbox holds more than its checkpoint covers. UIDNEXT may be far ahead of any message (Gmail, Yahoo), so it is
/// only believed where it says that there is nothing.
async fn holds_more(connection: &mut Connection, checkpoint: Option<&Checkpoint>, examined: &Examined) -> Result<bool, Failure> {
    let cursor = Cursor::resume(checkpoint, examined.uid_validity);
    let next = cursor.uid().saturating_add(1);
    if fetch::is_rewound(connection, cursor, examined).await? {
        return Ok(examined.messages != Some(0));
    }
    if examined.messages == Some(0) || examined.uid_next == Some(next) {
        return Ok(false);
    }
    Ok(fetch::highest(connection, next).await?.is_some_and(|highest| highest >= next))
}

/// One round of IDLE, until something arrives, `wake` or `end`. However much the server chatters, each step of it ends.
pub(super) async fn idle(
    connection: &mut Connection,
    messages: u32,
    end: Instant,
    answer_limit: Duration,
    wake: impl Future<Output = ()> + Send,
) -> Result<Noticed, Failure> {
    let mut wake = std::pin::pin!(wake.fuse());
    let tag = connection.begin("IDLE").await?;
    let mut round = Round::new(messages);
    let mut answer_by = Instant::now() + answer_limit;
    loop {
        let by = if round.stage() == Stage::Idle { end } else { answer_by };
        let event = tokio::select! {
            event = connection.listen(&tag, by.saturating_duration_since(Instant::now())) => event,
            () = &mut wake, if round.stage() == Stage::Idle => Event::Silence,
        };
        match round.on(event) {
            Action::Listen => {}
            Action::SendDone => {
                connection.send("DONE").await?;
                answer_by = Instant::now() + answer_limit;
            }
            Action::End(end) => return end,
        }
    }
}

/// How many messages the mailbox holds, as a server says with NOOP where anything has changed.
async fn count(connection: &mut Connection, before: u32) -> Result<u32, Failure> {
    let (mut count, mut gone) = (None, 0);
    let asking = connection.run(Command::new("NOOP"), |answer| {
        if let Response::MailboxData(MailboxDatum::Exists(number)) = answer {
            count = Some(*number);
        } else if let Response::Expunge(_) = answer {
            gone += 1;
        }
    });
    asking.await?;
    Ok(count.unwrap_or_else(|| before.saturating_sub(gone)))
}
