//! Bytes → what a reader sees → posts → what a destination is told.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use chrono::DateTime;
use mailferry::delivery::{ChannelName, DeliveryKey, DestinationName, Part, Timeliness};
use mailferry::destination::archive::ArchiveSettings;
use mailferry::destination::post::{self, Content, DatedBy, HiddenText, Letter, Outline, Post};
use mailferry::destination::{ArchiveDestination, ChannelSpec, Destination, EmptyFiles, Limits, Visibility, slack};
use mailferry::mail::text::Reading;
use mailferry::mail::turn::{self, Said};
use mailferry::mail::{self, Byline, attachment, lookalike};
use serde_json::Value;

use super::harmless::one_harmless_line;

/// Slack's own bounds (<https://docs.slack.dev/reference/block-kit/blocks>): blocks of a message, elements of a context,
/// characters of a text, characters of `text`.
const SLACK: [usize; 4] = [50, 10, 3_000, 40_000];
/// Characters of text in one post to Slack.
const SLACK_TEXT_CHARS: usize = 3_500;

/// What is shown of a mail is its words, in pieces in bounds; none of them acts in a channel.
pub(crate) fn rendering(raw: &[u8]) {
    with_letter(raw, &[(0, "the type can run".to_owned())], &|letter| {
        is_tidy(letter.reading);
        letter.message.invitations.iter().for_each(|invitation| one_harmless_line("an invitation", &bare(invitation)));
        letter.byline.remarks.iter().for_each(|remark| one_harmless_line("a remark", remark));
        for unsaid in [None, turn::unsaid(&letter.reading.hidden, &Said::default())] {
            let outline = post::outline(&Letter { unsaid, ..*letter }, &slack_limits());
            in_pieces(letter, &outline, SLACK_TEXT_CHARS);
            posts(raw, letter, &outline).iter().for_each(slack_obeys_nothing);
        }
    });
}

/// Nor does it act in an archive, whoever reads it: the page, or a program that reads exports. Costs a hundred times as much.
pub(crate) fn archiving(raw: &[u8]) {
    with_letter(raw, &[], &|letter| {
        let unsaid = turn::unsaid(&letter.reading.hidden, &Said::default());
        archive_obeys_nothing(raw, &Letter { unsaid, hidden: HiddenText::AsFile, ..*letter });
    });
}

fn with_letter(raw: &[u8], stubs: &[(u32, String)], see: &dyn Fn(&Letter<'_>)) {
    let message = mail::parse(raw);
    see(&Letter {
        message: &message,
        byline: &Byline { author: message.author().cloned(), via: message.behind.clone(), remarks: lookalike::remarks(&message) },
        reading: &message.reading(),
        date: DateTime::UNIX_EPOCH,
        dated_by: DatedBy::Sender,
        timeliness: Timeliness::InTime,
        stubs,
        above: &stubs.iter().map(|(index, _)| index + 1).collect(),
        unsaid: None,
        hidden: HiddenText::InVault,
        links: 1,
    });
}

fn is_tidy(reading: &Reading) {
    for (what, side) in [("the text", &reading.text), ("what is hidden", &reading.hidden)] {
        one_harmless_line(what, &bare(side));
        assert!(!side.contains("\n\n\n") && !side.starts_with('\n') && !side.ends_with("\n\n"), "{what} has gaps: {side:?}");
        assert!(side.lines().all(|line| line == line.trim_end()), "{what} has white space at the end of lines: {side:?}");
        let marks = side.chars().find(|c| ('\u{fdd0}'..='\u{fdef}').contains(c));
        assert_eq!(marks, None, "{what} holds marks of the rendering: {side:?}");
    }
    reading.notes.iter().for_each(|note| one_harmless_line("a note", note));
}

/// A text without what it may hold beside visible characters: line ends and tabs.
fn bare(text: &str) -> String {
    text.replace(['\n', '\t'], "")
}

fn slack_limits() -> Limits {
    Limits {
        text_chars: SLACK_TEXT_CHARS,
        file_bytes: 1_000_000_000,
        empty_files: EmptyFiles::Refused,
        posts_per_second: None,
        workspace_posts_per_minute: None,
    }
}

/// The pieces keep their bound and lose nothing but white space.
fn in_pieces(letter: &Letter<'_>, outline: &Outline, most_chars: usize) {
    assert!(
        !outline.texts.is_empty()
            && outline.files.len() + outline.stubbed + outline.referred_to <= letter.message.attachments.len()
    );
    let pieces = outline.texts.iter().chain(outline.quote.iter().map(|(_, text)| text));
    let longest = pieces.map(|piece| piece.chars().count()).max().unwrap_or_default();
    assert!(longest <= most_chars, "a piece of {longest} characters");
    let words = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let is_whole = words(&outline.texts.concat()).starts_with(&words(&letter.reading.text));
    assert!(is_whole, "the pieces lose words: {:?}", outline.texts);
}

/// The posts of a message: all but the files after the first, each of which costs a pass over the mail.
fn posts(raw: &[u8], letter: &Letter<'_>, outline: &Outline) -> Vec<Post> {
    let first = outline.files.first();
    let post = |part: Part| {
        let key = DeliveryKey::of(&letter.message.key, &DestinationName::new("d"), &ChannelName::new("acme"), part);
        match part {
            Part::Text(number) => Some(outline.text(number, key).expect("a piece")),
            Part::Quote(lines) => Some(outline.quote(lines, key).expect("a quotation")),
            Part::Hidden => Some(outline.hidden(key).expect("a hidden text")),
            Part::File(index) if first == Some(&index) => {
                let file = &letter.message.attachments[index as usize];
                Some(outline.file(index, file, attachment::bytes(raw, file).expect("the bytes"), key))
            }
            Part::File(_) => None,
            Part::Link(number) => Some(outline.link(number, key)),
        }
    };
    outline.parts().into_iter().filter_map(post).collect()
}

/// In `text`, Slack reads markup: it must hold none. In `blocks`, all words stand where it reads none.
fn slack_obeys_nothing(post: &Post) {
    let [most_blocks, most_elements, most_chars, most_text] = SLACK;
    let Some(said) = slack::said(post) else { return };
    calls_nobody(&said.text);
    one_harmless_line("slack's text", &bare(&said.text));
    assert!(!said.text.contains(['<', '>']) && said.text.chars().count() <= most_text, "{:?}", said.text);
    let only_escapes = ["&amp;", "&lt;", "&gt;"].iter().fold(said.text.clone(), |text, escape| text.replace(escape, ""));
    assert!(!only_escapes.contains('&'), "{:?}", said.text);
    let blocks: Vec<Value> = serde_json::from_str(&said.blocks).expect("blocks are JSON");
    assert!((1..=most_blocks).contains(&blocks.len()), "{} blocks", blocks.len());
    for block in &blocks {
        let elements = block["elements"].as_array().expect("elements");
        assert!(!elements.is_empty() && (block["type"] != "context" || elements.len() <= most_elements), "{block}");
        walk(block, &mut |value| {
            if value["type"] == "mrkdwn" || value.get("url").is_some() {
                panic!("markup acts in {value}");
            }
            if let Some(text) = value["text"].as_str() {
                assert!(!text.is_empty() && text.chars().count() <= most_chars, "{value}");
                calls_nobody(text);
            }
        });
    }
}

fn walk(value: &Value, see: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(fields) => {
            see(value);
            fields.values().for_each(|field| walk(field, see));
        }
        Value::Array(elements) => elements.iter().for_each(|element| walk(element, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[track_caller]
fn calls_nobody(text: &str) {
    let lower = text.to_ascii_lowercase();
    let call = ["@channel", "@here", "@everyone"].into_iter().find(|call| lower.contains(call));
    assert_eq!(call, None, "{text:?} calls");
}

/// What an archive on a disk holds after the message: no markup in a day file, nothing that ends a script of the page.
fn archive_obeys_nothing(raw: &[u8], letter: &Letter<'_>) {
    let directory = tempfile::Builder::new().tempdir_in(quick_disk()).expect("a directory");
    let path = directory.path().join("archive");
    let settings = ArchiveSettings { path: path.clone(), organisation: "Our Co".to_owned(), own_domains: BTreeSet::new() };
    let archive = ArchiveDestination::new(DestinationName::new("d"), settings).expect("an archive");
    let outline = post::outline(letter, &archive.limits());
    in_pieces(letter, &outline, archive.limits().text_chars);
    let posts = posts(raw, letter, &outline);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(post_all(&archive, &posts));
    look_into(&path, &posts);
}

/// Where files cost nothing, if there is such a place.
fn quick_disk() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

async fn post_all(archive: &ArchiveDestination, posts: &[Post]) {
    let spec = ChannelSpec { name: ChannelName::new("acme"), visibility: Visibility::Private, purpose: String::new() };
    let channel = archive.open(&spec).await.expect("a channel");
    let mut root = None;
    for post in posts {
        let handle = archive.prepare(post).await.expect("prepared");
        let receipt = archive.post(&channel, root.as_ref(), post, &handle).await.expect("posted");
        root.get_or_insert(receipt);
    }
    archive.publish().await.expect("published");
}

fn look_into(archive: &Path, posts: &[Post]) {
    let mut shown = 0;
    for day in fs::read_dir(archive.join("acme")).expect("days") {
        let bytes = fs::read(day.expect("a day").path()).expect("a day");
        let messages: Vec<Value> = serde_json::from_slice(&bytes).expect("a day is JSON");
        for message in &messages {
            let text = message["text"].as_str().expect("a text");
            one_harmless_line("a day file", &bare(text));
            assert!(!text.contains(['<', '>']), "{text:?}");
            let apart = text.to_ascii_lowercase().replace("]\u{2060}", "");
            assert!(!apart.contains("]("), "a link acts in {text:?}");
        }
        shown += messages.len();
    }
    assert_eq!(shown, posts.len(), "posts and elements of day files");
    for script in ["__page/people.js", "__page/index.js", "__page/channel/acme/0.js", "__page/channel/acme/threads.js"] {
        let script = fs::read_to_string(archive.join(script)).expect("a script");
        let code = script.strip_prefix("MAILFERRY.").and_then(|code| code.strip_suffix(");\n")).expect("one call");
        let (_, arguments) = code.split_once('(').expect("arguments");
        assert!(!code.contains(['<', '\n', '\u{2028}', '\u{2029}']), "{code}");
        let arguments: Value = serde_json::from_str(&format!("[{arguments}]")).expect("arguments are JSON");
        walk(&arguments, &mut |row| {
            if let Some(path) = row["path"].as_str() {
                assert!(
                    path.starts_with("__uploads/") && path.split('/').all(|name| name != "..") && archive.join(path).is_file(),
                    "{path}"
                );
            }
        });
    }
    let uploads = posts.iter().filter(|post| matches!(post.content, Content::File { .. })).count();
    let kept = fs::read_dir(archive.join("__uploads")).map_or(0, Iterator::count);
    assert_eq!(kept, uploads);
}
