//! The integration tests: one binary, a file per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests stop at the first surprise"
)]

mod archive;
mod archives;
mod check;
mod configuration;
mod example;
mod gates;
mod ledger;
mod policy;
mod support;
mod tidy;
