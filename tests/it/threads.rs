//! Which messages belong together, whatever the order in which they come.

use std::collections::{BTreeMap, BTreeSet};

use mailferry::mail::thread::{Links, MapMemory, links, place};
use mailferry::mail::{self, MessageKey, ThreadId};
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
        let Self { id, parents, subject, from, to, day, extra } = self;
        let (month, day) = (1 + day / 28, 1 + day % 28);
        let date = format!("{day} {} 2021 09:00:00 +0000", ["", "Jan", "Feb", "Mar", "Apr", "May", "Jun"][month as usize]);
        let message_id = if id.is_empty() { String::new() } else { format!("Message-ID: <{id}>\n") };
        links(&mail::parse(
            format!("From: {from}\nTo: {to}\nSubject: {subject}\nDate: {date}\n{message_id}References: {parents}\n{extra}\n\n{id} {day}\n").as_bytes(),
        ))
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
    fn hints_join_the_same_in_every_order(
        drafts in prop::collection::vec(any_draft(), 1..24),
        picks in prop::collection::vec(any::<Index>(), 24),
    ) {
        let mut seen: BTreeSet<MessageKey> = BTreeSet::new();
        let mails: Vec<Links> = drafts.iter().map(Draft::links).filter(|links| seen.insert(links.key)).collect();
        prop_assert_eq!(threads_of(&mails, order(mails.len(), &picks)), threads_of(&mails, 0..mails.len()));
    }
}
