//! The worlds that the tests run in.
