//! `mailferry login` against a strict authorization server, and what it is good for: the mailbox of a real Dovecot, which
//! asks that server whether a token is good.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mirror::{Mirror, eventually, posts, told};
use crate::support::authority::{Authority, Decision};
use crate::support::dovecot::{Dovecot, Marked, free_port};
use crate::support::ferry;
use crate::support::project::{Project, Ran, mail};
use crate::support::slack::FakeSlack;

/// A source whose user logs in at the authority.
struct World {
    authority: Authority,
    dovecot: Dovecot,
    slack: FakeSlack,
    project: Project,
    _directory: tempfile::TempDir,
}

impl World {
    fn start(more: &str) -> Self {
        let (authority, slack, directory) = (Authority::start(), FakeSlack::start(), tempfile::tempdir().unwrap());
        let settings = directory.path().join("oauth2.conf.ext");
        std::fs::write(&settings, authority.dovecot()).unwrap();
        let passdb = format!(
            "auth_mechanisms = xoauth2\npassdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {}\n}}\n",
            settings.display()
        );
        let mut dovecot = Dovecot::start_with(Marked::Leaf, &passdb);
        dovecot.deliver("alice", "INBOX", &letter("first"));
        let source = format!(
            "kind = \"imap\"\nhost = \"127.0.0.1\"\nport = {}\nca_file = {:?}\nusername = \"alice\"\nmailboxes = [\"INBOX\"]\n{}\n{more}",
            dovecot.imaps,
            dovecot.certificate(),
            authority.settings()
        );
        let project = ferry::project(&slack, &source);
        Self { authority, dovecot, slack, project, _directory: directory }
    }

    fn login(&self, args: &[&str]) -> LoggingIn {
        let args: Vec<&str> = ["login", "history"].iter().chain(args).copied().collect();
        // All that is ever logged is read: no secret may show in it.
        let mut command = self.project.command(&args);
        let mut child = command.env("MAILFERRY_LOG", "trace").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        LoggingIn { child, stderr, said: String::new() }
    }

    /// Logs in by a browser, all the way.
    fn log_in(&self) -> Ran {
        let mut login = self.login(&[]);
        let page = visit(&follow(&login.url()));
        assert!(page.contains("You may close this window"), "{page}");
        login.end()
    }

    fn check(&self) -> (Option<i32>, Value) {
        let ran = self.project.run(&["check", "--json"]);
        (ran.code, ran.json())
    }

    /// Demands that the client did nothing that it must not, and that no secret shows in a text.
    fn expect_good_manners(&self, texts: &[&str]) {
        let books = self.authority.books();
        assert!(books.offences.is_empty(), "{:?}", books.offences);
        for (text, secret) in texts.iter().flat_map(|text| books.secrets.iter().map(move |secret| (text, secret))) {
            assert!(!text.contains(secret.as_str()), "{secret} shows: {text}");
        }
    }
}

fn letter(name: &str) -> Vec<u8> {
    let mbox = mail(name, 9, "ann@acme.example", "bob@ourco.example", None);
    mbox.split_once('\n').unwrap().1.replace('\n', "\r\n").into_bytes()
}

/// A login that waits for its user.
struct LoggingIn {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl LoggingIn {
    /// Reads what it says until a line that fits.
    fn line(&mut self, fits: impl Fn(&str) -> bool) -> String {
        loop {
            let mut line = String::new();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "it ended: {}", self.said);
            self.said += &line;
            if fits(line.trim()) {
                return line.trim().to_owned();
            }
        }
    }

    /// The address that the user has to open.
    fn url(&mut self) -> String {
        self.line(|line| line.starts_with("http://"))
    }

    fn end(mut self) -> Ran {
        let mut stdout = String::new();
        self.stderr.read_to_string(&mut self.said).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        Ran { code: self.child.wait().unwrap().code(), stdout, stderr: self.said }
    }
}

/// One request of a browser: status line, headers and page.
fn request(method: &str, host: &str, address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// What a browser is shown at an address.
fn visit(url: &str) -> String {
    let (address, target) = parts(url);
    request("GET", address, address, &target)
}

/// Address and target of a URL.
fn parts(url: &str) -> (&str, String) {
    let (address, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    (address, format!("/{target}"))
}

/// Where the server sends the browser on.
fn follow(url: &str) -> String {
    let answer = visit(url);
    let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
    location.unwrap_or_else(|| panic!("it is not sent on: {answer}")).trim().to_owned()
}

#[test]
fn a_login_by_a_browser_opens_the_mailbox_and_is_kept_for_its_owner_alone() {
    let world = World::start("");
    let (code, findings) = world.check();
    let said = findings.to_string();
    assert!(
        code == Some(1) && said.contains("nobody has logged in yet") && said.contains("run `mailferry login history`"),
        "{said}"
    );
    assert!(!world.project.path().join("state").exists(), "a check changes nothing");

    let ran = world.log_in().well();
    assert!(ran.stdout.contains("ok source history: login: alice at 127.0.0.1"), "{ran:?}");
    let kept: Vec<_> =
        std::fs::read_dir(world.project.path().join("state/oauth2")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(kept.iter().any(|file| std::fs::read_to_string(file).unwrap().contains("refresh-")), "{kept:?}");
    for file in kept {
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{file:?}");
    }
    assert_eq!(world.check().0, Some(0), "and it goes on by itself");
    let granted = world.authority.books().granted.clone();
    assert_eq!((granted["authorization_code"], granted["refresh_token"]), (1, 2), "the proof and the check each refreshed");
    world.expect_good_manners(&[&ran.stdout, &ran.stderr]);
}

#[test]
fn only_the_browser_that_was_sent_is_let_in_and_only_once() {
    let world = World::start("");
    let mut login = world.login(&[]);
    let url = follow(&login.url());
    let (address, target) = parts(&url);
    for (method, host, target, status) in [
        ("GET", address, "/favicon.ico", "404"),
        ("GET", address, "/?code=stolen&state=guessed", "400"),
        ("GET", address, "/?error=access_denied&state=guessed", "400"),
        ("POST", address, &target, "405"),
        ("GET", "evil.example", &target, "421"),
    ] {
        let answer = request(method, host, address, target);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{method} {target}: {answer}");
    }
    // A connection that a browser opens ahead and says nothing on keeps nobody waiting.
    let _silent = TcpStream::connect(address).unwrap();
    assert!(visit(&url).contains("You may close this window"));
    let ran = login.end().well();
    assert!(TcpStream::connect(address).is_err(), "the port is closed");
    world.expect_good_manners(&[&ran.stdout, &ran.stderr]);
}

#[test]
fn a_user_who_declines_is_told_what_to_do() {
    let world = World::start("");
    world.authority.books().decision = Decision::Declines;
    let mut login = world.login(&["--json"]);
    assert!(visit(&follow(&login.url())).contains("There was no consent"));
    let ran = login.end();
    assert_eq!(ran.code, Some(1));
    let error = ran.json()["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("the consent was declined (access_denied: The user said no)") && error.contains("login history"),
        "{error}"
    );
    let (code, findings) = world.check();
    assert!(code == Some(1) && findings.to_string().contains("nobody has logged in yet"), "{findings}");
    world.expect_good_manners(&[&ran.stdout, &ran.stderr]);
}

#[test]
fn a_login_by_a_code_asks_as_seldom_as_it_is_told_to() {
    let world = World::start("");
    {
        let mut books = world.authority.books();
        (books.slow_downs, books.absences) = (1, 1);
    }
    let mut login = world.login(&["--device", "--json"]);
    let line = login.line(|line| line.contains("type in this code"));
    assert!(line.contains("https://id.example/device") && line.contains("?user_code=WDJB-MJHT"), "{line}");
    login.line(|line| line == "WDJB-MJHT");
    // Twice as seldom where the server is away, and 5 s more where it says so.
    for seconds in [1, 2, 7] {
        login.line(|line| line == format!("Waiting; asked every {seconds} s"));
    }
    world.authority.books().decide(Decision::Consents);
    let ran = login.end().well();
    let told = ran.json();
    assert_eq!((&told["logged_in"], &told["username"]), (&json!(true), &json!("alice")), "{told}");
    assert_eq!(world.authority.books().granted["device_code"], 1);
    world.expect_good_manners(&[&ran.stdout, &ran.stderr]);
}

#[test]
fn a_code_that_is_declined_or_not_typed_in_ends_the_login() {
    let world = World::start("");
    let mut login = world.login(&["--device"]);
    login.line(|line| line.starts_with("Waiting"));
    world.authority.books().decide(Decision::Declines);
    let declined = login.end();
    assert!(declined.code == Some(1) && declined.stderr.contains("the consent was declined"), "{declined:?}");
    world.authority.books().device_life = Duration::from_secs(2);
    let expired = world.login(&["--device"]).end();
    assert!(expired.code == Some(1) && expired.stderr.contains("nobody logged in before the code expired"), "{expired:?}");
    world.expect_good_manners(&[&declined.stderr, &expired.stderr]);
}

#[test]
fn nobody_is_asked_to_consent_where_a_login_cannot_be_kept() {
    let world = World::start("");
    world.project.write("state/oauth2", "a file in the way");
    let ran = world.login(&[]).end();
    assert!(
        ran.code == Some(1) && ran.stderr.contains("cannot be kept in") && !ran.stderr.contains("/authorize?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_name_that_nobody_logs_in_for_is_misuse() {
    let slack = FakeSlack::start();
    let project = ferry::project(&slack, ferry::MBOX);
    for (source, words) in [("history", "read from files"), ("nowhere", "there are: history")] {
        let ran = project.run(&["login", source]);
        assert!(ran.code == Some(2) && ran.stderr.contains(words), "{ran:?}");
    }
}

#[test]
fn processes_beside_each_other_do_not_log_each_other_out() {
    let world = World::start("");
    world.log_in().well();
    let checks: Vec<_> =
        (0..4).map(|_| world.project.command(&["check"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).collect();
    for check in checks {
        let output = check.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    world.expect_good_manners(&[]);
    assert!(world.authority.books().stands());
}

#[test]
fn tokens_that_live_for_seconds_are_replaced_before_their_end() {
    let mut world = World::start("");
    world.log_in().well();
    let life = Duration::from_secs(4);
    world.authority.books().life = life;
    let mut mirror = Mirror::start(&world.project);
    eventually("the first mail is posted", &mut mirror, || posts(&world.slack) == 1);
    for round in 2..4 {
        let until = Instant::now() + life;
        eventually("the token is over", &mut mirror, || Instant::now() > until);
        // The connections are lost, and those that take their place need a token.
        world.dovecot.restart();
        world.dovecot.deliver("alice", "INBOX", &letter(&format!("later-{round}")));
        eventually("what came later is posted", &mut mirror, || posts(&world.slack) == round);
    }
    assert_eq!(mirror.stop().1, 0);
    assert_eq!(world.authority.books().stale, 0, "no token was shown after its end");
    world.expect_good_manners(&[]);
}

#[test]
fn a_mirror_whose_login_was_revoked_says_so_once_and_takes_the_new_one_up_by_itself() {
    let port = free_port();
    let watched = format!("[mirror]\nlisten = \"127.0.0.1:{port}\"\noperators = {{ channel = \"mailferry-ops\" }}");
    let mut world = World::start(&watched);
    world.log_in().well();
    let mut mirror = Mirror::start(&world.project);
    eventually("the first mail is posted", &mut mirror, || posts(&world.slack) == 1);
    world.authority.books().revoke_all();
    world.dovecot.restart();
    world.dovecot.deliver("alice", "INBOX", &letter("later"));
    let ops = || told(&world.slack);
    eventually("the operators are told", &mut mirror, || ops().len() == 1);
    assert!(ops()[0].contains("login was revoked") && ops()[0].contains("mailferry login history"), "{:?}", ops());
    let status = world.project.run(&["status", "--json"]).well().json();
    let trouble = &status["mirror"]["sources"]["history"]["trouble"];
    assert!(trouble["why"].as_str().unwrap().contains("run `mailferry login history`"), "{status}");
    assert_eq!(trouble["needs"], "person", "{status}");
    let health = visit(&format!("http://127.0.0.1:{port}/healthz"));
    assert!(health.contains("503") && health.contains("history needs a person: alice cannot log in"), "{health}");
    assert!(visit(&format!("http://127.0.0.1:{port}/metrics")).contains("mailferry_source_needs_person{source=\"history\"} 1"));

    // Another mirror in its place does not tell it again.
    assert_eq!(mirror.stop().1, 0);
    let mut mirror = Mirror::start(&world.project);
    eventually("it is in trouble again", &mut mirror, || {
        let status = world.project.run(&["status", "--json"]).json();
        status["mirror"]["sources"]["history"]["trouble"].is_object()
    });
    assert_eq!(ops().len(), 1, "{:?}", ops());

    world.log_in().well();
    eventually("what came meanwhile is posted", &mut mirror, || world.slack.world().channel("ext-acme").messages.len() == 2);
    eventually("the operators are told that it is well", &mut mirror, || ops().len() == 2);
    assert!(ops()[1].contains("is read again"), "{:?}", ops());
    assert_eq!(mirror.stop().1, 0);
    let all = ops().concat();
    assert!(!all.contains("words of"), "no mail: {all}");
    world.expect_good_manners(&[&all]);
}
