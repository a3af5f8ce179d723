//! `mailferry init`: a first configuration.
//!
//! Asks the few things that it cannot know where somebody sits at the terminal, and writes a template otherwise. Either way
//! the file is checked before it is written, and one that is already there stays as it is.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::json;

use super::{Common, Outcome, Screen};
use crate::config::{self, Secrets};

/// Write a first configuration; ask for what it needs where somebody sits at the terminal.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to write it: a file, or a directory for a `mailferry.toml` in it [default: the file of --config]
    path: Option<PathBuf>,
}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let path = args.path.as_ref().unwrap_or(&common.config);
    let path = if path.is_dir() { path.join("mailferry.toml") } else { path.clone() };
    if let Some(fault) = fault(&path) {
        screen.misuse(fault);
        return Ok(Outcome::Misused);
    }
    let answers =
        if io::stdin().is_terminal() { ask(&path, &mut io::stdin().lock(), &mut io::stderr().lock())? } else { Answers::default() };
    let text = answers.to_string();
    config::check(&text, &path, Secrets::Skip)?;
    let mut file = fs::File::create_new(&path).with_context(|| format!("writing {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))?;
    screen.json(&json!({ "written": path }))?;
    screen.line(format_args!("{} is written: read it through, then run `mailferry check`", path.display()))?;
    Ok(Outcome::Done)
}

/// Why nothing can be written there.
fn fault(path: &Path) -> Option<String> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Some(format!("{} is no directory: create it first", directory.display()));
    }
    // A dangling link is something too.
    path.symlink_metadata().is_ok().then(|| format!("{} is already there: it stays as it is", path.display()))
}

/// What a configuration cannot know of itself.
#[derive(Clone, Debug)]
struct Answers {
    organisation: String,
    domains: String,
    source: SourceKind,
    /// The path, or the host of an IMAP source.
    place: String,
    /// The user name of an IMAP source.
    username: String,
    destination: DestinationKind,
    partner: String,
    partner_domains: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SourceKind {
    Imap,
    Mbox,
    Maildir,
    Eml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DestinationKind {
    Archive,
    Slack,
}

const SOURCES: &[(&str, SourceKind)] =
    &[("mbox", SourceKind::Mbox), ("imap", SourceKind::Imap), ("maildir", SourceKind::Maildir), ("eml", SourceKind::Eml)];

const DESTINATIONS: &[(&str, DestinationKind)] = &[("archive", DestinationKind::Archive), ("slack", DestinationKind::Slack)];

impl Default for Answers {
    fn default() -> Self {
        Self {
            organisation: "Our Co".into(),
            domains: "ourco.example".into(),
            source: SourceKind::Mbox,
            place: "mail/*.mbox".into(),
            username: "vendors@ourco.example".into(),
            destination: DestinationKind::Archive,
            partner: "Acme".into(),
            partner_domains: "acme.example".into(),
        }
    }
}

/// Asks until the answers make a configuration; what was answered before is then the default.
fn ask(path: &Path, input: &mut impl BufRead, output: &mut impl Write) -> anyhow::Result<Answers> {
    let mut answers = Answers::default();
    writeln!(output, "An empty answer takes what stands in [brackets].\n")?;
    loop {
        answers = ask_once(&answers, &mut Terminal { input, output })?;
        match config::check(&answers.to_string(), path, Secrets::Skip) {
            Ok(_) => return Ok(answers),
            Err(error) => {
                for complaint in &error.complaints {
                    writeln!(output, "{}: {}", complaint.path, complaint.text)?;
                }
                writeln!(output, "Once more, please.\n")?;
            }
        }
    }
}

fn ask_once(before: &Answers, terminal: &mut Terminal<'_, impl BufRead, impl Write>) -> anyhow::Result<Answers> {
    let organisation = terminal.text("The name of your organisation", &before.organisation)?;
    let domains = terminal.text("Its mail domains, with commas between them", &before.domains)?;
    let source = terminal.choice("Where the mail is", SOURCES, before.source)?;
    let (place, username) = match source {
        SourceKind::Imap => {
            let host = if before.source == source { before.place.as_str() } else { "imap.ourco.example" };
            (terminal.text("The host", host)?, terminal.text("The user name", &before.username)?)
        }
        SourceKind::Mbox | SourceKind::Maildir | SourceKind::Eml => {
            let path = match source {
                same if same == before.source => before.place.as_str(),
                SourceKind::Maildir => "Maildir",
                SourceKind::Eml => "mail/*.eml",
                SourceKind::Mbox | SourceKind::Imap => "mail/*.mbox",
            };
            (terminal.text("The path: a file, a directory or a glob", path)?, before.username.clone())
        }
    };
    let destination = terminal.choice("Where it should go", DESTINATIONS, before.destination)?;
    let partner = terminal.text("The name of the first partner", &before.partner)?;
    let partner_domains = terminal.text("Its mail domains, with commas between them", &before.partner_domains)?;
    Ok(Answers { organisation, domains, source, place, username, destination, partner, partner_domains })
}

/// Somebody who answers.
struct Terminal<'a, I, O> {
    input: &'a mut I,
    output: &'a mut O,
}

impl<I: BufRead, O: Write> Terminal<'_, I, O> {
    /// A line of text; what stands for an empty one is shown.
    fn text(&mut self, question: &str, default: &str) -> anyhow::Result<String> {
        write!(self.output, "{question} [{default}]: ")?;
        self.output.flush()?;
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            bail!("the answers ended early: nothing is written");
        }
        let line = line.trim();
        Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
    }

    /// One of several words, asked until it is one.
    fn choice<T: Copy + PartialEq>(&mut self, question: &str, choices: &[(&str, T)], default: T) -> anyhow::Result<T> {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let default = choices.iter().find(|(_, value)| *value == default).map_or("", |(word, _)| word);
        loop {
            let answer = self.text(&format!("{question} ({})", words.join(", ")), default)?;
            if let Some((_, value)) = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&answer)) {
                return Ok(*value);
            }
        }
    }
}

/// The configuration, with what a newcomer has to know beside each key.
impl std::fmt::Display for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (organisation, domains) = (quoted(&self.organisation), format!("domains = {}", list(&self.domains)));
        let (partner, partner_domains) = (quoted(&self.partner), list(&self.partner_domains));
        write!(
            f,
            "# What mailferry moves from where to where. Paths are relative to this file; `mailferry check` says what is wrong.\n\
             \n\
             state = \"state\"                # the ledger and the raw messages: keep it, it makes each message arrive just once\n\
             \n\
             [organisation]\n\
             name = {organisation}\n\
             {domains:<30} # who \"we\" are: mail among ourselves is never posted\n\
             \n\
             [policy]\n\
             require_approval = true        # a partner's channel opens with: mailferry approve NAME --by YOU\n\
             max_attachment_mb = 25         # what is larger is named in the text and stays in the state directory\n\
             \n\
             [[source]]                     # one for each place that mail comes from\n"
        )?;
        self.write_source(f)?;
        f.write_str("\n[[destination]]                # where the channels are\n")?;
        f.write_str(match self.destination {
            DestinationKind::Archive => {
                "name = \"archive\"\n\
                 kind = \"archive\"               # Slack's export layout on disk, with a page to read it; no account needed\n\
                 path = \"channels\"\n"
            }
            DestinationKind::Slack => {
                "name = \"slack\"\n\
                 kind = \"slack\"\n\
                 token = { env = \"SLACK_BOT_TOKEN\" } # xoxb-…; or { file = \"…\" }, { command = \"…\" }\n\
                 new_channels = \"private\"       # or \"public\"\n"
            }
        })?;
        write!(
            f,
            "\n\
             [[partner]]                    # one for each outside organisation\n\
             name = {partner}\n\
             domains = {partner_domains}\n\
             addresses = []                 # single people on shared mail providers such as gmail.com\n\
             trusted = false                # true: approved by this file\n"
        )
    }
}

impl Answers {
    fn write_source(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = quoted(&self.place);
        let kind = match self.source {
            SourceKind::Imap => {
                return write!(
                    f,
                    "name = \"mail\"\n\
                     kind = \"imap\"\n\
                     host = {place}\n\
                     username = {}\n\
                     password = {{ env = \"IMAP_PASSWORD\" }} # or {{ file = \"…\" }}, {{ command = \"…\" }}; never written out\n\
                     authserv_ids = []              # the first word of the Authentication-Results headers that your server writes: mail\n\
                     unverified_senders = \"hold\"    # mail that no server vouches for waits for a person; or \"allow\"\n",
                    quoted(&self.username)
                );
            }
            SourceKind::Mbox => "mbox",
            SourceKind::Maildir => "maildir",
            SourceKind::Eml => "eml",
        };
        write!(f, "name = \"history\"\nkind = \"{kind}\"\npath = {place}\n")
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// `a, b` as a list of TOML.
fn list(text: &str) -> String {
    let items: Vec<_> = text.split([',', ' ']).map(str::trim).filter(|item| !item.is_empty()).map(quoted).collect();
    format!("[{}]", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, SourceKind as Checked};

    fn answered(lines: &str) -> anyhow::Result<(Config, String)> {
        let (path, mut output) = (Path::new("/etc/mailferry.toml"), Vec::new());
        let answers = ask(path, &mut lines.as_bytes(), &mut output)?;
        Ok((config::check(&answers.to_string(), path, Secrets::Skip)?, String::from_utf8(output)?))
    }

    #[test]
    fn empty_answers_make_the_template() {
        let (config, asked) = answered(&"\n".repeat(7)).unwrap();
        assert_eq!(config.directory.organisation().name, "Our Co");
        assert!(asked.contains("[ourco.example]"), "{asked}");
    }

    #[test]
    fn answers_stand_in_the_configuration() {
        let lines = "\"Ferry\" & Sons\nferry.example, ferry.test\nIMAP\nmail.ferry.example\nus@ferry.example\nslack\nGlobex\nglobex.example\n";
        let (config, _) = answered(lines).unwrap();
        assert_eq!(config.directory.organisation().name, "\"Ferry\" & Sons");
        assert_eq!(config.directory.organisation().domains, ["ferry.example", "ferry.test"]);
        assert!(matches!(&config.sources[0].kind, Checked::Imap(imap) if imap.host == "mail.ferry.example"));
        assert_eq!(config.destinations[0].name.as_str(), "slack");
        assert_eq!(config.directory.partners()[0].name.as_str(), "Globex");
    }

    #[test]
    fn what_makes_no_configuration_is_asked_again() {
        let (config, asked) = answered(&format!("\n\n\n\n\n\ngmail.com\n{}acme.example\n", "\n".repeat(6))).unwrap();
        assert_eq!(config.directory.partners()[0].domains, ["acme.example"]);
        assert!(asked.contains("everybody shares"), "{asked}");
    }

    #[test]
    fn answers_that_end_early_write_nothing() {
        assert!(answered("Our Co\n").unwrap_err().to_string().contains("ended early"));
    }
}
