//! The one engine: ingest to the end, then deliver to the end. The only room that sees the rooms below.

pub mod assemble;
mod before;
mod courier;
mod deliver;
mod ingest;
mod lane;
pub mod plan;
mod prepared;
mod reach;
pub mod reconcile;
mod reconsider;
mod reroute;
mod stop;
mod understand;
pub mod undo;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use self::plan::Forecasts;
pub use self::stop::Stop;
pub use self::watch::{Nobody, Stage, Watch};
use crate::config::Config;
use crate::delivery::DestinationName;
use crate::destination::Destination;
use crate::ledger::Ledger;
use crate::report::{DeliveryReport, IngestReport};
use crate::source::Source;
use crate::vault::Vault;

/// Everything that a run works with.
pub struct World {
    /// The configuration.
    pub config: Config,
    /// What was seen and done.
    pub ledger: Ledger,
    /// Where raw messages are kept, or what takes its place in a dry run.
    pub keeping: Keeping,
    /// The destinations by name.
    pub destinations: BTreeMap<DestinationName, Arc<dyn Destination>>,
    /// Who watches.
    pub watch: Arc<dyn Watch>,
    /// The wish to stop.
    pub stop: Stop,
    /// What time it is.
    pub clock: fn() -> DateTime<Utc>,
}

/// What is done with raw messages.
#[derive(Debug)]
pub enum Keeping {
    /// They are kept.
    Vault(Vault),
    /// They are forgotten once they are understood, and what would be posted is reckoned.
    Forecast {
        /// The vault of earlier runs, which is only read.
        vault: Vault,
        /// What would be posted.
        expected: Forecasts,
    },
}

impl World {
    /// Reads every source to its end. After it returns, everything that was found is admitted.
    ///
    /// # Errors
    /// When the ledger or the vault cannot be written. A source that cannot be read is in the report; the others go on.
    pub async fn ingest(self: &Arc<Self>, sources: &[Arc<dyn Source>]) -> anyhow::Result<IngestReport> {
        ingest::run(self, sources).await
    }

    /// Delivers all that may be delivered.
    ///
    /// # Errors
    /// When the ledger or the vault cannot be read or written. A destination or channel in trouble is in the report; the
    /// others go on.
    pub async fn deliver(self: &Arc<Self>) -> anyhow::Result<DeliveryReport> {
        deliver::run(self).await
    }

    /// Where raw messages of earlier runs are.
    fn vault(&self) -> &Vault {
        match &self.keeping {
            Keeping::Vault(vault) | Keeping::Forecast { vault, .. } => vault,
        }
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("config", &self.config.file).finish_non_exhaustive()
    }
}
