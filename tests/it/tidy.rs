//! The house rules, kept by a machine: which room may see which, what is pure, who names a library, how long things are.
//!
//! Each rule is a function from a file to complaints. [`RULES`] lists them, the tree has to pass them all, and each is
//! shown to catch what it is for.

use std::path::Path;

/// Which room may name which. Arrows point down only; rooms beside each other never see each other. `lib.rs` lists them all.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &[
            "config",
            "delivery",
            "destination",
            "engine",
            "finding",
            "ledger",
            "mail",
            "policy",
            "position",
            "report",
            "source",
            "vault",
            "web",
        ],
    ),
    ("web", &["engine"]),
    (
        "engine",
        &["config", "delivery", "destination", "finding", "ledger", "mail", "policy", "position", "report", "source", "vault"],
    ),
    ("config", &["delivery", "destination", "mail", "policy", "position", "source"]),
    ("report", &["delivery", "destination", "finding", "ledger", "mail", "position"]),
    ("source", &["finding", "http", "mail", "position"]),
    ("policy", &["delivery", "mail"]),
    ("ledger", &["delivery", "disk", "mail", "position"]),
    ("vault", &["disk", "mail"]),
    ("destination", &["delivery", "finding", "http", "mail"]),
    ("delivery", &["mail"]),
    ("disk", &[]),
    ("http", &[]),
    ("mail", &[]),
    ("position", &[]),
    ("finding", &[]),
];

/// Where values go in and values come out: no clock, no file, no network.
const PURE: &[&str] = &["src/mail/", "src/policy/", "src/destination/pieces.rs", "src/destination/post.rs", "src/ledger/state.rs"];

/// What a pure room never names.
const IMPURE: &[&str] = &[
    "tokio",
    "reqwest",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Local::now",
    "Utc::now",
];

/// Libraries that one file alone names, so that another can take their place.
const OWNED: &[(&str, &str)] = &[("sled", "src/ledger/sled.rs"), ("reqwest", "src/http/mod.rs")];

const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 70;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common", "handler", "handlers", "helper", "helpers", "manager", "managers", "misc", "model", "models", "service", "services",
    "types", "util", "utils",
];

type Rule = fn(&Source) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("arrows", arrows),
    ("purity", purity),
    ("owners", owners),
    ("file length", file_length),
    ("function length", function_length),
    ("reasons", reasons),
    ("names", names),
];

/// One file of the tree.
struct Source {
    /// Its path below the root, with `/`.
    path: String,
    /// Its text without comments and without what stands in strings; lines and columns are the same.
    code: String,
}

impl Source {
    fn new(path: impl Into<String>, text: &str) -> Self {
        Self { path: path.into(), code: code_of(text) }
    }

    /// The code without the unit tests at its end.
    fn program(&self) -> &str {
        if self.path.ends_with("/tests.rs") {
            return "";
        }
        self.code.split("#[cfg(test)]\nmod ").next().unwrap()
    }

    /// The room that the file belongs to.
    fn room(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap();
        below.split('/').next().unwrap().trim_end_matches(".rs")
    }

    fn complaint(&self, offset: usize, text: impl std::fmt::Display) -> String {
        let line = self.code[..offset].matches('\n').count() + 1;
        format!("{}:{line}: {text}", self.path)
    }
}

#[test]
fn the_house_rules_hold() {
    let tree = tree();
    assert!(tree.len() > 40, "only {} files were looked at", tree.len());
    let complaints: Vec<_> = tree.iter().flat_map(|source| RULES.iter().flat_map(|(_, rule)| rule(source))).collect();
    assert!(complaints.is_empty(), "the house rules are broken:\n{}", complaints.join("\n"));
}

#[test]
fn every_room_stands_in_the_table_of_arrows() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut rooms: Vec<_> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mut table: Vec<_> = ARROWS.iter().map(|(room, _)| *room).filter(|room| *room != "main").collect();
    rooms.sort_unstable();
    table.sort_unstable();
    assert_eq!(rooms, table);
}

#[test]
fn each_rule_catches_what_it_is_for() {
    let long_file = "//! Long.\n".repeat(MAX_FILE_LINES + 1);
    let long_function = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(MAX_FUNCTION_LINES + 1));
    for (rule, path, text, place) in [
        ("arrows", "src/source/eml.rs", "use std::fs;\nuse crate::ledger::Ledger;\n", "src/source/eml.rs:2: source"),
        ("arrows", "src/mail/id.rs", "use crate::{mail::Digest, policy::{Rules, route}};\n", "src/mail/id.rs:1: mail"),
        ("arrows", "src/ledger/state.rs", "fn f(p: &super::super::vault::Vault) {}\n", "src/ledger/state.rs:1: ledger"),
        ("arrows", "src/main.rs", "fn main() { mailferry::engine::run() }\n", "src/main.rs:1: main"),
        ("purity", "src/mail/date.rs", "\nfn f() { chrono::Utc::now(); }\n", "src/mail/date.rs:2"),
        ("purity", "src/policy/route.rs", "use std::fs;\n", "src/policy/route.rs:1"),
        ("owners", "src/ledger/store.rs", "use sled::Db;\n", "src/ledger/store.rs:1"),
        ("owners", "src/source/eml.rs", "fn f() { reqwest::get(1); }\n", "src/source/eml.rs:1"),
        ("file length", "src/vault.rs", &long_file, "src/vault.rs:401"),
        ("function length", "src/vault.rs", &long_function, "src/vault.rs:1"),
        ("reasons", "src/vault.rs", "\n#[allow(dead_code)]\nfn f() {}\n", "src/vault.rs:2"),
        ("names", "src/mail/utils.rs", "", "src/mail/utils.rs:1"),
        ("names", "src/services/mail.rs", "", "src/services/mail.rs:1"),
    ] {
        let (_, check) = RULES.iter().find(|(name, _)| *name == rule).unwrap();
        let complaints = check(&Source::new(path, text));
        assert!(complaints.len() == 1 && complaints[0].starts_with(place), "{rule}: {text}: {complaints:?}");
    }
}

#[test]
fn no_rule_takes_words_for_code() {
    let text = r##"
//! It is not `crate::engine` that names sled or reqwest.
/* std::fs /* tokio */ Utc::now */
#[allow(dead_code, reason = "shown")]
fn f<'a>(text: &'a str) -> char {
    let _ = ("crate::cli \" {", r#"reqwest " {"#, b"sled", '{', '\'', '"');
    'x'
}
#[cfg(test)]
mod tests {
    use std::fs;
}
"##;
    let source = Source::new("src/mail/quiet.rs", text);
    let complaints: Vec<_> = RULES.iter().flat_map(|(_, rule)| rule(&source)).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the program.
fn tree() -> Vec<Source> {
    let files = walkdir::WalkDir::new(root().join("src")).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    let source = |file: walkdir::DirEntry| {
        let path = file.path().strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        Source::new(path, &std::fs::read_to_string(file.path()).unwrap())
    };
    files.map(source).collect()
}

fn arrows(source: &Source) -> Vec<String> {
    let room = source.room();
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else { return Vec::new() };
    let mut seen = Vec::new();
    for root in ["crate::", "mailferry::"] {
        for offset in words(&source.code, root) {
            seen.extend(first_names(&source.code[offset + root.len()..]).into_iter().map(|name| (offset, name)));
        }
    }
    let to_root = "super::".repeat(depth(&source.path));
    let program = source.program();
    for offset in words(program, &to_root) {
        let names = first_names(&program[offset + to_root.len()..]);
        seen.extend(names.into_iter().filter(|name| ARROWS.iter().any(|(room, _)| room == name)).map(|name| (offset, name)));
    }
    seen.retain(|(_, name)| *name != room && !allowed.contains(name));
    seen.into_iter().map(|(offset, name)| source.complaint(offset, format!("{room} must not see {name}"))).collect()
}

/// How many `super::` lead from a file to the root of the crate.
fn depth(path: &str) -> usize {
    path.matches('/').count() - usize::from(path.ends_with("/mod.rs"))
}

/// The names that a path begins with: one, or those of a group in braces.
fn first_names(code: &str) -> Vec<&str> {
    let name = |code: &str| code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    let Some(group) = code.strip_prefix('{') else { return vec![&code[..name(code)]] };
    let (mut names, mut nesting, mut start) = (Vec::new(), 0, 0);
    for (offset, c) in group.char_indices() {
        match c {
            '{' => nesting += 1,
            '}' if nesting > 0 => nesting -= 1,
            ',' | '}' if nesting == 0 => {
                let item = group[start..offset].trim();
                names.push(&item[..name(item)]);
                start = offset + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn purity(source: &Source) -> Vec<String> {
    if !PURE.iter().any(|pure| source.path.starts_with(pure)) {
        return Vec::new();
    }
    let found = IMPURE.iter().flat_map(|word| words(source.program(), word).into_iter().map(move |offset| (offset, word)));
    found.map(|(offset, word)| source.complaint(offset, format!("a pure room must not name {word}"))).collect()
}

fn owners(source: &Source) -> Vec<String> {
    // Beside a file of the library's name, that file is what the name means.
    let is_file = |library: &str| source.code.contains(&format!("mod {library};"));
    let others = OWNED.iter().filter(|(library, owner)| source.path != *owner && !is_file(library));
    let found = others.flat_map(|(library, owner)| {
        let uses = words(source.program(), &format!("{library}::"));
        uses.into_iter().map(move |offset| source.complaint(offset, format!("only {owner} names {library}")))
    });
    found.collect()
}

/// Lines that hold nothing but texts, or a field's name before them, are data and do not count: a table of phrases is as long as the languages are many.
fn file_length(source: &Source) -> Vec<String> {
    let data = regex::Regex::new(r"^\s*(\w+: [&\[\]_,\x20]+|[&\[\]_,\x20()]*_[&\[\]_,\x20()]*)$").unwrap();
    let lines = source.code.lines().filter(|line| !data.is_match(line)).count();
    let is_long = lines > MAX_FILE_LINES;
    is_long.then(|| format!("{}:{lines}: a file has at most {MAX_FILE_LINES} lines", source.path)).into_iter().collect()
}

fn function_length(source: &Source) -> Vec<String> {
    let functions = words(&source.code, "fn ").into_iter().filter_map(|offset| Some((offset, body(&source.code[offset..])?)));
    let lines = |body: &str| body.lines().filter(|line| !line.trim().is_empty()).count();
    let long = functions.filter(|(_, body)| lines(body) > MAX_FUNCTION_LINES);
    long.map(|(offset, _)| source.complaint(offset, format!("a function has at most {MAX_FUNCTION_LINES} lines"))).collect()
}

/// What stands between the braces of a function; `None` where it has none.
fn body(code: &str) -> Option<&str> {
    let mut nesting = 0;
    let start = code.char_indices().find_map(|(offset, c)| {
        match c {
            '(' | '[' => nesting += 1,
            ')' | ']' => nesting -= 1,
            '{' | ';' if nesting == 0 => return Some((offset, c)),
            _ => {}
        }
        None
    });
    let (start, _) = start.filter(|(_, c)| *c == '{')?;
    for (offset, c) in code[start..].char_indices() {
        match c {
            '{' => nesting += 1,
            '}' => nesting -= 1,
            _ => {}
        }
        if nesting == 0 {
            return Some(&code[start + 1..start + offset]);
        }
    }
    None
}

fn reasons(source: &Source) -> Vec<String> {
    let attributes = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
    let found = attributes.iter().flat_map(|attribute| source.code.match_indices(attribute));
    let bare = found.filter(|(offset, _)| !source.code[*offset..].split(']').next().unwrap().contains("reason = "));
    bare.map(|(offset, attribute)| source.complaint(offset, format!("{attribute}…) needs a reason"))).collect()
}

fn names(source: &Source) -> Vec<String> {
    let parts = source.path.trim_end_matches(".rs").split('/');
    let empty = parts.filter(|part| EMPTY_NAMES.contains(part));
    empty.map(|part| source.complaint(0, format!("{part} says nothing of what is inside"))).collect()
}

/// Where a word or path stands in code, not as the end of a longer name.
fn words(code: &str, word: &str) -> Vec<usize> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let ends_name = word.ends_with(is_name);
    let found = code.match_indices(word).filter(|(offset, _)| {
        let after = code[offset + word.len()..].chars().next();
        !code[..*offset].ends_with(is_name) && (!ends_name || !after.is_some_and(is_name))
    });
    found.map(|(offset, _)| offset).collect()
}

/// The code with comments made blank and the insides of strings made `_`, each byte in its place.
fn code_of(text: &str) -> String {
    let token = regex::Regex::new(
        r##"(?xs)
        (?P<blank> //[^\n]* | /\*(?:[^*/]|\*[^/]|/[^*]|/\*(?:[^*]|\*[^/])*\*/)*\*/ )
        | (?P<string> \b[bc]?r"[^"]*" | \b[bc]?r\#".*?"\# | \b[bc]?r\#\#".*?"\#\# | "(?:[^"\\]|\\.)*" | '(?:[^'\\\n]|\\[^\n][^'\n]*)' )
        "##,
    );
    let hidden = |part: &str, with: &str| part.bytes().map(|byte| if byte == b'\n' { "\n" } else { with }).collect::<String>();
    let replaced = token.unwrap().replace_all(text, |found: &regex::Captures<'_>| match found.name("blank") {
        Some(comment) => hidden(comment.as_str(), " "),
        None => hidden(&found[0], "_"),
    });
    replaced.into_owned()
}
