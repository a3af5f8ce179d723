//! Where a command prints: text or JSON to standard output, the rest to standard error.

use std::io::{self, Write};

use serde::Serialize;

use crate::config::ConfigError;

/// The terminal, or what stands for it.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    json: bool,
}

impl Screen {
    /// A screen that prints JSON alone, or text.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether standard output is JSON alone.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line for people; nothing where JSON was asked for.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn line(&self, text: impl std::fmt::Display) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(io::stdout().lock(), "{text}") }
    }

    /// Prints a text that ends its own lines; nothing where JSON was asked for.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn text(&self, text: &impl std::fmt::Display) -> io::Result<()> {
        if self.json { Ok(()) } else { write!(io::stdout().lock(), "{text}") }
    }

    /// Says everything that is wrong with a configuration: to standard error, or as JSON to standard output.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn complaints(&self, error: &ConfigError) -> io::Result<()> {
        writeln!(io::stderr().lock(), "mailferry: {error}")?;
        self.json(&serde_json::json!({ "complaints": error.complaints }))
    }

    /// Says on standard error what is wrong with the command line.
    pub fn misuse(&self, text: impl std::fmt::Display) {
        // Nothing can be done where standard error is gone too.
        drop(writeln!(io::stderr().lock(), "mailferry: {text}"));
    }

    /// Prints a value as one line of JSON; nothing where text was asked for.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn json(&self, value: &impl Serialize) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, value)?;
        writeln!(out)
    }

    /// Says on standard error what went wrong, causes included.
    pub fn error(&self, error: &anyhow::Error) {
        // Nothing can be done where standard error is gone too.
        drop(writeln!(io::stderr().lock(), "mailferry: {error:#}"));
    }
}
