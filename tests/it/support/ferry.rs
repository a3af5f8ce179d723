//! Threads with two partners, on their way into a fake Slack, and what has to stand there in the end.

use std::collections::{BTreeMap, BTreeSet};

use super::project::{Project, mail};
use super::slack::FakeSlack;

/// The configuration of a project that posts to the fake.
pub(crate) fn config(slack: &FakeSlack, source: &str) -> String {
    let partners = ["Acme", "Globex"].map(|name| {
        let domain = name.to_lowercase();
        format!("[[partner]]\nname = {name:?}\ndomains = [\"{domain}.example\"]\nchannel = \"ext-{domain}\"\ntrusted = true\n")
    });
    format!(
        "state = \"state\"\n[organisation]\nname = \"Our Co\"\ndomains = [\"ourco.example\"]\n\
         [policy]\nunverified_senders = \"allow\"\n[[source]]\nname = \"history\"\n{source}\n\
         [[destination]]\nname = \"slack\"\nkind = \"slack\"\ntoken = {{ env = \"SLACK_BOT_TOKEN\" }}\napi_url = {:?}\n\
         posts_per_second = 1000\nworkspace_posts_per_minute = 100000\nsettle_seconds = 1\n{}",
        slack.api_url(),
        partners.concat()
    )
}

/// A project with it.
pub(crate) fn project(slack: &FakeSlack, source: &str) -> Project {
    Project::new(&config(slack, source)).env("SLACK_BOT_TOKEN", "xoxb-fake-1").env("IMAP_PASSWORD", "secret")
}

/// The source that reads what a test writes to `mail/`.
pub(crate) const MBOX: &str = "kind = \"mbox\"\npath = \"mail/*.mbox\"";

/// So many threads of three mails with each of two partners, the last of each with a file.
pub(crate) fn threads(count: u32) -> String {
    let mut mails = String::new();
    for n in 0..count {
        for partner in ["acme", "globex"] {
            let (them, root) = (format!("ann@{partner}.example"), format!("{partner}-{n}-root"));
            mails += &mail(&root, n % 25 + 1, &them, "bob@ourco.example", None);
            mails += &mail(&format!("{partner}-{n}-answer"), n % 25 + 2, "bob@ourco.example", &them, Some(&root));
            mails += &with_file(&mail(&format!("{partner}-{n}-file"), n % 25 + 3, &them, "bob@ourco.example", Some(&root)));
        }
    }
    mails
}

/// The same mail with a file.
fn with_file(mail: &str) -> String {
    let (head, text) = mail.split_once("\n\n").unwrap();
    let name = text.trim().trim_start_matches("The words of ").trim_end_matches('.');
    format!(
        "{head}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=edge\n\n--edge\nContent-Type: text/plain\n\n{text}\
         --edge\nContent-Type: text/csv; name=\"{name}.csv\"\nContent-Disposition: attachment; filename=\"{name}.csv\"\n\n1,{name}\n--edge--\n\n"
    )
}

/// Demands that everything of [`threads`] stands exactly once, in its thread, in order.
pub(crate) fn assert_each_stands_once(slack: &FakeSlack, count: u32) {
    let world = slack.world();
    for partner in ["acme", "globex"] {
        let channel = world.channel(&format!("ext-{partner}"));
        let mut keys = BTreeSet::new();
        let mut stands: BTreeMap<String, (usize, Option<&str>)> = BTreeMap::new();
        for (place, message) in channel.messages.iter().enumerate() {
            assert!(message.key().is_empty() || keys.insert(message.key()), "a delivery key stands twice: {message:?}");
            let names = if message.files.is_empty() {
                let words = message.text.lines().find_map(|line| line.strip_prefix("The words of "));
                vec![words.unwrap_or_else(|| panic!("no words: {message:?}")).trim_end_matches('.').to_owned()]
            } else {
                message.files.clone()
            };
            for name in names {
                let root = message.thread_ts.as_deref().filter(|root| *root != message.ts);
                assert_eq!(stands.insert(name.clone(), (place, root)), None, "{name} stands twice");
            }
        }
        assert_eq!(stands.len(), 4 * count as usize, "{partner}: {:?}", stands.keys());
        for n in 0..count {
            let at = |part: &str| stands[&format!("{partner}-{n}-{part}")];
            let root = channel.messages[at("root").0].ts.as_str();
            assert_eq!(at("root").1, None, "a root starts its thread: {partner}-{n}, {stands:?}");
            for part in ["answer", "file", "file.csv"] {
                assert_eq!(at(part).1, Some(root), "{partner}-{n}-{part} is in its thread");
            }
            assert!(at("root").0 < at("answer").0 && at("answer").0 < at("file").0 && at("file").0 < at("file.csv").0, "in order");
        }
    }
}
