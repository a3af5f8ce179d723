//! `mailferry inspect`: what the program understands of some mail. No configuration, no ledger, nothing kept.
//!
//! The mail is gone through twice: which thread a message belongs to is settled only when the last one was seen, and to
//! keep a mailbox's worth of understood messages until then would take all memory. Between the passes only ids are kept.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Context as _;
use serde::Serialize;

use super::{Common, Outcome, Screen};
use crate::mail::attachment::Fate;
use crate::mail::shared::{self, SharedLink};
use crate::mail::text::Reading;
use crate::mail::thread::{MapMemory, links, place};
use crate::mail::{self, Attachment, Automatic, Correspondent, Message, MessageId, MessageKey, Parts, ThreadId};
use crate::source::read::{self, Mail};

/// How many mails are understood at a time, and about how many bytes of them; each core takes its share.
const BATCH_MAILS: usize = 512;
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Read mail files and say what the program understands of them.
///
/// A path is read by what it holds: an mbox, a PST, a directory as Maildir or as a tree of mails, else one mail. Needs no
/// configuration and changes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Mail files, mbox files, Maildirs or directories.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, _common: &Common, screen: &Screen) -> anyhow::Result<Outcome> {
    let mut memory = MapMemory::default();
    for path in &args.paths {
        // What cannot be read is said in the second pass.
        each(path, &|mail: Mail| links(&mail::parse(&mail.raw)), |links| {
            if let Ok(links) = links
                && memory.thread_of(&links.key).is_none()
            {
                let Ok(thread) = place(&links, &mut memory);
                memory.remember(links.key, thread);
            }
            Ok(())
        })?;
    }
    let mut sums = Sums::default();
    for path in &args.paths {
        each(path, &|mail: Mail| Understood::of(&mail), |understood| match understood {
            Ok(understood) => {
                let thread = memory.thread_of(&understood.message.key);
                sums.messages += 1;
                sums.threads.extend(thread);
                screen.json(&understood.row(thread)).context("standard output")?;
                screen.line(ForPeople(&understood, thread)).context("standard output")
            }
            Err(failure) => {
                sums.failures += 1;
                screen.error(&failure);
                Ok(())
            }
        })?;
    }
    screen.line(&sums)?;
    Ok(if sums.failures == 0 { Outcome::Done } else { Outcome::Failed })
}

/// Goes through the mails of a path in order; they are understood on all cores.
fn each<T: Send>(
    path: &Path,
    understand: &(impl Fn(Mail) -> T + Sync),
    mut take: impl FnMut(anyhow::Result<T>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut mails = match read::open(path) {
        Ok(mails) => mails,
        Err(error) => return take(Err(error.into())),
    };
    loop {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_MAILS && bytes < BATCH_BYTES {
            let Some(mail) = mails.next() else { break };
            bytes += mail.as_ref().map_or(0, |mail| mail.raw.len());
            batch.push(mail);
        }
        if batch.is_empty() {
            return Ok(());
        }
        for understood in on_all_cores(batch, &|mail: Result<Mail, _>| mail.map(understand)) {
            take(understood.map_err(anyhow::Error::from))?;
        }
    }
}

/// Maps a batch in order, each core a stretch of it.
fn on_all_cores<A: Send, B: Send>(batch: Vec<A>, map: &(impl Fn(A) -> B + Sync)) -> Vec<B> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let stretch = batch.len().div_ceil(cores).max(1);
    let mut items = batch.into_iter();
    thread::scope(|scope| {
        let stretches = (0..cores).map(|_| items.by_ref().take(stretch).collect::<Vec<_>>());
        let workers: Vec<_> = stretches.map(|items| scope.spawn(|| items.into_iter().map(map).collect::<Vec<_>>())).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// One mail with all that there is to say of it, but its thread.
struct Understood {
    path: String,
    index: u64,
    message: Message,
    reading: Reading,
    shared: Vec<SharedLink>,
    notes: Vec<String>,
}

impl Understood {
    fn of(mail: &Mail) -> Self {
        let message = mail::parse(&mail.raw);
        let reading = message.reading();
        let shared = shared::links(&reading.text);
        let notes = [mail.notes.as_slice(), &message.notes, &reading.notes].concat();
        Self { path: mail.path.display().to_string(), index: mail.index, message, reading, shared, notes }
    }

    fn row(&self, thread: Option<ThreadId>) -> Row<'_> {
        let Message { key, message_id, subject, date, from, to, cc, reply_to, attachments, parts, automatic, .. } = &self.message;
        Row {
            path: &self.path,
            index: self.index,
            key,
            thread,
            message_id: message_id.as_ref(),
            subject,
            date: date.map(|date| date.to_rfc3339()),
            from,
            to,
            cc,
            reply_to,
            text: &self.reading.text,
            hidden: &self.reading.hidden,
            attachments: attachments.iter().map(File::of).collect(),
            parts,
            automatic: automatic.as_ref(),
            shared_links: &self.shared,
            notes: &self.notes,
        }
    }
}

/// One line of JSON.
#[derive(Serialize)]
struct Row<'m> {
    path: &'m str,
    index: u64,
    key: &'m MessageKey,
    thread: Option<ThreadId>,
    message_id: Option<&'m MessageId>,
    subject: &'m str,
    date: Option<String>,
    from: &'m [Correspondent],
    to: &'m [Correspondent],
    cc: &'m [Correspondent],
    reply_to: &'m [Correspondent],
    text: &'m str,
    hidden: &'m str,
    attachments: Vec<File<'m>>,
    parts: &'m Parts,
    #[serde(skip_serializing_if = "Option::is_none")]
    automatic: Option<&'m Automatic>,
    shared_links: &'m [SharedLink],
    notes: &'m [String],
}

/// An attachment in a line of JSON.
#[derive(Serialize)]
struct File<'m> {
    name: Option<&'m str>,
    #[serde(rename = "type")]
    media_type: &'m str,
    size: u64,
    sha256: &'m mail::Digest,
    inline: bool,
    /// Why a post does not carry it, as far as the message says.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_carried: Option<String>,
    /// The attachments of a message within the message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Self>,
}

impl<'m> File<'m> {
    fn of(attachment: &'m Attachment) -> Self {
        let Attachment { name, media_type, size, sha256, inline, contents, .. } = attachment;
        let attachments = contents.iter().map(Self::of).collect();
        Self {
            name: name.as_deref(),
            media_type,
            size: *size,
            sha256,
            inline: *inline,
            not_carried: not_carried(attachment),
            attachments,
        }
    }
}

fn not_carried(attachment: &Attachment) -> Option<String> {
    match &attachment.fate {
        Fate::Carried => None,
        Fate::Named(named) => Some(named.to_string()),
        Fate::LeftOut(left_out) => Some(left_out.to_string()),
    }
}

/// A mail as people read it.
struct ForPeople<'m>(&'m Understood, Option<ThreadId>);

impl fmt::Display for ForPeople<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Understood { path, index, message, reading, shared, notes }, thread) = self;
        writeln!(f, "{path} #{index}")?;
        let mut field = |name: &str, value: &str| if value.is_empty() { Ok(()) } else { writeln!(f, "  {name:<9}{value}") };
        field("Subject", &message.subject)?;
        field("From", &names(&message.from))?;
        field("To", &names(&message.to))?;
        field("Cc", &names(&message.cc))?;
        field("Reply-To", &names(&message.reply_to))?;
        field("Date", &message.date.map_or("none".into(), |date| date.format("%a %-d %b %Y, %H:%M:%S %:z").to_string()))?;
        field("Id", message.message_id.as_ref().map_or("none", MessageId::as_str))?;
        field("Thread", &thread.map(|thread| short(thread.digest())).unwrap_or_default())?;
        field("Key", &short(message.key.digest()))?;
        for file in &message.attachments {
            field("File", &in_words(file))?;
            for inner in &file.contents {
                field("", &format!("  in it: {}", in_words(inner)))?;
            }
        }
        for SharedLink { service, url } in shared {
            field("Shared", &format!("{service}: {url}"))?;
        }
        for note in notes {
            field("Note", note)?;
        }
        if !reading.text.trim().is_empty() {
            writeln!(f)?;
            reading.text.trim_end().lines().try_for_each(|line| writeln!(f, "{}", format!("  │ {}", harmless(line)).trim_end()))?;
        }
        match reading.hidden.lines().filter(|line| !line.trim().is_empty()).count() {
            0 => Ok(()),
            1 => writeln!(f, "  └ 1 line of history or signature hidden"),
            lines => writeln!(f, "  └ {lines} lines of history or signature hidden"),
        }
    }
}

/// A file in one line.
fn in_words(file: &Attachment) -> String {
    let name = file.name.as_deref().unwrap_or("(no name)");
    let reason = not_carried(file).map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{name}, {}, {}{reason}", file.media_type, size(file.size))
}

fn names(people: &[Correspondent]) -> String {
    let name = |person: &Correspondent| match (person.name.as_str(), person.address.as_str()) {
        ("", address) => address.to_owned(),
        (name, "") => name.to_owned(),
        (name, address) => format!("{name} <{address}>"),
    };
    people.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Enough of a digest to tell two apart by eye.
fn short(digest: &mail::Digest) -> String {
    digest.to_string().chars().take(12).collect()
}

/// A size in the unit that people read.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// Text that cannot command the terminal.
fn harmless(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// What was read in all.
#[derive(Default)]
struct Sums {
    messages: usize,
    threads: BTreeSet<ThreadId>,
    failures: usize,
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        let messages = count(self.messages, "message", "messages");
        let threads = count(self.threads.len(), "thread", "threads");
        write!(f, "{messages} in {threads}")?;
        if self.failures > 0 {
            write!(f, "; {} could not be read", self.failures)?;
        }
        Ok(())
    }
}
