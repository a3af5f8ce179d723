//! Regular expressions made of the tables of phrases; each is compiled once.

use regex::Regex;

use super::phrases::{LANGUAGES, Language};

/// Compiles a constant pattern.
#[expect(clippy::expect_used, reason = "patterns are constants and tables of this program; a test compiles each of them")]
pub(super) fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern is valid")
}

/// `(?:a|b|…)` over one column of the table, longest first, so that the longest phrase wins.
pub(super) fn any_of(column: impl Fn(&Language) -> &'static [&'static str]) -> String {
    alternatives(LANGUAGES.iter().flat_map(|language| column(language).iter().copied()))
}

/// `(?:a|b|…)`, longest first; a space in a phrase stands for any white space.
pub(super) fn alternatives(phrases: impl Iterator<Item = &'static str>) -> String {
    let mut phrases: Vec<String> = phrases.map(|phrase| regex::escape(phrase).replace(' ', r"\s+")).collect();
    phrases.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    phrases.dedup();
    format!("(?:{})", phrases.join("|"))
}
