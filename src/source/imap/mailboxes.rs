//! Which mailboxes there are, and which of them are read.

use async_imap::imap_proto::{MailboxDatum, MailboxListData, NameAttribute, Response};
use unicode_normalization::UnicodeNormalization as _;

use super::command::{Command, Connection};
use super::connect::Session;
use super::failure::Failure;
use super::login::Capabilities;
use super::names::{decode, unescape};
use crate::source::{Sent, SourceError};

/// How alike a mistyped name must be to be offered as what was meant (Jaro–Winkler, 0 to 1).
const ALIKE: f64 = 0.75;

/// Names that are listed where nothing is alike.
const MAX_NAMES_IN_HINT: usize = 8;

/// One mailbox of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mailbox {
    /// Its name, decoded.
    pub(super) name: String,
    /// Its name on the wire, without quotes and escapes.
    pub(super) wire_name: String,
    /// What it is for.
    pub(super) role: Role,
}

/// What a mailbox is for, as far as that decides whether and how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// New mail arrives here.
    Inbox,
    /// What we sent.
    Sent,
    /// All mail of the account once more (Gmail).
    All,
    /// Junk, trash or drafts.
    Refuse,
    /// It only holds other mailboxes.
    Branch,
    /// Anything else.
    Other,
}

impl Mailbox {
    /// Whether it holds what we sent.
    pub(super) fn sent(&self) -> Sent {
        match self.role {
            Role::Sent => Sent::Yes,
            Role::Inbox | Role::All | Role::Refuse | Role::Branch | Role::Other => Sent::Unknown,
        }
    }

    /// The inbox, which every account has, whether it is listed or not (RFC 3501 5.1).
    fn inbox() -> Self {
        Self { name: "INBOX".to_owned(), wire_name: "INBOX".to_owned(), role: Role::Inbox }
    }
}

/// What is read of an account.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// What is read, in this order: the inbox and what we sent first, as most threads begin there.
    pub(super) read: Vec<Mailbox>,
    /// The names of what is left out though it could be read.
    pub(super) left_out: Vec<String>,
    /// What was asked for and is not there.
    pub(super) missing: Vec<(String, SourceError)>,
}

/// Asks for all mailboxes.
pub(super) async fn list(session: &mut Session) -> Result<Vec<Mailbox>, Failure> {
    let extended = session.capabilities.has("SPECIAL-USE") && session.capabilities.has("LIST-EXTENDED");
    // RFC 6154 lets a server keep special uses to itself unless they are asked for.
    let command = if extended { "LIST \"\" \"*\" RETURN (SPECIAL-USE)" } else { "LIST \"\" \"*\"" };
    match list_by(&mut session.connection, command).await {
        Err(Failure::Bad(_)) if extended => list_by(&mut session.connection, "LIST \"\" \"*\"").await,
        listed => listed,
    }
}

async fn list_by(connection: &mut Connection, command: &str) -> Result<Vec<Mailbox>, Failure> {
    let mut entries = Vec::new();
    let listing = connection.run(Command::new(command), |answer| {
        if let Response::MailboxData(MailboxDatum::List(data)) = answer {
            entries.push(Entry::read(data));
        }
    });
    listing.await?;
    let mut mailboxes = assign_roles(entries);
    if !mailboxes.iter().any(|mailbox| mailbox.role == Role::Inbox) {
        mailboxes.insert(0, Mailbox::inbox());
    }
    Ok(mailboxes)
}

/// One line of LIST.
#[derive(Debug)]
struct Entry {
    wire_name: String,
    delimiter: Option<String>,
    /// Attributes as the role that they give; `None` where they give none.
    role: Option<Role>,
    /// Whether the server named any special use at all, also one that changes nothing here.
    special: Special,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Special {
    Named,
    Unnamed,
}

impl Entry {
    fn read(data: &MailboxListData<'_>) -> Self {
        let attributes = &data.name_attributes;
        let has = |attribute: &NameAttribute<'_>| attributes.contains(attribute);
        let is_nonexistent =
            attributes.iter().any(|a| matches!(a, NameAttribute::Extension(name) if name.eq_ignore_ascii_case("\\NonExistent")));
        let role = if has(&NameAttribute::NoSelect) || is_nonexistent {
            Some(Role::Branch)
        } else if has(&NameAttribute::Junk) || has(&NameAttribute::Trash) || has(&NameAttribute::Drafts) {
            Some(Role::Refuse)
        } else if has(&NameAttribute::Sent) {
            Some(Role::Sent)
        } else if has(&NameAttribute::All) {
            Some(Role::All)
        } else {
            None
        };
        let named = matches!(role, Some(Role::Refuse | Role::Sent | Role::All))
            || has(&NameAttribute::Archive)
            || has(&NameAttribute::Flagged);
        let special = if named { Special::Named } else { Special::Unnamed };
        Self { wire_name: unescape(&data.name), delimiter: data.delimiter.as_deref().map(unescape), role, special }
    }
}

/// Gives each mailbox its role: by SPECIAL-USE, or by well-known names where the server names no special use at all.
fn assign_roles(entries: Vec<Entry>) -> Vec<Mailbox> {
    let by_name = entries.iter().all(|entry| entry.special == Special::Unnamed);
    let mut mailboxes: Vec<Mailbox> = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = decode(&entry.wire_name);
        let role = match entry.role {
            Some(role) => role,
            None if name.eq_ignore_ascii_case("INBOX") => Role::Inbox,
            None if by_name => well_known(&name, entry.delimiter.as_deref()),
            None => Role::Other,
        };
        if !mailboxes.iter().any(|mailbox| mailbox.wire_name == entry.wire_name) {
            mailboxes.push(Mailbox { name, wire_name: entry.wire_name, role });
        }
    }
    mailboxes
}

/// The role of a mailbox by its name, for servers without SPECIAL-USE (Cyrus unless set up, Courier, old Exchange). Only
/// at the top or right below the inbox: a mailbox `Projects/Spam` is somebody's work.
fn well_known(name: &str, delimiter: Option<&str>) -> Role {
    let lower = name.to_lowercase();
    let leaf = match delimiter.filter(|delimiter| !delimiter.is_empty()).and_then(|delimiter| lower.split_once(delimiter)) {
        None => lower.as_str(),
        Some(("inbox", leaf)) => leaf,
        Some(_) => return Role::Other,
    };
    match leaf {
        "sent"
        | "sent items"
        | "sent messages"
        | "sent mail"
        | "gesendet"
        | "gesendete objekte"
        | "gesendete elemente"
        | "éléments envoyés"
        | "elementos enviados" => Role::Sent,
        "junk"
        | "spam"
        | "junk e-mail"
        | "junk email"
        | "junk-e-mail"
        | "bulk mail"
        | "trash"
        | "deleted items"
        | "deleted messages"
        | "papierkorb"
        | "gelöschte objekte"
        | "gelöschte elemente"
        | "drafts"
        | "entwürfe" => Role::Refuse,
        _ => Role::Other,
    }
}

/// Chooses what is read: what was asked for by name, or all but junk, trash and drafts.
pub(super) fn choose(mailboxes: &[Mailbox], wanted: &[String], capabilities: &Capabilities) -> Choice {
    let mut choice = if wanted.is_empty() { by_role(mailboxes, capabilities) } else { by_name(mailboxes, wanted) };
    choice.read.sort_by_key(|mailbox| match mailbox.role {
        Role::Inbox => 0,
        Role::Sent => 1,
        Role::All | Role::Refuse | Role::Branch | Role::Other => 2,
    });
    choice
}

/// On Gmail a message stands in one mailbox for each of its labels and once more in `\All`, so `\All` alone is read, after
/// what we sent (which mailbox says so). Elsewhere `\All` may be anything (RFC 6154 2) and everything is read.
fn by_role(mailboxes: &[Mailbox], capabilities: &Capabilities) -> Choice {
    let labels = capabilities.has("X-GM-EXT-1") && mailboxes.iter().any(|mailbox| mailbox.role == Role::All);
    let mut choice = Choice::default();
    for mailbox in mailboxes {
        match mailbox.role {
            Role::Branch => {}
            Role::Refuse => choice.left_out.push(mailbox.name.clone()),
            Role::Inbox | Role::Other if labels => choice.left_out.push(mailbox.name.clone()),
            Role::Inbox | Role::Other | Role::Sent | Role::All => choice.read.push(mailbox.clone()),
        }
    }
    choice
}

fn by_name(mailboxes: &[Mailbox], wanted: &[String]) -> Choice {
    let mut choice = Choice::default();
    for name in wanted {
        match mailboxes.iter().find(|mailbox| is_called(mailbox, name)) {
            Some(mailbox) if mailbox.role == Role::Branch => {
                choice.missing.push((name.clone(), missing(name, "; it only holds other mailboxes".to_owned())));
            }
            Some(mailbox) if choice.read.contains(mailbox) => {}
            Some(mailbox) => choice.read.push(mailbox.clone()),
            None => choice.missing.push((name.clone(), missing(name, hint(mailboxes, name)))),
        }
    }
    choice
}

/// The decoded name to the letter, but for INBOX (RFC 3501 5.1) and for how accents are composed (macOS writes them apart).
fn is_called(mailbox: &Mailbox, name: &str) -> bool {
    mailbox.name.nfc().eq(name.nfc()) || (mailbox.role == Role::Inbox && name.eq_ignore_ascii_case("INBOX"))
}

fn missing(name: &str, hint: String) -> SourceError {
    SourceError::Missing { what: format!("the mailbox {name}"), hint }
}

fn hint(mailboxes: &[Mailbox], name: &str) -> String {
    let lower = name.to_lowercase();
    let alike = |mailbox: &Mailbox| strsim::jaro_winkler(&mailbox.name.to_lowercase(), &lower);
    let nearest = mailboxes.iter().filter(|mailbox| mailbox.role != Role::Branch).max_by(|a, b| alike(a).total_cmp(&alike(b)));
    match nearest {
        Some(mailbox) if alike(mailbox) >= ALIKE => format!("; the nearest is {}", mailbox.name),
        _ => {
            let names: Vec<&str> = mailboxes.iter().map(|mailbox| mailbox.name.as_str()).take(MAX_NAMES_IN_HINT).collect();
            format!("; there are {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, role: Option<Role>) -> Entry {
        let special = if role.is_some() { Special::Named } else { Special::Unnamed };
        Entry { wire_name: name.to_owned(), delimiter: Some("/".to_owned()), role, special }
    }

    fn names(mailboxes: &[Mailbox]) -> Vec<&str> {
        mailboxes.iter().map(|mailbox| mailbox.name.as_str()).collect()
    }

    #[test]
    fn without_names_all_is_read_but_junk_trash_and_drafts() {
        let listed = assign_roles(vec![
            entry("Archive", None),
            entry("Spam", Some(Role::Refuse)),
            entry("Gesendet", Some(Role::Sent)),
            entry("Trash", None),
            entry("Parent", Some(Role::Branch)),
            entry("INBOX", None),
        ]);
        let choice = choose(&listed, &[], &Capabilities::default());
        assert_eq!(names(&choice.read), ["INBOX", "Gesendet", "Archive", "Trash"]);
        assert_eq!(choice.left_out, ["Spam"]);
    }

    #[test]
    fn names_decide_where_the_server_names_no_special_use() {
        let listed =
            assign_roles(["INBOX", "INBOX/Sent", "Deleted Items", "Projects/Spam", "Drafts"].map(|name| entry(name, None)).into());
        let choice = choose(&listed, &[], &Capabilities::default());
        assert_eq!(names(&choice.read), ["INBOX", "INBOX/Sent", "Projects/Spam"]);
        assert_eq!(choice.read[1].sent(), Sent::Yes);
        assert_eq!(choice.left_out, ["Deleted Items", "Drafts"]);
    }

    #[test]
    fn a_mailbox_that_is_missing_names_the_nearest() {
        let listed = assign_roles(vec![entry("INBOX", None), entry("Sent Items", Some(Role::Sent))]);
        let choice = choose(&listed, &["inbox".into(), "Sent items".into(), "Zzz".into()], &Capabilities::default());
        assert_eq!(names(&choice.read), ["INBOX"]);
        let hints: Vec<String> = choice.missing.iter().map(|(_, error)| error.to_string()).collect();
        assert_eq!(
            hints,
            [
                "the mailbox Sent items does not exist; the nearest is Sent Items",
                "the mailbox Zzz does not exist; there are INBOX, Sent Items"
            ]
        );
    }

    #[test]
    fn names_are_compared_composed() {
        let listed = assign_roles(vec![entry("Mu\u{308}ller", None)]);
        assert_eq!(choose(&listed, &["Müller".into()], &Capabilities::default()).missing.len(), 0);
    }
}
