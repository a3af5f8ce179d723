//! Does somebody of the partner stand in From, To or Cc?
//!
//! The route has settled that when the message was admitted. It is asked again before every post, since partners may have
//! changed in the configuration since then, and since nothing else may ever stand between a mistake and a stranger.

use super::{Case, Verdict};
use crate::delivery::Reason;
use crate::policy::Party;

const NAME: &str = "audience";

pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let is_theirs = |party| matches!(party, Party::Partner(partner) if partner.name == case.partner.name);
    if case.message.audience().any(|correspondent| is_theirs(case.directory.party(&correspondent.address))) {
        return Verdict::Pass;
    }
    Verdict::Drop(Reason::new(NAME, format!("nobody of {} stands in its From, To or Cc", case.partner.name)))
}
