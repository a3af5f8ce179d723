//! The mbox reader: all dialects, and all that goes wrong with them.

use std::io::Cursor;

use mailferry::source::{MboxEntry, MboxReader};

fn entries(mbox: impl AsRef<[u8]>) -> Vec<MboxEntry> {
    MboxReader::new(Cursor::new(mbox.as_ref())).collect::<Result<_, _>>().unwrap()
}

/// The messages of an mbox as text.
fn texts(mbox: impl AsRef<[u8]>) -> Vec<String> {
    let raw = |entry: MboxEntry| entry.raw.map_or_else(|reason| format!("!{reason}"), |raw| String::from_utf8(raw).unwrap());
    entries(mbox).into_iter().map(raw).collect()
}

const FROM: &str = "From ann@acme.example Mon Jan  6 09:00:00 2020\n";

mod dialects {
    use super::*;

    #[test]
    fn mboxrd_loses_one_mark_of_each_quoted_line() {
        let mbox = format!("{FROM}Subject: a\n\n>From here\n>>From there\n>From: no\nx >From y\n\n{FROM}Subject: b\n\nb\n");
        assert_eq!(texts(mbox), ["Subject: a\n\nFrom here\n>From there\n>From: no\nx >From y\n", "Subject: b\n\nb\n"]);
    }

    #[test]
    fn mboxcl2_keeps_the_lines_that_its_content_length_covers() {
        let body = "quoted:\n\nFrom bob@acme.example Mon Jan  6 09:00:00 2020\nSubject: inner\n\n>From x\n";
        let mbox = format!("{FROM}Content-Length: {}\n\n{body}\n{FROM}Subject: b\nContent-Length: 2\n\nb\n", body.len());
        let found = entries(&mbox);
        assert_eq!(
            texts(&mbox),
            [format!("Content-Length: {}\n\n{body}", body.len()), "Subject: b\nContent-Length: 2\n\nb\n".into()]
        );
        assert_eq!(found[0].notes, ["its Content-Length was believed over lines that begin with `From `"]);
        assert_eq!(found[1].notes, [""; 0]);
    }

    #[test]
    fn mboxcl2_is_read_at_the_end_of_the_file_as_well() {
        let body = format!("x\n\n{FROM}Subject: inner\n\ny\n");
        let mbox = format!("{FROM}Content-Length: {}\n\n{body}\n", body.len());
        assert_eq!(texts(mbox).len(), 1);
    }

    #[test]
    fn a_content_length_that_lands_nowhere_is_ignored_with_a_note() {
        for length in ["1", "70", "999999", "-1", "99999999999999999999999999", "x"] {
            let mbox = format!("{FROM}Subject: a\nContent-Length: {length}\n\nbody\n\n{FROM}Subject: b\n\nb\n");
            let found = entries(&mbox);
            assert_eq!(found.len(), 2, "{length}");
            assert!(found[0].raw.as_ref().unwrap().ends_with(b"\n\nbody\n"));
            let noted = length.parse::<usize>().is_ok();
            assert_eq!(found[0].notes.iter().any(|note| note.contains("was ignored")), noted, "{length}");
        }
    }

    #[test]
    fn crlf_files_keep_their_line_ends() {
        let mbox = format!("{FROM}Subject: a\n\n>From b\n\n{FROM}Subject: b\n\nb\n").replace('\n', "\r\n");
        assert_eq!(texts(mbox), ["Subject: a\r\n\r\nFrom b\r\n", "Subject: b\r\n\r\nb\r\n"]);
    }

    #[test]
    fn the_date_of_the_from_line_is_kept_unless_it_is_a_constant() {
        let mbox = "From - Mon Jan 06 09:00:00 +0100 2020\nA: b\n\n\nFrom mboxrd@z Thu Jan  1 00:00:00 1970\nA: b\n\n";
        let dates: Vec<_> = entries(mbox).iter().map(|entry| entry.internal_date.map(|date| date.to_rfc3339())).collect();
        assert_eq!(dates, [Some("2020-01-06T08:00:00+00:00".into()), None]);
    }

    #[test]
    fn only_the_one_parting_line_is_not_the_messages_own() {
        let mbox = format!("{FROM}Subject: a\n\na\n\n\n{FROM}Subject: b\n\nb\n\n\n");
        assert_eq!(texts(mbox), ["Subject: a\n\na\n\n", "Subject: b\n\nb\n\n"]);
    }
}

mod misbehaviour {
    use super::*;

    #[test]
    fn prose_that_begins_with_from_stays_in_the_text_with_a_note() {
        let mbox = format!("{FROM}Subject: a\n\nHello,\n\nFrom my view it works.\nFrom now on, too.\n\n{FROM}Subject: b\n\nb\n");
        let found = entries(&mbox);
        assert_eq!(found.len(), 2);
        let at = mbox.find("From my").unwrap();
        assert_eq!(found[0].notes[0], format!("doubtful mbox boundary at byte {at}: taken for text"));
        assert_eq!((found[0].notes.len(), found[1].notes.len()), (2, 0));
    }

    #[test]
    fn a_boundary_without_blank_line_counts_where_headers_follow_and_both_sides_say_so() {
        let mbox = format!("{FROM}Subject: a\n\na\n{FROM}Subject: b\n\nb\n");
        let found = entries(&mbox);
        assert_eq!(texts(&mbox), ["Subject: a\n\na\n", "Subject: b\n\nb\n"]);
        assert!(found.iter().all(|entry| entry.notes.len() == 1 && entry.notes[0].contains("doubtful mbox boundary")));
    }

    #[test]
    fn a_boundary_without_date_counts_where_the_headers_of_a_message_follow() {
        let mbox = format!("{FROM}Subject: a\n\na\n\nFrom ann\nReceived: by x\nSubject: b\n\nb\n");
        assert_eq!(texts(mbox), ["Subject: a\n\na\n", "Received: by x\nSubject: b\n\nb\n"]);
    }

    #[test]
    fn any_number_of_doubtful_lines_gives_few_notes() {
        let mbox = format!("{FROM}Subject: a\n\n{}", "From x\n".repeat(1000));
        let found = entries(mbox);
        assert_eq!((found.len(), found[0].notes.len()), (1, 6));
    }

    #[test]
    fn what_stands_before_the_first_from_line_is_listed_as_unreadable() {
        let found = entries(format!("<html>garbage</html>\n\n{FROM}Subject: b\n\nb\n"));
        assert_eq!(found[0].raw, Err("what stands here before the first `From ` line is no message".into()));
        assert_eq!((found[0].span.clone(), found.len()), (0..22, 2));
    }

    #[test]
    fn a_mail_that_has_lost_its_from_line_is_a_message() {
        let found = entries(format!("To: a@b\nSubject: a\n\na\n\n{FROM}Subject: b\n\nb\n"));
        assert_eq!(found[0].raw, Ok(b"To: a@b\nSubject: a\n\na\n".to_vec()));
        assert_eq!(found[0].notes, ["no `From ` line stands before this message"]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_byte_order_mark_and_blank_lines_are_passed() {
        let found = entries(format!("\u{feff}\r\n\n{FROM}Subject: a\n\na\n"));
        assert_eq!(found[0].raw, Ok(b"Subject: a\n\na\n".to_vec()));
        assert_eq!((found[0].span.start, found.len()), (6, 1));
    }

    #[test]
    fn empty_files_hold_nothing() {
        for empty in ["", "\n", "\r\n\r\n", "\u{feff}"] {
            assert_eq!(entries(empty), []);
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_unreadable_and_the_next_goes_on() {
        let mbox = format!("{FROM}Subject: a\n\n{}\n\n{FROM}Subject: b\n\nb\n", "x".repeat(3_000_000));
        let found: Vec<_> = MboxReader::new(Cursor::new(mbox)).with_limit(1000).map(Result::unwrap).collect();
        assert_eq!(found[0].raw, Err("the message is longer than 1000 bytes".into()));
        assert_eq!(found[1].raw, Ok(b"Subject: b\n\nb\n".to_vec()));
        assert_eq!((found[0].span.start, found[0].span.end, found.len()), (0, found[1].span.start, 2));
    }

    #[test]
    fn an_empty_message_is_unreadable_and_the_next_goes_on() {
        let found = texts(format!("{FROM}\n{FROM}Subject: b\n\nb\n"));
        assert_eq!(found, ["!there is nothing after the `From ` line", "Subject: b\n\nb\n"]);
    }

    #[test]
    fn a_message_that_is_cut_before_its_content_length_says_so() {
        let found = entries(format!("{FROM}Content-Length: 100\n\nhalf a li"));
        assert_eq!(found[0].notes, ["the file ends before the Content-Length of this message does: it may be cut"]);
    }
}
