//! Which messages belong together, whatever the order in which they come.

use std::collections::{BTreeMap, BTreeSet};

use mailferry::ledger::{Admission, Candidate, End, Ledger};
use mailferry::mail::thread::{Links, MapMemory, Reuse, Reuses, Turn, begins_anew, links, links_under, place};
use mailferry::mail::{self, Message, MessageKey, ThreadId};
use mailferry::position::{Position, SourceName};
use proptest::prelude::*;
use proptest::sample::Index;

/// A mail in few words.
#[derive(Clone, Debug)]
struct Draft {
    id: String,
    parents: String,
    subject: String,
    from: String,
    to: String,
    day: u32,
    extra: String,
}

fn draft(id: &str, parents: &str) -> Draft {
    Draft {
        id: id.into(),
        parents: parents.into(),
        subject: "Rowing on Friday".into(),
        from: "ann@acme.example".into(),
        to: "bob@ferry.example".into(),
        day: 1,
        extra: String::new(),
    }
}

impl Draft {
    fn subject(mut self, subject: &str) -> Self {
        self.subject = subject.into();
        self
    }

    fn people(mut self, from: &str, to: &str) -> Self {
        (self.from, self.to) = (from.into(), to.into());
        self
    }

    fn day(mut self, day: u32) -> Self {
        self.day = day;
        self
    }

    fn extra(mut self, header: &str) -> Self {
        self.extra = header.into();
        self
    }

    /// A reply as programs write it that name no parent.
    fn orphan(id: &str, day: u32) -> Self {
        draft(id, "").subject("Re: Rowing on Friday").people("bob@ferry.example", "ann@acme.example").day(day)
    }

    fn links(&self) -> Links {
        links(&self.message())
    }

    fn message(&self) -> Message {
        let Self { id, parents, subject, from, to, day, extra } = self;
        let (month, day) = (1 + day / 28, 1 + day % 28);
        let date = format!("{day} {} 2021 09:00:00 +0000", ["", "Jan", "Feb", "Mar", "Apr", "May", "Jun"][month as usize]);
        let message_id = if id.is_empty() { String::new() } else { format!("Message-ID: <{id}>\n") };
        mail::parse(
            format!("From: {from}\nTo: {to}\nSubject: {subject}\nDate: {date}\n{message_id}References: {parents}\n{extra}\n\n{id} {day}\n").as_bytes(),
        )
    }
}

/// The threads as sets of numbers of the mails.
fn threads_of(mails: &[Links], order: impl IntoIterator<Item = usize>) -> BTreeSet<BTreeSet<usize>> {
    let mut memory = MapMemory::default();
    for index in order {
        let Ok(thread) = place(&mails[index], &mut memory);
        memory.remember(mails[index].key, thread);
    }
    let mut threads: BTreeMap<ThreadId, BTreeSet<usize>> = BTreeMap::new();
    for (index, mail) in mails.iter().enumerate() {
        threads.entry(memory.thread_of(&mail.key).unwrap()).or_default().insert(index);
    }
    threads.into_values().collect()
}

/// Asserts how the mails fall into threads, as they come and backwards.
#[track_caller]
fn assert_threads(drafts: &[Draft], expected: &[&[usize]]) {
    let mails: Vec<Links> = drafts.iter().map(Draft::links).collect();
    let expected: BTreeSet<BTreeSet<usize>> = expected.iter().map(|thread| thread.iter().copied().collect()).collect();
    assert_eq!(threads_of(&mails, 0..mails.len()), expected, "{drafts:?}");
    assert_eq!(threads_of(&mails, (0..mails.len()).rev()), expected, "backwards: {drafts:?}");
}

#[test]
fn a_reply_joins_its_parent_and_its_root_that_nobody_saw() {
    let strangers = |id, parents| draft(id, parents).subject(id);
    assert_threads(&[strangers("a", "<root> <lost>"), strangers("b", "<root>"), strangers("c", "<other>")], &[&[0, 1], &[2]]);
}

#[test]
fn a_late_parent_joins_what_was_two_threads() {
    let mails = [draft("a", "").subject("a"), draft("c", "<b>").subject("c"), draft("b", "<a>").subject("b")];
    assert_threads(&mails, &[&[0, 1, 2]]);
}

#[test]
fn loops_and_mails_that_answer_themselves_are_harmless() {
    let mails = [draft("a", "<b>"), draft("b", "<c> <a>"), draft("c", "<a>"), draft("d", "<d>").subject("alone")];
    assert_threads(&mails, &[&[0, 1, 2], &[3]]);
}

#[test]
fn ids_that_name_nothing_join_nobody() {
    let one = |id, parents: &str| draft(id, parents).subject(id);
    let mails = [
        one("a", "<>"),
        one("b", "<> <x@protonmail.internalid>"),
        one("c", "<x@protonmail.internalid>"),
        one("", ""),
        one("e", " "),
    ];
    assert_threads(&mails, &[&[0], &[1], &[2], &[3], &[4]]);
}

#[test]
fn the_authors_address_among_the_references_is_no_message() {
    assert_threads(&[draft("a", "<ann@acme.example>"), draft("b", "<ann@acme.example>").subject("Else")], &[&[0], &[1]]);
}

#[test]
fn two_messages_of_one_id_are_one_thread() {
    assert_threads(&[draft("a", "").day(1), draft("a", "").day(2)], &[&[0, 1]]);
}

#[test]
fn a_reply_that_names_no_parent_joins_by_subject_people_and_time() {
    assert_threads(&[draft("a", "").day(1), Draft::orphan("b", 3)], &[&[0, 1]]);
    let prefixes = ["AW: ", "SV: ", "回复：", "[ferry] RE[2]: "];
    for prefix in prefixes {
        let orphan = Draft::orphan("b", 3).subject(&format!("{prefix}Rowing on Friday"));
        assert_threads(&[draft("a", ""), orphan], &[&[0, 1]]);
    }
}

#[test]
fn a_subject_alone_joins_nobody() {
    for other in [
        draft("no-reply", "").day(3),
        Draft::orphan("a-forward", 3).subject("Fwd: Rowing on Friday"),
        Draft { parents: "<else>".into(), ..Draft::orphan("of-another-parent", 3) },
        Draft::orphan("too-late", 40),
        Draft::orphan("of-strangers", 3).people("eve@else.example", "dora@ferry.example"),
        Draft::orphan("of-one-common-reader", 3).people("eve@else.example", "bob@ferry.example"),
        Draft::orphan("of-another-subject", 3).subject("Re: Rowing on Monday"),
        Draft::orphan("of-another-ticket", 3).subject("Re: [#12] Rowing on Friday"),
    ] {
        assert_threads(&[draft("a", "").day(1), other], &[&[0], &[1]]);
    }
    assert_threads(&[draft("a", "").day(10), Draft::orphan("before-its-parent", 1)], &[&[0], &[1]]);
    for subject in ["Hello", "Invoice", "(no subject)", "", "Hi"] {
        let orphan = Draft::orphan("b", 3).subject(&format!("Re: {subject}"));
        assert_threads(&[draft("a", "").subject(subject), orphan], &[&[0], &[1]]);
    }
}

#[test]
fn a_crowd_is_not_joined_by_subject() {
    let crowd: String = (0..12).map(|reader| format!("reader{reader}@ferry.example, ")).collect();
    let orphan = Draft::orphan("b", 3).people("reader1@ferry.example", &format!("{crowd} ann@acme.example"));
    assert_threads(&[draft("a", "").people("ann@acme.example", &crowd), orphan], &[&[0], &[1]]);
}

#[test]
fn a_subject_that_hundreds_share_joins_nobody_any_more() {
    let flood = (0..300).map(|index| draft(&format!("m{index}"), "").day(index % 10));
    let mails: Vec<Links> = flood.chain([Draft::orphan("answer", 9)]).map(|draft| draft.links()).collect();
    assert_eq!(threads_of(&mails, 0..mails.len()).len(), mails.len());
}

#[test]
fn outlooks_conversation_joins_a_reply_with_another_subject() {
    let index = "Thread-Index: AQIDBAUGEBESExQVFhcYGRobHB0eHw==";
    let other = "Thread-Index: AQIDBAUGEBESExQVFhcYGRobHB0eIA==";
    let first = draft("a", "").extra(index);
    let orphan = || Draft::orphan("b", 30).subject("RE: [External] Friday");
    assert_threads(&[first.clone(), orphan().extra(index)], &[&[0, 1]]);
    assert_threads(&[first.clone(), orphan().extra(other)], &[&[0], &[1]]);
    assert_threads(&[first, orphan().subject("Next year").extra(index)], &[&[0], &[1]]);
}

#[test]
fn one_conversation_of_outlook_is_known_in_both_layouts() {
    // The same GUID below `FILETIME >> 16`, and below 0x01 and `FILETIME >> 24`.
    let [classic, modern] =
        ["AdcNAgMEEBESExQVFhcYGRobHB0eHw==", "AQHXDQIDEBESExQVFhcYGRobHB0eHw=="].map(|index| format!("Thread-Index: {index}"));
    let orphan = || Draft::orphan("b", 30).subject("RE: Friday");
    assert_threads(&[draft("a", "").extra(&classic), orphan().extra(&modern)], &[&[0, 1]]);
    let nothing = "Thread-Index: AdcNAgMEAAAAAAAAAAAAAAAAAAAAAA==";
    assert_threads(&[draft("a", "").extra(nothing), orphan().extra(nothing)], &[&[0], &[1]]);
}

#[test]
fn a_support_address_among_the_references_is_no_message() {
    let ticket =
        |id: &str, header: &str| draft(id, "<desk@acme.example>").subject(id).extra(&format!("{header}: desk@acme.example"));
    assert_threads(&[ticket("a", "Reply-To"), ticket("b", "Sender"), ticket("c", "Bcc")], &[&[0], &[1], &[2]]);
}

/// An old talk of Ann and Bob, and what was made of it.
fn reused() -> Vec<Draft> {
    let ann_to_bob = |draft: Draft| draft.people("ann@acme.example", "bob@ferry.example");
    vec![
        ann_to_bob(draft("plan", "")),
        draft("answer", "<plan>").subject("Re: Rowing on Friday").people("bob@ferry.example", "ann@acme.example").day(2),
        // The same two have a new subject: they go on.
        draft("turn", "<plan> <answer>").subject("Sailing, rather").people("bob@ferry.example", "ann@acme.example").day(3),
        ann_to_bob(draft("after", "<plan> <answer> <turn>").subject("Re: Sailing, rather")).day(4),
        // Bob takes the old mail to write to Carl of something else, and Carl answers.
        draft("form", "<plan> <answer>").subject("New oars").people("bob@ferry.example", "carl@acme.example").day(50),
        draft("oars", "<plan> <answer> <form>").subject("Re: New oars").people("carl@acme.example", "bob@ferry.example").day(51),
        // Bob passes the talk on: it is still that talk.
        draft("passed", "<plan> <answer>")
            .subject("Fwd: Rowing on Friday")
            .people("bob@ferry.example", "dora@ferry.example")
            .day(5),
    ]
}

#[test]
fn a_reused_thread_is_split_where_that_is_wanted_and_else_joined() {
    let messages: Vec<Message> = reused().iter().map(Draft::message).collect();
    let under = |reuse| messages.iter().map(|message| links_under(message, reuse)).collect::<Vec<_>>();
    let (joined, split) = (under(Reuse::Joined), under(Reuse::Split));
    assert_eq!(threads_of(&joined, 0..7).len(), 1);
    let expected = BTreeSet::from([BTreeSet::from([0, 1, 2, 3, 6]), BTreeSet::from([4, 5])]);
    assert_eq!(threads_of(&split, 0..7), expected);
    assert_eq!(threads_of(&split, (0..7).rev()), expected);
}

#[test]
fn reused_threads_are_counted_in_any_order_and_copies_once() {
    let messages: Vec<Message> = reused().iter().map(Draft::message).collect();
    for order in [[0, 1, 2, 3, 4, 5, 6, 4], [4, 6, 5, 4, 3, 2, 1, 0]] {
        let mut reuses = Reuses::default();
        order.iter().for_each(|index| reuses.see(&messages[*index]));
        let examples: Vec<_> = reuses.examples.iter().map(|example| (example.subject.as_str(), example.answers.as_str())).collect();
        assert_eq!((reuses.count, examples), (1, vec![("New oars", "Re: Rowing on Friday")]));
    }
}

/// The threads of notmuch: components of ids, found the slow way.
fn components(mails: &[(usize, Vec<usize>)]) -> BTreeSet<BTreeSet<usize>> {
    let mut component: Vec<usize> = (0..32).collect();
    for (id, parents) in mails {
        for parent in parents {
            let (from, to) = (component[*parent], component[*id]);
            component.iter_mut().filter(|one| **one == from).for_each(|one| *one = to);
        }
    }
    let mut threads: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (index, (id, _)) in mails.iter().enumerate() {
        threads.entry(component[*id]).or_default().insert(index);
    }
    threads.into_values().collect()
}

/// A random order of so many mails.
fn order(count: usize, picks: &[Index]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..count).collect();
    picks.iter().take(count).map(|pick| left.remove(pick.index(left.len()))).collect()
}

fn any_draft() -> impl Strategy<Value = Draft> {
    let people = prop::sample::select(vec!["ann@acme.example", "bob@ferry.example", "carl@acme.example"]);
    let subject = prop::sample::select(vec!["Rowing", "Re: Rowing", "Re: Sailing", "Sailing", "Re: Hello"]);
    let parents = prop::collection::vec(0..20_usize, 0..2);
    (0..20_usize, parents, subject, people.clone(), people, 0..60_u32).prop_map(|(id, parents, subject, from, to, day)| {
        let parents: String = parents.iter().map(|parent| format!("<m{parent}> ")).collect();
        draft(&format!("m{id}"), &parents).subject(subject).people(from, to).day(day)
    })
}

/// A list's worth of talks: trees with lost messages, answers that name nobody, conversations of Outlook, ids that were
/// given twice, references that go in circles.
fn list(mut seed: u64) -> Vec<Draft> {
    let mut dice = |sides: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % sides
    };
    let person = |n: u64| format!("p{n}@acme.example");
    let mut drafts: Vec<Draft> = Vec::new();
    for n in 0..400_u64 {
        let (from, to) = (person(dice(6)), format!("{}, {}", person(dice(6)), person(dice(6))));
        let fresh =
            draft(&format!("m{n}@x"), "").subject(&format!("Talk of week {}", dice(40))).day(dice(150) as u32).people(&from, &to);
        let answered = (n > 0).then(|| drafts[dice(n) as usize].clone());
        drafts.push(match (dice(10), answered) {
            // An answer that names its parent and some of those before it, seen or not.
            (0..=4, Some(parent)) => {
                let chain = format!("{} <lost{}@x> <{}>", parent.parents, dice(200), parent.id);
                let named = if dice(2) == 0 { chain } else { format!("<{}>", parent.id) };
                Draft { parents: named, subject: format!("Re: {}", parent.subject), ..fresh }
            }
            (5, Some(parent)) => Draft {
                subject: format!("AW: {}", parent.subject),
                from: parent.to.split(", ").next().unwrap().into(),
                to: parent.from,
                day: parent.day + 3,
                ..fresh
            },
            (6, _) => fresh.extra(&format!("Thread-Index: AQIDBAUGEBESExQVFhcYGRobHB0e{}w==", ["H", "I", "J"][dice(3) as usize])),
            (7, Some(parent)) => Draft { id: parent.id, ..fresh },
            (8, _) => Draft { parents: format!("<m{}@x>", dice(400)), ..fresh },
            _ => fresh,
        });
    }
    drafts
}

/// The threads as the ledger places them, where the mails come in so many portions.
fn threads_of_a_ledger(mails: &[Links], order: &[usize], portions: usize) -> BTreeSet<BTreeSet<usize>> {
    let ledger = Ledger::scratch(None, || chrono::DateTime::UNIX_EPOCH);
    let candidate = |index: usize| {
        let position = Position { source: SourceName::new("list"), mailbox: "a".into(), place: index.to_string() };
        Admission::Message(Box::new(Candidate {
            links: mails[index].clone(),
            vault: String::new(),
            date: chrono::DateTime::UNIX_EPOCH,
            internal_date: None,
            arrived: None,
            sent: false,
            message_id: None,
            subject: String::new(),
            audience: Vec::new(),
            end: End::Internal,
            bound_for: Vec::new(),
            notes: Vec::new(),
            object: None,
            checkpoint: None,
            position,
        }))
    };
    for portion in order.chunks(order.len().div_ceil(portions)) {
        let batch: Vec<Admission> = portion.iter().map(|index| candidate(*index)).collect();
        ledger.admit(&batch).unwrap();
    }
    let mut threads: BTreeMap<ThreadId, BTreeSet<usize>> = BTreeMap::new();
    for (index, mail) in mails.iter().enumerate() {
        let thread = ledger.thread(&ledger.message(&mail.key).unwrap()).unwrap();
        threads.entry(thread).or_default().insert(index);
    }
    threads.into_values().collect()
}

#[test]
fn a_list_falls_into_the_same_threads_in_any_order_and_in_any_number_of_portions() {
    for seed in 1..=4_u64 {
        let mut seen = BTreeSet::new();
        let mails: Vec<Links> = list(seed).iter().map(Draft::links).filter(|links| seen.insert(links.key)).collect();
        let expected = threads_of(&mails, 0..mails.len());
        assert!(expected.len() > 20 && expected.iter().any(|thread| thread.len() > 20), "{}", expected.len());
        let mut shuffled: Vec<usize> = (0..mails.len()).collect();
        for portions in [1, 10, 97] {
            shuffled.sort_by_key(|index| mail::Digest::of(format!("{seed} {portions} {index}").as_bytes()));
            assert_eq!(threads_of(&mails, shuffled.iter().copied()), expected, "seed {seed}");
            assert_eq!(threads_of_a_ledger(&mails, &shuffled, portions), expected, "seed {seed}, {portions} portions");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn threads_are_the_components_of_the_ids_in_every_order(
        graph in prop::collection::vec((0..32_usize, prop::collection::vec(0..32_usize, 0..4)), 1..24),
        picks in prop::collection::vec(any::<Index>(), 24),
    ) {
        let named: Vec<Links> = graph.iter().enumerate().map(|(index, (id, parents))| {
            let parents: String = parents.iter().map(|parent| format!("<m{parent}> ")).collect();
            draft(&format!("m{id}"), &parents).subject(&format!("subject {index}")).links()
        }).collect();
        prop_assert_eq!(threads_of(&named, order(named.len(), &picks)), components(&graph));
    }

    #[test]
    fn reused_threads_are_split_the_same_in_every_order_and_as_the_two_messages_say(
        drafts in prop::collection::vec(any_draft(), 1..24),
        picks in prop::collection::vec(any::<Index>(), 24),
    ) {
        let mut seen: BTreeSet<MessageKey> = BTreeSet::new();
        let mut messages: Vec<Message> = drafts.iter().map(Draft::message).collect();
        messages.retain(|message| seen.insert(message.key));
        let mails: Vec<Links> = messages.iter().map(|message| links_under(message, Reuse::Split)).collect();
        prop_assert_eq!(threads_of(&mails, order(mails.len(), &picks)), threads_of(&mails, 0..mails.len()));
        // Two messages alone are split exactly where one names the other and begins anew.
        for (child, parent) in messages.iter().flat_map(|child| messages.iter().map(move |parent| (child, parent))) {
            let names_it = child.references.last() == parent.message_id.as_ref() && child.message_id != parent.message_id;
            if child.key != parent.key && names_it && parent.references.is_empty() {
                let pair = [child, parent].map(|message| links_under(message, Reuse::Split));
                let is_split = threads_of(&pair, 0..2).len() == 2;
                prop_assert_eq!(is_split, begins_anew(&Turn::of(child), &Turn::of(parent)), "{:?} {:?}", child, parent);
            }
        }
    }

    #[test]
    fn hints_join_the_same_in_every_order(
        drafts in prop::collection::vec(any_draft(), 1..24),
        picks in prop::collection::vec(any::<Index>(), 24),
    ) {
        let mut seen: BTreeSet<MessageKey> = BTreeSet::new();
        let mails: Vec<Links> = drafts.iter().map(Draft::links).filter(|links| seen.insert(links.key)).collect();
        prop_assert_eq!(threads_of(&mails, order(mails.len(), &picks)), threads_of(&mails, 0..mails.len()));
    }
}
