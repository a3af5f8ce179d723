//! The worlds that the tests run in.
pub(crate) mod archives;
pub(crate) mod authority;
pub(crate) mod chromium;
pub(crate) mod ferry;
pub(crate) mod project;

pub(crate) mod shelf;

pub(crate) mod courier;
pub(crate) mod cyrus;
pub(crate) mod dovecot;
pub(crate) mod imap_server;
pub(crate) mod mail_server;
pub(crate) mod meter;
pub(crate) mod pst;
pub(crate) mod relay;
pub(crate) mod scripted;
pub(crate) mod unpacked;

pub(crate) mod slack;
pub(crate) mod steps;
pub(crate) mod tokens;
