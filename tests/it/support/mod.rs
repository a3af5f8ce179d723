//! The worlds that the tests run in.
pub(crate) mod archives;
pub(crate) mod project;
pub(crate) mod chromium;
