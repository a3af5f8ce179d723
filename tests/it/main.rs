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
mod archive_page;
mod archives;
mod check;
mod configuration;
mod example;
mod gates;
mod backfill;
mod configuration;
mod ferry;
mod imap;
mod ledger;
mod mbox;
mod policy;
mod slack;
mod support;
mod tidy;
