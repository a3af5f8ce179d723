//! Who a correspondent is, and where a message may go.

use mailferry::delivery::{ChannelName, DestinationName, PartnerName};
use mailferry::mail::{Address, Correspondent, Message, parse};
use mailferry::policy::gate::{Arrivals, Case, Loops, Origin, Verdict, judge};
use mailferry::policy::{
    Claimant, Directory, DirectoryError, Organisation, Partner, Party, Route, Trust, UnverifiedSenders, route,
};
use proptest::prelude::*;

pub(crate) fn partner(name: &str, domains: &[&str], addresses: &[&str]) -> Partner {
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

pub(crate) fn directory() -> Directory {
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

pub(crate) fn people(addresses: &[&str]) -> Vec<Correspondent> {
    addresses.iter().map(|address| Correspondent { name: String::new(), address: Address::normal(address) }).collect()
}

pub(crate) fn message(from: &[&str], to: &[&str], cc: &[&str]) -> Message {
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

pub(crate) fn lenient() -> Origin {
    Origin { sent: false, unverified: UnverifiedSenders::Allow, trusted_servers: vec![] }
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
            let verdict = judge(&Case { message: &message, origin: &lenient(), partner, directory: &directory, loops: &Loops::default(), arrivals: Arrivals::default() }, &[]);
            prop_assert_eq!(verdict == Verdict::Pass, is_on_it, "the audience gate agrees");
        }
    }
}
