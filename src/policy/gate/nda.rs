//! Is there an NDA, where the rules want one?

use super::Verdict;
use crate::delivery::Reason;
use crate::policy::{NdaRule, Partner, Rules};

const NAME: &str = "nda";

/// No NDA is on record anywhere yet, so the rule holds everybody, trusted or not: it fails closed.
pub(super) fn judge(rules: &Rules, partner: &Partner) -> Verdict {
    match rules.nda {
        NdaRule::NotRequired => Verdict::Pass,
        NdaRule::Required => {
            let name = &partner.name;
            let text = format!(
                "policy.require_nda is set and no NDA of {name} is on record: where NDAs are kept elsewhere, set it to false"
            );
            Verdict::Hold(Reason::new(NAME, text))
        }
    }
}
