//! The same tests over each of three real servers: Dovecot, Cyrus, and Courier, which skips the login.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use mailferry::mail::id::Digest;
use mailferry::source::Source as _;
use mailferry::source::imap::{ImapSettings, ImapSource, Patience, Security};

use super::follow::Followed;
use super::{Memory, mail, scan_counted as scan, settings, source};
use crate::support::courier::Courier;
use crate::support::cyrus::Cyrus;
use crate::support::dovecot::Dovecot;
use crate::support::mail_server::{Client, MailServer};
use crate::support::relay::Relay;

/// Makes a test of each of these for each server.
macro_rules! over_each_server {
    ($($scene:ident),* $(,)?) => {
        over_each_server!(@ dovecot Dovecot $($scene)*);
        over_each_server!(@ cyrus Cyrus $($scene)*);
        over_each_server!(@ courier Courier $($scene)*);
    };
    (@ $module:ident $server:ident $($scene:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $scene() {
                super::$scene(super::$server::start()).await;
            })*
        }
    };
}

over_each_server!(
    a_backfill_brings_everything_and_changes_nothing,
    what_arrives_is_followed_over_a_restart,
    a_uidvalidity_that_changes_under_way_is_read_anew,
    a_mailbox_that_is_deleted_and_made_anew_under_way_loses_nothing,
    a_message_that_is_expunged_before_it_is_fetched_is_no_trouble,
);

fn settings_of(server: &impl MailServer, security: Security) -> ImapSettings {
    let ca_file = server.certificate().filter(|_| security != Security::None);
    ImapSettings { ca_file, max_connections: 2, ..settings(server.port(), security) }
}

/// One that hears of everything by IDLE, and finds out within a second what a server does not tell by it.
fn quick(settings: ImapSettings) -> ImapSource {
    let patience = Patience {
        first_pause: Duration::from_millis(1),
        poll: Duration::from_millis(200),
        list: Duration::from_millis(200),
        idle: Duration::from_secs(1),
        ..Patience::default()
    };
    source(settings).with_patience(patience)
}

/// The flags and keywords of the messages, as the server says them, and what its files hold.
fn state(server: &impl MailServer, mailboxes: &[&str]) -> (Vec<String>, BTreeMap<PathBuf, Digest>) {
    let mut client = server.client();
    (mailboxes.iter().map(|mailbox| client.flags(mailbox)).collect(), server.files())
}

async fn a_backfill_brings_everything_and_changes_nothing(server: impl MailServer) {
    let work = server.name_of("Work");
    let large = [mail(5), vec![b'x'; 70], b"\r\n0123456789".repeat(500_000), b"\r\n".to_vec()].concat();
    let mut client = server.client();
    client.create(&work);
    client.append("INBOX", "", &mail(1));
    client.append("INBOX", "\\Seen \\Flagged", &mail(2));
    client.append("INBOX", "Waiting $Forwarded", &mail(3));
    client.append(&work, "\\Answered Waiting", &mail(4));
    client.append(&work, "", &large);
    drop(client);
    let before = state(&server, &["INBOX", &work]);
    assert_eq!(before.0.concat().matches("Waiting").count(), 2, "{:?}", before.0);
    let ways: &[Security] = if server.certificate().is_some() { &[Security::StartTls, Security::None] } else { &[Security::None] };
    for security in ways {
        let (memory, source) = (Memory::default(), source(settings_of(&server, *security)));
        let seen = scan(&source, &memory).await;
        seen.expect_clean();
        assert_eq!((seen.uids("INBOX"), seen.uids(&work)), (vec![1, 2, 3], vec![1, 2]), "{security:?}");
        let expected = [mail(1), mail(2), mail(3), mail(4), large.clone()];
        assert_eq!(seen.digests(), expected.iter().map(|raw| Digest::of(raw)).collect());
        assert!(seen.messages.iter().all(|found| found.internal_date.is_some()));
        let again = scan(&source, &memory).await;
        again.expect_clean();
        assert_eq!(again.messages.len(), 0);
        assert!(source.check().await.iter().all(|finding| !finding.is_refused()));
    }
    assert_eq!(state(&server, &["INBOX", &work]), before);
}

async fn what_arrives_is_followed_over_a_restart(mut server: impl MailServer) {
    let work = server.name_of("Work");
    server.client().create(&work);
    server.client().append("INBOX", "", &mail(1));
    let mut followed = Followed::start(quick(settings_of(&server, Security::None)));
    followed.until_count(1).await;
    followed.until_caught_up().await;
    server.client().append("INBOX", "Waiting", &mail(2));
    followed.until_count(2).await;
    server.client().append(&work, "", &mail(3));
    followed.until_count(3).await;
    server.restart();
    let mut client = server.client();
    client.append(&work, "", &mail(4));
    client.append("INBOX", "", &mail(5));
    let before = client.flags("INBOX");
    followed.until_count(5).await;
    followed.until_caught_up().await;
    assert_eq!(followed.seen.digests(), (1..=5).map(|number| Digest::of(&mail(number))).collect());
    assert!(followed.seen.failed.is_empty() && followed.seen.unreadable.is_empty());
    assert_eq!(server.client().flags("INBOX"), before);
    followed.stop().await;
}

async fn a_uidvalidity_that_changes_under_way_is_read_anew(mut server: impl MailServer) {
    let mut client = server.client();
    client.append("INBOX", "", &mail(1));
    client.append("INBOX", "", &mail(2));
    let before = client.uid_validity("INBOX");
    drop(client);
    let mut followed = Followed::start(quick(settings_of(&server, Security::None)));
    followed.until_count(2).await;
    followed.until_caught_up().await;
    server.renumber("INBOX");
    server.client().append("INBOX", "", &mail(3));
    // Cyrus names its messages, so that those which were known are not downloaded again.
    followed.until("all came at their new places", |seen, _| seen.messages.len() + seen.copies.len() == 5).await;
    followed.until_caught_up().await;
    let now = server.client().uid_validity("INBOX");
    assert_ne!(now, before);
    let positions = followed.seen.messages.iter().map(|found| &found.position).chain(&followed.seen.copies);
    let places: BTreeSet<&str> = positions.map(|position| position.place.as_str()).collect();
    let expected = [(before, 1), (before, 2), (now, 1), (now, 2), (now, 3)].map(|(validity, uid)| format!("{validity}/{uid:010}"));
    assert_eq!(places, expected.iter().map(String::as_str).collect());
    followed.stop().await;
}

async fn a_mailbox_that_is_deleted_and_made_anew_under_way_loses_nothing(server: impl MailServer) {
    let work = server.name_of("Work");
    let mut client = server.client();
    client.create(&work);
    client.append(&work, "", &mail(1));
    let before = client.uid_validity(&work);
    let mut followed = Followed::start(quick(settings_of(&server, Security::None)));
    followed.until_count(1).await;
    followed.until_caught_up().await;
    make_anew(&mut client, &work, before);
    client.append(&work, "", &mail(2));
    followed.until("what is in the new one came", |seen, _| seen.digests().contains(&Digest::of(&mail(2)))).await;
    followed.until_caught_up().await;
    assert_eq!(followed.seen.uids(&work), [1, 1]);
    followed.stop().await;
}

#[tokio::test]
async fn copies_that_cyrus_names_alike_are_downloaded_once() {
    let cyrus = Cyrus::start();
    let mut client = cyrus.client();
    ["Sent", "Work"].iter().for_each(|mailbox| client.create(mailbox));
    ["INBOX", "Sent"].iter().for_each(|mailbox| client.append(mailbox, "", &mail(1)));
    client.append("INBOX", "", &mail(2));
    client.run("EXAMINE INBOX");
    client.run("UID COPY 1:2 Work");
    let one = ImapSettings { max_connections: 1, ..settings_of(&cyrus, Security::None) };
    let memory = Memory::default();
    let seen = scan(&source(one.clone()), &memory).await;
    seen.expect_clean();
    assert_eq!((seen.uids("INBOX"), seen.uids("Sent"), seen.uids("Work")), (vec![1, 2], vec![], vec![]));
    assert_eq!(seen.copies.len(), 3, "{:?}", seen.copies);
    // What only arrives in a known mailbox is downloaded, what was moved there is not.
    client.append("Work", "", &mail(3));
    client.run("EXAMINE Work");
    client.run("UID COPY 3 INBOX");
    let seen = scan(&source(one), &memory).await;
    seen.expect_clean();
    assert_eq!((seen.messages.len(), seen.copies.len()), (1, 1));
}

/// Until UIDVALIDITY is another: a server that takes the time for it needs a second to pass since the first.
fn make_anew(client: &mut Client, mailbox: &str, before: u32) {
    loop {
        client.delete(mailbox);
        client.create(mailbox);
        if client.uid_validity(mailbox) != before {
            return;
        }
    }
}

async fn a_message_that_is_expunged_before_it_is_fetched_is_no_trouble(server: impl MailServer) {
    let mut client = server.client();
    (1..=4).for_each(|number| client.append("INBOX", "", &mail(number)));
    drop(client);
    // The first is gone before its size is asked for, the second before the message itself.
    for (uid, words, left) in [(2, "RFC822.SIZE", vec![1, 3, 4]), (3, "BODY.PEEK", vec![1, 4])] {
        let mut client = server.client();
        let relay = Relay::start(server.port(), words, move || client.expunge("INBOX", uid)).await;
        let source = source(ImapSettings { port: relay.port, ..settings_of(&server, Security::None) });
        let seen = super::scan(&source, &Memory::default()).await;
        assert!(relay.is_done());
        seen.expect_clean();
        assert_eq!(seen.uids("INBOX"), left, "{words}");
    }
    let mut followed = Followed::start(quick(ImapSettings { max_connections: 1, ..settings_of(&server, Security::None) }));
    followed.until_count(2).await;
    followed.until_caught_up().await;
    let mut client = server.client();
    client.append("INBOX", "", &mail(5));
    client.expunge("INBOX", 5);
    client.append("INBOX", "", &mail(6));
    followed.until("the next one came", |seen, _| seen.digests().contains(&Digest::of(&mail(6)))).await;
    followed.until_caught_up().await;
    assert_eq!(followed.troubles(), Vec::<String>::new());
    followed.stop().await;
}
