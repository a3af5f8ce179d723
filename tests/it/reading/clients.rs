//! Whole mails as the usual programs write them, in many languages: what a post shows of each, and how often that is right.
//!
//! The cases stand in `mail/`. Each has a class, and each class a share that must be right: what this version reaches.
//! `cargo test --test it reading::clients -- --nocapture` prints the shares and every mail that differs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mailferry::mail::{parse, text};

const FILES: &[&str] = &[
    include_str!("mail/answers.txt"),
    include_str!("mail/desktop.txt"),
    include_str!("mail/languages.txt"),
    include_str!("mail/machines.txt"),
    include_str!("mail/plain.txt"),
    include_str!("mail/webmail.txt"),
];

/// What every mail has, unless the case says otherwise.
const HEADERS: &str = "From: Bob Example <bob@ferry.example>\nTo: Ann Example <ann@acme.example>\n\
                       Date: Tue, 12 Mar 2024 10:20:30 +0100\nMessage-ID: <case@ferry.example>\nMIME-Version: 1.0\n";

/// The class of a case, how many of a hundred are shown exactly at least, and how many lose something at most.
const DEMANDS: &[(&str, usize, usize)] = &[("reply", 99, 0), ("between", 100, 0), ("forward", 100, 0), ("plain", 100, 0)];

struct Case {
    class: &'static str,
    name: &'static str,
    mail: String,
    shown: &'static str,
}

fn cases() -> Vec<Case> {
    FILES.iter().flat_map(|file| file.split("#### ").skip(1)).map(case).collect()
}

fn case(text: &'static str) -> Case {
    let (title, rest) = text.split_once('\n').expect("a case has a title");
    let (class, name) = title.split_once(" | ").expect("a case has a class");
    let (mail, shown) = rest.split_once("==== shown\n").expect("a case says what is shown");
    let subject = if mail.starts_with("Subject: ") { "" } else { "Subject: Re: case\n" };
    Case { class, name, mail: format!("{HEADERS}{subject}{mail}"), shown }
}

/// The lines with something on them; how many blank lines stand between them, quoted or not, is tested elsewhere.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).filter(|line| !line.trim_matches(['>', ' ']).is_empty()).collect()
}

/// How a class fared.
#[derive(Default)]
struct Score {
    cases: usize,
    exact: usize,
    lost: usize,
}

impl Score {
    fn share(&self, part: usize) -> f64 {
        100.0 * part as f64 / self.cases as f64
    }
}

#[test]
fn mail_of_every_program_shows_what_is_new() {
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut report = String::new();
    for Case { class, name, mail, shown } in cases() {
        let message = parse(mail.as_bytes());
        let reading = text::read_under(&message.subject, &message.body);
        let (got, wanted) = (lines(&reading.text), lines(shown));
        let seen: BTreeSet<&str> = got.iter().copied().collect();
        let lost = wanted.iter().any(|line| !seen.contains(line));
        let score = scores.entry(class).or_default();
        score.cases += 1;
        score.exact += usize::from(got == wanted);
        score.lost += usize::from(lost);
        if got != wanted {
            let how = if lost { "LOST" } else { "more" };
            let (wanted, got) = (wanted.join("\n"), got.join("\n"));
            writeln!(report, "## {how}: {class}, {name}\nwanted:\n{wanted}\ngot:\n{got}\nhidden:\n{}", reading.hidden).unwrap();
        }
    }
    println!("{report}");
    for (class, score) in &scores {
        let Score { cases, exact, lost } = score;
        println!(
            "{class}: exact {exact}/{cases} = {:.1} %, lost {lost} = {:.1} %, whole {:.1} %",
            score.share(*exact),
            score.share(*lost),
            score.share(cases - lost)
        );
    }
    let (cases, lost) = scores.values().fold((0, 0), |(cases, lost), score| (cases + score.cases, lost + score.lost));
    println!("all: {cases} mails, wanted text lost in {lost} = {:.1} %", 100.0 * lost as f64 / cases as f64);
    assert!(cases >= 200, "cases are gone");
    for (class, exact, lost) in DEMANDS {
        let score = &scores[class];
        assert!(100 * score.exact >= exact * score.cases, "{class}: fewer than {exact} % are exact\n{report}");
        assert!(100 * score.lost <= lost * score.cases, "{class}: more than {lost} % lose something\n{report}");
    }
}
