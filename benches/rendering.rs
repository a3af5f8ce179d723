//! How fast a mail becomes what a reader sees: `cargo bench --bench rendering`. One core.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark stops at the first surprise")]

use divan::counter::{BytesCount, ItemsCount};
use mailferry::mail::{Body, parse, text};

mod support {
    pub(crate) mod mail;
}

fn main() {
    divan::main();
}

fn bench(bencher: divan::Bencher<'_, '_>, bodies: &[Body]) {
    let bytes: usize =
        bodies.iter().map(|body| body.plain.as_ref().map_or(0, String::len) + body.html.as_ref().map_or(0, String::len)).sum();
    bencher.counter(ItemsCount::new(bodies.len())).counter(BytesCount::new(bytes)).bench_local(|| {
        for body in bodies {
            divan::black_box(text::read(body));
        }
    });
}

#[divan::bench]
fn plain(bencher: divan::Bencher<'_, '_>) {
    let bodies: Vec<Body> = (0..500).map(|n| parse(support::mail::message(n * 10).as_bytes()).body).collect();
    bench(bencher, &bodies);
}

#[divan::bench]
fn html(bencher: divan::Bencher<'_, '_>) {
    let html = |n: u64| Body { plain: None, html: parse(support::mail::message(n * 10 + 5).as_bytes()).body.html };
    bench(bencher, &(0..500).map(html).collect::<Vec<_>>());
}
