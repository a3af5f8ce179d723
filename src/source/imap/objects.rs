//! What an account calls a message wherever it stands: EMAILID (RFC 8474), or Gmail's X-GM-MSGID. A message that is known
//! by it is recorded at its new place and not downloaded again: copies in other mailboxes, and a whole mailbox whose
//! UIDVALIDITY has changed.
//!
//! Both name content that never changes, so identity stays what it is, id *and* content. The name counts only within the
//! account and together with the size, so that a server that was restored and gives names anew shows. THREADID and X-GM-THRID
//! are not asked for: threads come out the same from every source, and these would tie them to one.

use std::collections::{BTreeSet, VecDeque};

use async_imap::imap_proto::AttributeValue;

use super::ImapSettings;
use super::login::Capabilities;
use crate::mail::{Digest, ObjectId};

/// How an account names its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// Not at all.
    Unnamed,
    /// As Gmail does, which also says what is no mail yet, or no more.
    Gmail,
    /// By OBJECTID.
    EmailId,
}

/// The names of one account's messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Objects {
    pub(super) naming: Naming,
    account: Digest,
}

/// What Gmail says of a message beside its name. `[Gmail]/All Mail` holds drafts as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, as any other server.
    #[default]
    Unsaid,
    /// It is mail.
    Mail,
    /// Nobody has sent it yet.
    Draft,
    /// It is spam, or was thrown away.
    Discarded,
}

impl Objects {
    /// What a server offers, for this account.
    pub(super) fn of(capabilities: &Capabilities, settings: &ImapSettings) -> Self {
        let naming = match () {
            () if capabilities.has("X-GM-EXT-1") => Naming::Gmail,
            () if capabilities.has("OBJECTID") => Naming::EmailId,
            () => Naming::Unnamed,
        };
        Self { naming, ..Self::unnamed(settings) }
    }

    /// An account that names nothing.
    pub(super) fn unnamed(settings: &ImapSettings) -> Self {
        let account = Digest::of_fields(&[settings.host.to_lowercase().as_bytes(), settings.username.as_bytes()]);
        Self { naming: Naming::Unnamed, account }
    }

    /// The same account, as if it named nothing.
    pub(super) fn without_names(self) -> Self {
        Self { naming: Naming::Unnamed, ..self }
    }

    /// What is asked for along with a message's size, beginning with a space, or nothing.
    pub(super) fn items(self) -> &'static str {
        match self.naming {
            Naming::Unnamed => "",
            Naming::Gmail => " FLAGS X-GM-MSGID X-GM-LABELS",
            Naming::EmailId => " EMAILID",
        }
    }

    /// The name that stands among the attributes of a message.
    pub(super) fn object(self, attributes: &[AttributeValue<'_>]) -> Option<ObjectId> {
        let size = attributes.iter().find_map(|one| if let AttributeValue::Rfc822Size(size) = one { Some(*size) } else { None })?;
        let name = attributes.iter().find_map(|attribute| match (self.naming, attribute) {
            (Naming::Gmail, AttributeValue::GmailMsgId(id)) => Some(format!("gmail {id}")),
            (Naming::EmailId, AttributeValue::EmailId(id)) => Some(format!("emailid {id}")),
            _ => None,
        })?;
        Some(ObjectId::new(Digest::of_fields(&[self.account.as_bytes(), name.as_bytes(), &size.to_be_bytes()])))
    }

    /// What Gmail says a message is: by its flags, and by its labels, which cannot always be understood.
    pub(super) fn kind(self, attributes: &[AttributeValue<'_>]) -> Kind {
        let (mut kind, mut words) = (Kind::Unsaid, Vec::new());
        for attribute in attributes.iter().filter(|_| self.naming == Naming::Gmail) {
            if let AttributeValue::Flags(flags) = attribute {
                kind = Kind::Mail;
                words.extend(flags);
            } else if let AttributeValue::GmailLabels(labels) = attribute {
                words.extend(labels);
            }
        }
        for word in words.iter().filter_map(|word| word.strip_prefix('\\')) {
            match word.trim_start_matches('\\').to_ascii_lowercase().as_str() {
                "draft" | "drafts" => return Kind::Draft,
                "spam" | "junk" | "trash" => kind = Kind::Discarded,
                _ => {}
            }
        }
        kind
    }
}

/// The names of the messages that were sent last: the ledger may not have them yet, and will have them before it hears of
/// a copy that is sent after them.
#[derive(Debug, Default)]
pub(super) struct Lately {
    order: VecDeque<ObjectId>,
    names: BTreeSet<ObjectId>,
}

/// Names that are remembered: more messages than are on their way to the ledger at once.
const MAX_LATELY: usize = 8192;

impl Lately {
    /// A message of this name was sent.
    pub(super) fn add(&mut self, object: ObjectId) {
        if self.names.insert(object) {
            self.order.push_back(object);
        }
        if self.order.len() > MAX_LATELY
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
    }

    /// Whether a message of this name was sent lately.
    pub(super) fn has(&self, object: &ObjectId) -> bool {
        self.names.contains(object)
    }
}

impl Kind {
    /// Why a message is left out of a mailbox that is no mailbox of drafts, spam or trash, on a server that says so.
    pub(super) fn objection(self) -> Option<&'static str> {
        match self {
            Self::Mail => None,
            Self::Draft => Some("it is a draft, which nobody has sent"),
            Self::Discarded => Some("it is in the spam or the trash"),
            Self::Unsaid => Some("the server does not say whether it is a draft"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_long_ago_is_left_to_the_ledger() {
        let object = |number: usize| ObjectId::new(Digest::of(&number.to_be_bytes()));
        let mut lately = Lately::default();
        (0..=MAX_LATELY).for_each(|number| lately.add(object(number)));
        assert!(!lately.has(&object(0)) && lately.has(&object(1)) && lately.has(&object(MAX_LATELY)));
        assert_eq!((lately.order.len(), lately.names.len()), (MAX_LATELY, MAX_LATELY));
    }
}
