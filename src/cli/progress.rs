//! How a run looks to a person who watches: bars with rate and time left on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::{Stage, Watch};
use crate::position::SourceName;

/// Between two lines where nobody sees a bar, at least so many messages.
const LINE_EVERY: u64 = 10_000;

/// Redraws of the bar a second.
const REDRAWS: u8 = 8;

/// A bar on standard error, or lines.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    lines: bool,
    done: AtomicU64,
}

impl Progress {
    /// A bar where standard error is a terminal, else lines.
    pub(super) fn new() -> Self {
        let lines = !std::io::stderr().is_terminal();
        let target = if lines { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(REDRAWS) };
        Self { bar: ProgressBar::with_draw_target(None, target), lines, done: AtomicU64::new(0) }
    }

    fn restyle(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("━╸ "));
        }
    }

    #[expect(clippy::print_stderr, reason = "the place where progress is printed")]
    fn line(&self, text: &str) {
        if self.lines {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    fn advance(&self, by: u64, what: &str) {
        let before = self.done.fetch_add(by, Ordering::Relaxed);
        if self.lines && (before + by) / LINE_EVERY > before / LINE_EVERY {
            self.line(&format!("{what} {} messages", before + by));
        }
    }
}

impl Watch for Progress {
    fn stage(&self, stage: Stage) {
        self.done.store(0, Ordering::Relaxed);
        self.bar.reset();
        self.bar.unset_length();
        self.bar.enable_steady_tick(Duration::from_millis(250));
        match stage {
            Stage::Ingest => self.restyle("reading {bar:30} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left · {msg}"),
            Stage::Deliver => self.restyle("posting {bar:30} {pos}/{len} messages {per_sec} {eta} left"),
            Stage::Publish => self.restyle("writing {spinner} {elapsed}"),
            Stage::Mirror => self.restyle("mirroring {spinner} {elapsed} · {msg}"),
            Stage::Undo => self.restyle("undoing {bar:30} {pos}/{len} messages {eta} left"),
            Stage::Compare => self.restyle("comparing {bar:30} {pos}/{len} threads {eta} left"),
        }
    }

    fn expected(&self, _source: &SourceName, _mailbox: &str, _messages: Option<u64>, bytes: Option<u64>) {
        self.bar.inc_length(bytes.unwrap_or_default());
    }

    fn ingested(&self, messages: u64, bytes: u64) {
        self.advance(messages, "read");
        self.bar.inc(bytes);
        self.bar.set_message(format!("{} messages", self.done.load(Ordering::Relaxed)));
    }

    fn to_deliver(&self, messages: u64) {
        self.bar.inc_length(messages);
    }

    fn crossed(&self) {
        self.advance(1, "posted");
        self.bar.inc(1);
    }

    fn say(&self, text: &str) {
        self.line(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
