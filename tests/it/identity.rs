//! One key for the copies of a message, two for two messages: mails, what transports do to them, and real changes, all
//! generated.

use std::fmt::Write as _;

use base64::Engine as _;
use mailferry::mail::{self, MessageKey};
use proptest::prelude::*;

/// A mail as its author wrote it.
#[derive(Clone, Debug)]
struct Draft {
    id: Option<String>,
    author: String,
    subject: String,
    second: u32,
    /// Lines of words; no line looks like a footer or a quote.
    text: Vec<String>,
    files: Vec<Vec<u8>>,
}

/// How bytes travel.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    EightBit,
    Quoted,
    Base64,
}

/// What happens to a mail on its way to one reader.
#[derive(Clone, Debug)]
struct Transport {
    encoding: Encoding,
    file_encoding: Encoding,
    latin: bool,
    flowed: bool,
    crlf: bool,
    received: u8,
    /// The list that it goes through: a tag, a footer, and perhaps the From line.
    list: Option<bool>,
    gateway: bool,
    /// It was kept in an mbox, which quotes lines that begin with `From `.
    in_mbox: bool,
    zone: i32,
}

const FOOTER: &str =
    "_______________________________________________\nDev mailing list\nDev@lists.example\nhttps://lists.example/listinfo/dev\n";

fn encode(bytes: &[u8], encoding: Encoding) -> (&'static str, Vec<u8>) {
    match encoding {
        Encoding::EightBit => ("8bit", bytes.to_vec()),
        Encoding::Base64 => {
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            ("base64", text.as_bytes().chunks(76).flat_map(|line| [line, b"\n"].concat()).collect())
        }
        Encoding::Quoted => {
            let mut out = String::new();
            for line in bytes.split(|byte| *byte == b'\n') {
                let mut width = 0;
                for (place, byte) in line.iter().enumerate() {
                    let is_last_space = place + 1 == line.len() && byte.is_ascii_whitespace();
                    let literal = (b' '..=b'~').contains(byte) && *byte != b'=' && !is_last_space;
                    let sign = if literal { char::from(*byte).to_string() } else { format!("={byte:02X}") };
                    if width + sign.len() > 70 {
                        out.push_str("=\n");
                        width = 0;
                    }
                    width += sign.len();
                    out.push_str(&sign);
                }
                out.push('\n');
            }
            out.pop();
            ("quoted-printable", out.into_bytes())
        }
    }
}

/// The bytes in Latin-1 where they fit in.
fn in_charset(text: &str, latin: bool) -> (&'static str, Vec<u8>) {
    let bytes = text.chars().map(|c| u8::try_from(u32::from(c))).collect::<Result<Vec<u8>, _>>();
    match bytes {
        Ok(bytes) if latin => ("iso-8859-1", bytes),
        _ => ("utf-8", text.as_bytes().to_vec()),
    }
}

impl Draft {
    /// The mail as it arrives.
    fn raw(&self, transport: &Transport) -> Vec<u8> {
        let mut head = String::new();
        for hop in 0..transport.received {
            writeln!(head, "Received: from x{hop} by mx; Tue, 2 Mar 2021 08:0{hop}:00 +0000\nX-Spam-Score: {hop}").unwrap();
        }
        let author = format!("{} <{}@acme.example>", self.author, self.author.to_lowercase());
        match transport.list {
            Some(true) => {
                writeln!(
                    head,
                    "From: {} via Dev <dev@lists.example>\nReply-To: {author}\nList-Id: <dev.lists.example>",
                    self.author
                )
            }
            _ => writeln!(head, "From: {author}"),
        }
        .unwrap();
        let tag = if transport.list.is_some() { "[Dev] " } else { "" };
        let tag = if transport.gateway { format!("[EXTERNAL] {tag}") } else { tag.to_owned() };
        writeln!(head, "Subject: {tag}{}\nTo: dev@lists.example", self.subject).unwrap();
        let at = chrono::DateTime::from_timestamp(1_614_585_900 + i64::from(self.second), 0).unwrap();
        let zone = chrono::FixedOffset::east_opt(transport.zone * 1800).unwrap();
        writeln!(head, "Date: {}\nMIME-Version: 1.0", at.with_timezone(&zone).to_rfc2822()).unwrap();
        if let Some(id) = &self.id {
            writeln!(head, "Message-ID: <{id}@acme.example>").unwrap();
        }
        let parts = self.parts(transport);
        let raw = match parts.as_slice() {
            [only] => [head.as_bytes(), only].concat(),
            parts => {
                let mut raw = format!("{head}Content-Type: multipart/mixed; boundary=edge\n\n").into_bytes();
                parts.iter().for_each(|part| raw.extend([b"--edge\n", part.as_slice(), b"\n"].concat()));
                raw.extend(b"--edge--\n");
                raw
            }
        };
        if transport.crlf { with_crlf(&raw) } else { raw }
    }

    fn parts(&self, transport: &Transport) -> Vec<Vec<u8>> {
        let mut text = String::new();
        if transport.gateway {
            text.push_str("CAUTION: This email originated from outside of the organization.\n\n");
        }
        for line in &self.text {
            // Flowed text is wrapped anew wherever a blank is.
            let line = if transport.flowed { line.replace(' ', " \n") } else { line.clone() };
            text.push_str(&line);
            text.push('\n');
        }
        if transport.list.is_some() {
            text.push_str(FOOTER);
        }
        if transport.in_mbox && matches!(transport.encoding, Encoding::EightBit) {
            text = text
                .lines()
                .map(|line| if line.starts_with("From ") { format!(">{line}\n") } else { format!("{line}\n") })
                .collect();
        }
        let (charset, bytes) = in_charset(&text, transport.latin);
        let (name, body) = encode(&bytes, transport.encoding);
        let flowed = if transport.flowed { "; format=flowed" } else { "" };
        let head = format!("Content-Type: text/plain; charset={charset}{flowed}\nContent-Transfer-Encoding: {name}\n\n");
        let mut parts = vec![[head.as_bytes(), &body].concat()];
        for (number, file) in self.files.iter().enumerate() {
            // What is not text goes in base64, whatever a transport likes best.
            let is_text = file.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\n');
            let (name, body) = encode(file, if is_text { transport.file_encoding } else { Encoding::Base64 });
            let head = format!(
                "Content-Type: application/octet-stream; name=\"f{number}\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: {name}\n\n"
            );
            parts.push([head.as_bytes(), &body].concat());
        }
        parts
    }

    fn key(&self, transport: &Transport) -> MessageKey {
        mail::parse(&self.raw(transport)).key
    }
}

fn with_crlf(raw: &[u8]) -> Vec<u8> {
    raw.iter().flat_map(|byte| if *byte == b'\n' { b"\r\n".to_vec() } else { vec![*byte] }).collect()
}

fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![4 => "[a-z]{2,9}", 1 => "[a-zäöüéñß]{2,9}", 1 => "[а-я]{3,8}", 1 => Just("Re:".to_owned()), 1 => "[A-Z][a-z]{1,6}[.,!?]"];
    prop::collection::vec(word, 1..9).prop_map(|words| words.join(" "))
}

fn draft() -> impl Strategy<Value = Draft> {
    let file = prop_oneof!["([a-z,;]{1,30}\n){1,5}[a-z]{1,9}".prop_map(String::into_bytes), prop::collection::vec(1_u8.., 3..200)];
    let line = prop_oneof![5 => words(), 1 => words().prop_map(|words| format!("From {words}"))];
    let id = prop::option::weighted(0.9, "[a-z0-9]{6,20}");
    let names = prop::sample::select(vec!["Ann", "Carl", "Dora"]);
    (id, names, words(), 0..86_400_u32, prop::collection::vec(line, 1..12), prop::collection::vec(file, 0..3)).prop_map(
        |(id, author, subject, second, text, mut files)| {
            // White space at the end of a file is what transports add and take.
            files.iter_mut().for_each(|file| file.push(b'.'));
            Draft { id, author: author.into(), subject: format!("Plan {}", subject.replace("Re:", "re")), second, text, files }
        },
    )
}

fn transport() -> impl Strategy<Value = Transport> {
    let encoding = || prop::sample::select(vec![Encoding::EightBit, Encoding::Quoted, Encoding::Base64]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (encoding(), encoding(), flags, 0..4_u8, prop::option::of(any::<bool>()), -24..28_i32).prop_map(
        |(encoding, file_encoding, (latin, flowed, crlf, gateway, in_mbox), received, list, zone)| Transport {
            encoding,
            file_encoding,
            latin,
            flowed,
            crlf,
            received,
            list,
            gateway,
            in_mbox,
            zone,
        },
    )
}

/// A change that makes another message of it.
#[derive(Clone, Copy, Debug)]
enum Change {
    Word,
    Line,
    Subject,
    Second,
    Author,
    Id,
    FileByte,
    File,
}

fn changed(mut draft: Draft, change: Change) -> Draft {
    match change {
        Change::Word => draft.text[0].push('x'),
        Change::Line => draft.text.push("PS: bring oars".into()),
        Change::Subject => draft.subject.push_str(" B"),
        Change::Second => draft.second += 1,
        Change::Author => draft.author = "Eve".into(),
        Change::Id => draft.id = Some(draft.id.map_or_else(|| "new".into(), |id| id + "x")),
        Change::FileByte if draft.files.is_empty() => draft.files.push(b"new".to_vec()),
        Change::FileByte => draft.files[0].push(b'!'),
        Change::File => draft.files.push(b"new".to_vec()),
    }
    draft
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn copies_have_one_key_whatever_way_they_came(draft in draft(), one in transport(), other in transport()) {
        prop_assert_eq!(draft.key(&one), draft.key(&other));
    }

    #[test]
    fn two_messages_have_two_keys_even_under_one_id(
        draft in draft(),
        change in prop::sample::select(vec![Change::Word, Change::Line, Change::Subject, Change::Second, Change::Author, Change::Id, Change::FileByte, Change::File]),
        one in transport(),
        other in transport(),
    ) {
        prop_assert_ne!(draft.key(&one), changed(draft.clone(), change).key(&other));
    }
}
