//! How fast posts may go: so many a second in one channel, so many a minute in the workspace.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::delivery::ChannelId;

/// Hands out the times at which the next post may go. Posts to one channel keep their distance; all channels together
/// keep the workspace's; a `Retry-After` moves everything back.
#[derive(Debug)]
pub struct Pace {
    channel_gap: Duration,
    workspace_gap: Duration,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    channels: BTreeMap<ChannelId, Instant>,
    workspace: Option<Instant>,
}

impl Pace {
    /// A pace of so many posts a second in a channel and so many a minute in the workspace. Rates that are not above
    /// zero mean no limit.
    pub fn new(posts_per_second: f64, workspace_posts_per_minute: f64) -> Self {
        Self {
            channel_gap: gap(1.0, posts_per_second),
            workspace_gap: gap(60.0, workspace_posts_per_minute),
            slots: Mutex::default(),
        }
    }

    /// Waits until a post may go to this channel, and takes that slot.
    pub async fn wait(&self, channel: &ChannelId) {
        sleep_until(self.take(channel, Instant::now())).await;
    }

    /// Lets nothing go for a while: the server asked for it.
    pub fn hold_back(&self, pause: Duration) {
        let mut slots = self.slots.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let until = Instant::now() + pause;
        slots.workspace = Some(slots.workspace.map_or(until, |at| at.max(until)));
    }

    /// The first free slot for the channel at or after `now`; takes it.
    fn take(&self, channel: &ChannelId, now: Instant) -> Instant {
        let mut slots = self.slots.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let own = slots.channels.get(channel).copied().unwrap_or(now);
        let slot = now.max(own).max(slots.workspace.unwrap_or(now));
        slots.channels.insert(channel.clone(), slot + self.channel_gap);
        slots.workspace = Some(slot + self.workspace_gap);
        slot
    }
}

fn gap(seconds: f64, rate: f64) -> Duration {
    if rate > 0.0 { Duration::from_secs_f64((seconds / rate).min(3600.0)) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_channel_keeps_its_distance_and_channels_share_the_workspace() {
        let pace = Pace::new(1.0, 120.0);
        let (a, b, now) = (ChannelId::new("A"), ChannelId::new("B"), Instant::now());
        assert_eq!(pace.take(&a, now), now);
        assert_eq!(pace.take(&b, now), now + Duration::from_millis(500));
        assert_eq!(pace.take(&a, now), now + Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_request_to_wait_holds_every_channel() {
        let pace = Pace::new(1000.0, 100_000.0);
        let now = Instant::now();
        pace.hold_back(Duration::from_secs(30));
        assert!(pace.take(&ChannelId::new("A"), now) >= now + Duration::from_secs(30));
    }
}
