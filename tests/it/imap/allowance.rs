//! What a provider allows for one day: used up, kept over restarts, gone on with; and answers that ask for patience.

use std::num::NonZero;
use std::path::Path;
use std::time::{Duration, Instant};

use mailferry::mail::id::Digest;
use mailferry::source::SourceError;
use mailferry::source::imap::{Allowed, Daily, ImapSettings, Patience, Security};

use super::follow::{Followed, NEVER};
use super::scripted::{bodies, body, examined, listed, logged_out, searched, sized};
use super::{Memory, mail, scan, settings, source};
use crate::support::dovecot::Dovecot;
use crate::support::imap_server::{Office, Running};
use crate::support::scripted::{Dialogue, Scripted};

fn bounded(port: u16, kept: &Path) -> ImapSettings {
    let daily = Some(Daily { megabytes: 1, kept: kept.to_owned() });
    ImapSettings { allowed: Allowed { daily, messages_per_second: None }, ..settings(port, Security::None) }
}

/// A mail of so many bytes at least, which differs for each number.
fn heavy(number: u32, bytes: usize) -> Vec<u8> {
    let mut raw = mail(number);
    let line = [vec![b'x'; 70], b"\r\n".to_vec()].concat();
    raw.extend(line.iter().cycle().take(bytes.div_ceil(line.len()) * line.len()));
    raw
}

#[tokio::test]
async fn a_source_whose_budget_is_used_up_rests_and_goes_on_the_next_day_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("vendors");
    // 250 mails of 10 kB, more than twice the budget. The last hundred are no history any more, and may use the whole of it.
    let server = Running::start(Office::new((1..=250).map(|uid| (uid, heavy(uid, 10_000))).collect())).await;
    let memory = Memory::default();
    let mut came = Vec::new();
    for day in 1.. {
        let seen = scan(&source(bounded(server.port, &kept)), &memory).await;
        came.extend(seen.uids("INBOX"));
        if seen.failed.is_empty() {
            assert_eq!(seen.done, ["INBOX"]);
            assert!(day > 2, "all of it came in {day} days");
            break;
        }
        let error = &seen.failed["INBOX"];
        assert!(matches!(error, SourceError::Resting { .. }), "{error:?}");
        let words = error.to_string();
        assert!(words.starts_with("vendors rests until ") && words.contains("1 MB for one day are used"), "{words}");
        assert!((79..=100).contains(&seen.messages.len()), "{}", seen.messages.len());
        if came.len() < 150 {
            // Another run on the same day brings nothing: the file remembers.
            let again = scan(&source(bounded(server.port, &kept)), &memory).await;
            assert!(again.messages.is_empty() && !again.failed.is_empty());
        }
        // The day passes.
        let used: serde_json::Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
        std::fs::write(&kept, format!("{{\"day\":\"2021-03-01\",\"bytes\":{}}}", used["bytes"])).unwrap();
    }
    assert_eq!(came, (1..=250).collect::<Vec<u32>>());
}

#[tokio::test]
async fn what_arrives_in_a_mailbox_that_was_read_has_a_part_of_the_budget_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("vendors");
    let mut dovecot = Dovecot::start();
    dovecot.deliver("alice", "INBOX", &mail(1));
    (2..=150).for_each(|number| drop(dovecot.deliver("alice", "History", &heavy(number, 10_000))));
    let polling = Patience { poll: Duration::from_millis(200), list: NEVER, idle: NEVER, ..Patience::default() };
    let bounded = ImapSettings { max_connections: 3, ..bounded(dovecot.imap, &kept) };
    let mut followed = Followed::start(source(bounded).with_patience(polling));
    followed
        .until("the history rests", |_, said| said.troubles.lock().unwrap().iter().any(|why| why.contains("rests until")))
        .await;
    assert!(followed.seen.messages.len() < 150 && followed.seen.failed.is_empty(), "{:?}", followed.seen.failed);
    dovecot.deliver("alice", "INBOX", &mail(1000));
    followed.until("what arrived came", |seen, _| seen.digests().contains(&Digest::of(&mail(1000)))).await;
    assert!(followed.troubles().iter().all(|why| why.starts_with("vendors rests until")), "{:?}", followed.troubles());
    followed.stop().await;
}

#[tokio::test]
async fn messages_come_no_faster_than_is_allowed() {
    let server = Running::start(Office::new((1..=30).map(|uid| (uid, mail(uid))).collect())).await;
    let allowed = Allowed { daily: None, messages_per_second: NonZero::new(20) };
    let begun = Instant::now();
    let seen = scan(&source(ImapSettings { allowed, ..settings(server.port, Security::None) }), &Memory::default()).await;
    seen.expect_clean();
    assert_eq!(seen.messages.len(), 30);
    assert!(begun.elapsed() >= Duration::from_secs(1), "twenty at once, the rest a second later: {:?}", begun.elapsed());
}

/// Microsoft 365. The pause that it asks for is longer than any other here.
const THROTTLED: &str = "{tag} BAD Request is throttled. Suggested Backoff Time: 700 milliseconds\r\n";

#[tokio::test]
async fn a_throttled_account_waits_as_long_as_it_is_told_whatever_the_command_was() {
    let capabilities = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n{tag} OK that is all\r\n";
    let greeted = || Dialogue::new().server("* OK ready\r\n").exchange("CAPABILITY", capabilities);
    let login = vec![
        greeted().exchange("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", THROTTLED),
        listed().and(examined(1)).and(searched("1:*", " 1")).and(sized("1:1", &[1])).and(bodies("1", &[1])).and(logged_out()),
    ];
    let rest = || searched("1:*", " 1").and(sized("1:1", &[1])).and(bodies("1", &[1])).and(logged_out());
    let list = vec![listed_throttled(), listed().and(examined(1)).and(rest())];
    let examine = vec![listed().exchange("EXAMINE \"INBOX\"", THROTTLED).and(examined(1)).and(rest())];
    let begun = || listed().and(examined(1));
    let search = vec![begun().exchange("UID SEARCH UID 1:*", THROTTLED).and(examined(1)).and(rest())];
    let sizes = vec![
        begun()
            .and(searched("1:*", " 1"))
            .exchange("UID FETCH 1:1 (UID INTERNALDATE RFC822.SIZE)", THROTTLED)
            .and(examined(1))
            .and(rest()),
    ];
    let fetch = vec![
        begun()
            .and(searched("1:*", " 1"))
            .and(sized("1:1", &[1]))
            .exchange("UID FETCH 1 (UID BODY.PEEK[])", THROTTLED)
            .and(examined(1))
            .and(rest()),
    ];
    // What came of a batch before it was throttled is not asked for again.
    let within = vec![
        listed()
            .and(examined(2))
            .and(searched("1:*", " 1 2"))
            .and(sized("1:2", &[1, 2]))
            .exchange("UID FETCH 1:2 (UID BODY.PEEK[])", body(1) + THROTTLED)
            .and(examined(2))
            .and(searched("2:*", " 2"))
            .and(sized("2:2", &[2]))
            .and(bodies("2", &[2]))
            .and(logged_out()),
    ];
    let all = [("login", login), ("list", list), ("examine", examine), ("search", search), ("sizes", sizes), ("fetch", fetch)];
    for (what, dialogues) in all.into_iter().chain([("within", within)]) {
        let server = Scripted::start(dialogues).await;
        let begun = Instant::now();
        let seen = scan(&source(settings(server.port, Security::None)), &Memory::default()).await;
        server.finish().await;
        seen.expect_clean();
        assert_eq!(seen.messages.len(), if what == "within" { 2 } else { 1 }, "{what}");
        assert!(begun.elapsed() >= Duration::from_millis(700), "{what}: it waited {:?}", begun.elapsed());
    }
}

fn listed_throttled() -> Dialogue {
    super::scripted::logged_in().exchange("LIST \"\" \"*\"", THROTTLED)
}
