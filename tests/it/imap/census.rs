//! Counting what an account holds against what is known of it. That a census names exactly what a scan sends is shown by
//! every scan of a real server: see [`super::scan_counted`].

use std::sync::Arc;

use mailferry::source::imap::{ImapSettings, ImapSource, Patience, Security};
use mailferry::source::{Counted, Source as _};

use super::dovecot::{alice, trusting};
use super::scripted::{examined, listed, logged_in, logged_out, plain, remembering, searched};
use super::{Memory, mail, scan, source};
use crate::support::dovecot::Dovecot;
use crate::support::scripted::{Dialogue, Scripted};

/// What a census says, a line for each mailbox.
async fn census(source: &ImapSource, memory: &Memory) -> Vec<String> {
    let counted = source.census(Arc::new(memory.clone())).await;
    counted.map_or_else(|error| vec![format!("!{error}")], |counted| counted.iter().map(line).collect())
}

fn line(counted: &Counted) -> String {
    match counted {
        Ok(census) => {
            let examples: Vec<&str> = census.examples.iter().map(|position| position.place.as_str()).collect();
            format!("{}: {} of {} unknown {}", census.mailbox, census.unknown, census.held, examples.join(" "))
                .trim_end()
                .to_owned()
        }
        Err((mailbox, error)) => format!("{mailbox}: !{error}"),
    }
}

async fn census_of(memory: &Memory, dialogues: Vec<Dialogue>) -> Vec<String> {
    let server = Scripted::start(dialogues).await;
    let counted = census(&plain(&server), memory).await;
    server.finish().await;
    counted
}

fn fetched(window: &str, uids: &[u32]) -> Dialogue {
    let answer: String = uids.iter().map(|uid| format!("* {uid} FETCH (UID {uid})\r\n")).collect();
    Dialogue::new().exchange(&format!("UID FETCH {window} (UID)"), answer + "{tag} OK fetched\r\n")
}

fn waited() -> Dialogue {
    Dialogue::new().exchange("NOOP", "{tag} OK nothing new\r\n")
}

#[tokio::test]
async fn what_arrives_is_unknown_and_what_is_expunged_is_not_missed() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    (1..=5).for_each(|number| drop(dovecot.deliver("alice", "INBOX", &mail(number))));
    scan(&alice(&dovecot), &memory).await.expect_clean();
    assert_eq!(census(&alice(&dovecot), &memory).await, ["INBOX: 0 of 5 unknown", "Sent: 0 of 0 unknown"]);
    (6..=8).for_each(|number| drop(dovecot.deliver("alice", "INBOX", &mail(number))));
    dovecot.doveadm(&["expunge", "-u", "alice", "mailbox", "INBOX", "uid", "2"]);
    let lines = census(&alice(&dovecot), &memory).await;
    let validity = memory.uid_validity("INBOX");
    let places: Vec<String> = (6..=8).map(|uid| format!("{validity}/{uid:010}")).collect();
    assert_eq!(lines, [format!("INBOX: 3 of 7 unknown {}", places.join(" ")), "Sent: 0 of 0 unknown".to_owned()]);
}

#[tokio::test]
async fn under_a_new_uidvalidity_everything_is_unknown() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    (1..=3).for_each(|number| drop(dovecot.deliver("alice", "INBOX", &mail(number))));
    scan(&alice(&dovecot), &memory).await.expect_clean();
    dovecot.doveadm(&["mailbox", "update", "--uid-validity", "777", "-u", "alice", "INBOX"]);
    let lines = census(&alice(&dovecot), &memory).await;
    assert_eq!(lines[0], "INBOX: 3 of 3 unknown 777/0000000001 777/0000000002 777/0000000003");
}

#[tokio::test]
async fn a_mailbox_that_is_gone_is_an_error_where_it_was_asked_for_by_name() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("alice", "Acme", &mail(1));
    dovecot.deliver("alice", "INBOX", &mail(2));
    let memory = Memory::default();
    let named = ImapSettings { mailboxes: vec!["INBOX".into(), "Acme".into()], ..trusting(&dovecot, Security::Implicit) };
    scan(&source(named.clone()), &memory).await.expect_clean();
    dovecot.doveadm(&["mailbox", "delete", "-u", "alice", "Acme"]);
    let lines = census(&source(named), &memory).await;
    assert!(lines[0].starts_with("Acme: !the mailbox Acme does not exist"), "{lines:?}");
    assert_eq!(lines[1], "INBOX: 0 of 1 unknown");
    assert_eq!(census(&alice(&dovecot), &memory).await, ["INBOX: 0 of 1 unknown", "Sent: 0 of 0 unknown"]);
}

#[tokio::test]
async fn many_messages_are_counted_in_windows_of_uids() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    dovecot.deliver_many("alice", "INBOX", 12_000, &mail(1));
    let lines = census(&alice(&dovecot), &memory).await;
    assert!(lines[0].starts_with("INBOX: 12000 of 12000 unknown "), "{lines:?}");
    assert_eq!(lines[0].matches('/').count(), 20);
}

#[tokio::test]
async fn no_message_is_asked_for() {
    let dialogue = listed().and(examined(3)).and(searched("1:*", " 1 2 3")).and(logged_out());
    let lines = census_of(&Memory::default(), vec![dialogue]).await;
    assert_eq!(lines, ["INBOX: 3 of 3 unknown 7/0000000001 7/0000000002 7/0000000003"]);
}

#[tokio::test]
async fn a_refused_examine_is_an_error_of_that_mailbox() {
    let list = "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Acme\r\n{tag} OK listed\r\n";
    let dialogue = logged_in()
        .exchange("LIST \"\" \"*\"", list)
        .exchange("EXAMINE \"INBOX\"", "{tag} NO [NOPERM] not yours\r\n")
        .exchange("EXAMINE \"Acme\"", "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n{tag} OK opened\r\n")
        .and(logged_out());
    let lines = census_of(&Memory::default(), vec![dialogue]).await;
    assert_eq!(lines[0], "Acme: 0 of 0 unknown");
    assert_eq!(lines[1], "INBOX: !the mailbox INBOX cannot be read: the server refuses: [NOPERM] not yours");
}

#[tokio::test]
async fn without_uidvalidity_nothing_is_counted() {
    let opened = "* 3 EXISTS\r\n{tag} OK opened\r\n";
    let lines = census_of(&Memory::default(), vec![listed().exchange("EXAMINE \"INBOX\"", opened).and(logged_out())]).await;
    assert!(lines[0].starts_with("INBOX: !") && lines[0].contains("no UIDVALIDITY"), "{lines:?}");
}

#[tokio::test]
async fn goodbye_in_the_midst_is_gone_on_from_and_counts_nothing_twice() {
    let opened = "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT 40000] next\r\n{tag} OK opened\r\n";
    let first = listed()
        .exchange("EXAMINE \"INBOX\"", opened)
        .and(searched("1:10000", " 1 2"))
        .exchange("UID SEARCH UID 10001:*", "* SEARCH 39999\r\n* BYE maintenance\r\n");
    let second = logged_in().exchange("EXAMINE \"INBOX\"", opened).and(searched("10001:20000", ""));
    let second = second.and(searched("20001:*", " 39999")).and(logged_out());
    let lines = census_of(&remembering(2), vec![first, second]).await;
    assert_eq!(lines, ["INBOX: 3 of 3 unknown 7/0000000001 7/0000000002 7/0000039999"]);
}

#[tokio::test]
async fn a_mailbox_that_is_numbered_anew_in_the_midst_is_counted_anew() {
    let first = listed().and(examined(3)).client("UID SEARCH UID 1:*");
    let anew = "* 2 EXISTS\r\n* OK [UIDVALIDITY 8] valid\r\n* OK [UIDNEXT 3] next\r\n{tag} OK opened\r\n";
    let second = logged_in().exchange("EXAMINE \"INBOX\"", anew).and(searched("1:*", " 1 2")).and(logged_out());
    let lines = census_of(&remembering(3), vec![first, second]).await;
    assert_eq!(lines, ["INBOX: 2 of 2 unknown 8/0000000001 8/0000000002"]);
}

#[tokio::test]
async fn fewer_uids_than_messages_are_counted_another_way() {
    let dialogue = listed().and(examined(3)).and(searched("1:*", " 1 3")).and(waited()).and(fetched("1:*", &[1, 2, 3]));
    let lines = census_of(&Memory::default(), vec![dialogue.and(logged_out())]).await;
    assert_eq!(lines, ["INBOX: 3 of 3 unknown 7/0000000001 7/0000000002 7/0000000003"]);
}

#[tokio::test]
async fn fewer_uids_than_messages_whichever_way_are_an_error_and_not_a_small_mailbox() {
    let dialogue = listed().and(examined(3)).and(searched("1:*", "")).and(waited()).and(fetched("1:*", &[1])).and(waited());
    let lines = census_of(&Memory::default(), vec![dialogue.and(logged_out())]).await;
    assert_eq!(lines, ["INBOX: !the mailbox INBOX cannot be read: the server counts 3 messages in it and lists 1"]);
}

#[tokio::test]
async fn messages_that_are_expunged_meanwhile_are_not_missed() {
    let searching = "* 2 EXPUNGE\r\n* SEARCH 1\r\n{tag} OK searched\r\n";
    let dialogue = listed().and(examined(3)).exchange("UID SEARCH UID 1:*", searching);
    let dialogue = dialogue.exchange("NOOP", "* 2 EXPUNGE\r\n* 1 EXISTS\r\n{tag} OK news\r\n").and(logged_out());
    let lines = census_of(&Memory::default(), vec![dialogue]).await;
    assert_eq!(lines, ["INBOX: 1 of 1 unknown 7/0000000001"]);
}

#[tokio::test]
async fn a_server_that_counts_anew_is_counted_as_the_next_scan_reads_it() {
    let memory = remembering(1000);
    memory.keep("INBOX", Some(&super::position("INBOX", "7/0000000001")), None);
    let dialogue = listed().and(examined(1)).and(searched("1000:*", " 1")).and(searched("1:*", " 1")).and(logged_out());
    assert_eq!(census_of(&memory, vec![dialogue]).await, ["INBOX: 1 of 1 unknown 7.1/0000000001"]);
}

#[tokio::test]
async fn a_server_that_never_comes_back_is_an_error_of_every_mailbox() {
    let list = "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Acme\r\n{tag} OK listed\r\n";
    let dialogue = logged_in().exchange("LIST \"\" \"*\"", list).client("EXAMINE \"INBOX\"");
    let server = Scripted::start(vec![dialogue]).await;
    let patience = Patience { tries: 2, first_pause: std::time::Duration::from_millis(1), ..Patience::default() };
    let lines = census(&plain(&server).with_patience(patience), &Memory::default()).await;
    server.finish().await;
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains(": !")), "{lines:?}");
}
