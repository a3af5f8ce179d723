//! The page: `index.html`, which a person opens straight from the disk, without a server.
//!
//! Pages that come from a disk may not fetch, so the data are scripts that hand themselves to the page: a small index at
//! once, the threads of a channel when it is opened, the texts in chunks as they are scrolled to or searched. Chunks
//! follow the order of the journal: one that is full never changes again, but for posts that are taken back.

mod data;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub(super) use self::data::ChannelRow;
use self::data::{ChannelIndex, Index, PersonRow, PostRow};
use super::catalogue::Catalogue;
use super::channel::Channel;
use super::durable::{failure, make_directory, sync_directory};
use super::entry::Line;
use super::export::Export;
use super::people::People;
use crate::destination::Failure;

/// The directory of all that `index.html` needs. No channel's directory begins with an underscore.
const DIRECTORY: &str = "__page";

/// A chunk is full at so many posts …
const CHUNK_POSTS: usize = 500;

/// … or so many bytes of the journal.
const CHUNK_BYTES: u64 = 1 << 20;

/// The page.
const ENTRANCE: &str = include_str!("index.html");

/// What the page is made of.
const ASSETS: [(&str, &str); 5] = [
    ("page.css", include_str!("page.css")),
    ("store.js", include_str!("store.js")),
    ("draw.js", include_str!("draw.js")),
    ("search.js", include_str!("search.js")),
    ("page.js", include_str!("page.js")),
];

/// Writes the page itself, its people and its index.
///
/// # Errors
/// When the disk refuses; each file is then as it was or as it should be.
pub(super) fn write_lists(export: &Export<'_>, people: &People, channels: &[ChannelRow]) -> Result<(), Failure> {
    let directory = export.place.root().join(DIRECTORY);
    make_directory(&directory)?;
    for (name, text) in ASSETS {
        export.drafts.replace(&directory.join(name), text.as_bytes())?;
    }
    let people: Vec<PersonRow<'_>> = people.all().map(|person| PersonRow::of(person, export.own_domains)).collect();
    write(export, &directory.join("people.js"), "people", &(people,))?;
    let index = Index { organisation: export.organisation, channels };
    write(export, &directory.join("index.js"), "index", &(index,))?;
    sync_directory(&directory)?;
    export.drafts.replace(&export.place.root().join("index.html"), ENTRANCE.as_bytes())
}

/// Writes the threads of a channel, and the chunks that hold posts after this byte of the journal.
///
/// # Errors
/// When the disk refuses; each file is then as it was or as it should be.
pub(super) fn write_channel(export: &Export<'_>, channel: &Channel, published: u64) -> Result<(), Failure> {
    let directory = directory(export, channel);
    make_directory(&directory)?;
    let starts = chunks(channel.catalogue());
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(channel.catalogue().records().len());
        let records = channel.catalogue().records().get(*start..end).unwrap_or_default();
        let is_longer = records.last().is_some_and(|last| last.span.end() > published);
        if is_longer || records.iter().any(|record| record.was_retracted_since(published)) {
            let mut texts = channel.texts()?;
            let mut posts = Vec::with_capacity(records.len());
            for record in records.iter().filter(|record| record.stands()) {
                if let Line::Post(entry) = texts.read(record.span)? {
                    posts.push(PostRow::from(*entry));
                }
            }
            write(export, &directory.join(format!("{number}.js")), "chunk", &(channel.directory(), number, posts))?;
        }
    }
    let threads = ChannelIndex::of(channel.catalogue(), &starts);
    write(export, &directory.join("threads.js"), "channel", &(channel.directory(), threads))?;
    sync_directory(&directory)
}

/// Whether the files that [`write_channel`] writes are all there.
pub(super) fn is_whole(export: &Export<'_>, channel: &Channel) -> bool {
    let directory = directory(export, channel);
    let chunks = 0..chunks(channel.catalogue()).len();
    directory.join("threads.js").exists() && chunks.into_iter().all(|number| directory.join(format!("{number}.js")).exists())
}

fn directory(export: &Export<'_>, channel: &Channel) -> PathBuf {
    export.place.root().join(DIRECTORY).join("channel").join(channel.directory())
}

/// The posts, by their place in the journal, with which the chunks begin.
fn chunks(catalogue: &Catalogue) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut full_at = (0, 0);
    for (nth, record) in catalogue.records().iter().enumerate() {
        if nth >= full_at.0 || record.span.end() > full_at.1 {
            full_at = (nth + CHUNK_POSTS, record.span.start + CHUNK_BYTES);
            starts.push(nth);
        }
    }
    starts
}

fn write(export: &Export<'_>, path: &Path, call: &str, arguments: &impl Serialize) -> Result<(), Failure> {
    let text = script(call, arguments).map_err(|error| failure("writing", path, &error))?;
    export.drafts.replace(path, text.as_bytes())
}

/// A script that hands its arguments, a tuple, to the page. Nothing in them can end the script or the line: JSON knows
/// `<` and the two separators that are line ends to JavaScript also by their numbers.
fn script(call: &str, arguments: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string(arguments)?;
    let json = json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let arguments = json.strip_prefix('[').and_then(|json| json.strip_suffix(']')).unwrap_or(&json);
    Ok(format!("MAILFERRY.{call}({arguments});\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script_that_carries_it() {
        let script = script("chunk", &("a</script><!--\u{2028}",)).unwrap();
        assert_eq!(script, "MAILFERRY.chunk(\"a\\u003c/script>\\u003c!--\\u2028\");\n");
    }

    #[test]
    fn the_page_is_small_and_names_nothing_outside() {
        let size = ENTRANCE.len() + ASSETS.iter().map(|(_, text)| text.len()).sum::<usize>();
        assert!(size < 60_000, "the page has {size} bytes");
        for text in ASSETS.iter().map(|(_, text)| *text).chain([ENTRANCE]) {
            for outside in ["src=\"http", "href=\"http", "url(http", "@import", "innerHTML", "eval("] {
                assert!(!text.contains(outside), "{outside}");
            }
        }
    }
}
