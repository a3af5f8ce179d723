//! `mailferry check`: whether the configuration holds, and whether the world lets us do what it says. Changes nothing.

use std::io;
use std::path::Path;

use futures_util::future::join_all;
use rustix::fs::{Access, access};
use serde_json::json;

use super::{Common, Outcome, Screen, session};
use crate::config::{Config, DestinationConfig, Secrets, SourceConfig};
use crate::engine::{assemble, operators};
use crate::finding::{Finding, State};
use crate::policy::{NdaRule, UnverifiedSenders};

/// Look whether the configuration, the logins and the rights are as they should be; change nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let Some(config) = session::configuration(common, screen, Secrets::Read)? else { return Ok(Outcome::Misused) };
    let findings = session::runtime(config.sources.len())?.block_on(findings(&config));
    screen.json(&json!({ "findings": findings }))?;
    findings.iter().try_for_each(|finding| screen.line(line(finding)))?;
    Ok(if findings.iter().any(Finding::is_refused) { Outcome::Failed } else { Outcome::Done })
}

/// A finding in one line.
pub(super) fn line(finding: &Finding) -> String {
    let subject = &finding.subject;
    match &finding.state {
        State::Fine { detail } if detail.is_empty() => format!("ok {subject}"),
        State::Fine { detail } => format!("ok {subject}: {detail}"),
        State::Warning { detail } => format!("?? {subject}: {detail}"),
        State::Refused { detail, advice } => format!("!! {subject}: {detail} — {advice}"),
    }
}

/// Everything that was looked at, in the order of the file.
async fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = vec![state(&config.state)];
    findings.extend(remarks(config));
    let sources = join_all(config.sources.iter().map(|source| check_source(source, config.base())));
    let destinations = join_all(config.destinations.iter().map(|destination| check_destination(destination, config)));
    let (sources, destinations) = tokio::join!(sources, destinations);
    findings.into_iter().chain(sources.into_iter().flatten()).chain(destinations.into_iter().flatten()).collect()
}

async fn check_source(source: &SourceConfig, base: &Path) -> Vec<Finding> {
    assemble::source(source, base).check().await
}

async fn check_destination(config: &DestinationConfig, all: &Config) -> Vec<Finding> {
    let theirs = all.directory.partners().iter().filter(|partner| partner.destination == config.name);
    let theirs = theirs.map(|partner| assemble::channel(all, &config.name, &partner.channel));
    let ours = all.mirror.operators.iter().filter(|operators| operators.destination == config.name).map(operators::channel);
    let channels: Vec<_> = theirs.chain(ours).collect();
    match assemble::destination(config) {
        Ok(destination) => destination.check(&channels).await,
        Err(failure) => {
            let subject = format!("destination {}", config.name);
            vec![Finding::refused(subject, failure.to_string(), "correct its settings")]
        }
    }
}

/// What the configuration allows but nobody is likely to want.
fn remarks(config: &Config) -> Vec<Finding> {
    let distrusting = config
        .sources
        .iter()
        .filter(|source| source.origin.unverified == UnverifiedSenders::Hold && source.origin.trusted_servers.is_empty());
    let mut remarks: Vec<_> = distrusting
        .map(|source| {
            let detail = "every message from outside will be held, since no server is trusted to vouch for its sender: set \
                          authserv_ids, or unverified_senders = \"allow\"";
            Finding::warning(format!("source {}", source.name), detail)
        })
        .collect();
    if config.rules.nda == NdaRule::Required {
        let detail = "nothing will be posted, since this version keeps no NDA records: set require_nda = false";
        remarks.push(Finding::warning("policy", detail));
    }
    remarks
}

/// Whether the state directory can be written, or made: asked of the system, so that nothing changes.
fn state(directory: &Path) -> Finding {
    let subject = format!("state {}", directory.display());
    let nearest = directory.ancestors().find(|path| path.exists()).unwrap_or(directory);
    let writable = if nearest.is_dir() {
        access(nearest, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from)
    } else {
        Err(io::Error::from(io::ErrorKind::NotADirectory))
    };
    match writable {
        Ok(()) if nearest == directory => Finding::fine(subject, "can be written"),
        Ok(()) => Finding::fine(subject, "will be created"),
        Err(error) => {
            let advice = format!("let this user write to {}, or set `state` to a directory elsewhere", nearest.display());
            Finding::refused(subject, error.to_string(), advice)
        }
    }
}
