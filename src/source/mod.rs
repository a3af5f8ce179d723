//! Where mail comes from. A source is a stream: it sends what it finds, in order within each mailbox, and never holds a
//! list of all messages.
//!
//! What a source must keep to:
//! - **It never changes anything** at its origin.
//! - **A checkpoint covers only what was sent before it**, in the same mailbox. The ledger stores it in the transaction
//!   that admits those messages, so a run that is cut anywhere goes on without a gap.
//! - **Nothing is skipped in silence**: a message that cannot be read is sent as [`Scanned::Unreadable`]. A failure of
//!   the whole source, or of one mailbox, is an error or [`Scanned::MailboxFailed`]; never "nothing there".

mod census;
mod eml;
mod files;
mod holds;
pub mod imap;
mod maildir;
mod mbox;
mod outlet;
mod pauses;
mod place;
mod pst;
pub mod read;
mod survey;
mod tree;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::finding::Finding;
use crate::mail::ObjectId;
use crate::position::{Checkpoint, Position, SourceName};

pub use self::census::{Census, Counted, MAX_NAMED};
pub use self::eml::EmlSource;
pub use self::files::FileSource;
pub use self::imap::ImapSource;
pub use self::maildir::MaildirSource;
pub use self::mbox::{MboxEntry, MboxReader, MboxSource};
pub use self::outlet::{Closed, Inlet, Outlet, Parcel, Phase, outlet};
pub use self::pauses::Pauses;
pub use self::pst::PstSource;

/// The largest message that is read, in bytes. Larger ones are listed as unreadable: parsing holds a message and its
/// decoded parts in memory, and no provider in use accepts mail of this size (Gmail 25 MB, Microsoft 365 150 MB).
pub const MAX_MESSAGE_BYTES: u64 = 256 * 1024 * 1024;

/// How often a source that is not told of new mail looks for it.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a source found.
#[derive(Debug)]
pub enum Scanned {
    /// How much a mailbox holds that is still to come, for the progress bar. May come more than once; the last counts.
    Expected {
        /// The mailbox.
        mailbox: String,
        /// Messages still to come, where the source knows.
        messages: Option<u64>,
        /// Bytes still to come, where the source knows.
        bytes: Option<u64>,
    },
    /// One raw message.
    Message(Found),
    /// A position that shows a message which is known by its object, so that it was not read again.
    Copy {
        /// Where it is.
        position: Position,
        /// What the account calls it.
        object: ObjectId,
        /// Whether it stands in the mailbox of what we sent.
        sent: Sent,
        /// Where to go on once this is recorded.
        checkpoint: Option<Checkpoint>,
    },
    /// A position whose message cannot be read.
    Unreadable {
        /// Where it is.
        position: Position,
        /// Why, as a sentence.
        reason: String,
        /// Where to go on once this is recorded.
        checkpoint: Option<Checkpoint>,
    },
    /// The mailbox was read to its end; `checkpoint` is where the next run goes on.
    MailboxDone {
        /// The mailbox.
        mailbox: String,
        /// Where to go on.
        checkpoint: Option<Checkpoint>,
    },
    /// The mailbox could not be read to its end; the others go on.
    MailboxFailed {
        /// The mailbox.
        mailbox: String,
        /// Why.
        error: SourceError,
    },
}

/// One raw message at one position.
#[derive(Debug)]
pub struct Found {
    /// Where it was.
    pub position: Position,
    /// The message, byte for byte (an mbox's own quoting undone).
    pub raw: Vec<u8>,
    /// When the server or archive got it: INTERNALDATE, the date of an mbox's `From ` line.
    pub internal_date: Option<DateTime<Utc>>,
    /// Whether it stands in the mailbox of what we sent.
    pub sent: Sent,
    /// Where to go on once this message and all before it in this mailbox are admitted.
    pub checkpoint: Option<Checkpoint>,
    /// What was odd about its place, such as a doubtful mbox boundary.
    pub notes: Vec<String>,
    /// What the account calls it, where it says so.
    pub object: Option<ObjectId>,
}

/// Whether a mailbox holds what we sent (SPECIAL-USE `\Sent`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It does.
    Yes,
    /// It does not, or nobody says so.
    Unknown,
}

/// What is known of a source from earlier runs.
pub trait Known: Send + Sync {
    /// Where to go on in a mailbox.
    fn checkpoint(&self, mailbox: &str) -> Option<Checkpoint>;
    /// Whether this position was recorded before, readable or not.
    fn has(&self, position: &Position) -> bool;
    /// Whether the message that the account calls so was admitted.
    fn holds(&self, object: &ObjectId) -> bool;
}

/// What a source that is followed tells of itself.
pub trait Signs: Send + Sync {
    /// Everything that there was has been sent.
    fn caught_up(&self);
    /// So many messages of a mailbox had been missed by earlier readings. They have been sent now.
    fn missed(&self, mailbox: &str, messages: u64);
    /// It cannot be read for this reason, and is tried again after the pause.
    fn trouble(&self, error: &SourceError, pause: Duration);
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The server or file cannot be reached; trying again later may help.
    #[error("{what} cannot be reached: {why}")]
    Unreachable {
        /// Host and port, or path.
        what: String,
        /// What the system said.
        why: String,
    },
    /// TLS was refused or the certificate is not trusted.
    #[error("{host} refuses a secure connection: {why}; check tls, port and ca_file")]
    Tls {
        /// The host.
        host: String,
        /// What TLS said.
        why: String,
    },
    /// The login was refused.
    #[error("{host} refuses the login of {username}: {why}; check username and password")]
    Login {
        /// The host.
        host: String,
        /// The user name.
        username: String,
        /// What the server said.
        why: String,
    },
    /// An OAuth token is not given, or not taken.
    #[error("{username} cannot log in at {what}: {why}; {advice}")]
    Token {
        /// Who refuses: the token endpoint, or the mail server.
        what: String,
        /// The user name.
        username: String,
        /// Why.
        why: String,
        /// What to do about it.
        advice: String,
    },
    /// There is no such mailbox, file or directory.
    #[error("{what} does not exist{hint}")]
    Missing {
        /// What was asked for.
        what: String,
        /// What there is instead, beginning with `; `, or nothing.
        hint: String,
    },
    /// The server or file said something that cannot be understood, or ended early.
    #[error("{what} cannot be read: {why}")]
    Broken {
        /// What was read.
        what: String,
        /// What was seen.
        why: String,
    },
    /// It is left alone until then, as no more of it may be read today.
    #[error("{what} rests until {}: {why}", .until.format("%Y-%m-%d %H:%M UTC"))]
    Resting {
        /// What rests.
        what: String,
        /// Why.
        why: String,
        /// Until when; then it is gone on with where it stopped.
        until: DateTime<Utc>,
    },
    /// The receiving side is gone: the run is being stopped.
    #[error("stopped")]
    Stopped,
}

impl SourceError {
    /// Whether the login failed for good: trying again does not help, a person has to do something.
    pub fn is_login(&self) -> bool {
        matches!(self, Self::Login { .. } | Self::Token { .. })
    }
}

impl From<Closed> for SourceError {
    fn from(_: Closed) -> Self {
        Self::Stopped
    }
}

/// A source of mail.
#[async_trait]
pub trait Source: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &SourceName;

    /// Looks whether it can be read: login, mailboxes, files. Changes nothing.
    async fn check(&self) -> Vec<Finding>;

    /// Sends everything that is not yet known, to the end.
    ///
    /// # Errors
    /// When the source as a whole cannot be read. What was sent before stands.
    async fn scan(&self, known: Arc<dyn Known>, outlet: Outlet) -> Result<(), SourceError>;

    /// Sends everything that is not yet known, and goes on sending what arrives until nobody receives any more. Trouble is
    /// told, waited out and never a reason to give up. A source that is not told of new mail looks for it now and then.
    ///
    /// # Errors
    /// [`SourceError::Stopped`], at the end.
    async fn follow(&self, known: Arc<dyn Known>, outlet: Outlet, signs: Arc<dyn Signs>) -> Result<(), SourceError> {
        let mut pauses = Pauses::default();
        loop {
            let pause = match self.scan(known.clone(), outlet.clone()).await {
                Ok(()) => {
                    signs.caught_up();
                    pauses = Pauses::default();
                    LOOK_EVERY
                }
                Err(SourceError::Stopped) => return Err(SourceError::Stopped),
                Err(error) => {
                    let pause = pauses.longer();
                    signs.trouble(&error, pause);
                    pause
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = outlet.closed() => return Err(SourceError::Stopped),
            }
        }
    }

    /// Counts what the origin holds now and compares it with what is known, mailbox by mailbox, without reading the
    /// messages where the origin can say it without (IMAP: UIDs). After a scan to the end nothing is unknown; what is
    /// unknown is what the next scan sends. A mailbox that cannot be counted is an error of its own.
    ///
    /// # Errors
    /// When the source as a whole cannot be read.
    async fn census(&self, known: Arc<dyn Known>) -> Result<Vec<Counted>, SourceError>;
}
