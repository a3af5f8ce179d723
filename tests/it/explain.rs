//! `mailferry explain`: why a message is where it is.

use serde_json::{Value, json};

use crate::support::project::{ARCHIVE, Project, mail};

/// A thread with Acme of which a message is missing, one answer that names nobody, and mail for a partner that waits.
fn project() -> Project {
    let project = Project::new(ARCHIVE);
    let lost = mail("late", 3, "ann@acme.example", "bob@ourco.example", Some("lost"))
        .replace("<lost@test.example>", "<root@test.example> <lost@test.example>");
    let orphan = "From x Mon Mar  4 10:00:00 2021\nFrom: bob@ourco.example\nTo: ann@acme.example\nSubject: Re: about root\n\
                  Date: Thu, 30 Feb 2021 10:00:00 +0100\nReceived: by mx; Thu, 4 Mar 2021 10:00:00 +0000\nMessage-ID: <orphan@test.example>\n\n\
                  Yes.\n\n-- \nBob, Our Co\n\n";
    let mails = [
        mail("root", 1, "ann@acme.example", "bob@ourco.example", None),
        lost,
        orphan.to_owned(),
        mail("held", 6, "ida@initech.example", "bob@ourco.example", None),
        mail("inside", 7, "bob@ourco.example", "carol@ourco.example", None),
    ];
    project.write("mail/a.mbox", mails.concat());
    project.run(&["backfill"]).well();
    project
}

fn story(project: &Project, message: &str) -> Value {
    let explained = project.run(&["explain", "--json", message]).well().json();
    let [story] = explained.as_array().unwrap().as_slice() else { panic!("{explained}") };
    story.clone()
}

fn because(story: &Value) -> Vec<String> {
    story["thread"]["because"].as_array().unwrap().iter().map(|why| why.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_message_is_found_by_key_by_id_and_by_a_copy() {
    let project = project();
    let by_id = story(&project, "<root@test.example>");
    let key = by_id["message"].as_str().unwrap();
    assert_eq!(story(&project, &key[..10]), by_id);
    let copy = mail("root", 1, "ann@acme.example", "bob@ourco.example", None).split_once('\n').unwrap().1.replace('\n', "\r\n");
    project.write("copy.eml", copy);
    assert_eq!(story(&project, "copy.eml"), by_id);
    let none = project.run(&["explain", "nobody@test.example"]);
    assert!(none.code == Some(1) && none.stderr.contains("knows no message"), "{none:?}");
}

#[test]
fn the_thread_says_why() {
    let project = project();
    let root = story(&project, "root@test.example");
    assert_eq!(root["thread"]["messages"], 3);
    let reasons = because(&root);
    assert!(reasons.iter().any(|why| why.starts_with("it is named by ")), "{reasons:?}");
    assert!(reasons.iter().any(|why| why.contains("names no parent, but has the subject")), "{reasons:?}");
    let late = because(&story(&project, "late@test.example"));
    assert!(late.iter().any(|why| why.starts_with("it names ") && why.ends_with("“about root”")), "{late:?}");
    assert!(late.iter().any(|why| why.contains("never seen, the last of them <lost@test.example>")), "{late:?}");
    assert_eq!(because(&story(&project, "inside@test.example")), ["it names no other message, and none that was seen names it"]);
}

#[test]
fn dates_channels_gates_and_decisions_are_told() {
    let project = project();
    let orphan = story(&project, "orphan@test.example");
    assert_eq!(
        (&orphan["dates"]["clock"], &orphan["dates"]["why"], &orphan["dates"]["own"], &orphan["dates"]["used"]),
        (&json!("received"), &json!("it has no date that can be read"), &Value::Null, &json!("2021-03-04T10:00:00Z"))
    );
    assert!(orphan["hidden"].as_str().unwrap().contains("Bob, Our Co"));
    let way = &orphan["ways"][0];
    assert_eq!((&way["because"], &way["opened"]), (&json!(["ann@acme.example"]), &json!("trusted by the configuration")));
    assert_eq!((&way["parts"][0]["part"], &way["parts"][0]["state"]), (&json!("text 1"), &json!("delivered")));

    let held = story(&project, "held@test.example");
    assert_eq!(held["ways"][0]["parts"][0]["state"], "held");
    assert!(held["ways"][0]["gates"][0][1].as_str().unwrap().starts_with("hold: approval"));
    assert!(held["decisions"][0]["what"].as_str().unwrap().contains("held: approval"), "{}", held["decisions"]);
    project.run(&["approve", "Initech", "--by", "Dora"]).well();
    project.run(&["backfill"]).well();
    let open = story(&project, "held@test.example");
    assert!(open["ways"][0]["opened"].as_str().unwrap().starts_with("approved by Dora on "));
    assert!(open["decisions"].as_array().unwrap().iter().any(|entry| entry["what"].as_str().unwrap().contains("released")));

    let inside = story(&project, "inside@test.example");
    assert!(inside["end"].as_str().unwrap().starts_with("internal") && inside["ways"] == json!([]));
}

#[test]
fn people_read_the_same_in_their_own_form() {
    let told = project().run(&["explain", "orphan@test.example"]).well().stdout;
    for line in [
        "Id       orphan@test.example\n",
        "  on it  ann@acme.example: Acme\n",
        "; the sender's own is not used: it has no date that can be read\n",
        "Channel  #ext-acme-client in archive, for Acme: trusted by the configuration\n",
        "  gates  audience, authenticity, loops: pass\n",
        "Hidden   from the post:\n",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}
