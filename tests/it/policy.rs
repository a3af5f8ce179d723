//! Who a correspondent is, where a message may go, and what has to be asked before it is said.

use mailferry::delivery::{Approval, ChannelName, DestinationName, PartnerName, Reason};
use mailferry::mail::authentication::MethodResult;
use mailferry::mail::{Address, Attachment, AuthenticationResults, Correspondent, Digest, Message, parse};
use mailferry::policy::gate::{Carriage, Case, Origin, Verdict, carriage, judge, judge_partner};
use mailferry::policy::{
    Approvals, Claimant, Directory, DirectoryError, NdaRule, Organisation, Partner, Party, Route, Rules, Trust, UnverifiedSenders,
    route,
};
use proptest::prelude::*;

fn partner(name: &str, domains: &[&str], addresses: &[&str]) -> Partner {
    Partner {
        name: PartnerName::new(name),
        domains: domains.iter().map(ToString::to_string).collect(),
        addresses: addresses.iter().map(|address| Address::normal(address)).collect(),
        destination: DestinationName::new("archive"),
        channel: ChannelName::new(name.to_lowercase()),
        trust: Trust::NeedsApproval,
    }
}

fn ourselves() -> Organisation {
    Organisation {
        name: "Our Co".into(),
        domains: vec!["ourco.example".into()],
        addresses: vec![Address::normal("boss@gmail.com")],
    }
}

fn directory() -> Directory {
    let partners = vec![
        partner("Acme", &["ACME.example"], &["freelancer@gmail.com"]),
        partner("Globex", &["globex.example", "labs.acme.example"], &[]),
        partner("Initech", &["initech.example", "partners.ourco.example"], &["Guest@ourco.example"]),
    ];
    Directory::new(ourselves(), partners).unwrap()
}

fn party_of(directory: &Directory, address: &str) -> String {
    match directory.party(&Address::normal(address)) {
        Party::Ourselves => "ourselves".into(),
        Party::Partner(partner) => partner.name.to_string(),
        Party::Unmapped => "unmapped".into(),
    }
}

fn people(addresses: &[&str]) -> Vec<Correspondent> {
    addresses.iter().map(|address| Correspondent { name: String::new(), address: Address::normal(address) }).collect()
}

fn message(from: &[&str], to: &[&str], cc: &[&str]) -> Message {
    Message {
        from: people(from),
        to: people(to),
        cc: people(cc),
        sender: vec![],
        bcc: vec![],
        reply_to: vec![],
        authentication: vec![],
        ..parse(b"")
    }
}

#[test]
fn an_address_belongs_to_the_longest_domain_that_it_is_in_and_a_single_address_before_all() {
    let directory = directory();
    for (address, party) in [
        ("ann@acme.example", "Acme"),
        ("ann@Mail.ACME.example.", "Acme"),
        ("ann@deep.labs.acme.example", "Globex"),
        ("FREELANCER@GMail.com", "Acme"),
        ("stranger@gmail.com", "unmapped"),
        ("us@ourco.example", "ourselves"),
        ("us@eu.ourco.example", "ourselves"),
        ("Boss@gmail.com", "ourselves"),
        ("guest@ourco.example", "Initech"),
        ("x@partners.ourco.example", "Initech"),
        ("ann@notacme.example", "unmapped"),
        ("ann@acme.example.evil.example", "unmapped"),
        ("ann@example", "unmapped"),
        ("acme.example", "unmapped"),
        ("\"ann@acme.example\"@evil.example", "unmapped"),
    ] {
        assert_eq!(party_of(&directory, address), party, "{address}");
    }
}

#[test]
fn what_two_parties_claim_is_complained_of_each_time() {
    let partners = vec![
        partner("Acme", &["acme.example", "acme.example"], &["ann@mail.example"]),
        partner("Globex", &["Acme.Example", "ourco.example"], &["ANN@mail.example"]),
    ];
    let errors = Directory::new(ourselves(), partners).unwrap_err();
    let claimed: Vec<_> = errors
        .iter()
        .map(|error| match error {
            DirectoryError::Claimed { what, first, second } => format!("{what}: {first}, {second}"),
            DirectoryError::SharedProvider { domain, .. } => panic!("{domain}"),
        })
        .collect();
    assert_eq!(
        claimed,
        ["acme.example: Acme, Globex", "ourco.example: our own organisation, Globex", "ann@mail.example: Acme, Globex"]
    );
}

#[test]
fn a_shared_mail_provider_is_nobody_s_domain() {
    let organisation = Organisation { domains: vec!["Outlook.com".into()], ..ourselves() };
    let partners = vec![partner("Acme", &["gmail.com", "web.de", "acme.onmicrosoft.com", "live.acme.example"], &[])];
    let errors = Directory::new(organisation, partners).unwrap_err();
    let acme = || Claimant::Partner(PartnerName::new("Acme"));
    assert_eq!(
        errors,
        [
            DirectoryError::SharedProvider { domain: "outlook.com".into(), claimant: Claimant::Ourselves },
            DirectoryError::SharedProvider { domain: "gmail.com".into(), claimant: acme() },
            DirectoryError::SharedProvider { domain: "web.de".into(), claimant: acme() },
        ]
    );
}

#[test]
fn a_message_goes_to_each_partner_on_it_once_in_the_order_of_the_configuration() {
    let message =
        message(&["g@globex.example"], &["us@ourco.example", "ann@acme.example", "bob@acme.example"], &["x@other.example"]);
    assert_eq!(route(&directory(), &message), Route::Partners(vec![PartnerName::new("Acme"), PartnerName::new("Globex")]));
}

#[test]
fn bcc_sender_and_reply_to_open_no_channel() {
    let mut message = message(&["us@ourco.example"], &["them@ourco.example"], &[]);
    message.bcc = people(&["ann@acme.example"]);
    message.sender = people(&["ann@acme.example"]);
    message.reply_to = people(&["ann@acme.example"]);
    assert_eq!(route(&directory(), &message), Route::Internal);
}

#[test]
fn outsiders_without_a_partner_are_unmapped_each_named_once() {
    let message = message(&["x@other.example"], &["us@ourco.example", "y@other.example"], &["x@other.example"]);
    let strangers = ["x@other.example", "y@other.example"].map(Address::normal).to_vec();
    assert_eq!(route(&directory(), &message), Route::Unmapped(strangers));
}

#[test]
fn a_message_on_which_nobody_can_be_read_waits_for_a_person() {
    let Route::Unreadable(reason) = route(&directory(), &message(&["nobody"], &["undisclosed-recipients"], &[])) else { panic!() };
    assert!(reason.text.contains("nobody can be read"), "{reason}");
    assert_eq!(route(&directory(), &message(&["us@ourco.example"], &["undisclosed-recipients"], &[])), Route::Internal);
}

/// Addresses of every party, near misses included.
const PEOPLE: &[&str] = &[
    "us@ourco.example",
    "us@eu.ourco.example",
    "boss@gmail.com",
    "ann@acme.example",
    "Ann@mail.acme.example",
    "freelancer@gmail.com",
    "g@globex.example",
    "g@labs.acme.example",
    "i@initech.example",
    "i@partners.ourco.example",
    "guest@ourco.example",
    "stranger@gmail.com",
    "ann@notacme.example",
    "ann@acme.example.evil.example",
    "undisclosed-recipients",
];

fn some_people() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(PEOPLE), 0..5)
}

proptest! {
    #[test]
    fn a_message_goes_to_exactly_the_partners_who_stand_on_it(
        from in some_people(), to in some_people(), cc in some_people(), bcc in some_people(), reply_to in some_people(),
    ) {
        let directory = directory();
        let mut message = message(&from, &to, &cc);
        message.bcc = people(&bcc);
        message.reply_to = people(&reply_to);
        let routed = match route(&directory, &message) {
            Route::Partners(names) => names,
            Route::Internal | Route::Unmapped(_) | Route::Unreadable(_) => vec![],
        };
        let audience: Vec<_> = from.iter().chain(&to).chain(&cc).map(|address| party_of(&directory, address)).collect();
        for partner in directory.partners() {
            let is_on_it = audience.contains(&partner.name.to_string());
            let times = routed.iter().filter(|name| **name == partner.name).count();
            prop_assert_eq!(times, usize::from(is_on_it), "{}", partner.name);
            let verdict = judge(&Case { message: &message, origin: &lenient(), partner, directory: &directory }, &[]);
            prop_assert_eq!(verdict == Verdict::Pass, is_on_it, "the audience gate agrees");
        }
    }
}

fn lenient() -> Origin {
    Origin { sent: false, unverified: UnverifiedSenders::Allow, trusted_servers: vec![] }
}

fn strict() -> Origin {
    Origin { sent: false, unverified: UnverifiedSenders::Hold, trusted_servers: vec!["mx.ourco.example".into()] }
}

fn rules(approval: Approvals, nda: NdaRule) -> Rules {
    Rules { approval, nda, max_attachment_bytes: 1000 }
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
    let case = Case { message: &message, origin: &lenient(), partner: &directory.partners()[0], directory: &directory };
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
    let case = Case { message: &message, origin, partner: &directory.partners()[0], directory: &directory };
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
    let case = Case { message: &message, origin: &strict(), partner: &directory.partners()[0], directory: &directory };
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
    let case = Case { message: &message, origin: &strict(), partner: &directory.partners()[0], directory: &directory };
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
        let case = Case { message: &message, origin, partner: &directory.partners()[0], directory: &directory };
        assert_eq!(judge(&case, &[]) == Verdict::Pass, passes, "{from:?}");
    }
}

fn attachment(name: Option<&str>, media_type: &str, size: u64) -> Attachment {
    Attachment { name: name.map(Into::into), media_type: media_type.into(), size, sha256: Digest::of(b""), inline: false, part: 0 }
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
