//! `[mirror]`: how a run that goes on is watched.

use std::net::SocketAddr;
use std::time::Duration;

use super::destination::Draft;
use super::table::Table;
use super::{name, party};
use crate::delivery::{ChannelName, DestinationName};
use crate::policy::Partner;

/// How long a source may be silent where the configuration does not say: three of its looks, and time for a slow server.
const DEFAULT_SILENT_AFTER_SECONDS: u64 = 900;

/// How a run that goes on is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorConfig {
    /// Where `/healthz` and `/metrics` are; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// How long a source may go without being read to its end before the run is called unhealthy.
    pub silent_after: Duration,
    /// The channel in which the operators are told what needs them; `None`: nowhere.
    pub operators: Option<OperatorsConfig>,
}

/// The operators' channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorsConfig {
    /// The destination.
    pub destination: DestinationName,
    /// The channel there; no partner's.
    pub channel: ChannelName,
}

impl Default for MirrorConfig {
    fn default() -> Self {
        Self { listen: None, silent_after: Duration::from_secs(DEFAULT_SILENT_AFTER_SECONDS), operators: None }
    }
}

/// Reads `[mirror]`.
pub(super) fn mirror(table: Option<Table<'_>>, destinations: &[Draft], partners: &[Partner]) -> MirrorConfig {
    let Some(mut table) = table else { return MirrorConfig::default() };
    let listen = table.text("listen").and_then(|given| {
        let address = given.value.parse::<SocketAddr>();
        if address.is_err() {
            table.complaints.add(&given.place, "is no address and port: write \"127.0.0.1:9470\", or \"[::1]:9470\"");
        }
        address.ok()
    });
    let seconds = table.integer("silent_after_seconds", 10..=86_400).unwrap_or(DEFAULT_SILENT_AFTER_SECONDS);
    let operators = table.table("operators").and_then(|table| operators(table, destinations, partners));
    table.finish();
    MirrorConfig { listen, silent_after: Duration::from_secs(seconds), operators }
}

/// Reads `operators = { … }`.
fn operators(mut table: Table<'_>, destinations: &[Draft], partners: &[Partner]) -> Option<OperatorsConfig> {
    let destination = party::destination(&mut table, destinations);
    let channel = table.required_text("channel", "channel = \"mailferry-ops\"");
    let complaints = table.complaints;
    table.finish();
    let (channel, name) = (channel?, destination?.name.as_ref()?);
    if let Some(fault) = name::channel_fault(&channel.value) {
        complaints.add(&channel.place, fault);
        return None;
    }
    let theirs =
        partners.iter().find(|partner| partner.destination.as_str() == name.value && partner.channel.as_str() == channel.value);
    if let Some(partner) = theirs {
        let text = format!("is the channel of {}: what is for the operators alone would be read there", partner.name);
        complaints.add(&channel.place, text);
        return None;
    }
    Some(OperatorsConfig { destination: DestinationName::new(name.value.clone()), channel: ChannelName::new(channel.value) })
}
