//! Secrets: never in the file, only where to find them.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use secrecy::SecretString;
use toml::de::DeValue;

use super::Setting;
use super::table::Table;

/// Whether the secrets of a configuration are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// They are: from the environment, from files, from commands.
    Read,
    /// Those of the sources are; those of the destinations are left empty: a dry run reads and does not post.
    OfSources,
    /// Those of the destinations are; those of the sources are left empty: taking posts back reads no mail.
    OfDestinations,
    /// They are not, since the command does without: each is left empty. How they are written is checked all the same.
    Skip,
}

impl Secrets {
    /// What this means for the sources.
    pub(super) fn of_sources(self) -> Self {
        match self {
            Self::Read | Self::OfSources => Self::Read,
            Self::OfDestinations | Self::Skip => Self::Skip,
        }
    }

    /// What this means for the destinations.
    pub(super) fn of_destinations(self) -> Self {
        match self {
            Self::Read | Self::OfDestinations => Self::Read,
            Self::OfSources | Self::Skip => Self::Skip,
        }
    }
}

/// How long a command may take to print a secret: long enough to unlock a password store by hand.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest secret that is read, in bytes. Tokens and passwords are far below it; a wrong path is often far above.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Where a secret is to be found.
enum Place {
    Env(String),
    File(String),
    Command(String),
}

/// The secret under a key; complains where there is none. `env` is what the variable could be called.
pub(super) fn secret(table: &mut Table<'_>, key: &'static str, env: &str, setting: &Setting<'_>) -> Option<SecretString> {
    let forms = format!("{{ env = \"{env}\" }}, {{ file = \"…\" }} or {{ command = \"…\" }}");
    let Some(given) = table.take(key) else {
        table.missing(key, &format!("{key} = {forms}"));
        return None;
    };
    let DeValue::Table(form) = given.value else {
        table.complaints.add(&given.place, format!("is written into the file, which secrets never are: write {key} = {forms}"));
        return None;
    };
    let mut form = Table::new(given.place.clone(), form, table.complaints);
    let found = [
        form.text("env").map(|name| Place::Env(name.value)),
        form.text("file").map(|path| Place::File(path.value)),
        form.text("command").map(|command| Place::Command(command.value)),
    ];
    form.finish();
    let mut found = found.into_iter().flatten();
    let (Some(secret), None) = (found.next(), found.next()) else {
        table.complaints.add(&given.place, format!("names no place or more than one: write {key} = {forms}"));
        return None;
    };
    match setting.secrets {
        Secrets::Skip => Some(SecretString::from("")),
        Secrets::Read | Secrets::OfSources | Secrets::OfDestinations => {
            match read(&secret, setting.base).and_then(|text| single_line(&text)) {
                Ok(secret) => Some(secret),
                Err(why) => {
                    table.complaints.add(&given.place, why);
                    None
                }
            }
        }
    }
}

fn read(place: &Place, base: &Path) -> Result<String, String> {
    match place {
        Place::Env(name) => match std::env::var(name) {
            Ok(value) => Ok(value),
            Err(std::env::VarError::NotPresent) => Err(format!("the environment has no {name}: set it, or name another variable")),
            Err(std::env::VarError::NotUnicode(_)) => Err(format!("the variable {name} is no text in UTF-8")),
        },
        Place::File(path) => {
            let path = base.join(path);
            let failed = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
            let file = std::fs::File::open(&path).map_err(failed)?;
            bounded(file).map_err(failed)
        }
        Place::Command(command) => run(command, base, COMMAND_TIMEOUT),
    }
}

/// A secret without the newline that editors and commands put behind it. What it is must not show in the complaint.
fn single_line(text: &str) -> Result<SecretString, String> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err("is empty where it is kept".into());
    }
    if text.contains(['\r', '\n']) {
        return Err("has several lines where it is kept: there must be nothing but the secret".into());
    }
    Ok(SecretString::from(text))
}

/// What a shell command prints, without what it says on standard error, which the operator sees.
fn run(command: &str, base: &Path, timeout: Duration) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("the command {command:?} cannot be run: {error}");
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(base).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = shell.spawn().map_err(failed)?;
    let output = child.stdout.take();
    let (sender, printed) = mpsc::channel();
    thread::spawn(move || {
        let text = output.map_or(Ok(String::new()), bounded);
        // Nobody listens any more where the time was up.
        drop(sender.send(text));
    });
    let Ok(text) = printed.recv_timeout(timeout) else {
        child.kill().and_then(|()| child.wait()).map_err(failed)?;
        return Err(format!(
            "the command {command:?} printed no secret within {} s: run it by hand to see why",
            timeout.as_secs_f32()
        ));
    };
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(format!("the command {command:?} ended with {status}: run it by hand to see why"));
    }
    text.map_err(failed)
}

fn bounded(reader: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    let size = reader.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text)?;
    if size as u64 > MAX_SECRET_BYTES {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is too long to be a secret"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_newline_behind_a_secret_does_not_belong_to_it() {
        assert_eq!(single_line(" a b \r\n").unwrap().expose_secret(), " a b ");
        assert!(single_line("\n").unwrap_err().contains("empty"));
        assert!(single_line("a\nb").unwrap_err().contains("several lines"));
    }

    #[test]
    fn a_command_runs_beside_the_configuration_and_must_succeed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("pass"), "open sesame").unwrap();
        assert_eq!(run("cat pass", dir.path(), COMMAND_TIMEOUT), Ok("open sesame".into()));
        assert!(run("echo half; exit 3", dir.path(), COMMAND_TIMEOUT).unwrap_err().contains("exit status: 3"));
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let why = run("exec tail -f /dev/null", dir.path(), Duration::from_millis(50)).unwrap_err();
        assert!(why.contains("printed no secret within"), "{why}");
    }

    #[test]
    fn what_is_too_long_to_be_a_secret_is_refused() {
        assert!(bounded(std::io::repeat(b'x')).is_err());
    }
}
