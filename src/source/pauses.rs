//! Growing pauses between tries that never end: capped, and never the same for two that failed together.

use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);

/// The longest: a server that was down for hours is found again within minutes.
const LONGEST: Duration = Duration::from_secs(300);

/// Pauses, each up to twice as long as the one before.
#[derive(Debug, Default)]
pub struct Pauses {
    tries: u32,
}

impl Pauses {
    /// The next pause: between half of its bound and all of it, by chance, so that accounts that were cut off together do
    /// not come back together.
    pub fn longer(&mut self) -> Duration {
        let bound = FIRST.saturating_mul(1 << self.tries.min(16)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        bound / 2 + (bound / 2).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_stay_there() {
        let mut pauses = Pauses::default();
        for bound in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
            let pause = pauses.longer();
            assert!(pause >= Duration::from_secs(bound) / 2 && pause <= Duration::from_secs(bound), "{pause:?} of {bound} s");
        }
    }
}
