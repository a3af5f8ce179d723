//! Which panics are findings.

use std::collections::BTreeSet;
use std::panic;
use std::process::abort;
use std::sync::Mutex;

/// Replaces the hook of libFuzzer's, which takes every panic for a finding. What panics in a library is caught by the
/// program, and is only named, once for each place; everything else ends the run.
pub(crate) fn stop_at_our_own() {
    static SEEN: Mutex<BTreeSet<(String, u32)>> = Mutex::new(BTreeSet::new());
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| (place.file().to_owned(), place.line())).unwrap_or_default();
        let is_library =
            ["/html2text-", "/html5ever-", "/mail-parser-", "/markup5ever-", "/tendril-"].iter().any(|name| place.0.contains(name));
        if !is_library {
            eprintln!("{panic}");
            abort();
        }
        if SEEN.lock().is_ok_and(|mut seen| seen.insert(place.clone())) {
            eprintln!("caught: {panic}");
        }
    }));
}
