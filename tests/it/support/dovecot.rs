//! A real Dovecot on loopback, with a directory, ports and a certificate of its own. It stops when it is dropped.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mailferry::mail::id::Digest;
use tempfile::TempDir;

use super::mail_server::end_politely;

const DOVECOT: &str = "/usr/sbin/dovecot";

/// The owner of all mail; the user need not exist.
const MAIL_UID: u32 = 5000;

/// How a certificate is marked. `openssl req -x509` marks an authority unless it is told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    Leaf,
    Authority,
}

/// A running Dovecot with the users `alice` (password `secret`) and `bob` (password [`Dovecot::BOBS_PASSWORD`]).
pub(crate) struct Dovecot {
    directory: TempDir,
    process: Child,
    /// The port for plain text and STARTTLS.
    pub(crate) imap: u16,
    /// The port for TLS from the first byte.
    pub(crate) imaps: u16,
    delivered: u32,
}

impl Dovecot {
    pub(crate) const BOBS_PASSWORD: &'static str = "pä\"ss\\w€rd {5} %";

    pub(crate) fn start() -> Self {
        Self::start_with(Marked::Leaf, "")
    }

    /// Starts one whose certificate is marked so, with more lines of configuration.
    pub(crate) fn start_with(marked: Marked, more: &str) -> Self {
        require_dovecot();
        let directory = tempfile::Builder::new().prefix("dovecot").tempdir().unwrap();
        // The login processes run as another user and have to get in.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        make_certificate(directory.path(), marked);
        fs::create_dir_all(directory.path().join("mail")).unwrap();
        fs::write(
            directory.path().join("users"),
            format!("alice:{{PLAIN}}secret::::::\nbob:{{PLAIN}}{}::::::\n", Self::BOBS_PASSWORD),
        )
        .unwrap();
        chown(directory.path().join("mail"), Some(MAIL_UID), Some(MAIL_UID)).unwrap();
        let (imap, imaps) = (free_port(), free_port());
        fs::write(directory.path().join("dovecot.conf"), configuration(directory.path(), imap, imaps) + more).unwrap();
        let process = run(directory.path());
        let mut dovecot = Self { directory, process, imap, imaps, delivered: 0 };
        dovecot.wait_until_it_greets();
        dovecot
    }

    /// Ends it with all its connections, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.end();
        self.process = run(self.directory.path());
        self.wait_until_it_greets();
    }

    fn end(&mut self) {
        // SIGTERM, as the master has to end its children; `Child::kill` would leave them behind.
        end_politely(&mut self.process);
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    /// The name of a mailbox's directory: the inbox is the Maildir itself, others are `.Name` with dots for slashes.
    pub(crate) fn maildir(&self, user: &str, mailbox: &str) -> PathBuf {
        let root = self.directory.path().join("mail").join(user).join("Maildir");
        if mailbox == "INBOX" { root } else { root.join(format!(".{}", mailbox.replace('/', "."))) }
    }

    /// Puts a message into `new` of a mailbox, which is made if need be (its name in modified UTF-7), and returns the file.
    pub(crate) fn deliver(&mut self, user: &str, mailbox: &str, raw: &[u8]) -> PathBuf {
        self.put(user, mailbox, "new", "", raw)
    }

    /// Puts one message into `new` of a mailbox so many times.
    pub(crate) fn deliver_many(&mut self, user: &str, mailbox: &str, count: u32, raw: &[u8]) {
        let first = self.deliver(user, mailbox, raw);
        for number in 1..count {
            let file = first.with_file_name(format!("1700000000.M{number:06}P1.test"));
            fs::write(&file, raw).unwrap();
            own(&file);
        }
    }

    /// Puts a message with Maildir flags into `cur`: `S` is `\Seen`, `F` is `\Flagged`.
    pub(crate) fn deliver_with_flags(&mut self, user: &str, mailbox: &str, flags: &str, raw: &[u8]) -> PathBuf {
        self.put(user, mailbox, "cur", &format!(":2,{flags}"), raw)
    }

    fn put(&mut self, user: &str, mailbox: &str, part: &str, suffix: &str, raw: &[u8]) -> PathBuf {
        let maildir = self.maildir(user, mailbox);
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(maildir.join(part)).unwrap();
        }
        // The directories and this file alone: a server that watches moves the files that came before, at any moment.
        let root = self.directory.path().join("mail").join(user);
        let made = [root.clone(), root.join("Maildir"), maildir.clone()];
        let made = made.into_iter().chain(["cur", "new", "tmp"].map(|part| maildir.join(part)));
        made.for_each(|directory| own(&directory));
        // Dovecot numbers new files in the order of their names.
        self.delivered += 1;
        let name = format!("{}.M1P1.test{suffix}", 1_600_000_000 + self.delivered);
        let (file, begun) = (maildir.join(part).join(&name), maildir.join("tmp").join(&name));
        fs::write(&begun, raw).unwrap();
        own(&begun);
        // A server that watches sees the whole message or none.
        fs::rename(&begun, &file).unwrap();
        file
    }

    /// Takes from the server what it knows of a mailbox's UIDs: it gives them anew, under another UIDVALIDITY.
    pub(crate) fn forget_uids(&self, user: &str, mailbox: &str) {
        // UIDVALIDITY is the time in seconds: a mailbox that is made within the same second would get the same again, were
        // it not for the file that remembers the last one given.
        for entry in fs::read_dir(self.maildir(user, mailbox)).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if name == "dovecot-uidlist" || name.starts_with("dovecot.index") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// Runs `doveadm`.
    pub(crate) fn doveadm(&self, arguments: &[&str]) -> String {
        let output =
            Command::new("doveadm").arg("-c").arg(self.directory.path().join("dovecot.conf")).args(arguments).output().unwrap();
        assert!(output.status.success(), "doveadm {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The flags of all messages of a mailbox, one line each.
    pub(crate) fn flags(&self, user: &str, mailbox: &str) -> String {
        self.doveadm(&["-f", "tab", "fetch", "-u", user, "uid flags", "mailbox", mailbox, "all"])
    }

    /// All message files of a user: their names (which hold the flags, and whether they are still new) and digests.
    pub(crate) fn files(&self, user: &str) -> BTreeMap<PathBuf, Digest> {
        walkdir::WalkDir::new(self.maildir(user, "INBOX"))
            .into_iter()
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| path.is_file() && is_message(path))
            .map(|path| (path.clone(), Digest::of(&fs::read(&path).unwrap())))
            .collect()
    }

    /// Takes all rights from a file, so that Dovecot closes the connection when it has to read it.
    pub(crate) fn lock_up(&self, file: &Path) {
        fs::set_permissions(file, fs::Permissions::from_mode(0o000)).unwrap();
    }

    fn wait_until_it_greets(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !greets(self.imap) {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "dovecot does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("dovecot.log")).unwrap_or_default()
    }
}

pub(super) fn is_message(file: &Path) -> bool {
    file.parent().is_some_and(|parent| parent.ends_with("cur") || parent.ends_with("new"))
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(directory: &Path) -> Child {
    let configuration = directory.join("dovecot.conf");
    Command::new(DOVECOT).args(["-F", "-c"]).arg(configuration).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// These tests never pass by not running.
fn require_dovecot() {
    assert!(Path::new(DOVECOT).exists(), "these tests need Dovecot: apt-get install dovecot-core dovecot-imapd");
    let user = fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(user, 0, "Dovecot has to be started by root, as it gives up its rights for those of the mail's owner");
}

pub(super) fn make_certificate(directory: &Path, marked: Marked) {
    let constraints = if marked == Marked::Authority { "CA:TRUE" } else { "CA:FALSE" };
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=mailferry test", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", &format!("basicConstraints=critical,{constraints}")])
        .arg("-keyout")
        .arg(directory.join("key.pem"))
        .arg("-out")
        .arg(directory.join("cert.pem"))
        .output()
        .expect("these tests need the openssl command: apt-get install openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A port for a server that takes no open socket. No two are the same within this process; they lie below those that the
/// system gives away by itself, so that nobody else comes by one between now and the start of the server.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Another run at the same time begins elsewhere.
    let begin = std::process::id().wrapping_mul(97);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(number < COUNT, "all ports are taken");
        let port = u16::try_from(FIRST + begin.wrapping_add(number) % COUNT).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub(super) fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).is_ok() && &greeting == b"* OK"
}

fn own(path: &Path) {
    chown(path, Some(MAIL_UID), Some(MAIL_UID)).unwrap();
}

fn configuration(directory: &Path, imap: u16, imaps: u16) -> String {
    let directory = directory.display();
    format!(
        r"base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
instance_name = mailferry-test-{imap}
protocols = imap
listen = 127.0.0.1
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_max_userip_connections = 50
auth_failure_delay = 0
ssl = yes
ssl_cert = <{directory}/cert.pem
ssl_key = <{directory}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {directory}/users
}}
userdb {{
  driver = static
  args = uid={MAIL_UID} gid={MAIL_UID} home={directory}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \Sent
    auto = subscribe
  }}
  mailbox Junk {{
    special_use = \Junk
    auto = create
  }}
  mailbox Trash {{
    special_use = \Trash
    auto = create
  }}
  mailbox Drafts {{
    special_use = \Drafts
    auto = create
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"
    )
}
