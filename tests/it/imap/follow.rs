//! A source that is followed: what arrives is sent as soon as the server tells of it, whatever breaks in between.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailferry::source::imap::{ImapSettings, ImapSource, Patience, Security};
use mailferry::source::{Parcel, Signs, Source as _, SourceError, outlet};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::dovecot::trusting;
use super::scripted::{bodies, examined, searched, sized};
use super::{Memory, Seen, mail, position, scan, settings, source, take};
use crate::support::dovecot::{Dovecot, Marked};
use crate::support::scripted::{Dialogue, Scripted};

/// How long anything may take to come about, on a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Far longer than [`PATIENCE`]: what comes about in a test did not wait for this.
pub(super) const NEVER: Duration = Duration::from_secs(3600);

/// A source that is followed until this is dropped.
pub(super) struct Followed {
    memory: Memory,
    pub(super) seen: Seen,
    inlet: mpsc::Receiver<Parcel>,
    signs: Arc<Said>,
    following: JoinHandle<Result<(), SourceError>>,
}

/// What a source told of itself: its troubles, and how often it caught up since the last of them.
#[derive(Default)]
pub(super) struct Said {
    caught_up: Mutex<u32>,
    pub(super) troubles: Mutex<Vec<String>>,
    missed: Mutex<Vec<String>>,
}

impl Signs for Said {
    fn caught_up(&self) {
        *self.caught_up.lock().unwrap() += 1;
    }

    fn missed(&self, mailbox: &str, messages: u64) {
        self.missed.lock().unwrap().push(format!("{mailbox}: {messages}"));
    }

    fn trouble(&self, error: &SourceError, _pause: Duration) {
        self.troubles.lock().unwrap().push(error.to_string());
        *self.caught_up.lock().unwrap() = 0;
    }
}

impl Followed {
    pub(super) fn start(source: ImapSource) -> Self {
        Self::start_from(Memory::default(), source)
    }

    fn start_from(memory: Memory, source: ImapSource) -> Self {
        let (outlets, inlet) = outlet();
        let outlet = outlets(source.name().clone());
        let signs = Arc::new(Said::default());
        let (known, told) = (Arc::new(memory.clone()), signs.clone());
        let following = tokio::spawn(async move { source.follow(known, outlet, told).await });
        Self { memory, seen: Seen::default(), inlet, signs, following }
    }

    /// Takes what is sent until it is so.
    pub(super) async fn until(&mut self, what: &str, is_so: impl Fn(&Seen, &Said) -> bool) {
        let waiting = async {
            while !is_so(&self.seen, &self.signs) {
                match timeout(Duration::from_millis(20), self.inlet.recv()).await {
                    Ok(Some(parcel)) => take(&mut self.seen, &self.memory, parcel.scanned),
                    Ok(None) => panic!("the source ended before {what}"),
                    Err(_) => {}
                }
            }
        };
        let waited = timeout(PATIENCE, waiting).await;
        let came: Vec<String> = self.seen.messages.iter().map(|found| found.position.to_string()).collect();
        assert!(waited.is_ok(), "it did not come about that {what}; came: {came:?}; trouble: {:?}", self.troubles());
    }

    pub(super) async fn until_count(&mut self, count: usize) {
        self.until(&format!("{count} messages came"), |seen, _| seen.messages.len() >= count).await;
        assert_eq!(self.seen.messages.len(), count);
    }

    /// Takes what is sent until the last that the source told of itself is that it has caught up.
    pub(super) async fn until_caught_up(&mut self) {
        self.until("it caught up", |_, said| *said.caught_up.lock().unwrap() > 0).await;
    }

    pub(super) fn troubles(&self) -> Vec<String> {
        self.signs.troubles.lock().unwrap().clone()
    }

    /// Nobody receives any more: it ends.
    pub(super) async fn stop(self) {
        drop(self.inlet);
        let ended = timeout(PATIENCE, self.following).await.expect("it goes on without anybody who receives").unwrap();
        assert!(matches!(ended, Err(SourceError::Stopped)), "{ended:?}");
    }
}

/// One that polls and lists never, so that whatever comes was pushed.
pub(super) fn pushed(settings: ImapSettings) -> ImapSource {
    let patience = Patience { first_pause: Duration::from_millis(1), poll: NEVER, list: NEVER, idle: NEVER, ..Patience::default() };
    source(settings).with_patience(patience)
}

fn account(dovecot: &Dovecot, max_connections: usize) -> ImapSettings {
    ImapSettings { max_connections, ..trusting(dovecot, Security::Implicit) }
}

#[tokio::test]
async fn what_arrives_in_the_inbox_and_in_sent_is_pushed() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("alice", "INBOX", &mail(1));
    dovecot.deliver("alice", "Sent", &mail(2));
    let mut followed = Followed::start(pushed(account(&dovecot, 2)));
    followed.until_count(2).await;
    followed.until_caught_up().await;
    for number in 3..=6 {
        let mailbox = if number % 2 == 0 { "INBOX" } else { "Sent" };
        dovecot.deliver("alice", mailbox, &mail(number));
        followed.until_count(number as usize).await;
    }
    assert_eq!(followed.troubles(), Vec::<String>::new());
    assert!(!dovecot.flags("alice", "INBOX").contains("\\Seen"));
    followed.stop().await;
}

#[tokio::test]
async fn mailboxes_without_a_connection_of_their_own_are_polled() {
    let mut dovecot = Dovecot::start();
    ["A", "B", "C"].iter().for_each(|name| drop(dovecot.deliver("alice", name, &mail(1))));
    let polling = Patience { poll: Duration::from_millis(100), list: NEVER, idle: NEVER, ..Patience::default() };
    let mut followed = Followed::start(source(account(&dovecot, 1)).with_patience(polling));
    followed.until_caught_up().await;
    for (number, mailbox) in [(2, "C"), (3, "INBOX"), (4, "A"), (5, "Sent"), (6, "B")] {
        dovecot.deliver("alice", mailbox, &mail(number));
        followed.until(&format!("{mailbox} is read"), |seen, _| seen.digests().len() >= number as usize).await;
    }
    followed.stop().await;
}

#[tokio::test]
async fn a_server_that_grants_fewer_connections_than_we_want_is_followed_over_those() {
    let mut dovecot = Dovecot::start_with(Marked::Leaf, "mail_max_userip_connections = 1\n");
    ["A", "B", "INBOX"].iter().for_each(|name| drop(dovecot.deliver("alice", name, &mail(1))));
    let polling = Patience {
        first_pause: Duration::from_millis(1),
        poll: Duration::from_millis(100),
        list: NEVER,
        idle: NEVER,
        ..Patience::default()
    };
    let mut followed = Followed::start(source(account(&dovecot, 3)).with_patience(polling));
    followed.until_caught_up().await;
    for (number, mailbox) in [(2, "B"), (3, "INBOX"), (4, "A")] {
        dovecot.deliver("alice", mailbox, &mail(number));
        followed.until(&format!("{mailbox} is read"), |seen, _| seen.digests().len() >= number as usize).await;
    }
    followed.until_caught_up().await;
    followed.stop().await;
}

#[tokio::test]
async fn mailboxes_that_appear_vanish_and_are_made_anew_are_taken_up() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("alice", "INBOX", &mail(1));
    let listing = Patience {
        first_pause: Duration::from_millis(1),
        poll: Duration::from_millis(100),
        list: Duration::from_millis(200),
        // Dovecot says nothing to who idles in a mailbox that is deleted and made anew between two looks at the list.
        idle: Duration::from_secs(1),
        ..Patience::default()
    };
    let mut followed = Followed::start(source(account(&dovecot, 4)).with_patience(listing));
    followed.until_caught_up().await;
    dovecot.doveadm(&["mailbox", "create", "-u", "alice", "Acme"]);
    dovecot.deliver("alice", "Acme", &mail(2));
    followed.until_count(2).await;
    dovecot.doveadm(&["mailbox", "rename", "-u", "alice", "Acme", "Acme Inc"]);
    followed.until("it is read under its new name", |seen, _| seen.uids("Acme Inc") == [1]).await;
    dovecot.doveadm(&["mailbox", "delete", "-u", "alice", "Acme Inc"]);
    dovecot.deliver("alice", "INBOX", &mail(3));
    followed.until("the inbox goes on", |seen, _| seen.uids("INBOX") == [1, 2]).await;
    dovecot.doveadm(&["mailbox", "create", "-u", "alice", "Acme Inc"]);
    dovecot.deliver("alice", "Acme Inc", &mail(4));
    followed.until("what is in the new one of this name came", |seen, _| seen.uids("Acme Inc") == [1, 1]).await;
    followed.until_caught_up().await;
    followed.stop().await;
}

#[tokio::test]
async fn a_server_that_is_started_anew_and_new_uids_are_followed() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("alice", "INBOX", &mail(1));
    let mut followed = Followed::start(pushed(account(&dovecot, 2)));
    followed.until_caught_up().await;
    dovecot.restart();
    dovecot.deliver("alice", "INBOX", &mail(2));
    followed.until_count(2).await;
    dovecot.doveadm(&["mailbox", "update", "--uid-validity", "777", "-u", "alice", "INBOX"]);
    dovecot.deliver("alice", "INBOX", &mail(3));
    followed.until("all is read at new places", |seen, _| seen.uids("INBOX") == [1, 2, 1, 2, 3]).await;
    followed.until_caught_up().await;
    assert_eq!(followed.memory.uid_validity("INBOX"), 777);
    followed.stop().await;
}

fn ready() -> Dialogue {
    let capabilities = "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE\r\n{tag} OK that is all\r\n";
    Dialogue::new()
        .server("* OK ready\r\n")
        .exchange("CAPABILITY", capabilities)
        .exchange("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "{tag} OK welcome\r\n")
        .exchange("CAPABILITY", capabilities)
}

fn list() -> Dialogue {
    Dialogue::new().exchange("LIST \"\" \"*\"", "* LIST () \"/\" INBOX\r\n{tag} OK listed\r\n")
}

/// What the first scan and the seat's first look say of an inbox with nothing in it.
fn empty_until_idle() -> Vec<Dialogue> {
    let scan = ready().and(list()).and(examined(0)).exchange("LOGOUT", "* BYE bye\r\n{tag} OK gone\r\n");
    vec![scan, ready().and(list()).and(examined(0))]
}

/// The same with more said over the second connection, and more connections.
async fn play(then: Dialogue, more: Vec<Dialogue>) -> (Scripted, Followed) {
    play_idling(NEVER, then, more).await
}

/// The same with IDLE begun anew after so long.
async fn play_idling(idle: Duration, then: Dialogue, more: Vec<Dialogue>) -> (Scripted, Followed) {
    let mut dialogues = empty_until_idle();
    let second = dialogues.pop().unwrap().and(then);
    dialogues.push(second);
    dialogues.extend(more);
    let server = Scripted::start(dialogues).await;
    let short = Duration::from_millis(400);
    let patience = Patience {
        first_pause: Duration::from_millis(1),
        login: short,
        answer: short,
        poll: Duration::from_millis(50),
        list: NEVER,
        idle,
        ..Patience::default()
    };
    let followed = Followed::start(source(settings(server.port, Security::None)).with_patience(patience));
    (server, followed)
}

/// The first message, opened and read, after which the connection stays open.
fn one_message() -> Dialogue {
    examined(1).and(searched("1:*", " 1")).and(sized("1:1", &[1])).and(bodies("1", &[1]))
}

/// It idles again, and the dialogue is over.
fn idles_again() -> Dialogue {
    Dialogue::new().exchange("IDLE", "+ idling\r\n")
}

async fn expect_one_message((server, mut followed): (Scripted, Followed)) -> Vec<String> {
    followed.until_count(1).await;
    followed.until("it caught up with it", |_, said| *said.caught_up.lock().unwrap() > 1).await;
    let troubles = followed.troubles();
    server.finish().await;
    followed.stop().await;
    troubles
}

#[tokio::test]
async fn an_arrival_that_is_told_before_the_continuation_is_read() {
    let early = Dialogue::new().exchange("IDLE", "* 1 EXISTS\r\n+ idling\r\n").continued("DONE").server("{tag} OK idled\r\n");
    let played = play(early.and(one_message()).and(idles_again()), Vec::new()).await;
    assert_eq!(expect_one_message(played).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_goodbye_in_idle_and_a_silent_connection_are_followed_by_another() {
    for end in [
        Dialogue::new().exchange("IDLE", "+ idling\r\n* BYE Server shutting down.\r\n"),
        Dialogue::new().exchange("IDLE", "+ idling\r\n"),
        Dialogue::new().client("IDLE").stays_open(),
    ] {
        let another = ready().and(one_message()).and(idles_again());
        expect_one_message(play(end, vec![another]).await).await;
    }
}

#[tokio::test]
async fn a_connection_that_died_within_idle_is_found_out_when_idle_is_begun_anew() {
    let dead = Dialogue::new().exchange("IDLE", "+ idling\r\n").continued("DONE").stays_open();
    let another = ready().and(one_message()).and(idles_again());
    let played = play_idling(Duration::from_millis(100), dead, vec![another]).await;
    expect_one_message(played).await;
}

#[tokio::test]
async fn a_deaf_idle_is_found_out_by_reading_after_each_round() {
    let deaf = Dialogue::new().exchange("IDLE", "+ idling\r\n").continued("DONE").server("{tag} OK idled\r\n");
    let played = play_idling(Duration::from_millis(100), deaf.and(one_message()).and(idles_again()), Vec::new()).await;
    expect_one_message(played).await;
}

#[tokio::test]
async fn a_server_that_ends_each_connection_is_asked_ever_more_seldom_and_that_is_said() {
    let ended = || Dialogue::new().exchange("IDLE", "+ idling\r\n* BYE Not now.\r\n");
    let another = || ready().and(examined(0)).and(ended());
    let (server, mut followed) = play(ended(), vec![another(), another()]).await;
    followed.until("it is said", |_, said| said.troubles.lock().unwrap().iter().any(|why| why.contains("Not now"))).await;
    server.finish().await;
    followed.stop().await;
}

#[tokio::test]
async fn a_server_that_refuses_idle_is_polled() {
    let refused = Dialogue::new().exchange("IDLE", "{tag} NO not today\r\n").and(examined(0)).and(one_message());
    let (server, mut followed) = play(refused, Vec::new()).await;
    followed.until_count(1).await;
    server.finish().await;
    followed.stop().await;
}

#[tokio::test]
async fn a_message_that_is_expunged_before_it_is_fetched_is_no_trouble() {
    let gone = Dialogue::new()
        .exchange("IDLE", "+ idling\r\n* 2 EXISTS\r\n")
        .continued("DONE")
        .server("{tag} OK idled\r\n")
        .and(examined(2))
        .and(searched("1:*", " 1 2"))
        .and(sized("1:2", &[1, 2]))
        .exchange("UID FETCH 1:2 (UID BODY.PEEK[])", super::scripted::body(1) + "* 2 EXPUNGE\r\n{tag} OK fetched\r\n")
        .exchange("UID FETCH 2 (UID BODY.PEEK[])", "{tag} OK nothing\r\n")
        .and(searched("2:2", ""));
    let played = play(gone.and(idles_again()), Vec::new()).await;
    assert_eq!(expect_one_message(played).await, Vec::<String>::new());
}

#[tokio::test]
async fn one_mailbox_in_trouble_keeps_no_other_back() {
    let mut dovecot = Dovecot::start();
    let wanted = ImapSettings { mailboxes: vec!["INBOX".into(), "Nowhere".into(), "Sent".into()], ..account(&dovecot, 3) };
    dovecot.deliver("alice", "Sent", &mail(1));
    let listing = Patience { poll: NEVER, list: Duration::from_secs(1), idle: NEVER, ..Patience::default() };
    let mut followed = Followed::start(source(wanted).with_patience(listing));
    dovecot.deliver("alice", "INBOX", &mail(2));
    followed.until_count(2).await;
    followed
        .until("the missing one is told", |_, said| {
            said.troubles.lock().unwrap().iter().any(|why| why.contains("Nowhere does not exist"))
        })
        .await;
    dovecot.deliver("alice", "Sent", &mail(3));
    followed.until_count(3).await;
    assert_eq!(*followed.signs.caught_up.lock().unwrap(), 0, "not everything could be read");
    dovecot.doveadm(&["mailbox", "create", "-u", "alice", "Nowhere"]);
    dovecot.deliver("alice", "Nowhere", &mail(4));
    followed.until_count(4).await;
    followed.until_caught_up().await;
    followed.stop().await;
}

#[tokio::test]
async fn what_earlier_readings_missed_is_found_read_and_said() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver_many("alice", "INBOX", 400, &mail(1));
    let memory = Memory::default();
    scan(&source(account(&dovecot, 1)), &memory).await.expect_clean();
    let validity = memory.uid_validity("INBOX");
    for uid in [3, 7, 90] {
        memory.forget(&position("INBOX", &format!("{validity}/{uid:010}")));
    }
    let counting = Patience { count: Duration::from_secs(1), poll: NEVER, idle: Duration::from_millis(100), ..Patience::default() };
    let mut followed = Followed::start_from(memory, source(account(&dovecot, 1)).with_patience(counting));
    followed.until_count(3).await;
    assert_eq!(followed.seen.uids("INBOX"), [3, 7, 90]);
    followed.until("it is said", |_, said| !said.missed.lock().unwrap().is_empty()).await;
    dovecot.deliver("alice", "INBOX", &mail(2));
    followed.until_count(4).await;
    assert_eq!(*followed.signs.missed.lock().unwrap(), ["INBOX: 3"], "what arrives was not missed");
    assert_eq!(followed.troubles(), Vec::<String>::new());
    followed.stop().await;
}

/// A server behind something that goes on taking what is sent and passes nothing on, once it is told to: what stood then
/// is dead without a word. What is opened later works.
struct Deaf {
    port: u16,
    is_deaf: tokio::sync::watch::Sender<u32>,
}

impl Deaf {
    async fn before(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (own, is_deaf) = (listener.local_addr().unwrap().port(), tokio::sync::watch::Sender::new(0));
        let deafness = is_deaf.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut deafness = deafness.subscribe();
                tokio::spawn(async move {
                    let mut far = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = deafness.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { port: own, is_deaf }
    }
}

#[tokio::test]
async fn a_connection_that_died_without_a_word_is_noticed_and_what_came_meanwhile_arrives() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("alice", "INBOX", &mail(1));
    let between = Deaf::before(dovecot.imaps).await;
    let brief = Duration::from_millis(500);
    let patience = Patience {
        answer: brief * 4,
        idle: brief,
        poll: NEVER,
        list: NEVER,
        first_pause: Duration::from_millis(1),
        ..Patience::default()
    };
    let through = ImapSettings { port: between.port, ..account(&dovecot, 1) };
    let mut followed = Followed::start(source(through).with_patience(patience));
    followed.until_caught_up().await;
    for number in 2..=4 {
        between.is_deaf.send_modify(|times| *times += 1);
        dovecot.deliver("alice", "INBOX", &mail(number));
        followed.until_count(number as usize).await;
    }
    followed.stop().await;
}
