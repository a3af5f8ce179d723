//! `[[source]]`: where mail comes from.

use std::num::NonZero;
use std::path::PathBuf;

use super::table::Table;
use super::{Setting, SourceConfig, SourceKind, name, oauth2, secret};
use crate::mail::Digest;
use crate::policy::UnverifiedSenders;
use crate::policy::gate::Origin;
use crate::position::SourceName;
use crate::source::imap::{Allowed, Compression, Daily, ImapSettings, Login, Security};

/// Connections at once where the configuration does not say: Gmail allows 15, smaller servers 10 for a user, and people's
/// own programs want some of them.
const DEFAULT_MAX_CONNECTIONS: u64 = 4;

/// Megabytes a day from Gmail where the configuration does not say: its 2,500, less what people's own programs download.
const GMAIL_DAILY_MEGABYTES: u64 = 2_000;

/// How senders may be treated whom nobody vouches for.
pub(super) const UNVERIFIED: &[(&str, UnverifiedSenders)] =
    &[("allow", UnverifiedSenders::Allow), ("hold", UnverifiedSenders::Hold)];

/// The kinds of sources by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Imap,
    Mbox,
    Maildir,
    Eml,
    Pst,
}

const KINDS: &[(&str, Kind)] =
    &[("imap", Kind::Imap), ("mbox", Kind::Mbox), ("maildir", Kind::Maildir), ("eml", Kind::Eml), ("pst", Kind::Pst)];

/// Reads one `[[source]]`. `unverified` is what `[policy]` says of unverified senders.
pub(super) fn source(mut table: Table<'_>, unverified: Option<UnverifiedSenders>, setting: &Setting<'_>) -> Option<SourceConfig> {
    let name = table.required_text("name", "name = \"history\"");
    let own_unverified = table.choice("unverified_senders", UNVERIFIED);
    let trusted_servers = table.texts("authserv_ids").unwrap_or_default();
    if !table.has("kind") {
        table.missing("kind", "kind = \"imap\", \"mbox\", \"maildir\", \"eml\" or \"pst\"");
        return None;
    }
    let kind = table.choice("kind", KINDS)?;
    let settings = match kind {
        Kind::Imap => imap(&mut table, name.as_ref().map_or("", |name| &name.value), setting).map(SourceKind::Imap),
        Kind::Mbox => path(&mut table, "mail/*.mbox", setting).map(SourceKind::Mbox),
        Kind::Maildir => path(&mut table, "Maildir", setting).map(SourceKind::Maildir),
        Kind::Eml => path(&mut table, "mail/*.eml", setting).map(SourceKind::Eml),
        Kind::Pst => path(&mut table, "mail/*.pst", setting).map(SourceKind::Pst),
    };
    table.finish();
    let by_kind = if kind == Kind::Imap { UnverifiedSenders::Hold } else { UnverifiedSenders::Allow };
    Some(SourceConfig {
        name: SourceName::new(name?.value),
        origin: Origin {
            sent: false,
            unverified: own_unverified.or(unverified).unwrap_or(by_kind),
            trusted_servers: trusted_servers.into_iter().map(|server| server.value.trim().to_lowercase()).collect(),
        },
        kind: settings?,
    })
}

fn path(table: &mut Table<'_>, example: &str, setting: &Setting<'_>) -> Option<PathBuf> {
    let given = table.required_text("path", &format!("path = {example:?}"))?;
    setting.path(&given, table)
}

fn imap(table: &mut Table<'_>, source: &str, setting: &Setting<'_>) -> Option<ImapSettings> {
    const TLS: &[(&str, Security)] =
        &[("implicit", Security::Implicit), ("starttls", Security::StartTls), ("none", Security::None)];
    let host = table.required_text("host", "host = \"imap.ourco.example\"");
    if let Some(host) = &host
        && let Some(fault) = name::host_fault(&host.value)
    {
        table.complaints.add(&host.place, fault);
    }
    let security = table.choice("tls", TLS).unwrap_or(Security::Implicit);
    if security == Security::None && host.as_ref().is_some_and(|host| !name::is_loopback(&host.value)) {
        let text = "sends the password in the clear, which is for this machine alone: write \"implicit\" or \"starttls\"";
        table.complaints.add(&table.at("tls"), text);
    }
    let default_port = if security == Security::Implicit { 993 } else { 143 };
    let port = table.integer("port", 1..=u64::from(u16::MAX)).and_then(|port| u16::try_from(port).ok());
    let ca_file = table.text("ca_file").and_then(|given| setting.path(&given, table));
    let username = table.required_text("username", "username = \"vendors@ourco.example\"");
    let login = login(table, source, setting);
    let mailboxes = table.texts("mailboxes").unwrap_or_default();
    let max_connections = table.integer("max_connections", 1..=32).unwrap_or(DEFAULT_MAX_CONNECTIONS);
    let is_compressed = table.flag("compress").unwrap_or(false);
    let allowed = allowed(table, host.as_ref().map_or("", |host| &host.value), source, setting);
    Some(ImapSettings {
        host: host?.value,
        port: port.unwrap_or(default_port),
        security,
        ca_file,
        username: username?.value,
        login: login?,
        mailboxes: mailboxes.into_iter().map(|mailbox| mailbox.value).collect(),
        max_connections: usize::try_from(max_connections).ok()?,
        compression: if is_compressed { Compression::WhereOffered } else { Compression::Never },
        allowed,
    })
}

/// What may be downloaded. Gmail suspends IMAP for an account beyond its 2,500 MB a day, so it has a bound by default.
fn allowed(table: &mut Table<'_>, host: &str, source: &str, setting: &Setting<'_>) -> Allowed {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_gmail = ["gmail.com", "googlemail.com"]
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.')));
    let default = if is_gmail { GMAIL_DAILY_MEGABYTES } else { 0 };
    let megabytes = table.integer("daily_megabytes", 0..=100_000_000).unwrap_or(default);
    let rate = table.integer("messages_per_second", 0..=10_000).unwrap_or(0);
    let kept = setting.state.join("budget").join(Digest::of(source.as_bytes()).to_string());
    Allowed {
        daily: (megabytes > 0).then_some(Daily { megabytes, kept }),
        messages_per_second: u32::try_from(rate).ok().and_then(NonZero::new),
    }
}

/// A password, or OAuth 2.
fn login(table: &mut Table<'_>, source: &str, setting: &Setting<'_>) -> Option<Login> {
    if !table.has("oauth2") {
        return secret::secret(table, "password", "IMAP_PASSWORD", setting).map(Login::Password);
    }
    if let Some(password) = table.take("password") {
        table.complaints.add(&password.place, "is one login too many: write either password or oauth2");
    }
    oauth2::oauth2(table, source, setting).map(|oauth2| Login::Oauth2(Box::new(oauth2)))
}
