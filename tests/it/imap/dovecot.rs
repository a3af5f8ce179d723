//! Against a real Dovecot.

use mailferry::finding::{Finding, State};
use mailferry::source::imap::{ImapSettings, ImapSource, Login, Security};
use mailferry::source::{Sent, Source as _, SourceError};

use super::{Memory, mail, scan_counted as scan, settings, source};
use crate::support::dovecot::{Dovecot, Marked};

pub(super) fn trusting(dovecot: &Dovecot, security: Security) -> ImapSettings {
    let port = if security == Security::Implicit { dovecot.imaps } else { dovecot.imap };
    ImapSettings { ca_file: Some(dovecot.certificate()), ..settings(port, security) }
}

pub(super) fn alice(dovecot: &Dovecot) -> ImapSource {
    source(trusting(dovecot, Security::Implicit))
}

#[tokio::test]
async fn everything_arrives_over_each_kind_of_connection() {
    let mut dovecot = Dovecot::start();
    for number in 1..=200 {
        dovecot.deliver("alice", "INBOX", &mail(number));
    }
    dovecot.deliver("alice", "Sent", &mail(1000));
    for security in [Security::Implicit, Security::StartTls, Security::None] {
        let seen = scan(&source(trusting(&dovecot, security)), &Memory::default()).await;
        seen.expect_clean();
        assert_eq!(seen.uids("INBOX"), (1..=200).collect::<Vec<u32>>(), "{security:?}");
        assert!((1..=200).zip(&seen.messages).all(|(number, found)| found.raw == mail(number)), "{security:?}");
        assert_eq!(seen.done, ["INBOX", "Sent"]);
        let sent: Vec<Sent> = seen.messages[199..].iter().map(|found| found.sent).collect();
        assert_eq!(sent, [Sent::Unknown, Sent::Yes]);
        assert!(seen.messages.iter().all(|found| found.internal_date.is_some()));
        let bytes: usize = seen.messages[..200].iter().map(|found| found.raw.len()).sum();
        assert_eq!(seen.expected["INBOX"], (Some(200), Some(bytes as u64)));
    }
}

#[tokio::test]
async fn several_mailboxes_are_read_at_once() {
    let mut dovecot = Dovecot::start();
    let names: Vec<String> = (0..20).map(|number| format!("Project {number}")).collect();
    for (number, name) in (1..).zip(&names) {
        dovecot.deliver("alice", name, &mail(number));
        dovecot.deliver("alice", name, &mail(1000 + number));
    }
    let source = source(ImapSettings { max_connections: 4, ..trusting(&dovecot, Security::Implicit) });
    let seen = scan(&source, &Memory::default()).await;
    seen.expect_clean();
    assert_eq!(seen.digests().len(), 40);
    assert_eq!(seen.done.len(), 22, "with INBOX and Sent");
    assert!(names.iter().all(|name| seen.uids(name) == [1, 2]));
}

#[tokio::test]
async fn the_work_is_done_by_fewer_connections_where_the_server_grants_no_more() {
    let mut dovecot = Dovecot::start_with(Marked::Leaf, "mail_max_userip_connections = 1\n");
    for number in 1..=6 {
        dovecot.deliver("alice", &format!("Project {number}"), &mail(number));
    }
    let source = source(ImapSettings { max_connections: 5, ..trusting(&dovecot, Security::Implicit) });
    let seen = scan(&source, &Memory::default()).await;
    seen.expect_clean();
    assert_eq!(seen.messages.len(), 6);
}

#[tokio::test]
async fn flags_and_files_are_the_same_afterwards() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("alice", "INBOX", &mail(1));
    dovecot.deliver_with_flags("alice", "INBOX", "", &mail(2));
    dovecot.deliver_with_flags("alice", "INBOX", "FS", &mail(3));
    dovecot.deliver("alice", "INBOX", &large_mail(9_000_000));
    let files = dovecot.files("alice");
    assert_eq!(scan(&alice(&dovecot), &Memory::default()).await.messages.len(), 4);
    alice(&dovecot).check().await;
    assert_eq!(dovecot.files("alice"), files);
    let flags = dovecot.flags("alice", "INBOX");
    assert_eq!(flags.matches("\\Seen").count(), 1, "{flags}");
    assert_eq!(flags.matches("\\Flagged").count(), 1, "{flags}");
}

#[tokio::test]
async fn a_second_scan_sends_only_what_is_new() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    (1..=5).for_each(|number| drop(dovecot.deliver("alice", "INBOX", &mail(number))));
    assert_eq!(scan(&alice(&dovecot), &memory).await.messages.len(), 5);
    let again = scan(&alice(&dovecot), &memory).await;
    again.expect_clean();
    assert_eq!((again.messages.len(), again.done.len()), (0, 2));
    dovecot.deliver("alice", "INBOX", &mail(6));
    let more = scan(&alice(&dovecot), &memory).await;
    more.expect_clean();
    assert_eq!(more.uids("INBOX"), [6]);
    assert_eq!(more.messages[0].raw, mail(6));
    assert_eq!(more.expected["INBOX"], (Some(1), Some(mail(6).len() as u64)));
}

#[tokio::test]
async fn a_new_uidvalidity_reads_everything_anew_at_new_places() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    (1..=3).for_each(|number| drop(dovecot.deliver("alice", "INBOX", &mail(number))));
    scan(&alice(&dovecot), &memory).await.expect_clean();
    dovecot.doveadm(&["mailbox", "update", "--uid-validity", "777", "-u", "alice", "INBOX"]);
    let seen = scan(&alice(&dovecot), &memory).await;
    seen.expect_clean();
    let places: Vec<&str> = seen.messages.iter().map(|found| found.position.place.as_str()).collect();
    assert_eq!(places, ["777/0000000001", "777/0000000002", "777/0000000003"]);
    assert_eq!(scan(&alice(&dovecot), &memory).await.messages.len(), 0);
}

#[tokio::test]
async fn a_message_of_50_megabytes_arrives_whole() {
    let mut dovecot = Dovecot::start();
    let large = large_mail(50_000_000);
    dovecot.deliver("alice", "INBOX", &mail(1));
    dovecot.deliver("alice", "INBOX", &large);
    dovecot.deliver("alice", "INBOX", &mail(3));
    let seen = scan(&alice(&dovecot), &Memory::default()).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 2, 3]);
    assert!(seen.messages[1].raw == large, "{} of {} bytes", seen.messages[1].raw.len(), large.len());
    assert!(seen.messages[1].internal_date.is_some());
    assert!(seen.messages[1].notes.is_empty(), "{:?}", seen.messages[1].notes);
}

#[tokio::test]
async fn mailboxes_have_their_names_in_any_script() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("alice", "Lieferanten/M&APw-ller &- S&APY-hne", &mail(1));
    dovecot.deliver("alice", "Angebote \"2021\"", &mail(2));
    let all = scan(&alice(&dovecot), &Memory::default()).await;
    all.expect_clean();
    let names: Vec<&str> = all.messages.iter().map(|found| found.position.mailbox.as_str()).collect();
    assert_eq!(all.messages.len(), 2, "{names:?}");
    assert!(names.contains(&"Lieferanten/Müller & Söhne") && names.contains(&"Angebote \"2021\""), "{names:?}");
    let named = ImapSettings { mailboxes: vec!["Lieferanten/Müller & Söhne".into()], ..trusting(&dovecot, Security::Implicit) };
    assert_eq!(scan(&source(named), &Memory::default()).await.messages.len(), 1);
}

#[tokio::test]
async fn junk_trash_and_drafts_are_left_out_unless_they_are_named() {
    let mut dovecot = Dovecot::start();
    for (number, mailbox) in (1..).zip(["INBOX", "Junk", "Trash", "Drafts"]) {
        dovecot.deliver("alice", mailbox, &mail(number));
    }
    let seen = scan(&alice(&dovecot), &Memory::default()).await;
    assert_eq!(seen.done, ["INBOX", "Sent"]);
    let named = ImapSettings { mailboxes: vec!["Junk".into(), "inbox".into()], ..trusting(&dovecot, Security::Implicit) };
    assert_eq!(scan(&source(named), &Memory::default()).await.done, ["INBOX", "Junk"]);
}

#[tokio::test]
async fn a_mailbox_that_does_not_exist_is_named_and_the_others_go_on() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("alice", "INBOX", &mail(1));
    let named = ImapSettings { mailboxes: vec!["Sent Itms".into(), "INBOX".into()], ..trusting(&dovecot, Security::Implicit) };
    let seen = scan(&source(named.clone()), &Memory::default()).await;
    assert_eq!(seen.messages.len(), 1);
    let error = &seen.failed["Sent Itms"];
    assert!(matches!(error, SourceError::Missing { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the mailbox Sent Itms does not exist; the nearest is Sent");
    let findings = source(named).check().await;
    assert_eq!(findings.iter().filter(|finding| finding.is_refused()).count(), 1, "{findings:?}");
}

#[tokio::test]
async fn passwords_of_any_characters_work() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("bob", "INBOX", &mail(1));
    let bob = |password: &str| {
        let settings = trusting(&dovecot, Security::Implicit);
        source(ImapSettings { username: "bob".into(), login: Login::Password(password.to_owned().into()), ..settings })
    };
    let seen = scan(&bob(Dovecot::BOBS_PASSWORD), &Memory::default()).await;
    seen.expect_clean();
    assert_eq!(seen.messages.len(), 1);
    let refused = scan(&bob("päss-wrong"), &Memory::default()).await;
    let error = refused.error();
    assert!(matches!(error, SourceError::Login { .. }), "{error:?}");
    assert!(!error.to_string().contains("päss-wrong"), "{error}");
    assert!(!format!("{:?}", bob("päss-wrong")).contains("päss-wrong"));
    let finding = bob("päss-wrong").check().await.pop().unwrap();
    assert_eq!(finding.subject, "source vendors: login");
    assert!(finding.is_refused());
}

#[tokio::test]
async fn passwords_of_any_characters_work_where_only_the_login_mechanism_is_offered() {
    let dovecot = Dovecot::start_with(Marked::Leaf, "auth_mechanisms = login\n");
    let settings = trusting(&dovecot, Security::None);
    let bob = ImapSettings {
        username: "bob".into(),
        login: Login::Password(Dovecot::BOBS_PASSWORD.to_owned().into()),
        ..settings.clone()
    };
    scan(&source(bob), &Memory::default()).await.expect_clean();
    scan(&source(settings), &Memory::default()).await.expect_clean();
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let dovecot = Dovecot::start();
    for security in [Security::Implicit, Security::StartTls] {
        let untrusting = ImapSettings { ca_file: None, ..trusting(&dovecot, security) };
        let seen = scan(&source(untrusting), &Memory::default()).await;
        assert!(matches!(seen.error(), SourceError::Tls { .. }), "{:?}", seen.error());
        assert!(seen.error().to_string().contains("goes into ca_file"), "{}", seen.error());
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_its_own_authority_however_it_is_marked() {
    for marked in [Marked::Leaf, Marked::Authority] {
        let dovecot = Dovecot::start_with(marked, "");
        scan(&alice(&dovecot), &Memory::default()).await.expect_clean();
        // "localhost" is in the certificate too, other names are not, whoever vouches for it.
        let named = ImapSettings { host: "localhost".into(), ..trusting(&dovecot, Security::Implicit) };
        scan(&source(named), &Memory::default()).await.expect_clean();
        let other =
            ImapSettings { host: "127.0.0.2".into(), port: relay(dovecot.imaps).await, ..trusting(&dovecot, Security::Implicit) };
        let seen = scan(&source(other), &Memory::default()).await;
        assert!(matches!(seen.error(), SourceError::Tls { .. }), "{marked:?}: {:?}", seen.error());
    }
}

/// A second way to a port, at an address that is not in the certificate.
async fn relay(port: u16) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let relay = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut from, _) = listener.accept().await.unwrap();
            let mut to = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::io::copy_bidirectional(&mut from, &mut to).await.ok();
        }
    });
    relay
}

#[tokio::test]
async fn tls_on_the_wrong_port_is_told_apart() {
    let dovecot = Dovecot::start();
    let plain_port = ImapSettings { port: dovecot.imap, ..trusting(&dovecot, Security::Implicit) };
    let error = scan(&source(plain_port), &Memory::default()).await;
    assert!(error.error().to_string().contains("does not speak TLS"), "{}", error.error());
}

#[tokio::test]
async fn files_that_the_server_cannot_read_are_unreadable_and_all_others_arrive() {
    // With sizes in their names the connection breaks over the messages, without over the sizes: Dovecot opens the file.
    for (suffix, locked) in [("", vec![13]), (",S=2000,W=2000", vec![13]), (",S=2000,W=2000", vec![1, 13, 14, 30])] {
        let mut dovecot = Dovecot::start();
        let memory = Memory::default();
        for uid in 1..=30 {
            let delivered = dovecot.deliver("alice", "INBOX", &mail(uid));
            if locked.contains(&uid) {
                let file = delivered.with_file_name(format!("{}{suffix}", delivered.file_name().unwrap().to_str().unwrap()));
                std::fs::rename(&delivered, &file).unwrap();
                dovecot.lock_up(&file);
            }
        }
        let seen = scan(&alice(&dovecot), &memory).await;
        assert!(matches!(seen.end, Some(Ok(()))) && seen.failed.is_empty(), "{:?} {:?}", seen.end, seen.failed);
        let unreadable: Vec<&str> = seen.unreadable.iter().map(|(position, _)| position.place.as_str()).collect();
        assert_eq!(unreadable.len(), locked.len(), "{unreadable:?}");
        assert!(locked.iter().zip(&unreadable).all(|(uid, place)| place.ends_with(&format!("/{uid:010}"))), "{unreadable:?}");
        assert!(seen.unreadable.iter().all(|(_, reason)| reason.contains("3 connections broke")), "{:?}", seen.unreadable);
        let others: Vec<u32> = (1..=30).filter(|uid| !locked.contains(uid)).collect();
        assert_eq!(seen.uids("INBOX"), others);
        assert!(others.iter().zip(&seen.messages).all(|(number, found)| found.raw == mail(*number)));
        assert_eq!(scan(&alice(&dovecot), &memory).await.messages.len(), 0);
    }
}

#[tokio::test]
async fn a_message_that_was_expunged_is_not_there_any_more() {
    let mut dovecot = Dovecot::start();
    (1..=5).for_each(|number| drop(dovecot.deliver("alice", "INBOX", &mail(number))));
    dovecot.doveadm(&["expunge", "-u", "alice", "mailbox", "INBOX", "uid", "2,5"]);
    let seen = scan(&alice(&dovecot), &Memory::default()).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 3, 4]);
}

#[tokio::test]
async fn check_counts_what_each_mailbox_holds() {
    let mut dovecot = Dovecot::start();
    (1..=3).for_each(|number| drop(dovecot.deliver("alice", "INBOX", &mail(number))));
    let findings = alice(&dovecot).check().await;
    let lines: Vec<(&str, &str)> = findings.iter().map(|finding| (finding.subject.as_str(), detail(finding))).collect();
    let login = format!("alice at 127.0.0.1:{}, TLS", dovecot.imaps);
    assert_eq!(
        lines,
        [
            ("source vendors: login", login.as_str()),
            ("source vendors: mailbox INBOX", "3 messages"),
            ("source vendors: mailbox Sent", "0 messages"),
            ("source vendors: left out", "Junk, Trash, Drafts"),
        ]
    );
}

fn detail(finding: &Finding) -> &str {
    let State::Fine { detail } = &finding.state else { panic!("{finding:?}") };
    detail
}

fn large_mail(bytes: u32) -> Vec<u8> {
    let mut raw = mail(bytes);
    // Lines that differ, so that a piece in the wrong place shows.
    for line in 0.. {
        if raw.len() >= bytes as usize {
            return raw;
        }
        raw.extend_from_slice(format!("{line:070}\r\n").as_bytes());
    }
    raw
}
