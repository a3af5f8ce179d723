//! Mailboxes, windows and checkpoints.

use std::time::Duration;

use mailferry::position::Checkpoint;
use mailferry::source::imap::Patience;
use mailferry::source::{Source as _, SourceError, outlet};

use super::super::{Memory, scan};
use super::{BODIES, bodies, examined, listed, logged_in, logged_out, plain, play, play_from, remembering, searched, sized};
use crate::support::scripted::Scripted;

#[tokio::test]
async fn a_plain_mailbox_is_read_with_these_commands_and_no_others() {
    let dialogue = listed()
        .and(examined(3))
        .and(searched("1:*", " 1 2 3"))
        .and(sized("1:3", &[1, 2, 3]))
        .and(bodies("1:3", &[1, 2, 3]))
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 2, 3]);
    assert_eq!(seen.messages[0].position.place, "7/0000000001");
    assert_eq!(seen.messages[2].checkpoint, Some(Checkpoint("{\"uid_validity\":7,\"uid\":3,\"internal_date\":1614585900}".into())));
    assert_eq!(seen.messages[0].internal_date.unwrap().to_rfc3339(), "2021-03-01T08:05:00+00:00");
}

#[tokio::test]
async fn goodbye_with_the_connection_left_open_is_an_end_too() {
    let first = listed().and(examined(1)).exchange("UID SEARCH UID 1:*", "* BYE maintenance\r\n").stays_open();
    let second = logged_in().and(examined(1)).and(searched("1:*", " 1")).and(sized("1:1", &[1])).and(bodies("1", &[1]));
    let seen = play(vec![first, second.and(logged_out())]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1]);
}

#[tokio::test]
async fn a_refused_search_is_not_an_empty_mailbox() {
    for refusal in ["{tag} NO cannot search\r\n", "{tag} BAD cannot parse\r\n"] {
        let refused = listed().and(examined(3)).exchange("UID SEARCH UID 1:*", refusal).exchange("UID FETCH 1:* (UID)", refusal);
        let seen = play(vec![refused.and(logged_out())]).await;
        assert!(seen.done.is_empty());
        assert!(seen.failed["INBOX"].to_string().contains("cannot"), "{:?}", seen.failed);
    }
}

#[tokio::test]
async fn a_server_that_does_not_search_is_asked_another_way() {
    let dialogue = listed()
        .and(examined(1))
        .exchange("UID SEARCH UID 1:*", "{tag} BAD cannot parse\r\n")
        .exchange("UID FETCH 1:* (UID)", "* 1 FETCH (UID 1)\r\n{tag} OK done\r\n")
        .and(sized("1:1", &[1]))
        .and(bodies("1", &[1]))
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1]);
}

#[tokio::test]
async fn a_closed_connection_is_not_an_empty_mailbox() {
    // async-imap reads this as a mailbox without UIDVALIDITY and without messages.
    let closed = || logged_in().client("EXAMINE \"INBOX\"");
    let server = Scripted::start(vec![listed().client("EXAMINE \"INBOX\""), closed(), closed()]).await;
    let patience = Patience { tries: 3, first_pause: Duration::from_millis(1), ..Patience::default() };
    let seen = scan(&plain(&server).with_patience(patience), &Memory::default()).await;
    server.finish().await;
    assert!(seen.done.is_empty());
    assert!(matches!(seen.failed["INBOX"], SourceError::Broken { .. }), "{:?}", seen.failed);
}

#[tokio::test]
async fn a_mailbox_without_uidvalidity_is_refused() {
    let opened = "* 3 EXISTS\r\n* OK [UIDNEXT 4] next\r\n{tag} OK opened\r\n";
    let seen = play(vec![listed().exchange("EXAMINE \"INBOX\"", opened).and(logged_out())]).await;
    assert!(seen.failed["INBOX"].to_string().contains("no UIDVALIDITY"), "{:?}", seen.failed);
    assert!(seen.messages.is_empty() && seen.done.is_empty());
}

#[tokio::test]
async fn a_mailbox_without_uidnext_is_read_to_its_end() {
    let opened = "* 2 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n{tag} OK opened\r\n";
    let dialogue = listed().exchange("EXAMINE \"INBOX\"", opened).and(searched("1:*", " 1 70000"));
    let dialogue = dialogue.and(sized("1:70000", &[1, 70000])).and(bodies("1,70000", &[1, 70000])).and(logged_out());
    let seen = play(vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 70000]);
}

#[tokio::test]
async fn the_echo_of_the_last_message_is_not_new() {
    let dialogue = listed().and(examined(1000)).and(searched("745:*", " 700")).and(logged_out());
    let seen = play_from(&remembering(1000), vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!((seen.messages.len(), seen.done.len()), (0, 1));
}

#[tokio::test]
async fn a_message_that_shows_up_late_below_the_checkpoint_is_sent() {
    let dialogue = listed().and(examined(1000)).and(searched("745:*", " 900"));
    let dialogue = dialogue.and(sized("900:900", &[900])).and(bodies("900", &[900])).and(logged_out());
    let seen = play_from(&remembering(1000), vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [900]);
    assert_eq!(seen.messages[0].checkpoint, Some(Checkpoint("{\"uid_validity\":7,\"uid\":1000}".into())));
}

#[tokio::test]
async fn a_server_that_counts_anew_under_the_same_uidvalidity_is_read_anew() {
    let dialogue = listed()
        .and(examined(2))
        .exchange("UID SEARCH UID 1000:*", "* SEARCH 2\r\n{tag} OK searched\r\n")
        .and(searched("1:*", " 1 2"))
        .and(sized("1:2", &[1, 2]))
        .and(bodies("1:2", &[1, 2]))
        .and(logged_out());
    let seen = play_from(&remembering(1000), vec![dialogue]).await;
    seen.expect_clean();
    let places: Vec<&str> = seen.messages.iter().map(|found| found.position.place.as_str()).collect();
    assert_eq!(places, ["7.1/0000000001", "7.1/0000000002"]);
}

#[tokio::test]
async fn a_uidnext_that_is_merely_wrong_is_not_believed() {
    let dialogue = listed().and(examined(2)).and(searched("1000:*", " 1000")).and(searched("745:*", " 1000 1001"));
    let dialogue = dialogue.and(sized("1000:1001", &[1000, 1001])).and(bodies("1000:1001", &[1000, 1001])).and(logged_out());
    let seen = play_from(&remembering(1000), vec![dialogue]).await;
    seen.expect_clean();
    assert!(seen.messages.iter().all(|found| found.position.place.starts_with("7/")));
}

#[tokio::test]
async fn a_throttled_account_is_waited_for() {
    // Microsoft 365.
    let throttled = "{tag} BAD Request is throttled. Suggested Backoff Time: 20 milliseconds\r\n";
    let dialogue = listed()
        .exchange("EXAMINE \"INBOX\"", throttled)
        .and(examined(1))
        .and(searched("1:*", " 1"))
        .and(sized("1:1", &[1]))
        .exchange(&format!("UID FETCH 1 {BODIES}"), throttled)
        .and(examined(1))
        .and(searched("1:*", " 1"))
        .and(sized("1:1", &[1]))
        .and(bodies("1", &[1]))
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1]);
}

#[tokio::test]
async fn a_scan_that_nobody_listens_to_stops() {
    let dialogue = listed().and(examined(1)).and(searched("1:*", " 1")).and(sized("1:1", &[1])).stays_open();
    let server = Scripted::start(vec![dialogue]).await;
    let (outlets, inlet) = outlet();
    drop(inlet);
    let end = plain(&server).scan(std::sync::Arc::new(Memory::default()), outlets(plain(&server).name().clone())).await;
    assert!(matches!(end, Err(SourceError::Stopped)), "{end:?}");
    server.finish().await;
}

#[tokio::test]
async fn the_other_mailboxes_go_on_where_one_fails() {
    let list =
        "* LIST () \"/\" INBOX\r\n* LIST (\\Noselect) \"/\" Clients\r\n* LIST () \"/\" \"Clients/Acme\"\r\n{tag} OK listed\r\n";
    let opened = "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n{tag} OK opened\r\n";
    let dialogue = logged_in()
        .exchange("LIST \"\" \"*\"", list)
        .exchange("EXAMINE \"INBOX\"", "{tag} NO [NONEXISTENT] no such mailbox\r\n")
        .exchange("EXAMINE \"Clients/Acme\"", opened)
        .and(searched("1:*", " 1"))
        .and(sized("1:1", &[1]))
        .and(bodies("1", &[1]))
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    assert!(matches!(seen.failed["INBOX"], SourceError::Missing { .. }), "{:?}", seen.failed);
    assert_eq!(seen.uids("Clients/Acme"), [1]);
}

#[tokio::test]
async fn what_nobody_could_begin_with_fails_too_once_no_connection_can_be_had() {
    let list = "* LIST () \"/\" INBOX\r\n* LIST () \"/\" Acme\r\n{tag} OK listed\r\n";
    let dialogue = logged_in().exchange("LIST \"\" \"*\"", list).client("EXAMINE \"INBOX\"");
    let server = Scripted::start(vec![dialogue]).await;
    let patience = Patience { tries: 3, first_pause: Duration::from_millis(1), ..Patience::default() };
    let seen = scan(&plain(&server).with_patience(patience), &Memory::default()).await;
    server.finish().await;
    let failed: Vec<&str> = seen.failed.keys().map(String::as_str).collect();
    assert_eq!(failed, ["Acme", "INBOX"]);
    assert!(seen.failed.values().all(|error| matches!(error, SourceError::Unreachable { .. })), "{:?}", seen.failed);
}
