//! What the system says of a running process.

use std::time::Duration;

/// Memory and time that a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Resident memory, in bytes.
    pub(crate) resident_bytes: u64,
    /// The most that it ever was.
    pub(crate) peak_bytes: u64,
    /// Time on any core.
    pub(crate) cpu: Duration,
    /// Open files and connections.
    pub(crate) open: usize,
}

/// What a process uses now (`man 5 proc`).
pub(crate) fn usage(process: u32) -> Usage {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).unwrap();
    let status = read("status");
    let kib = |key: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").parse().unwrap()
    };
    let stat = read("stat");
    let mut fields = stat.rsplit(')').next().unwrap().split_whitespace().skip(11);
    let ticks: u64 = fields.by_ref().take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Usage {
        resident_bytes: kib("VmRSS") * 1024,
        peak_bytes: kib("VmHWM") * 1024,
        // The unit of this file is 1/100 s on every Linux.
        cpu: Duration::from_millis(ticks * 10),
        open: std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
    }
}
