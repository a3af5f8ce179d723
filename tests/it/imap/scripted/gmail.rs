//! Accounts that name their messages: Gmail, and OBJECTID.

use super::super::{mail, position};
use super::{bodies, examined, logged_out, play, searched, sized, still_listed};
use crate::support::scripted::Dialogue;

/// What Gmail says before its mailboxes are opened.
fn gmail() -> Dialogue {
    let list = "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* LIST (\\HasNoChildren) \"/\" \"Label\"\r\n\
                * LIST (\\HasChildren \\Noselect) \"/\" \"[Gmail]\"\r\n* LIST (\\All \\HasNoChildren) \"/\" \"[Gmail]/All Mail\"\r\n\
                * LIST (\\Sent) \"/\" \"[Gmail]/Sent Mail\"\r\n* LIST (\\Important) \"/\" \"[Gmail]/Important\"\r\n{tag} OK listed\r\n";
    let capabilities = "* CAPABILITY IMAP4rev1 X-GM-EXT-1\r\n{tag} OK that is all\r\n";
    Dialogue::new()
        .server("* OK Gimap ready\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("LOGIN \"alice\" \"secret\"", "{tag} OK welcome\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("LIST \"\" \"*\"", list)
}

#[tokio::test]
async fn gmail_is_read_by_what_was_sent_and_all_mail() {
    let opened = "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n{tag} OK opened\r\n";
    let dialogue = gmail()
        .exchange("EXAMINE \"[Gmail]/Sent Mail\"", opened)
        .exchange("EXAMINE \"[Gmail]/All Mail\"", opened)
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.done, ["[Gmail]/Sent Mail", "[Gmail]/All Mail"]);
}

/// What Gmail says of a message: its UID, its name, its size, its flags and its labels.
fn labelled(uid: u32, name: u32, flags: &str, labels: &str) -> String {
    let size = mail(name).len();
    let date = "01-Mar-2021 09:05:00 +0100";
    format!(
        "* {uid} FETCH (X-GM-MSGID 15{name:08} X-GM-LABELS ({labels}) UID {uid} RFC822.SIZE {size} INTERNALDATE \"{date}\" \
         FLAGS ({flags}))\r\n"
    )
}

fn opened(mailbox: &str, uids: &[u32]) -> Dialogue {
    let codes = format!("* {} EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n", uids.len());
    let list: String = uids.iter().map(|uid| format!(" {uid}")).collect();
    let opened = Dialogue::new().exchange(&format!("EXAMINE \"{mailbox}\""), codes + "{tag} OK opened\r\n");
    if uids.is_empty() { opened } else { opened.and(searched("1:*", &list)) }
}

const GMAIL_SIZES: &str = "(UID INTERNALDATE RFC822.SIZE FLAGS X-GM-MSGID X-GM-LABELS)";

#[tokio::test]
async fn gmail_gives_each_message_once_and_no_drafts() {
    let sent = labelled(1, 1, "\\Seen", "");
    let raw = |uid: u32, name: u32| {
        let raw = String::from_utf8(mail(name)).unwrap();
        format!("* {uid} FETCH (UID {uid} BODY[] {{{}}}\r\n{raw})\r\n", raw.len())
    };
    let all = labelled(4, 1, "\\Seen", "\"\\\\Sent\" Clients")
        + &labelled(5, 2, "", "\"\\\\Inbox\" \"\\\\Important\"")
        + &labelled(6, 3, "\\Draft", "")
        + &labelled(7, 4, "", "\"\\\\Draft\"")
        + &labelled(8, 5, "", "\"\\\\Trash\"")
        + &labelled(9, 6, "\\Flagged", "\"Drafts of Acme\"");
    let dialogue = gmail()
        .and(opened("[Gmail]/Sent Mail", &[1]))
        .exchange(&format!("UID FETCH 1:1 {GMAIL_SIZES}"), sent + "{tag} OK done\r\n")
        .exchange("UID FETCH 1 (UID BODY.PEEK[])", raw(1, 1) + "{tag} OK done\r\n")
        .and(opened("[Gmail]/All Mail", &[4, 5, 6, 7, 8, 9]))
        .exchange(&format!("UID FETCH 4:9 {GMAIL_SIZES}"), all + "{tag} OK done\r\n")
        .exchange("UID FETCH 5 (UID BODY.PEEK[])", raw(5, 2) + "{tag} OK done\r\n")
        .exchange("UID FETCH 9 (UID BODY.PEEK[])", raw(9, 6) + "{tag} OK done\r\n")
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    assert_eq!((seen.uids("[Gmail]/Sent Mail"), seen.uids("[Gmail]/All Mail")), (vec![1], vec![5, 9]));
    assert_eq!(seen.copies, [position("[Gmail]/All Mail", "7/0000000004")]);
    let reasons: Vec<&str> = seen.unreadable.iter().map(|(_, reason)| reason.as_str()).collect();
    let draft = "it is a draft, which nobody has sent";
    assert_eq!(reasons, [draft, draft, "it is in the spam or the trash"]);
    assert_eq!(seen.done, ["[Gmail]/Sent Mail", "[Gmail]/All Mail"]);
}

#[tokio::test]
async fn where_gmail_does_not_say_what_is_a_draft_nothing_is_taken_for_mail() {
    let refused = |set: &str| Dialogue::new().exchange(&format!("UID FETCH {set} {GMAIL_SIZES}"), "{tag} NO not now\r\n");
    let dialogue =
        gmail().and(opened("[Gmail]/Sent Mail", &[])).and(opened("[Gmail]/All Mail", &[1])).and(refused("1:1")).and(logged_out());
    let seen = play(vec![dialogue]).await;
    assert!(seen.messages.is_empty() && seen.unreadable.is_empty());
    assert!(seen.failed["[Gmail]/All Mail"].to_string().contains("not now"), "{:?}", seen.failed);
    // It says nothing of one message: twice asked for, still there.
    let silent = || Dialogue::new().exchange(&format!("UID FETCH 1:1 {GMAIL_SIZES}"), "{tag} OK done\r\n");
    let dialogue = gmail().and(opened("[Gmail]/Sent Mail", &[])).and(opened("[Gmail]/All Mail", &[1]));
    let seen = play(vec![dialogue.and(silent()).and(silent()).and(still_listed(1)).and(logged_out())]).await;
    assert!(seen.messages.is_empty());
    assert_eq!(seen.unreadable[0].1, "the server does not say whether it is a draft");
}

#[tokio::test]
async fn a_server_that_offers_names_of_messages_and_refuses_them_is_read_without() {
    let capabilities = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR OBJECTID\r\n{tag} OK that is all\r\n";
    let begun = Dialogue::new()
        .server("* OK ready\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "{tag} OK welcome\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("LIST \"\" \"*\"", "* LIST () \"/\" INBOX\r\n{tag} OK listed\r\n");
    let dialogue = begun
        .and(examined(1))
        .and(searched("1:*", " 1"))
        .exchange("UID FETCH 1:1 (UID INTERNALDATE RFC822.SIZE EMAILID)", "{tag} BAD what?\r\n")
        .and(sized("1:1", &[1]))
        .and(bodies("1", &[1]));
    let seen = play(vec![dialogue.and(logged_out())]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1]);
}
