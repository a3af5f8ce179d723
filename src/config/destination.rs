//! `[[destination]]`: where posts go.

use std::time::Duration;

use super::table::{Given, Table};
use super::{DestinationConfig, DestinationKind, Setting, name, secret};
use crate::delivery::DestinationName;
use crate::destination::Visibility;
use crate::destination::archive::ArchiveSettings;
use crate::destination::slack::SlackSettings;
use crate::policy::Organisation;

/// The real Slack.
const SLACK_API: &str = "https://slack.com/api/";

/// Slack's own figure: one post a second in a channel.
const DEFAULT_POSTS_PER_SECOND: f64 = 1.0;

/// Slack says "several hundred" a minute in a workspace; this is the low end.
const DEFAULT_WORKSPACE_POSTS_PER_MINUTE: f64 = 300.0;

/// How long a call without an answer may still take effect.
const DEFAULT_SETTLE_SECONDS: f64 = 30.0;

/// The name of a partner's channel, where the partner names none.
const DEFAULT_CHANNEL_TEMPLATE: &str = "ext-{partner}-client";

/// What stands for the partner in a template.
const PARTNER: &str = "{partner}";

/// A `[[destination]]` as far as it could be read.
pub(super) struct Draft {
    /// Its name, to which partners refer even where the rest is wrong.
    pub name: Option<Given<String>>,
    /// How channels are named there.
    pub template: String,
    /// The whole, where nothing is wrong with it.
    pub config: Option<DestinationConfig>,
}

impl Draft {
    /// The channel of a partner that names none; empty where nothing of the name can stand in a channel's.
    pub(super) fn channel_of(&self, partner: &str) -> String {
        let slug = name::channel_slug(partner);
        if slug.is_empty() { slug } else { name::channel_slug(&self.template.replace(PARTNER, &slug)) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Slack,
    Archive,
    Matrix,
    Mattermost,
}

const KINDS: &[(&str, Kind)] =
    &[("slack", Kind::Slack), ("archive", Kind::Archive), ("matrix", Kind::Matrix), ("mattermost", Kind::Mattermost)];

/// Reads one `[[destination]]`.
pub(super) fn destination(mut table: Table<'_>, organisation: Option<&Organisation>, setting: &Setting<'_>) -> Draft {
    const VISIBILITY: &[(&str, Visibility)] = &[("private", Visibility::Private), ("public", Visibility::Public)];
    let name = table.required_text("name", "name = \"slack\"");
    let visibility = table.choice("new_channels", VISIBILITY).unwrap_or(Visibility::Private);
    let template = template(&mut table);
    let mut draft = Draft { name, template, config: None };
    let Some(kind) = kind(&mut table, organisation, setting) else { return draft };
    table.finish();
    draft.config = draft.name.as_ref().map(|name| DestinationConfig { name: DestinationName::new(&*name.value), visibility, kind });
    draft
}

fn template(table: &mut Table<'_>) -> String {
    let Some(given) = table.text("channel_template") else { return DEFAULT_CHANNEL_TEMPLATE.into() };
    if !given.value.contains(PARTNER) {
        let text = format!(
            "has no {PARTNER} in it, so that all partners would share one channel: write it like {DEFAULT_CHANNEL_TEMPLATE:?}"
        );
        table.complaints.add(&given.place, text);
    } else if let Some(fault) = name::channel_fault(&given.value.replace(PARTNER, "x")) {
        table.complaints.add(&given.place, fault);
    }
    given.value
}

fn kind(table: &mut Table<'_>, organisation: Option<&Organisation>, setting: &Setting<'_>) -> Option<DestinationKind> {
    if !table.has("kind") {
        table.missing("kind", "kind = \"slack\" or \"archive\"");
        return None;
    }
    let instead = "use \"slack\" or \"archive\"";
    match table.choice("kind", KINDS)? {
        Kind::Slack => slack(table, setting).map(DestinationKind::Slack),
        Kind::Archive => archive(table, organisation, setting).map(DestinationKind::Archive),
        Kind::Matrix => table.not_built_yet("kind", "matrix", instead),
        Kind::Mattermost => table.not_built_yet("kind", "mattermost", instead),
    }
}

fn slack(table: &mut Table<'_>, setting: &Setting<'_>) -> Option<SlackSettings> {
    let token = secret::secret(table, "token", "SLACK_BOT_TOKEN", setting);
    let api_url = match table.text("api_url").map(|given| (name::api_url(&given.value), given.place)) {
        None => SLACK_API.to_owned(),
        Some((Ok(url), _)) => url,
        Some((Err(fault), place)) => {
            table.complaints.add(&place, fault);
            SLACK_API.to_owned()
        }
    };
    // The upper bounds only keep the arithmetic finite; Slack answers 429 far below them.
    let rate = 0.001..=1_000_000.0;
    let posts_per_second = table.number("posts_per_second", rate.clone()).unwrap_or(DEFAULT_POSTS_PER_SECOND);
    let workspace = table.number("workspace_posts_per_minute", rate).unwrap_or(DEFAULT_WORKSPACE_POSTS_PER_MINUTE);
    let settle_seconds = table.number("settle_seconds", 0.0..=3600.0).unwrap_or(DEFAULT_SETTLE_SECONDS);
    Some(SlackSettings {
        token: token?,
        api_url,
        posts_per_second,
        workspace_posts_per_minute: workspace,
        settle: Duration::from_secs_f64(settle_seconds),
    })
}

fn archive(table: &mut Table<'_>, organisation: Option<&Organisation>, setting: &Setting<'_>) -> Option<ArchiveSettings> {
    let given = table.required_text("path", "path = \"archive\"")?;
    let (name, domains) = organisation.map_or_else(Default::default, |ours| (ours.name.clone(), &*ours.domains));
    let own_domains = domains.iter().cloned().collect();
    Some(ArchiveSettings { path: setting.path(&given, table)?, organisation: name, own_domains })
}
