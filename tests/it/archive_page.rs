//! The page of the archive, in a real browser.

use std::io::ErrorKind;
use std::net::TcpListener;

use mailferry::delivery::Handle;
use mailferry::destination::ChannelSpec;
use mailferry::destination::Destination;

use mailferry::mail::{Address, Correspondent};

use crate::support::archives::{World, file, spec, text};
use crate::support::chromium::document;

const NOON: &str = "2021-03-01T12:00:00+01:00";

#[tokio::test]
async fn nothing_of_a_hostile_mail_runs_loads_or_is_lost_on_the_page() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let outside = format!("http://{}/p.png", listener.local_addr().unwrap());
    let attack = format!(
        "<script>document.documentElement.dataset.owned=1</script></script><img src=\"{outside}\" onerror=\"document.documentElement.dataset.owned=1\">\u{2028}${{document.documentElement.dataset.owned=1}}"
    );
    let body = format!(
        "{attack}\njavascript:alert(1) data:text/html,x file:///etc/passwd\nsee (https://acme.example/a?b=1&c=%3Cx%3E). [a](javascript:alert(2))"
    );
    let world = World::new();
    let acme = world.destination.open(&ChannelSpec { purpose: attack.clone(), ..spec("acme") }).await.unwrap();
    let mut letter = text("1", NOON, &attack, &body);
    letter.heading.author =
        Some(Correspondent { name: attack.clone(), address: Address::normal(&format!("{attack}@acme.example")) });
    letter.heading.cc = vec![Correspondent { name: attack.clone(), address: Address::normal(&attack) }];
    let root = world.post(&acme, None, &letter).await.unwrap();
    for (name, media_type) in
        [(format!("{attack}.png"), "image/png"), ("run.svg".into(), "image/svg+xml"), ("page.html".into(), "text/html")]
    {
        let mut attached = file(&name, NOON, &name, media_type, attack.as_bytes());
        attached.heading = letter.heading.clone();
        world.post(&acme, Some(&root), &attached).await.unwrap();
    }
    world.publish().await;

    let index = world.path.join("index.html");
    let views = [
        format!("#channel=acme&thread={}", root.id),
        "#files".into(),
        "#people".into(),
        "#search=script".into(),
        "#channel=acme".into(),
    ];
    for view in &views {
        let page = document(&index, view, 5_000);
        assert!(page.contains("data-ready"), "{view} was not drawn: {page}");
        assert!(page.contains("&lt;script&gt;"), "{view} does not show the text");
        assert!(!page.contains("data-owned"), "{view} ran something");
        assert!(!page.contains("<img src=\"http"), "{view} made an element of the text");
    }
    let thread = document(&index, &views[0], 5_000);
    assert_eq!(thread.matches("href=\"https://acme.example/a?b=1&amp;c=%3Cx%3E\"").count(), 1);
    assert!(thread.contains("[a](javascript:alert(2))") && !thread.contains("href=\"javascript:"));
    assert!(thread.contains("run.svg.download") && thread.contains("page.html.download"));
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "the page called out");
}

#[tokio::test]
async fn a_thread_has_an_address_and_shows_its_messages_with_their_files_and_dates() {
    let world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Plan", "> asked before\nanswered now")).await.unwrap();
    let picture = file("1", NOON, "plate.png", "image/png", include_bytes!("support/plate.png"));
    world.post(&acme, Some(&root), &picture).await.unwrap();
    world.post(&acme, Some(&root), &text("2", "2021-03-02T01:00:00+09:00", "AW: Plan", "fine")).await.unwrap();
    world.post(&acme, Some(&root), &text("3", "2021-03-03T01:00:00Z", "Other plan", "no")).await.unwrap();
    world.publish().await;

    let page = document(&world.path.join("index.html"), &format!("#channel=acme&thread={}", root.id), 5_000);
    assert_eq!(page.matches("<article class=\"post\"").count(), 3, "the file belongs to its message");
    assert!(page.contains("<blockquote>asked before</blockquote><p>answered now</p>"));
    assert!(page.contains("title=\"Mon, 1 Mar 2021, 16:00 UTC\">Tue, 2 Mar 2021, 01:00 +09:00</time>"));
    assert!(page.contains(">Other plan</p>") && !page.contains(">AW: Plan</p>"), "only a changed subject is repeated");
    assert!(page.contains("<img src=\"__uploads/F"));
    assert!(page.contains(">2 replies<"), "a file is no reply");
}

#[tokio::test]
async fn a_search_reads_every_channel_and_marks_what_it_found() {
    let world = World::new();
    for (channel, body) in
        [("acme", "the Drehmomente are in the table"), ("globex", "nothing of it"), ("initech", "DREHMOMENTÉ again")]
    {
        let id = world.open(channel).await;
        world.post(&id, None, &text(channel, NOON, "Values", body)).await.unwrap();
    }
    world.publish().await;
    let index = world.path.join("index.html");
    let page = document(&index, "#search=drehmomente", 5_000);
    assert!(page.contains("<p class=\"note\">2 matches</p>"), "{page}");
    assert!(page.contains("<mark>Drehmomente</mark>") && page.contains("<mark>DREHMOMENTÉ</mark>"));
    assert!(document(&index, "#search=drehmomente+in:acme+from:ann", 5_000).contains("<p class=\"note\">1 match</p>"));
    assert!(document(&index, "#search=drehmomente+-in:acme+after:2022", 5_000).contains("Nothing was found"));
}

#[tokio::test]
async fn an_archive_without_posts_says_so() {
    let world = World::new();
    world.publish().await;
    assert!(document(&world.path.join("index.html"), "", 2_000).contains("No channel yet"));
    world.open("acme").await;
    world.publish().await;
    assert!(document(&world.path.join("index.html"), "#channel=acme", 2_000).contains("Nothing here yet"));
}

#[tokio::test]
async fn a_channel_of_many_threads_draws_only_what_is_near() {
    let world = World::new();
    let acme = world.open("acme").await;
    for nth in 0..1_200 {
        world.post(&acme, None, &text(&nth.to_string(), NOON, &format!("Subject {nth}"), "text")).await.unwrap();
    }
    world.publish().await;
    assert!(world.path.join("__page/channel/acme/2.js").exists(), "three chunks");
    let page = document(&world.path.join("index.html"), "#channel=acme", 5_000);
    let cards = page.matches("class=\"card\"").count();
    assert!(page.contains("Subject 1199") && page.contains("1,200 threads"));
    assert!((10..200).contains(&cards), "{cards} cards were drawn");
}

#[tokio::test]
async fn a_thread_whose_first_post_was_taken_back_is_read_by_its_answers() {
    let world = World::new();
    let acme = world.open("acme").await;
    let root = world.post(&acme, None, &text("1", NOON, "Secret", "do not tell")).await.unwrap();
    world.post(&acme, Some(&root), &text("2", NOON, "Re: Harmless", "this may be read")).await.unwrap();
    world.destination.retract(&acme, &root, &Handle::new("")).await.unwrap();
    world.publish().await;
    let index = world.path.join("index.html");
    for place in ["#channel=acme".to_owned(), format!("#channel=acme&thread={}", root.id)] {
        let page = document(&index, &place, 2_000);
        assert!(page.contains("Harmless") && page.contains("this may be read"), "{place}");
        assert!(!page.contains("Secret") && !page.contains("do not tell"), "{place}");
    }
}
