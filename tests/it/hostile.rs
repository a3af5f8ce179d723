//! Mail that was made to hurt: what the fuzzer learnt and found, and bombs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

mod bombs;
#[path = "../fuzz/promises/harmless.rs"]
mod harmless;
#[path = "../fuzz/promises/parsing.rs"]
mod parsing;
#[path = "../fuzz/promises/rendering.rs"]
mod rendering;

/// The files below a directory of the repository.
fn files(directory: &str) -> Vec<PathBuf> {
    let tree = walkdir::WalkDir::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)).sort_by_file_name();
    let files = tree.into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files.map(walkdir::DirEntry::into_path).collect()
}

/// Demands a promise for every file, and names those that break it.
fn all_keep(promise: fn(&[u8]), least: usize) {
    let files: Vec<_> = ["samples/mail", "tests/fuzz/seeds", "tests/fuzz/findings"].into_iter().flat_map(files).collect();
    assert!(files.len() >= least, "only {} mails were tried", files.len());
    let breaks = |file: &PathBuf| catch_unwind(AssertUnwindSafe(|| promise(&std::fs::read(file).unwrap()))).is_err();
    let broken: Vec<_> = files.iter().filter(|file| breaks(file)).collect();
    assert!(broken.is_empty(), "{} mails broke a promise: {broken:#?}", broken.len());
}

#[test]
fn what_the_fuzzer_learnt_and_found_is_understood() {
    all_keep(parsing::parsing, 30);
}

#[test]
fn what_the_fuzzer_learnt_and_found_acts_nowhere() {
    all_keep(rendering::rendering, 30);
    all_keep(rendering::archiving, 30);
}
