//! How fast mail is understood and admitted: `cargo bench --bench ingest`.
//!
//! `understand` is one core on one message after the other; `ingest` is the whole way from a source into ledger and vault,
//! barriers included, on all cores.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a benchmark stops at the first surprise"
)]

use std::path::Path;
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use mailferry::config::{self, Secrets};
use mailferry::engine::{Keeping, Nobody, Stop, World, assemble};
use mailferry::ledger::Ledger;
use mailferry::mail::{parse, thread};
use mailferry::vault::{self, Vault};

mod support {
    pub(crate) mod mail;
    pub(crate) mod project;
}

/// Messages in one run.
const MESSAGES: u64 = 10_000;

fn main() {
    divan::main();
}

fn raws() -> Vec<String> {
    (0..1000).map(support::mail::message).collect()
}

#[divan::bench]
fn parse_and_link(bencher: divan::Bencher<'_, '_>) {
    let raws = raws();
    let bytes: usize = raws.iter().map(String::len).sum();
    bencher.counter(ItemsCount::new(raws.len())).counter(BytesCount::new(bytes)).bench_local(|| {
        for raw in &raws {
            divan::black_box(thread::links(&parse(raw.as_bytes())));
        }
    });
}

#[divan::bench]
fn seal(bencher: divan::Bencher<'_, '_>) {
    let raws = raws();
    let bytes: usize = raws.iter().map(String::len).sum();
    bencher.counter(ItemsCount::new(raws.len())).counter(BytesCount::new(bytes)).bench_local(|| {
        for raw in &raws {
            divan::black_box(vault::seal(raw.as_bytes()).unwrap());
        }
    });
}

fn run(file: &Path) {
    let config = config::load(file, Secrets::Read).unwrap();
    let base = file.parent().unwrap();
    let sources: Vec<_> = config.sources.iter().map(|source| assemble::source(source, base)).collect();
    let world = Arc::new(World {
        ledger: Arc::new(Ledger::open(&config.state, "the benchmark", chrono::Utc::now).unwrap()),
        keeping: Keeping::Vault(Vault::of(&config.state)),
        destinations: Default::default(),
        watch: Arc::new(Nobody),
        health: Default::default(),
        operators: Default::default(),
        work: Default::default(),
        stop: Stop::default(),
        clock: chrono::Utc::now,
        config,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build().unwrap();
    let report = runtime.block_on(world.ingest(&sources)).unwrap();
    let read: u64 = report.sources.values().map(|source| source.new).sum();
    assert_eq!(read, MESSAGES);
}

fn bench(bencher: divan::Bencher<'_, '_>, kind: &'static str, path: &'static str, fill: impl Fn(&Path) -> u64 + Sync) {
    let fresh = || {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path());
        let file = support::project::project(dir.path(), kind, path, &["Acme", "Globex", "Initech"]);
        (dir, file)
    };
    let bytes = fill(tempfile::tempdir().unwrap().path());
    bencher.counter(ItemsCount::new(MESSAGES)).counter(BytesCount::new(bytes)).with_inputs(fresh).bench_local_values(
        |(dir, file)| {
            run(&file);
            dir
        },
    );
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn mbox(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, "mbox", "mail.mbox", |dir| support::project::mbox(&dir.join("mail.mbox"), MESSAGES).unwrap());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn maildir(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, "maildir", "mail", |dir| files(&dir.join("mail"), "cur", "", ":2,S"));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn eml(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, "eml", "mail", |dir| files(&dir.join("mail"), "2021", ".eml", ""));
}

fn files(dir: &Path, within: &str, ending: &str, flags: &str) -> u64 {
    let within = dir.join(within);
    std::fs::create_dir_all(&within).unwrap();
    let one = |n| {
        let mail = support::mail::message(n);
        std::fs::write(within.join(format!("{n}{ending}{flags}")), &mail).unwrap();
        mail.len() as u64
    };
    (0..MESSAGES).map(one).sum()
}
