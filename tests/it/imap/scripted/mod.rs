//! Against servers that misbehave byte by byte. Each test is a dialogue, and fails when either side leaves it.

mod gmail;
mod login;
mod mailboxes;
mod messages;

use mailferry::position::Checkpoint;
use mailferry::source::imap::{ImapSource, Security};

use super::{Memory, Seen, mail, scan, settings, source};
use crate::support::scripted::{Dialogue, Scripted};

pub(super) const SIZES: &str = "(UID INTERNALDATE RFC822.SIZE)";
pub(super) const BODIES: &str = "(UID BODY.PEEK[])";

pub(in crate::imap) fn logged_in() -> Dialogue {
    let capabilities = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n{tag} OK that is all\r\n";
    Dialogue::new()
        .server("* OK ready\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "{tag} OK welcome\r\n")
        .exchange("CAPABILITY", capabilities)
}

pub(in crate::imap) fn listed() -> Dialogue {
    logged_in().exchange("LIST \"\" \"*\"", "* LIST (\\HasNoChildren) \"/\" INBOX\r\n{tag} OK listed\r\n")
}

pub(in crate::imap) fn examined(messages: u32) -> Dialogue {
    let codes = format!("* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT {}] next\r\n", messages + 1);
    Dialogue::new().exchange("EXAMINE \"INBOX\"", format!("* {messages} EXISTS\r\n{codes}{{tag}} OK [READ-ONLY] opened\r\n"))
}

pub(in crate::imap) fn searched(window: &str, uids: &str) -> Dialogue {
    Dialogue::new().exchange(&format!("UID SEARCH UID {window}"), format!("* SEARCH{uids}\r\n{{tag}} OK searched\r\n"))
}

/// A message that is still listed after the server was asked for news.
pub(in crate::imap) fn still_listed(uid: u32) -> Dialogue {
    let listed = || searched(&format!("{uid}:{uid}"), &format!(" {uid}"));
    listed().exchange("NOOP", "{tag} OK no news\r\n").and(listed())
}

pub(in crate::imap) fn sized(range: &str, uids: &[u32]) -> Dialogue {
    let mut answer = String::new();
    for uid in uids {
        let size = mail(*uid).len();
        answer += &format!("* {uid} FETCH (RFC822.SIZE {size} UID {uid} INTERNALDATE \"01-Mar-2021 09:05:00 +0100\")\r\n");
    }
    Dialogue::new().exchange(&format!("UID FETCH {range} {SIZES}"), answer + "{tag} OK fetched\r\n")
}

/// A FETCH with the whole of message `uid`.
pub(in crate::imap) fn body(uid: u32) -> String {
    let raw = String::from_utf8(mail(uid)).unwrap();
    format!("* {uid} FETCH (UID {uid} BODY[] {{{}}}\r\n{raw})\r\n", raw.len())
}

pub(in crate::imap) fn bodies(set: &str, uids: &[u32]) -> Dialogue {
    let answer: String = uids.iter().map(|uid| body(*uid)).collect();
    Dialogue::new().exchange(&format!("UID FETCH {set} {BODIES}"), answer + "{tag} OK fetched\r\n")
}

pub(in crate::imap) fn logged_out() -> Dialogue {
    Dialogue::new().exchange("LOGOUT", "* BYE bye\r\n{tag} OK gone\r\n")
}

pub(in crate::imap) fn plain(server: &Scripted) -> ImapSource {
    source(settings(server.port, Security::None))
}

/// Plays the dialogues and returns what the scan sent.
pub(super) async fn play(dialogues: Vec<Dialogue>) -> Seen {
    play_from(&Memory::default(), dialogues).await
}

pub(super) async fn play_from(memory: &Memory, dialogues: Vec<Dialogue>) -> Seen {
    let server = Scripted::start(dialogues).await;
    let seen = scan(&plain(&server), memory).await;
    server.finish().await;
    seen
}

pub(in crate::imap) fn remembering(uid: u32) -> Memory {
    let memory = Memory::default();
    memory.keep("INBOX", None, Some(&Checkpoint(format!("{{\"uid_validity\":7,\"uid\":{uid}}}"))));
    memory
}
