//! A real Cyrus on loopback, which differs from Dovecot in what clients see: OBJECTID, files by number, its own index.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use walkdir::WalkDir;

use super::dovecot::{Marked, free_port, greets, make_certificate};
use super::mail_server::{Client, MailServer, end_politely};
use super::unpacked::{library_with, program, root};

/// `mail` of Debian, which is always there: Cyrus does not run as root.
const MAIL_UID: u32 = 8;

/// A running Cyrus.
pub(crate) struct Cyrus {
    directory: TempDir,
    process: Child,
    port: u16,
}

impl Cyrus {
    pub(crate) fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("cyrus").tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        make_certificate(directory.path(), Marked::Leaf);
        let parts = ["db", "log", "proc", "socket", "lock", "user", "quota", "msg"].map(|part| format!("conf/{part}"));
        for part in parts.into_iter().chain(["spool".to_owned(), "run".to_owned()]) {
            fs::create_dir_all(directory.path().join(part)).unwrap();
        }
        let port = free_port();
        write_configuration(directory.path(), port);
        for user in ["alice", "cyrus"] {
            add_user(directory.path(), user);
        }
        own(directory.path());
        let process = run(directory.path());
        let mut cyrus = Self { directory, process, port };
        cyrus.wait_until_it_greets();
        let mut administrator = Client::greeted(port);
        administrator.run("LOGIN cyrus secret");
        administrator.create("user/alice");
        cyrus
    }

    fn end(&mut self) {
        // SIGTERM, which the master hands on to its process group: one of its own.
        end_politely(&mut self.process);
    }

    fn wait_until_it_greets(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !greets(self.port) {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "Cyrus does not start: {ended:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The directory of a mailbox of alice's, whose name says nothing: Cyrus knows it by MAILBOXID.
    fn directory_of(&self, mailbox: &str) -> PathBuf {
        let opened = self.client().run(&format!("EXAMINE \"{mailbox}\""));
        let id = opened.split_once("[MAILBOXID (").unwrap().1.split_once(')').unwrap().0.to_owned();
        let paths = WalkDir::new(self.mail()).into_iter().map(|entry| entry.unwrap().into_path());
        paths.into_iter().find(|path| path.is_dir() && path.ends_with(&id)).unwrap()
    }
}

impl MailServer for Cyrus {
    fn port(&self) -> u16 {
        self.port
    }

    fn certificate(&self) -> Option<PathBuf> {
        Some(self.directory.path().join("cert.pem"))
    }

    fn name_of(&self, mailbox: &str) -> String {
        mailbox.to_owned()
    }

    fn restart(&mut self) {
        self.end();
        self.process = run(self.directory.path());
        self.wait_until_it_greets();
    }

    /// Without its index the mailbox is made again from the messages.
    fn renumber(&mut self, mailbox: &str) {
        let before = self.client().uid_validity(mailbox);
        let directory = self.directory_of(mailbox);
        let name = if mailbox == "INBOX" { "user/alice".to_owned() } else { format!("user/alice/{mailbox}") };
        fs::remove_file(directory.join("cyrus.index")).unwrap();
        let mut reconstruct = program("usr/lib/cyrus/bin/reconstruct");
        reconstruct.uid(MAIL_UID).gid(MAIL_UID).arg("-C").arg(self.directory.path().join("imapd.conf")).arg(name);
        let done = reconstruct.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_ne!(self.client().uid_validity(mailbox), before);
    }

    fn mail(&self) -> PathBuf {
        self.directory.path().join("spool")
    }

    /// The index of a mailbox holds its flags.
    fn is_kept(&self, file: &Path) -> bool {
        !file.ends_with("cyrus.cache")
    }
}

impl Drop for Cyrus {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(directory: &Path) -> Child {
    program("usr/lib/cyrus/bin/master")
        .arg("-C")
        .arg(directory.join("imapd.conf"))
        .arg("-M")
        .arg(directory.join("cyrus.conf"))
        .arg("-p")
        .arg(directory.join("run/master.pid"))
        .arg("-D")
        .env("SASL_PATH", sasl_plug_ins())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn sasl_plug_ins() -> PathBuf {
    library_with("sasl2/libsasldb.so").join("sasl2")
}

fn add_user(directory: &Path, user: &str) {
    let mut adding = program("usr/sbin/saslpasswd2")
        .args(["-p", "-c", "-u", "localhost", "-f"])
        .arg(directory.join("sasldb2"))
        .arg(user)
        .env("SASL_PATH", sasl_plug_ins())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    adding.stdin.take().unwrap().write_all(b"secret").unwrap();
    assert!(adding.wait().unwrap().success());
}

fn own(directory: &Path) {
    for entry in WalkDir::new(directory) {
        chown(entry.unwrap().path(), Some(MAIL_UID), Some(MAIL_UID)).unwrap();
    }
}

fn write_configuration(directory: &Path, port: u16) {
    let (here, programs) = (directory.display(), root().join("usr/lib/cyrus/bin"));
    let programs = programs.display();
    let imapd = format!(
        "configdirectory: {here}/conf
partition-default: {here}/spool
defaultpartition: default
admins: cyrus
servername: localhost
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {here}/sasldb2
sasl_mech_list: PLAIN
unixhierarchysep: yes
altnamespace: yes
tls_server_cert: {here}/cert.pem
tls_server_key: {here}/key.pem
idlesocket: {here}/conf/socket/idle
lmtpsocket: {here}/conf/socket/lmtp
proc_path: {here}/conf/proc
mboxname_lockpath: {here}/conf/lock
syslog_prefix: mailferry-test
cyrus_user: mail
cyrus_group: mail
conversations: yes
delete_mode: immediate
expunge_mode: immediate
"
    );
    let cyrus = format!(
        "START {{
  recover cmd=\"{programs}/ctl_cyrusdb -C {here}/imapd.conf -r\"
}}
SERVICES {{
  imap cmd=\"{programs}/imapd -C {here}/imapd.conf -U 30\" listen=\"127.0.0.1:{port}\" prefork=0 maxchild=50
}}
DAEMON {{
  idled cmd=\"{programs}/idled -C {here}/imapd.conf\"
}}
"
    );
    fs::write(directory.join("imapd.conf"), imapd).unwrap();
    fs::write(directory.join("cyrus.conf"), cyrus).unwrap();
}
