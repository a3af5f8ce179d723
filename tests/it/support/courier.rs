//! A real Courier on loopback, which knows its users before they log in: two lines of greeting, the second PREAUTH. Its
//! other habits: no UIDNEXT from EXAMINE, all mailboxes below INBOX, dots between names.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tempfile::TempDir;

use super::mail_server::{Client, MailServer};
use super::unpacked::program;

/// A running Courier: a process for each connection, as inetd would start it.
pub(crate) struct Courier {
    directory: TempDir,
    address: SocketAddr,
    children: Arc<Mutex<Vec<Child>>>,
    is_ending: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Courier {
    pub(crate) fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("courier").tempdir().unwrap();
        let made = program("usr/bin/maildirmake.courier").arg(directory.path().join("Maildir")).status().unwrap();
        assert!(made.success());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut courier = Self { directory, address, children: Arc::default(), is_ending: Arc::default(), accepting: None };
        courier.accept(listener);
        courier
    }

    fn accept(&mut self, listener: TcpListener) {
        let (children, is_ending) = (self.children.clone(), self.is_ending.clone());
        let (maildir, log) = (self.mail(), self.directory.path().join("log"));
        self.accepting = Some(std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_ending.load(Ordering::SeqCst) {
                    return;
                }
                let served = stream.and_then(|stream| serve(stream, &maildir, &log));
                children.lock().unwrap().push(served.unwrap());
            }
        }));
    }

    fn end(&mut self) {
        self.is_ending.store(true, Ordering::SeqCst);
        // Wakes who waits for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
        for mut child in self.children.lock().unwrap().drain(..) {
            child.kill().ok();
            child.wait().ok();
        }
    }

    fn maildir(&self, mailbox: &str) -> PathBuf {
        if mailbox == "INBOX" { self.mail() } else { self.mail().join(mailbox.strip_prefix("INBOX").unwrap()) }
    }
}

impl MailServer for Courier {
    fn port(&self) -> u16 {
        self.address.port()
    }

    fn certificate(&self) -> Option<PathBuf> {
        None
    }

    fn name_of(&self, mailbox: &str) -> String {
        if mailbox == "INBOX" { mailbox.to_owned() } else { format!("INBOX.{mailbox}") }
    }

    fn restart(&mut self) {
        self.end();
        self.is_ending.store(false, Ordering::SeqCst);
        self.accept(TcpListener::bind(self.address).unwrap());
    }

    /// UIDVALIDITY stands in the first line of the file that says which UID a message has.
    fn renumber(&mut self, mailbox: &str) {
        let file = self.maildir(mailbox).join("courierimapuiddb");
        let known = fs::read_to_string(&file).unwrap();
        let (first, rest) = known.split_once('\n').unwrap();
        let numbers: Vec<u32> = first.split(' ').map(|number| number.parse().unwrap()).collect();
        let begun = file.with_extension("new");
        fs::write(&begun, format!("{} {} {}\n{rest}", numbers[0], numbers[1] + 1, numbers[2])).unwrap();
        fs::rename(begun, file).unwrap();
    }

    fn mail(&self) -> PathBuf {
        self.directory.path().join("Maildir")
    }

    fn is_kept(&self, file: &Path) -> bool {
        !file.ends_with("courierimapuiddb")
    }

    fn client(&self) -> Client {
        Client::known(self.port())
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(stream: TcpStream, maildir: &Path, log: &Path) -> io::Result<Child> {
    let log = fs::File::options().create(true).append(true).open(log)?;
    program("usr/bin/imapd")
        .arg(maildir)
        .env("AUTHENTICATED", "alice")
        .env("IMAP_CAPABILITY", "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE")
        .env("IMAP_KEYWORDS", "1")
        // Seconds between its looks at the mailbox while a client idles.
        .env("IMAP_IDLE_TIMEOUT", "1")
        .stdin(Stdio::from(OwnedFd::from(stream.try_clone()?)))
        .stdout(Stdio::from(OwnedFd::from(stream)))
        .stderr(log)
        .spawn()
}
