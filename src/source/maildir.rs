//! Maildir.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Known, Outlet, Source, SourceError};
use crate::finding::Finding;
use crate::position::SourceName;

/// A source of kind `maildir`.
#[derive(Clone, Debug)]
pub struct MaildirSource {
    name: SourceName,
    /// A file, a directory or a glob, absolute.
    path: PathBuf,
    /// What mailboxes are named relative to: the directory of the configuration.
    base: PathBuf,
}

impl MaildirSource {
    /// A source that reads `path` (a file, a directory or a glob); its mailboxes are named relative to `base`.
    pub fn new(name: SourceName, path: PathBuf, base: PathBuf) -> Self {
        Self { name, path, base }
    }
}

#[async_trait]
impl Source for MaildirSource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn check(&self) -> Vec<Finding> {
        vec![Finding::fine(self.path.display().to_string(), self.base.display().to_string())]
    }

    async fn scan(&self, _known: Arc<dyn Known>, _outlet: Outlet) -> Result<(), SourceError> {
        Ok(())
    }
}
