//! The raw messages, by digest, compressed.
//!
//! Messages that were admitted together share one *pack*, so that a batch costs one `fsync` and not hundreds. A pack is
//! written under a temporary name, synced, renamed, and its directory is synced; it never changes afterwards. Each entry
//! carries the digest and the lengths of its message, so a pack can be read without the ledger.
//!
//! ```text
//! pack  = entry…                       vault/<first two digits>/<digest of the digests>.pack
//! entry = "MFv1" digest[32] raw_bytes[8, big endian] stored_bytes[8, big endian] zstd-frame[stored_bytes]
//! ```

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{Disk, advice};
use crate::mail::Digest;

/// Opens each entry.
const MAGIC: &[u8; 4] = b"MFv1";

/// Bytes before the compressed message.
const HEAD_BYTES: usize = 4 + 32 + 8 + 8;

/// Hexadecimal digits of a pack's name: 128 bits of the digest, which the ledger repeats for each message.
const NAME_DIGITS: usize = 32;

/// zstd's level: 1 keeps ingest at the speed of the parser; higher levels save a tenth of the space at twice the time.
const LEVEL: i32 = 1;

/// The ending of a pack that is being written.
const TEMPORARY: &str = "tmp";

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// The largest message that is believed when a pack is read, in bytes: what a source would have read at most.
const MAX_RAW_BYTES: u64 = 256 * 1024 * 1024;

/// Why the vault cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Reading or writing failed: the disk is full, gone, or not permitted.
    #[error("{} cannot be {doing}: {error}{}", .path.display(), advice(.error))]
    Storage {
        /// The file or directory.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// What was read is not what was kept.
    #[error("{} is damaged at byte {offset}: {why}", .path.display())]
    Damaged {
        /// The pack.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A locator that is none of ours.
    #[error("{0:?} is no place in the vault")]
    BadLocator(String),
}

/// A message made ready to be kept: compressed, with its digest. Made on any thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    digest: Digest,
    raw_bytes: u64,
    stored: Vec<u8>,
}

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// Compresses a message and takes its digest.
///
/// # Errors
/// When memory runs out.
pub fn seal(raw: &[u8]) -> io::Result<Sealed> {
    let stored = COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => slot.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        compressor.compress(raw)
    })?;
    Ok(Sealed { digest: Digest::of(raw), raw_bytes: raw.len() as u64, stored })
}

/// The raw messages of one state directory.
#[derive(Clone, Debug)]
pub struct Vault {
    dir: PathBuf,
    disk: Disk,
    /// The shelves (directories of packs) whose names this process knows to be on the disk.
    shelves: Arc<Mutex<BTreeSet<PathBuf>>>,
    /// Counts the packs that were begun.
    drafts: Arc<AtomicU64>,
}

impl Vault {
    /// The vault of a state directory. Nothing is made until something is kept.
    pub fn of(state: &Path) -> Self {
        Self::on(Disk::default(), state)
    }

    /// The same, on a disk that is watched.
    pub fn on(disk: Disk, state: &Path) -> Self {
        Self { dir: state.join("vault"), disk, shelves: Arc::default(), drafts: Arc::default() }
    }

    /// Keeps a batch, and hands back where each message is. After it returns, a kill or a power cut loses none of it.
    /// Keeping the same batch again changes nothing.
    ///
    /// # Errors
    /// When the disk is full or cannot be written; then nothing of the batch is kept.
    pub fn keep(&self, batch: &[Sealed]) -> Result<Vec<String>, VaultError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let digests: Vec<&[u8]> = batch.iter().map(|sealed| sealed.digest.as_bytes().as_slice()).collect();
        let name: String = Digest::of_fields(&digests).to_string().chars().take(NAME_DIGITS).collect();
        let path = self.pack(&name);
        let mut offset = 0;
        let locate = |sealed: &Sealed| {
            let locator = format!("{name}/{offset}");
            offset += (HEAD_BYTES + sealed.stored.len()) as u64;
            locator
        };
        let locators = batch.iter().map(locate).collect();
        // A pack that is there was written by a run that may have died before its directory was synced.
        let kept = self.keep_at(&path, batch);
        kept.map_err(|error| VaultError::Storage { path, doing: "written", error })?;
        Ok(locators)
    }

    /// The bytes of a message, checked against their digest.
    ///
    /// # Errors
    /// When the pack is gone, cannot be read, or does not hold what was kept.
    pub fn load(&self, locator: &str) -> Result<Vec<u8>, VaultError> {
        let bad = || VaultError::BadLocator(locator.to_owned());
        let (name, offset) = locator.split_once('/').ok_or_else(bad)?;
        if name.len() != NAME_DIGITS || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let offset = offset.parse::<u64>().map_err(|_| bad())?;
        let path = self.pack(name);
        let read = |error| VaultError::Storage { path: path.clone(), doing: "read", error };
        let damaged = |why| VaultError::Damaged { path: path.clone(), offset, why };
        let mut file = File::open(&path).map_err(read)?;
        file.seek(SeekFrom::Start(offset)).map_err(read)?;
        let mut head = [0; HEAD_BYTES];
        file.read_exact(&mut head).map_err(read)?;
        let (digest, raw_bytes, stored_bytes) = parse_head(&head).ok_or_else(|| damaged("no entry begins here"))?;
        if raw_bytes > MAX_RAW_BYTES || stored_bytes > MAX_RAW_BYTES {
            return Err(damaged("the length is not believable"));
        }
        let mut stored = Vec::new();
        file.take(stored_bytes).read_to_end(&mut stored).map_err(read)?;
        let whole = stored.len() as u64 == stored_bytes;
        let capacity = usize::try_from(raw_bytes).unwrap_or_default();
        let raw = whole.then(|| zstd::bulk::decompress(&stored, capacity).ok()).flatten();
        let raw = raw.ok_or_else(|| damaged("the compressed bytes cannot be read"))?;
        let same = raw.len() as u64 == raw_bytes && Digest::of(&raw) == digest;
        if same { Ok(raw) } else { Err(damaged("the digest does not match")) }
    }

    fn pack(&self, name: &str) -> PathBuf {
        self.dir.join(name.get(..2).unwrap_or(name)).join(format!("{name}.pack"))
    }

    fn keep_at(&self, path: &Path, batch: &[Sealed]) -> io::Result<()> {
        let shelf = path.parent().unwrap_or(&self.dir);
        self.put_up(shelf)?;
        if !path.exists() {
            self.write(path, batch)?;
        }
        self.disk.sync_directory(shelf)
    }

    /// Makes a shelf, and its name durable: whoever made it may have died, or not have come so far.
    fn put_up(&self, shelf: &Path) -> io::Result<()> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if !shelves.contains(shelf) {
            fs::create_dir_all(shelf)?;
            clear(shelf)?;
            self.disk.sync_directory(&self.dir)?;
            self.dir.parent().map_or(Ok(()), |state| self.disk.sync_directory(state))?;
            shelves.insert(shelf.to_path_buf());
        }
        Ok(())
    }

    fn write(&self, path: &Path, batch: &[Sealed]) -> io::Result<()> {
        // Two workers may have the same batch, where two sources are one archive: each writes a file of its own.
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{number}.{TEMPORARY}"));
        let written = self.write_entries(&temporary, batch).and_then(|()| self.disk.rename(&temporary, path));
        if written.is_err() {
            // The half-written file is of no use, and on a full disk its space is wanted back.
            drop(fs::remove_file(&temporary));
        }
        written
    }

    fn write_entries(&self, path: &Path, batch: &[Sealed]) -> io::Result<()> {
        let file = File::create(path)?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        for sealed in batch {
            buffer.extend(MAGIC);
            buffer.extend(sealed.digest.as_bytes());
            buffer.extend(sealed.raw_bytes.to_be_bytes());
            buffer.extend((sealed.stored.len() as u64).to_be_bytes());
            buffer.extend(&sealed.stored);
            if buffer.len() >= BUFFER_BYTES {
                self.disk.write(&file, path, &buffer)?;
                buffer.clear();
            }
        }
        self.disk.write(&file, path, &buffer)?;
        self.disk.sync(&file, path)
    }
}

/// Removes what an interrupted run left half-written.
fn clear(shelf: &Path) -> io::Result<()> {
    for entry in fs::read_dir(shelf)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == TEMPORARY) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn parse_head(head: &[u8; HEAD_BYTES]) -> Option<(Digest, u64, u64)> {
    let (magic, rest) = head.split_first_chunk::<4>()?;
    let (digest, rest) = rest.split_first_chunk::<32>()?;
    let (raw, rest) = rest.split_first_chunk::<8>()?;
    let stored = rest.first_chunk::<8>()?;
    (magic == MAGIC).then(|| (Digest::from_bytes(*digest), u64::from_be_bytes(*raw), u64::from_be_bytes(*stored)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(vault: &Vault, raws: &[&[u8]]) -> Vec<String> {
        vault.keep(&raws.iter().map(|raw| seal(raw).unwrap()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_is_kept_is_loaded_again() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::of(dir.path());
        let raws: [&[u8]; 3] = [b"Subject: a\n\nx", b"", &[7; 100_000]];
        let locators = kept(&vault, &raws);
        assert_eq!(locators, kept(&vault, &raws), "keeping again changes nothing");
        for (raw, locator) in raws.iter().zip(&locators) {
            assert_eq!(vault.load(locator).unwrap(), *raw);
        }
    }

    #[test]
    fn a_flipped_byte_never_gives_other_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::of(dir.path());
        let locator = kept(&vault, &[b"Subject: a\n\nsome text that is kept"]).remove(0);
        let path = vault.pack(locator.split_once('/').unwrap().0);
        let whole = fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 0x20;
            fs::write(&path, bytes).unwrap();
            // A few bits of a zstd frame's header carry nothing: the message is whole then.
            assert!(vault.load(&locator).map_or(true, |raw| raw == b"Subject: a\n\nsome text that is kept"), "byte {index}");
        }
    }

    #[test]
    fn a_cut_pack_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::of(dir.path());
        let locator = kept(&vault, &[b"Subject: a\n\nsome text that is kept"]).remove(0);
        let path = vault.pack(locator.split_once('/').unwrap().0);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(vault.load(&locator).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_locator_cannot_leave_the_vault() {
        let vault = Vault::of(Path::new("/nonexistent"));
        assert!(matches!(vault.load("../../etc/passwd/0"), Err(VaultError::BadLocator(_))));
    }
}
