//! `[threads]` and `[posts]`: what belongs together, and how much of a message a post shows.

use super::table::Table;
use crate::destination::post::HiddenText;
use crate::mail::thread::Reuse;

/// Reads `[threads]`.
pub(super) fn reuse(table: Option<Table<'_>>) -> Reuse {
    let Some(mut table) = table else { return Reuse::default() };
    let split = table.flag("split_on_new_subject").unwrap_or(false);
    table.finish();
    if split { Reuse::Split } else { Reuse::Joined }
}

/// Reads `[posts]`.
pub(super) fn hidden(table: Option<Table<'_>>) -> HiddenText {
    const CHOICES: &[(&str, HiddenText)] = &[("vault", HiddenText::InVault), ("file", HiddenText::AsFile)];
    let Some(mut table) = table else { return HiddenText::default() };
    let hidden = table.choice("hidden", CHOICES).unwrap_or_default();
    table.finish();
    hidden
}
