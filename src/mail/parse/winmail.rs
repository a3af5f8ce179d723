//! `winmail.dat` opened: the mail as it would be, had Outlook sent MIME.

use super::body;
use super::notes::Notes;
use super::part::Part;
use crate::mail::outlook::tnef;
use crate::mail::outlook::winmail::{self, OwnText};

/// The message with what is in its containers in the place of them; `None` where there is none that opens. A container
/// in a container is part of a message within this one and stays as it is.
pub(super) fn opened(message: &[u8], root: &Part<'_>, notes: &mut Notes) -> Option<Vec<u8>> {
    let containers: Vec<&Part<'_>> = root.leaves().into_iter().filter(|leaf| is_container(leaf)).collect();
    if containers.is_empty() {
        return None;
    }
    let mut own_text = own_text(root);
    let mut out = Vec::with_capacity(message.len() * 4 / 3);
    let (mut copied, mut is_opened) = (0, false);
    for container in containers {
        let bytes = container.decoded(notes);
        let inner = match winmail::open(&bytes, own_text) {
            Ok(inner) => inner,
            Err(fault) => {
                notes.add(format!("winmail.dat stays closed: {fault}"));
                continue;
            }
        };
        notes.add("winmail.dat was opened: what is in it stands in its place");
        inner.notes.into_iter().for_each(|note| notes.add(note));
        let start = offset(message, container.entity);
        out.extend_from_slice(message.get(copied..start).unwrap_or_default());
        if container.index == root.index {
            out.extend_from_slice(&headers_of_message(container));
        }
        out.extend_from_slice(&inner.headers);
        out.extend_from_slice(&inner.body);
        copied = start + container.entity.len();
        (is_opened, own_text) = (true, OwnText::There);
    }
    out.extend_from_slice(message.get(copied..).unwrap_or_default());
    is_opened.then_some(out)
}

fn is_container(leaf: &Part<'_>) -> bool {
    let is_named = leaf.file_name().is_some_and(|name| name.eq_ignore_ascii_case("winmail.dat"));
    let is_typed = matches!(leaf.media_type.as_str(), "application/ms-tnef" | "application/vnd.ms-tnef");
    (is_named || is_typed) && tnef::begins(&leaf.decoded(&mut Notes::default()))
}

fn own_text(root: &Part<'_>) -> OwnText {
    let body = body::assemble(&body::stretches(root, &mut Notes::default()));
    let has_text = [body.plain, body.html].into_iter().flatten().any(|text| !text.trim().is_empty());
    if has_text { OwnText::There } else { OwnText::Missing }
}

/// Where a slice of the message begins in it.
fn offset(message: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(message.as_ptr().addr()).min(message.len())
}

/// The headers of a message that is nothing but a container, without those that describe its form.
fn headers_of_message(root: &Part<'_>) -> Vec<u8> {
    let is_of_form = |name: &[u8]| name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
    let fields = root.headers.fields().iter().filter(|field| !is_of_form(field.name));
    fields.flat_map(|field| [field.name, b": ", field.value, b"\r\n"].concat()).collect()
}

#[cfg(test)]
mod tests {
    use crate::mail::{attachment, parse};

    /// A container with one file, `a.txt`, and the text `Hello`.
    const CONTAINER: &str =
        "eJ8+IgEAAQyAAgAGAAAASGVsbG8A9AECApAGAA4AAAAAAAAAAAAAAAAAAAAAAAAAAg+ABgAEAAAAZGF0YZoBAhCAAQAGAAAAYS50eHQA7wE=";

    fn mail(text: &str) -> String {
        let container =
            format!("Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n{CONTAINER}");
        format!("Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n{text}\n--b\n{container}\n--b--\n")
    }

    #[test]
    fn files_stand_in_the_place_of_the_container() {
        let raw = mail("Own text.");
        let message = parse(raw.as_bytes());
        assert_eq!(message.body.plain.as_deref(), Some("Own text."));
        let [file] = message.attachments.as_slice() else { panic!("{:?}", message.attachments) };
        assert_eq!((file.name.as_deref(), file.size), (Some("a.txt"), 4));
        assert_eq!(attachment::bytes(raw.as_bytes(), file).as_deref(), Some(b"data".as_slice()));
        assert_eq!(message.notes, ["winmail.dat was opened: what is in it stands in its place"]);
    }

    #[test]
    fn its_text_is_used_where_the_mail_has_none() {
        assert_eq!(parse(mail("").as_bytes()).body.plain.map(|text| text.trim().to_owned()).as_deref(), Some("Hello"));
    }

    #[test]
    fn a_mail_that_is_a_container_alone_is_opened() {
        let raw = format!("Subject: x\nContent-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n{CONTAINER}\n");
        let message = parse(raw.as_bytes());
        assert_eq!((message.subject.as_str(), message.body.plain.as_deref()), ("x", Some("Hello")));
        assert_eq!(message.attachments.len(), 1);
    }

    #[test]
    fn a_damaged_container_is_carried_as_the_file_that_it_is() {
        let message = parse(mail("Own text.").replace("ZGF0YZ", "ZGF0Zp").as_bytes());
        assert_eq!(message.attachments.first().and_then(|file| file.name.as_deref()), Some("winmail.dat"));
        assert_eq!(message.notes, ["winmail.dat stays closed: a checksum in it is wrong"]);
    }

    #[test]
    fn the_identity_is_that_of_what_was_sent() {
        let raw = mail("Own text.");
        let closed = raw.replace("application/ms-tnef; name=winmail.dat", "application/octet-stream");
        assert_eq!(parse(raw.as_bytes()).key, parse(closed.as_bytes()).key);
    }
}
