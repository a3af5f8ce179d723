//! A large archive: `cargo bench --bench large` reads 100,000 messages (500 MB mbox) with the real program, twice, and
//! prints the rate and the peak of its memory; then it adds everything up.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops at the first surprise"
)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

mod support {
    pub(crate) mod mail;
    pub(crate) mod project;
}

/// The only partner, on none of the messages: everything is read and recorded, and nothing is posted.
const PARTNER: &str = "Nobody";

/// Messages in the archive.
const MESSAGES: u64 = 100_000;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = support::project::mbox(&dir.path().join("mail.mbox"), MESSAGES).unwrap();
    let file = support::project::project(dir.path(), "mbox", "mail.mbox", &[PARTNER]);
    for command in ["backfill", "backfill", "status"] {
        let start = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_mailferry"))
            .args([command, "--config"])
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // VmHWM only grows: reading it again and again until the process is gone gives its peak.
        let mut peak_kib = 0;
        let status = loop {
            peak_kib = peak(child.id()).unwrap_or(0).max(peak_kib);
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{command}: {status}, {seconds:.1} s, {:.0} messages/s, {:.0} MB/s, peak {} MB",
            MESSAGES as f64 / seconds,
            bytes as f64 / 1e6 / seconds,
            peak_kib / 1024
        );
    }
}

/// The peak of a process's resident memory in KiB.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
