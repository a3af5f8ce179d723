//! What is posted of a message: its text, what is recovered of a turn that nobody has, its files once, and what it hides.

use std::collections::BTreeSet;

use mailferry::delivery::{ChannelName, DeliveryKey, DestinationName, Part, Timeliness};
use mailferry::destination::post::{Content, DatedBy, HiddenText, Letter, Outline, outline};
use mailferry::destination::{EmptyFiles, Limits};
use mailferry::mail::text::read_under;
use mailferry::mail::turn::{Lines, Said, unsaid};
use mailferry::mail::{self, Byline, Message};

use crate::support::ferry::{MBOX, project};
use crate::support::project::{ARCHIVE, Project, mail as mbox_mail};
use crate::support::slack::{FakeSlack, Fault, When};

const LIMITS: Limits = Limits {
    text_chars: 3_500,
    file_bytes: 1_000,
    empty_files: EmptyFiles::Refused,
    posts_per_second: None,
    workspace_posts_per_minute: None,
};

const ANSWER: &str = "Yes, let us do that.\n\nOn Mon, 1 Mar 2021 at 08:00, Bob <bob@ferry.example> wrote:\n\n\
                      > Shall we row or drift on Friday, and who\n> brings the oars along this time?\n\n-- \nAnn Lee, Acme\n";

fn answer(files: &[&str]) -> Message {
    let parts: String = files
        .iter()
        .enumerate()
        .map(|(n, text)| format!("--b\nContent-Type: text/csv; name=\"f{n}.csv\"\nContent-Disposition: attachment\n\n{text}\n"))
        .collect();
    let raw = format!(
        "From: Ann Lee <ann@acme.example>\nTo: bob@ferry.example\nSubject: Re: Rowing\nDate: Mon, 1 Mar 2021 09:05:00 +0100\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{ANSWER}\n{parts}--b--\n"
    );
    mail::parse(raw.as_bytes())
}

/// The outline where these attachments stand above and these lines are unsaid.
fn outlined(message: &Message, above: &[u32], unsaid: Option<Lines>, hidden: HiddenText) -> Outline {
    let reading = read_under(&message.subject, &message.body);
    let byline = Byline { author: message.author().cloned(), ..Byline::default() };
    let above = above.iter().copied().collect::<BTreeSet<_>>();
    let date = message.date.unwrap().to_utc();
    let letter = Letter {
        message,
        byline: &byline,
        reading: &reading,
        date,
        dated_by: DatedBy::Sender,
        timeliness: Timeliness::InTime,
        stubs: &[],
        above: &above,
        unsaid,
        hidden,
        links: 0,
    };
    outline(&letter, &LIMITS)
}

fn key(part: Part) -> DeliveryKey {
    DeliveryKey::of(&answer(&[]).key, &DestinationName::new("slack"), &ChannelName::new("acme"), part)
}

#[test]
fn a_turn_that_nobody_said_follows_as_a_quotation_of_its_own() {
    let message = answer(&[]);
    let reading = read_under(&message.subject, &message.body);
    let lines = unsaid(&reading.hidden, &Said::default()).unwrap();
    let outline = outlined(&message, &[], Some(lines), HiddenText::InVault);
    assert_eq!(outline.parts(), [Part::Text(0), Part::Quote(lines)]);
    let post = outline.quote(lines, key(Part::Quote(lines))).unwrap();
    let Content::Text { text, number, of } = post.content else { panic!() };
    assert_eq!((number, of), (2, 2));
    insta::assert_snapshot!(text, @r"
    [Quoted in this message and found nowhere else in the thread:]
    On Mon, 1 Mar 2021 at 08:00, Bob <bob@ferry.example> wrote:

    > Shall we row or drift on Friday, and who
    > brings the oars along this time?
    ");
    let Content::Text { of, .. } = outline.text(0, key(Part::Text(0))).unwrap().content else { panic!() };
    assert_eq!(of, 2, "the text says that something follows");
}

#[test]
fn a_quotation_says_the_same_in_every_run_and_never_nothing() {
    let message = answer(&[]);
    for lines in [Lines { first: 0, count: 3 }, Lines { first: 900, count: 5 }, Lines { first: u32::MAX, count: u32::MAX }] {
        let outline = outlined(&message, &[], Some(lines), HiddenText::InVault);
        let post = outline.quote(lines, key(Part::Quote(lines))).unwrap();
        assert_eq!(Some(post), outlined(&message, &[], Some(lines), HiddenText::AsFile).quote(lines, key(Part::Quote(lines))));
        assert_eq!(outline.quote(Lines { first: 7, count: 7 }, key(Part::Hidden)), None);
    }
}

#[test]
fn a_file_is_posted_once_and_then_referred_to() {
    let message = answer(&["a,b", "c,d", "a,b"]);
    let first = outlined(&message, &[], None, HiddenText::InVault);
    assert_eq!(first.parts(), [Part::Text(0), Part::File(0), Part::File(1)]);
    let digest = message.attachments[0].sha256;
    let line = |what: &str, name: &str| format!("[{what}: {name} · 3 B · SHA-256 {digest}]");
    assert!(first.texts[0].ends_with(&line("File posted once with this message", "f2.csv")), "{}", first.texts[0]);
    let later = outlined(&message, &[0, 2], None, HiddenText::InVault);
    assert_eq!(later.parts(), [Part::Text(0), Part::File(1)]);
    for name in ["f0.csv", "f2.csv"] {
        assert!(later.texts[0].contains(&line("File posted above", name)), "{}", later.texts[0]);
    }
    assert_eq!((first.stubbed, later.stubbed), (0, 0));
}

#[test]
fn a_file_over_the_bound_is_named_with_size_digest_and_reason_even_where_it_came_before() {
    let large = "x".repeat(2_000);
    let message = answer(&[&large]);
    let outline = outlined(&message, &[0], None, HiddenText::InVault);
    let digest = message.attachments[0].sha256;
    let stub = format!("[File not carried: f0.csv · 2.0 kB · SHA-256 {digest} · the channel takes files up to 1.0 kB]");
    assert!(outline.texts[0].ends_with(&stub), "{}", outline.texts[0]);
    assert_eq!((outline.files.len(), outline.stubbed), (0, 1));
}

#[test]
fn what_is_hidden_is_the_last_part_where_that_is_wanted() {
    let message = answer(&["a,b"]);
    let outline = outlined(&message, &[], None, HiddenText::AsFile);
    assert_eq!(outline.parts(), [Part::Text(0), Part::File(0), Part::Hidden]);
    let Content::File { name, media_type, bytes, .. } = outline.hidden(key(Part::Hidden)).unwrap().content else { panic!() };
    assert_eq!((name.as_str(), media_type.as_str()), ("quoted history and signature.txt", "text/plain"));
    assert!(String::from_utf8(bytes).unwrap().contains("> brings the oars along this time?\n"));
    let plain = mail::parse(b"From: ann@acme.example\nDate: Mon, 1 Mar 2021 09:05:00 +0100\n\nHello\n");
    assert_eq!(outlined(&plain, &[], None, HiddenText::AsFile).parts(), [Part::Text(0)], "nothing is hidden");
}

#[test]
fn the_keys_of_all_parts_differ() {
    let parts = [Part::Text(0), Part::Text(1), Part::File(0), Part::Hidden]
        .into_iter()
        .chain([(0, 1), (1, 0), (1, 1)].map(|(first, count)| Part::Quote(Lines { first, count })));
    let keys: Vec<_> = parts.map(key).collect();
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
}

#[test]
fn a_thread_that_turns_out_to_go_on_in_another_one_says_so_once_and_nothing_is_moved() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    let first = mbox_mail("here", 1, "ann@acme.example", "bob@ourco.example", None)
        + &mbox_mail("there", 2, "ann@acme.example", "bob@ourco.example", None);
    project.write("mail/a.mbox", &first);
    project.run(&["backfill"]).well();
    let both = mbox_mail("both", 3, "bob@ourco.example", "ann@acme.example", Some("here"))
        .replace("References: <here@test.example>", "References: <there@test.example> <here@test.example>");
    let later = mbox_mail("later", 4, "ann@acme.example", "bob@ourco.example", Some("both"));
    project.write("mail/a.mbox", first + &both + &later);
    for _ in 0..2 {
        project.run(&["backfill"]).well();
        let world = slack.world();
        let messages = &world.channel("ext-acme").messages;
        assert_eq!(messages.len(), 5, "two roots, two answers, one pointer");
        let pointer = messages.iter().find(|message| message.text.contains("goes on in another one")).unwrap();
        let answers: Vec<_> = messages
            .iter()
            .filter(|message| message.text.contains("The words of both.") || message.text.contains("The words of later."))
            .collect();
        let roots: Vec<_> =
            messages.iter().filter(|message| message.thread_ts.is_none()).map(|message| message.ts.as_str()).collect();
        assert_eq!(roots.len(), 2, "nothing is moved");
        let (from, to) = (pointer.thread_ts.as_deref().unwrap(), answers[0].thread_ts.as_deref().unwrap());
        assert!(answers.iter().all(|answer| answer.thread_ts.as_deref() == Some(to)), "both answers are in one thread");
        assert!(from != to && roots.contains(&from) && roots.contains(&to), "the pointer is in the other");
        assert!(pointer.text.contains("about both"), "it says which message: {}", pointer.text);
    }
    project.run(&["reconcile"]).well();
}

#[test]
fn files_on_shared_drives_are_listed_as_such() {
    let raw =
        "From: ann@acme.example\nDate: Mon, 1 Mar 2021 09:05:00 +0100\n\nThe plan: https://drive.google.com/file/d/1a2b3c/view\n";
    let outline = outlined(&mail::parse(raw.as_bytes()), &[], None, HiddenText::InVault);
    let last = outline.texts.last().unwrap().lines().last().unwrap();
    assert_eq!(last, "[On a shared drive, not carried: Google Drive · https://drive.google.com/file/d/1a2b3c/view]");
}

#[test]
fn a_backfill_posts_what_is_hidden_as_a_file_where_the_configuration_says_so() {
    for (setting, files) in [("vault", 0), ("file", 1)] {
        let project = Project::new(&format!("{ARCHIVE}[posts]\nhidden = \"{setting}\"\n"));
        let raw = "From x Mon Mar  1 10:00:00 2021\nFrom: ann@acme.example\nTo: bob@ourco.example\nSubject: Rowing\n\
                   Message-ID: <1@x>\nDate: Mon, 1 Mar 2021 09:05:00 +0100\n\nYes.\n\n-- \nAnn Lee, Acme\n\n";
        project.write("mail/a.mbox", raw);
        for _ in 0..2 {
            project.run(&["backfill"]).well();
            let posts = project.json("channels/ext-acme-client/2021-03-01.json");
            let posts = posts.as_array().unwrap();
            assert_eq!(posts.len(), 1 + files, "{setting}");
            assert_eq!(posts.iter().filter(|post| post["files"].is_array()).count(), files);
        }
    }
}

#[test]
fn a_plan_points_out_threads_that_were_reused_and_the_setting_splits_them() {
    let mail = |id: &str, from: &str, to: &str, subject: &str, day: u32, parent: &str| {
        format!(
            "From x Mon Mar  1 10:00:00 2021\nFrom: {from}\nTo: {to}\nSubject: {subject}\nMessage-ID: <{id}>\nReferences: {parent}\nDate: {day} Mar 2021 09:05:00 +0100\n\nText of {id}.\n\n"
        )
    };
    let mailbox = [
        mail("1@x", "ann@acme.example", "bob@ourco.example", "Rowing", 1, ""),
        mail("2@x", "bob@ourco.example", "carl@acme.example", "New oars", 9, "<1@x>"),
    ];
    for (split, threads) in [(false, 1), (true, 2)] {
        let project = Project::new(&format!("{ARCHIVE}[threads]\nsplit_on_new_subject = {split}\n"));
        project.write("mail/a.mbox", mailbox.concat());
        let plan = project.run(&["plan", "--json"]).well().json();
        let expected = serde_json::json!({"messages": 1, "split": split, "examples": [{"subject": "New oars", "answers": "Rowing"}], "cut": false});
        assert_eq!(plan["reused_threads"], expected);
        let told = project.run(&["plan"]).well().stdout;
        assert!(told.contains("Threads  1 answers have a new subject and other people"), "{told}");
        project.run(&["backfill"]).well();
        let days = ["2021-03-01", "2021-03-09"].map(|day| project.json(&format!("channels/ext-acme-client/{day}.json")));
        let roots = days.iter().flat_map(|day| day.as_array().unwrap()).filter(|post| post["parent_user_id"].is_null()).count();
        assert_eq!(roots, threads, "split: {split}");
    }
}

/// A mail of an mbox with this body.
fn boxed(id: &str, parents: &str, from: &str, to: &str, day: u32, body: &str) -> String {
    format!(
        "From x Mon Mar  1 10:00:00 2021\nFrom: {from}\nTo: {to}\nSubject: Re: Rowing\nMessage-ID: <{id}>\nReferences: {parents}\nDate: {day} Mar 2021 09:05:00 +0100\n{body}\n\n"
    )
}

const BOB: &str = "bob@ourco.example";
const ANN: &str = "ann@acme.example";
const ASKED: &str = "Shall we row or drift on Friday, and who brings the oars along this time?";

/// Ann answers what Bob asked, and then again; both quote him.
fn answers() -> String {
    let quoted = format!("Yes.\n\nOn Mon, 1 Mar 2021 at 08:00, Bob <bob@ourco.example> wrote:\n\n> {ASKED}\n");
    let first = boxed("2@x", "<1@x>", ANN, BOB, 2, &format!("\n{quoted}"));
    first + &boxed("3@x", "<1@x> <2@x>", ANN, BOB, 3, &format!("\nAnd once more: {quoted}"))
}

fn texts(slack: &FakeSlack) -> Vec<String> {
    slack.world().channel("ext-acme").messages.iter().map(|message| message.text.clone()).collect()
}

#[test]
fn a_turn_that_was_never_in_the_mailbox_is_recovered_once_in_its_thread() {
    for is_there in [false, true] {
        let slack = FakeSlack::start();
        let project = project(&slack, MBOX);
        let asked = boxed("1@x", "", BOB, ANN, 1, &format!("\n{ASKED}\n"));
        project.write("mail/a.mbox", if is_there { asked + &answers() } else { answers() });
        project.run(&["backfill"]).well();
        let said = texts(&slack).iter().filter(|text| text.contains("who brings the oars")).count();
        let recovered = texts(&slack).iter().filter(|text| text.contains("found nowhere else in the thread")).count();
        assert_eq!((said, recovered), (1, usize::from(!is_there)), "{:?}", texts(&slack));
    }
}

#[test]
fn what_was_begun_goes_on_as_it_began_though_the_thread_has_changed_since() {
    let slack = FakeSlack::start();
    // The first text of Ann stands, and then the run ends before her quotation.
    slack.world().faults.on("chat.postMessage", 2, Fault::error(When::Before, "token_revoked"));
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", answers());
    assert_eq!(project.run(&["backfill"]).code, Some(1));
    // Now Bob's own mail comes to light.
    project.write("mail/b.mbox", boxed("1@x", "", BOB, ANN, 1, &format!("\n{ASKED}\n")));
    project.run(&["backfill"]).well();
    let texts = texts(&slack);
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("1/2")) && texts.iter().any(|text| text.contains("2/2")), "{texts:?}");
    assert_eq!(texts.iter().filter(|text| text.contains("found nowhere else")).count(), 1, "{texts:?}");
    project.run(&["backfill"]).well();
    assert_eq!(slack.world().channel("ext-acme").messages.len(), 4);
}

#[test]
fn a_file_that_comes_again_in_a_thread_is_referred_to() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    let with_file = |text: &str| {
        format!(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n{text}\n--b\nContent-Type: text/csv; name=plan.csv\nContent-Disposition: attachment\n\n1,2\n--b--\n"
        )
    };
    let mails = [
        boxed("1@x", "", BOB, ANN, 1, &with_file("The plan.")),
        boxed("2@x", "<1@x>", ANN, BOB, 2, &with_file("The same plan.")),
        boxed("9@x", "", ANN, BOB, 3, &with_file("Another talk.")).replace("Re: Rowing", "Else"),
    ];
    project.write("mail/a.mbox", mails.concat());
    project.run(&["backfill"]).well();
    let world = slack.world();
    let messages = &world.channel("ext-acme").messages;
    assert_eq!(messages.iter().filter(|message| !message.files.is_empty()).count(), 2, "once in each thread");
    let referring: Vec<_> =
        messages.iter().filter(|message| message.text.contains("[File posted above: plan.csv · 3 B · SHA-256 ")).collect();
    assert!(referring.len() == 1 && referring[0].text.contains("The same plan."), "{messages:?}");
}
