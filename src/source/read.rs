//! Reads mail from any path by what it holds, for those who just want to look: no position, no checkpoint, nothing kept.
//!
//! An mbox is what begins with a `From ` line; a directory with `cur` or `new` is a Maildir, with its subfolders; any other
//! directory is a tree of mails, each file read by the same rule; any other file is one mail, as it is or as Outlook's
//! .msg; a PST is the mails in its folders. What was compressed with gzip, as list archives are, is read as what it holds.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::holds::{self, Holds, SNIFFED};
use super::mbox::MboxReader;
use super::pst::PstMails;
use super::tree::Tree;
use super::{SourceError, place};

/// One mail, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The file that it is in.
    pub path: PathBuf,
    /// Its number in the file, from 0.
    pub index: u64,
    /// The message, byte for byte (an mbox's own quoting undone).
    pub raw: Vec<u8>,
    /// What was odd about its place, such as a doubtful mbox boundary.
    pub notes: Vec<String>,
}

/// Something that should be mail and cannot be read. The mails after it are read all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct Unreadable {
    /// The file or directory.
    pub path: PathBuf,
    /// Why, as a sentence, with what can be done.
    pub reason: String,
}

/// The mails of a path, in order: files by name, mails as they stand in their file. At most one mail is in memory, and
/// the names of one directory.
#[derive(Debug)]
pub struct Mails {
    tree: Option<Tree>,
    files: VecDeque<PathBuf>,
    mbox: Option<OpenMbox>,
    pst: Option<(PstMails, u64)>,
}

#[derive(Debug)]
struct OpenMbox {
    path: PathBuf,
    reader: MboxReader<Input>,
    next_index: u64,
}

/// The bytes of a file, unpacked where it is compressed: what was looked at first, then the rest.
#[derive(Debug)]
enum Input {
    Plain(File),
    Gzip(Box<io::Chain<Cursor<Vec<u8>>, MultiGzDecoder<File>>>),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Gzip(unpacked) => unpacked.read(buffer),
        }
    }
}

/// Opens a path. What cannot be read in it shows as the mails are gone through.
///
/// # Errors
/// [`SourceError::Missing`] where there is no such path.
pub fn open(path: &Path) -> Result<Mails, SourceError> {
    if !path.exists() {
        return Err(SourceError::Missing { what: path.display().to_string(), hint: place::nearest(path) });
    }
    let (tree, files) = match path.is_dir() {
        true => (Some(Tree::new(path.to_path_buf())), VecDeque::new()),
        false => (None, VecDeque::from([path.to_path_buf()])),
    };
    Ok(Mails { tree, files, mbox: None, pst: None })
}

impl Mails {
    /// The next mail of the mbox that is open.
    fn next_of_mbox(&mut self) -> Option<Result<Mail, Unreadable>> {
        let mbox = self.mbox.as_mut()?;
        let Some(entry) = mbox.reader.next() else {
            self.mbox = None;
            return None;
        };
        let (path, index) = (mbox.path.clone(), mbox.next_index);
        mbox.next_index += 1;
        Some(match entry {
            Ok(entry) => match entry.raw {
                Ok(raw) => Ok(Mail { path, index, raw, notes: entry.notes }),
                Err(reason) => Err(Unreadable { path, reason: format!("message {index}, at byte {}: {reason}", entry.span.start) }),
            },
            Err(error) => Err(Unreadable { path, reason: format!("cannot be read: {error}") }),
        })
    }

    /// The next mail of the PST that is open.
    fn next_of_pst(&mut self) -> Option<Result<Mail, Unreadable>> {
        let (mails, next_index) = self.pst.as_mut()?;
        let Some(mail) = mails.next() else {
            self.pst = None;
            return None;
        };
        let (path, index) = (mails.path().to_path_buf(), *next_index);
        *next_index += 1;
        Some(match mail {
            Ok((raw, notes)) => Ok(Mail { path, index, raw, notes }),
            Err(reason) => Err(Unreadable { path, reason }),
        })
    }

    /// Opens a file: an mbox or a PST is left open, a single mail is returned.
    fn start(&mut self, path: PathBuf) -> Option<Result<Mail, Unreadable>> {
        let failed = |error| format!("cannot be read: {error}");
        let mail = match holds::open(&path) {
            Ok(opened) if opened.holds == Holds::Mbox => {
                self.mbox = Some(OpenMbox { path, reader: MboxReader::new(Input::Plain(opened.file)), next_index: 0 });
                return None;
            }
            Ok(opened) if opened.holds.is_pst() => match PstMails::open(&path) {
                Ok(mails) => {
                    self.pst = Some((mails, 0));
                    return None;
                }
                Err(fault) => Err(fault.to_string()),
            },
            Ok(opened) if opened.holds.is_gzip() => match unpack(opened.file) {
                Ok((Holds::Mbox, input)) => {
                    self.mbox = Some(OpenMbox { path, reader: MboxReader::new(input), next_index: 0 });
                    return None;
                }
                Ok((Holds::Nothing, _)) => Err("the file is empty".into()),
                Ok((Holds::Foreign(foreign), _)) if !Holds::Foreign(foreign).is_compound() => Err(foreign.sentence()),
                Ok((Holds::Foreign(_) | Holds::Mail, input)) => holds::one_mail(input, 0).map_err(failed).flatten(),
                Err(error) => Err(failed(error)),
            },
            Ok(opened) => opened.read_mail().map_err(failed).flatten(),
            Err(error) => Err(failed(error)),
        };
        Some(match mail {
            Ok((raw, notes)) => Ok(Mail { path, index: 0, raw, notes }),
            Err(reason) => Err(Unreadable { path, reason }),
        })
    }
}

/// What a compressed file holds, and its unpacked bytes from the beginning.
fn unpack(file: File) -> io::Result<(Holds, Input)> {
    let mut rest = MultiGzDecoder::new(file);
    let mut first = Vec::new();
    rest.by_ref().take(SNIFFED).read_to_end(&mut first)?;
    Ok((holds::holds(&first), Input::Gzip(Box::new(Cursor::new(first).chain(rest)))))
}

impl Iterator for Mails {
    type Item = Result<Mail, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mail) = self.next_of_mbox().or_else(|| self.next_of_pst()) {
                return Some(mail);
            }
            if let Some(path) = self.files.pop_front() {
                match self.start(path) {
                    Some(mail) => return Some(mail),
                    None => continue,
                }
            }
            match self.tree.as_mut()?.next()? {
                Ok(directory) => self.files.extend(directory.files),
                Err(closed) => {
                    return Some(Err(Unreadable { path: closed.path, reason: format!("cannot be listed: {}", closed.error) }));
                }
            }
        }
    }
}
