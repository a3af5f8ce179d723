//! Live mailboxes over IMAP (RFC 3501, 9051).
//!
//! An account is read by up to `max_connections` connections, each with one mailbox at a time (`crew`). A mailbox is
//! opened with EXAMINE and read with `BODY.PEEK`, so that nothing changes on the server (`fetch`); its messages are sent
//! in the order of their UIDs, each with the checkpoint `{uid_validity, uid}` that covers it (`reader`, `cursor`).
//! Nothing counts but a tagged OK to the command that was given (`command`): a refusal, a closed connection or an answer
//! that cannot be understood is a failure with a name (`failure`), never "nothing there".
//!
//! What SEARCH does not name though EXAMINE counts it is found by FETCH (`hidden`). A census counts by UIDs alone what there
//! is and is not known (`census`), and a watcher waits for what arrives (`watch`, `idle`). Who follows an account (`follow`)
//! has as many `seat`s as there may be connections, and a `desk` that deals the mailboxes out to them.
//!
//! Where an account names its messages (`objects`), one that is known is not downloaded again (`spared`). What a provider
//! allows for one day and for one second is kept to (`allowance`).
//!
//! Not used, and why:
//! - CONDSTORE and QRESYNC (RFC 7162) tell of changed flags and of what was expunged, which change nothing here. New mail
//!   is known by its UID, and whether there is any costs one EXAMINE or STATUS either way. HIGHESTMODSEQ could say that
//!   even the UIDs that are listed again need not be, which is a SEARCH of a few kilobytes at most; but a server that forgot
//!   to count it up would then hide the very messages for whose sake they are listed again.
//!
//! COMPRESS=DEFLATE (RFC 4978) is used where the operator asks for it and the server offers it (`wire`, `deflate`). Measured
//! against Dovecot on 582 mails of 2.2 MB, mostly text: 26 % of the bytes, in six times the time on one machine (0.12 s and
//! not 0.02 s), which the server spends. Mail that arrives is a few kilobytes, a history is read once, and what bounds it is
//! mostly what providers allow; so it is for lines that are slow or paid for by the byte. What is inflated is bounded as what
//! comes uncompressed is: an answer by what async-imap holds, a message by `MAX_MESSAGE_BYTES`, all answers to one command by
//! `MAX_ANSWERS_BYTES`; and no more is inflated than is asked for.
//!
//! What breaks is tried again after a pause (`patience`) and goes on where it was (`progress`). A message that cannot be
//! had is isolated and sent as unreadable (`alone`).
//!
//! Logging: `async_imap` and `imap_proto` write commands and mail into their traces, so whoever sets up the logger must
//! cap these two targets at `info`. This room itself logs no address, no subject and no password.

mod allowance;
mod alone;
mod census;
mod check;
mod command;
mod connect;
mod crew;
mod cursor;
mod deflate;
mod desk;
mod failure;
mod fetch;
mod follow;
mod hidden;
mod idle;
mod login;
mod mailboxes;
mod names;
mod oauth2;
mod objects;
mod outline;
mod patience;
mod progress;
mod reader;
mod scan;
mod seat;
mod spared;
mod tls;
mod watch;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use secrecy::SecretString;

use self::allowance::Allowance;
use self::connect::Account;
use self::oauth2::Tokens;
use super::{Counted, Known, Outlet, Signs, Source, SourceError};
use crate::finding::Finding;
use crate::position::SourceName;

pub use self::allowance::{Allowed, Daily};
pub use self::oauth2::{Consent, Grant, Oauth2Settings, Prompt, RedirectHost, Way, log_in};
pub use self::patience::Patience;
pub use self::watch::{Watched, Watcher};

/// How the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (port 993).
    Implicit,
    /// STARTTLS (port 143); never without.
    StartTls,
    /// No TLS: the configuration allows it for loopback hosts only.
    None,
}

/// Whether what goes over a connection is compressed (COMPRESS=DEFLATE, RFC 4978).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// It is not.
    #[default]
    Never,
    /// It is, from the login on, by a server that offers it; with others all goes on without.
    WhereOffered,
}

/// The settings of an IMAP source, checked.
#[derive(Clone, Debug)]
pub struct ImapSettings {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
    /// A PEM file with further trust anchors.
    pub ca_file: Option<PathBuf>,
    /// The user name.
    pub username: String,
    /// How the user proves who they are.
    pub login: Login,
    /// The mailboxes by name; empty: all but Junk, Trash and Drafts by SPECIAL-USE.
    pub mailboxes: Vec<String>,
    /// Connections at once, at least 1.
    pub max_connections: usize,
    /// Whether its connections are compressed.
    pub compression: Compression,
    /// How much may be downloaded.
    pub allowed: Allowed,
}

/// How a user proves who they are.
#[derive(Clone, Debug)]
pub enum Login {
    /// By a password.
    Password(SecretString),
    /// By a token that an OAuth 2 endpoint gives.
    Oauth2(Box<Oauth2Settings>),
}

/// A source of kind `imap`.
#[derive(Clone, Debug)]
pub struct ImapSource {
    name: SourceName,
    settings: ImapSettings,
    patience: Patience,
    /// The tokens that its connections share.
    tokens: Option<Arc<Tokens>>,
    /// What is left to download today, for all of its connections.
    allowance: Arc<Allowance>,
}

impl ImapSource {
    /// A source with checked settings. Nothing is connected yet.
    pub fn new(name: SourceName, settings: ImapSettings) -> Self {
        let tokens = match &settings.login {
            Login::Password(_) => None,
            Login::Oauth2(oauth2) => Some(Arc::new(Tokens::new((**oauth2).clone(), settings.username.clone()))),
        };
        let allowance = Arc::new(Allowance::new(settings.allowed.clone(), name.to_string(), Utc::now));
        Self { name, settings, patience: Patience::default(), tokens, allowance }
    }

    /// The same with another patience than the usual one.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    async fn account(&self) -> Result<Account, SourceError> {
        Account::new(self.settings.clone(), self.patience, self.tokens.clone()).await
    }
}

#[async_trait]
impl Source for ImapSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn check(&self) -> Vec<Finding> {
        check::check(self).await
    }

    async fn scan(&self, known: Arc<dyn Known>, outlet: Outlet) -> Result<(), SourceError> {
        let account = self.account().await?;
        crew::send(account, scan::Reading::new(self, known, outlet)).await
    }

    async fn follow(&self, known: Arc<dyn Known>, outlet: Outlet, signs: Arc<dyn Signs>) -> Result<(), SourceError> {
        follow::follow(self, known, outlet, signs).await
    }

    async fn census(&self, known: Arc<dyn Known>) -> Result<Vec<Counted>, SourceError> {
        let account = self.account().await?;
        census::census(self.name.clone(), account, known).await
    }
}
