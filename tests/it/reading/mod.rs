//! What a reader sees of a body, by mail program and language. The cases stand beside this file: tables, bodies between marks,
//! and whole mails.

mod clients;

use mailferry::mail::text::{Body, Stretch, read, read_under};
use proptest::prelude::*;

fn plain(text: &str) -> Body {
    Body { plain: Some(text.to_owned()), html: None }
}

fn html(source: &str) -> Body {
    Body { plain: None, html: Some(source.to_owned()) }
}

/// The rows of a table, without its comments.
fn rows(table: &'static str) -> Vec<&'static str> {
    let rows: Vec<_> = table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("# ")).collect();
    assert!(rows.len() > 20, "a table of cases is gone");
    rows
}

/// Name, body and what is shown of it.
fn cases(file: &'static str) -> Vec<(&'static str, &'static str, &'static str)> {
    let cases: Vec<_> = file
        .split("#### ")
        .skip(1)
        .map(|case| {
            let (name, rest) = case.split_once('\n').expect("a case has a name");
            let (body, shown) = rest.split_once("==== shown\n").expect("a case says what is shown");
            (name, body, shown)
        })
        .collect();
    assert!(cases.len() > 15, "a file of cases is gone");
    cases
}

fn compare(failures: &mut Vec<String>, name: &str, body: &Body, shown: &str) {
    let reading = read(body);
    if reading.text != shown {
        failures.push(format!("## {name}\nwanted:\n{shown}\ngot:\n{}\nhidden:\n{}", reading.text, reading.hidden));
    }
}

fn none(failures: &[String]) {
    assert!(failures.is_empty(), "{} cases differ\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn attributions_of_every_language_are_hidden_with_their_quote() {
    let mut failures = Vec::new();
    for row in rows(include_str!("attributions.txt")) {
        let (language, line) = row.split_once(" | ").unwrap();
        let attribution = line.replace('⏎', "\n");
        let above = format!("Fine.\n\n{attribution}\n\n> Does Monday suit you?\n> Ann\n");
        compare(&mut failures, &format!("{language}, answer above"), &plain(&above), "Fine.\n");
        let below = format!("{attribution}\n> Does Monday suit you?\n\nFine.\n");
        compare(&mut failures, &format!("{language}, answer below"), &plain(&below), "Fine.\n");
    }
    none(&failures);
}

#[test]
fn blocks_of_headers_of_every_language_hide_what_is_below() {
    let mut failures = Vec::new();
    for row in rows(include_str!("headers.txt")) {
        let columns: Vec<&str> = row.split(" | ").collect();
        let [language, from, sent, to, subject] = columns.as_slice() else { panic!("five columns: {row}") };
        let block = format!("{from}: Ann Example <ann@acme.example>\n{sent}: 01.01.2024 10:00\n{to}: Bob Example\n{subject}: Plan");
        compare(&mut failures, language, &plain(&format!("Fine.\n\n{block}\n\nDoes Monday suit you?\n")), "Fine.\n");
    }
    none(&failures);
}

#[test]
fn the_lines_of_mobile_programs_are_hidden() {
    let mut failures = Vec::new();
    for line in rows(include_str!("taglines.txt")) {
        compare(&mut failures, line, &plain(&format!("Fine.\n\n{line}\n")), "Fine.\n");
        let quoted = format!("Fine.\n\n{line}\n\nOn 1 Jan 2024, at 10:00, Ann <ann@acme.example> wrote:\n\n> Monday?\n");
        compare(&mut failures, line, &plain(&quoted), "Fine.\n");
    }
    none(&failures);
}

#[test]
fn plain_bodies_show_what_is_new() {
    let mut failures = Vec::new();
    for (name, body, shown) in cases(include_str!("bodies.txt")) {
        compare(&mut failures, name, &plain(body), shown);
    }
    none(&failures);
}

#[test]
fn html_bodies_show_what_is_new() {
    let mut failures = Vec::new();
    for (name, body, shown) in cases(include_str!("html.txt")) {
        compare(&mut failures, name, &html(body), shown);
    }
    none(&failures);
}

#[test]
fn a_subject_that_passes_a_message_on_shows_what_looks_like_history() {
    let body = plain("See below.\n\nFrom: Ann <ann@acme.example>\nSent: Monday\nTo: Bob\nSubject: Plan\n\nMonday?\n");
    assert_eq!(read(&body).text, "See below.\n");
    assert!(read_under("FW: Plan", &body).text.ends_with("Monday?\n"));
    assert_eq!(read_under("RE: FW: Plan", &body).text, "See below.\n");
}

#[test]
fn hidden_lines_stay_in_order() {
    let body = plain("[EXTERNAL]\n\nFine.\n\n-- \nBob\n\nOn 1 Jan 2024, at 10:00, Ann wrote:\n> Monday?\n");
    assert_eq!(read(&body).hidden, "[EXTERNAL]\n\n--\nBob\n\nOn 1 Jan 2024, at 10:00, Ann wrote:\n> Monday?\n");
}

#[test]
fn a_post_can_tell_quotes_from_answers_and_knows_what_is_hidden() {
    let body = plain("Hi,\n\nOn 1 Jan 2024, at 10:00, Ann wrote:\n> Monday?\n\nYes.\n\n> The room?\n> Large?\n\nTaken.\n");
    let reading = read(&body);
    let wanted = [
        Stretch::Own("Hi,\n\n"),
        Stretch::Quoted("> Monday?\n"),
        Stretch::Own("\nYes.\n\n"),
        Stretch::Quoted("> The room?\n> Large?\n"),
        Stretch::Own("\nTaken.\n"),
    ];
    assert_eq!(reading.stretches(), wanted);
    assert!(reading.hides_something());
    let whole = read(&plain("Yes.\n"));
    assert_eq!((whole.stretches().as_slice(), whole.hides_something()), ([Stretch::Own("Yes.\n")].as_slice(), false));
}

#[test]
fn html_beyond_the_bounds_is_read_all_the_same() {
    let deep = format!("{}deep{}", "<div><blockquote><ul><li>".repeat(20_000), "</div>".repeat(20_000));
    let wide = format!("<table>{}</table>", "<tr><td>a</td><td rowspan=99999999999999999999>b</td></tr>".repeat(60_000));
    let many = format!("<p>first</p>{}<p>last</p>", "<p>x".repeat(60_000));
    for (name, source, word) in [("deep", deep, "deep"), ("wide", wide, "a | b"), ("many", many, "last")] {
        let reading = read(&html(&source));
        assert!(reading.text.contains(word), "{name}: {}", reading.text.get(..80).unwrap_or(&reading.text));
        assert!(!reading.notes.is_empty(), "{name} says nothing about its size");
    }
}

#[test]
fn a_text_beyond_the_bounds_is_cut_and_says_so() {
    let reading = read(&plain(&"a line\n\n".repeat(60_000)));
    assert_eq!(reading.notes, ["text cut after 100000 lines"]);
    assert_eq!(reading.text.matches("a line").count(), 50_000);
}

#[test]
fn twenty_thousand_lines_that_each_begin_something_are_read_whole() {
    let attribution = "On Mon, Jan 1, 2024 at 10:00 AM Ann <ann@acme.example> wrote:\n";
    let bodies = [
        attribution.to_owned(),
        "On Mon, Jan 1, 2024 at 10:00 AM Ann <ann@acme.example>\n".to_owned(),
        "From: Ann <ann@acme.example>\nSent: 1 Jan 2024\n".to_owned(),
        "Ann\n01/02/2001 10:00\n\nTo\nBob\n".to_owned(),
        "-------- Neges Wreiddiol --------\na: b@acme.example\n".to_owned(),
        "> -----Original Message-----\nx\n".to_owned(),
        "--\nBob\n".to_owned(),
        "## reply above this line ##\nx\n".to_owned(),
        ">>>>> \"Ann\" == Ann <ann@acme.example> writes:\n".to_owned(),
        "_____\nplans mailing list\nhttps://acme.example/mailman/listinfo/plans\n".to_owned(),
    ];
    for body in bodies {
        let count = 20_000 / body.lines().count();
        let text = body.repeat(count);
        let reading = read(&plain(&text));
        assert_eq!(sorted_lines(&format!("{}\n{}", reading.text, reading.hidden)), sorted_lines(&text), "{body}");
        assert!(reading.notes.is_empty(), "{body}: {:?}", reading.notes);
    }
}

#[test]
fn long_lines_and_absurd_markup_keep_within_the_bounds() {
    let long = "a b ".repeat(2_500_000);
    let reading = read(&plain(&long));
    assert_eq!((reading.text.len(), reading.notes.len()), (8 * 1024 * 1024, 1));
    assert_eq!(read(&plain(&">".repeat(1_000_000))).hidden.len(), 1_000_001);
    let cell = "<tr><td colspan=18446744073709551615 rowspan=18446744073709551615>a</td><td>b</td></tr>";
    assert_eq!(read(&html(&format!("<table>{}</table>", cell.repeat(500)))).text.matches("a | b").count(), 500);
    for element in ["<div>", "<blockquote>", "<ul><li>", "<table><tr><td>", "<div style=\"font-size:0\">"] {
        let reading = read(&html(&format!("{}<p>deep", element.repeat(50_000))));
        assert!(reading.text.contains("deep") && !reading.notes.is_empty(), "{element}: {:?}", reading.notes);
    }
}

/// Lines that look like the things that rules look for, in any order.
fn lines_of_mail() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just(String::new()),
        "[a-zA-Z ,.:]{0,40}",
        "[> |:-]{0,6}[a-z ]{0,20}:?",
        Just("On Mon, 1 Jan 2024 at 10:00 Ann <ann@acme.example> wrote:".to_owned()),
        Just("Am 01.01.24 um 10:00 schrieb Ann:".to_owned()),
        Just("From: Ann <ann@acme.example>".to_owned()),
        Just("Sent: Monday".to_owned()),
        Just("To: Bob".to_owned()),
        Just("Subject: Plan".to_owned()),
        Just("-----Original Message-----".to_owned()),
        Just("---------- Forwarded message ---------".to_owned()),
        Just("-----BEGIN PGP SIGNATURE-----".to_owned()),
        Just("-----END PGP SIGNATURE-----".to_owned()),
        Just("CAUTION: external sender, do not click links".to_owned()),
        Just("Sent from my iPhone".to_owned()),
        Just("-- ".to_owned()),
        Just("```".to_owned()),
        Just("diff --git a/a b/a".to_owned()),
        Just("________________________________".to_owned()),
        Just("To unsubscribe from this list".to_owned()),
    ];
    proptest::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

fn sorted_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

proptest! {
    #[test]
    fn no_line_of_a_plain_body_is_lost(text in lines_of_mail()) {
        let reading = read(&plain(&text));
        prop_assert_eq!(sorted_lines(&format!("{}\n{}", reading.text, reading.hidden)), sorted_lines(&text));
    }

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        let _reading = read(&plain(&text));
    }

    #[test]
    fn any_markup_is_read(source in "(<[/!]?(div|p|td|table|tr|li|ul|a href=\"http://x\"|blockquote|pre|span style=\"display:none\"|style|img alt=x|script)?[ >]|&lt;|&#x?[0-9]{0,5};|[a-z <>\"=\u{fdd0}\u{202e}]){0,60}") {
        let reading = read(&html(&source));
        let unseen = reading.text.contains(['\u{202e}', '\u{fdd0}']);
        prop_assert!(!unseen);
    }

    #[test]
    fn what_is_shown_is_tidy(text in lines_of_mail()) {
        let reading = read(&plain(&text));
        let together: String = reading.stretches().into_iter().map(|stretch| match stretch {
            Stretch::Own(text) | Stretch::Quoted(text) => text,
        }).collect();
        prop_assert_eq!(&together, &reading.text);
        for side in [&reading.text, &reading.hidden] {
            prop_assert!(!side.contains("\n\n\n") && !side.starts_with('\n') && !side.ends_with("\n\n"));
            prop_assert!(side.lines().all(|line| line == line.trim_end()));
        }
    }
}
