//! Messages that are hard to get.

use super::super::mail;
use super::{BODIES, SIZES, bodies, body, examined, listed, logged_in, logged_out, play, searched, sized, still_listed};
use crate::support::scripted::Dialogue;

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
        .and(searched("2:2", " 1 3"))
        .and(logged_out());
    let seen = play(vec![dialogue]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 3]);
}

#[tokio::test]
async fn a_message_that_is_left_out_and_still_listed_is_unreadable() {
    let again = || bodies("2", &[]).and(still_listed(2));
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

/// What Courier sends for a message that is not there any more, in the place of that message.
#[tokio::test]
async fn a_stand_in_for_a_message_is_no_message() {
    let stand_in = "From: System Administrator <root@localhost>\r\nSubject: message unavailable\r\n\r\n\
                    This message is no longer available on the server.\r\n";
    let sent = |uid: u32| format!("* {uid} FETCH (UID {uid} BODY[] {{{}}}\r\n{stand_in})\r\n", stand_in.len());
    let again = || Dialogue::new().exchange(&format!("UID FETCH 2 {BODIES}"), sent(2) + "{tag} OK fetched\r\n");
    let begun = || {
        let begun = listed().and(examined(3)).and(searched("1:*", " 1 2 3")).and(sized("1:3", &[1, 2, 3]));
        begun.exchange(&format!("UID FETCH 1:3 {BODIES}"), body(1) + &sent(2) + &body(3) + "{tag} OK fetched\r\n").and(again())
    };
    let gone = begun().and(searched("2:2", " 2")).exchange("NOOP", "* 2 EXPUNGE\r\n{tag} OK\r\n").and(searched("2:2", ""));
    let seen = play(vec![gone.and(logged_out())]).await;
    seen.expect_clean();
    assert_eq!(seen.uids("INBOX"), [1, 3]);
    let there = begun().and(still_listed(2)).and(again()).and(still_listed(2)).and(again()).and(still_listed(2));
    let seen = play(vec![there.and(logged_out())]).await;
    assert_eq!((seen.uids("INBOX"), seen.unreadable.len()), (vec![1, 3], 1));
}

#[tokio::test]
async fn a_message_that_is_refused_for_ever_holds_up_nothing_else() {
    // Yahoo.
    let refusal = "{tag} NO [UNAVAILABLE] UID FETCH Server error while fetching messages\r\n";
    let again = || Dialogue::new().exchange(&format!("UID FETCH 1 {BODIES}"), refusal).and(still_listed(1));
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
async fn a_server_that_refuses_every_message_fails_the_mailbox_instead() {
    let uids: Vec<u32> = (1..=30).collect();
    let listed_uids: String = uids.iter().map(|uid| format!(" {uid}")).collect();
    let refusal = "{tag} NO no message for you today\r\n";
    let mut dialogue = listed().and(examined(30)).and(searched("1:*", &listed_uids)).and(sized("1:30", &uids));
    dialogue = dialogue.exchange(&format!("UID FETCH 1:30 {BODIES}"), refusal);
    for uid in 1..=21 {
        for _ in 0..3 {
            dialogue = dialogue.exchange(&format!("UID FETCH {uid} {BODIES}"), refusal);
            dialogue = dialogue.and(still_listed(uid));
        }
    }
    let seen = play(vec![dialogue.and(logged_out())]).await;
    assert_eq!(seen.unreadable.len(), 20);
    assert!(seen.failed["INBOX"].to_string().contains("no message for you"), "{:?}", seen.failed);
    assert!(seen.done.is_empty());
}

#[tokio::test]
async fn a_large_message_goes_on_at_the_piece_where_the_connection_broke() {
    let raw = "0123456789".repeat(500_000);
    let (beginning, rest) = raw.split_at(4_194_304);
    let size =
        format!("* 1 FETCH (UID 1 RFC822.SIZE {} INTERNALDATE \"01-Mar-2021 09:05:00 +0100\")\r\n{{tag}} OK done\r\n", raw.len());
    let piece = |offset: usize| format!("UID FETCH 1 (UID BODY.PEEK[]<{offset}.4194304>)");
    let part = |offset: usize, part: &str| format!("* 1 FETCH (UID 1 BODY[]<{offset}> {{{}}}\r\n{part})\r\n", part.len());
    let opened = || examined(1).and(searched("1:*", " 1")).exchange(&format!("UID FETCH 1:1 {SIZES}"), &size);
    let first = listed().and(opened()).exchange(&piece(0), part(0, beginning) + "{tag} OK done\r\n");
    let first = first.exchange(&piece(4_194_304), "* 1 FETCH (UID 1 BODY[]<4194304> {805696}\r\n4567");
    let second = logged_in().and(opened()).exchange(&piece(4_194_304), part(4_194_304, rest) + "{tag} OK done\r\n");
    let seen = play(vec![first, second.and(logged_out())]).await;
    seen.expect_clean();
    assert!(seen.messages[0].raw == raw.as_bytes(), "{} bytes", seen.messages[0].raw.len());
    assert!(seen.messages[0].internal_date.is_some());
}
