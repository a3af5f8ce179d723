//! What a file holds, by its first bytes: names say little about mail.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::Path;

use super::MAX_MESSAGE_BYTES;
use super::mbox::begins_mbox;
use crate::mail::outlook::msg;

/// How many bytes are looked at.
pub(super) const SNIFFED: u64 = 1024;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Nothing: no bytes, or blank lines only.
    Nothing,
    /// An mbox: it begins with a `From ` line.
    Mbox,
    /// Something that is not mail as it stands.
    Foreign(Foreign),
    /// Anything else: one mail, for all that can be said.
    Mail,
}

/// A kind of file that people take for mail, with what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    magic: &'static [u8],
    /// What it is, with its article.
    pub(super) what: &'static str,
    /// What the operator can do.
    pub(super) advice: &'static str,
}

/// The magics: \[MS-PST\] 2.2.2.6, \[MS-CFB\] 2.2, RFC 1952, RFC 8878, bzip2, xz, and zip's APPNOTE.
const FOREIGN: [Foreign; 7] = [
    Foreign { magic: PST, what: "an Outlook data file (PST)", advice: "give it a source of kind = \"pst\"" },
    Foreign {
        magic: COMPOUND,
        what: "an Outlook .msg file, or another compound file",
        advice: "give it a source of kind = \"eml\"",
    },
    Foreign { magic: GZIP, what: "compressed with gzip", advice: "unpack it first" },
    Foreign { magic: b"\x28\xB5\x2F\xFD", what: "compressed with zstd", advice: "unpack it first" },
    Foreign { magic: b"BZh", what: "compressed with bzip2", advice: "unpack it first" },
    Foreign { magic: b"\xFD7zXZ\0", what: "compressed with xz", advice: "unpack it first" },
    Foreign { magic: b"PK\x03\x04", what: "a zip archive", advice: "unpack it first" },
];

const PST: &[u8] = b"!BDN";
const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
/// RFC 1952 2.3.1.
const GZIP: &[u8] = b"\x1F\x8B";

impl Holds {
    /// Whether it was compressed with gzip.
    pub(super) fn is_gzip(self) -> bool {
        matches!(self, Self::Foreign(foreign) if foreign.magic == GZIP)
    }

    /// Whether it is an Outlook data file.
    pub(super) fn is_pst(self) -> bool {
        matches!(self, Self::Foreign(foreign) if foreign.magic == PST)
    }

    /// Whether it is a compound file, as Outlook's .msg files are.
    pub(super) fn is_compound(self) -> bool {
        matches!(self, Self::Foreign(foreign) if foreign.magic == COMPOUND)
    }
}

impl Foreign {
    /// The sentence for people.
    pub(super) fn sentence(&self) -> String {
        format!("it is {}; {}", self.what, self.advice)
    }
}

/// What a file holds that begins with these bytes.
pub(super) fn holds(first: &[u8]) -> Holds {
    if let Some(foreign) = FOREIGN.iter().find(|foreign| first.starts_with(foreign.magic)) {
        return Holds::Foreign(*foreign);
    }
    let text = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first);
    let blank = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    match text.get(blank..).unwrap_or_default() {
        [] => Holds::Nothing,
        text if begins_mbox(text) => Holds::Mbox,
        _ => Holds::Mail,
    }
}

/// A file that was opened, with its size and what it holds; it stands at its beginning.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) metadata: fs::Metadata,
    pub(super) holds: Holds,
}

/// Opens a regular file. Anything else is refused before it is opened: a pipe would wait for ever.
pub(super) fn open(path: &Path) -> io::Result<Opened> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut file = File::open(path)?;
    let mut first = Vec::new();
    file.by_ref().take(SNIFFED).read_to_end(&mut first)?;
    file.rewind()?;
    Ok(Opened { metadata: file.metadata()?, holds: holds(&first), file })
}

/// One mail and what was odd about it.
pub(super) type OneMail = (Vec<u8>, Vec<String>);

impl Opened {
    /// Reads the whole file as one mail; the inner error is the reason why it is none that can be read.
    pub(super) fn read_mail(self) -> io::Result<Result<OneMail, String>> {
        match self.holds {
            Holds::Nothing => return Ok(Err("the file is empty".into())),
            Holds::Foreign(foreign) if !self.holds.is_compound() => return Ok(Err(foreign.sentence())),
            Holds::Foreign(_) | Holds::Mbox | Holds::Mail => {}
        }
        one_mail(self.file, self.metadata.len())
    }
}

/// Reads everything as one mail, of about `expected` bytes; the inner error is the reason why it cannot be read. What is
/// unpacked may be of any size, whatever the file's, so the bound stands here. An Outlook message becomes a mail.
pub(super) fn one_mail(input: impl Read, expected: u64) -> io::Result<Result<OneMail, String>> {
    let mut raw = Vec::with_capacity(usize::try_from(expected.min(MAX_MESSAGE_BYTES)).unwrap_or_default());
    input.take(MAX_MESSAGE_BYTES + 1).read_to_end(&mut raw)?;
    if raw.len() as u64 > MAX_MESSAGE_BYTES {
        return Ok(Err(format!("the message is longer than {MAX_MESSAGE_BYTES} bytes")));
    }
    if holds(&raw).is_compound() {
        return Ok(msg::read(&raw).map(|written| (written.raw, written.notes)).map_err(|fault| fault.to_string()));
    }
    Ok(Ok((raw, Vec::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_what_they_hold() {
        assert_eq!(holds(b""), Holds::Nothing);
        assert_eq!(holds(b"\n\r\n"), Holds::Nothing);
        assert_eq!(holds(b"\xEF\xBB\xBF\r\nFrom a@b Mon Jan  6 09:00:00 2020\n"), Holds::Mbox);
        assert_eq!(holds(b"From : Ann <ann@acme.example>\n"), Holds::Mail);
        assert_eq!(holds(b"Subject: x\n"), Holds::Mail);
        assert!(holds(b"!BDN\0\0").is_pst());
        assert!(holds(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1").is_compound());
        assert!(holds(b"\x1F\x8B\x08").is_gzip());
    }
}
