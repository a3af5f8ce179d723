//! The integration tests: one binary, a file per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests stop at the first surprise"
)]

mod archive;
mod archive_page;
mod archive_retraction;
mod archives;
mod backfill;
mod check;
mod configuration;
mod example;
mod explain;
mod ferry;
mod fire;
mod full_disk;
mod gates;
mod hostile;
mod identity;
mod imap;
mod inspect;
mod ledger;
mod login;
mod loops;
mod mbox;
mod mirror;
mod operators;
mod outlook;
mod parsing;
mod people;
mod policy;
mod posts;
mod reading;
mod slack;
mod steps;
mod support;
mod threads;
mod tidy;
mod trail;
mod undo;
