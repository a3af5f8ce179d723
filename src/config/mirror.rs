//! `[mirror]`: how a run that goes on is watched.

use std::net::SocketAddr;
use std::time::Duration;

use super::table::Table;

/// How long a source may be silent where the configuration does not say: three of its looks, and time for a slow server.
const DEFAULT_SILENT_AFTER_SECONDS: u64 = 900;

/// How a run that goes on is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorConfig {
    /// Where `/healthz` and `/metrics` are; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// How long a source may go without being read to its end before the run is called unhealthy.
    pub silent_after: Duration,
}

impl Default for MirrorConfig {
    fn default() -> Self {
        Self { listen: None, silent_after: Duration::from_secs(DEFAULT_SILENT_AFTER_SECONDS) }
    }
}

/// Reads `[mirror]`.
pub(super) fn mirror(table: Option<Table<'_>>) -> MirrorConfig {
    let Some(mut table) = table else { return MirrorConfig::default() };
    let listen = table.text("listen").and_then(|given| {
        let address = given.value.parse::<SocketAddr>();
        if address.is_err() {
            table.complaints.add(&given.place, "is no address and port: write \"127.0.0.1:9470\", or \"[::1]:9470\"");
        }
        address.ok()
    });
    let seconds = table.integer("silent_after_seconds", 10..=86_400).unwrap_or(DEFAULT_SILENT_AFTER_SECONDS);
    table.finish();
    MirrorConfig { listen, silent_after: Duration::from_secs(seconds) }
}
