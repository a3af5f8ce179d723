//! Mbox.

mod boundary;
mod envelope;
mod reader;
mod window;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Known, Outlet, Source, SourceError};
use crate::finding::Finding;
use crate::position::SourceName;

pub(in crate::source) use self::envelope::begins_mbox;
pub use self::reader::{MboxEntry, MboxReader};

/// A source of kind `mbox`.
#[derive(Clone, Debug)]
pub struct MboxSource {
    name: SourceName,
    /// A file, a directory or a glob, absolute.
    path: PathBuf,
    /// What mailboxes are named relative to: the directory of the configuration.
    base: PathBuf,
}

impl MboxSource {
    /// A source that reads `path` (a file, a directory or a glob); its mailboxes are named relative to `base`.
    pub fn new(name: SourceName, path: PathBuf, base: PathBuf) -> Self {
        Self { name, path, base }
    }
}

#[async_trait]
impl Source for MboxSource {
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
