//! The worlds that the tests run in.
pub(crate) mod archives;
pub(crate) mod chromium;
pub(crate) mod project;

pub(crate) mod shelf;
