//! `mailferry explain`.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use super::session;
use super::{Common, Outcome, Screen};
use crate::engine::World;
use crate::engine::explain::{Story, Way};
use crate::ledger::{self, Change, LedgerError};
use crate::mail::{self, MessageId, MessageKey};
use crate::source::read;

/// Messages that one word may name: a Message-ID that was given twice names two.
const MOST_MESSAGES: usize = 5;

/// Say why a message is in its thread, its channels and its state, who decided so, and what its post hides.
///
/// Asks the ledger, the vault and the audit trail, and changes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The message: its key or the first digits of it, its Message-ID, or the path of a copy of it.
    #[arg(value_name = "MESSAGE")]
    message: String,
}

/// What `explain --json` prints of each message.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    story: Story,
    decisions: Vec<Decision>,
}

/// An entry of the audit trail that decided something about the message.
#[derive(Serialize)]
struct Decision {
    n: u64,
    at: chrono::DateTime<chrono::Utc>,
    by: String,
    what: String,
}

pub(super) fn run(args: &Args, common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    session::in_world(common, screen, "explain", |world| answer(args, world, screen))
}

pub(super) fn answer(args: &Args, world: &World, screen: &Screen) -> anyhow::Result<Outcome> {
    let keys = find(world, &args.message)?;
    if keys.is_empty() || keys.len() > MOST_MESSAGES {
        screen.json(&Vec::<Explained>::new())?;
        screen.misuse(match keys.len() {
            0 => format!(
                "the ledger knows no message {:?}: give the first digits of its key, its Message-ID or a file",
                args.message
            ),
            many => format!("{many} messages begin with {:?}: give more digits", args.message),
        });
        return Ok(Outcome::Failed);
    }
    let mut explained = Vec::new();
    for key in &keys {
        explained.push(Explained { story: world.explain(key)?, decisions: decisions(world, key)? });
    }
    screen.json(&explained)?;
    explained.iter().try_for_each(|one| screen.text(one)).context("standard output")?;
    Ok(Outcome::Done)
}

/// The messages that a word names.
fn find(world: &World, wanted: &str) -> anyhow::Result<Vec<MessageKey>> {
    let path = Path::new(wanted);
    if path.is_file() {
        let copy = read::open(path)?.next().transpose()?;
        let key = copy.map(|mail| mail::parse(&mail.raw).key);
        return Ok(key.into_iter().filter(|key| world.ledger.knows(key).unwrap_or(false)).collect());
    }
    let (digits, id) = (wanted.to_lowercase(), MessageId::parse(wanted));
    let mut keys = Vec::new();
    world.ledger.each_message(|key, record| {
        let is_wanted = key.to_string().starts_with(&digits) || (id.is_some() && record.message_id == id);
        keys.extend(is_wanted.then_some(key));
        Ok(())
    })?;
    Ok(keys)
}

/// What the trail says was decided about a message.
fn decisions(world: &World, key: &MessageKey) -> anyhow::Result<Vec<Decision>> {
    let mut decisions = Vec::new();
    ledger::verify(&world.config.state, |entry| {
        let decides = matches!(
            entry.what,
            Change::Judged { .. }
                | Change::Released { .. }
                | Change::Rerouted { .. }
                | Change::Retracted { .. }
                | Change::Kept { .. }
        );
        if decides && entry.what.message() == Some(key) {
            decisions.push(Decision { n: entry.n, at: entry.at, by: entry.by.clone(), what: entry.what.to_string() });
        }
        Result::<(), LedgerError>::Ok(())
    })?;
    Ok(decisions)
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Story { message, message_id, subject, source, sent, people, dates, thread, end, ways, hidden, files, notes, batch } =
            &self.story;
        writeln!(f, "Message  {message}")?;
        let mut line = |name: &str, text: &str| if text.is_empty() { Ok(()) } else { writeln!(f, "{name:<9}{}", harmless(text)) };
        line("Id", message_id.as_ref().map_or("none", MessageId::as_str))?;
        line("Subject", subject)?;
        let from = if *sent { " (sent by us)" } else { "" };
        line(
            "Source",
            &format!("{source}{from}{}", batch.map_or_else(String::new, |batch| format!(", first seen in batch {batch}"))),
        )?;
        let author = people.author.as_ref().map_or("nobody", |author| author.as_str());
        line("Author", &people.via.as_ref().map_or_else(|| author.to_owned(), |list| format!("{author} via {list}")))?;
        people.remarks.iter().try_for_each(|remark| line("  beware", remark))?;
        people.audience.iter().try_for_each(|(address, whose)| line("  on it", &format!("{address}: {whose}")))?;
        let clock = format!("{:?}", dates.clock).to_lowercase();
        let why = dates.why.map_or_else(String::new, |why| format!("; the sender's own is not used: {why}"));
        line("Date", &format!("{}, by the clock of: {clock}{why}", dates.used.format("%-d %b %Y %H:%M:%S UTC")))?;
        line("  sender", dates.own.as_deref().unwrap_or_default())?;
        line("  server", dates.received.as_deref().unwrap_or_default())?;
        line("  mailbox", &dates.mailbox.map(|date| date.to_rfc3339()).unwrap_or_default())?;
        line("Thread", &format!("{}, {} messages", thread.id, thread.messages))?;
        thread.because.iter().try_for_each(|because| line("  since", because))?;
        line("End", end)?;
        files.iter().try_for_each(|file| {
            line("File", &format!("{}, {} bytes, SHA-256 {}", file.name.as_deref().unwrap_or("(no name)"), file.size, file.sha256))
        })?;
        notes.iter().try_for_each(|note| line("Note", note))?;
        ways.iter().try_for_each(|way| write_way(f, way))?;
        for Decision { n, at, by, what } in &self.decisions {
            writeln!(f, "Decided  {} by {by} (entry {n}): {}", at.format("%-d %b %Y %H:%M UTC"), harmless(what))?;
        }
        if !hidden.trim().is_empty() {
            writeln!(f, "Hidden   from the post:")?;
            hidden
                .trim_matches('\n')
                .lines()
                .try_for_each(|line| writeln!(f, "{}", format!("  │ {}", harmless(line)).trim_end()))?;
        }
        writeln!(f)
    }
}

fn write_way(f: &mut fmt::Formatter<'_>, way: &Way) -> fmt::Result {
    let Way { partner, destination, channel, because, opened, gates, released, parts } = way;
    writeln!(f, "Channel  #{channel} in {destination}, for {partner}: {opened}")?;
    because.iter().try_for_each(|address| writeln!(f, "  since  {} is on it", harmless(address.as_str())))?;
    gates.iter().try_for_each(|(asked, verdict)| writeln!(f, "  gates  {asked}: {}", harmless(verdict)))?;
    released.iter().try_for_each(|gate| writeln!(f, "  gates  {gate} was lifted by a person"))?;
    parts
        .iter()
        .try_for_each(|step| writeln!(f, "{}", format!("  {}: {} {}", step.part, step.state, harmless(&step.detail)).trim_end()))
}

/// Text that cannot command the terminal.
fn harmless(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
