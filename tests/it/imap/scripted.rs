//! Against servers that misbehave byte by byte. Each test is a dialogue, and fails when either side leaves it.

use std::time::Duration;

use mailferry::position::Checkpoint;
use mailferry::source::imap::{ImapSettings, ImapSource, Patience, Security};
use mailferry::source::{Source as _, SourceError, outlet};

use super::{Memory, Seen, mail, scan, settings, source};
use crate::support::scripted::{Dialogue, Scripted};

const SIZES: &str = "(UID INTERNALDATE RFC822.SIZE)";
const BODIES: &str = "(UID BODY.PEEK[])";

fn logged_in() -> Dialogue {
    let capabilities = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n{tag} OK that is all\r\n";
    Dialogue::new()
        .server("* OK ready\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "{tag} OK welcome\r\n")
        .exchange("CAPABILITY", capabilities)
}

fn listed() -> Dialogue {
    logged_in().exchange("LIST \"\" \"*\"", "* LIST (\\HasNoChildren) \"/\" INBOX\r\n{tag} OK listed\r\n")
}

fn examined(messages: u32) -> Dialogue {
    let codes = format!("* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT {}] next\r\n", messages + 1);
    Dialogue::new().exchange("EXAMINE \"INBOX\"", format!("* {messages} EXISTS\r\n{codes}{{tag}} OK [READ-ONLY] opened\r\n"))
}

fn searched(window: &str, uids: &str) -> Dialogue {
    Dialogue::new().exchange(&format!("UID SEARCH UID {window}"), format!("* SEARCH{uids}\r\n{{tag}} OK searched\r\n"))
}

fn sized(range: &str, uids: &[u32]) -> Dialogue {
    let mut answer = String::new();
    for uid in uids {
        let size = mail(*uid).len();
        answer += &format!("* {uid} FETCH (RFC822.SIZE {size} UID {uid} INTERNALDATE \"01-Mar-2021 09:05:00 +0100\")\r\n");
    }
    Dialogue::new().exchange(&format!("UID FETCH {range} {SIZES}"), answer + "{tag} OK fetched\r\n")
}

/// A FETCH with the whole of message `uid`.
fn body(uid: u32) -> String {
    let raw = String::from_utf8(mail(uid)).unwrap();
    format!("* {uid} FETCH (UID {uid} BODY[] {{{}}}\r\n{raw})\r\n", raw.len())
}

fn bodies(set: &str, uids: &[u32]) -> Dialogue {
    let answer: String = uids.iter().map(|uid| body(*uid)).collect();
    Dialogue::new().exchange(&format!("UID FETCH {set} {BODIES}"), answer + "{tag} OK fetched\r\n")
}

fn logged_out() -> Dialogue {
    Dialogue::new().exchange("LOGOUT", "* BYE bye\r\n{tag} OK gone\r\n")
}

fn plain(server: &Scripted) -> ImapSource {
    source(settings(server.port, Security::None))
}

/// Plays the dialogues and returns what the scan sent.
async fn play(dialogues: Vec<Dialogue>) -> Seen {
    play_from(&Memory::default(), dialogues).await
}

async fn play_from(memory: &Memory, dialogues: Vec<Dialogue>) -> Seen {
    let server = Scripted::start(dialogues).await;
    let seen = scan(&plain(&server), memory).await;
    server.finish().await;
    seen
}

fn remembering(uid: u32) -> Memory {
    let memory = Memory::default();
    memory.keep("INBOX", None, Some(&Checkpoint(format!("{{\"uid_validity\":7,\"uid\":{uid}}}"))));
    memory
}

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
    assert_eq!(seen.messages[2].checkpoint, Some(Checkpoint("{\"uid_validity\":7,\"uid\":3}".into())));
    assert_eq!(seen.messages[0].internal_date.unwrap().to_rfc3339(), "2021-03-01T08:05:00+00:00");
}

#[tokio::test]
async fn a_connection_that_ends_within_a_message_goes_on_with_that_message() {
    let half = body(2).chars().take(120).collect::<String>();
    let first = listed().and(examined(3)).and(searched("1:*", " 1 2 3")).and(sized("1:3", &[1, 2, 3]));
    let first = first.exchange(&format!("UID FETCH 1:3 {BODIES}"), body(1) + &half);
    let second = logged_in().and(examined(3)).and(searched("2:*", " 2 3")).and(sized("2:3", &[2, 3]));
    let second = second.and(bodies("2", &[2])).and(bodies("3", &[3])).and(logged_out());
    let seen = play(vec![first, second]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 2, 3]);
    assert!((1..).zip(&seen.messages).all(|(number, found)| found.raw == mail(number)));
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
        let seen = play(vec![listed().and(examined(3)).exchange("UID SEARCH UID 1:*", refusal).and(logged_out())]).await;
        assert!(seen.done.is_empty());
        assert!(seen.failed["INBOX"].to_string().contains("cannot"), "{:?}", seen.failed);
    }
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
async fn answers_that_nobody_asked_for_are_tolerated() {
    let noise =
        "* 9 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n* 4 EXPUNGE\r\n* 5 EXISTS\r\n* OK Still here\r\n";
    let other = body(77);
    let sizes = format!("UID FETCH 1:2 {SIZES}");
    let dialogue = listed()
        .and(examined(2))
        .exchange("UID SEARCH UID 1:*", format!("{noise}* SEARCH 1\r\n* SEARCH 2\r\n{{tag}} OK done\r\n"))
        .exchange(
            &sizes,
            format!("{noise}* 1 FETCH (UID 1 RFC822.SIZE 9)\r\n* 2 FETCH (UID 2 RFC822.SIZE 9)\r\n{{tag}} OK done\r\n"),
        )
        .exchange(&format!("UID FETCH 1:2 {BODIES}"), format!("{noise}{}{other}{noise}{}{{tag}} OK done\r\n", body(2), body(1)))
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 2]);
    assert!((1..).zip(&seen.messages).all(|(number, found)| found.raw == mail(number)), "the announced sizes are wrong");
}

#[tokio::test]
async fn a_message_without_a_date_arrives_without_one() {
    // imap-proto panics on NIL: once over the sizes, once over the message; its neighbour keeps its date.
    let nil = "* 1 FETCH (UID 1 INTERNALDATE NIL RFC822.SIZE 9)\r\n";
    let piece = "BODY.PEEK[]<0.4194304>";
    let part = |uid: u32| body(uid).replace("BODY[]", "INTERNALDATE \"01-Mar-2021 09:05:00 +0100\" BODY[]<0>");
    let end = |uid: u32| format!("UID FETCH {uid} (UID BODY.PEEK[]<{}.4194304>)", mail(uid).len());
    let nothing = |uid: u32| format!("* {uid} FETCH (UID {uid} BODY[]<{}> {{0}}\r\n)\r\n{{tag}} OK done\r\n", mail(uid).len());
    let first = listed().and(examined(2)).and(searched("1:*", " 1 2")).exchange(&format!("UID FETCH 1:2 {SIZES}"), nil);
    let second = logged_in().and(examined(2)).and(searched("1:*", " 1 2"));
    let second = second.exchange(&format!("UID FETCH 1 (UID INTERNALDATE {piece})"), "* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n");
    let third = logged_in().and(examined(2)).and(searched("1:*", " 1 2"));
    let third = third
        .exchange(&format!("UID FETCH 1 (UID {piece})"), body(1).replace("BODY[]", "BODY[]<0>") + "{tag} OK done\r\n")
        .exchange(&end(1), nothing(1))
        .exchange(&format!("UID FETCH 2 (UID INTERNALDATE {piece})"), part(2) + "{tag} OK done\r\n")
        .exchange(&end(2), nothing(2))
        .and(logged_out());
    let seen = play(vec![first, second, third]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 2]);
    assert!((1..).zip(&seen.messages).all(|(number, found)| found.raw == mail(number)));
    let dated: Vec<bool> = seen.messages.iter().map(|found| found.internal_date.is_some()).collect();
    assert_eq!(dated, [false, true]);
}

#[tokio::test]
async fn a_message_that_is_left_out_and_not_listed_any_more_is_gone() {
    let dialogue = listed()
        .and(examined(3))
        .and(searched("1:*", " 1 2 3"))
        .and(sized("1:3", &[1, 2, 3]))
        .and(bodies("1:3", &[1, 3]))
        .and(bodies("2", &[]))
        .and(searched("2:2", ""))
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 3]);
}

#[tokio::test]
async fn a_message_that_is_left_out_and_still_listed_is_unreadable() {
    let again = || bodies("2", &[]).and(searched("2:2", " 2"));
    let dialogue = listed()
        .and(examined(3))
        .and(searched("1:*", " 1 2 3"))
        .and(sized("1:3", &[1, 2, 3]))
        .and(bodies("1:3", &[1, 3]))
        .and(again())
        .and(again())
        .and(again())
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    assert_eq!(seen.uids("INBOX"), [1, 3]);
    assert_eq!(seen.unreadable.len(), 1);
    assert_eq!(seen.unreadable[0].1, "asked for 3 times: the server lists it and sends no content");
    assert_eq!(seen.done, ["INBOX"]);
}

#[tokio::test]
async fn a_message_that_is_refused_for_ever_holds_up_nothing_else() {
    // Yahoo.
    let refusal = "{tag} NO [UNAVAILABLE] UID FETCH Server error while fetching messages\r\n";
    let again = || Dialogue::new().exchange(&format!("UID FETCH 1 {BODIES}"), refusal).and(searched("1:1", " 1"));
    let dialogue = listed()
        .and(examined(2))
        .and(searched("1:*", " 1 2"))
        .and(sized("1:2", &[1, 2]))
        .exchange(&format!("UID FETCH 1:2 {BODIES}"), refusal)
        .and(again())
        .and(again())
        .and(again())
        .and(bodies("2", &[2]))
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    assert_eq!(seen.uids("INBOX"), [2]);
    assert!(seen.unreadable[0].1.contains("Server error while fetching"), "{:?}", seen.unreadable);
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
async fn a_server_that_knows_no_offsets_sends_the_whole() {
    let dialogue = listed()
        .and(examined(1))
        .and(searched("1:*", " 1"))
        .exchange(&format!("UID FETCH 1:1 {SIZES}"), "* 1 FETCH (UID 1 RFC822.SIZE 5000000)\r\n{tag} OK done\r\n")
        .exchange("UID FETCH 1 (UID INTERNALDATE BODY.PEEK[]<0.4194304>)", body(1) + "{tag} OK done\r\n")
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    assert_eq!(seen.messages[0].raw, mail(1));
    assert_eq!(seen.messages[0].notes, [format!("the server announced 5000000 bytes and sent {}", mail(1).len())]);
}

#[tokio::test]
async fn a_message_beyond_all_bounds_is_listed_and_not_fetched() {
    let dialogue = listed()
        .and(examined(1))
        .and(searched("1:*", " 1"))
        .exchange(&format!("UID FETCH 1:1 {SIZES}"), "* 1 FETCH (UID 1 RFC822.SIZE 300000000)\r\n{tag} OK done\r\n")
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    assert!(seen.unreadable[0].1.contains("longer than"), "{:?}", seen.unreadable);
}

#[tokio::test]
async fn gibberish_instead_of_a_greeting_is_broken() {
    for gibberish in ["SSH-2.0-OpenSSH_9.2\r\n", "* 1 FETCH (UID 1)\r\n", "\u{16}\u{3}\u{1}\r\n", ""] {
        let seen = play(vec![Dialogue::new().server(gibberish)]).await;
        assert!(matches!(seen.error(), SourceError::Broken { .. }), "{gibberish:?}: {:?}", seen.error());
    }
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for_for_ever() {
    let patience = Patience { connect: Duration::from_millis(50), login: Duration::from_millis(500), ..Patience::default() };
    let server = Scripted::start(vec![Dialogue::new().stays_open()]).await;
    let seen = scan(&plain(&server).with_patience(patience), &Memory::default()).await;
    assert!(
        seen.error().to_string().contains("needs tls = \"implicit\"") || seen.error().to_string().contains("silent"),
        "{}",
        seen.error()
    );
    server.finish().await;
    let server = Scripted::start(vec![Dialogue::new().server("* OK ready\r\n").client("CAPABILITY").stays_open()]).await;
    let seen = scan(&plain(&server).with_patience(patience), &Memory::default()).await;
    assert!(matches!(seen.error(), SourceError::Broken { .. }), "{:?}", seen.error());
    server.finish().await;
}

#[tokio::test]
async fn a_refused_login_is_one_try_even_if_the_connection_stays_open() {
    let capabilities = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n{tag} OK that is all\r\n";
    let dialogue = Dialogue::new().server("* OK ready\r\n").exchange("CAPABILITY", capabilities);
    let dialogue =
        dialogue.exchange("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "{tag} NO [AUTHENTICATIONFAILED] no\r\n").stays_open();
    let seen = play(vec![dialogue]).await;
    assert_eq!(
        seen.error().to_string(),
        "127.0.0.1 refuses the login of alice: [AUTHENTICATIONFAILED] no; check username and password"
    );
}

#[tokio::test]
async fn a_busy_server_is_waited_for_and_is_not_a_wrong_password() {
    let capabilities = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n{tag} OK that is all\r\n";
    let busy = || {
        let dialogue = Dialogue::new().server("* OK ready\r\n").exchange("CAPABILITY", capabilities);
        dialogue.exchange("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "{tag} NO [UNAVAILABLE] try again later\r\n")
    };
    play(vec![busy(), busy(), listed().and(examined(0)).and(logged_out())]).await.expect_clean();
    let server = Scripted::start(vec![busy(), busy()]).await;
    let patience = Patience { tries: 2, first_pause: Duration::from_millis(1), ..Patience::default() };
    let seen = scan(&plain(&server).with_patience(patience), &Memory::default()).await;
    assert!(matches!(seen.error(), SourceError::Unreachable { .. }), "{:?}", seen.error());
    server.finish().await;
}

#[tokio::test]
async fn gmail_is_read_by_what_was_sent_and_all_mail() {
    let list = "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* LIST (\\HasNoChildren) \"/\" \"Label\"\r\n\
                * LIST (\\HasChildren \\Noselect) \"/\" \"[Gmail]\"\r\n* LIST (\\All \\HasNoChildren) \"/\" \"[Gmail]/All Mail\"\r\n\
                * LIST (\\Sent) \"/\" \"[Gmail]/Sent Mail\"\r\n* LIST (\\Important) \"/\" \"[Gmail]/Important\"\r\n{tag} OK listed\r\n";
    let opened = "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n{tag} OK opened\r\n";
    let capabilities = "* CAPABILITY IMAP4rev1 X-GM-EXT-1\r\n{tag} OK that is all\r\n";
    let dialogue = Dialogue::new()
        .server("* OK Gimap ready\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("LOGIN \"alice\" \"secret\"", "{tag} OK welcome\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("LIST \"\" \"*\"", list)
        .exchange("EXAMINE \"[Gmail]/Sent Mail\"", opened)
        .exchange("EXAMINE \"[Gmail]/All Mail\"", opened)
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.done, ["[Gmail]/Sent Mail", "[Gmail]/All Mail"]);
}

#[tokio::test]
async fn the_password_goes_in_a_literal_where_it_cannot_be_quoted() {
    let capabilities = "* CAPABILITY IMAP4rev1\r\n{tag} OK that is all\r\n";
    let dialogue = Dialogue::new()
        .server("* OK ready\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("LOGIN {5}", "+ go on\r\n")
        .continued("alice {8}")
        .server("* OK an answer in between\r\n+ go on\r\n")
        .continued("pässw\"d")
        .server("{tag} OK welcome\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("LIST \"\" \"*\"", "* LIST () \"/\" INBOX\r\n{tag} OK listed\r\n")
        .and(examined(0))
        .and(logged_out());
    let server = Scripted::start(vec![dialogue]).await;
    let settings = ImapSettings { password: "pässw\"d".to_owned().into(), ..settings(server.port, Security::None) };
    scan(&source(settings), &Memory::default()).await.expect_clean();
    server.finish().await;
}

#[tokio::test]
async fn plain_authentication_waits_for_the_challenge_without_sasl_ir() {
    let capabilities = "* CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED ID\r\n{tag} OK that is all\r\n";
    let id = format!("ID (\"name\" \"mailferry\" \"version\" \"{}\")", env!("CARGO_PKG_VERSION"));
    let dialogue = Dialogue::new()
        .server("* OK ready\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("AUTHENTICATE PLAIN", "+ \r\n")
        .continued("AGFsaWNlAHNlY3JldA==")
        .server("{tag} OK welcome\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange(&id, "* ID NIL\r\n{tag} OK pleased\r\n")
        .exchange("LIST \"\" \"*\"", "* LIST () \"/\" INBOX\r\n{tag} OK listed\r\n")
        .and(examined(0))
        .and(logged_out());
    play(vec![dialogue]).await.expect_clean();
}

#[tokio::test]
async fn without_starttls_no_password_is_sent() {
    let greetings = ["* OK ready\r\n", "* PREAUTH welcome back\r\n"];
    for greeting in greetings {
        let mut dialogue = Dialogue::new().server(greeting);
        if greeting.starts_with("* OK") {
            dialogue = dialogue.exchange("STARTTLS", "{tag} BAD unknown command\r\n");
        }
        let server = Scripted::start(vec![dialogue.stays_open()]).await;
        let seen = scan(&source(settings(server.port, Security::StartTls)), &Memory::default()).await;
        assert!(matches!(seen.error(), SourceError::Tls { .. }), "{:?}", seen.error());
        server.finish().await;
    }
    let elsewhere = ImapSettings { host: "192.0.2.1".into(), ..settings(143, Security::None) };
    let seen = scan(&source(elsewhere), &Memory::default()).await;
    assert!(matches!(seen.error(), SourceError::Tls { .. }), "{:?}", seen.error());
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
