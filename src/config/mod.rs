//! The configuration: as written (a `Table` for each table of the file) → as checked ([`Config`]). All complaints at once,
//! each with its line, its key path and what to do. One file a concern: party, source, destination, secret.

mod complaint;
mod destination;
mod loops;
mod mirror;
mod name;
mod oauth2;
mod party;
mod posts;
mod secret;
mod source;
mod table;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use self::complaint::{Complaints, Place};
use self::party::Claims;
use self::table::{Given, Table};
use crate::delivery::DestinationName;
use crate::destination::Visibility;
use crate::destination::archive::ArchiveSettings;
use crate::destination::post::HiddenText;
use crate::destination::slack::SlackSettings;
use crate::mail::thread::Reuse;
use crate::policy::gate::Origin;
use crate::policy::{Approvals, Directory, NdaRule, Rules, UnverifiedSenders};
use crate::position::SourceName;
use crate::source::imap::ImapSettings;

pub use self::complaint::{Complaint, ConfigError};
pub use self::mirror::{MirrorConfig, OperatorsConfig};
pub use self::secret::Secrets;

/// The state directory where the file names none.
const DEFAULT_STATE: &str = "state";

/// The largest attachment that is carried where the file does not say: what Gmail and most providers send, so that only the
/// exceptional stays behind.
const DEFAULT_MAX_ATTACHMENT_MB: u64 = 25;

/// A configuration that was checked: every path is absolute, every secret was read, every name refers to something.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from, absolute.
    pub file: PathBuf,
    /// The directory of the ledger, the vault and the audit trail.
    pub state: PathBuf,
    /// Ourselves and the partners.
    pub directory: Directory,
    /// What may be said.
    pub rules: Rules,
    /// What becomes of threads that are reused for another talk.
    pub reuse: Reuse,
    /// Where the hidden part of a text is.
    pub hidden: HiddenText,
    /// How a run that goes on is watched.
    pub mirror: MirrorConfig,
    /// Where mail comes from.
    pub sources: Vec<SourceConfig>,
    /// Where posts go, at least one.
    pub destinations: Vec<DestinationConfig>,
}

impl Config {
    /// The directory of the file, absolute: what its paths are relative to, and what mailboxes are named by.
    pub fn base(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }
}

/// One `[[source]]`.
#[derive(Clone, Debug)]
pub struct SourceConfig {
    /// Its name.
    pub name: SourceName,
    /// What the gates know of mail from it (`sent` is false here; each mailbox says it for itself).
    pub origin: Origin,
    /// Its settings.
    pub kind: SourceKind,
}

/// The kinds of sources.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// A live mailbox.
    Imap(ImapSettings),
    /// mbox files: a file, a directory or a glob, absolute.
    Mbox(PathBuf),
    /// A Maildir, with its subfolders.
    Maildir(PathBuf),
    /// `.eml` and `.msg` files.
    Eml(PathBuf),
    /// PST files.
    Pst(PathBuf),
}

/// One `[[destination]]`.
#[derive(Clone, Debug)]
pub struct DestinationConfig {
    /// Its name.
    pub name: DestinationName,
    /// Who may see a channel that has to be created.
    pub visibility: Visibility,
    /// Its settings.
    pub kind: DestinationKind,
}

/// The kinds of destinations.
#[derive(Clone, Debug)]
pub enum DestinationKind {
    /// Slack.
    Slack(SlackSettings),
    /// Slack's export layout on disk, with a page to read it.
    Archive(ArchiveSettings),
}

/// What the readers of single keys need to know.
#[derive(Clone, Copy, Debug)]
struct Setting<'a> {
    /// The directory of the file, absolute: what relative paths are relative to.
    base: &'a Path,
    /// The state directory.
    state: &'a Path,
    secrets: Secrets,
}

impl Setting<'_> {
    /// A path made absolute.
    fn path(&self, given: &Given<String>, table: &Table<'_>) -> Option<PathBuf> {
        if given.value == "~" || given.value.starts_with("~/") {
            table.complaints.add(&given.place, "is not read by a shell, which alone knows ~: write the whole path");
            return None;
        }
        Some(self.base.join(&given.value))
    }
}

/// Reads and checks a configuration file.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(file: &Path, secrets: Secrets) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let text = if error.kind() == ErrorKind::NotFound {
            "there is no such file: `mailferry init` writes one, --config names another".to_owned()
        } else {
            format!("cannot be read: {error}")
        };
        ConfigError { file: file.to_path_buf(), complaints: vec![Complaint { path: String::new(), line: None, text }] }
    })?;
    check(&text, file, secrets)
}

/// Checks the text of a configuration as though it stood in `file`.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn check(text: &str, file: &Path, secrets: Secrets) -> Result<Config, ConfigError> {
    let complaints = Complaints::about(text);
    let root = Place { path: String::new(), offset: 0 };
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let (document, errors) = DeTable::parse_recoverable(text);
    let config = if errors.is_empty() {
        let table = Table::new(root, document.into_inner(), &complaints);
        read(table, file.clone(), secrets)
    } else {
        for error in errors {
            // The error's own Display shows the line, which may hold a secret.
            let place = Place { offset: error.span().map_or(0, |span| span.start), ..root.clone() };
            complaints.add(&place, format!("is no TOML: {}", error.message()));
        }
        None
    };
    match (config, complaints.into_sorted()) {
        (Some(config), complaints) if complaints.is_empty() => Ok(config),
        (_, complaints) => Err(ConfigError { file, complaints }),
    }
}

/// Reads the whole; `None` where something that it cannot do without was complained of.
fn read(mut table: Table<'_>, file: PathBuf, secrets: Secrets) -> Option<Config> {
    let base = file.parent().unwrap_or(Path::new("/")).to_path_buf();
    let complaints = table.complaints;
    let default_state = base.join(DEFAULT_STATE);
    let setting = Setting { base: &base, state: &default_state, secrets: secrets.of_sources() };
    let state = table.text("state").map_or_else(|| Some(default_state.clone()), |given| setting.path(&given, &table));
    let setting = Setting { state: state.as_deref().unwrap_or(&default_state), ..setting };

    let mut claims = Claims::default();
    if !table.has("organisation") {
        table.missing("organisation", "[organisation] with name = \"Our Co\" and domains = [\"ourco.example\"] below");
    }
    let organisation = table.table("organisation").and_then(|table| party::organisation(table, &mut claims));
    let (rules, unverified) = policy(table.table("policy"));
    let (reuse, hidden) = (posts::reuse(table.table("threads")), posts::hidden(table.table("posts")));
    let mirror = table.table("mirror");

    let sources = named(&mut table, "source", "kind = \"mbox\" and path = \"mail/*.mbox\"");
    let sources: Vec<_> = sources.into_iter().filter_map(|table| source::source(table, unverified, &setting)).collect();
    let drafts = named(&mut table, "destination", "kind = \"archive\" and path = \"archive\"");
    let setting = Setting { secrets: secrets.of_destinations(), ..setting };
    let drafts: Vec<_> = drafts.into_iter().map(|table| destination::destination(table, organisation.as_ref(), &setting)).collect();
    let partners = named(&mut table, "partner", "domains = [\"acme.example\"]");
    let partners = party::partners(partners, &drafts, &mut claims);
    let mirror = mirror::mirror(mirror, &drafts, &partners);
    table.finish();

    let directory = claims.directory(organisation?, partners, complaints)?;
    let destinations = drafts.into_iter().map(|draft| draft.config).collect::<Option<_>>()?;
    Some(Config { file, state: state.clone()?, directory, rules, reuse, hidden, mirror, sources, destinations })
}

/// The tables under `[[key]]`, at least one, each with a name of its own.
fn named<'a>(table: &mut Table<'a>, key: &'static str, example: &str) -> Vec<Table<'a>> {
    if !table.has(key) {
        table.missing(key, &format!("[[{key}]] with name = \"…\", {example} below"));
    }
    let tables = table.tables(key);
    let mut seen = BTreeMap::new();
    for table in &tables {
        let Some(name) = table.name() else { continue };
        // Names differ by more than case, since people type them: `mailferry approve acme`.
        if let Some(other) = seen.insert(name.value.trim().to_lowercase(), table.place.path.clone()) {
            table.complaints.add(&name.place, format!("{:?} is the name of {other} too: each needs its own", name.value));
        }
        if name.value.chars().any(char::is_control) {
            table.complaints.add(&name.place, "has control characters in it");
        }
    }
    tables
}

/// Reads `[policy]`: the rules, and what it says of unverified senders.
fn policy(table: Option<Table<'_>>) -> (Rules, Option<UnverifiedSenders>) {
    const MB: u64 = 1024 * 1024;
    let mut table = table;
    let mut flag = |key, default| table.as_mut().and_then(|table| table.flag(key)).unwrap_or(default);
    let approval = if flag("require_approval", true) { Approvals::Required } else { Approvals::NotRequired };
    let nda = if flag("require_nda", false) { NdaRule::Required } else { NdaRule::NotRequired };
    let unverified = table.as_mut().and_then(|table| table.choice("unverified_senders", source::UNVERIFIED));
    let max = table.as_mut().and_then(|table| table.integer("max_attachment_mb", 0..=1024));
    let loops = loops::loops(table.as_mut().and_then(|table| table.table("loops")));
    if let Some(table) = table {
        table.finish();
    }
    (Rules { approval, nda, max_attachment_bytes: max.unwrap_or(DEFAULT_MAX_ATTACHMENT_MB) * MB, loops }, unverified)
}
