//! Servers whose packages cannot be installed beside Dovecot's: `tests/run.sh` unpacks them into the target directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use walkdir::WalkDir;

/// A program of theirs, with its libraries, by its path under `/`.
pub(crate) fn program(path: &str) -> Command {
    let mut command = Command::new(root().join(path));
    command.env("LD_LIBRARY_PATH", library_path());
    command
}

/// Where everything was unpacked. These tests never pass by not running.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let servers = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("servers");
        assert!(servers.join("edition").exists(), "these tests need Cyrus and Courier: run tests/run.sh as root, once");
        fs::canonicalize(servers.join("root")).unwrap()
    })
}

/// Where the libraries are, as the loader wants to have it.
pub(crate) fn library_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let mut directories = Vec::new();
        for lib in [root().join("lib"), root().join("usr/lib")].into_iter().filter(|lib| lib.exists()) {
            let within = WalkDir::new(&lib).max_depth(1).into_iter().map(|entry| entry.unwrap().into_path());
            directories.extend(within.filter(|path| *path == lib || path.to_str().unwrap().ends_with("-linux-gnu")));
        }
        directories.iter().map(|path| path.to_str().unwrap()).collect::<Vec<_>>().join(":")
    })
}

/// The directory in the library path under which this file is.
pub(crate) fn library_with(file: &str) -> PathBuf {
    library_path().split(':').map(PathBuf::from).find(|directory| directory.join(file).exists()).unwrap()
}
