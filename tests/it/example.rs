//! The example configuration: it loads, shows the defaults, and shows every key.

use mailferry::config::{Secrets, SourceKind, check};

use crate::configuration::{SMALLEST, imap_with, read, sample};

/// The example, which shows every key.
const EXAMPLE: &str = include_str!("../../config/mailferry.example.toml");

#[test]
fn the_example_loads_and_shows_the_defaults() {
    let example = check(EXAMPLE, &sample("mailferry.toml"), Secrets::Skip).unwrap();
    let defaults = read(&imap_with("")).unwrap();
    assert_eq!(example.rules, defaults.rules);
    assert_eq!(example.state, defaults.state);
    let (SourceKind::Imap(shown), SourceKind::Imap(default)) = (&example.sources[0].kind, &defaults.sources[0].kind) else {
        panic!()
    };
    assert_eq!(format!("{:?}", shown.allowed), format!("{:?}", default.allowed));
    assert_eq!((shown.port, shown.security, shown.max_connections), (default.port, default.security, default.max_connections));
    assert_eq!(shown.compression, default.compression);

    let slack = "kind = \"slack\"\ntoken = { env = \"T\" }";
    let slack = SMALLEST.replace("kind = \"archive\"\npath = \"channels\"", slack);
    let defaults = check(&slack, &sample("mailferry.toml"), Secrets::Skip).unwrap();
    assert_eq!(format!("{:?}", example.destinations[0].kind), format!("{:?}", defaults.destinations[0].kind));
    assert_eq!(example.destinations[0].visibility, defaults.destinations[0].visibility);
    let partners = (&example.directory.partners()[0], &defaults.directory.partners()[0]);
    assert_eq!((&partners.0.channel, partners.0.trust), (&partners.1.channel, partners.1.trust));
}

/// A key that is like no other, so that the complaint about it names all the keys that are known in its table.
const UNLIKE: &str = "\"~\"";

/// What sections with the same keys have in common: their header and their kind.
fn form(section: &str) -> Vec<&str> {
    section
        .lines()
        .filter(|line| line.starts_with('[') || line.starts_with("kind = "))
        .map(|line| line.split('#').next().unwrap())
        .collect()
}

#[test]
fn the_example_shows_every_key_that_is_known() {
    // A section begins with its header; the keys of the root stand above the first.
    let mut sections = vec![String::from("\n")];
    for line in EXAMPLE.lines() {
        if line.starts_with('[') {
            sections.push(format!("{line}\n{UNLIKE} = 1\n"));
        } else {
            let section = sections.last_mut().unwrap();
            section.push_str(line);
            section.push('\n');
        }
    }
    sections[0].push_str(&format!("{UNLIKE} = 1\n"));
    let error = check(&sections.concat(), &sample("mailferry.toml"), Secrets::Skip).unwrap_err();
    assert_eq!(error.complaints.len(), sections.len(), "{error}");

    let mut shown = 0;
    for (complaint, section) in error.complaints.iter().zip(&sections) {
        let (_, known) = complaint.text.split_once("it is one of ").expect("the list of keys");
        for key in known.split(", ") {
            let as_key = |line: &str| line.trim_start_matches("# ").split_once('=').is_some_and(|(left, _)| left.trim() == key);
            // `~` for the root, `policy.~` for a table.
            let above = complaint.path.strip_suffix(UNLIKE).expect("the key that is like no other");
            let as_table = [format!("[{above}{key}]"), format!("[[{above}{key}]]")];
            let alike = sections.iter().filter(|other| form(other) == form(section));
            let is_shown = alike.flat_map(|section| section.lines()).any(as_key) || as_table.iter().any(|t| EXAMPLE.contains(t));
            assert!(is_shown, "{key} is known in {}, and the example does not show it", complaint.path);
            shown += 1;
        }
    }
    assert!(shown > 40, "only {shown} keys were looked for");
}
