//! What a monitor may ask a mirror over HTTP: `/healthz` and `/metrics`. Read-only, on an address that the configuration
//! names, and meant for the operators' own network: it shows names of sources and channels, and no mail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::engine::{HealthReport, World};

/// What `/healthz` answers.
#[derive(Debug, Serialize)]
struct Checkup {
    healthy: bool,
    /// Why it is not, each a sentence.
    complaints: Vec<String>,
    /// Seconds since each source was last read to its end, or since the mirror began.
    lag_seconds: BTreeMap<String, i64>,
    #[serde(flatten)]
    report: HealthReport,
}

/// A server that listens.
#[derive(Debug)]
pub struct Web(tokio::net::TcpListener);

impl Web {
    /// Listens on an address.
    ///
    /// # Errors
    /// When the address is taken, or is none of this machine's.
    pub async fn listen(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await;
        Ok(Self(listener.with_context(|| format!("listening on {address}; set [mirror] listen to another address"))?))
    }

    /// Answers until it is dropped.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(self, world: Arc<World>) -> anyhow::Result<()> {
        let pages = Router::new().route("/healthz", get(healthz)).route("/metrics", get(metrics)).with_state(world);
        axum::serve(self.0, pages).await.context("serving the monitor's pages")
    }
}

async fn healthz(State(world): State<Arc<World>>) -> Response {
    let (report, now) = (world.health.report(), (world.clock)());
    let complaints = report.complaints(now, world.config.mirror.silent_after);
    let status = if complaints.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let lag_seconds = report.lag_seconds(now);
    (status, Json(Checkup { healthy: complaints.is_empty(), complaints, lag_seconds, report })).into_response()
}

async fn metrics(State(world): State<Arc<World>>) -> impl IntoResponse {
    let text = exposition(&world.health.report());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// The report in Prometheus' text format (version 0.0.4).
fn exposition(report: &HealthReport) -> String {
    let mut text = String::new();
    let at = |at: Option<DateTime<Utc>>| at.map_or(0, |at| at.timestamp());
    let sources = report.sources.iter();
    let source = |value: fn(&crate::engine::health::SourceHealth) -> i64| {
        sources.clone().map(move |(name, source)| (("source", name.as_str()), value(source)))
    };
    let channels = report.channels.iter();
    let channel = |value: fn(&crate::engine::health::ChannelHealth) -> i64| {
        channels.clone().map(move |(name, channel)| (("channel", name.as_str()), value(channel)))
    };
    family(&mut text, Kind::Gauge, "mailferry_started_timestamp_seconds", "When the mirror began.", [(("", ""), at(report.since))]);
    let caught_up = source(|source| source.caught_up.map_or(0, |at| at.timestamp()));
    family(
        &mut text,
        Kind::Gauge,
        "mailferry_source_caught_up_timestamp_seconds",
        "When all mail of the source had been read.",
        caught_up,
    );
    let trouble = source(|source| i64::from(source.trouble.is_some()));
    family(&mut text, Kind::Gauge, "mailferry_source_trouble", "Whether the source cannot be read now.", trouble);
    let rests = source(|source| source.rest.as_ref().map_or(0, |rest| rest.until.timestamp()));
    let help = "Until when the source rests, as what may be read of it in one day was read; 0 where it does not.";
    family(&mut text, Kind::Gauge, "mailferry_source_rests_until_timestamp_seconds", help, rests);
    let needs = source(|source| i64::from(source.trouble.as_ref().is_some_and(|trouble| trouble.needs.is_some())));
    family(
        &mut text,
        Kind::Gauge,
        "mailferry_source_needs_person",
        "Whether the source is read again only once a person acts.",
        needs,
    );
    let messages = source(|source| source.messages.cast_signed());
    family(&mut text, Kind::Counter, "mailferry_source_messages_total", "Messages that were new.", messages);
    let unreadable = source(|source| source.unreadable.cast_signed());
    family(&mut text, Kind::Counter, "mailferry_source_unreadable_total", "Positions whose message cannot be read.", unreadable);
    let missed = source(|source| source.missed.cast_signed());
    family(
        &mut text,
        Kind::Counter,
        "mailferry_source_missed_total",
        "Messages that were missed at first and found later.",
        missed,
    );
    let posts = channel(|channel| channel.posts.cast_signed());
    family(&mut text, Kind::Counter, "mailferry_channel_posts_total", "Posts that were made, files included.", posts);
    let messages = channel(|channel| channel.messages.cast_signed());
    family(&mut text, Kind::Counter, "mailferry_channel_messages_total", "Messages that became whole in the channel.", messages);
    let trouble = channel(|channel| i64::from(channel.trouble.is_some()));
    family(&mut text, Kind::Gauge, "mailferry_channel_trouble", "Whether the channel cannot be posted to now.", trouble);
    let storm = channel(|channel| channel.storm.as_ref().map_or(0, |storm| storm.last.timestamp()));
    family(
        &mut text,
        Kind::Gauge,
        "mailferry_channel_storm_timestamp_seconds",
        "When more live mail than people write was last held.",
        storm,
    );
    text
}

/// The kinds of metrics.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

/// One metric with its values. A label without a name is none.
fn family<'a>(text: &mut String, kind: Kind, name: &str, help: &str, values: impl IntoIterator<Item = ((&'a str, &'a str), i64)>) {
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    };
    text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    for ((label, value_of_label), value) in values {
        if label.is_empty() {
            text.push_str(&format!("{name} {value}\n"));
        } else {
            let escaped = value_of_label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            text.push_str(&format!("{name}{{{label}=\"{escaped}\"}} {value}\n"));
        }
    }
}
