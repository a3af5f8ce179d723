//! Compressed connections (COMPRESS=DEFLATE, RFC 4978): against real servers that can, one that cannot, and such as misbehave.

use mailferry::finding::State;
use mailferry::mail::id::Digest;
use mailferry::source::Source as _;
use mailferry::source::imap::{Compression, ImapSettings, Security};

use super::dovecot::trusting;
use super::follow::{Followed, pushed};
use super::scripted::{bodies, body, examined, logged_out, searched, sized};
use super::{Memory, Seen, mail, scan, settings, source};
use crate::support::courier::Courier;
use crate::support::cyrus::Cyrus;
use crate::support::dovecot::{Dovecot, Marked};
use crate::support::mail_server::MailServer;
use crate::support::meter::Meter;
use crate::support::scripted::{Dialogue, Scripted};

fn dovecot() -> Dovecot {
    Dovecot::start_with(Marked::Leaf, "mail_plugins = zlib\nprotocol imap {\n  mail_plugins = zlib imap_zlib\n}\n")
}

fn compressed(settings: ImapSettings) -> ImapSettings {
    ImapSettings { compression: Compression::WhereOffered, ..settings }
}

/// Lines that differ and yet compress.
fn long_mail(number: u32, lines: u32) -> Vec<u8> {
    let mut raw = mail(number);
    (0..lines).for_each(|line| raw.extend(format!("{line:070}\r\n").into_bytes()));
    raw
}

/// An attachment of bytes without any order, as those of archives and pictures are.
fn noisy_mail(number: u32, lines: u32) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut raw = mail(number);
    for _ in 0..lines {
        raw.extend((0..76).map(|_| random.alphanumeric() as u8));
        raw.extend(b"\r\n");
    }
    raw
}

/// What a scan brings, and the bytes that it takes on the wire.
async fn metered(settings: ImapSettings) -> (Seen, u64) {
    let meter = Meter::start(settings.port).await;
    let seen = scan(&source(ImapSettings { port: meter.port, ..settings }), &Memory::default()).await;
    seen.expect_clean();
    (seen, meter.received())
}

/// What `check` says of the login.
async fn login(settings: ImapSettings) -> String {
    let finding = source(settings).check().await.remove(0);
    let State::Fine { detail } = finding.state else { panic!("{finding:?}") };
    detail
}

#[tokio::test]
async fn a_history_arrives_byte_for_byte_in_a_fraction_of_the_bytes_over_each_kind_of_connection() {
    let mut dovecot = dovecot();
    let mut mails: Vec<Vec<u8>> = (1..=200).map(mail).collect();
    mails.extend([long_mail(201, 90_000), long_mail(202, 20_000), noisy_mail(203, 1_000)]);
    mails.iter().for_each(|raw| drop(dovecot.deliver("alice", "INBOX", raw)));
    for security in [Security::Implicit, Security::StartTls, Security::None] {
        let plain = trusting(&dovecot, security);
        let (_, usual) = metered(plain.clone()).await;
        let (seen, fewer) = metered(compressed(plain.clone())).await;
        assert_eq!(seen.uids("INBOX"), (1..=203).collect::<Vec<u32>>(), "{security:?}");
        assert!(mails.iter().zip(&seen.messages).all(|(raw, found)| found.raw == *raw), "{security:?}");
        assert!(fewer * 4 < usual, "{security:?}: {fewer} of {usual} bytes");
        let login = login(compressed(plain)).await;
        assert!(login.ends_with(", compressed"), "{login}");
    }
}

#[tokio::test]
async fn attachments_that_do_not_compress_arrive_whole() {
    let mut dovecot = dovecot();
    let mails = [noisy_mail(1, 100_000), mail(2), noisy_mail(3, 10_000)];
    mails.iter().for_each(|raw| drop(dovecot.deliver("alice", "INBOX", raw)));
    let (seen, _) = metered(compressed(trusting(&dovecot, Security::Implicit))).await;
    assert!(mails.iter().zip(&seen.messages).all(|(raw, found)| found.raw == *raw));
    assert_eq!(seen.messages.len(), 3);
}

#[tokio::test]
async fn what_arrives_is_pushed_over_compressed_connections_and_over_a_restart() {
    let mut dovecot = dovecot();
    dovecot.deliver("alice", "INBOX", &mail(1));
    for security in [Security::Implicit, Security::StartTls] {
        let login = login(compressed(trusting(&dovecot, security))).await;
        assert!(login.ends_with("TLS, compressed"), "{login}");
    }
    let account = ImapSettings { max_connections: 2, ..compressed(trusting(&dovecot, Security::StartTls)) };
    let mut followed = Followed::start(pushed(account));
    followed.until_count(1).await;
    followed.until_caught_up().await;
    for number in 2..=4 {
        dovecot.deliver("alice", "INBOX", &mail(number));
        followed.until_count(number as usize).await;
    }
    assert_eq!(followed.troubles(), Vec::<String>::new());
    dovecot.restart();
    dovecot.deliver("alice", "INBOX", &long_mail(5, 70_000));
    followed.until_count(5).await;
    followed.until_caught_up().await;
    dovecot.deliver("alice", "INBOX", &mail(6));
    followed.until_count(6).await;
    followed.stop().await;
}

#[tokio::test]
async fn cyrus_compresses_too() {
    let cyrus = Cyrus::start();
    let mut client = cyrus.client();
    let mails: Vec<Vec<u8>> = (1..=30).map(mail).chain([long_mail(31, 70_000)]).collect();
    mails.iter().for_each(|raw| client.append("INBOX", "", raw));
    for security in [Security::StartTls, Security::None] {
        let ca_file = cyrus.certificate().filter(|_| security == Security::StartTls);
        let plain = ImapSettings { ca_file, ..settings(cyrus.port(), security) };
        let (_, usual) = metered(plain.clone()).await;
        let (seen, fewer) = metered(compressed(plain.clone())).await;
        assert_eq!(seen.digests(), mails.iter().map(|raw| Digest::of(raw)).collect());
        assert!(fewer * 4 < usual, "{security:?}: {fewer} of {usual} bytes");
        let mut followed = Followed::start(pushed(compressed(plain)));
        followed.until_caught_up().await;
        let count = followed.seen.messages.len();
        client.append("INBOX", "", &mail(100 + count as u32));
        followed.until_count(count + 1).await;
        assert_eq!(followed.troubles(), Vec::<String>::new());
        followed.stop().await;
        client.expunge("INBOX", count as u32 + 1);
    }
}

#[tokio::test]
async fn all_goes_on_without_where_the_server_cannot() {
    let courier = Courier::start();
    let mut client = courier.client();
    (1..=3).for_each(|number| client.append("INBOX", "", &mail(number)));
    let wanted = compressed(settings(courier.port(), Security::None));
    let (seen, _) = metered(wanted.clone()).await;
    assert_eq!(seen.messages.len(), 3);
    let login = login(wanted).await;
    assert!(login.ends_with(", not compressed: the server does not offer it"), "{login}");
}

/// Up to COMPRESS, which the server has yet to answer.
fn asked() -> Dialogue {
    let offered = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR COMPRESS=DEFLATE\r\n{tag} OK that is all\r\n";
    Dialogue::new()
        .server("* OK ready\r\n")
        .exchange("CAPABILITY", offered)
        .exchange("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "{tag} OK welcome\r\n")
        .exchange("CAPABILITY", offered)
        .client("COMPRESS DEFLATE")
}

fn granted() -> Dialogue {
    asked().deflated("* OK a word before\r\n{tag} OK compressed\r\n", "")
}

fn listed() -> Dialogue {
    Dialogue::new().exchange("LIST \"\" \"*\"", "* LIST (\\HasNoChildren) \"/\" INBOX\r\n{tag} OK listed\r\n")
}

fn two_messages() -> Dialogue {
    examined(2).and(searched("1:*", " 1 2")).and(sized("1:2", &[1, 2])).and(bodies("1:2", &[1, 2])).and(logged_out())
}

async fn play(dialogues: Vec<Dialogue>) -> Seen {
    let server = Scripted::start(dialogues).await;
    let seen = scan(&source(compressed(settings(server.port, Security::None))), &Memory::default()).await;
    server.finish().await;
    seen
}

#[tokio::test]
async fn a_refusal_changes_nothing() {
    for refusal in ["{tag} NO [COMPRESSIONACTIVE] TLS compresses\r\n", "{tag} BAD what?\r\n", "* OK a word\r\n{tag} NO not now\r\n"]
    {
        let seen = play(vec![asked().server(refusal).and(listed()).and(two_messages())]).await;
        seen.expect_clean();
        assert_eq!(seen.uids("INBOX"), [1, 2], "{refusal}");
    }
}

#[tokio::test]
async fn what_a_server_offers_is_not_asked_for_unless_it_is_wanted() {
    let offered = "* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE\r\n{tag} OK that is all\r\n";
    let dialogue = Dialogue::new().server("* PREAUTH ready\r\n").exchange("CAPABILITY", offered);
    let server = Scripted::start(vec![dialogue.and(listed()).and(two_messages())]).await;
    let seen = scan(&source(settings(server.port, Security::None)), &Memory::default()).await;
    server.finish().await;
    seen.expect_clean();
    assert_eq!(seen.messages.len(), 2);
}

#[tokio::test]
async fn what_a_server_says_in_the_packet_of_its_ok_is_heard() {
    // The answer to LIST comes before LIST does, and never again.
    let early = asked().deflated("{tag} OK compressed\r\n", "* LIST (\\HasNoChildren) \"/\" INBOX\r\n");
    let seen = play(vec![early.exchange("LIST \"\" \"*\"", "{tag} OK listed\r\n").and(two_messages())]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 2]);
}

#[tokio::test]
async fn a_message_that_inflates_without_end_is_unreadable_and_holds_up_nothing_else() {
    let begun = |first: bool| {
        let begun = if first { granted().and(listed()) } else { granted() };
        begun.and(examined(2)).and(searched("1:*", " 1 2")).and(sized("1:2", &[1, 2]))
    };
    let literal = "* 1 FETCH (UID 1 BODY[] {400000000}\r\n";
    let blown = |set: &str| Dialogue::new().exchange(&format!("UID FETCH {set} (UID BODY.PEEK[])"), literal).endless();
    let rest = granted().and(examined(2)).and(searched("2:*", " 2")).and(sized("2:2", &[2])).and(bodies("2", &[2]));
    let again = || begun(false).and(blown("1"));
    let seen = play(vec![begun(true).and(blown("1:2")), again(), again(), again(), rest.and(logged_out())]).await;
    assert!(seen.failed.is_empty() && matches!(seen.end, Some(Ok(()))), "{:?} {:?}", seen.failed, seen.end);
    assert_eq!(seen.uids("INBOX"), [2]);
    let (_, why) = &seen.unreadable[0];
    assert!(why.ends_with("the server answered one command by more than 269484032 bytes"), "{why}");
}

#[tokio::test]
async fn what_breaks_the_stream_ends_the_connection_and_loses_nothing() {
    let broken = granted().and(listed()).and(examined(2)).client("UID SEARCH UID 1:*");
    // A server that forgets that it compresses.
    let broken = broken.forgets(&body(1));
    let seen = play(vec![broken, granted().and(two_messages())]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 2]);
}
