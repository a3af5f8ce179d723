//! Regular expressions made of tables of words; each is compiled once.

use regex::Regex;

use super::phrases::Purpose;

/// Compiles a constant pattern.
#[expect(clippy::expect_used, reason = "patterns are constants and tables of this program, and the tests use each of them")]
pub(super) fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern is valid")
}

/// `(?:a|b|…)` over all words for a purpose, longest first; a space in a phrase stands for any white space.
pub(super) fn any_of(purpose: Purpose) -> String {
    let mut phrases: Vec<String> = purpose.words().into_iter().map(|phrase| regex::escape(phrase).replace(' ', r"\s+")).collect();
    phrases.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    phrases.dedup();
    format!("(?:{})", phrases.join("|"))
}
