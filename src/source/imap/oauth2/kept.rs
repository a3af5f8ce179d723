//! Refresh tokens that were handed out, for their owner's eyes alone: by a login, or in place of the one before.
//!
//! A token stands with its origin, a digest: of the refresh token that is configured, or of the application for which
//! somebody logged in. Where the operator puts another in place, what was kept of the old one does not count any more.
//!
//! Endpoints that replace refresh tokens take an old one that is shown again for stolen, and void them all (RFC 9700 4.14).
//! So whoever shows one has the [`turn`], and keeps the next before anybody else reads: a mirror and a `check` beside it do
//! not log each other out.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep};

/// The longest file that is read; tokens are a few kB.
const MAX_BYTES: u64 = 64 * 1024;

/// How long somebody else may have the turn: longer than a question to the endpoint can take.
const LONGEST_TURN: Duration = Duration::from_secs(90);

/// Between two looks whether the turn is free.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The token that is kept, if it is of this origin.
pub(super) fn latest(file: &Path, origin: &str) -> Option<SecretString> {
    let is_small = fs::metadata(file).is_ok_and(|found| found.len() <= MAX_BYTES);
    let kept = is_small.then(|| fs::read_to_string(file).ok()).flatten()?;
    let (of, token) = kept.trim_end().split_once('\n')?;
    (of == origin).then(|| SecretString::from(token))
}

/// Which file is there: another one each time that a token is kept.
pub(super) fn mark(file: &Path) -> Option<(u64, i64, i64)> {
    fs::metadata(file).ok().map(|found| (found.ino(), found.mtime(), found.mtime_nsec()))
}

/// Keeps a token that was handed out, whole or not at all.
pub(super) fn keep(file: &Path, origin: &str, token: &SecretString) -> io::Result<()> {
    if latest(file, origin).is_some_and(|kept| kept.expose_secret() == token.expose_secret()) {
        return Ok(());
    }
    let directory = make_room(file)?;
    let begun = file.with_extension("new");
    if begun.exists() {
        fs::remove_file(&begun)?;
    }
    let mut writing = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&begun)?;
    writing.write_all(format!("{origin}\n{}\n", token.expose_secret()).as_bytes())?;
    writing.sync_all()?;
    fs::rename(&begun, file)?;
    File::open(directory)?.sync_all()
}

/// Makes the directory in which a token can be kept.
pub(super) fn make_room(file: &Path) -> io::Result<&Path> {
    let directory = file.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    Ok(directory)
}

/// Waits until no other process shows the token of this file, and keeps them waiting until what is handed back is dropped.
/// `None` where nothing was ever kept there: then nothing is made, since a look must not change anything.
pub(super) async fn turn(file: &Path) -> io::Result<Option<File>> {
    if !file.parent().is_some_and(Path::is_dir) {
        return Ok(None);
    }
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file.with_extension("lock"))?;
    let until = Instant::now() + LONGEST_TURN;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(LOOK_EVERY).await,
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another mailferry has been asking for a token for too long"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn kept(file: &Path, origin: &str) -> Option<String> {
        latest(file, origin).map(|token| token.expose_secret().to_owned())
    }

    #[test]
    fn a_token_that_was_handed_out_is_kept_for_its_owner_until_another_origin_is_configured() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("oauth2/vendors");
        assert_eq!(kept(&file, "first"), None);
        for token in ["two", "three"] {
            let before = mark(&file);
            keep(&file, "first", &SecretString::from(token)).unwrap();
            assert_ne!(mark(&file), before);
        }
        assert_eq!(kept(&file, "first").as_deref(), Some("three"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(kept(&file, "other"), None);
    }

    #[tokio::test]
    async fn a_turn_is_waited_for_and_nothing_is_made_where_nothing_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("oauth2/vendors");
        assert!(turn(&file).await.unwrap().is_none());
        assert!(!directory.path().join("oauth2").exists());
        keep(&file, "first", &SecretString::from("two")).unwrap();
        let mine = turn(&file).await.unwrap();
        let theirs = turn(&file);
        tokio::pin!(theirs);
        assert!(futures_util::poll!(&mut theirs).is_pending());
        drop(mine);
        assert!(theirs.await.unwrap().is_some());
    }
}
