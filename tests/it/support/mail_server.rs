//! What the real servers have in common, so that one set of tests runs over each; and a client that changes mailboxes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use mailferry::mail::id::Digest;
use walkdir::WalkDir;

use super::dovecot::{Dovecot, is_message};

/// A real server with the user `alice`, whose password is `secret`. It stops when it is dropped.
pub(crate) trait MailServer {
    /// The port without TLS, on loopback.
    fn port(&self) -> u16;

    /// The certificate, where it offers STARTTLS.
    fn certificate(&self) -> Option<PathBuf>;

    /// The name of a mailbox on this server, as a user would say it.
    fn name_of(&self, mailbox: &str) -> String;

    /// Ends it with all its connections, and starts it again.
    fn restart(&mut self);

    /// Gives a mailbox another UIDVALIDITY, as after a repair.
    fn renumber(&mut self, mailbox: &str);

    /// Where alice's mail is.
    fn mail(&self) -> PathBuf;

    /// Whether a file holds mail, flags or keywords: not one of the indices that a server keeps for itself.
    fn is_kept(&self, file: &Path) -> bool;

    /// A client that has logged in.
    fn client(&self) -> Client {
        Client::new(self.port())
    }

    /// All files of alice's mail and the digests of what they hold.
    fn files(&self) -> BTreeMap<PathBuf, Digest> {
        let paths = WalkDir::new(self.mail()).into_iter().map(|entry| entry.unwrap().into_path());
        let kept = paths.filter(|path| path.is_file() && self.is_kept(path));
        kept.map(|path| (path.clone(), Digest::of(&std::fs::read(&path).unwrap()))).collect()
    }
}

impl MailServer for Dovecot {
    fn port(&self) -> u16 {
        self.imap
    }

    fn certificate(&self) -> Option<PathBuf> {
        Some(Self::certificate(self))
    }

    fn name_of(&self, mailbox: &str) -> String {
        mailbox.to_owned()
    }

    fn restart(&mut self) {
        Self::restart(self);
    }

    fn renumber(&mut self, mailbox: &str) {
        self.doveadm(&["mailbox", "update", "--uid-validity", "777", "-u", "alice", mailbox]);
    }

    fn mail(&self) -> PathBuf {
        self.maildir("alice", "INBOX")
    }

    /// Flags stand in the names of files, and which letter a keyword has in a file of its own.
    fn is_kept(&self, file: &Path) -> bool {
        is_message(file) || file.ends_with("dovecot-keywords")
    }
}

/// Ends a server by SIGTERM, and waits for it.
pub(super) fn end_politely(process: &mut Child) {
    let told = Command::new("kill").arg(process.id().to_string()).status();
    if told.is_ok_and(|status| status.success()) {
        process.wait().ok();
    } else {
        process.kill().ok();
    }
}

/// A connection by which the tests deliver, mark and delete. Every command must succeed.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    commands: u32,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        let mut client = Self::greeted(port);
        client.run("LOGIN alice secret");
        client
    }

    /// One that the server knows already.
    pub(crate) fn known(port: u16) -> Self {
        let mut client = Self::connected(port);
        while !client.line().starts_with("* PREAUTH") {}
        client
    }

    /// One that has not logged in.
    pub(crate) fn greeted(port: u16) -> Self {
        let mut client = Self::connected(port);
        assert!(client.line().starts_with("* OK"));
        client
    }

    fn connected(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream: BufReader::new(stream), commands: 0 }
    }

    /// Runs a command and returns its untagged answers.
    pub(crate) fn run(&mut self, command: &str) -> String {
        self.begin(command);
        self.end(command)
    }

    pub(crate) fn create(&mut self, mailbox: &str) {
        self.run(&format!("CREATE \"{mailbox}\""));
    }

    pub(crate) fn delete(&mut self, mailbox: &str) {
        self.run(&format!("DELETE \"{mailbox}\""));
    }

    pub(crate) fn append(&mut self, mailbox: &str, flags: &str, raw: &[u8]) {
        let command = format!("APPEND \"{mailbox}\" ({flags}) {{{}}}", raw.len());
        self.begin(&command);
        let mut answer = self.line();
        while answer.starts_with('*') {
            answer = self.line();
        }
        assert!(answer.starts_with('+'), "{command}: {answer}");
        self.stream.get_mut().write_all(raw).unwrap();
        self.stream.get_mut().write_all(b"\r\n").unwrap();
        self.end(&command);
    }

    pub(crate) fn expunge(&mut self, mailbox: &str, uid: u32) {
        self.run(&format!("SELECT \"{mailbox}\""));
        self.run(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"));
        self.run(&format!("UID EXPUNGE {uid}"));
        self.run("CLOSE");
    }

    /// The flags and keywords of all messages, as the server says them.
    pub(crate) fn flags(&mut self, mailbox: &str) -> String {
        self.run(&format!("EXAMINE \"{mailbox}\""));
        self.run("UID FETCH 1:* (UID FLAGS)")
    }

    /// UIDVALIDITY.
    pub(crate) fn uid_validity(&mut self, mailbox: &str) -> u32 {
        let status = self.run(&format!("STATUS \"{mailbox}\" (UIDVALIDITY)"));
        let number = status.rsplit_once("UIDVALIDITY ").unwrap().1;
        number.split_once(')').unwrap().0.parse().unwrap()
    }

    fn begin(&mut self, command: &str) {
        self.commands += 1;
        let line = format!("T{} {command}\r\n", self.commands);
        self.stream.get_mut().write_all(line.as_bytes()).unwrap();
    }

    fn end(&mut self, command: &str) -> String {
        let tag = format!("T{} ", self.commands);
        let mut answers = String::new();
        loop {
            let line = self.line();
            if let Some(status) = line.strip_prefix(&tag) {
                assert!(status.starts_with("OK"), "{command}: {status}");
                return answers;
            }
            answers += &line;
        }
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.by_ref().take(1 << 20).read_until(b'\n', &mut line).unwrap();
        assert!(!line.is_empty(), "the server closed the connection");
        String::from_utf8_lossy(&line).into_owned()
    }
}
