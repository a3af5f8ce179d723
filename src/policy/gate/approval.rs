//! Has someone opened the partner's channel?

use super::Verdict;
use crate::delivery::{Approval, Reason};
use crate::policy::{Approvals, Partner, Rules, Trust};

const NAME: &str = "approval";

pub(super) fn judge(rules: &Rules, partner: &Partner, approval: Option<&Approval>) -> Verdict {
    match (rules.approval, partner.trust, approval) {
        (Approvals::NotRequired, _, _) | (_, Trust::ByRule, _) | (_, _, Some(_)) => Verdict::Pass,
        (Approvals::Required, Trust::NeedsApproval, None) => {
            let name = &partner.name;
            Verdict::Hold(Reason::new(NAME, format!("nobody has approved {name}: run `mailferry approve \"{name}\" --by YOU`")))
        }
    }
}
