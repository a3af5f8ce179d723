//! A way to a server on which something happens before a command goes on.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Deed = Box<dyn FnOnce() + Send>;

/// A running relay. It stops when it is dropped.
pub(crate) struct Relay {
    pub(crate) port: u16,
    deed: Arc<Mutex<Option<Deed>>>,
    relaying: JoinHandle<()>,
}

impl Relay {
    /// Does the deed once, before the first command that holds `words` goes on to the server.
    pub(crate) async fn start(to: u16, words: &'static str, deed: impl FnOnce() + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let deed: Arc<Mutex<Option<Deed>>> = Arc::new(Mutex::new(Some(Box::new(deed))));
        let shared = deed.clone();
        let relaying = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::spawn(relay(client, server, words, shared.clone()));
            }
        });
        Self { port, deed, relaying }
    }

    /// Whether the deed was done.
    pub(crate) fn is_done(&self) -> bool {
        self.deed.lock().unwrap().is_none()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.relaying.abort();
    }
}

async fn relay(client: TcpStream, server: TcpStream, words: &str, deed: Arc<Mutex<Option<Deed>>>) -> Option<()> {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut lines = BufReader::new(from_client);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let due = if line.contains(words) { deed.lock().unwrap().take() } else { None };
        if let Some(deed) = due {
            tokio::task::spawn_blocking(deed).await.unwrap();
        }
        to_server.write_all(line.as_bytes()).await.ok()?;
    }
}
