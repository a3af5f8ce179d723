//! What becomes of a mailbox between two scans, and during one: renamed, deleted, made anew, numbered anew, restored.

use std::time::Duration;

use mailferry::source::SourceError;
use mailferry::source::imap::{ImapSettings, Patience, Security};

use super::dovecot::{alice, trusting};
use super::{Memory, Seen, mail, scan_counted as scan, settings, source};
use crate::support::dovecot::Dovecot;
use crate::support::imap_server::{Office, Running};

fn subjects(seen: &Seen) -> Vec<u32> {
    let number =
        |raw: &[u8]| String::from_utf8_lossy(raw).split("Subject: Order ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    seen.messages.iter().map(|found| number(&found.raw)).collect()
}

async fn scan_office(server: &Running, memory: &Memory) -> Seen {
    let patience = Patience { first_pause: Duration::from_millis(1), ..Patience::default() };
    scan(&source(settings(server.port, Security::None)).with_patience(patience), memory).await
}

fn mails(numbers: &[(u32, u32)]) -> Vec<(u32, Vec<u8>)> {
    numbers.iter().map(|(uid, number)| (*uid, mail(*number))).collect()
}

#[tokio::test]
async fn a_mailbox_that_is_renamed_is_read_under_its_new_name() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    (1..=3).for_each(|number| drop(dovecot.deliver("alice", "Acme", &mail(number))));
    scan(&alice(&dovecot), &memory).await.expect_clean();
    dovecot.doveadm(&["mailbox", "rename", "-u", "alice", "Acme", "Acme GmbH"]);
    dovecot.deliver("alice", "Acme GmbH", &mail(4));
    let seen = scan(&alice(&dovecot), &memory).await;
    seen.expect_clean();
    assert_eq!(subjects(&seen), [1, 2, 3, 4], "the first three again at new places, known by their identity");
    assert!(seen.messages.iter().all(|found| found.position.mailbox == "Acme GmbH"));
}

#[tokio::test]
async fn a_mailbox_that_is_deleted_is_missed_where_it_was_asked_for_and_only_there() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    dovecot.deliver("alice", "Acme", &mail(1));
    scan(&alice(&dovecot), &memory).await.expect_clean();
    dovecot.doveadm(&["mailbox", "delete", "-u", "alice", "Acme"]);
    scan(&alice(&dovecot), &memory).await.expect_clean();
    let named = ImapSettings { mailboxes: vec!["Acme".into()], ..trusting(&dovecot, Security::Implicit) };
    let seen = scan(&source(named), &memory).await;
    assert!(matches!(seen.failed["Acme"], SourceError::Missing { .. }), "{:?}", seen.failed);
    assert!(seen.done.is_empty());
}

#[tokio::test]
async fn a_mailbox_that_is_deleted_and_made_anew_loses_nothing() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    (1..=3).for_each(|number| drop(dovecot.deliver("alice", "Acme", &mail(number))));
    scan(&alice(&dovecot), &memory).await.expect_clean();
    dovecot.doveadm(&["mailbox", "delete", "-u", "alice", "Acme"]);
    (4..=5).for_each(|number| drop(dovecot.deliver("alice", "Acme", &mail(number))));
    let seen = scan(&alice(&dovecot), &memory).await;
    seen.expect_clean();
    assert_eq!(subjects(&seen), [4, 5]);
}

#[tokio::test]
async fn uids_that_the_server_has_lost_are_given_anew_and_everything_is_read_anew() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    (1..=5).for_each(|number| drop(dovecot.deliver("alice", "INBOX", &mail(number))));
    scan(&alice(&dovecot), &memory).await.expect_clean();
    dovecot.doveadm(&["expunge", "-u", "alice", "mailbox", "INBOX", "uid", "2"]);
    dovecot.forget_uids("alice", "INBOX");
    dovecot.deliver("alice", "INBOX", &mail(6));
    let seen = scan(&alice(&dovecot), &memory).await;
    seen.expect_clean();
    assert_eq!(subjects(&seen), [1, 3, 4, 5, 6]);
    assert_eq!(seen.uids("INBOX"), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_server_that_was_restored_from_a_backup_gives_uids_again_and_loses_no_mail() {
    let server = Running::start(Office::new(mails(&[(1, 1), (2, 2), (3, 3), (4, 4)]))).await;
    let memory = Memory::default();
    scan_office(&server, &memory).await.expect_clean();
    // Restored as it was at the second message; UIDNEXT is below what was seen.
    server.change(|office| office.messages = mails(&[(1, 1), (2, 2), (3, 30)]));
    let seen = scan_office(&server, &memory).await;
    seen.expect_clean();
    assert_eq!(subjects(&seen), [1, 2, 30]);
    assert!(seen.messages.iter().all(|found| found.position.place.starts_with("7.1/")));
    // Restored once more, and enough has arrived before anybody looked: UIDNEXT says nothing, the last message does.
    server.change(|office| office.messages = mails(&[(1, 1), (2, 2), (3, 31), (4, 40), (5, 50)]));
    let seen = scan_office(&server, &memory).await;
    seen.expect_clean();
    assert_eq!(subjects(&seen), [1, 2, 31, 40, 50]);
    assert!(seen.messages.iter().all(|found| found.position.place.starts_with("7.2/")));
    assert_eq!(scan_office(&server, &memory).await.messages.len(), 0);
}

#[tokio::test]
async fn a_mailbox_whose_last_messages_were_expunged_is_not_read_anew() {
    let server = Running::start(Office::new(mails(&[(1, 1), (2, 2), (3, 3), (4, 4)]))).await;
    let memory = Memory::default();
    scan_office(&server, &memory).await.expect_clean();
    server.change(|office| (office.messages, office.uid_next) = (mails(&[(1, 1), (2, 2)]), Some(5)));
    assert_eq!(scan_office(&server, &memory).await.messages.len(), 0);
    server.change(|office| (office.messages, office.uid_next) = (mails(&[(1, 1), (2, 2), (5, 5)]), None));
    assert_eq!(subjects(&scan_office(&server, &memory).await), [5]);
    server.change(|office| (office.messages, office.uid_next) = (Vec::new(), Some(6)));
    assert_eq!(scan_office(&server, &memory).await.messages.len(), 0);
}

#[tokio::test]
async fn a_message_whose_answers_cannot_be_understood_is_isolated_and_the_others_arrive() {
    let mut office = Office::new(mails(&[(1, 1), (2, 2), (5, 5), (9, 9)]));
    office.poisonous = Some(5);
    let server = Running::start(office).await;
    let memory = Memory::default();
    let seen = scan_office(&server, &memory).await;
    assert_eq!(subjects(&seen), [1, 2, 9]);
    assert_eq!(seen.unreadable[0].0.place, "7/0000000005");
    assert!(seen.unreadable[0].1.contains("cannot be understood"), "{:?}", seen.unreadable);
    assert_eq!((seen.done.as_slice(), seen.failed.len()), (["INBOX".to_owned()].as_slice(), 0));
    assert_eq!(scan_office(&server, &memory).await.unreadable.len(), 0, "it is recorded with its checkpoint");
}

#[tokio::test]
async fn messages_that_search_does_not_name_are_read_all_the_same() {
    for hidden in [vec![1], vec![9], vec![2, 5], vec![1, 2, 5, 9]] {
        let mut office = Office::new(mails(&[(1, 1), (2, 2), (5, 5), (9, 9)]));
        office.hidden = hidden.clone();
        let server = Running::start(office).await;
        let memory = Memory::default();
        let seen = scan_office(&server, &memory).await;
        seen.expect_clean();
        let mut numbers = subjects(&seen);
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 5, 9], "{hidden:?}");
        assert_eq!(scan_office(&server, &memory).await.messages.len(), 0, "{hidden:?}");
    }
}
