//! The attachments of a message, and what becomes of each leaf part.

use std::collections::BTreeSet;

use super::body::{self, Stretch};
use super::notes::Notes;
use super::part::Part;
use super::{bounds, clean, words};
use crate::mail::attachment::{self, Attachment, Fate, LeftOut, Named, Parts};
use crate::mail::picture::{self, Size};
use crate::mail::{Digest, calendar, identity};

/// Messages within messages whose attachments are listed.
const MAX_DEPTH: usize = 3;
/// Calendars of one message that are written out.
const MAX_CALENDARS: usize = 3;
/// A picture of a tracker has one pixel, or a line of them; of a rule between paragraphs as well.
const TRACKER_PIXELS: u32 = 2;
/// The icons of a signature, such as those of networks: pixels from side to side and from top to bottom, and bytes. A line
/// of a text that was photographed is as low, and wider.
const ICON_WIDTH: u32 = 96;
const ICON_HEIGHT: u32 = 48;
const ICON_BYTES: u64 = 10_000;
/// A logo that stands in a message more than once, as the signature of each message in its history brings it along.
const LOGO_HEIGHT: u32 = 200;
const LOGO_BYTES: u64 = 100_000;

/// The attachments, each with the digest by which copies of it are known.
pub(super) fn attachments(root: &Part<'_>, html: Option<&str>, notes: &mut Notes) -> Vec<(Attachment, Digest)> {
    attachments_at(root, html, 0, notes)
}

fn attachments_at(root: &Part<'_>, html: Option<&str>, depth: usize, notes: &mut Notes) -> Vec<(Attachment, Digest)> {
    let references = html.map(references).unwrap_or_default();
    let leaves = root.leaves().into_iter().filter(|leaf| leaf.is_attachment());
    let mut files: Vec<Looked> = leaves
        .map(|leaf| {
            let bytes = leaf.decoded(notes);
            let content_id = content_id(leaf);
            let is_referred_to = content_id.as_deref().is_some_and(|id| is_referred_to(id, &references));
            let sha256 = Digest::of(&bytes);
            let contents = if is_message(leaf) && depth < MAX_DEPTH { contents(&bytes, depth) } else { Vec::new() };
            let file = Attachment {
                name: name(leaf, &bytes),
                media_type: leaf.media_type.clone(),
                size: bytes.len() as u64,
                sha256,
                inline: leaf.disposition.value == "inline" || is_referred_to,
                part: leaf.index,
                content_id,
                fate: fate(leaf, &bytes),
                contents,
            };
            let picture = if leaf.main_type() == "image" { picture::size(&bytes) } else { None };
            Looked { file, copy: identity::file(&bytes, sha256), picture, is_referred_to }
        })
        .collect();
    leave_out_furniture(&mut files);
    files.into_iter().map(|looked| (looked.file, looked.copy)).collect()
}

/// An attachment, and what its bytes and the text say of it.
struct Looked {
    file: Attachment,
    /// The digest by which copies of it are known.
    copy: Digest,
    /// The size of a picture.
    picture: Option<Size>,
    is_referred_to: bool,
}

/// The files of a message within the message.
fn contents(bytes: &[u8], depth: usize) -> Vec<Attachment> {
    let mut notes = Notes::default();
    let root = Part::read(bytes, &mut notes);
    attachments_at(&root, None, depth + 1, &mut notes).into_iter().map(|(file, _)| file).collect()
}

fn is_message(leaf: &Part<'_>) -> bool {
    matches!(leaf.media_type.as_str(), "message/rfc822" | "message/global")
}

/// The name of a file. A message is a file that mail programs open, and called by its subject.
fn name(leaf: &Part<'_>, bytes: &[u8]) -> Option<String> {
    let given = leaf.file_name().and_then(attachment::harmless_name);
    if !is_message(leaf) {
        return given;
    }
    let given = given.or_else(|| {
        let mut notes = Notes::default();
        let message = Part::read(bytes, &mut notes);
        let subject = words::decoded(message.headers.first("Subject")?, &mut notes).into_owned();
        // A slash in a subject is no path.
        attachment::harmless_name(&clean::line(&subject, 200).replace(['/', '\\'], "-"))
    });
    let name = given.unwrap_or_else(|| "message".into());
    let is_named_as_one = name.to_ascii_lowercase().ends_with(".eml") || name.to_ascii_lowercase().ends_with(".msg");
    // Once more, since the ending may have made it too long.
    if is_named_as_one { Some(name) } else { attachment::harmless_name(&format!("{name}.eml")) }
}

fn content_id(leaf: &Part<'_>) -> Option<String> {
    let id = std::str::from_utf8(leaf.headers.first("Content-ID")?).ok()?;
    let id: String = id.split_whitespace().collect();
    Some(id.trim_matches(['<', '>']).to_owned()).filter(|id| !id.is_empty())
}

/// What the HTML refers to by `cid:` (RFC 2392): each with what follows it, so that a part is looked for by the beginning.
/// Gathered once: to search megabytes of HTML for each of a thousand parts takes minutes.
fn references(html: &str) -> BTreeSet<&str> {
    let found = memchr::memmem::find_iter(html.as_bytes(), b"cid:").take(bounds::REFERENCES).map(|at| at + b"cid:".len());
    found.filter_map(|at| html.get(at..html.floor_char_boundary(at + bounds::LINE_CHARS))).collect()
}

fn is_referred_to(id: &str, references: &BTreeSet<&str>) -> bool {
    references.range(id..).next().is_some_and(|reference| reference.starts_with(id))
}

/// What becomes of a file by what it is.
fn fate(leaf: &Part<'_>, bytes: &[u8]) -> Fate {
    match leaf.media_type.as_str() {
        "application/pkcs7-signature" | "application/x-pkcs7-signature" | "application/pgp-signature" => {
            Fate::LeftOut(LeftOut::Signature)
        }
        "application/pgp-encrypted" => Fate::LeftOut(LeftOut::Control),
        "message/external-body" => {
            let url = leaf.content_type.parameter("url").unwrap_or_default();
            Fate::Named(Named::Elsewhere(clean::line(url, 2_000)))
        }
        _ if bytes.is_empty() => Fate::Named(Named::Empty),
        _ => Fate::Carried,
    }
}

/// Leaves out what is no content by how it looks and how often it is there. A small picture that the text does not show
/// stands for itself.
fn leave_out_furniture(files: &mut [Looked]) {
    let seen: Vec<Digest> = files.iter().map(|looked| looked.file.sha256).collect();
    for Looked { file, picture, is_referred_to, .. } in files {
        if file.fate != Fate::Carried {
            continue;
        }
        let copies = seen.iter().filter(|digest| **digest == file.sha256).count();
        let left_out = match *picture {
            Some(size) if size.width <= TRACKER_PIXELS || size.height <= TRACKER_PIXELS => Some(LeftOut::TrackingPixel),
            Some(size) if *is_referred_to && is_furniture(size, file.size, copies) => Some(LeftOut::Logo),
            _ => None,
        };
        if let Some(left_out) = left_out {
            file.fate = Fate::LeftOut(left_out);
        }
    }
}

fn is_furniture(size: Size, bytes: u64, copies: usize) -> bool {
    let is_icon = size.width <= ICON_WIDTH && size.height <= ICON_HEIGHT && bytes <= ICON_BYTES;
    is_icon || copies > 1 && size.height <= LOGO_HEIGHT && bytes <= LOGO_BYTES
}

/// The calendars of a message as text, with the index of each part: those within the text, else those that are attached.
pub(super) fn invitations(root: &Part<'_>, notes: &mut Notes) -> Vec<(usize, String)> {
    let leaves = root.leaves();
    let of_type = |media_type: &str| leaves.iter().filter(|leaf| leaf.media_type == media_type).copied().collect::<Vec<_>>();
    let mut invitations: Vec<(usize, String)> = Vec::new();
    for media_type in ["text/calendar", "application/ics"] {
        for leaf in of_type(media_type) {
            match calendar::text(&body::decoded_text(leaf, notes)) {
                Some(text) if invitations.len() < MAX_CALENDARS && invitations.iter().all(|(_, other)| *other != text) => {
                    invitations.push((leaf.index, text));
                }
                Some(_) => {}
                None if media_type == "text/calendar" => notes.add("a part of type text/calendar is not shown"),
                None => {}
            }
        }
        if !invitations.is_empty() {
            break;
        }
    }
    invitations
}

/// Counts the leaf parts by what becomes of them.
pub(super) fn count(root: &Part<'_>, stretches: &[Stretch], invitations: &[(usize, String)], files: &[Attachment]) -> Parts {
    let mut parts = Parts::default();
    for leaf in root.leaves() {
        let is_text = stretches.iter().any(|stretch| stretch.parts.contains(&leaf.index))
            || invitations.iter().any(|(index, _)| *index == leaf.index);
        let fate = files.iter().find(|file| file.part == leaf.index).map(|file| &file.fate);
        parts.leaves += 1;
        match fate {
            _ if is_text => parts.posted += 1,
            Some(Fate::Carried) => parts.posted += 1,
            Some(Fate::Named(_)) => parts.stubbed += 1,
            Some(Fate::LeftOut(_)) | None => parts.left_out += 1,
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use crate::mail::attachment::{Fate, LeftOut, Named, Parts};
    use crate::mail::{Attachment, parse};

    fn mixed(parts: &[&str]) -> String {
        let parts: String = parts.iter().map(|part| format!("--m\n{part}\n")).collect();
        format!("Subject: x\nContent-Type: multipart/mixed; boundary=m\n\n{parts}--m--\n")
    }

    fn files(parts: &[&str]) -> Vec<Attachment> {
        parse(mixed(parts).as_bytes()).attachments
    }

    /// A picture of this size; the text refers to it by its name.
    fn picture(name: &str, width: u8, height: u8) -> String {
        use base64::Engine as _;
        let gif = [b"GIF89a".as_slice(), &[width, 0, height, 0]].concat();
        let gif = base64::engine::general_purpose::STANDARD.encode(gif);
        format!("Content-Type: image/gif; name={name}\nContent-ID: <{name}>\nContent-Transfer-Encoding: base64\n\n{gif}")
    }

    #[test]
    fn a_message_is_a_file_that_is_called_by_its_subject_and_lists_its_own() {
        let inner = "Content-Type: message/rfc822\n\nSubject: =?utf-8?Q?Pl=C3=A4ne_1/2?=\nContent-Type: application/pdf; name=plan.pdf\n\n%PDF";
        let listed = files(&["\ntext", inner]);
        assert_eq!(listed[0].name.as_deref(), Some("Pläne 1-2.eml"));
        assert_eq!(listed[0].contents.iter().map(|file| file.name.as_deref()).collect::<Vec<_>>(), [Some("plan.pdf")]);
        assert_eq!(files(&["Content-Type: message/rfc822\n\nX: y\n\nz"])[0].name.as_deref(), Some("message.eml"));
    }

    #[test]
    fn messages_in_messages_are_listed_to_the_bound() {
        let mut mail = "Content-Type: application/pdf; name=a.pdf\n\nx".to_owned();
        for _ in 0..50 {
            mail = format!("Content-Type: message/rfc822\n\n{mail}");
        }
        let mut listed = &parse(mail.as_bytes()).attachments;
        let mut depth = 0;
        while let Some(file) = listed.first() {
            (listed, depth) = (&file.contents, depth + 1);
        }
        assert_eq!(depth, super::MAX_DEPTH + 1);
    }

    #[test]
    fn what_is_no_content_is_left_out_and_listed() {
        let fates = |parts: &[&str]| files(parts).into_iter().map(|file| file.fate).collect::<Vec<_>>();
        let logo = |name: &str| picture(name, 200, 150);
        let html = "Content-Type: text/html\n\n<img src=cid:p.gif><img src=cid:icon.gif><img src=cid:image001.gif><img src=cid:image002.gif>";
        assert_eq!(fates(&[&picture("p.gif", 1, 1)]), [Fate::LeftOut(LeftOut::TrackingPixel)]);
        assert_eq!(fates(&[html, &picture("icon.gif", 24, 24)]), [Fate::LeftOut(LeftOut::Logo)]);
        assert_eq!(fates(&[html, &picture("icon.gif", 240, 24)]), [Fate::Carried]);
        assert_eq!(fates(&[&picture("icon.gif", 24, 24)]), [Fate::Carried], "nothing shows it but itself");
        assert_eq!(fates(&[html, &logo("image001.gif")]), [Fate::Carried]);
        assert_eq!(
            fates(&[html, &logo("image001.gif"), &logo("image002.gif")]),
            [Fate::LeftOut(LeftOut::Logo), Fate::LeftOut(LeftOut::Logo)]
        );
        assert_eq!(fates(&["Content-Type: application/pgp-signature\n\nx"]), [Fate::LeftOut(LeftOut::Signature)]);
    }

    #[test]
    fn what_has_no_bytes_here_is_named() {
        let elsewhere = "Content-Type: message/external-body; access-type=URL; URL=\"https://a.sharepoint.com/x\"; name=b\n\nContent-Type: text/plain\n";
        let fates: Vec<_> =
            files(&["Content-Type: application/pdf; name=a.pdf\n", elsewhere]).into_iter().map(|file| file.fate).collect();
        assert_eq!(fates, [Fate::Named(Named::Empty), Fate::Named(Named::Elsewhere("https://a.sharepoint.com/x".into()))]);
    }

    #[test]
    fn every_leaf_is_counted_once() {
        let alternative = "Content-Type: multipart/alternative; boundary=a\n\n--a\n\nplain\n--a\nContent-Type: text/html\n\n<p>html\n\
                           --a\nContent-Type: text/x-amp-html\n\n<p>amp\n--a--";
        let mail = mixed(&[
            alternative,
            "Content-Type: application/pdf; name=a.pdf\n",
            &picture("p.gif", 1, 1),
            "Content-Type: image/png\n\nx",
        ]);
        let parts = parse(mail.as_bytes()).parts;
        assert_eq!(parts, Parts { leaves: 6, posted: 3, referred_to: 0, stubbed: 1, left_out: 2 });
    }
}
