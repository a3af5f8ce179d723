//! The integration tests: one binary, a file per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests stop at the first surprise"
)]

mod reading;
mod support;
