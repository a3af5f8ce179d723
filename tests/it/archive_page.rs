//! The page of the archive, in a real browser.

use std::path::{Path, PathBuf};

use mailferry::delivery::{DestinationName, Part, Receipt};
use mailferry::destination::Destination;
use mailferry::destination::archive::ArchiveSettings;
use mailferry::destination::post::Content;
use mailferry::destination::{ArchiveDestination, Post};

use crate::support::archives::{World, file, heading, key, somebody, spec, text};
use crate::support::chromium::document;

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
    ("mounting-plate-rev-C.png", "image/png", include_bytes!("../../samples/pictures/plate.png")),
    ("Übersicht Wartung 2022.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
    ("minutes.html", "text/html", b"<script>alert(1)</script>"),
];
