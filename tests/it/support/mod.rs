//! The worlds that the tests run in.

pub(crate) mod dovecot;
pub(crate) mod scripted;
