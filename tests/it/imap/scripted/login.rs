//! Greeting, TLS and login.

use std::time::Duration;

use mailferry::source::SourceError;
use mailferry::source::imap::{ImapSettings, Login, Patience, Security};

use super::super::{Memory, scan, settings, source};
use super::{examined, listed, logged_out, plain, play};
use crate::support::scripted::{Dialogue, Scripted};

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

/// Courier, where its monitor of files is not set up.
#[tokio::test]
async fn a_server_that_says_on_its_second_line_that_it_knows_us_is_shown_no_password() {
    let capabilities = "* CAPABILITY IMAP4rev1\r\n{tag} OK that is all\r\n";
    let known = Dialogue::new().server("* OK [ALERT] ask your administrator\r\n* PREAUTH ready\r\n");
    let listing = "* LIST () \"/\" INBOX\r\n{tag} OK listed\r\n";
    let dialogue = known.exchange("CAPABILITY", capabilities).exchange("LIST \"\" \"*\"", listing);
    play(vec![dialogue.and(examined(0)).and(logged_out())]).await.expect_clean();
}

/// RFC 9051 11.3: whoever can write into the connection could keep TLS from beginning by it.
#[tokio::test]
async fn a_server_that_knows_us_before_tls_began_is_refused() {
    for greeting in ["* PREAUTH ready\r\n", "* OK [ALERT] ask\r\n* PREAUTH ready\r\n"] {
        let mut dialogue = Dialogue::new().server(greeting);
        if greeting.contains("ALERT") {
            dialogue = dialogue.exchange("STARTTLS", "{tag} OK begin\r\n");
        }
        let server = Scripted::start(vec![dialogue.stays_open()]).await;
        let seen = scan(&source(settings(server.port, Security::StartTls)), &Memory::default()).await;
        assert!(matches!(seen.error(), SourceError::Tls { .. }), "{:?}", seen.error());
        assert!(seen.error().to_string().contains("skips the login"), "{}", seen.error());
        server.finish().await;
    }
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
    let settings = ImapSettings { login: Login::Password("pässw\"d".to_owned().into()), ..settings(server.port, Security::None) };
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
