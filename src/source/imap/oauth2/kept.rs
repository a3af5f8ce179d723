//! The refresh token that an endpoint handed out in place of the configured one, for its owner's eyes alone.
//!
//! It stands with the digest of the configured one: where the operator puts another in place, that one counts again.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use crate::mail::id::Digest;

/// The longest file that is read; tokens are a few kB.
const MAX_BYTES: u64 = 64 * 1024;

/// The token to use: the one kept, if it followed from the one configured.
pub(super) fn latest(file: &Path, configured: &SecretString) -> SecretString {
    let is_small = fs::metadata(file).is_ok_and(|found| found.len() <= MAX_BYTES);
    let kept = is_small.then(|| fs::read_to_string(file).ok()).flatten();
    let followed = kept.as_deref().and_then(|kept| kept.trim_end().split_once('\n')).filter(|(of, _)| *of == digest(configured));
    followed.map_or_else(|| configured.clone(), |(_, token)| SecretString::from(token))
}

/// Keeps a token that was handed out, whole or not at all.
pub(super) fn keep(file: &Path, configured: &SecretString, token: &SecretString) -> io::Result<()> {
    if latest(file, configured).expose_secret() == token.expose_secret() {
        return Ok(());
    }
    let directory = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let begun = file.with_extension("new");
    if begun.exists() {
        fs::remove_file(&begun)?;
    }
    let mut writing = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&begun)?;
    writing.write_all(format!("{}\n{}\n", digest(configured), token.expose_secret()).as_bytes())?;
    writing.sync_all()?;
    fs::rename(&begun, file)?;
    fs::File::open(directory)?.sync_all()
}

fn digest(token: &SecretString) -> String {
    Digest::of(token.expose_secret().as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_that_was_handed_out_is_kept_for_its_owner_until_another_is_configured() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("oauth2/vendors");
        let [first, second, third, other] = ["one", "two", "three", "other"].map(SecretString::from);
        assert_eq!(latest(&file, &first).expose_secret(), "one");
        keep(&file, &first, &second).unwrap();
        keep(&file, &first, &third).unwrap();
        assert_eq!(latest(&file, &first).expose_secret(), "three");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(latest(&file, &other).expose_secret(), "other");
    }
}
