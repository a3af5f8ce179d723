//! `.msg`: one message in a compound file (\[MS-OXMSG\], \[MS-CFB\]).
//!
//! The storage of an object holds a stream of its properties of fixed size, a stream for each other property, named by its
//! tag, and a storage for each recipient and attachment.

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use cfb::CompoundFile;

use super::property::{Properties, Value, id};
use super::{Attached, Content, Item, MAX_ATTACHMENTS, MAX_DEPTH, MAX_RECIPIENTS, Written, to_mail};
use crate::mail::parse::guarded;

const PROPERTIES: &str = "__properties_version1.0";
const PROPERTY: &str = "__substg1.0_";
const RECIPIENT: &str = "__recip_version1.0_#";
const ATTACHMENT: &str = "__attach_version1.0_#";
/// PidTagAttachDataObject, where it is a message.
const EMBEDDED: &str = "__substg1.0_3701000D";
/// PidTagAttachMethod: the attachment is a message.
const METHOD_EMBEDDED: i64 = 5;

/// What stands before the first property (\[MS-OXMSG\] 2.4.1).
#[derive(Clone, Copy)]
enum Header {
    TopLevel = 32,
    Embedded = 24,
    Other = 8,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no compound file, or a damaged one.
    #[error("it is no Outlook .msg file, or it is damaged: {0}; save it as .eml in Outlook")]
    Broken(String),
    /// It is a compound file of something else, such as a Word document.
    #[error("it is a compound file, but holds no Outlook message; check what program it belongs to")]
    NoMessage,
    /// It holds something else than mail.
    #[error("it is an Outlook item of class {0}, which is no mail")]
    NoMail(String),
}

/// Reads a `.msg` file and makes a mail of it.
///
/// # Errors
/// Where the file holds no message that can be read.
pub fn read(bytes: &[u8]) -> Result<Written, Fault> {
    let panicked = || Fault::Broken("its structure contradicts itself".into());
    let item = guarded(|| open(bytes)).ok_or_else(panicked)??;
    match item.properties.text(id::MESSAGE_CLASS).filter(|class| !is_mail(class)) {
        Some(class) => Err(Fault::NoMail(class.chars().filter(|c| !c.is_control()).take(100).collect())),
        None => Ok(to_mail(&item)),
    }
}

/// Whether an item of this class is a mail: notes, posts, reports of their delivery, and what meetings send around
/// (\[MS-OXOMSG\] 2.2.2.1). Appointments, contacts and tasks are none.
pub fn is_mail(class: &str) -> bool {
    const CLASSES: [&str; 7] =
        ["ipm.note", "ipm.post", "ipm.schedule.meeting", "ipm.outlook.recall", "ipm.taskrequest", "ipm.sharing", "ipm.document"];
    let class = class.to_ascii_lowercase();
    let is_of = |base: &str| class.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    class == "ipm" || class.starts_with("report.") || CLASSES.into_iter().any(is_of)
}

fn open(bytes: &[u8]) -> Result<Item, Fault> {
    let file = CompoundFile::open(Cursor::new(bytes)).map_err(|error| Fault::Broken(error.to_string()))?;
    let mut reader = Reader { file, bytes_left: bytes.len() as u64 };
    let root = Path::new("/");
    if !reader.file.is_stream(root.join(PROPERTIES)) {
        return Err(Fault::NoMessage);
    }
    Ok(reader.item(root, Header::TopLevel, None, 0))
}

struct Reader<'x> {
    file: CompoundFile<Cursor<&'x [u8]>>,
    /// What may still be read. All streams together are no longer than the file, unless some share their sectors.
    bytes_left: u64,
}

impl Reader<'_> {
    fn item(&mut self, storage: &Path, header: Header, code_page: Option<u16>, depth: usize) -> Item {
        let mut item = Item { properties: self.properties(storage, header, code_page, &mut Vec::new()), ..Item::default() };
        let code_page = item.properties.code_page();
        for recipient in self.storages(storage, RECIPIENT, MAX_RECIPIENTS, &mut item.notes) {
            let properties = self.properties(&recipient, Header::Other, code_page, &mut item.notes);
            item.recipients.push(properties);
        }
        for attachment in self.storages(storage, ATTACHMENT, MAX_ATTACHMENTS, &mut item.notes) {
            let mut properties = self.properties(&attachment, Header::Other, code_page, &mut item.notes);
            let content = self.content(&attachment, &mut properties, code_page, depth, &mut item.notes);
            item.attachments.push(Attached { properties, content });
        }
        item
    }

    fn content(
        &mut self,
        storage: &Path,
        properties: &mut Properties,
        code_page: Option<u16>,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Content {
        let embedded = storage.join(EMBEDDED);
        if properties.number(id::ATTACH_METHOD) == Some(METHOD_EMBEDDED) && self.file.is_storage(&embedded) {
            if depth + 1 >= MAX_DEPTH {
                notes.push("messages within messages deeper than the bound are left out".into());
                return Content::Nothing;
            }
            return Content::Message(Box::new(self.item(&embedded, Header::Embedded, code_page, depth + 1)));
        }
        properties.take_bytes(id::ATTACH_DATA).map_or(Content::Nothing, Content::File)
    }

    /// The storages of a kind, by number.
    fn storages(&self, parent: &Path, kind: &str, most: usize, notes: &mut Vec<String>) -> Vec<PathBuf> {
        let Ok(entries) = self.file.read_storage(parent) else { return Vec::new() };
        let mut storages: Vec<PathBuf> = entries
            .take(10 * most)
            .filter(|entry| entry.is_storage() && entry.name().starts_with(kind))
            .map(|entry| entry.path().to_path_buf())
            .collect();
        storages.sort();
        if storages.len() > most {
            storages.truncate(most);
            notes.push("recipients or attachments of an Outlook message cut: more than the bound".into());
        }
        storages
    }

    fn properties(&mut self, storage: &Path, header: Header, code_page: Option<u16>, notes: &mut Vec<String>) -> Properties {
        let mut properties = Properties::default();
        properties.assume_code_page(code_page);
        let fixed = self.stream(&storage.join(PROPERTIES), notes).unwrap_or_default();
        for entry in fixed.get(header as usize..).unwrap_or_default().as_chunks::<16>().0 {
            let [k0, k1, i0, i1, _, _, _, _, value @ ..] = *entry;
            let (kind, id) = (u16::from_le_bytes([k0, k1]), u16::from_le_bytes([i0, i1]));
            if let Some(value) = Value::of_word(kind, u64::from_le_bytes(value)) {
                properties.add(id, value);
            }
        }
        let names: Vec<String> = match self.file.read_storage(storage) {
            Ok(entries) => entries.filter(cfb::Entry::is_stream).map(|entry| entry.name().to_owned()).collect(),
            Err(_) => Vec::new(),
        };
        for name in names {
            let tag = name.strip_prefix(PROPERTY).filter(|tag| tag.len() == 8).and_then(|tag| u32::from_str_radix(tag, 16).ok());
            let Some([k0, k1, i0, i1]) = tag.map(u32::to_le_bytes) else { continue };
            let (kind, id) = (u16::from_le_bytes([k0, k1]), u16::from_le_bytes([i0, i1]));
            // Named properties say nothing that a mail is made of.
            if id >= 0x8000 {
                continue;
            }
            if let Some(value) = self.stream(&storage.join(&name), notes).and_then(|bytes| Value::of_bytes(kind, &bytes)) {
                properties.add(id, value);
            }
        }
        properties
    }

    fn stream(&mut self, path: &Path, notes: &mut Vec<String>) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.file.open_stream(path).and_then(|stream| stream.take(self.bytes_left).read_to_end(&mut bytes));
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len() as u64);
        if read.is_err() && path.file_name().is_some_and(|name| name != PROPERTIES) {
            notes.push("a property of an Outlook message cannot be read".into());
        }
        read.ok().map(|_| bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::mail;

    /// A compound file with these streams.
    fn file(streams: &[(&str, &[u8])]) -> Vec<u8> {
        let mut file = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        for (path, bytes) in streams {
            file.create_storage_all(Path::new(path).parent().unwrap()).unwrap();
            file.create_stream(path).unwrap().write_all(bytes).unwrap();
        }
        file.flush().unwrap();
        file.into_inner().into_inner()
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn fixed(header: Header, values: &[(u32, u64)]) -> Vec<u8> {
        let mut out = vec![0; header as usize];
        for (tag, value) in values {
            out.extend([&tag.to_le_bytes()[..], &[0; 4], &value.to_le_bytes()].concat());
        }
        out
    }

    fn sample() -> Vec<u8> {
        let inner = "/__attach_version1.0_#00000001/__substg1.0_3701000D";
        file(&[
            ("/__properties_version1.0", &fixed(Header::TopLevel, &[(0x0039_0040, 130_000_000_000_000_000), (0x3FFD_0003, 1251)])),
            ("/__substg1.0_001A001F", &wide("IPM.Note")),
            ("/__substg1.0_0037001E", b"\xcf\xeb\xe0\xed"),
            ("/__substg1.0_1000001F", &wide("Hello\r\n")),
            ("/__recip_version1.0_#00000000/__properties_version1.0", &fixed(Header::Other, &[(0x0C15_0003, 1)])),
            ("/__recip_version1.0_#00000000/__substg1.0_39FE001F", &wide("bob@acme.example")),
            ("/__attach_version1.0_#00000000/__properties_version1.0", &fixed(Header::Other, &[(0x3705_0003, 1)])),
            ("/__attach_version1.0_#00000000/__substg1.0_3707001F", &wide("a.txt")),
            ("/__attach_version1.0_#00000000/__substg1.0_37010102", b"file"),
            ("/__attach_version1.0_#00000001/__properties_version1.0", &fixed(Header::Other, &[(0x3705_0003, 5)])),
            (&format!("{inner}/__properties_version1.0"), &fixed(Header::Embedded, &[(0x0039_0040, 130_000_000_000_000_000)])),
            (&format!("{inner}/__substg1.0_0037001F"), &wide("Inner")),
        ])
    }

    #[test]
    fn a_file_is_read_with_what_is_attached() {
        let written = read(&sample()).unwrap();
        assert_eq!(written.notes, Vec::<String>::new());
        let message = mail::parse(&written.raw);
        assert_eq!(message.subject, "План");
        assert_eq!(message.to.first().map(|person| person.address.as_str()), Some("bob@acme.example"));
        assert_eq!(message.date.unwrap().to_rfc3339(), "2012-12-14T23:06:40+00:00");
        let names: Vec<_> = message.attachments.iter().map(|file| file.name.clone().unwrap()).collect();
        assert_eq!(names, ["a.txt", "Inner.eml"]);
    }

    #[test]
    fn what_is_no_mail_is_refused_by_name() {
        assert!(matches!(read(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and no more"), Err(Fault::Broken(_))));
        assert_eq!(read(&file(&[("/WordDocument", b"x")])), Err(Fault::NoMessage));
        let contact = [("/__properties_version1.0", vec![0; 32]), ("/__substg1.0_001A001F", wide("IPM.Contact"))];
        let contact = file(&contact.each_ref().map(|(path, bytes)| (*path, bytes.as_slice())));
        assert_eq!(read(&contact), Err(Fault::NoMail("IPM.Contact".into())));
    }

    #[test]
    fn damage_anywhere_is_survived() {
        let whole = sample();
        for at in (0..whole.len()).step_by(7) {
            read(&whole[..at]).ok();
            let mut flipped = whole.clone();
            flipped[at] ^= 0xFF;
            read(&flipped).ok();
        }
    }

    #[test]
    fn mails_are_known_by_their_class() {
        assert!(["IPM.Note", "ipm.note.SMIME", "REPORT.IPM.Note.NDR", "IPM.Schedule.Meeting.Request"].into_iter().all(is_mail));
        assert!(!["IPM.Appointment", "IPM.Contact", "IPM.Notebook", "IPM.Task"].into_iter().any(is_mail));
    }
}
