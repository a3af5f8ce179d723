//! Mail as Outlook keeps it: data files as sources, what is in them, and what happens to a damaged one.

use std::io::{Cursor, Write as _};

use mailferry::mail;
use mailferry::position::SourceName;
use mailferry::source::{EmlSource, PstSource, Scanned, Sent, Source};

use crate::support::pst::{Attached, Folder, Letter, Width, bytes, data_file, number, text};
use crate::support::shelf::Shelf;

fn source(shelf: &Shelf) -> PstSource {
    PstSource::new(SourceName::new("outlook"), shelf.path("mail"), shelf.base())
}

fn letter(subject: &str) -> Letter {
    Letter {
        properties: vec![
            text(0x001A, "IPM.Note"),
            text(0x0037, subject),
            text(0x0042, "Ann Lee"),
            text(0x5D02, "ann@acme.example"),
            text(0x1000, &format!("{subject}: text\r\n")),
            text(0x1035, &format!("<{subject}@acme.example>")),
        ],
        recipients: vec![
            vec![number(0x0C15, 1), text(0x3001, "Bob"), text(0x39FE, "bob@ferry.example")],
            vec![number(0x0C15, 2), text(0x3001, "Cy"), text(0x39FE, "cy@ferry.example")],
        ],
        attachments: Vec::new(),
    }
}

fn folder(name: &str, letters: Vec<Letter>) -> Folder {
    Folder { name: name.into(), letters, folders: Vec::new() }
}

/// What a run sent, a line each.
fn lines(sent: &[Scanned]) -> Vec<String> {
    sent.iter()
        .filter_map(|scanned| match scanned {
            Scanned::Message(found) => {
                let message = mail::parse(&found.raw);
                let sent = if found.sent == Sent::Yes { ", sent" } else { "" };
                Some(format!("{} {}{sent}", found.position.mailbox, message.subject))
            }
            Scanned::Unreadable { position, reason, .. } => Some(format!("{}: {reason}", position.mailbox)),
            Scanned::MailboxFailed { mailbox, error } => Some(format!("{mailbox} failed: {error}")),
            Scanned::Copy { .. } | Scanned::Expected { .. } | Scanned::MailboxDone { .. } => None,
        })
        .collect()
}

fn mailbox() -> Vec<Folder> {
    let mut contact = letter("a contact");
    contact.properties[0] = text(0x001A, "IPM.Contact");
    vec![
        Folder {
            folders: vec![folder("Acme", (0..30).map(|number| letter(&format!("acme {number}"))).collect())],
            ..folder("Inbox", vec![letter("one"), contact, letter("two")])
        },
        folder("Sent Items", vec![letter("three")]),
        Folder { folders: vec![folder("Old", vec![letter("older")])], ..folder("Deleted Items", vec![letter("gone")]) },
        folder("Drafts", vec![letter("unfinished")]),
    ]
}

#[test]
fn the_folders_of_a_data_file_are_mailboxes_and_what_was_thrown_away_stays_there() {
    for width in [Width::Wide, Width::Narrow] {
        let shelf = Shelf::default();
        shelf.put("mail/a.pst", data_file(width, mailbox()));
        shelf.put("mail/notes.txt", "no data file");
        let run = shelf.run(&source(&shelf));
        assert!(run.result.is_ok(), "{width:?}: {:?}", run.result);
        let lines = lines(&run.sent);
        assert_eq!(lines.len(), 33, "{width:?}: {lines:?}");
        assert_eq!(lines[..3], ["mail/a.pst/Inbox one", "mail/a.pst/Inbox two", "mail/a.pst/Inbox/Acme acme 0"], "{width:?}");
        assert_eq!(lines[32], "mail/a.pst/Sent Items three, sent", "{width:?}");
        let again = shelf.run(&source(&shelf));
        assert_eq!(crate::outlook::lines(&again.sent), [""; 0], "a second run sends nothing");
    }
}

#[test]
fn a_large_folder_and_a_message_to_many_are_read_whole() {
    let mut to_many = letter("to many");
    to_many.recipients = (0..700)
        .map(|number| {
            vec![number_of(1), text(0x3001, &format!("Person {number}")), text(0x39FE, &format!("{number}@acme.example"))]
        })
        .collect();
    for width in [Width::Wide, Width::Narrow] {
        let letters: Vec<Letter> = (0..3_000).map(|number| letter(&format!("{number}"))).chain([to_many.clone()]).collect();
        let shelf = Shelf::default();
        shelf.put("mail/a.pst", data_file(width, vec![folder("Inbox", letters)]));
        let run = shelf.run(&source(&shelf));
        let lines = lines(&run.sent);
        assert_eq!(lines.len(), 3_001, "{width:?}");
        assert_eq!((lines[0].as_str(), lines[2_999].as_str()), ("mail/a.pst/Inbox 0", "mail/a.pst/Inbox 2999"));
        let last = mail::parse(&run.messages().last().unwrap().raw);
        let addresses: Vec<_> = last.to.iter().map(|person| person.address.as_str().to_owned()).collect();
        assert_eq!(addresses, (0..700).map(|number| format!("{number}@acme.example")).collect::<Vec<_>>(), "{width:?}");
    }
}

fn number_of(kind: u32) -> crate::support::pst::Property {
    number(0x0C15, kind)
}

#[test]
fn a_run_that_was_cut_goes_on_where_it_was() {
    let whole = data_file(Width::Wide, mailbox());
    for items in [1, 2, 3, 20, 36] {
        let shelf = Shelf::default();
        shelf.put("mail/a.pst", &whole);
        let mut lines = lines(&shelf.run_until(&source(&shelf), items).sent);
        lines.extend(crate::outlook::lines(&shelf.run(&source(&shelf)).sent));
        assert_eq!(lines.len(), 33, "cut after {items}");
    }
}

#[test]
fn a_message_comes_with_its_recipients_its_files_and_the_messages_in_it() {
    let file = |name: &str, content: &[u8]| Attached {
        properties: vec![number(0x3705, 1), text(0x3707, name), bytes(0x3701, content)],
        message: None,
    };
    let large = b"0123456789".repeat(5_000);
    let mut inner = letter("inner");
    inner.attachments.push(file("inside.txt", b"inside"));
    let mut outer = letter("outer");
    // How it is attached is not said, as some writers leave that out.
    outer.attachments = vec![file("large.bin", &large), Attached { properties: Vec::new(), message: Some(inner) }];
    for width in [Width::Wide, Width::Narrow] {
        let shelf = Shelf::default();
        shelf.put("mail/a.pst", data_file(width, vec![folder("Inbox", vec![outer.clone()])]));
        let run = shelf.run(&source(&shelf));
        let found = run.messages().next().unwrap();
        assert_eq!(found.notes, [""; 0]);
        let message = mail::parse(&found.raw);
        let addresses = |people: &[mail::Correspondent]| people.iter().map(|one| one.address.to_string()).collect::<Vec<_>>();
        assert_eq!(addresses(&message.from), ["ann@acme.example"]);
        assert_eq!(
            (addresses(&message.to), addresses(&message.cc)),
            (vec!["bob@ferry.example".into()], vec!["cy@ferry.example".into()])
        );
        let [large_file, inner] = message.attachments.as_slice() else { panic!("{:?}", message.attachments) };
        assert_eq!((large_file.name.as_deref(), large_file.sha256), (Some("large.bin"), mail::Digest::of(&large)));
        assert_eq!(inner.name.as_deref(), Some("inner.eml"));
        let inner = mail::parse(&mail::attachment::bytes(&found.raw, inner).unwrap());
        assert_eq!(inner.attachments[0].name.as_deref(), Some("inside.txt"));
    }
}

#[test]
fn damage_is_said_where_it_is_and_stops_nothing_else() {
    let whole = data_file(Width::Wide, vec![folder("Inbox", vec![letter("one"), letter("two")])]);
    let shelf = Shelf::default();
    shelf.put("mail/a.pst", &whole[..900]);
    shelf.put("mail/b.pst", &whole);
    let lines = lines(&shelf.run(&source(&shelf)).sent);
    assert!(lines[0].starts_with("mail/a.pst failed") && lines[0].contains("scanpst"), "{lines:?}");
    assert_eq!(lines[1..], ["mail/b.pst/Inbox one", "mail/b.pst/Inbox two"]);
    // Every byte of it may be wrong. A census of what can be read in part is an error, so none is compared here.
    for at in (0..whole.len()).step_by(23) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xFF;
        let shelf = Shelf::default();
        shelf.put("mail/a.pst", &damaged);
        assert!(shelf.run_until(&source(&shelf), usize::MAX).result.is_ok(), "byte {at}");
    }
}

#[test]
fn check_counts_what_is_there() {
    let shelf = Shelf::default();
    shelf.put("mail/a.pst", data_file(Width::Wide, mailbox()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let findings = runtime.block_on(source(&shelf).check());
    let said: Vec<String> = findings.iter().map(|finding| format!("{finding:?}")).collect();
    assert!(said.iter().any(|text| text.contains("34 items to read; 3 left out")), "{said:?}");
}

#[test]
fn a_msg_file_stands_beside_eml_files_and_is_the_same_mail_each_time() {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for (name, content) in [
        ("__properties_version1.0", vec![0; 32]),
        ("__substg1.0_0037001F", wide("The plan")),
        ("__substg1.0_1000001F", wide("First we row.")),
        ("__substg1.0_1035001F", wide("<plan@acme.example>")),
    ] {
        file.create_stream(name).unwrap().write_all(&content).unwrap();
    }
    file.flush().unwrap();
    let file = file.into_inner().into_inner();
    let shelf = Shelf::default();
    shelf.put("mail/a.eml", "Subject: other\n\ntext\n");
    shelf.put("mail/b.MSG", &file);
    shelf.put("mail/c.doc", &file);
    shelf.put("mail/d.msg", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and no more");
    let source = EmlSource::new(SourceName::new("files"), shelf.path("mail"), shelf.base());
    let run = shelf.run(&source);
    let lines = lines(&run.sent);
    assert_eq!(lines[..2], ["mail other", "mail The plan"]);
    assert!(lines[2].contains("damaged") && lines.len() == 3, "{lines:?}");
    let elsewhere = Shelf::default();
    elsewhere.put("mail/renamed.msg", &file);
    let source = EmlSource::new(SourceName::new("others"), elsewhere.path("mail"), elsewhere.base());
    let texts = elsewhere.run(&source).texts();
    assert_eq!(texts, [run.texts()[1].clone()], "the same file is the same mail wherever it lies");
}

#[test]
fn a_census_counts_the_mails_against_what_is_known() {
    let shelf = Shelf::default();
    shelf.put("mail/a.pst", data_file(Width::Wide, mailbox()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let census = || {
        let counted = runtime.block_on(source(&shelf).census(shelf.memory.clone())).unwrap();
        let [Ok(census)] = counted.as_slice() else { panic!("{counted:?}") };
        (census.mailbox.clone(), census.held, census.unknown)
    };
    assert_eq!(census(), ("mail/a.pst".into(), 33, 33));
    // What is expected, and two mails with a contact between them that is none.
    shelf.run_until(&source(&shelf), 5);
    assert_eq!(census(), ("mail/a.pst".into(), 33, 31));
    shelf.run(&source(&shelf));
    assert_eq!(census(), ("mail/a.pst".into(), 33, 0));
}
