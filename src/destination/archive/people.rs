//! The people of the channels: a user of the export for each correspondent.
//!
//! They are users and not bots: readers cannot thread posts without a user, and importers ask for an owner of each bot.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::entry::Entry;
use super::slack_id::slack_id;
use crate::mail::Correspondent;

/// Who speaks for Slack itself in its exports.
pub(super) const SLACKBOT: &str = "USLACKBOT";

/// The people of one channel, or of all, by their address in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct People(BTreeMap<String, Person>);

/// A correspondent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// Their user id.
    pub(super) id: Arc<str>,
    /// The address as it was first written; empty for the author of mail that names none.
    pub(super) address: String,
    /// The name: the last that they gave themselves, else the first that others gave them; may be empty.
    pub(super) name: String,
    /// How many posts are theirs.
    pub(super) posts: u64,
    /// The offset of their last own date from UTC, in seconds.
    pub(super) offset_seconds: i32,
}

impl People {
    /// Adds the people of a post. Returns the author's user id.
    pub(super) fn admit(&mut self, entry: &Entry) -> Arc<str> {
        for other in entry.to.iter().chain(&entry.cc).filter(|other| other.address.domain().is_some()) {
            let person = self.person(other.address.as_str());
            if person.name.is_empty() {
                person.name.clone_from(&other.name);
            }
        }
        let author = entry.author.as_ref();
        let person = self.person(author.map_or("", |author| author.address.as_str()));
        if let Some(author) = author.filter(|author| !author.name.is_empty()) {
            person.name.clone_from(&author.name);
        }
        person.posts += 1;
        person.offset_seconds = entry.date.offset().local_minus_utc();
        Arc::clone(&person.id)
    }

    /// Adds the people of another channel.
    pub(super) fn merge(&mut self, other: &Self) {
        for theirs in other.0.values() {
            let person = self.person(&theirs.address);
            let is_better = person.name.is_empty() || (person.posts == 0 && theirs.posts > 0);
            if is_better && !theirs.name.is_empty() {
                person.name.clone_from(&theirs.name);
            }
            if theirs.posts > 0 {
                person.offset_seconds = theirs.offset_seconds;
            }
            person.posts += theirs.posts;
        }
    }

    /// Everyone, in the order of their addresses.
    pub(super) fn all(&self) -> impl Iterator<Item = &Person> {
        self.0.values()
    }

    /// The users of the export, in the order of their addresses.
    pub(super) fn users(&self, team: &str) -> Vec<User> {
        let mut shared = BTreeMap::<String, u32>::new();
        for person in self.all() {
            *shared.entry(person.user_name()).or_default() += 1;
        }
        let is_shared = |name: &str| shared.get(name).is_some_and(|count| *count > 1);
        self.all().map(|person| person.user(team, &is_shared)).collect()
    }

    fn person(&mut self, address: &str) -> &mut Person {
        let folded = address.to_lowercase();
        self.0.entry(folded).or_insert_with_key(|folded| Person::new(folded, address))
    }
}

impl Person {
    fn new(folded: &str, address: &str) -> Self {
        Self {
            id: slack_id('U', folded.as_bytes()).into(),
            address: address.to_owned(),
            name: String::new(),
            posts: 0,
            offset_seconds: 0,
        }
    }

    /// What to call them.
    pub(super) fn display_name(&self) -> &str {
        match (self.name.as_str(), self.address.as_str()) {
            ("", "") => "Unknown sender",
            ("", address) => address,
            (name, _) => name,
        }
    }

    /// The user name as chat programs want it: of the local part, lower-case letters, digits, `.`, `-` and `_`.
    fn user_name(&self) -> String {
        let local = self.address.rsplit_once('@').map_or(self.address.as_str(), |(local, _)| local);
        let clean: String =
            local.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
        let clean = clean.trim_matches(['.', '-', '_']);
        if clean.starts_with(|first: char| first.is_ascii_lowercase()) { clean.to_owned() } else { format!("user-{clean}") }
    }

    fn user(&self, team: &str, is_shared: &dyn Fn(&str) -> bool) -> User {
        let mut name = self.user_name();
        if is_shared(&name) || name.len() < 3 {
            name = format!("{name}-{}", self.id.to_lowercase());
        }
        User::of(self, name, team)
    }
}

impl User {
    /// Slack itself.
    pub(super) fn slackbot(team: &str) -> Self {
        let (id, name) = (SLACKBOT.into(), "Slackbot".to_owned());
        let person = Person { id, address: String::new(), name, posts: 0, offset_seconds: 0 };
        Self::of(&person, "slackbot".to_owned(), team)
    }

    fn of(person: &Person, name: String, team: &str) -> Self {
        let display = person.display_name().to_owned();
        Self {
            id: person.id.to_string(),
            team_id: team.to_owned(),
            name,
            deleted: false,
            real_name: display.clone(),
            tz: "Etc/UTC",
            tz_label: "",
            tz_offset: person.offset_seconds,
            profile: Profile {
                title: "",
                real_name: display.clone(),
                real_name_normalized: display.clone(),
                display_name: display.clone(),
                display_name_normalized: display,
                email: person.address.clone(),
                team: team.to_owned(),
            },
            is_admin: false,
            is_owner: false,
            is_primary_owner: false,
            is_restricted: false,
            is_ultra_restricted: false,
            is_bot: false,
            is_app_user: false,
            updated: 0,
        }
    }
}

/// The user id of a correspondent, or of the authors that mails do not name.
pub(super) fn user_id(correspondent: Option<&Correspondent>) -> String {
    let folded = correspondent.map(|correspondent| correspondent.address.folded()).unwrap_or_default();
    slack_id('U', folded.as_bytes())
}

/// An element of `users.json`: what any of the known readers and importers asks for.
#[derive(Clone, Debug, Serialize)]
pub(super) struct User {
    id: String,
    team_id: String,
    name: String,
    deleted: bool,
    real_name: String,
    tz: &'static str,
    tz_label: &'static str,
    tz_offset: i32,
    profile: Profile,
    is_admin: bool,
    is_owner: bool,
    is_primary_owner: bool,
    is_restricted: bool,
    is_ultra_restricted: bool,
    is_bot: bool,
    is_app_user: bool,
    updated: i64,
}

#[derive(Clone, Debug, Serialize)]
struct Profile {
    title: &'static str,
    real_name: String,
    real_name_normalized: String,
    display_name: String,
    display_name_normalized: String,
    email: String,
    team: String,
}
