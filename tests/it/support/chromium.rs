//! A page in the machine's own browser, without a network: what it shows is read back as text.

use std::path::Path;
use std::process::Command;

/// Where distributions put it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Opens a page of the disk, lets it work for so many milliseconds of its own time, and gives its document.
pub(crate) fn document(page: &Path, fragment: &str, milliseconds: u32) -> String {
    let url = format!("file://{}{fragment}", page.display());
    let budget = format!("--virtual-time-budget={milliseconds}");
    let output = run(&["--dump-dom", &budget, "--window-size=1280,900", &url]);
    String::from_utf8(output).unwrap()
}

/// Runs the browser with a profile of its own, which goes with it.
pub(crate) fn run(arguments: &[&str]) -> Vec<u8> {
    let profile = tempfile::tempdir().unwrap();
    let found = NAMES.iter().find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()));
    let name = found.expect("these tests open the page in Chromium, which is not here: apt-get install chromium");
    let output = Command::new(name)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
