//! A way to a server on which bytes are counted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running meter. It stops when it is dropped.
pub(crate) struct Meter {
    pub(crate) port: u16,
    received: Arc<AtomicU64>,
    relaying: JoinHandle<()>,
}

impl Meter {
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(AtomicU64::new(0));
        let count = received.clone();
        let relaying = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = TcpStream::connect(("127.0.0.1", to)).await.unwrap().into_split();
                tokio::spawn(relay(from_client, to_server, Arc::default()));
                tokio::spawn(relay(from_server, to_client, count.clone()));
            }
        });
        Self { port, received, relaying }
    }

    /// The bytes that came from the server over all connections.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.relaying.abort();
    }
}

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, count: Arc<AtomicU64>) -> io::Result<()> {
    let mut part = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut part).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        count.fetch_add(read as u64, Ordering::Relaxed);
        to.write_all(&part[..read]).await?;
    }
}
