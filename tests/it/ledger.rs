//! The ledger on disk: what is admitted, what comes next, what adds up, who may open it.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use mailferry::delivery::{Attempt, ChannelName, DestinationName, Handle, Part, PartnerName, Reason, Receipt, Timeliness};
use mailferry::ledger::{Admission, Admitted, Bound, Candidate, Completeness, Cursor, End, Event, Ledger, LedgerError};
use mailferry::mail::thread::Links;
use mailferry::mail::{Address, Digest, MessageId, MessageKey, ObjectId};
use mailferry::position::{Checkpoint, Position, SourceName};
use proptest::prelude::*;

fn at(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_600_000_000 + day * 86_400, 0).unwrap()
}

fn key(name: &str) -> MessageKey {
    MessageKey::new(Digest::of(name.as_bytes()))
}

fn place(mailbox: &str, place: &str) -> Position {
    Position { source: SourceName::new("history"), mailbox: mailbox.into(), place: place.into() }
}

/// A message `name` of a day, naming `ids`, bound for Acme's channel.
fn message(name: &str, day: i64, position: Position, ids: &[&str]) -> Admission {
    let ids = ids.iter().filter_map(|id| MessageId::parse(id)).collect();
    Admission::Message(Box::new(Candidate {
        links: Links { key: key(name), ids, hints: Vec::new() },
        vault: format!("vault of {name}"),
        date: at(day),
        internal_date: None,
        arrived: None,
        sent: false,
        message_id: MessageId::parse(name),
        subject: name.into(),
        audience: vec![Address::normal("ann@acme.example")],
        end: End::Routed,
        bound_for: vec![Bound { partner: PartnerName::new("Acme"), destination: slack(), channel: acme() }],
        notes: Vec::new(),
        object: None,
        checkpoint: Some(Checkpoint(format!("after {}", position.place))),
        position,
    }))
}

fn slack() -> DestinationName {
    DestinationName::new("slack")
}

fn acme() -> ChannelName {
    ChannelName::new("ext-acme")
}

fn open(dir: &tempfile::TempDir) -> Ledger {
    patiently(|| Ledger::open(dir.path(), "the test", Utc::now))
}

/// Opens a ledger. Another test of this binary may be starting a process: between its fork and its exec that process holds
/// every lock that this one has just given back.
fn patiently(open: impl Fn() -> Result<Ledger, LedgerError>) -> Ledger {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match open() {
            Ok(ledger) => return ledger,
            Err(LedgerError::InUse { .. } | LedgerError::Unopenable { .. }) if Instant::now() < deadline => {
                std::thread::yield_now()
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn queue(ledger: &Ledger) -> Vec<MessageKey> {
    let page = ledger.next(&slack(), &acme(), &mut Cursor::default(), 100).unwrap();
    page.into_iter().map(|crossing| crossing.id.message).collect()
}

#[test]
fn a_batch_is_remembered_with_its_checkpoint_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&dir);
    let batch = [message("b", 2, place("x", "1"), &["b"]), message("a", 1, place("x", "2"), &["a"])];
    assert_eq!(ledger.admit(&batch).unwrap(), [Admitted::New, Admitted::New]);
    drop(ledger);
    let ledger = open(&dir);
    assert_eq!(ledger.checkpoint(&SourceName::new("history"), "x").unwrap(), Some(Checkpoint("after 2".into())));
    assert!(ledger.has(&place("x", "1")).unwrap() && !ledger.has(&place("x", "3")).unwrap());
    assert_eq!(queue(&ledger), [key("a"), key("b")], "in order of date, not of arrival");
    assert_eq!(ledger.channels_with_work().unwrap(), [(slack(), acme())]);
}

#[test]
fn one_message_at_many_positions_is_one_message() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&dir);
    let again = [message("a", 1, place("x", "1"), &["a"]), message("a", 1, place("y", "1"), &["a"])];
    assert_eq!(ledger.admit(&again).unwrap(), [Admitted::New, Admitted::Duplicate]);
    assert_eq!(ledger.admit(&again).unwrap(), [Admitted::Known, Admitted::Known]);
    let sums = ledger.sums().unwrap();
    assert_eq!((sums.messages, sums.duplicates, sums.add_up()), (1, 1, true));
    assert_eq!(queue(&ledger), [key("a")]);
}

#[test]
fn a_copy_is_known_by_what_the_account_calls_the_message_also_after_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    let object = |name: &str| ObjectId::new(Digest::of(name.as_bytes()));
    let named = |position: Position, called: &str| {
        let Admission::Message(candidate) = message("a", 1, position, &["a"]) else { panic!() };
        Admission::Message(Box::new(Candidate { object: Some(object(called)), ..*candidate }))
    };
    let copy =
        |position: Position, called: &str| Admission::Copy { position, object: object(called), sent: true, checkpoint: None };
    let ledger = open(&dir);
    // The message stands in an archive too, so that this account shows a copy of it with a name of its own.
    let batch = [message("a", 1, place("x", "1"), &["a"]), named(place("y", "1"), "first"), named(place("y", "2"), "second")];
    assert_eq!(ledger.admit(&batch).unwrap(), [Admitted::New, Admitted::Duplicate, Admitted::Duplicate]);
    assert!(ledger.holds(&object("first")).unwrap() && !ledger.holds(&object("third")).unwrap());
    drop(ledger);
    std::fs::remove_dir_all(dir.path().join("ledger")).unwrap();
    let ledger = open(&dir);
    let copies = [copy(place("z", "1"), "first"), copy(place("z", "2"), "second"), copy(place("z", "2"), "second")];
    assert_eq!(ledger.admit(&copies).unwrap(), [Admitted::Duplicate, Admitted::Duplicate, Admitted::Known]);
    let sums = ledger.sums().unwrap();
    assert_eq!((sums.messages, sums.duplicates, sums.add_up()), (1, 4, true));
    assert!(ledger.admit([&copy(place("z", "3"), "third")]).is_err(), "nothing is recorded of what is not known");
    assert!(!ledger.has(&place("z", "3")).unwrap());
}

#[test]
fn an_unreadable_position_is_counted_and_may_become_readable() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&dir);
    let unreadable = Admission::Unreadable { position: place("x", "1"), reason: "permission denied".into(), checkpoint: None };
    assert_eq!(ledger.admit([&unreadable]).unwrap(), [Admitted::Unreadable]);
    ledger.scanned(&SourceName::new("history"), Completeness::Complete).unwrap();
    let sums = ledger.sums().unwrap();
    assert_eq!((sums.sources[&SourceName::new("history")].unreadable, sums.add_up()), (1, true));
    assert_eq!(ledger.admit([&message("a", 1, place("x", "1"), &["a"])]).unwrap(), [Admitted::New]);
    assert_eq!(ledger.admit([&unreadable]).unwrap(), [Admitted::Known], "what was read stays read");
    let sums = ledger.sums().unwrap();
    assert_eq!((sums.sources[&SourceName::new("history")].unreadable, sums.messages, sums.add_up()), (0, 1, true));
}

#[test]
fn a_delivery_goes_through_its_states_and_leaves_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&dir);
    ledger.admit([&message("a", 1, place("x", "1"), &["a"])]).unwrap();
    let id = ledger.next(&slack(), &acme(), &mut Cursor::default(), 1).unwrap().remove(0).id;
    ledger.expand(&id, &[Part::Text(0), Part::File(0)], Timeliness::InTime).unwrap();
    let attempt = || Event::Attempted(Attempt { at: at(9), handle: Handle::new(""), root: None });
    assert!(matches!(ledger.record(&id, Part::Text(0), Event::Absent), Err(LedgerError::Illegal(_))));
    ledger.record(&id, Part::Text(0), attempt()).unwrap();
    drop(ledger);

    let ledger = open(&dir);
    assert_eq!(ledger.sums().unwrap().deliveries.in_flight, 1, "the intent survives");
    ledger.record(&id, Part::Text(0), Event::Delivered(Receipt { id: "7.000100".into() })).unwrap();
    let thread = ledger.thread(&ledger.message(&key("a")).unwrap()).unwrap();
    assert_eq!(ledger.root(&thread, &id).unwrap(), Some(Receipt { id: "7.000100".into() }));
    assert_eq!(queue(&ledger), [key("a")], "a file is still to come");
    ledger.record(&id, Part::File(0), attempt()).unwrap();
    ledger.record(&id, Part::File(0), Event::Rejected(Reason::new("destination", "too large"))).unwrap();
    assert!(queue(&ledger).is_empty());
    assert_eq!(ledger.sums().unwrap().messages_by_end.held, 1);
    assert_eq!(ledger.release(&id, "Dana").unwrap(), 1);
    assert_eq!(queue(&ledger), [key("a")]);
    assert_eq!(ledger.sums().unwrap().messages_by_end.pending, 1);
}

#[test]
fn threads_that_turn_out_to_be_one_keep_a_root() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&dir);
    ledger.admit(&[message("a", 1, place("x", "1"), &["a"]), message("c", 3, place("x", "2"), &["c", "b"])]).unwrap();
    let ids: Vec<_> = ledger.next(&slack(), &acme(), &mut Cursor::default(), 9).unwrap().into_iter().map(|c| c.id).collect();
    let thread = |name: &str| ledger.thread(&ledger.message(&key(name)).unwrap()).unwrap();
    assert_ne!(thread("a"), thread("c"));
    for (id, ts) in ids.iter().zip(["1.0", "3.0"]) {
        ledger.record(id, Part::Text(0), Event::Attempted(Attempt { at: at(9), handle: Handle::new(""), root: None })).unwrap();
        ledger.record(id, Part::Text(0), Event::Delivered(Receipt { id: ts.into() })).unwrap();
    }
    ledger.admit([&message("b", 2, place("x", "3"), &["b", "a"])]).unwrap();
    assert_eq!((thread("a"), thread("b")), (thread("c"), thread("c")), "the late parent joins them");
    let root = ledger.root(&thread("b"), &ids[0]).unwrap().unwrap();
    assert!(["1.0", "3.0"].contains(&root.id.as_str()), "a posted root is kept");
}

#[test]
fn a_second_process_is_told_who_holds_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let first = Ledger::open(dir.path(), "mailferry backfill", Utc::now).unwrap();
    let refused = Ledger::open(dir.path(), "mailferry status", Utc::now).unwrap_err().to_string();
    assert!(refused.contains("in use by mailferry backfill (process "), "{refused}");
    drop(first);
    drop(open(&dir));
}

#[test]
fn a_dry_run_changes_no_byte_of_the_state() {
    let dir = tempfile::tempdir().unwrap();
    open(&dir).admit([&message("a", 1, place("x", "1"), &["a"])]).unwrap();
    let before = image(dir.path());
    let scratch = Ledger::scratch(Some(patiently(|| Ledger::open_copy(dir.path(), "the test", Utc::now))), Utc::now);
    assert_eq!(scratch.admit([&message("a", 1, place("x", "1"), &["a"])]).unwrap(), [Admitted::Known]);
    assert_eq!(scratch.admit([&message("b", 2, place("x", "2"), &["b"])]).unwrap(), [Admitted::New]);
    assert_eq!(scratch.sums().unwrap().messages, 2);
    drop(scratch);
    assert_eq!(image(dir.path()), before);
    assert_eq!(open(&dir).sums().unwrap().messages, 1);
}

#[test]
fn an_approval_stands_as_it_was_first_given() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&dir);
    let acme = PartnerName::new("Acme");
    assert_eq!(ledger.approval(&acme).unwrap(), None);
    ledger.approve(&acme, "Dana", at(1)).unwrap();
    assert_eq!(ledger.approve(&acme, "Eve", at(2)).unwrap().by, "Dana");
}

fn any_event() -> impl Strategy<Value = Event> {
    let reason = || Reason::new("gate", "why");
    prop_oneof![
        3 => Just(Event::Attempted(Attempt { at: DateTime::UNIX_EPOCH, handle: Handle::new("F1"), root: None })),
        2 => Just(Event::Delivered(Receipt { id: "1.000100".into() })),
        2 => Just(Event::Absent),
        1 => Just(Event::Rejected(reason())),
        1 => Just(Event::Held(reason())),
        1 => Just(Event::Dropped(reason())),
        2 => Just(Event::Released),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_event_that_cannot_happen_is_an_error_and_changes_neither_ledger_nor_trail(
        events in proptest::collection::vec((0_u32..3, any_event()), 1..40),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(&dir);
        ledger.admit([&message("a", 1, place("x", "1"), &["a"])]).unwrap();
        let id = ledger.next(&slack(), &acme(), &mut Cursor::default(), 1).unwrap().remove(0).id;
        ledger.expand(&id, &[Part::Text(0), Part::File(0), Part::File(1)], Timeliness::InTime).unwrap();
        let parts = [Part::Text(0), Part::File(0), Part::File(1)];
        let trail = || std::fs::read(dir.path().join("audit.jsonl")).unwrap();
        for (part, event) in events {
            let part = parts[part as usize];
            let (before, written) = (ledger.crossing(&id).unwrap(), trail());
            let was = before.deliveries.iter().find(|delivery| delivery.part == part).unwrap().status.clone();
            match (was.next(event.clone()), ledger.record(&id, part, event)) {
                (Ok(next), Ok(after)) => {
                    let now = &after.deliveries.iter().find(|delivery| delivery.part == part).unwrap().status;
                    prop_assert_eq!(now, &next);
                    prop_assert!(trail().len() > written.len());
                }
                (Err(illegal), Err(LedgerError::Illegal(said))) => {
                    prop_assert_eq!(illegal, said);
                    prop_assert_eq!(ledger.crossing(&id).unwrap(), before);
                    prop_assert_eq!(trail(), written);
                }
                (state, ledger) => prop_assert!(false, "{state:?} {ledger:?}"),
            }
        }
        let stands = ledger.crossing(&id).unwrap();
        drop(ledger);
        std::fs::remove_dir_all(dir.path().join("ledger")).unwrap();
        prop_assert_eq!(open(&dir).crossing(&id).unwrap(), stands, "the trail alone tells the same");
    }
}

/// Every file below a directory with the digest of its bytes.
fn image(dir: &std::path::Path) -> Vec<(std::path::PathBuf, Digest)> {
    let files = walkdir::WalkDir::new(dir).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().to_owned(), Digest::of(&std::fs::read(entry.path()).unwrap()))).collect()
}
