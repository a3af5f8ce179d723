//! A server that fails at any byte or any command, once or always. Whatever it does, no message is missed and none comes
//! twice, a mailbox is only done when all of it was sent, and a run ends.

use std::collections::BTreeSet;
use std::time::Duration;

use mailferry::source::SourceError;
use mailferry::source::imap::{ImapSource, Patience, Security};

use super::{Memory, Seen, mail, scan, settings, source};
use crate::support::imap_server::{Fault, Office, Running};

const MESSAGES: [u32; 4] = [1, 2, 5, 9];

fn office() -> Office {
    Office::new(MESSAGES.into_iter().map(|uid| (uid, mail(uid))).collect())
}

fn hasty(server: &Running, tries: u32) -> ImapSource {
    let short = Duration::from_millis(400);
    let first_pause = Duration::from_millis(1);
    let patience =
        Patience { connect: short, login: short, answer: short, command: short, first_pause, tries, ..Patience::default() };
    source(settings(server.port, Security::None)).with_patience(patience)
}

/// The UIDs of what a scan sent.
fn sent(seen: &Seen) -> Vec<u32> {
    let uids = seen.uids("INBOX");
    assert!(seen.messages.iter().zip(&uids).all(|(found, uid)| found.raw == mail(*uid)));
    uids
}

/// Scans a failing server, then the same server without faults.
async fn scan_and_recover(faults: Vec<Fault>, tries: u32) -> (Seen, Seen) {
    let (first, second) = scan_office_and_recover(office(), faults, tries).await;
    assert!(sent(&first).is_sorted() && sent(&second).is_sorted());
    (first, second)
}

async fn scan_office_and_recover(office: Office, faults: Vec<Fault>, tries: u32) -> (Seen, Seen) {
    let server = Running::start(Office { faults: faults.clone(), ..office }).await;
    let memory = Memory::default();
    let first = scan(&hasty(&server, tries), &memory).await;
    server.change(|office| office.faults.clear());
    let second = scan(&hasty(&server, tries), &memory).await;
    second.expect_clean();
    // Only a whole mailbox is done, and the checkpoint has never passed what was not sent.
    let all = [sent(&first), sent(&second)].concat();
    let unreadable = first.unreadable.len();
    assert_eq!(all.len() + unreadable, MESSAGES.len(), "{faults:?}: {all:?}");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len() + unreadable, MESSAGES.len(), "{faults:?}");
    if !first.done.is_empty() {
        assert_eq!(second.messages.len(), 0, "{faults:?}: done, and there was more");
    }
    assert_eq!(first.done.is_empty(), first.failed.len() == 1 || first.end.as_ref().unwrap().is_err(), "{faults:?}");
    (first, second)
}

#[tokio::test]
async fn a_connection_that_is_cut_at_any_byte_is_gone_on_from() {
    let server = Running::start(office()).await;
    scan(&hasty(&server, 3), &Memory::default()).await.expect_clean();
    let (bytes, _) = server.seen(0);
    assert!(bytes > 1000, "{bytes}");
    let mut recovered = 0;
    for cut in 0..bytes {
        let (first, _) = scan_and_recover(vec![Fault::Cut(cut), Fault::None], 3).await;
        recovered += usize::from(first.end.as_ref().unwrap().is_ok());
    }
    // What breaks before the mailboxes are listed is an error of the whole; all else is recovered from in the same run.
    assert!(recovered > bytes * 3 / 4, "{recovered} of {bytes}");
}

#[tokio::test]
async fn a_connection_that_is_cut_over_messages_that_search_does_not_name_is_gone_on_from() {
    let office = || Office { hidden: vec![2, 9], ..office() };
    let server = Running::start(office()).await;
    scan(&hasty(&server, 3), &Memory::default()).await.expect_clean();
    let (bytes, _) = server.seen(0);
    for cut in (0..bytes).step_by(5) {
        scan_office_and_recover(office(), vec![Fault::Cut(cut), Fault::None], 3).await;
    }
}

/// What a server may say in place of its answer.
const ANSWERS: [&str; 9] = [
    "{tag} NO not now\r\n",
    "{tag} BAD what?\r\n",
    "* BYE going down\r\n",
    "",
    "\r\n",
    "Z9 OK an answer to nobody\r\n",
    "+ go on\r\n{tag} OK done\r\n",
    // Two lines that make imap-proto panic.
    "* OK [ALERT]\u{e9}\r\n{tag} OK done\r\n",
    "* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n{tag} OK done\r\n",
];

#[tokio::test]
async fn any_command_that_is_answered_otherwise_once_costs_no_message() {
    let server = Running::start(office()).await;
    scan(&hasty(&server, 3), &Memory::default()).await.expect_clean();
    let (_, commands) = server.seen(0);
    for command in 0..commands {
        for answer in ANSWERS {
            let fault = if answer.is_empty() { Fault::Silence(command) } else { Fault::Answer(command, answer) };
            scan_and_recover(vec![fault, Fault::None], 3).await;
        }
    }
}

#[tokio::test]
async fn any_command_that_is_always_answered_otherwise_ends_the_run_and_costs_no_message() {
    let server = Running::start(office()).await;
    scan(&hasty(&server, 2), &Memory::default()).await.expect_clean();
    let (_, commands) = server.seen(0);
    for command in 0..commands - 1 {
        for answer in ANSWERS.into_iter().filter(|answer| !answer.is_empty()) {
            scan_and_recover(vec![Fault::Answer(command, answer)], 2).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_at_any_command_is_not_waited_for_for_ever() {
    let server = Running::start(office()).await;
    scan(&hasty(&server, 2), &Memory::default()).await.expect_clean();
    let (_, commands) = server.seen(0);
    for command in 0..commands - 1 {
        let (first, _) = scan_and_recover(vec![Fault::Silence(command)], 2).await;
        let error = first.failed.values().next().or_else(|| first.end.as_ref().unwrap().as_ref().err());
        let Some(error) = error else {
            // Sizes are done without.
            assert_eq!(first.messages.len(), MESSAGES.len(), "command {command}");
            continue;
        };
        let words = error.to_string();
        assert!(words.contains("silent") || words.contains("no greeting") || words.contains("broke"), "{command}: {words}");
    }
}

#[tokio::test]
async fn a_server_that_never_finishes_the_tls_handshake_is_not_waited_for_for_ever() {
    for (security, faults) in
        [(Security::Implicit, Fault::Silence(0)), (Security::StartTls, Fault::Answer(1, "{tag} OK begin\r\n"))]
    {
        let server = Running::start(Office { faults: vec![faults], ..office() }).await;
        let patience = Patience { connect: Duration::from_millis(200), ..Patience::default() };
        let seen = scan(&source(settings(server.port, security)).with_patience(patience), &Memory::default()).await;
        assert!(matches!(seen.error(), SourceError::Unreachable { .. } | SourceError::Tls { .. }), "{:?}", seen.error());
    }
}

#[tokio::test]
async fn a_mailbox_that_is_numbered_anew_in_the_midst_is_read_anew() {
    let server = Running::start(office()).await;
    scan(&hasty(&server, 3), &Memory::default()).await.expect_clean();
    let (bytes, _) = server.seen(0);
    for cut in (600..bytes).step_by(50) {
        let server = Running::start(Office { faults: vec![Fault::Cut(cut), Fault::None], ..office() }).await;
        let memory = Memory::default();
        let watch = server.port;
        // Between the first connection and the next, the server gives all UIDs anew.
        let renumbered = async {
            while server.connections() == 0 || server.seen(0).0 < cut {
                tokio::task::yield_now().await;
            }
            server.change(|office| {
                office.uid_validity = 8;
                (1..).zip(&mut office.messages).for_each(|(uid, message)| message.0 = uid);
            });
        };
        let (seen, ()) = tokio::join!(scan_of(watch, &memory), renumbered);
        seen.expect_clean();
        if server.connections() == 1 {
            break; // It was cut after all was done.
        }
        let anew: Vec<&str> =
            seen.messages.iter().map(|found| found.position.place.as_str()).filter(|place| place.starts_with("8/")).collect();
        assert_eq!(anew, ["8/0000000001", "8/0000000002", "8/0000000003", "8/0000000004"], "cut at {cut}");
    }
}

async fn scan_of(port: u16, memory: &Memory) -> Seen {
    let patience = Patience { first_pause: Duration::from_millis(50), ..Patience::default() };
    scan(&source(settings(port, Security::None)).with_patience(patience), memory).await
}
