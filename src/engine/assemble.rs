//! From settings to the things that they describe: sources, destinations, channels.

use std::path::Path;
use std::sync::Arc;

use crate::config::{DestinationConfig, DestinationKind, SourceConfig, SourceKind};
use crate::destination::{ArchiveDestination, ChannelSpec, Destination, Failure, SlackDestination};
use crate::policy::Partner;
use crate::source::{EmlSource, ImapSource, MaildirSource, MboxSource, Source};

/// The source that was configured. Its mailboxes are named relative to `base`, the directory of the configuration.
pub fn source(config: &SourceConfig, base: &Path) -> Arc<dyn Source> {
    let (name, base) = (config.name.clone(), base.to_path_buf());
    match &config.kind {
        SourceKind::Imap(settings) => Arc::new(ImapSource::new(name, settings.clone())),
        SourceKind::Mbox(path) => Arc::new(MboxSource::new(name, path.clone(), base)),
        SourceKind::Maildir(path) => Arc::new(MaildirSource::new(name, path.clone(), base)),
        SourceKind::Eml(path) => Arc::new(EmlSource::new(name, path.clone(), base)),
    }
}

/// The destination that was configured.
///
/// # Errors
/// When it cannot be set up on this machine.
pub fn destination(config: &DestinationConfig) -> Result<Arc<dyn Destination>, Failure> {
    let name = config.name.clone();
    Ok(match &config.kind {
        DestinationKind::Slack(settings) => Arc::new(SlackDestination::new(name, settings.clone())?),
        DestinationKind::Archive(settings) => Arc::new(ArchiveDestination::new(name, settings.clone())?),
    })
}

/// The channel of a partner, as its destination should have it.
pub fn channel(partner: &Partner, destination: &DestinationConfig) -> ChannelSpec {
    ChannelSpec {
        name: partner.channel.clone(),
        visibility: destination.visibility,
        purpose: format!("Our work with {}, moved out of e-mail", partner.name),
    }
}
