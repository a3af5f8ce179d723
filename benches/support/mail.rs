//! Mail for the benchmarks: made up, the same in every run, of the size and shape of business mail (about 5 kB: replies
//! with quoted history, HTML beside plain text, a file now and then).

use std::fmt::Write as _;

/// A small linear congruential generator (Knuth's MMIX constants): the same mail in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const WORDS: [&str; 24] = [
    "the",
    "delivery",
    "of",
    "contract",
    "and",
    "invoice",
    "we",
    "agreed",
    "on",
    "monday",
    "review",
    "schedule",
    "please",
    "confirm",
    "attached",
    "draft",
    "pricing",
    "for",
    "quarter",
    "signature",
    "team",
    "will",
    "send",
    "shipment",
];

fn prose(dice: &mut Dice, words: u64) -> String {
    let mut text = String::new();
    for n in 0..words {
        text.push_str(WORDS[dice.below(WORDS.len() as u64) as usize]);
        text.push_str(if n % 11 == 10 { ".\r\n" } else { " " });
    }
    text
}

/// The n-th message, CRLF line ends.
pub(crate) fn message(n: u64) -> String {
    let mut dice = Dice::new(n);
    let partner = ["acme", "globex", "initech"][(n / 7 % 3) as usize];
    let day = 1 + n / 400 % 28;
    let mut mail = format!(
        "Received: from mx.{partner}.example by mx.ourco.example with ESMTPS id {n:08}; Mon, {day} Mar 2021 10:{:02}:{:02} +0100\r\n\
         From: Ann Example <ann@{partner}.example>\r\nTo: Bob <bob@ourco.example>, carol@ourco.example\r\n\
         Subject: {}Delivery schedule {}\r\nDate: Mon, {day} Mar 2021 10:{:02}:{:02} +0100\r\nMessage-ID: <bench-{n}@{partner}.example>\r\n",
        n / 60 % 60,
        n % 60,
        if n.is_multiple_of(7) { "" } else { "Re: " },
        n / 7,
        n / 60 % 60,
        n % 60,
    );
    if !n.is_multiple_of(7) {
        let root = n - n % 7;
        write!(mail, "In-Reply-To: <bench-{}@{partner}.example>\r\nReferences: <bench-{root}@{partner}.example>\r\n", n - 1)
            .unwrap();
    }
    mail.push_str("MIME-Version: 1.0\r\n");
    let quoted = prose(&mut dice, 200).replace("\r\n", "\r\n> ");
    let words = 120 + dice.below(300);
    let plain = format!(
        "{}\r\n\r\nOn Mon, Mar {day}, 2021, Bob <bob@ourco.example> wrote:\r\n> {quoted}\r\n-- \r\nAnn\r\n",
        prose(&mut dice, words)
    );
    match n % 10 {
        0..5 => write!(mail, "Content-Type: text/plain; charset=utf-8\r\n\r\n{plain}").unwrap(),
        5..9 => {
            let words = 120 + dice.below(200);
            let html = prose(&mut dice, words).replace("\r\n", "</p>\r\n<p>");
            write!(
                mail,
                "Content-Type: multipart/alternative; boundary=b{n}\r\n\r\n--b{n}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{plain}\r\n\
                 --b{n}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>{html}</p></body></html>\r\n--b{n}--\r\n"
            )
            .unwrap();
        }
        _ => {
            let mut file = String::new();
            for _ in 0..120 {
                for _ in 0..19 {
                    write!(file, "{:04x}", dice.below(65_536)).unwrap();
                }
                file.push_str("\r\n");
            }
            write!(
                mail,
                "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{plain}\r\n\
                 --b{n}\r\nContent-Type: application/pdf; name=plan-{n}.pdf\r\nContent-Disposition: attachment; filename=plan-{n}.pdf\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n{file}\r\n--b{n}--\r\n"
            )
            .unwrap();
        }
    }
    mail
}
