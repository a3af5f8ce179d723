//! A run that goes on: what arrives is posted, whatever breaks in between, and it answers those who ask.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::dovecot::{Dovecot, free_port};
use crate::support::ferry::{MBOX, assert_each_stands_once, project, threads};
use crate::support::project::{ARCHIVE, Project, mail};
use crate::support::slack::{FakeSlack, Fault, When};

/// How long anything may take to come about; hardly any of it is needed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mirror that runs until it is dropped.
pub(crate) struct Mirror {
    child: Option<Child>,
}

impl Mirror {
    pub(crate) fn start(project: &Project) -> Self {
        let socket = project.path().join("state/control.sock");
        // A mirror that was killed leaves its socket.
        std::fs::remove_file(&socket).ok();
        let child = project.command(&["mirror", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut mirror = Self { child: Some(child) };
        // Who asks before it has the state directory would have it, and the mirror would be refused.
        eventually("it can be asked", &mut mirror, || socket.exists());
        mirror
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    /// Asks it to stop; how long it took, and what it printed.
    pub(crate) fn stop(mut self) -> (Duration, i32, String) {
        let mut child = self.child.take().unwrap();
        let asked = Instant::now();
        assert!(std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        let status = child.wait().unwrap();
        let mut printed = String::new();
        child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        (asked.elapsed(), status.code().unwrap_or(-1), printed)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mirror: &mut Mirror, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(mirror.is_running(), "the mirror ended before {what}");
        assert!(Instant::now() < deadline, "it did not come about that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Posts that stand in all channels.
pub(crate) fn posts(slack: &FakeSlack) -> usize {
    slack.world().channels.values().map(|channel| channel.messages.len()).sum()
}

/// What the operators were told.
pub(crate) fn told(slack: &FakeSlack) -> Vec<String> {
    let world = slack.world();
    let channel = world.channels.values().find(|channel| channel.name == "mailferry-ops");
    channel.map_or_else(Vec::new, |channel| channel.messages.iter().map(|message| message.text.clone()).collect())
}

pub(crate) fn imap(dovecot: &Dovecot) -> String {
    format!(
        "kind = \"imap\"\nhost = \"127.0.0.1\"\nport = {}\nca_file = {:?}\nusername = \"alice\"\npassword = {{ env = \"IMAP_PASSWORD\" }}\n\
         mailboxes = [\"INBOX\"]",
        dovecot.imaps,
        dovecot.certificate()
    )
}

fn raws(count: u32) -> Vec<Vec<u8>> {
    let all = threads(count);
    all.split("From ").filter_map(|mail| mail.split_once('\n')).map(|(_, raw)| raw.replace('\n', "\r\n").into_bytes()).collect()
}

#[test]
fn mail_that_arrives_is_posted_until_it_is_asked_to_stop() {
    let (slack, mut dovecot) = (FakeSlack::start(), Dovecot::start());
    let project = project(&slack, &imap(&dovecot));
    let mut mirror = Mirror::start(&project);
    for raw in raws(2) {
        dovecot.deliver("alice", "INBOX", &raw);
    }
    eventually("all is posted", &mut mirror, || posts(&slack) == 16);
    assert_each_stands_once(&slack, 2);
    let (took, code, printed) = mirror.stop();
    assert_eq!(code, 0, "{printed}");
    assert!(took < Duration::from_secs(5), "it took {took:?} to stop");
    let status = project.run(&["status", "--json"]).well().json();
    assert_eq!((&status["deliveries"]["in_flight"], &status["messages_by_end"]["delivered"]), (&json!(0), &json!(12)));
    assert!(!project.path().join("state/control.sock").exists());
}

#[test]
fn mail_is_posted_as_soon_as_the_server_tells_of_it() {
    let (slack, mut dovecot) = (FakeSlack::start(), Dovecot::start());
    let project = project(&slack, &imap(&dovecot));
    dovecot.deliver("alice", "INBOX", &raws(1)[0]);
    let mut mirror = Mirror::start(&project);
    eventually("what was there is posted", &mut mirror, || posts(&slack) == 1);
    let mut quickest = PATIENCE;
    for (count, raw) in (2..).zip(&raws(3)[6..10]) {
        let delivered = Instant::now();
        dovecot.deliver("alice", "INBOX", raw);
        eventually("it is posted", &mut mirror, || posts(&slack) >= count);
        quickest = quickest.min(delivered.elapsed());
    }
    // The server is polled after 30 s at the earliest, and this machine may be busy; but not each time.
    assert!(quickest < Duration::from_secs(5), "the quickest of four took {quickest:?}");
    assert_eq!(mirror.stop().1, 0);
}

#[test]
fn a_server_that_is_started_anew_and_answers_that_are_lost_are_waited_out() {
    let (slack, mut dovecot) = (FakeSlack::start(), Dovecot::start());
    let project = project(&slack, &imap(&dovecot));
    let mut mirror = Mirror::start(&project);
    let all = raws(3);
    for raw in &all[..6] {
        dovecot.deliver("alice", "INBOX", raw);
    }
    eventually("the first thread is posted", &mut mirror, || posts(&slack) >= 8);
    slack.world().faults.on_next("chat.postMessage", Fault::HangUp(When::After));
    dovecot.restart();
    for raw in &all[6..] {
        dovecot.deliver("alice", "INBOX", raw);
    }
    eventually("all is posted", &mut mirror, || posts(&slack) >= 24);
    dovecot.doveadm(&["mailbox", "update", "--uid-validity", "777", "-u", "alice", "INBOX"]);
    dovecot.restart();
    eventually("the new numbers are seen", &mut mirror, || {
        project.run(&["status", "--json"]).well().json()["duplicates"] == json!(18)
    });
    assert_eq!(mirror.stop().1, 0);
    assert_each_stands_once(&slack, 3);
    project.run(&["reconcile"]).well();
}

#[test]
fn it_answers_those_who_ask_while_it_runs_as_if_it_did_not() {
    let project = Project::new(ARCHIVE);
    project.write("mail/a.mbox", mail("offer", 1, "ann@acme.example", "bob@ourco.example", None));
    let mut mirror = Mirror::start(&project);
    let status = || project.run(&["status", "--json"]);
    eventually("it answers", &mut mirror, || status().code == Some(0));
    eventually("the mail is posted", &mut mirror, || status().json()["deliveries"]["delivered"] == json!(1));
    let mode = std::fs::metadata(project.path().join("state/control.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else can open it");
    project.write(
        "mail/a.mbox",
        mail("offer", 1, "ann@acme.example", "bob@ourco.example", None)
            + &mail("unapproved", 6, "ida@initech.example", "bob@ourco.example", None),
    );
    eventually("a message is held", &mut mirror, || project.run(&["held", "--json"]).well().json().as_array().unwrap().len() == 1);
    let plan = project.run(&["plan", "--json"]).well().json();
    assert_eq!(plan["partners"]["Initech"]["held"][0]["gate"], json!("approval"));
    let said = project.run(&["approve", "Initech", "--by", "Dana"]).well().stdout;
    assert!(said.contains("the mirror posts them"), "{said}");
    eventually("it is posted", &mut mirror, || status().json()["deliveries"]["delivered"] == json!(2));
    assert_eq!(project.run(&["batches", "--json"]).well().json()[0]["command"], json!("mirror"));
    assert_eq!(project.run(&["approve", "Nobody", "--by", "Dana"]).code, Some(2), "what is wrong is as wrong as ever");
    project.run(&["reconcile"]).well();
    let refused = project.run(&["undo", "1", "--yes"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("in use by mailferry mirror"), "{refused:?}");
    let text = project.run(&["status"]).well().stdout;
    assert!(text.contains("Mirror   runs since"), "{text}");
    assert_eq!(mirror.stop().1, 0);
}

#[test]
fn a_mirror_that_was_killed_is_followed_by_another() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(4));
    let mut mirror = Mirror::start(&project);
    eventually("something is posted", &mut mirror, || posts(&slack) > 3);
    drop(mirror);
    assert!(project.path().join("state/control.sock").exists(), "it was killed");
    project.run(&["status"]).well();
    let mut mirror = Mirror::start(&project);
    eventually("all is posted", &mut mirror, || posts(&slack) == 32);
    assert_eq!(mirror.stop().1, 0);
    assert_each_stands_once(&slack, 4);
}

#[test]
fn one_source_in_trouble_keeps_no_other_back_and_is_said() {
    let slack = FakeSlack::start();
    let lost = format!("{MBOX}\n[[source]]\nname = \"lost\"\nkind = \"mbox\"\npath = \"nowhere/*.mbox\"");
    let project = project(&slack, &lost);
    project.write("mail/a.mbox", threads(1));
    let mut mirror = Mirror::start(&project);
    eventually("all is posted", &mut mirror, || posts(&slack) == 8);
    let status = project.run(&["status", "--json"]).well().json();
    assert!(status["mirror"]["sources"]["lost"]["trouble"]["why"].as_str().unwrap().contains("nowhere"), "{status}");
    assert!(status["mirror"]["sources"]["history"]["trouble"].is_null(), "{status}");
    project.write("nowhere/late.mbox", mail("late", 9, "ann@acme.example", "bob@ourco.example", None));
    eventually("it is read once it is there", &mut mirror, || posts(&slack) == 9);
    assert_eq!(mirror.stop().1, 0);
}

#[test]
fn logs_are_lines_of_json_for_those_who_collect_them() {
    let slack = FakeSlack::start();
    let lost = "kind = \"mbox\"\npath = \"nowhere/*.mbox\"";
    let project = project(&slack, lost).env("MAILFERRY_LOG_FORMAT", "json");
    let mut mirror = Mirror::start(&project);
    eventually("its trouble is known", &mut mirror, || {
        !project.run(&["status", "--json"]).well().json()["mirror"]["sources"]["history"]["trouble"].is_null()
    });
    let mut errors = mirror.child.as_mut().unwrap().stderr.take().unwrap();
    assert_eq!(mirror.stop().1, 0);
    let mut printed = String::new();
    errors.read_to_string(&mut printed).unwrap();
    let entries = printed.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let trouble = entries.into_iter().find(|entry| entry["source.name"] == json!("history")).unwrap_or_else(|| panic!("{printed}"));
    assert_eq!(trouble["level"], json!("WARN"));
    assert!(trouble["error"].as_str().unwrap().contains("nowhere"), "{trouble}");
}

/// What is answered to a GET: the status line and the rest.
fn get(port: u16, path: &str) -> Option<(String, String)> {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (status, rest) = answer.split_once("\r\n")?;
    Some((status.to_owned(), rest.to_owned()))
}

#[test]
fn a_monitor_sees_that_it_is_well_and_what_is_not() {
    let slack = FakeSlack::start();
    let port = free_port();
    let watched = |more: &str| format!("{MBOX}\n{more}[mirror]\nlisten = \"127.0.0.1:{port}\"\nsilent_after_seconds = 10\n");
    let project_of = |more: &str| {
        let project = project(&slack, &watched(more));
        project.write("mail/a.mbox", threads(1));
        project
    };
    let well = project_of("");
    let mut mirror = Mirror::start(&well);
    eventually("all is posted", &mut mirror, || posts(&slack) == 8);
    eventually("the posts are counted", &mut mirror, || {
        get(port, "/metrics").is_some_and(|(_, text)| text.contains("mailferry_channel_posts_total{channel=\"ext-acme\"} 4"))
    });
    let (status, body) = get(port, "/healthz").unwrap();
    assert!(status.contains("200") && body.contains("\"healthy\":true"), "{status} {body}");
    assert!(body.contains("\"lag_seconds\":{\"history\":"), "{body}");
    assert!(!body.contains("words of") && !body.contains("@"), "no mail: {body}");
    assert!(get(port, "/").unwrap().0.contains("404"));
    assert_eq!(mirror.stop().1, 0);
    let ill = project_of("[[source]]\nname = \"lost\"\nkind = \"mbox\"\npath = \"nowhere/*.mbox\"\n");
    let mut mirror = Mirror::start(&ill);
    eventually("its silence is complained of", &mut mirror, || {
        get(port, "/healthz").is_some_and(|(status, body)| status.contains("503") && body.contains("lost was not read to its end"))
    });
    let (_, metrics) = get(port, "/metrics").unwrap();
    assert!(metrics.contains("mailferry_source_trouble{source=\"lost\"} 1"), "{metrics}");
    assert_eq!(mirror.stop().1, 0);
}

#[test]
fn a_configuration_that_is_read_again_takes_effect_and_a_wrong_one_changes_nothing() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    project.write("mail/a.mbox", threads(1) + &mail("xena", 9, "x@xena.example", "bob@ourco.example", None));
    let mut mirror = Mirror::start(&project);
    eventually("all is posted", &mut mirror, || posts(&slack) == 8);
    let hang_up = |mirror: &Mirror| {
        let process = mirror.child.as_ref().unwrap().id().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &process]).status().unwrap().success());
    };
    let right = std::fs::read_to_string(project.path().join("mailferry.toml")).unwrap();
    project.write("mailferry.toml", format!("{right}\nnonsense = 1\n"));
    hang_up(&mirror);
    let newcomer = "[[partner]]\nname = \"Xena\"\ndomains = [\"xena.example\"]\nchannel = \"ext-xena\"\ntrusted = true\n";
    project.write("mail/b.mbox", mail("more", 10, "ann@acme.example", "bob@ourco.example", None));
    eventually("it goes on as it was", &mut mirror, || posts(&slack) == 9);
    project.write("mailferry.toml", format!("{right}{newcomer}"));
    hang_up(&mirror);
    eventually("the mail of the new partner is posted", &mut mirror, || posts(&slack) == 10);
    project.run(&["status"]).well();
    assert_eq!(mirror.stop().1, 0);
}

#[test]
fn a_supervisor_is_told_that_it_runs_and_goes_on_being_told() {
    let slack = FakeSlack::start();
    let base = project(&slack, MBOX);
    let path = base.path().join("notify.sock");
    let supervisor = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let project = base.env("NOTIFY_SOCKET", path.to_str().unwrap()).env("WATCHDOG_USEC", "400000");
    let mut mirror = Mirror::start(&project);
    let mut told = [0; 64];
    for expected in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        let length = supervisor.recv(&mut told).unwrap();
        assert_eq!(std::str::from_utf8(&told[..length]).unwrap().trim(), expected);
    }
    assert!(mirror.is_running());
    assert_eq!(mirror.stop().1, 0);
}

#[test]
fn a_root_that_arrives_while_later_mail_is_posted_goes_before_its_answers() {
    let slack = FakeSlack::start();
    let project = project(&slack, MBOX);
    let first = mail("first", 1, "ann@acme.example", "bob@ourco.example", None)
        + &mail("last", 20, "ann@acme.example", "bob@ourco.example", None);
    project.write("mail/a.mbox", &first);
    // Long enough for the source to be looked at again, and its mail admitted, before the lane goes on.
    slack.world().faults.on_next("chat.postMessage", Fault::Late(Duration::from_secs(9)));
    let mut mirror = Mirror::start(&project);
    eventually("the first post is under way", &mut mirror, || slack.world().faults.seen("chat.postMessage") == 1);
    let thread = mail("root", 10, "ann@acme.example", "bob@ourco.example", None)
        + &mail("answer", 25, "bob@ourco.example", "ann@acme.example", Some("root"));
    project.write("mail/b.mbox", thread);
    eventually("all is posted", &mut mirror, || posts(&slack) == 4);
    assert_eq!(mirror.stop().1, 0);
    let world = slack.world();
    let messages = &world.channel("ext-acme").messages;
    let at = |name: &str| messages.iter().find(|message| message.text.contains(&format!("The words of {name}."))).unwrap();
    assert_eq!((&at("root").thread_ts, at("answer").thread_ts.as_ref()), (&None, Some(&at("root").ts)));
}
