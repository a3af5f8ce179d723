//! Held messages whose reason is gone: a partner was approved, or the configuration trusts it now.

use super::World;
use crate::ledger::CrossingId;
use crate::policy::gate::{Verdict, judge_partner};

impl World {
    /// Releases every message that was held for its partner's sake and whose partner passes now. Returns how many.
    ///
    /// # Errors
    /// When the ledger cannot be read or written.
    pub fn reconsider(&self) -> anyhow::Result<u64> {
        let mut passing: Vec<CrossingId> = Vec::new();
        self.ledger.each_crossing(|crossing| {
            let for_partner = crossing.waiting().is_some_and(|reason| matches!(reason.gate.as_str(), "approval" | "nda"));
            if for_partner && let Some(partner) = self.config.directory.partner(&crossing.partner) {
                let approval = self.ledger.approval(&partner.name)?;
                if judge_partner(&self.config.rules, partner, approval.as_ref()) == Verdict::Pass {
                    passing.push(crossing.id);
                }
            }
            Ok(())
        })?;
        for id in &passing {
            self.ledger.release(id, "its partner passes now")?;
        }
        Ok(passing.len() as u64)
    }
}
