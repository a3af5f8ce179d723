//! `mailferry inspect`: what a person or a program sees of mail files, without any configuration.

use std::path::Path;

use serde_json::Value;

use crate::support::project::{Project, Ran, mail};
use crate::support::pst::{self, Letter, Width};

/// A directory with two mailboxes of one talk, a mail, and a Maildir.
fn shelf() -> Project {
    let project = Project::new("this is no configuration");
    project.write("a.mbox", mail("root", 1, "ann@acme.example", "bob@ferry.example", None));
    project.write(
        "b.box",
        mail("answer", 2, "bob@ferry.example", "ann@acme.example", Some("root"))
            + &mail("else", 3, "carl@acme.example", "bob@ferry.example", None),
    );
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/mail/picture-in-html.eml");
    project.write("Maildir/cur/1.eml:2,S", std::fs::read(sample).unwrap());
    project.write("Maildir/tmp/2.eml", "Subject: not delivered yet\n\n");
    project
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_message_is_one_line_of_json_in_order() {
    let ran = shelf().run(&["inspect", "--json", "a.mbox", "b.box", "Maildir"]).well();
    let rows = rows(&ran);
    let places: Vec<_> = rows.iter().map(|row| (row["path"].as_str().unwrap(), row["index"].as_u64().unwrap())).collect();
    assert_eq!(places, [("a.mbox", 0), ("b.box", 0), ("b.box", 1), ("Maildir/cur/1.eml:2,S", 0)]);
    let mut root = rows[0].clone();
    for digest in ["key", "thread"] {
        assert_eq!(root[digest].take().as_str().map(str::len), Some(64), "{digest}");
    }
    let expected = serde_json::json!({
        "path": "a.mbox", "index": 0, "key": null, "thread": null, "message_id": "root@test.example", "subject": "about root",
        "date": "2021-03-01T10:00:00+01:00", "from": [{"name": "", "address": "ann@acme.example"}],
        "to": [{"name": "", "address": "bob@ferry.example"}], "cc": [], "reply_to": [],
        "text": "The words of root.", "hidden": "", "attachments": [], "notes": [], "shared_links": [],
        "parts": {"leaves": 1, "posted": 1, "referred_to": 0, "stubbed": 0, "left_out": 0},
    });
    root["text"] = root["text"].as_str().unwrap().trim_end().into();
    assert_eq!(root, expected);
    let picture = &rows[3]["attachments"][0];
    assert_eq!(
        (picture["type"].as_str(), picture["size"].as_u64(), picture["inline"].as_bool()),
        (Some("image/png"), Some(16), Some(true))
    );
}

#[test]
fn threads_hold_together_over_all_paths_in_either_order() {
    for paths in [["a.mbox", "b.box"], ["b.box", "a.mbox"]] {
        let ran = shelf().run(&[["inspect", "--json"], paths].concat()).well();
        let thread = |name: &str| {
            let rows = rows(&ran);
            let row = rows.iter().find(|row| row["subject"] == format!("about {name}")).unwrap();
            row["thread"].as_str().unwrap().to_owned()
        };
        assert_eq!(thread("root"), thread("answer"));
        assert_ne!(thread("root"), thread("else"));
    }
}

#[test]
fn two_copies_have_one_key_and_one_thread() {
    let project = shelf();
    project.write(
        "copy.eml",
        mail("root", 1, "ann@acme.example", "bob@ferry.example", None).split_once('\n').unwrap().1.replace('\n', "\r\n"),
    );
    let rows = rows(&project.run(&["inspect", "--json", "a.mbox", "copy.eml"]).well());
    assert_eq!((&rows[0]["key"], &rows[0]["thread"]), (&rows[1]["key"], &rows[1]["thread"]));
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_read() {
    let project = shelf();
    project.write("outlook.pst", b"!BDN and more");
    let ran = project.run(&["inspect", "--json", "outlook.pst", "a.mbox", "missing.eml"]);
    assert_eq!((ran.code, rows(&ran).len()), (Some(1), 1), "{ran:?}");
    assert!(ran.stderr.contains("outlook.pst") && ran.stderr.contains("missing.eml"), "{}", ran.stderr);
}

#[test]
fn people_read_the_same_in_their_own_form() {
    let ran = shelf().run(&["inspect", "b.box", "Maildir"]).well();
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn what_was_compressed_is_read_as_what_it_holds() {
    let project = shelf();
    let pack = |text: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, text).unwrap();
        packed.finish().unwrap()
    };
    let mbox = std::fs::read(project.path().join("b.box")).unwrap();
    project.write("b.mbox.gz", pack(&mbox));
    project.write("one.eml.gz", pack(b"Subject: one\n\ntext\n"));
    project.write("nothing.gz", pack(b""));
    let plain = rows(&project.run(&["inspect", "--json", "b.box"]).well());
    let packed = rows(&project.run(&["inspect", "--json", "b.mbox.gz", "one.eml.gz"]).well());
    let keys = |rows: &[Value]| rows.iter().map(|row| row["key"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&packed[..2]), keys(&plain));
    assert_eq!((packed.len(), &packed[2]["subject"]), (3, &Value::from("one")));
    let mut cut = pack(&mbox.repeat(40));
    cut.truncate(cut.len() - 9);
    project.write("cut.gz", cut);
    let ran = project.run(&["inspect", "--json", "cut.gz", "nothing.gz", "a.mbox"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("cut.gz") && ran.stderr.contains("nothing.gz"), "{}", ran.stderr);
}

#[test]
fn every_part_is_counted_and_what_is_not_carried_says_why() {
    let project = shelf();
    let sample = |name: &str| std::fs::read(format!("{}/samples/mail/{name}.eml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for name in ["picture-at-its-place", "file-kept-elsewhere", "forwarded-message", "winmail-with-files"] {
        project.write(&format!("{name}.eml"), sample(name));
    }
    let row = |name: &str| rows(&project.run(&["inspect", "--json", &format!("{name}.eml")]).well()).remove(0);
    let parts = serde_json::json!({"leaves": 4, "posted": 2, "referred_to": 0, "stubbed": 0, "left_out": 2});
    let picture = row("picture-at-its-place");
    assert_eq!((&picture["parts"], &picture["attachments"][2]["not_carried"]), (&parts, &Value::from("a tracking pixel")));
    let elsewhere = row("file-kept-elsewhere");
    assert_eq!(elsewhere["attachments"][0]["not_carried"], "it is kept at https://acme.sharepoint.com/:w:/s/team/plan");
    let forwarded = row("forwarded-message");
    assert_eq!(forwarded["attachments"][0]["attachments"][0]["name"], "plan.pdf");
    let winmail = row("winmail-with-files");
    assert_eq!(winmail["attachments"][0]["name"], "Pläne für März.txt");
    let for_people = project.run(&["inspect", "winmail-with-files.eml"]).well().stdout;
    assert!(for_people.contains("in it: old.txt"), "{for_people}");
}

#[test]
fn links_to_shared_drives_are_listed() {
    let project = shelf();
    project.write("a.eml", "Subject: x\n\nThe plan: https://we.tl/t-abc, and our site: https://acme.example/\n");
    let row = rows(&project.run(&["inspect", "--json", "a.eml"]).well()).remove(0);
    assert_eq!(row["shared_links"], serde_json::json!([{"service": "WeTransfer", "url": "https://we.tl/t-abc"}]));
}

#[test]
fn a_data_file_of_outlook_is_read_by_its_magic_with_all_its_folders() {
    let letter =
        |subject: &str| Letter { properties: vec![pst::text(0x0037, subject), pst::text(0x1000, "text")], ..Letter::default() };
    let folder = |name: &str, subject: &str| pst::Folder { name: name.into(), letters: vec![letter(subject)], folders: Vec::new() };
    let project = shelf();
    project.write("outlook.bin", pst::data_file(Width::Narrow, vec![folder("Inbox", "one"), folder("Deleted Items", "two")]));
    let rows = rows(&project.run(&["inspect", "--json", "outlook.bin"]).well());
    let shown: Vec<_> = rows.iter().map(|row| format!("{} {}", row["index"], row["subject"].as_str().unwrap())).collect();
    assert_eq!(shown, ["0 one", "1 two"]);
}
