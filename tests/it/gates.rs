//! What has to be asked before a message is said, and an attachment carried.

use std::sync::LazyLock;

use mailferry::delivery::{Approval, Reason};
use mailferry::mail::attachment::Fate;
use mailferry::mail::authentication::MethodResult;
use mailferry::mail::{Attachment, AuthenticationResults, Digest, Message};
use mailferry::policy::gate::{Arrivals, Carriage, Case, Loops, Origin, Verdict, carriage, judge, judge_partner};
use mailferry::policy::{Approvals, Directory, NdaRule, Rules, Trust, UnverifiedSenders};

use crate::policy::{directory, lenient, message, partner};

fn strict() -> Origin {
    Origin { sent: false, unverified: UnverifiedSenders::Hold, trusted_servers: vec!["mx.ourco.example".into()] }
}

fn rules(approval: Approvals, nda: NdaRule) -> Rules {
    Rules { approval, nda, max_attachment_bytes: 1000, loops: Loops::default() }
}

static LOOPS: LazyLock<Loops> = LazyLock::new(Loops::default);

/// A message on its way to the first partner, with the rules for loops that hold where nothing is configured.
fn case<'a>(message: &'a Message, origin: &'a Origin, directory: &'a Directory) -> Case<'a> {
    Case { message, origin, partner: &directory.partners()[0], directory, loops: &LOOPS, arrivals: Arrivals::default() }
}

fn reason(verdict: Verdict) -> Option<Reason> {
    match verdict {
        Verdict::Pass => None,
        Verdict::Hold(reason) | Verdict::Drop(reason) => Some(reason),
    }
}

#[test]
fn a_channel_opens_once_somebody_has_approved_the_partner_or_the_configuration_trusts_it() {
    let required = rules(Approvals::Required, NdaRule::NotRequired);
    let mut acme = partner("Acme Inc", &["acme.example"], &[]);
    let held = reason(judge_partner(&required, &acme, None)).unwrap();
    assert_eq!(held.gate, "approval");
    assert!(held.text.contains("mailferry approve \"Acme Inc\" --by YOU"), "{held}");
    let approval = Approval { by: "Ann".into(), at: chrono::DateTime::UNIX_EPOCH };
    assert_eq!(judge_partner(&required, &acme, Some(&approval)), Verdict::Pass);
    assert_eq!(judge_partner(&rules(Approvals::NotRequired, NdaRule::NotRequired), &acme, None), Verdict::Pass);
    acme.trust = Trust::ByRule;
    assert_eq!(judge_partner(&required, &acme, None), Verdict::Pass);
}

#[test]
fn where_an_nda_is_required_nobody_passes_without_one_trusted_or_not() {
    let mut acme = partner("Acme", &["acme.example"], &[]);
    acme.trust = Trust::ByRule;
    let held = reason(judge_partner(&rules(Approvals::NotRequired, NdaRule::Required), &acme, None)).unwrap();
    assert_eq!(held.gate, "nda");
}

#[test]
fn a_message_without_the_partner_s_people_is_dropped_and_no_release_helps() {
    let directory = directory();
    let message = message(&["us@ourco.example"], &["g@globex.example"], &[]);
    let origin = lenient();
    let case = case(&message, &origin, &directory);
    let Verdict::Drop(reason) = judge(&case, &["audience".into()]) else { panic!() };
    assert_eq!(reason.gate, "audience");
}

fn results(server: &str, methods: &[(&str, &str, &str, &str)]) -> AuthenticationResults {
    let method = |&(method, result, name, value): &(&str, &str, &str, &str)| MethodResult {
        method: method.into(),
        result: result.into(),
        properties: vec![(name.into(), value.into())],
    };
    AuthenticationResults { server: server.into(), methods: methods.iter().map(method).collect() }
}

/// What is said of a message from `ann@mail.acme.example` with these headers.
fn doubt_about(headers: Vec<AuthenticationResults>, origin: &Origin) -> Option<Reason> {
    let directory = directory();
    let mut message = message(&["ann@mail.acme.example"], &["us@ourco.example"], &[]);
    message.authentication = headers;
    let case = case(&message, origin, &directory);
    reason(judge(&case, &[]))
}

#[test]
fn a_sender_is_vouched_for_by_dmarc_or_by_aligned_dkim_or_spf() {
    for (method, passes) in [
        (("dmarc", "pass", "header.from", "mail.acme.example"), true),
        (("dmarc", "pass", "header.from", "acme.example"), true),
        (("dmarc", "pass", "header.from", "globex.example"), false),
        (("dmarc", "fail", "header.from", "mail.acme.example"), false),
        (("dkim", "pass", "header.d", "acme.example"), true),
        (("dkim", "pass", "header.i", "@news.acme.example"), true),
        (("dkim", "fail", "header.d", "acme.example"), false),
        (("dkim", "pass", "header.d", "labs.acme.example"), false),
        (("dkim", "pass", "header.d", "sender.example"), false),
        (("dkim", "pass", "header.d", "example"), false),
        (("dkim", "pass", "header.d", "notacme.example"), false),
        (("spf", "pass", "smtp.mailfrom", "bounce-7@Mail.acme.example"), true),
        (("spf", "pass", "smtp.helo", "mail.acme.example"), false),
        (("spf", "softfail", "smtp.mailfrom", "mail.acme.example"), false),
        (("arc", "pass", "header.d", "acme.example"), false),
    ] {
        let doubt = doubt_about(vec![results("mx.ourco.example", &[method])], &strict());
        assert_eq!(doubt.is_none(), passes, "{method:?}: {doubt:?}");
    }
}

#[test]
fn a_domain_that_the_configuration_gives_to_another_vouches_for_nobody() {
    let directory = directory();
    let mut message = message(&["ann@acme.example"], &["us@ourco.example"], &[]);
    message.authentication = vec![results("mx.ourco.example", &[("dkim", "pass", "header.d", "labs.acme.example")])];
    let origin = strict();
    let case = case(&message, &origin, &directory);
    assert!(reason(judge(&case, &[])).unwrap().text.contains("does not vouch that it is from ann@acme.example"));
}

#[test]
fn where_dmarc_failed_no_aligned_signature_helps() {
    let dkim = ("dkim", "pass", "header.d", "acme.example");
    let fail = ("dmarc", "fail", "header.from", "mail.acme.example");
    let none = ("dmarc", "none", "header.from", "mail.acme.example");
    assert!(doubt_about(vec![results("mx.ourco.example", &[dkim, fail])], &strict()).is_some());
    assert!(doubt_about(vec![results("mx.ourco.example", &[dkim, none])], &strict()).is_none());
}

#[test]
fn only_the_topmost_header_of_our_own_server_counts() {
    let pass = |server| results(server, &[("dmarc", "pass", "header.from", "mail.acme.example")]);
    let fail = results("mx.ourco.example", &[("dmarc", "fail", "header.from", "mail.acme.example")]);
    assert!(
        doubt_about(vec![pass("mx.evil.example")], &strict())
            .unwrap()
            .text
            .contains("no Authentication-Results of mx.ourco.example")
    );
    assert!(doubt_about(vec![fail.clone(), pass("mx.ourco.example")], &strict()).unwrap().text.contains("does not vouch"));
    assert!(doubt_about(vec![pass("mx.evil.example"), pass("mx.ourco.example"), fail], &strict()).is_none());
}

#[test]
fn without_a_trusted_server_the_hold_says_which_key_is_missing() {
    let origin = Origin { trusted_servers: vec![], ..strict() };
    let doubt = doubt_about(vec![results("mx.ourco.example", &[("dmarc", "pass", "header.from", "mail.acme.example")])], &origin);
    assert!(doubt.unwrap().text.contains("authserv_ids"));
}

#[test]
fn a_person_can_release_an_unverified_message() {
    let directory = directory();
    let message = message(&["ann@acme.example"], &["us@ourco.example"], &[]);
    let origin = strict();
    let case = case(&message, &origin, &directory);
    assert_eq!(reason(judge(&case, &[])).unwrap().gate, "authenticity");
    assert_eq!(judge(&case, &["authenticity".into()]), Verdict::Pass);
}

#[test]
fn what_we_sent_needs_no_voucher_but_only_in_the_mailbox_of_what_we_sent() {
    let directory = directory();
    let sent = Origin { sent: true, ..strict() };
    for (from, origin, passes) in [
        (&["us@ourco.example"][..], &sent, true),
        (&["us@ourco.example"], &strict(), false),
        (&["ann@acme.example"], &sent, false),
        (&["us@ourco.example", "ann@acme.example"], &sent, false),
        (&[], &sent, false),
    ] {
        let message = message(from, &["ann@acme.example"], &[]);
        let case = case(&message, origin, &directory);
        assert_eq!(judge(&case, &[]) == Verdict::Pass, passes, "{from:?}");
    }
}

fn attachment(name: Option<&str>, media_type: &str, size: u64) -> Attachment {
    Attachment {
        name: name.map(Into::into),
        media_type: media_type.into(),
        size,
        sha256: Digest::of(b""),
        inline: false,
        part: 0,
        content_id: None,
        fate: Fate::Carried,
        contents: Vec::new(),
    }
}

fn carried(attachment: &Attachment, head: &[u8]) -> Carriage {
    carriage(attachment, &rules(Approvals::Required, NdaRule::NotRequired), 2000, Some(head))
}

#[test]
fn what_runs_is_not_carried_whatever_it_calls_itself() {
    for (name, media_type, head) in [
        (Some("setup.exe"), "application/octet-stream", &b""[..]),
        (Some("invoice.pdf.exe"), "application/pdf", b"%PDF-1.7"),
        (Some("INVOICE.PDF.SCR "), "application/pdf", b""),
        (Some("a.exe. ."), "application/octet-stream", b""),
        (Some("a.exe:zone"), "application/octet-stream", b""),
        (Some("macros.XLSM"), "application/octet-stream", b"PK"),
        (Some("notes.one"), "application/octet-stream", b""),
        (None, "application/x-msdownload", b""),
        (Some("report"), "application/vnd.ms-word.document.macroenabled.12", b"PK"),
        (Some("photo.jpg"), "image/jpeg", b"MZ\x90\x00"),
        (Some("notes.txt"), "text/plain", b"#!/bin/sh\nrm"),
        (Some("data"), "application/octet-stream", b"\x7fELF\x02"),
        (None, "application/octet-stream", b"\xcf\xfa\xed\xfe"),
    ] {
        assert!(matches!(carried(&attachment(name, media_type, 10), head), Carriage::Stub(_)), "{name:?} {media_type}");
    }
}

#[test]
fn an_installer_is_told_from_the_office_files_that_share_its_container() {
    let mut container = vec![0; 2000];
    container[..8].copy_from_slice(&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
    container[30] = 9;
    container[48] = 1;
    let file = attachment(Some("letter.doc"), "application/msword", 10);
    assert_eq!(carried(&file, &container), Carriage::Carried);
    container[1104..1120].copy_from_slice(&[0x84, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46]);
    assert_eq!(carried(&file, &container), Carriage::Stub("it is a Windows installer".into()));
    container[48..52].copy_from_slice(&[0xff; 4]);
    assert_eq!(carried(&file, &container), Carriage::Carried);
}

#[test]
fn ordinary_files_are_carried_up_to_the_smaller_of_the_two_limits() {
    for name in ["plan.pdf", "exe", ".exe.txt", "a.docx", "Grüße.zip", "logo.svg", "v1.2"] {
        assert_eq!(carried(&attachment(Some(name), "application/octet-stream", 1000), b"\x89PNG"), Carriage::Carried, "{name}");
    }
    let large = attachment(Some("plan.pdf"), "application/pdf", 1001);
    assert_eq!(carried(&large, b""), Carriage::Stub("larger than 1000 bytes".into()));
}
