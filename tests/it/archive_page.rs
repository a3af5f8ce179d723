//! The page of the archive, in a real browser.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use mailferry::delivery::{DestinationName, Receipt};
use mailferry::destination::Destination;
use mailferry::destination::archive::ArchiveSettings;
use mailferry::destination::post::Content;
use mailferry::destination::{ArchiveDestination, ChannelSpec, Post};

use mailferry::mail::{Address, Correspondent};

use crate::support::archives::{World, file, heading, somebody, spec, text};
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
    world.destination.publish().await.unwrap();

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
    world.destination.publish().await.unwrap();

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
    world.destination.publish().await.unwrap();
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
    world.destination.publish().await.unwrap();
    assert!(document(&world.path.join("index.html"), "", 2_000).contains("No channel yet"));
    world.open("acme").await;
    world.destination.publish().await.unwrap();
    assert!(document(&world.path.join("index.html"), "#channel=acme", 2_000).contains("Nothing here yet"));
}

#[tokio::test]
async fn a_channel_of_many_threads_draws_only_what_is_near() {
    let world = World::new();
    let acme = world.open("acme").await;
    for nth in 0..1_200 {
        world.post(&acme, None, &text(&nth.to_string(), NOON, &format!("Subject {nth}"), "text")).await.unwrap();
    }
    world.destination.publish().await.unwrap();
    assert!(world.path.join("__page/channel/acme/2.js").exists(), "three chunks");
    let page = document(&world.path.join("index.html"), "#channel=acme", 5_000);
    let cards = page.matches("class=\"card\"").count();
    assert!(page.contains("Subject 1199") && page.contains("1,200 threads"));
    assert!((10..200).contains(&cards), "{cards} cards were drawn");
}

/// Writes archives to look at: `MAILFERRY_GALLERY=/tmp/gallery cargo test --test it gallery -- --ignored`.
#[tokio::test]
#[ignore = "writes archives for people to look at into $MAILFERRY_GALLERY"]
async fn gallery() {
    let target = PathBuf::from(std::env::var_os("MAILFERRY_GALLERY").expect("set MAILFERRY_GALLERY to a directory"));
    let messages: u32 = std::env::var("MAILFERRY_GALLERY_MESSAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    write_gallery(&target, messages).await;
}

async fn write_gallery(target: &Path, messages: u32) {
    let settings = ArchiveSettings { path: target.to_path_buf(), organisation: "Our Co".into() };
    let archive = ArchiveDestination::new(DestinationName::new("archive"), settings).unwrap();
    let archive = archive.with_own_domains(["ourco.example".to_owned()]);
    let mut dice = Dice(7);
    for (channel, share, team) in
        [("ext-acme-client", 6, "acme"), ("ext-globex-client", 3, "globex"), ("ext-initech-vendor", 1, "initech")]
    {
        let id = archive.open(&spec(channel)).await.unwrap();
        let mut roots: Vec<(Receipt, &str)> = Vec::new();
        for nth in 0..messages * share / 10 {
            let at =
                1_483_228_800 + i64::from(nth) * (230_000_000 / i64::from(messages * share / 10)) + i64::from(dice.up_to(20_000));
            let reply = if dice.up_to(10) < 6 && !roots.is_empty() {
                Some(roots[roots.len() - 1 - dice.up_to(roots.len().min(8) as u32) as usize].clone())
            } else {
                None
            };
            let subject = reply
                .as_ref()
                .map_or(SUBJECTS[dice.up_to(SUBJECTS.len() as u32) as usize].to_owned(), |(_, subject)| format!("Re: {subject}"));
            let post = letter(&format!("{channel}/{nth}"), at, team, &subject, &mut dice);
            let receipt = archive
                .post(&id, reply.as_ref().map(|(root, _)| root), &post, &archive.prepare(&post).await.unwrap())
                .await
                .unwrap();
            let root = reply.as_ref().map_or(receipt.clone(), |(root, _)| root.clone());
            if dice.up_to(12) == 0 {
                let (name, kind, bytes) = FILES[dice.up_to(FILES.len() as u32) as usize];
                let mut attached = file(&format!("{channel}/{nth}"), "2020-01-01T00:00:00Z", name, kind, bytes);
                attached.heading = post.heading.clone();
                archive.post(&id, Some(&root), &attached, &archive.prepare(&attached).await.unwrap()).await.unwrap();
            }
            if reply.is_none() {
                roots.push((receipt, SUBJECTS.iter().find(|known| **known == subject).unwrap()));
            }
        }
    }
    archive.publish().await.unwrap();
}

fn letter(id: &str, seconds: i64, team: &str, subject: &str, dice: &mut Dice) -> Post {
    let (ours, theirs) = (["bob.miller", "priya.nair", "tomás.ortega"], ["ann.lee", "jürgen.weiß", "mei.chen", "olu.adeyemi"]);
    let from_us = dice.up_to(2) == 0;
    let us = format!("{}@ourco.example", ours[dice.up_to(3) as usize]);
    let them = format!("{}@{team}.example", theirs[dice.up_to(4) as usize]);
    let offset = if from_us { "+01:00" } else { "-05:00" };
    let date = chrono::DateTime::from_timestamp(seconds, 0).unwrap().with_timezone(&offset.parse::<chrono::FixedOffset>().unwrap());
    let (from, to) = if from_us { (&us, &them) } else { (&them, &us) };
    let mut post = text(id, "2020-01-01T00:00:00Z", subject, "");
    post.heading = heading(from, &date.to_rfc3339(), subject);
    post.heading.to = vec![somebody(to)];
    if dice.up_to(3) == 0 {
        post.heading.cc = theirs.iter().map(|name| somebody(&format!("{name}@{team}.example"))).collect();
    }
    let body: Vec<&str> = (0..=dice.up_to(5)).map(|_| PARAGRAPHS[dice.up_to(PARAGRAPHS.len() as u32) as usize]).collect();
    post.content = Content::Text { text: body.join("\n\n"), number: 1, of: 1 };
    post
}

/// Numbers that look thrown and are the same every time.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(sides)) as u32
    }
}

const SUBJECTS: [&str; 9] = [
    "Delivery dates for the second batch",
    "Invoice 2021-118: wrong cost centre",
    "Drawings of the mounting plate, revision C",
    "Angebot für die Wartung 2022",
    "Minutes of Thursday's call",
    "見積書の件について",
    "Access to the test environment expires on Friday, and what we need from your side before then",
    "Quality report Q3",
    "",
];

const PARAGRAPHS: [&str; 8] = [
    "Hello everybody,\n\nthe second batch left our warehouse this morning. Tracking is at https://carrier.example/track?id=4711&lang=en (updated hourly), and the papers are in the attachment.",
    "> Could you confirm the quantities by Friday?\n> Otherwise we have to move the slot.\n\nConfirmed: 240 pieces of type A, 60 of type B.",
    "We looked into it. The plate is 2 mm too thin on the left side; see the drawing. I would rather fix the drawing than the tool, since the tool is shared with another customer.",
    "Kind regards\nAnn",
    "Für die Wartung im nächsten Jahr schlagen wir vor, die Intervalle zu verlängern: statt alle drei Monate nur noch zweimal im Jahr.",
    "お世話になっております。見積書を添付いたしましたので、ご確認のほどよろしくお願いいたします。",
    "Two questions remain:\n  1. Who signs the acceptance, you or the integrator?\n  2. Is the old firmware still in the field anywhere?\n\nI can call you tomorrow between 10 and 12.",
    "Thanks, that works for us.",
];

const FILES: [(&str, &str, &[u8]); 4] = [
    ("Delivery note 4711.pdf", "application/pdf", b"%PDF-1.4"),
    ("mounting-plate-rev-C.png", "image/png", include_bytes!("support/plate.png")),
    ("Übersicht Wartung 2022.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
    ("minutes.html", "text/html", b"<script>alert(1)</script>"),
];
