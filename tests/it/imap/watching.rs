//! Waiting for a mailbox to change.

use std::time::Duration;

use mailferry::position::Checkpoint;
use mailferry::source::imap::{ImapSource, Patience, Security, Watched};
use mailferry::source::{Known as _, SourceError};

use super::dovecot::{alice, trusting};
use super::scripted::{examined, logged_out, searched};
use super::{Memory, mail, scan, settings, source};
use crate::support::dovecot::Dovecot;
use crate::support::scripted::{Dialogue, Scripted};

/// Far more than a test should take.
const LONG: Duration = Duration::from_secs(60);

fn ready() -> Dialogue {
    let capabilities = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE\r\n{tag} OK that is all\r\n";
    Dialogue::new()
        .server("* OK ready\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "{tag} OK welcome\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("LIST \"\" \"*\"", "* LIST () \"/\" INBOX\r\n{tag} OK listed\r\n")
}

fn idle(answer: &str) -> Dialogue {
    Dialogue::new().exchange("IDLE", answer)
}

fn done(answer: &str) -> Dialogue {
    Dialogue::new().continued("DONE").server(answer)
}

fn asked(answer: &str) -> Dialogue {
    Dialogue::new().exchange("NOOP", format!("{answer}{{tag}} OK that is all\r\n"))
}

fn at(uid: u32) -> Checkpoint {
    Checkpoint(format!("{{\"uid_validity\":7,\"uid\":{uid}}}"))
}

/// A source that begins IDLE anew after 100 ms and waits for no answer longer than 400 ms.
fn brisk(server: &Scripted) -> ImapSource {
    let short = Duration::from_millis(400);
    let patience = Patience { login: short, answer: short, idle: Duration::from_millis(100), ..Patience::default() };
    source(settings(server.port, Security::None)).with_patience(patience)
}

/// Watches INBOX from a checkpoint on, and says how it ended.
async fn watch(dialogue: Dialogue, checkpoint: &Checkpoint, limit: Duration) -> Result<Watched, String> {
    let server = Scripted::start(vec![dialogue]).await;
    let mut watcher = brisk(&server).watcher("INBOX").await.unwrap();
    let watched = watcher.watch(Some(checkpoint), limit).await.map_err(|error| error.to_string());
    if watched.is_ok() {
        watcher.close().await;
    } else {
        drop(watcher);
    }
    server.finish().await;
    watched
}

#[tokio::test]
async fn an_arrival_ends_the_wait() {
    let dialogue = ready().and(examined(3)).and(idle("+ idling\r\n* OK Still here\r\n* 3 EXISTS\r\n* 4 EXISTS\r\n* 1 RECENT\r\n"));
    let dialogue = dialogue.and(done("{tag} OK idled\r\n")).and(logged_out());
    assert_eq!(watch(dialogue, &at(3), LONG).await, Ok(Watched::Changed));
}

#[tokio::test]
async fn what_is_there_already_is_not_waited_for() {
    let dialogue = ready().and(examined(4)).and(searched("4:*", " 4")).and(logged_out());
    assert_eq!(watch(dialogue, &at(3), LONG).await, Ok(Watched::Changed));
}

#[tokio::test]
async fn a_uidnext_far_ahead_is_no_arrival() {
    // Gmail and Yahoo.
    let opened = "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT 900] next\r\n{tag} OK opened\r\n";
    let dialogue = ready().exchange("EXAMINE \"INBOX\"", opened).and(searched("4:*", " 3")).and(idle("+ idling\r\n* 4 EXISTS\r\n"));
    let dialogue = dialogue.and(done("{tag} OK idled\r\n")).and(logged_out());
    assert_eq!(watch(dialogue, &at(3), LONG).await, Ok(Watched::Changed));
}

#[tokio::test]
async fn an_arrival_before_the_continuation_is_not_missed() {
    let dialogue = ready().and(examined(3)).and(idle("* 4 EXISTS\r\n+ idling\r\n"));
    let dialogue = dialogue.and(done("{tag} OK idled\r\n")).and(logged_out());
    assert_eq!(watch(dialogue, &at(3), LONG).await, Ok(Watched::Changed));
}

#[tokio::test]
async fn a_deaf_idle_is_found_out_by_asking_after_each_round() {
    // Office 365 after an hour or two.
    let deaf = || idle("+ idling\r\n").and(done("{tag} OK idled\r\n"));
    let dialogue = ready().and(examined(3)).and(deaf()).and(asked("")).and(deaf()).and(asked("* 4 EXISTS\r\n")).and(logged_out());
    assert_eq!(watch(dialogue, &at(3), LONG).await, Ok(Watched::Changed));
}

#[tokio::test]
async fn what_is_expunged_is_no_arrival() {
    let dialogue = ready().and(examined(3)).and(idle("+ idling\r\n* 1 EXPUNGE\r\n* 2 EXISTS\r\n"));
    let dialogue = dialogue.and(done("{tag} OK idled\r\n")).and(asked("* 1 EXPUNGE\r\n* 1 EXISTS\r\n")).and(logged_out());
    assert_eq!(watch(dialogue, &at(3), Duration::from_millis(50)).await, Ok(Watched::TimedOut));
}

#[tokio::test]
async fn goodbye_a_closed_connection_refusals_and_silence_are_failures() {
    let cases = [
        (idle("+ idling\r\n* BYE Server shutting down.\r\n"), "ended the connection"),
        (idle("+ idling\r\n"), "closed the connection"),
        (idle("{tag} NO not today\r\n"), "refuses: not today"),
        (idle("{tag} BAD what?\r\n"), "does not accept"),
        (idle("{tag} OK idled\r\n"), "before it begins"),
        (idle("").and(Dialogue::new().stays_open()), "silent"),
        (idle("+ idling\r\n").continued("DONE").stays_open(), "silent"),
        (idle("+ idling\r\n* 4 EXISTS\r\n").continued("DONE").server("{tag} NO too late\r\n"), "refuses: too late"),
        (idle("+ idling\r\n* OK [ALERT]\u{e9}\r\n"), "cannot be understood"),
    ];
    for (dialogue, words) in cases {
        let error = watch(ready().and(examined(3)).and(dialogue), &at(3), LONG).await.unwrap_err();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[tokio::test]
async fn a_server_without_idle_says_so() {
    let server = Scripted::start(vec![super::scripted::listed()]).await;
    let error = brisk(&server).watcher("INBOX").await.err().unwrap();
    assert!(error.to_string().contains("offers no IDLE"), "{error}");
    server.finish().await;
}

#[tokio::test]
async fn mail_that_is_delivered_to_a_real_server_is_noticed() {
    let mut dovecot = Dovecot::start();
    let memory = Memory::default();
    dovecot.deliver("alice", "INBOX", &mail(1));
    scan(&alice(&dovecot), &memory).await.expect_clean();
    let mut watcher = alice(&dovecot).watcher("INBOX").await.unwrap();
    let checkpoint = memory.checkpoint("INBOX").unwrap();
    assert_eq!(watcher.watch(Some(&checkpoint), Duration::from_millis(50)).await.unwrap(), Watched::TimedOut);
    let (watched, ()) =
        tokio::join!(watcher.watch(Some(&checkpoint), LONG), async { drop(dovecot.deliver("alice", "INBOX", &mail(2))) });
    assert_eq!(watched.unwrap(), Watched::Changed);
    assert_eq!(watcher.watch(Some(&checkpoint), LONG).await.unwrap(), Watched::Changed, "until it is read");
    scan(&alice(&dovecot), &memory).await.expect_clean();
    let checkpoint = memory.checkpoint("INBOX").unwrap();
    dovecot.doveadm(&["kick", "alice"]);
    assert!(matches!(watcher.watch(Some(&checkpoint), LONG).await, Err(SourceError::Broken { .. })));
    let flags = dovecot.flags("alice", "INBOX");
    assert!(!flags.contains("\\Seen"), "{flags}");
    let missing = source(trusting(&dovecot, Security::Implicit)).watcher("Nowhere").await.err().unwrap();
    assert!(matches!(missing, SourceError::Missing { .. }), "{missing:?}");
}
