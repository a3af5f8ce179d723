//! Messages that a server counts and that SEARCH does not name, as where its index has lost them.

use std::collections::BTreeSet;

use tracing::debug;

use super::cursor::Windows;
use super::failure::Failure;
use super::fetch::{self, Examined, Listing};
use super::outline::Outline;
use super::progress::Order;
use super::reader::{Listed, Reader};

impl Reader<'_> {
    /// Compares what was listed with what EXAMINE counted, where the mailbox was listed from its beginning; reads what
    /// SEARCH has hidden, and fails where there is more still.
    pub(super) async fn reconcile(&mut self, examined: &Examined) -> Result<(), Failure> {
        let Some(listed) = self.progress.listed else { return Ok(()) };
        if fetch::unlisted(self.connection, examined, listed).await? == 0 {
            return Ok(());
        }
        debug!(mailbox.name = %self.mailbox.name, "SEARCH lists less than there is");
        let all = self.read_hidden(examined).await?;
        fetch::expect_all_listed(self.connection, self.mailbox, examined, all).await
    }

    /// Reads what FETCH finds and SEARCH does not, and says how much FETCH finds.
    async fn read_hidden(&mut self, examined: &Examined) -> Result<u64, Failure> {
        self.progress.order = Order::Hidden;
        let passed = self.progress.next();
        let mut windows = Windows::new(1, examined.uid_next);
        let (mut all, mut found) = (0, usize::MAX);
        while let Some(window) = windows.next(found) {
            let shown = fetch::listed(self.connection, window, Listing::Search).await?;
            let there = fetch::listed(self.connection, window, Listing::Fetch).await?;
            found = there.len();
            all += found as u64;
            self.read_slice(self.hidden(&there, &shown, passed)).await?;
        }
        Ok(all)
    }

    /// What is there and was not sent: what was not shown, and what is behind all that was.
    fn hidden(&self, there: &BTreeSet<u32>, shown: &BTreeSet<u32>, passed: u32) -> Vec<Listed> {
        let is_new = |uid: &u32| !self.progress.unlisted.contains(uid) && !self.is_sent(*uid);
        let hidden = there.iter().copied().filter(|uid| (*uid >= passed || !shown.contains(uid)) && is_new(uid));
        hidden.map(|uid| Listed { uid, outline: Outline::default() }).collect()
    }
}
