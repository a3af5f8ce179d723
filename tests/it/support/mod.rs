//! The worlds that the tests run in.

pub(crate) mod slack;
