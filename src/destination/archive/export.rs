//! The export: what readers and importers of Slack's exports find in the directory, made from the journals.
//!
//! It is made again only where posts came since, and a marker says how far. The marker is written last, so that what a
//! kill leaves half made is made again: the outcome is the same at every point at which a run may be cut.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Serialize;

use super::channel::Channel;
use super::durable::{Draft, Drafts, OPEN_DRAFTS, failure, make_directory, remove_file, sync_directory};
use super::entry::Line;
use super::message::{Message, Stone};
use super::page;
use super::people::{People, SLACKBOT, User};
use super::place::Place;
use crate::destination::{Failure, Visibility};

/// Counted up whenever the files made from one journal would differ from those of the version before.
const RENDERING: u32 = 1;

/// What makes the export.
#[derive(Clone, Copy, Debug)]
pub(super) struct Export<'a> {
    /// Where it is made.
    pub(super) place: &'a Place,
    /// Where its files are drafted.
    pub(super) drafts: &'a Drafts,
    /// The id of the team that it is of.
    pub(super) team: &'a str,
    /// The name of the organisation.
    pub(super) organisation: &'a str,
    /// The domains of our own side, as far as they are known.
    pub(super) own_domains: &'a BTreeSet<String>,
}

/// Whether a stone stands in any channel: then Slack's own user is among the users, since stones are of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stones {
    /// Nowhere.
    None,
    /// Somewhere.
    Stand,
}

/// An element of `channels.json`.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    id: String,
    name: String,
    created: i64,
    creator: String,
    is_archived: bool,
    is_general: bool,
    is_private: bool,
    members: Vec<String>,
    pins: [String; 0],
    topic: Note,
    purpose: Note,
}

#[derive(Debug, Serialize)]
struct Note {
    value: String,
    creator: String,
    last_set: i64,
}

impl Export<'_> {
    /// How many bytes of the channel's journal are in the export. Where anything of it is missing none are, and the marker
    /// goes: it must not be believed again once the journal has grown to its length.
    ///
    /// # Errors
    /// When the marker cannot be removed.
    pub(super) fn published(&self, channel: &Channel) -> Result<u64, Failure> {
        let path = self.place.marker(channel.directory());
        if let Some(bytes) = marked(&path).filter(|bytes| *bytes <= channel.journal_len() && self.is_whole(channel)) {
            return Ok(bytes);
        }
        remove_file(&path)?;
        Ok(0)
    }

    /// Says that all of the channel's journal is in the export.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn mark(&self, channel: &Channel) -> Result<(), Failure> {
        let marker = format!("{RENDERING} {}\n", channel.journal_len());
        self.drafts.replace(&self.place.marker(channel.directory()), marker.as_bytes())
    }

    /// Writes the day files that change by what the journal says from this byte on, and removes those that nothing is left of.
    ///
    /// # Errors
    /// When the disk refuses; each file is then as it was or as it should be.
    pub(super) fn write_days(&self, channel: &Channel, published: u64) -> Result<(), Failure> {
        let directory = self.place.root().join(channel.directory());
        make_directory(&directory)?;
        let days = channel.catalogue().days_since(published);
        let (all, empty): (Vec<NaiveDate>, Vec<NaiveDate>) =
            days.iter().partition(|day| channel.catalogue().on_day(**day).next().is_some());
        for day in empty {
            let path = self.day_file(channel, day);
            remove_file(&path)?;
        }
        for days in all.chunks(OPEN_DRAFTS) {
            let drafts = days.iter().map(|day| self.draft_day(channel, *day)).collect::<Result<_, _>>()?;
            Drafts::become_files(drafts)?;
        }
        if days.is_empty() { Ok(()) } else { sync_directory(&directory) }
    }

    /// One message a line, one at a time in memory: a day may hold a whole mailbox.
    fn draft_day(&self, channel: &Channel, day: NaiveDate) -> Result<(Draft, PathBuf), Failure> {
        let path = self.day_file(channel, day);
        let told = |error| failure("writing", &path, &error);
        let (mut texts, mut draft) = (channel.texts()?, self.drafts.begin()?);
        let mut separator = "[\n";
        for record in channel.catalogue().on_day(day) {
            draft.write_all(separator.as_bytes()).map_err(told)?;
            if record.stands() {
                let Line::Post(entry) = texts.read(record.span)? else { continue };
                let message = Message::of(&entry, channel.catalogue(), self.team);
                serde_json::to_writer(&mut draft, &message).map_err(|error| told(error.into()))?;
            } else {
                let stone = Stone::of(record.ts, channel.catalogue());
                serde_json::to_writer(&mut draft, &stone).map_err(|error| told(error.into()))?;
            }
            separator = ",\n";
        }
        draft.write_all(b"\n]\n").map_err(told)?;
        Ok((draft, path))
    }

    /// Writes what is common to all channels.
    ///
    /// # Errors
    /// When the disk refuses; each file is then as it was or as it should be.
    pub(super) fn write_lists(&self, people: &People, stones: Stones, channels: &[Listed]) -> Result<(), Failure> {
        let mut users: Vec<User> = people.users(self.team);
        if stones == Stones::Stand {
            users.push(User::slackbot(self.team));
        }
        self.write_list("users.json", &users)?;
        self.write_list("channels.json", channels)?;
        self.write_list::<User>("integration_logs.json", &[])?;
        sync_directory(self.place.root())
    }

    fn write_list<T: Serialize>(&self, name: &str, list: &[T]) -> Result<(), Failure> {
        let path = self.place.root().join(name);
        let mut bytes = serde_json::to_vec_pretty(list).map_err(|error| failure("writing", &path, &error.into()))?;
        bytes.push(b'\n');
        self.drafts.replace(&path, &bytes)
    }

    /// Whether every file of the channel is there.
    fn is_whole(&self, channel: &Channel) -> bool {
        channel.catalogue().days().iter().all(|day| self.day_file(channel, *day).exists()) && page::is_whole(self, channel)
    }

    fn day_file(&self, channel: &Channel, day: NaiveDate) -> PathBuf {
        self.place.root().join(channel.directory()).join(format!("{}.json", day.format("%Y-%m-%d")))
    }
}

/// What a marker says, where it is one of this version's.
fn marked(path: &Path) -> Option<u64> {
    let marker = fs::read_to_string(path).ok()?;
    let (rendering, bytes) = marker.trim_end().split_once(' ')?;
    bytes.parse().ok().filter(|_| rendering == RENDERING.to_string())
}

impl Listed {
    /// The name of the channel in the export.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The channel as the export lists it. Importers drop a channel without a creator: it is the author of its first post.
    pub(super) fn of(channel: &Channel) -> Self {
        let catalogue = channel.catalogue();
        let first = catalogue.ends().and_then(|(first, _)| catalogue.at(first));
        let creator = first.map_or(SLACKBOT.to_owned(), |record| record.author.to_string());
        let created = first.map_or(0, |record| record.ts.seconds());
        let note = |value: &str| Note { value: value.to_owned(), creator: creator.clone(), last_set: created };
        let about = catalogue.about();
        Self {
            id: channel.id().to_string(),
            name: channel.directory().to_owned(),
            created,
            is_archived: false,
            is_general: false,
            is_private: about.is_some_and(|about| about.visibility == Visibility::Private),
            members: catalogue.people().all().map(|person| person.id.to_string()).collect(),
            pins: [],
            topic: note(""),
            purpose: note(about.map_or("", |about| about.purpose.as_str())),
            creator,
        }
    }
}
