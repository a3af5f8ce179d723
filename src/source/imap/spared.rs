//! Messages that need not be downloaded: known ones at another place, and on Gmail what is no mail yet or no more.

use super::failure::Failure;
use super::mailboxes::Role;
use super::objects::{Kind, Naming};
use super::outline;
use super::reader::{Listed, Reader};
use crate::mail::ObjectId;
use crate::source::Scanned;

/// Why a message is not downloaded.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spared {
    /// It is known.
    Copy(ObjectId),
    /// It is no mail.
    LeftOut(&'static str),
}

impl Reader<'_> {
    /// Whether the server says which messages are drafts, in a mailbox from which they are left out. `[Gmail]/All Mail`
    /// holds them, and a draft that is posted cannot be unread.
    pub(super) fn tells_drafts(&self) -> bool {
        self.connection.objects().naming == Naming::Gmail && self.mailbox.role != Role::Refuse
    }

    /// Asks what they are of the messages of which that was not said.
    pub(super) async fn with_kinds(&mut self, mut listed: Vec<Listed>) -> Result<Vec<Listed>, Failure> {
        let unsaid = || listed.iter().filter(|one| one.outline.kind == Kind::Unsaid).map(|one| one.uid);
        let (Some(first), Some(last), true) = (unsaid().min(), unsaid().max(), self.tells_drafts()) else { return Ok(listed) };
        let outlines = outline::outlines(self.connection, first, last).await?;
        for one in &mut listed {
            one.outline = outlines.get(&one.uid).copied().unwrap_or(one.outline);
        }
        Ok(listed)
    }

    /// Why a message need not be downloaded, or nothing.
    pub(super) fn spared(&self, one: &Listed) -> Option<Spared> {
        if self.tells_drafts()
            && let Some(objection) = one.outline.kind.objection()
        {
            return Some(Spared::LeftOut(objection));
        }
        one.outline.object.filter(|object| self.errand.holds(object)).map(Spared::Copy)
    }

    /// Sends its position all the same.
    pub(super) async fn send_spared(&mut self, one: &Listed, spared: Spared) -> Result<(), Failure> {
        match spared {
            Spared::LeftOut(_) if one.outline.kind == Kind::Unsaid && self.is_gone(one.uid).await? => {
                self.pass(one.uid);
                Ok(())
            }
            Spared::LeftOut(objection) => self.send_unreadable(one.uid, objection.to_owned()).await,
            Spared::Copy(object) => {
                self.pass(one.uid);
                self.progress.date(one.uid, one.outline.internal_date);
                let (position, checkpoint) = (self.position(one.uid), self.progress.cursor().checkpoint());
                Ok(self.errand.outlet.send(Scanned::Copy { position, object, sent: self.mailbox.sent(), checkpoint }).await?)
            }
        }
    }
}
