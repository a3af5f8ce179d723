//! Files beside the channels: `__uploads/<id>/<name>`, where importers of exports look for their bytes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::durable::{Drafts, failure, make_directory, remove_file, sync_directory};
use super::slack_id::slack_id;
use crate::delivery::DeliveryKey;
use crate::destination::Failure;
use crate::mail::Digest;

/// The directory of the files, in the root of the export.
pub(super) const DIRECTORY: &str = "__uploads";

/// The longest file name that is written, in bytes: well within what file systems take (255), extension included.
const NAME_BYTES: usize = 150;

/// What a browser would run instead of saving when it is opened from the disk.
const ACTIVE: [&str; 14] =
    ["hta", "htm", "html", "js", "mht", "mhtml", "mjs", "shtml", "svg", "svgz", "xht", "xhtml", "xml", "xsl"];

/// A file that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upload {
    /// Its id, of the form of Slack's: the same in every run.
    pub(super) id: String,
    /// The name that the mail gives it.
    pub(super) name: String,
    /// The media type that the mail gives it.
    pub(super) media_type: String,
    /// Its size in bytes.
    pub(super) size: u64,
    /// The digest of its bytes.
    pub(super) sha256: Digest,
}

impl Upload {
    /// The upload of a delivery.
    pub(super) fn of(key: &DeliveryKey, name: &str, media_type: &str, sha256: Digest, size: u64) -> Self {
        Self {
            id: slack_id('F', key.to_string().as_bytes()),
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            size,
            sha256,
        }
    }

    /// The name, made harmless: what readers show and import.
    pub(super) fn safe_name(&self) -> String {
        safe_name(&self.name)
    }

    /// Where it lies, from the root of the export: a path that is a working relative link as it stands.
    pub(super) fn path(&self) -> String {
        format!("{DIRECTORY}/{}/{}", self.id, name_on_disk(&self.safe_name()))
    }

    /// The extension of its name in lower case; empty where it has none.
    pub(super) fn extension(&self) -> String {
        extension(&self.safe_name())
    }

    /// Keeps the bytes. Whole when it returns; a second time, nothing is written.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn keep(&self, export: &Path, drafts: &Drafts, bytes: &[u8]) -> Result<(), Failure> {
        let path: PathBuf = export.join(self.path());
        if fs::metadata(&path).is_ok_and(|found| found.len() == self.size) {
            return Ok(());
        }
        let Some(directory) = path.parent() else { return Ok(()) };
        make_directory(directory)?;
        let mut draft = drafts.begin()?;
        draft.write_all(bytes).map_err(|error| failure("writing", &path, &error))?;
        draft.become_file(&path)?;
        sync_directory(directory)
    }
}

impl Upload {
    /// Removes the bytes. What is gone already is fine.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn discard(&self, export: &Path) -> Result<(), Failure> {
        let path = export.join(self.path());
        let Some(directory) = path.parent() else { return Ok(()) };
        remove_file(&path)?;
        match fs::remove_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failure("removing", directory, &error)),
            _ => {}
        }
        directory.parent().filter(|uploads| uploads.is_dir()).map_or(Ok(()), sync_directory)
    }
}

/// A file name that names only a file: on every common file system, in a link, and in a shell's listing.
fn safe_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let clean: String = name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    let clean = clean.trim_matches(['.', ' ']);
    let (stem, extension) = match clean.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 16 => (stem, Some(extension)),
        _ => (clean, None),
    };
    let room = NAME_BYTES - extension.map_or(0, |extension| extension.len() + 1);
    let stem = stem.get(..stem.floor_char_boundary(room)).unwrap_or("").trim_end_matches(['.', ' ']);
    let stem = if stem.is_empty() { "file" } else { stem };
    let stem = if is_reserved(stem) { format!("{stem}_") } else { stem.to_owned() };
    extension.map_or(stem.clone(), |extension| format!("{stem}.{extension}"))
}

/// Separators and wildcards of file systems, what ends or escapes a link's path, and what turns the reading direction.
fn is_safe(c: char) -> bool {
    let directs = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    !c.is_control() && !directs && !matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '#' | '%')
}

/// Names that Windows keeps for devices.
fn is_reserved(stem: &str) -> bool {
    let stem = stem.split('.').next().unwrap_or(stem).to_ascii_uppercase();
    let numbered = stem.len() == 4
        && (stem.starts_with("COM") || stem.starts_with("LPT"))
        && stem.ends_with(|last: char| last.is_ascii_digit());
    numbered || matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
}

/// A page or a picture that can run a script gets an ending that no browser opens.
fn name_on_disk(safe_name: &str) -> String {
    if ACTIVE.contains(&extension(safe_name).as_str()) { format!("{safe_name}.download") } else { safe_name.to_owned() }
}

fn extension(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_only_names() {
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name("Plan für März.pdf"), "Plan für März.pdf");
        assert_eq!(safe_name("100% #1.txt"), "100_ _1.txt");
        assert_eq!(safe_name(".."), "file");
        assert_eq!(safe_name("nul.txt"), "nul_.txt");
        assert_eq!(safe_name("invoice\u{202e}fdp.exe"), "invoice_fdp.exe");
        assert_eq!(name_on_disk("page.HTML"), "page.HTML.download");
    }

    proptest! {
        #[test]
        fn every_name_is_short_and_stays_in_its_directory(name in ".{0,400}") {
            let safe = safe_name(&name);
            prop_assert!(!safe.is_empty() && safe.len() <= NAME_BYTES + 2);
            prop_assert!(!safe.starts_with('.') && !safe.contains(['/', '\\', '\0']));
            prop_assert_eq!(Path::new(&safe).components().count(), 1);
        }
    }
}
