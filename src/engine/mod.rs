//! The one engine: ingest to the end, then deliver to the end. The only room that sees the rooms below.

mod arrivals;
pub mod assemble;
mod before;
mod courier;
mod deliver;
pub mod explain;
pub mod health;
mod ingest;
mod lane;
mod mirror;
pub mod operators;
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
use tokio::sync::Notify;

pub use self::health::{Health, HealthReport};
pub use self::operators::Operators;
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
    pub ledger: Arc<Ledger>,
    /// Where raw messages are kept, or what takes its place in a dry run.
    pub keeping: Keeping,
    /// The destinations by name.
    pub destinations: BTreeMap<DestinationName, Arc<dyn Destination>>,
    /// Who watches.
    pub watch: Arc<dyn Watch>,
    /// How a run that goes on is doing.
    pub health: Health,
    /// Who is told what needs a person.
    pub operators: Operators,
    /// Wakes the deliveries of a run that goes on: there is something to post.
    pub work: Arc<Notify>,
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

    /// Admits and delivers what there is and what arrives, until somebody asks to stop. Each day is a batch of its own.
    ///
    /// # Errors
    /// When the ledger or the vault cannot be read or written. Sources and channels in trouble are tried again for ever.
    pub async fn mirror(self: &Arc<Self>, sources: &[Arc<dyn Source>]) -> anyhow::Result<()> {
        mirror::run(self, sources).await
    }

    /// A world for a dry run beside this one: over the same ledger, with writes that stay in memory.
    pub fn beside(&self) -> Arc<Self> {
        Arc::new(Self {
            config: self.config.clone(),
            ledger: Arc::new(self.ledger.beside()),
            keeping: Keeping::Forecast { vault: self.vault().clone(), expected: Forecasts::default() },
            destinations: self.destinations.clone(),
            watch: Arc::new(Nobody),
            health: Health::default(),
            operators: Operators::default(),
            work: Arc::default(),
            stop: self.stop.clone(),
            clock: self.clock,
        })
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
