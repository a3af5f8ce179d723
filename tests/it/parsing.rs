//! What is understood of a message, whatever it is made of, and by what its copies are known.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use mailferry::mail::{self, Attachment, Correspondent, Message, Parts, attachment};
use proptest::prelude::*;

/// The samples by name, in LF form.
fn samples() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/mail");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

fn with_crlf(raw: &[u8]) -> Vec<u8> {
    raw.iter().flat_map(|byte| if *byte == b'\n' { b"\r\n".to_vec() } else { vec![*byte] }).collect()
}

/// A message as text, without what differs between LF and CRLF: the bytes of files that are not encoded.
fn shown(message: &Message) -> String {
    let mut out = String::new();
    let mut field = |name: &str, value: &dyn std::fmt::Display| writeln!(out, "{name}: {value}").unwrap();
    let people =
        |people: &[Correspondent]| people.iter().map(|one| format!("{:?} <{}>", one.name, one.address)).collect::<Vec<_>>();
    field("key", &message.key);
    field("id", &format!("{:?}", message.message_id));
    field("in reply to", &format!("{:?}", message.in_reply_to));
    field("references", &format!("{:?}", message.references));
    field("conversation", &format!("{:?}", message.conversation));
    field("subject", &format!("{:?}", message.subject));
    field("date", &format!("{:?}", message.date));
    field("received", &format!("{:?}", message.received));
    let Message { from, sender, to, cc, bcc, reply_to, .. } = message;
    let behind: Vec<_> = message.behind.iter().cloned().collect();
    for (name, list) in
        [("from", from), ("behind", &behind), ("sender", sender), ("to", to), ("cc", cc), ("bcc", bcc), ("reply-to", reply_to)]
    {
        if !list.is_empty() {
            field(name, &people(list).join(", "));
        }
    }
    field("plain", &format!("{:?}", message.body.plain));
    field("html", &format!("{:?}", message.body.html));
    for Attachment { name, media_type, inline, part, fate, contents, .. } in &message.attachments {
        field("file", &format!("{name:?} {media_type} inline={inline} part={part} {fate:?}"));
        for inner in contents {
            field("  in it", &format!("{:?} {} {:?}", inner.name, inner.media_type, inner.fate));
        }
    }
    let (reading, text) = (message.reading(), mail::text::read_under(&message.subject, &message.body));
    if reading != text {
        field("reading", &format!("{:?}", reading.text));
    }
    let Parts { leaves, posted, referred_to, stubbed, left_out } = message.parts;
    assert_eq!(posted + referred_to + stubbed + left_out, leaves, "each leaf has one fate");
    field("parts", &format!("{leaves}: {posted} posted, {stubbed} stubbed, {left_out} left out"));
    for invitation in &message.invitations {
        field("invitation", &format!("{invitation:?}"));
    }
    for results in &message.authentication {
        field("authentication", &format!("{results:?}"));
    }
    for note in &message.notes {
        field("note", note);
    }
    out
}

fn mail(headers: &str, body: &str) -> Message {
    mail::parse(format!("{headers}\n\n{body}").as_bytes())
}

const HEADERS: &str = "From: Ann Lee <ann@acme.example>\nTo: bob@ferry.example\nSubject: The plan\n\
                       Date: Mon, 1 Mar 2021 09:05:00 +0100\nMessage-ID: <plan@acme.example>";
const TEXT: &str = "Grüße,\n\nhere is the plan: first we row, then we drift.\n\n-- \nAnn Lee, Acme\n";

#[test]
fn every_sample_is_understood_the_same_with_either_line_end() {
    let samples = samples();
    assert!(samples.len() >= 30, "only {} samples", samples.len());
    for (name, raw) in samples {
        let lf = shown(&mail::parse(&raw));
        insta::assert_snapshot!(name.clone(), lf);
        assert_eq!(shown(&mail::parse(&with_crlf(&raw))), lf, "{name} with CRLF");
    }
}

#[test]
fn a_mail_of_the_old_macintosh_is_read() {
    let message = mail::parse(b"Subject: Mac\rFrom: ann@acme.example\r\rOne\rTwo\r");
    assert_eq!((message.subject.as_str(), message.body.plain.as_deref()), ("Mac", Some("One\nTwo\n")));
}

#[test]
fn the_bytes_of_an_attachment_are_those_that_were_listed() {
    let raw = format!(
        "{HEADERS}\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQ=\n--b--\n"
    );
    let message = mail::parse(raw.as_bytes());
    let [file] = message.attachments.as_slice() else { panic!("{:?}", message.attachments) };
    assert_eq!((file.size, file.sha256), (8, mail::Digest::of(b"%PDF-1.4")));
    assert_eq!(attachment::bytes(raw.as_bytes(), file).as_deref(), Some(b"%PDF-1.4".as_slice()));
    assert_eq!(attachment::bytes(raw.replace("JVBE", "JVBF").as_bytes(), file), None);
    assert_eq!(attachment::bytes(b"another mail", file), None);
}

mod identity {
    use super::{HEADERS, TEXT, mail, with_crlf};
    use mailferry::mail::{self as mails, MessageKey};

    const BASE64: &str =
        "R3LDvMOfZSwKCmhlcmUgaXMgdGhlIHBsYW46IGZpcnN0IHdlIHJvdywgdGhlbiB3ZSBkcmlmdC4K\nCi0tIApBbm4gTGVlLCBBY21lCg==\n";
    const QUOTED: &str = "Gr=C3=BC=C3=9Fe,\n\nhere is the plan: first we row, =\nthen we drift.\n\n--=20\nAnn Lee, Acme\n";
    const FLOWED: &str = "Grüße,\n\nhere is the plan: first we row, \nthen we drift.\n\n-- \nAnn Lee, Acme\n";
    const FOOTER: &str = "_______________________________________________\nDev mailing list\nDev@lists.example\nhttps://lists.example/listinfo/dev\n";

    fn original() -> MessageKey {
        with(&format!("{HEADERS}\nContent-Type: text/plain; charset=utf-8"), TEXT)
    }

    fn with(headers: &str, body: &str) -> MessageKey {
        mail(headers, body).key
    }

    #[test]
    fn copies_that_transport_made_are_one_message() {
        let utf8 = "Content-Type: text/plain; charset=utf-8";
        let latin1: Vec<u8> =
            format!("{HEADERS}\nContent-Type: text/plain; charset=iso-8859-1\n\n{TEXT}").chars().map(|c| c as u8).collect();
        let copies = [
            ("Received", with(&format!("Received: by x; Mon, 1 Mar 2021 08:05:00 +0000\nX-Spam: no\n{HEADERS}\n{utf8}"), TEXT)),
            ("CRLF", mails::parse(&with_crlf(format!("{HEADERS}\n{utf8}\n\n{TEXT}").as_bytes())).key),
            ("base64", with(&format!("{HEADERS}\n{utf8}\nContent-Transfer-Encoding: base64"), BASE64)),
            ("quoted-printable", with(&format!("{HEADERS}\n{utf8}\nContent-Transfer-Encoding: quoted-printable"), QUOTED)),
            ("latin-1", mails::parse(&latin1).key),
            ("flowed", with(&format!("{HEADERS}\n{utf8}; format=flowed"), FLOWED)),
            ("another zone", with(&format!("{HEADERS}\n{utf8}").replace("09:05:00 +0100", "08:05:00 +0000"), TEXT)),
        ];
        for (what, key) in copies {
            assert_eq!(key, original(), "{what}");
        }
    }

    #[test]
    fn copies_that_lists_and_gateways_made_are_one_message() {
        let headers = format!("{HEADERS}\nContent-Type: text/plain; charset=utf-8");
        let munged = headers.replace("Ann Lee <ann@acme.example>", "Ann Lee via Dev <dev@lists.example>");
        let parts =
            format!("--m\nContent-Type: text/plain; charset=utf-8\n\n{TEXT}\n--m\nContent-Type: text/plain\n\n{FOOTER}\n--m--\n");
        let banner = "CAUTION: This email originated from outside of the organization. Do not click links.\n\n";
        let copies = [
            ("tag", with(&headers.replace("The plan", "[Dev] The plan"), TEXT)),
            ("footer", with(&headers, &format!("{TEXT}{FOOTER}"))),
            ("two footers", with(&headers, &format!("{TEXT}{FOOTER}{FOOTER}"))),
            ("footer as a part", with(&format!("{HEADERS}\nContent-Type: multipart/mixed; boundary=m"), &parts)),
            ("banner", with(&headers.replace("The plan", "[EXTERNAL] The plan"), &format!("{banner}{TEXT}"))),
            ("From taken by the list", with(&format!("{munged}\nReply-To: Ann Lee <ann@acme.example>"), TEXT)),
        ];
        for (what, key) in copies {
            assert_eq!(key, original(), "{what}");
        }
    }

    #[test]
    fn attachments_are_the_same_however_they_travel() {
        let part = |encoding: &str, data: &str| {
            let body = format!(
                "--m\n\n{TEXT}\n--m\nContent-Type: text/csv; name=a.csv\nContent-Transfer-Encoding: {encoding}\n\n{data}\n--m--\n"
            );
            with(&format!("{HEADERS}\nContent-Type: multipart/mixed; boundary=m"), &body)
        };
        let key = part("7bit", "a,b\n1,2");
        assert_eq!(part("base64", "YSxiDQoxLDINCg=="), key);
        assert_eq!(part("quoted-printable", "a,=\nb\n1,2"), key);
        assert_ne!(part("7bit", "a,b\n1,3"), key);
    }

    #[test]
    fn different_messages_under_one_id_stay_two() {
        let headers = format!("{HEADERS}\nContent-Type: text/plain; charset=utf-8");
        let others = [
            ("text", with(&headers, &TEXT.replace("row", "sail"))),
            ("more text below the signature", with(&headers, &format!("{TEXT}PS: bring oars\n"))),
            ("subject", with(&headers.replace("The plan", "The other plan"), TEXT)),
            ("date", with(&headers.replace("09:05:00", "09:05:01"), TEXT)),
            ("author", with(&headers.replace("ann@acme", "carl@acme"), TEXT)),
            ("id", with(&headers.replace("<plan@", "<plan2@"), TEXT)),
            ("file", with(&format!("{HEADERS}\nContent-Type: application/pdf"), TEXT)),
        ];
        for (what, key) in others {
            assert_ne!(key, original(), "{what}");
        }
    }

    #[test]
    fn without_an_id_the_content_alone_counts() {
        let headers = HEADERS.replace("\nMessage-ID: <plan@acme.example>", "");
        assert_eq!(with(&headers, TEXT), with(&format!("X-Seen: 1\nMessage-ID: <>\n{headers}"), TEXT));
        assert_ne!(with(&headers, TEXT), with(&headers, "Other\n"));
    }
}

mod bombs {
    use super::{HEADERS, mail};
    use mailferry::mail as mails;

    #[test]
    fn messages_within_messages_are_one_attachment() {
        let nested = "Content-Type: message/rfc822\n\n".repeat(60_000);
        let message = mail(&format!("{HEADERS}\nContent-Type: message/rfc822"), &nested);
        assert_eq!(message.subject, "The plan");
        assert_eq!(message.attachments.iter().map(|file| file.size).collect::<Vec<_>>(), [nested.len() as u64]);
    }

    #[test]
    fn multiparts_within_multiparts_end_at_a_bound() {
        let levels: String =
            (0..20_000).map(|level| format!("--b{level}\nContent-Type: multipart/mixed; boundary=b{}\n\n", level + 1)).collect();
        let message = mail(&format!("{HEADERS}\nContent-Type: multipart/mixed; boundary=b0"), &levels);
        assert_eq!(message.notes, ["parts nested deeper than the bound: kept as one attachment"]);
        assert_eq!(message.attachments.len(), 1);
    }

    #[test]
    fn a_million_of_anything_is_cut_and_the_message_stays() {
        let parts = |count: usize| format!("{HEADERS}\nContent-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\n\n".repeat(count));
        let many = 1_000_000;
        for (what, raw, note) in [
            ("headers", format!("{HEADERS}\n{}\ntext", "X: y\n".repeat(many)), "headers cut: more than the bound"),
            ("parts", parts(many), "parts cut: more than the bound"),
            ("addresses", format!("{HEADERS}\nCc: {}\n\ntext", "a@b.example,".repeat(many)), "headers cut: more than the bound"),
            ("ids", format!("{HEADERS}\nReferences: {}\n\ntext", "<a@b>".repeat(many)), "References cut: more ids than the bound"),
            (
                "encoded words",
                format!("{HEADERS}\nComments: x\nX-Subject: {}\n\ntext", "=?utf-8?q?a?= ".repeat(many)),
                "headers cut: more than the bound",
            ),
            (
                "open encoded words",
                format!("Subject: {}\n{HEADERS}\n\ntext", "=?utf-8?q?a".repeat(many)),
                "headers cut: more than the bound",
            ),
        ] {
            let message = mails::parse(raw.as_bytes());
            assert!(message.notes.iter().any(|found| found == note), "{what}: {:?}", message.notes);
            assert!(message.attachments.len() <= 1_000 && message.cc.len() <= 2_000 && message.references.len() <= 500, "{what}");
        }
    }

    #[test]
    fn comments_quotes_and_brackets_that_never_end_are_harmless() {
        for sign in ["(", "\"", "<", "[", "\\", "=?", ";", ":", "*0*=", "=", ","] {
            let value = sign.repeat(100_000);
            let headers = format!(
                "From: {value}\nTo: {value}\nSubject: {value}\nContent-Type: {value}\nDate: {value}\nReferences: {value}\nAuthentication-Results: {value}\nReceived: {value}"
            );
            assert_eq!(mail(&headers, "text").body.html, None, "{sign}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_at_all_are_a_message(raw in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let message = mail::parse(&raw);
        prop_assert_eq!(message.key, mail::parse(&raw).key);
    }

    #[test]
    fn a_damaged_sample_is_still_a_message(sample in any::<proptest::sample::Index>(), cuts in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8), 1..12)) {
        let samples = samples();
        let mut raw = samples[sample.index(samples.len())].1.clone();
        for (place, byte, what) in cuts {
            let place = place.index(raw.len().max(1)).min(raw.len().saturating_sub(1));
            match what {
                0 if !raw.is_empty() => raw[place] = byte,
                1 => raw.insert(place, byte),
                _ => raw.truncate(place.max(1)),
            }
        }
        let message = mail::parse(&raw);
        for file in &message.attachments {
            prop_assert_eq!(attachment::bytes(&raw, file).map(|bytes| bytes.len() as u64), Some(file.size));
        }
        let shows_nothing_hidden = |text: &str| !text.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
        prop_assert!(shows_nothing_hidden(&message.subject));
        prop_assert!(message.audience().all(|person| shows_nothing_hidden(&person.name) && shows_nothing_hidden(person.address.as_str())));
        prop_assert!(message.attachments.iter().filter_map(|file| file.name.as_deref()).all(|name| shows_nothing_hidden(name) && !name.contains('/')));
    }
}
