//! Settings → sources, destinations and channels.

use std::path::Path;
use std::sync::Arc;

use crate::config::{Config, DestinationConfig, DestinationKind, SourceConfig, SourceKind};
use crate::delivery::{ChannelName, DestinationName};
use crate::destination::{ArchiveDestination, ChannelSpec, Destination, Failure, SlackDestination, Visibility};
use crate::source::{EmlSource, ImapSource, MaildirSource, MboxSource, PstSource, Source};

/// The source of a configuration; its mailboxes are named relative to `base`.
pub fn source(config: &SourceConfig, base: &Path) -> Arc<dyn Source> {
    let (name, base) = (config.name.clone(), base.to_path_buf());
    match &config.kind {
        SourceKind::Imap(settings) => Arc::new(ImapSource::new(name, settings.clone())),
        SourceKind::Mbox(path) => Arc::new(MboxSource::new(name, path.clone(), base)),
        SourceKind::Maildir(path) => Arc::new(MaildirSource::new(name, path.clone(), base)),
        SourceKind::Eml(path) => Arc::new(EmlSource::new(name, path.clone(), base)),
        SourceKind::Pst(path) => Arc::new(PstSource::new(name, path.clone(), base)),
    }
}

/// The destination of a configuration.
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

/// A channel as the configuration wants it. Private where it no longer speaks of it: nobody sees more by mistake.
pub fn channel(config: &Config, destination: &DestinationName, name: &ChannelName) -> ChannelSpec {
    let wanted = config.destinations.iter().find(|wanted| &wanted.name == destination);
    let partner =
        config.directory.partners().iter().find(|partner| &partner.channel == name && &partner.destination == destination);
    let ours = &config.directory.organisation().name;
    ChannelSpec {
        name: name.clone(),
        visibility: wanted.map_or(Visibility::Private, |wanted| wanted.visibility),
        purpose: partner.map_or_else(String::new, |theirs| format!("Work of {ours} with {}, moved here from e-mail", theirs.name)),
    }
}
