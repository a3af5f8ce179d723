//! A disk that fills up: the run stops with a sentence, nothing that was done is forgotten, and it goes on once there is space.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::ferry::{MBOX, assert_each_stands_once, project, threads};
use crate::support::project::{ARCHIVE, Project, Ran};
use crate::support::slack::FakeSlack;

/// A small disk that can grow. It is gone when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, kib: u32) -> Self {
        std::fs::create_dir_all(&at).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"], &at);
        Self(at)
    }

    fn grow(&self, kib: u32) {
        mount(&["-o", &format!("remount,size={kib}k")], &self.0);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

fn mount(arguments: &[&str], at: &Path) {
    let output = Command::new("mount").args(arguments).arg(at).output().unwrap();
    assert!(output.status.success(), "these tests need to be root, to mount a small disk: {output:?}");
}

/// Steps by which the disk grows.
const STEP_KIB: u32 = 96;

/// A disk on which everything has room.
const ENOUGH_KIB: u32 = 64 * 1024;

/// Runs again and again, with a little more space each time, until a run comes to its end. Hands back how many did not.
fn run_while_growing(project: &Project, disk: &SmallDisk, from_kib: u32) -> u32 {
    let mut kib = from_kib;
    let mut stopped = 0;
    loop {
        let ran = project.run(&["backfill"]);
        if ran.code == Some(0) {
            // To be opened again, the index wants a little more.
            disk.grow(ENOUGH_KIB);
            return stopped;
        }
        assert_says_so(&ran, kib);
        stopped += 1;
        kib += STEP_KIB;
        assert!(kib < ENOUGH_KIB, "with {kib} KiB: {ran:?}");
        disk.grow(kib);
    }
}

fn assert_says_so(ran: &Ran, kib: u32) {
    assert_eq!(ran.code, Some(1), "with {kib} KiB: {ran:?}");
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("No space left on device") && said.contains("space"), "with {kib} KiB: {ran:?}");
    assert!(!said.contains("panicked"), "with {kib} KiB: {ran:?}");
}

/// Threads with words that do not compress, so that each takes its space.
fn large_threads(count: u32) -> String {
    let mut state: u64 = 7;
    let mut noise = || {
        let mut line = String::new();
        for _ in 0..60 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            line.push(char::from(b'a' + ((state >> 40) % 26) as u8));
        }
        line
    };
    let mails = threads(count);
    let mut large = String::new();
    for line in mails.lines() {
        large += line;
        large.push('\n');
        if line.starts_with("The words of ") {
            (0..30).for_each(|_| large += &format!("{}\n", noise()));
        }
    }
    large
}

#[test]
fn a_state_directory_that_fills_up_stops_the_run_and_forgets_nothing() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    let disk = SmallDisk::mount(project.path().join("state"), STEP_KIB);
    project.write("mail/a.mbox", large_threads(12));
    let stopped = run_while_growing(&project, &disk, STEP_KIB);
    assert!(stopped >= 5, "the disk was full only {stopped} times");
    assert_each_stands_once(&slack, 12);
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!((&status["messages"], &status["adds_up"]), (&json!(72), &json!(true)));
    project.run(&["reconcile"]).well();
    project.run(&["audit", "verify"]).well();
}

#[test]
fn an_archive_on_a_disk_that_fills_up_is_whole_once_there_is_space() {
    let project = Project::new(&ARCHIVE.replace("\"channels\"", "\"disk/channels\"").replace("\"state\"", "\"disk/state\""));
    let disk = SmallDisk::mount(project.path().join("disk"), STEP_KIB);
    project.write("mail/a.mbox", large_threads(12));
    let stopped = run_while_growing(&project, &disk, STEP_KIB);
    assert!(stopped >= 5, "the disk was full only {stopped} times");
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!((&status["messages_by_end"]["delivered"], &status["adds_up"]), (&json!(72), &json!(true)));
    project.run(&["reconcile"]).well();
}
