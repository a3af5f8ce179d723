//! Whom a post shows as the author, and that no header makes the gates say anything else.

use mailferry::mail::{self, Message};
use mailferry::policy::gate::{Arrivals, Case, Loops, Origin, Verdict, judge};
use mailferry::policy::{Directory, Route, UnverifiedSenders, byline, route};

use crate::policy::directory;
use crate::support::project::{ARCHIVE, Project};

fn mail(headers: &str) -> Message {
    mail::parse(format!("{headers}\nSubject: The plan\nDate: Mon, 1 Mar 2021 09:05:00 +0100\n\nHello\n").as_bytes())
}

/// What a list at this address makes of a mail by Ann of this domain.
fn munged(list: &str, ann: &str) -> String {
    let id = list.replace('@', ".");
    format!(
        "From: Ann Lee via Dev <{list}>\nReply-To: Ann Lee <{ann}>\nX-Original-From: Ann Lee <{ann}>\nX-Original-Sender: {ann}\n\
         Sender: {ann}\nList-Id: Dev <{id}>\nTo: {list}"
    )
}

/// Author, list and remarks, as a post shows them.
fn shown(directory: &Directory, message: &Message) -> (String, Option<String>, Vec<String>) {
    let byline = byline(directory, message);
    let address = |person: mail::Correspondent| person.address.as_str().to_owned();
    (byline.author.map(address).unwrap_or_default(), byline.via.map(address), byline.remarks)
}

#[test]
fn the_author_behind_a_list_is_shown_with_the_list_beside_it() {
    let directory = directory();
    for (list, ann) in [
        ("dev@lists.test", "ann@stranger.test"),
        ("support@ourco.example", "ann@acme.example"),
        ("team@acme.example", "ann@mail.acme.example"),
    ] {
        let (author, via, remarks) = shown(&directory, &mail(&munged(list, ann)));
        assert_eq!((author.as_str(), via.as_deref(), remarks.len()), (ann, Some(list), 0), "{list}: {remarks:?}");
    }
}

#[test]
fn a_strangers_list_cannot_speak_for_us_or_for_a_partner() {
    let directory = directory();
    for ann in ["ann@acme.example", "boss@ourco.example"] {
        let (author, via, remarks) = shown(&directory, &mail(&munged("dev@evil.test", ann)));
        assert_eq!((author.as_str(), via), ("dev@evil.test", None));
        assert_eq!(remarks, [format!("dev@evil.test says that this is from Ann Lee <{ann}>, which nobody vouches for")]);
    }
}

#[test]
fn sender_and_reply_to_are_never_taken_for_the_author() {
    let headers = "From: Carl <carl@stranger.test>\nSender: ann@acme.example\nReply-To: ann@acme.example\nTo: us@ourco.example";
    assert_eq!(shown(&directory(), &mail(headers)), ("carl@stranger.test".to_owned(), None, Vec::new()));
}

#[test]
fn no_header_beside_from_to_and_cc_opens_a_channel() {
    // A mail among ourselves whose headers all name the partner.
    let among_us = mail(&munged("support@ourco.example", "ann@acme.example"));
    assert_eq!(route(&directory(), &among_us), Route::Internal);
    let Route::Unmapped(outsiders) = route(&directory(), &mail(&munged("dev@evil.test", "ann@acme.example"))) else { panic!() };
    assert_eq!(outsiders.len(), 1, "{outsiders:?}");
}

#[test]
fn who_is_vouched_for_is_from_and_not_the_author_behind_it() {
    let directory = directory();
    let origin = Origin { sent: false, unverified: UnverifiedSenders::Hold, trusted_servers: vec!["mx.ourco.example".into()] };
    let judged = |results: &str| {
        let headers = munged("dev@evil.test", "ann@acme.example").replace("To: dev@evil.test", "To: bob@acme.example");
        let message = mail(&format!("Authentication-Results: mx.ourco.example; {results}\n{headers}"));
        assert!(message.behind.is_some());
        judge(
            &Case {
                message: &message,
                origin: &origin,
                partner: &directory.partners()[0],
                directory: &directory,
                loops: &Loops::default(),
                arrivals: Arrivals::default(),
            },
            &[],
        )
    };
    let Verdict::Hold(reason) = judged("dmarc=pass header.from=acme.example; dkim=pass header.d=acme.example") else { panic!() };
    assert!(reason.text.contains("does not vouch that it is from dev@evil.test"), "{reason}");
    assert_eq!(judged("dmarc=pass header.from=evil.test"), Verdict::Pass);
}

#[test]
fn look_alikes_of_known_domains_are_said() {
    let directory = directory();
    let remarks = |headers: &str| shown(&directory, &mail(headers)).2;
    for (headers, remark) in [
        ("From: ann@acrne.example\nTo: us@ourco.example", "acrne.example looks like acme.example of Acme and is not"),
        (
            "From: ann@acme.example\nTo: us@ourc0.example",
            "ourc0.example looks like ourco.example of our own organisation and is not",
        ),
        (
            "From: ann@acme.example\nReply-To: ann@acmee.example\nTo: us@ourco.example",
            "acmee.example looks like acme.example of Acme and is not",
        ),
        (
            "From: \"ann@acme.example\" <eve@evil.test>\nTo: us@ourco.example",
            "the name of eve@evil.test holds another address: ann@acme.example",
        ),
    ] {
        assert_eq!(remarks(headers), [remark], "{headers}");
    }
    let homograph = remarks("From: ann@аcme.example\nTo: us@ourco.example");
    assert_eq!(homograph.len(), 2, "{homograph:?}");
    assert!(homograph[1].contains("xn--") && homograph[1].contains("reads аcme.example: its letters are of several scripts"));
    assert_eq!(remarks("From: ann@mail.acme.example\nTo: us@ourco.example\nCc: x@far.test"), Vec::<String>::new());
}

#[test]
fn a_post_says_who_stands_behind_the_list_and_what_to_beware_of() {
    let project = Project::new(ARCHIVE);
    let headers = munged("support@ourco.example", "ann@stranger.test").replace("To: support@ourco.example", "To: bob@acme.example");
    project.write("mail/a.mbox", format!("From x Mon Mar  1 10:00:00 2021\n{headers}\nCc: eve@acrne.example\nDate: Mon, 1 Mar 2021 09:05:00 +0100\nMessage-ID: <1@x>\nSubject: The plan\n\nHello\n\n"));
    project.run(&["backfill"]).well();
    let posts = project.json("channels/ext-acme-client/2021-03-01.json");
    let text = posts[0]["text"].as_str().unwrap();
    assert!(text.contains("Via: support@ourco.example\n"), "{text}");
    assert!(text.contains("Beware: acrne.example looks like acme.example of Acme and is not\n"), "{text}");
    let users = project.json("channels/users.json");
    let author = users.as_array().unwrap().iter().find(|user| user["id"] == posts[0]["user"]).unwrap();
    assert_eq!(author["profile"]["email"], "ann@stranger.test");
}
