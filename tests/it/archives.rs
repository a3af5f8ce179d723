//! Archives on disk as sources: what a run sends, and what becomes of it when the files change between two runs.

use mailferry::source::{EmlSource, Known as _, MAX_NAMED, MaildirSource, MboxSource, Scanned, Sent, Source, SourceError};
use proptest::prelude::*;

use crate::support::shelf::{Shelf, name};

const FROM: &str = "From ann@acme.example Mon Jan  6 09:00:00 2020\n";

fn mbox(shelf: &Shelf, path: &str) -> MboxSource {
    MboxSource::new(name(), shelf.path(path), shelf.base())
}

fn maildir(shelf: &Shelf, path: &str) -> MaildirSource {
    MaildirSource::new(name(), shelf.path(path), shelf.base())
}

fn eml(shelf: &Shelf, path: &str) -> EmlSource {
    EmlSource::new(name(), shelf.path(path), shelf.base())
}

fn mail(subject: &str) -> String {
    format!("Subject: {subject}\n\n{subject}\n")
}

fn letters(subjects: &[&str]) -> String {
    subjects.iter().map(|subject| format!("{FROM}{}\n", mail(subject))).collect()
}

fn findings(source: &dyn Source) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let findings = runtime.block_on(source.check());
    findings.iter().map(|finding| format!("{}\n", serde_json::to_string(finding).unwrap())).collect()
}

mod mboxes {
    use super::*;

    #[test]
    fn a_second_run_over_an_unchanged_file_sends_nothing() {
        let shelf = Shelf::default();
        shelf.put("mail/a.mbox", letters(&["one", "two"]));
        let source = mbox(&shelf, "mail/*.mbox");
        assert_eq!(shelf.run(&source).places(), ["mail/a.mbox at 0/0", "mail/a.mbox at 0/66"]);
        let second = shelf.run(&source);
        assert!(matches!(second.sent.as_slice(), [Scanned::MailboxDone { checkpoint: Some(_), .. }]), "{second:?}");
    }

    #[test]
    fn what_is_appended_is_sent_in_the_next_run() {
        let shelf = Shelf::default();
        shelf.put("a.mbox", letters(&["one", "two"]));
        shelf.run(&mbox(&shelf, "a.mbox"));
        shelf.put("a.mbox", letters(&["one", "two", "three"]));
        assert_eq!(shelf.run(&mbox(&shelf, "a.mbox")).texts(), [mail("three")]);
    }

    #[test]
    fn a_last_message_that_was_cut_is_sent_whole_at_a_new_place() {
        let shelf = Shelf::default();
        let whole = letters(&["one", "two"]);
        shelf.put("a.mbox", &whole.as_bytes()[..whole.len() - 4]);
        shelf.run(&mbox(&shelf, "a.mbox"));
        shelf.put("a.mbox", letters(&["one", "two", "three"]));
        let second = shelf.run(&mbox(&shelf, "a.mbox"));
        assert_eq!(second.places(), ["a.mbox at 1/66", "a.mbox at 1/132"]);
        assert_eq!(second.texts(), [mail("two"), mail("three")]);
    }

    #[test]
    fn a_file_that_was_rewritten_is_read_anew_in_a_new_generation() {
        for rewritten in [letters(&["two"]), letters(&["oned", "two", "three"]), letters(&["one", "owt"]), String::new()] {
            let shelf = Shelf::default();
            shelf.put("a.mbox", letters(&["one", "two"]));
            shelf.run(&mbox(&shelf, "a.mbox"));
            shelf.put("a.mbox", &rewritten);
            let second = shelf.run(&mbox(&shelf, "a.mbox"));
            assert_eq!(second.texts().len(), rewritten.matches(FROM).count());
            assert!(second.places().iter().all(|place| place.starts_with("a.mbox at 1/")));
            assert_eq!(shelf.run(&mbox(&shelf, "a.mbox")).places(), [""; 0]);
        }
    }

    #[test]
    fn a_content_length_that_lands_only_once_the_file_has_grown_is_followed_then() {
        let shelf = Shelf::default();
        let body = format!("see:\n\n{}", letters(&["inner", "inner two"]));
        let whole = format!("{FROM}Content-Length: {}\n\n{body}\n{}", body.len(), letters(&["next"]));
        shelf.put("a.mbox", &whole.as_bytes()[..whole.len() - 90]);
        assert_eq!(shelf.run(&mbox(&shelf, "a.mbox")).texts().len(), 3);
        shelf.put("a.mbox", &whole);
        let second = shelf.run(&mbox(&shelf, "a.mbox"));
        assert_eq!(second.texts(), [format!("Content-Length: {}\n\n{body}", body.len()), mail("next")]);
    }

    #[test]
    fn a_run_that_is_stopped_anywhere_goes_on_without_gap_or_repetition() {
        let whole = letters(&["one", "two", "three", "four"]);
        for items in 0..7 {
            let shelf = Shelf::default();
            shelf.put("a.mbox", &whole);
            let mut texts = shelf.run_until(&mbox(&shelf, "a.mbox"), items).texts();
            texts.extend(shelf.run(&mbox(&shelf, "a.mbox")).texts());
            assert_eq!(texts, ["one", "two", "three", "four"].map(mail), "stopped after {items}");
        }
    }

    #[test]
    fn without_a_checkpoint_no_place_comes_to_mean_another_message() {
        for checkpoint in [None, Some("{}"), Some("garbage")] {
            let shelf = Shelf::default();
            shelf.put("a.mbox", letters(&["one"]));
            shelf.run(&mbox(&shelf, "a.mbox"));
            shelf.put("a.mbox", letters(&["other"]));
            shelf.memory.set_checkpoint("a.mbox", checkpoint);
            assert_eq!(shelf.run(&mbox(&shelf, "a.mbox")).places(), ["a.mbox at 1/0"]);
        }
    }

    #[test]
    fn one_file_that_cannot_be_read_does_not_stop_the_others() {
        let shelf = Shelf::default();
        shelf.put("mail/a.mbox", "!BDN\0\0\0\0");
        shelf.put("mail/b.mbox", "\u{1f}garbage\n".repeat(9));
        shelf.put("mail/c.mbox", letters(&["one"]));
        let run = shelf.run(&mbox(&shelf, "mail/*.mbox"));
        assert!(run.result.is_ok());
        assert_eq!(run.failures().len(), 1);
        assert!(run.failures()[0].starts_with("mail/a.mbox: "), "{:?}", run.failures());
        assert!(run.failures()[0].contains("PST"));
        assert_eq!(
            run.places(),
            ["mail/b.mbox at 0/0: what stands here before the first `From ` line is no message", "mail/c.mbox at 0/0"]
        );
    }

    #[test]
    fn a_directory_is_searched_for_what_holds_mail_by_name_or_content() {
        let shelf = Shelf::default();
        shelf.put("Mail/Inbox", letters(&["one"]));
        shelf.put("Mail/Inbox.msf", "// <!-- <mdb:mork:z v=\"1.4\"/> -->");
        shelf.put("Mail/Inbox.sbd/Sent", letters(&["two"]));
        let run = shelf.run(&mbox(&shelf, "Mail"));
        assert_eq!(run.places(), ["Mail/Inbox at 0/0", "Mail/Inbox.sbd/Sent at 0/0"]);
        assert_eq!(run.messages().map(|found| found.sent).collect::<Vec<_>>(), [Sent::Unknown, Sent::Yes]);
        let findings = findings(&mbox(&shelf, "Mail"));
        assert!(findings.contains("2 mbox files") && findings.contains("Inbox.msf"), "{findings}");
    }

    #[test]
    fn a_path_that_matches_nothing_is_an_error_that_says_what_there_is() {
        let shelf = Shelf::default();
        shelf.put("mail/history.mbx", "");
        for path in ["mail/*.mbox", "mail/a.mbox"] {
            let run = shelf.run(&mbox(&shelf, path));
            assert!(matches!(&run.result, Err(SourceError::Missing { hint, .. }) if hint.contains("history.mbx")), "{run:?}");
            assert!(findings(&mbox(&shelf, path)).contains("refused"));
        }
    }

    #[test]
    fn a_file_that_is_met_twice_is_read_once() {
        let shelf = Shelf::default();
        shelf.put("mail/in/a.mbox", letters(&["one"]));
        assert_eq!(shelf.run(&mbox(&shelf, "mail/**/*")).places(), ["mail/in/a.mbox at 0/0"]);
    }

    #[test]
    fn a_file_that_is_rewritten_in_place_while_it_is_read_fails_and_is_read_anew() {
        let shelf = Shelf::default();
        let subjects: Vec<String> = (0..4000).map(|number| format!("{number:0300}")).collect();
        let all: Vec<&str> = subjects.iter().map(String::as_str).collect();
        shelf.put("a.mbox", letters(&all));
        // The pipe holds fewer things than the file: the run is in the middle of it when the first message is taken out.
        let run = shelf.run_and(&mbox(&shelf, "a.mbox"), usize::MAX, |sent| {
            if sent == 2 {
                shelf.put("a.mbox", letters(&all[1..]));
            }
        });
        assert!(
            run.failures()[0].ends_with("another program rewrote it meanwhile; the next run reads it anew"),
            "{:?}",
            run.failures()
        );
        let second = shelf.run(&mbox(&shelf, "a.mbox"));
        assert_eq!(second.texts(), all[1..].iter().map(|subject| mail(subject)).collect::<Vec<_>>());
        assert!(second.places()[0].starts_with("a.mbox at 1/"));
    }

    #[test]
    fn a_file_that_is_replaced_while_it_is_read_is_read_anew_in_the_next_run() {
        let shelf = Shelf::default();
        let subjects: Vec<String> = (0..4000).map(|number| format!("{number:0300}")).collect();
        let all: Vec<&str> = subjects.iter().map(String::as_str).collect();
        shelf.put("a.mbox", letters(&all));
        shelf.put("compacted", letters(&all[1..]));
        let run = shelf.run_and(&mbox(&shelf, "a.mbox"), usize::MAX, |sent| {
            if sent == 2 {
                std::fs::rename(shelf.path("compacted"), shelf.path("a.mbox")).unwrap();
            }
        });
        assert_eq!((run.texts().len(), run.failures().len()), (4000, 0), "what was opened is read to its end");
        assert_eq!(shelf.run(&mbox(&shelf, "a.mbox")).texts().len(), 3999);
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_gives_each_message_once() {
        let shelf = Shelf::default();
        let subjects: Vec<String> = (0..3000).map(|number| format!("{number:0300}")).collect();
        let all: Vec<&str> = subjects.iter().map(String::as_str).collect();
        shelf.put("a.mbox", letters(&all[..2000]));
        let run = shelf.run_and(&mbox(&shelf, "a.mbox"), usize::MAX, |sent| {
            if sent == 2 {
                let mut file = std::fs::OpenOptions::new().append(true).open(shelf.path("a.mbox")).unwrap();
                std::io::Write::write_all(&mut file, letters(&all[2000..]).as_bytes()).unwrap();
            }
        });
        let mut texts = run.texts();
        assert_eq!(run.failures(), [""; 0]);
        texts.extend(shelf.run(&mbox(&shelf, "a.mbox")).texts());
        assert_eq!(texts, all.iter().map(|subject| mail(subject)).collect::<Vec<_>>());
    }

    #[test]
    fn another_file_with_the_same_beginning_is_read_anew_whatever_its_size() {
        // More than the fingerprinted beginning is the same in each of them.
        let same = "x".repeat(9000);
        for other in [&[&same, "2", "3"][..], &[&same, "2", "3", "4"], &[&same, "0", "1"]] {
            let shelf = Shelf::default();
            shelf.put("a.mbox", letters(&[&same, "1", "2"]));
            shelf.run(&mbox(&shelf, "a.mbox"));
            shelf.put("a.mbox", letters(other));
            assert_eq!(shelf.run(&mbox(&shelf, "a.mbox")).texts(), other.iter().map(|subject| mail(subject)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_file_that_is_emptied_and_filled_again_is_read_anew_whether_or_not_anybody_saw_it_empty() {
        for seen_empty in [Some(()), None] {
            let shelf = Shelf::default();
            shelf.put("a.mbox", letters(&["one", "two"]));
            shelf.run(&mbox(&shelf, "a.mbox"));
            shelf.put("a.mbox", "");
            seen_empty.map(|()| shelf.run(&mbox(&shelf, "a.mbox")));
            shelf.put("a.mbox", letters(&["three", "four", "five"]));
            assert_eq!(shelf.run(&mbox(&shelf, "a.mbox")).places(), ["a.mbox at 1/0", "a.mbox at 1/70", "a.mbox at 1/138"]);
        }
    }

    #[test]
    fn a_checkpoint_of_an_earlier_version_goes_on() {
        let shelf = Shelf::default();
        shelf.put("a.mbox", letters(&["one"]));
        shelf.run(&mbox(&shelf, "a.mbox"));
        let checkpoint = shelf.memory.checkpoint("a.mbox").unwrap().0;
        let earlier = checkpoint.replace("\"since\":0,", "");
        assert_ne!(earlier, checkpoint);
        shelf.memory.set_checkpoint("a.mbox", Some(&earlier));
        shelf.put("a.mbox", letters(&["one", "two"]));
        assert_eq!(shelf.run(&mbox(&shelf, "a.mbox")).texts(), [mail("two")]);
    }
}

/// Messages in which everything stands that may be taken for a boundary; some with a Content-Length and, within it, a
/// boundary in full form.
fn awkward_mboxes() -> impl Strategy<Value = Vec<String>> {
    let line = prop_oneof![
        Just("\n".to_owned()),
        Just("From here on\n".to_owned()),
        Just(">From there\n".to_owned()),
        Just("From ann@acme.example Mon Jan  6 09:00:00 2020 or so\n".to_owned()),
        Just("Subject: inner\n".to_owned()),
        Just("Received: inner\n".to_owned()),
        "[a-c ]{0,9}\n",
    ];
    let body = (prop::collection::vec(line, 0..8), any::<bool>());
    prop::collection::vec(body, 1..5).prop_map(|bodies| {
        let message = |(number, (lines, measured)): (usize, (Vec<String>, bool))| {
            let lines = lines.concat();
            let body = if measured { format!("{lines}\n{FROM}Subject: in {number}\n\nend\n") } else { format!("{lines}end\n") };
            let length = if measured { format!("Content-Length: {}\n", body.len()) } else { String::new() };
            format!("{FROM}Subject: {number}\n{length}\n{body}\n")
        };
        bodies.into_iter().enumerate().map(message).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_file_that_is_read_while_it_is_written_gives_each_message_once_and_whole(
        messages in awkward_mboxes(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let whole = messages.concat();
        let shelf = Shelf::default();
        shelf.put("a", &whole);
        let expected = shelf.run(&mbox(&shelf, "a")).texts();
        prop_assert!(expected.len() >= messages.len());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len())).collect();
        cuts.sort_unstable();
        let shelf = Shelf::default();
        let mut texts = Vec::new();
        for cut in cuts.iter().copied().chain([whole.len()]) {
            shelf.put("a", &whole.as_bytes()[..cut]);
            texts.extend(shelf.run(&mbox(&shelf, "a")).texts());
        }
        for message in &expected {
            let times = texts.iter().filter(|text| *text == message).count();
            // Between two cuts a message may seem to grow by the beginning of the next `From ` line, and shrink again.
            prop_assert!(times == 1 || times > 1 && cuts.len() > 1, "{times} times: {message}");
        }
        prop_assert_eq!(shelf.run(&mbox(&shelf, "a")).texts(), Vec::<String>::new());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic_and_every_byte_is_accounted_for(
        pieces in prop::collection::vec(prop_oneof![
            Just(FROM.as_bytes().to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r\n\r\n".to_vec()),
            Just(b"Content-Length: 30\n".to_vec()),
            Just(b"Message-ID: <a>\nSubject: x\n".to_vec()),
            Just(b"\xef\xbb\xbf".to_vec()),
            prop::collection::vec(any::<u8>(), 0..40),
        ], 0..12),
    ) {
        let bytes = pieces.concat();
        let reader = mailferry::source::MboxReader::new(bytes.as_slice()).with_limit(120);
        let entries: Vec<_> = reader.map(Result::unwrap).collect();
        let blank = |bytes: &[u8]| bytes.iter().all(|byte| b"\r\n\xef\xbb\xbf".contains(byte));
        let start = entries.first().map_or(bytes.len(), |entry| usize::try_from(entry.span.start).unwrap());
        prop_assert!(blank(&bytes[..start]));
        prop_assert!(entries.windows(2).all(|pair| pair[0].span.end == pair[1].span.start));
        prop_assert_eq!(entries.last().map_or(bytes.len() as u64, |entry| entry.span.end), bytes.len() as u64);
    }
}

mod maildirs {
    use super::*;

    #[test]
    fn folders_are_mailboxes_and_messages_come_in_the_order_of_their_names() {
        let shelf = Shelf::default();
        shelf.put("mail/cur/2.host:2,S", mail("two"));
        shelf.put("mail/new/1.host", mail("one"));
        shelf.put("mail/tmp/0.host", mail("never"));
        shelf.put("mail/cur/.gitkeep", "");
        shelf.put("mail/.Sent Items/cur/3.host:2,", mail("three"));
        shelf.put("mail/lists/rust/new/4.host", mail("four"));
        shelf.put("mail/dovecot-uidlist", "3 V1\n");
        let run = shelf.run(&maildir(&shelf, "mail"));
        assert_eq!(run.places(), ["mail at 1.host", "mail at 2.host", "mail/.Sent Items at 3.host", "mail/lists/rust at 4.host"]);
        let sent: Vec<_> = run.messages().map(|found| found.sent).collect();
        assert_eq!(sent, [Sent::Unknown, Sent::Unknown, Sent::Yes, Sent::Unknown]);
        assert!(findings(&maildir(&shelf, "mail")).contains("4 messages"));
    }

    #[test]
    fn a_message_that_moves_or_gets_a_flag_is_not_read_again() {
        let shelf = Shelf::default();
        shelf.put("mail/new/1.host", mail("one"));
        shelf.put("mail/cur/2.host,S=17:2,", mail("two"));
        assert_eq!(shelf.run(&maildir(&shelf, "mail")).places().len(), 2);
        shelf.directory("mail/cur");
        std::fs::rename(shelf.path("mail/new/1.host"), shelf.path("mail/cur/1.host:2,RS")).unwrap();
        std::fs::rename(shelf.path("mail/cur/2.host,S=17:2,"), shelf.path("mail/cur/2.host,S=17!2,F")).unwrap();
        shelf.put("mail/new/3.host", mail("three"));
        assert_eq!(shelf.run(&maildir(&shelf, "mail")).places(), ["mail at 3.host"]);
    }

    #[test]
    fn what_cannot_be_read_is_listed_and_the_others_go_on() {
        let shelf = Shelf::default();
        shelf.put("mail/cur/1", "");
        shelf.put("mail/cur/2", "!BDN");
        shelf.put("mail/cur/3", mail("three"));
        #[cfg(unix)]
        std::os::unix::fs::symlink("/dev/null", shelf.path("mail/cur/4")).unwrap();
        let places = shelf.run(&maildir(&shelf, "mail")).places();
        assert_eq!(places[0], "mail at 1: the file is empty");
        assert!(places[1].contains("PST") && places[2] == "mail at 3");
        #[cfg(unix)]
        assert_eq!(places[3], "mail at 4: cannot be read: it is no regular file");
        assert_eq!(shelf.run(&maildir(&shelf, "mail")).places(), [""; 0]);
    }

    #[test]
    fn messages_that_move_and_get_flags_during_a_run_are_read_and_one_that_is_deleted_is_gone() {
        let shelf = Shelf::default();
        shelf.directory("mail/cur");
        for number in 0..3000 {
            shelf.put(&format!("mail/new/{number:04}.host"), mail(&number.to_string()));
        }
        let file = |directory: &str, number: usize, flags: &str| shelf.path(&format!("mail/{directory}/{number:04}.host{flags}"));
        // The pipe holds fewer things than the folder: these were listed and not yet read.
        let run = shelf.run_and(&maildir(&shelf, "mail"), usize::MAX, |sent| {
            if sent == 2 {
                (1500..3000).for_each(|number| std::fs::rename(file("new", number, ""), file("cur", number, ":2,S")).unwrap());
                std::fs::remove_file(file("cur", 2999, ":2,S")).unwrap();
                shelf.put("mail/new/9999.host", mail("late"));
            }
            if sent == 1700 {
                std::fs::rename(file("cur", 2998, ":2,S"), file("cur", 2998, ":2,RS")).unwrap();
            }
        });
        assert_eq!(run.texts(), (0..2999).map(|number| mail(&number.to_string())).collect::<Vec<_>>());
        assert_eq!(run.places().len(), 2999, "nothing is unreadable");
        assert_eq!(shelf.run(&maildir(&shelf, "mail")).texts(), [mail("late")]);
    }

    #[test]
    fn a_directory_that_is_no_maildir_says_so() {
        let shelf = Shelf::default();
        shelf.put("mail/a.eml", mail("one"));
        let run = shelf.run(&maildir(&shelf, "mail"));
        assert!(matches!(&run.result, Err(SourceError::Missing { hint, .. }) if hint.contains("cur and new")), "{run:?}");
        assert!(findings(&maildir(&shelf, "mail")).contains("refused"));
    }
}

mod emls {
    use super::*;

    #[test]
    fn a_directory_is_read_with_all_below_it() {
        let shelf = Shelf::default();
        shelf.put("mail/b.eml", mail("b"));
        shelf.put("mail/a.EML", mail("a"));
        shelf.put("mail/notes.txt", "no mail");
        shelf.put("mail/sent/c.eml", mail("c"));
        let run = shelf.run(&eml(&shelf, "mail"));
        assert_eq!(run.texts(), ["a", "b", "c"].map(mail));
        assert!(run.places()[0].starts_with("mail at a.EML@14-"), "{:?}", run.places());
        assert!(run.places()[2].starts_with("mail/sent at c.eml@"));
        assert_eq!(shelf.run(&eml(&shelf, "mail")).places(), [""; 0]);
        assert!(findings(&eml(&shelf, "mail")).contains("notes.txt"));
    }

    #[test]
    fn a_file_that_was_changed_is_a_new_position_and_the_others_are_not() {
        let shelf = Shelf::default();
        shelf.put("mail/a.eml", mail("one"));
        shelf.put("mail/b.eml", mail("two"));
        shelf.run(&eml(&shelf, "mail"));
        shelf.put("mail/a.eml", mail("changed"));
        assert_eq!(shelf.run(&eml(&shelf, "mail")).texts(), [mail("changed")]);
    }

    #[test]
    fn another_mail_of_the_same_size_under_the_same_name_is_new() {
        let shelf = Shelf::default();
        shelf.put("mail/a.eml", mail("one"));
        let written = std::fs::metadata(shelf.path("mail/a.eml")).unwrap().modified().unwrap();
        shelf.run(&eml(&shelf, "mail"));
        shelf.put("mail/a.eml", mail("two"));
        let later = written + std::time::Duration::from_nanos(1000);
        std::fs::File::options().write(true).open(shelf.path("mail/a.eml")).unwrap().set_modified(later).unwrap();
        assert_eq!(shelf.run(&eml(&shelf, "mail")).texts(), [mail("two")]);
    }

    #[test]
    fn a_glob_takes_files_of_any_name() {
        let shelf = Shelf::default();
        shelf.put("mail/one", mail("one"));
        shelf.put("mail/two.txt", mail("two"));
        assert_eq!(shelf.run(&eml(&shelf, "mail/*")).texts(), ["one", "two"].map(mail));
        assert_eq!(Shelf::default().run(&eml(&shelf, "mail/one")).texts(), [mail("one")]);
    }

    #[test]
    fn a_from_line_is_taken_off_but_an_mbox_is_refused() {
        let shelf = Shelf::default();
        shelf.put("mail/a.eml", letters(&["one"]));
        shelf.put("mail/b.eml", letters(&["two", "three"]));
        let run = shelf.run(&eml(&shelf, "mail"));
        assert_eq!(run.texts(), [mail("one")]);
        assert!(run.places()[1].ends_with("it is an mbox with several mails; give it a source of kind = \"mbox\""));
    }

    #[cfg(unix)]
    #[test]
    fn links_that_go_round_in_circles_end() {
        let shelf = Shelf::default();
        shelf.put("mail/in/a.eml", mail("one"));
        std::os::unix::fs::symlink(shelf.path("mail"), shelf.path("mail/in/round")).unwrap();
        std::os::unix::fs::symlink(shelf.path("mail/gone.eml"), shelf.path("mail/in/dangling.eml")).unwrap();
        assert_eq!(shelf.run(&eml(&shelf, "mail")).texts(), [mail("one")]);
    }

    #[test]
    fn a_path_with_brackets_is_no_pattern() {
        let shelf = Shelf::default();
        shelf.put("[old]/a.eml", mail("one"));
        let source = EmlSource::new(name(), shelf.path("[old]/*.eml"), shelf.path("[old]"));
        assert_eq!(shelf.run(&source).texts(), [mail("one")]);
    }
}

/// That a census names exactly what a run sends is shown by every run of these tests: see [`Shelf::run`].
mod counted {
    use super::*;

    #[test]
    fn each_mailbox_counts_for_itself() {
        let shelf = Shelf::default();
        shelf.put("mail/a.mbox", letters(&["one", "two"]));
        shelf.put("mail/b.mbox", "!BDN");
        shelf.run_until(&mbox(&shelf, "mail"), 100);
        shelf.put("mail/a.mbox", letters(&["one", "two", "three"]));
        shelf.put("mail/c.mbox", letters(&["four"]));
        let counted = shelf.census(&mbox(&shelf, "mail")).unwrap();
        let told: Vec<String> = counted
            .iter()
            .map(|one| match one {
                Ok(census) => format!("{}: {} of {} unknown", census.mailbox, census.unknown, census.held),
                Err((mailbox, error)) => format!("{mailbox}: {error}"),
            })
            .collect();
        assert_eq!((told[0].as_str(), told[2].as_str()), ("mail/a.mbox: 1 of 3 unknown", "mail/c.mbox: 1 of 1 unknown"));
        assert!(told[1].starts_with("mail/b.mbox: ") && told[1].contains("PST"), "{told:?}");
        assert!(shelf.census(&mbox(&shelf, "nowhere")).is_err());
    }

    #[test]
    fn few_of_many_unknown_positions_are_named() {
        let shelf = Shelf::default();
        (0..50).for_each(|number| shelf.put(&format!("mail/new/{number:02}.host"), mail("x")));
        let counted = shelf.census(&maildir(&shelf, "mail")).unwrap();
        let census = counted[0].as_ref().unwrap();
        assert_eq!((census.held, census.unknown, census.examples.len()), (50, 50, MAX_NAMED));
        assert_eq!(census.examples[19].to_string(), "history: mail at 19.host");
    }

    #[test]
    fn what_the_checkpoint_covers_and_the_ledger_does_not_hold_is_unknown() {
        let shelf = Shelf::default();
        shelf.put("a.mbox", letters(&["one", "two", "three"]));
        shelf.run(&mbox(&shelf, "a.mbox"));
        let position = shelf.memory.forget("66");
        let counted = shelf.census(&mbox(&shelf, "a.mbox")).unwrap();
        let census = counted[0].as_ref().unwrap();
        assert_eq!((census.held, census.unknown), (3, 1));
        assert_eq!(census.examples, [position]);
    }

    #[test]
    fn positions_of_before_a_file_was_rewritten_do_not_vouch_for_what_stands_there_now() {
        let shelf = Shelf::default();
        shelf.put("a.mbox", letters(&["one", "two", "six"]));
        shelf.run(&mbox(&shelf, "a.mbox"));
        shelf.put("a.mbox", letters(&["ten", "two", "six", "one"]));
        // Stopped after the first message, at 1/0; the others still stand where others stood before.
        shelf.run_until(&mbox(&shelf, "a.mbox"), 2);
        let counted = shelf.census(&mbox(&shelf, "a.mbox")).unwrap();
        assert_eq!(counted[0].as_ref().map(|census| (census.held, census.unknown)).unwrap(), (4, 3));
    }
}

mod any_path {
    use mailferry::source::read;

    use super::*;

    fn subjects(shelf: &Shelf, path: &str) -> Vec<String> {
        let subject = |raw: &[u8]| String::from_utf8_lossy(raw).lines().next().unwrap_or_default().replace("Subject: ", "");
        let relative = |path: &std::path::Path| path.strip_prefix(shelf.base()).unwrap().display().to_string();
        let show = |mail: Result<read::Mail, read::Unreadable>| match mail {
            Ok(mail) => format!("{}#{} {}", relative(&mail.path), mail.index, subject(&mail.raw)),
            Err(unreadable) => format!("{}: {}", relative(&unreadable.path), unreadable.reason),
        };
        read::open(&shelf.path(path)).unwrap().map(show).collect()
    }

    #[test]
    fn a_path_is_read_by_what_it_holds() {
        let shelf = Shelf::default();
        shelf.put("x/a.txt", letters(&["one", "two"]));
        shelf.put("x/b.mbox", mail("three"));
        shelf.put("x/c.pst", "!BDN");
        shelf.put("x/d/cur/9:2,S", mail("five"));
        shelf.put("x/d/new/8", mail("four"));
        shelf.put("x/d/tmp/7", mail("never"));
        shelf.put("x/e/.hidden", "never");
        shelf.put("x/.git/HEAD", "never");
        shelf.put("x/.Sent/cur/6", mail("zero"));
        assert_eq!(subjects(&shelf, "x/a.txt"), ["x/a.txt#0 one", "x/a.txt#1 two"]);
        assert_eq!(
            subjects(&shelf, "x"),
            [
                "x/a.txt#0 one",
                "x/a.txt#1 two",
                "x/b.mbox#0 three",
                "x/c.pst: it is damaged: something ends early; let Outlook's scanpst repair a copy of it",
                "x/.Sent/cur/6#0 zero",
                "x/d/new/8#0 four",
                "x/d/cur/9:2,S#0 five",
            ]
        );
    }

    #[test]
    fn an_unreadable_message_counts_and_the_next_goes_on() {
        let shelf = Shelf::default();
        shelf.put("a", format!("{}{FROM}\n{}", letters(&["one"]), letters(&["two"])));
        assert_eq!(
            subjects(&shelf, "a"),
            ["a#0 one", "a: message 1, at byte 66: there is nothing after the `From ` line", "a#2 two"]
        );
    }

    #[test]
    fn a_path_that_does_not_exist_is_an_error() {
        let shelf = Shelf::default();
        assert!(matches!(read::open(&shelf.path("nowhere")), Err(SourceError::Missing { .. })));
    }
}

mod samples {
    use std::path::{Path, PathBuf};

    use super::*;

    fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn the_sample_mailboxes_are_read_without_a_doubt() {
        let (shelf, base) = (Shelf::default(), root().join("config"));
        let mbox = MboxSource::new(name(), base.join("../samples/mailboxes/history.mbox"), base.clone());
        let maildir = MaildirSource::new(name(), base.join("../samples/mailboxes/maildir"), base.clone());
        let eml = EmlSource::new(name(), base.join("../samples/mailboxes/eml"), base);
        let runs = [shelf.run(&mbox), shelf.run(&maildir), shelf.run(&eml)];
        assert_eq!(runs.each_ref().map(|run| run.messages().count()), [30, 13, 12]);
        assert!(runs.iter().all(|run| run.places().len() == run.messages().count() && run.failures().is_empty()));
        assert!(runs.iter().flat_map(|run| run.messages()).all(|found| found.notes.is_empty()));
        let sent = runs[1].messages().filter(|found| found.position.mailbox == "../samples/mailboxes/maildir/.Sent");
        assert_eq!(sent.map(|found| found.sent).collect::<Vec<_>>(), [Sent::Yes; 5]);
    }

    #[test]
    fn the_demonstration_names_mail_that_is_there() {
        let demo: toml::Value = toml::from_str(&std::fs::read_to_string(root().join("config/demo.toml")).unwrap()).unwrap();
        let sources = demo["source"].as_array().unwrap();
        assert_eq!(sources.len(), 3);
        for source in sources {
            assert!(root().join("config").join(Path::new(source["path"].as_str().unwrap())).exists());
        }
    }
}
