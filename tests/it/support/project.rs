//! A directory with a configuration and mail, and the real program run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mailferry::mail::Digest;

/// A project directory of its own.
pub(crate) struct Project {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Demands exit code 0.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

/// The configuration of a project that writes the archive: Acme and Globex are trusted, Initech is not.
pub(crate) const ARCHIVE: &str = r#"
state = "state"
[organisation]
name = "Our Co"
domains = ["ourco.example"]
[[source]]
name = "history"
kind = "mbox"
path = "mail/*.mbox"
[[destination]]
name = "archive"
kind = "archive"
path = "channels"
[[partner]]
name = "Acme"
domains = ["acme.example"]
channel = "ext-acme-client"
trusted = true
[[partner]]
name = "Globex"
domains = ["globex.example"]
channel = "ext-globex-client"
trusted = true
[[partner]]
name = "Initech"
domains = ["initech.example"]
channel = "ext-initech-client"
"#;

impl Project {
    /// A project with this configuration.
    pub(crate) fn new(config: &str) -> Self {
        let project = Self { dir: tempfile::tempdir().unwrap(), env: Vec::new() };
        project.write("mailferry.toml", config);
        project
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Sets a variable for the program.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Reads a JSON file.
    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.dir.path().join(name)).unwrap()).unwrap()
    }

    /// The program, ready to run here.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailferry"));
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Every file below a directory with the digest of its bytes.
    pub(crate) fn image(&self, below: &str) -> Vec<(PathBuf, Digest)> {
        let files = walkdir::WalkDir::new(self.dir.path().join(below)).sort_by_file_name().into_iter().map(Result::unwrap);
        let files = files.filter(|entry| entry.file_type().is_file());
        files.map(|entry| (entry.path().to_owned(), Digest::of(&std::fs::read(entry.path()).unwrap()))).collect()
    }
}

/// A mail for an mbox: `name` is in its subject, its text and its Message-ID.
pub(crate) fn mail(name: &str, day: u32, from: &str, to: &str, reply_to: Option<&str>) -> String {
    let reply = reply_to
        .map_or_else(String::new, |parent| format!("In-Reply-To: <{parent}@test.example>\nReferences: <{parent}@test.example>\n"));
    format!(
        "From {from} Mon Mar {day:2} 10:00:00 2021\nFrom: {from}\nTo: {to}\nSubject: about {name}\nDate: Mon, {day:02} Mar 2021 10:00:00 +0100\n\
         Message-ID: <{name}@test.example>\n{reply}\nThe words of {name}.\n\n"
    )
}
