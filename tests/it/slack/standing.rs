//! Posts that stand: what people did with them, how they are taken back, and which there are in a thread.

use super::*;
use crate::support::slack::{Fault, When};

const REPLIES: &str = "conversations.replies";

/// A thread of ours: two texts and a file.
struct Thread {
    slack: FakeSlack,
    destination: SlackDestination,
    channel: ChannelId,
    root: Receipt,
    reply: Receipt,
    share: Receipt,
    handle: Handle,
}

async fn thread() -> Thread {
    let (slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m1", "first")).await.unwrap();
    let reply = send(&destination, &channel, Some(&root), &text("m2", "second")).await.unwrap();
    let post = file("plan.pdf", b"x");
    let handle = destination.prepare(&post).await.unwrap();
    let share = destination.post(&channel, Some(&root), &post, &handle).await.unwrap();
    Thread { slack, destination, channel, root, reply, share, handle }
}

impl Thread {
    async fn regard(&self, receipt: &Receipt) -> Result<Regard, Failure> {
        let root = (*receipt != self.root).then_some(&self.root);
        self.destination.regard(&self.channel, root, receipt).await
    }

    async fn retract(&self, receipt: &Receipt, handle: &Handle) -> Result<(), Failure> {
        self.destination.retract(&self.channel, receipt, handle).await
    }

    async fn standing(&self) -> Vec<Standing> {
        self.destination.thread(&self.channel, &self.root).await.unwrap()
    }

    fn answer(&self, text: &str) -> String {
        self.slack.world().answer(self.channel.as_str(), &self.root.id, text)
    }

    fn react(&self, receipt: &Receipt, name: &str) {
        self.slack.world().react(self.channel.as_str(), &receipt.id, name);
    }
}

fn answered(what: &str) -> Result<Regard, Failure> {
    Ok(Regard::Answered(what.to_owned()))
}

#[tokio::test]
async fn our_own_posts_are_no_answers_and_those_of_people_are() {
    let thread = thread().await;
    for receipt in [&thread.root, &thread.reply, &thread.share] {
        assert_eq!(thread.regard(receipt).await, Ok(Regard::Untouched));
    }
    thread.answer("thanks");
    assert_eq!(thread.regard(&thread.root).await, answered("1 reply"));
    thread.answer("one more thing");
    thread.react(&thread.root, "eyes");
    assert_eq!(thread.regard(&thread.root).await, answered("2 replies, 1 reaction"));
    assert_eq!(thread.regard(&thread.reply).await, Ok(Regard::Untouched), "an answer is to the thread");
    thread.react(&thread.reply, "eyes");
    thread.react(&thread.reply, "+1");
    assert_eq!(thread.regard(&thread.reply).await, answered("2 reactions"));
}

#[tokio::test]
async fn what_was_deleted_is_gone_even_where_its_thread_goes_on() {
    let thread = thread().await;
    thread.retract(&thread.reply, &no_handle()).await.unwrap();
    assert_eq!(thread.regard(&thread.reply).await, Ok(Regard::Gone));
    thread.retract(&thread.root, &no_handle()).await.unwrap();
    assert_eq!(thread.regard(&thread.root).await, Ok(Regard::Gone));
    assert_eq!(thread.regard(&thread.share).await, Ok(Regard::Untouched));
    thread.retract(&thread.share, &thread.handle).await.unwrap();
    for receipt in [&thread.root, &thread.share] {
        assert_eq!(thread.regard(receipt).await, Ok(Regard::Gone));
    }
    assert!(thread.slack.world().channel("ext-acme").messages.is_empty());
}

#[tokio::test]
async fn a_lookaround_changes_nothing() {
    let thread = thread().await;
    thread.slack.world().calls.clear();
    thread.regard(&thread.root).await.unwrap();
    thread.standing().await;
    let world = thread.slack.world();
    assert!(world.calls.iter().all(|call| matches!(call.method.as_str(), "auth.test" | REPLIES)), "{:?}", world.calls);
    assert_eq!(world.calls_of("auth.test").len(), 1, "who we are is asked once");
}

#[tokio::test]
async fn answers_are_counted_over_all_pages() {
    let thread = thread().await;
    for n in 0..40 {
        thread.answer(&format!("answer {n}"));
    }
    thread.slack.world().page_max = 15;
    assert_eq!(thread.regard(&thread.root).await, answered("40 replies"));
    assert_eq!(thread.slack.world().calls_of(REPLIES).len(), 3);
}

#[tokio::test]
async fn a_thread_lists_our_posts_in_order_with_their_keys_and_files() {
    let thread = thread().await;
    thread.answer("thanks");
    let post = |receipt: &Receipt, key: Option<&str>, files: &[&str]| Standing {
        receipt: receipt.clone(),
        key: key.map(str::to_owned),
        files: files.iter().map(|file| (*file).to_owned()).collect(),
    };
    let expected = [
        post(&thread.root, Some(&text("m1", "").key.to_string()), &[]),
        post(&thread.reply, Some(&text("m2", "").key.to_string()), &[]),
        post(&thread.share, None, &[thread.handle.as_str()]),
    ];
    assert_eq!(thread.standing().await, expected);
    thread.slack.world().page_max = 1;
    assert_eq!(thread.standing().await, expected, "page by page");
    thread.retract(&thread.root, &no_handle()).await.unwrap();
    assert_eq!(thread.standing().await, expected[1..], "without its root");
    assert_eq!(thread.destination.thread(&thread.channel, &Receipt { id: "1.000001".to_owned() }).await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_answer_that_was_cut_or_refused_is_never_a_list_or_a_regard() {
    let thread = thread().await;
    for fault in [
        Fault::HangUp(When::After),
        Fault::HalfAnswer,
        Fault::page(When::Before, 502),
        Fault::Answer(When::Before, 200, r#"{"ok":true}"#.to_owned()),
        Fault::Answer(When::Before, 200, r#"{"ok":true,"messages":[],"has_more":true}"#.to_owned()),
        Fault::error(When::Before, "internal_error"),
    ] {
        thread.slack.world().faults.on_next(REPLIES, fault.clone());
        let list = thread.destination.thread(&thread.channel, &thread.root).await;
        assert!(matches!(list, Err(Failure::Transient(_))), "{fault:?}: {list:?}");
        thread.slack.world().faults.on_next(REPLIES, fault.clone());
        let regard = thread.regard(&thread.root).await;
        assert!(matches!(regard, Err(Failure::Transient(_))), "{fault:?}: {regard:?}");
    }
    thread.slack.world().is_limited = true;
    assert!(matches!(thread.regard(&thread.root).await, Err(Failure::Refused(_))), "the plan hides answers");
    thread.slack.world().faults.on_next(REPLIES, Fault::RateLimited(Some("600")));
    assert_eq!(thread.regard(&thread.root).await, Err(Failure::Wait(600 * SECOND)));
}

#[tokio::test]
async fn who_we_are_is_asked_again_where_the_first_answer_was_lost() {
    let thread = thread().await;
    for fault in [Fault::HangUp(When::After), Fault::Answer(When::Before, 200, r#"{"ok":true,"user_id":""}"#.to_owned())] {
        thread.slack.world().faults.on_next("auth.test", fault);
        let outcome = thread.regard(&thread.root).await;
        assert!(matches!(outcome, Err(Failure::Transient(_))), "{outcome:?}");
    }
    assert_eq!(thread.regard(&thread.root).await, Ok(Regard::Untouched));
}

#[tokio::test]
async fn a_missing_scope_says_which() {
    let thread = thread().await;
    thread.slack.world().scopes.remove("channels:history");
    let Err(Failure::Refused(why)) = thread.regard(&thread.root).await else { panic!("not refused") };
    assert!(why.contains("channels:history"), "{why}");
    thread.slack.world().scopes.remove("files:write");
    let Err(Failure::Refused(why)) = thread.retract(&thread.share, &thread.handle).await else { panic!("not refused") };
    assert!(why.contains("files:write") && why.contains("by hand"), "{why}");
    assert_eq!(thread.slack.world().keys("ext-acme").len(), 2, "the message is gone all the same");
}

#[tokio::test]
async fn a_retracted_file_stands_nowhere() {
    let thread = thread().await;
    thread.retract(&thread.share, &thread.handle).await.unwrap();
    let world = thread.slack.world();
    assert!(world.files[thread.handle.as_str()].is_deleted);
    assert_eq!(world.channel("ext-acme").messages.len(), 2);
}

#[tokio::test]
async fn a_retraction_may_be_repeated_however_its_answers_were_lost() {
    for fault in [
        Fault::HangUp(When::Before),
        Fault::HangUp(When::After),
        Fault::HalfAnswer,
        Fault::page(When::After, 500),
        Fault::error(When::After, "fatal_error"),
        Fault::error(When::Before, "internal_error"),
    ] {
        for method in ["chat.delete", "files.delete"] {
            let thread = thread().await;
            thread.slack.world().faults.on_next(method, fault.clone());
            let outcome = thread.retract(&thread.share, &thread.handle).await;
            assert!(matches!(outcome, Err(Failure::Transient(_))), "{method} {fault:?}: {outcome:?}");
            for _ in 0..2 {
                thread.retract(&thread.share, &thread.handle).await.unwrap();
            }
            let world = thread.slack.world();
            assert!(world.files[thread.handle.as_str()].is_deleted);
            assert_eq!(world.channel("ext-acme").messages.len(), 2, "{method} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_retraction_waits_where_it_is_asked_to() {
    let thread = thread().await;
    thread.slack.world().faults.on_next("chat.delete", Fault::RateLimited(Some("1")));
    thread.retract(&thread.reply, &no_handle()).await.unwrap();
    thread.slack.world().faults.on_next("chat.delete", Fault::RateLimited(Some("600")));
    assert_eq!(thread.retract(&thread.root, &no_handle()).await, Err(Failure::Wait(600 * SECOND)));
}

#[tokio::test]
async fn what_slack_does_not_let_us_delete_a_person_has_to() {
    let thread = thread().await;
    let answer = Receipt { id: thread.answer("thanks") };
    let Err(Failure::Refused(why)) = thread.retract(&answer, &no_handle()).await else { panic!("not refused") };
    assert!(why.contains("cant_delete_message") && why.contains(&answer.id) && why.contains("by hand"), "{why}");
    for error in ["cant_delete_file", "delete_not_allowed", "file_deleting_disabled"] {
        thread.slack.world().faults.on_next("files.delete", Fault::error(When::Before, error));
        let Err(Failure::Refused(why)) = thread.retract(&thread.share, &thread.handle).await else { panic!("not refused") };
        assert!(why.contains(error) && why.contains(thread.handle.as_str()), "{why}");
    }
}

#[tokio::test]
async fn a_post_whose_receipt_is_its_file_is_found_by_the_file() {
    let thread = thread().await;
    let by_file = Receipt { id: thread.handle.as_str().to_owned() };
    assert_eq!(thread.regard(&by_file).await, Ok(Regard::Untouched));
    thread.react(&thread.share, "eyes");
    assert_eq!(thread.regard(&by_file).await, answered("1 reaction"));
    for handle in [&thread.handle, &no_handle()] {
        thread.retract(&by_file, handle).await.unwrap();
    }
    assert_eq!(thread.regard(&by_file).await, Ok(Regard::Gone));
    let world = thread.slack.world();
    assert!(world.files[thread.handle.as_str()].is_deleted);
    assert_eq!(world.channel("ext-acme").messages.len(), 2);
}

#[tokio::test]
async fn a_file_whose_share_never_shows_is_retracted_all_the_same() {
    let thread = thread().await;
    thread.slack.world().shares_show_after = u32::MAX;
    thread.retract(&Receipt { id: thread.handle.as_str().to_owned() }, &thread.handle).await.unwrap();
    assert_eq!(thread.slack.world().channel("ext-acme").messages.len(), 2);
}

#[tokio::test]
async fn an_answer_to_a_thread_that_is_gone_does_not_stay_in_the_channel() {
    let (slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m1", "x")).await.unwrap();
    destination.retract(&channel, &root, &no_handle()).await.unwrap();
    let outcome = send(&destination, &channel, Some(&root), &text("m2", "x")).await;
    let Err(Failure::Refused(why)) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains(&root.id) && why.contains("taken back"), "{why}");
    assert!(slack.world().channel("ext-acme").messages.is_empty());
}

#[tokio::test]
async fn an_answer_to_a_thread_that_is_gone_is_found_where_slack_put_it() {
    let (slack, destination, channel) = opened().await;
    let root = send(&destination, &channel, None, &text("m1", "x")).await.unwrap();
    destination.retract(&channel, &root, &no_handle()).await.unwrap();
    let (attempt, post) = (attempt(&no_handle()), text("m2", "x"));
    assert_eq!(destination.lookup(&channel, Some(&root), &post.key, &attempt).await, Ok(None));
    slack.world().faults.on_next("chat.postMessage", Fault::HangUp(When::After));
    send(&destination, &channel, Some(&root), &post).await.unwrap_err();
    let found = destination.lookup(&channel, Some(&root), &post.key, &attempt).await.unwrap();
    assert_eq!(found.map(|receipt| receipt.id), Some(slack.world().channel("ext-acme").messages[0].ts.clone()));
}
