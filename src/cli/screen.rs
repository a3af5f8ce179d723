//! Where a command prints: text or JSON to standard output, the rest to standard error.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// The terminal, or what stands for it.
#[derive(Clone, Debug)]
pub struct Screen {
    json: bool,
    sink: Sink,
}

/// Where it goes.
#[derive(Clone, Debug)]
enum Sink {
    /// Standard output and standard error.
    Terminal,
    /// Whoever asked over the control socket.
    Page(Arc<Mutex<Page>>),
}

/// What a command printed for somebody elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    /// Standard output.
    pub(super) out: String,
    /// Standard error.
    pub(super) err: String,
}

impl Screen {
    /// A screen that prints JSON alone, or text.
    pub fn new(json: bool) -> Self {
        Self { json, sink: Sink::Terminal }
    }

    /// A screen whose text goes elsewhere.
    pub(super) fn captured(json: bool) -> Self {
        Self { json, sink: Sink::Page(Arc::default()) }
    }

    /// What was printed on a captured screen.
    pub(super) fn page(&self) -> Page {
        match &self.sink {
            Sink::Terminal => Page::default(),
            Sink::Page(page) => page.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Prints what was printed elsewhere, as it is.
    pub(super) fn print(&self, page: &Page) -> io::Result<()> {
        self.out(&page.out)?;
        self.err(&page.err);
        Ok(())
    }

    fn out(&self, text: &str) -> io::Result<()> {
        match &self.sink {
            Sink::Terminal => io::stdout().lock().write_all(text.as_bytes()),
            Sink::Page(page) => {
                page.lock().unwrap_or_else(PoisonError::into_inner).out.push_str(text);
                Ok(())
            }
        }
    }

    fn err(&self, text: &str) {
        match &self.sink {
            // Nothing can be done where standard error is gone too.
            Sink::Terminal => drop(io::stderr().lock().write_all(text.as_bytes())),
            Sink::Page(page) => page.lock().unwrap_or_else(PoisonError::into_inner).err.push_str(text),
        }
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
        if self.json { Ok(()) } else { self.out(&format!("{text}\n")) }
    }

    /// Prints a text that ends its own lines; nothing where JSON was asked for.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn text(&self, text: &impl std::fmt::Display) -> io::Result<()> {
        if self.json { Ok(()) } else { self.out(&text.to_string()) }
    }

    /// Says everything that is wrong with a configuration: to standard error, or as JSON to standard output.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn complaints(&self, error: &ConfigError) -> io::Result<()> {
        self.err(&format!("mailferry: {error}\n"));
        self.json(&serde_json::json!({ "complaints": error.complaints }))
    }

    /// Says on standard error what a person has to know or do meanwhile.
    pub fn note(&self, text: impl std::fmt::Display) {
        self.err(&format!("{text}\n"));
    }

    /// Says on standard error what is wrong with the command line.
    pub fn misuse(&self, text: impl std::fmt::Display) {
        self.err(&format!("mailferry: {text}\n"));
    }

    /// Prints a value as one line of JSON; nothing where text was asked for.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn json(&self, value: &impl Serialize) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        self.out(&(serde_json::to_string(value)? + "\n"))
    }

    /// Says on standard error what went wrong, causes included.
    pub fn error(&self, error: &anyhow::Error) {
        self.err(&format!("mailferry: {error:#}\n"));
    }
}
