//! Every step of a run is its last one once: by a kill, by a kill in the midst of a write, by a power cut. Whatever it was,
//! the next run brings the same about as a run that was left alone, and a further run changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use mailferry::config::{self, Secrets};
use mailferry::delivery::{DestinationName, PartnerName};
use mailferry::destination::slack::SlackSettings;
use mailferry::destination::{Destination, SlackDestination};
use mailferry::disk::Disk;
use mailferry::engine::undo::Mode;
use mailferry::engine::{Keeping, Nobody, Stop, World, assemble};
use mailferry::ledger::{BatchId, Ledger, LedgerError, Proof, Sums, verify};
use mailferry::vault::Vault;

use crate::support::project::{Project, mail};
use crate::support::slack::FakeSlack;
use crate::support::steps::{End, Stepped, Steps, copy};

const CONFIG: &str = r#"
state = "state"
[organisation]
name = "Our Co"
domains = ["ourco.example"]
[[source]]
name = "history"
kind = "mbox"
path = "mail/*.mbox"
[[destination]]
name = "slack"
kind = "slack"
token = { file = "token" }
api_url = "http://127.0.0.1:1/api/"
[[partner]]
name = "Acme"
domains = ["acme.example"]
channel = "ext-acme"
trusted = true
[[partner]]
name = "Globex"
domains = ["globex.example"]
channel = "ext-globex"
trusted = true
[[partner]]
name = "Initech"
domains = ["initech.example"]
channel = "ext-initech"
"#;

/// How long a call without an answer may still take effect at the fake, which acts at once.
const SETTLE: Duration = Duration::from_millis(20);

/// Runs that come to their end before the step at which they were to end, until it is believed that there are no more steps.
const RUNS_LEFT_ALONE: u32 = 4;

/// Mail with everything that is more than one step: a thread, a message to two channels, one in two pieces, files, one that is
/// held, one that is internal, a copy.
fn mails() -> String {
    let long = mail("long", 4, "ann@acme.example", "bob@ourco.example", Some("offer")).replace("The words", &"word \n".repeat(900));
    let files = mail("files", 5, "gil@globex.example", "bob@ourco.example", None);
    let (head, text) = files.split_once("\n\n").unwrap();
    let file =
        |name: &str| format!("--edge\nContent-Type: text/csv\nContent-Disposition: attachment; filename={name}\n\n1,{name}\n");
    let files = format!(
        "{head}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=edge\n\n--edge\nContent-Type: text/plain\n\n{text}{}{}--edge--\n\n",
        file("a.csv"),
        file("b.csv")
    );
    [
        mail("offer", 1, "ann@acme.example", "bob@ourco.example", None),
        mail("both", 2, "bob@ourco.example", "ann@acme.example, gil@globex.example", Some("offer")),
        long,
        files,
        mail("held", 6, "ida@initech.example", "bob@ourco.example", None),
        mail("inside", 7, "bob@ourco.example", "carol@ourco.example", Some("offer")),
        mail("offer", 1, "ann@acme.example", "bob@ourco.example", None),
    ]
    .concat()
}

/// Opens a ledger. Another test of this binary may be starting a process: between its fork and its exec that process holds
/// every lock that this one has just given back.
fn patiently(open: impl Fn() -> Result<Ledger, LedgerError>) -> Result<Ledger, LedgerError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match open() {
            Err(LedgerError::InUse { .. } | LedgerError::Unopenable { .. }) if Instant::now() < deadline => {
                std::thread::yield_now()
            }
            opened => return opened,
        }
    }
}

/// The trail of a state directory, held against its index, with the same patience.
fn proven(state: &Path) -> Proof {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let proof = verify(state, |_| Ok(())).unwrap().compare(state).unwrap();
        if !proof.remarks.iter().any(|remark| remark.contains("in use by")) || Instant::now() > deadline {
            return proof;
        }
        std::thread::yield_now();
    }
}

/// What a run is to do.
#[derive(Clone, Copy, Debug)]
enum Act {
    Backfill,
    Undo(BatchId),
}

/// One project, one Slack, and state directories that come and go.
struct Scene {
    project: Project,
    slack: FakeSlack,
    states: u32,
}

impl Scene {
    fn new() -> Self {
        let project = Project::new(CONFIG);
        project.write("mail/a.mbox", mails());
        project.write("token", "xoxb-fake-1");
        Self { project, slack: FakeSlack::start(), states: 0 }
    }

    /// A path at which nothing is yet.
    fn fresh_state(&mut self) -> PathBuf {
        self.states += 1;
        self.project.path().join(format!("state-{}", self.states))
    }

    /// Runs to the end, or to the last step.
    fn run(&self, act: Act, state: &Path, steps: Option<&Arc<Steps>>, stop: &Stop) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let world = self.world(state, steps, stop)?;
        let done = runtime.block_on(async {
            match act {
                Act::Backfill => {
                    world.ledger.begin("backfill", "the test")?;
                    let sources: Vec<_> =
                        world.config.sources.iter().map(|source| assemble::source(source, world.config.base())).collect();
                    let read = world.ingest(&sources).await?;
                    anyhow::ensure!(read.is_complete(), "{read}");
                    let posted = world.deliver().await?;
                    anyhow::ensure!(posted.is_complete(), "{posted}");
                }
                Act::Undo(batch) => {
                    world.ledger.begin("undo", "the test")?;
                    let report = world.undo(batch, Mode::Act).await?;
                    anyhow::ensure!(report.is_well(), "{report}");
                }
            }
            Ok(world.ledger.end()?)
        });
        drop(world);
        done
    }

    fn world(&self, state: &Path, steps: Option<&Arc<Steps>>, stop: &Stop) -> anyhow::Result<Arc<World>> {
        let mut config = config::load(&self.project.path().join("mailferry.toml"), Secrets::Read).unwrap();
        config.state = state.to_path_buf();
        let disk = steps.map_or_else(Disk::default, |steps| Disk::watched(steps.clone()));
        let name = DestinationName::new("slack");
        let settings = SlackSettings { settle: SETTLE, ..self.slack.settings() };
        let mut slack: Arc<dyn Destination> = Arc::new(SlackDestination::new(name.clone(), settings).unwrap());
        if let Some(steps) = steps {
            slack = Arc::new(Stepped::new(slack, steps.clone()));
        }
        Ok(Arc::new(World {
            ledger: Arc::new(patiently(|| Ledger::open_on(disk.clone(), state, "the test", Utc::now))?),
            keeping: Keeping::Vault(Vault::on(disk, state)),
            destinations: [(name, slack)].into(),
            watch: Arc::new(Nobody),
            health: Default::default(),
            operators: Default::default(),
            work: Default::default(),
            stop: stop.clone(),
            clock: Utc::now,
            config,
        }))
    }

    /// Ends a run after a step. Hands back the state that it leaves and its steps; `None` where it came to its end before.
    fn cut(&mut self, act: Act, state: &Path, last: usize, end: End) -> Option<(PathBuf, Vec<String>)> {
        let (image, stop) = (self.fresh_state(), Stop::default());
        std::fs::create_dir_all(state).unwrap();
        let steps = Steps::new(state, last, end, image.clone(), stop.clone());
        let ran = self.run(act, state, Some(&steps), &stop);
        if steps.is_over() {
            return Some((image, steps.taken()));
        }
        ran.unwrap();
        None
    }

    fn sums(&self, state: &Path) -> Sums {
        patiently(|| Ledger::open(state, "the test", Utc::now)).unwrap().sums().unwrap()
    }

    /// Demands that those who look at a state directory are answered, whatever the moment at which it was left.
    fn assert_answers_questions(&self, image: &Path) {
        let state = self.project.path().join("state");
        copy(image, &state);
        for question in [["status"].as_slice(), &["held"], &["batches"], &["audit", "verify"]] {
            self.project.run(question).well();
        }
        std::fs::remove_dir_all(state).unwrap();
    }

    /// All that can be seen in the channels, in order: which thread, which text, which files.
    fn seen(&self) -> Vec<String> {
        let world = self.slack.world();
        let mut channels: Vec<_> = world.channels.values().collect();
        channels.sort_by(|a, b| a.name.cmp(&b.name));
        let mut seen = Vec::new();
        for channel in channels {
            for message in &channel.messages {
                let root = message.thread_ts.as_ref().and_then(|root| channel.messages.iter().position(|other| other.ts == *root));
                seen.push(format!("{} {root:?} {} {:?} {}", channel.name, message.key(), message.files, message.text));
            }
        }
        seen
    }
}

/// The steps of a run that is left alone.
fn count(act: Act, prepare: impl Fn(&mut Scene) -> PathBuf) -> usize {
    let mut scene = Scene::new();
    let state = prepare(&mut scene);
    let (image, stop) = (scene.fresh_state(), Stop::default());
    let steps = Steps::new(&state, usize::MAX, End::Kill, image, stop.clone());
    scene.run(act, &state, Some(&steps), &stop).unwrap();
    steps.taken().len()
}

/// A state directory in which nothing is yet.
fn fresh(scene: &mut Scene) -> PathBuf {
    let state = scene.fresh_state();
    std::fs::create_dir_all(&state).unwrap();
    state
}

/// A state directory in which a message has just been let go, and whose trail is lost.
fn without_trail(scene: &mut Scene) -> PathBuf {
    let state = scene.fresh_state();
    scene.run(Act::Backfill, &state, None, &Stop::default()).unwrap();
    let ledger = patiently(|| Ledger::open(&state, "the test", Utc::now)).unwrap();
    ledger.approve(&PartnerName::new("Initech"), "Dana", Utc::now()).unwrap();
    drop(ledger);
    std::fs::remove_file(state.join("audit.jsonl")).unwrap();
    state
}

/// A state directory in which everything was posted, and a message that is found only now: older than what stands, in two
/// pieces.
fn before_late_mail(scene: &mut Scene) -> PathBuf {
    let state = scene.fresh_state();
    scene.run(Act::Backfill, &state, None, &Stop::default()).unwrap();
    let late = mail("late", 3, "ann@acme.example", "bob@ourco.example", Some("offer"));
    scene.project.write("mail/late.mbox", late.replace("The words", &"word \n".repeat(900)));
    state
}

/// Ends a backfill at each of its steps, and compares what the next run brings about with a run that was left alone. Hands
/// back what stands in the channels.
fn backfill_ends_at_every_step(
    end: End,
    prepare: fn(&mut Scene) -> PathBuf,
    (posts, messages, least_steps): (u64, u64, usize),
) -> Vec<String> {
    let mut alone = Scene::new();
    let state = prepare(&mut alone);
    alone.run(Act::Backfill, &state, None, &Stop::default()).unwrap();
    let (seen, sums) = (alone.seen(), alone.sums(&state));
    assert_eq!((sums.deliveries.delivered, sums.messages), (posts, messages), "{sums:?}");
    let steps = count(Act::Backfill, prepare);
    assert!(steps > least_steps, "only {steps} steps were found");
    let (mut ended, mut whole) = (0, 0);
    for last in 1.. {
        let mut scene = Scene::new();
        let state = prepare(&mut scene);
        let Some((image, taken)) = scene.cut(Act::Backfill, &state, last, end) else {
            // Lanes that write at the same time share a sync, so that runs differ by some steps.
            whole += 1;
            if whole == RUNS_LEFT_ALONE {
                break;
            }
            continue;
        };
        ended += 1;
        let at = || format!("ended at step {last} of {steps}, {end:?}, after {:?}", &taken[taken.len().saturating_sub(4)..]);
        if image.join("audit.jsonl").exists() {
            let proof = verify(&image, |_| Ok(())).unwrap();
            assert_eq!(proof.broken, None, "{}", at());
        }
        if end == End::Kill {
            scene.assert_answers_questions(&image);
        }
        scene.run(Act::Backfill, &image, None, &Stop::default()).unwrap_or_else(|error| panic!("{error:#}: {}", at()));
        assert_eq!(scene.seen(), seen, "{}", at());
        assert_eq!(scene.sums(&image), sums, "{}", at());
        scene.run(Act::Backfill, &image, None, &Stop::default()).unwrap();
        assert_eq!(scene.seen(), seen, "a further run: {}", at());
        assert_eq!(scene.sums(&image), sums, "a further run: {}", at());
        let proof = proven(&image);
        assert_eq!((proof.broken, proof.remarks), (None, Vec::new()), "{}", at());
    }
    assert!(ended >= least_steps, "of {steps} steps only {ended} were the last one");
    seen
}

#[test]
fn mail_that_comes_late_says_so_wherever_the_run_ended() {
    let seen = backfill_ends_at_every_step(End::Kill, before_late_mail, (10, 7, 15));
    assert_eq!(seen.iter().filter(|post| post.contains("arrived late:")).count(), 1, "{seen:?}");
}

#[test]
fn a_kill_at_every_step_of_a_backfill_changes_nothing_of_what_comes_of_it() {
    backfill_ends_at_every_step(End::Kill, fresh, (8, 6, 60));
}

#[test]
fn a_kill_in_the_midst_of_every_write_changes_nothing_of_what_comes_of_it() {
    backfill_ends_at_every_step(End::Torn, fresh, (8, 6, 60));
}

#[test]
fn a_power_cut_at_every_step_of_a_backfill_changes_nothing_of_what_comes_of_it() {
    backfill_ends_at_every_step(End::PowerCut, fresh, (8, 6, 60));
}

#[test]
fn a_power_cut_at_every_step_of_a_run_that_begins_a_new_trail_changes_nothing_of_what_comes_of_it() {
    backfill_ends_at_every_step(End::PowerCut, without_trail, (9, 6, 15));
}

#[test]
fn an_undo_that_ends_at_every_step_is_finished_by_the_next() {
    let batch = BatchId(1);
    let posted = |scene: &mut Scene| {
        let state = scene.fresh_state();
        scene.run(Act::Backfill, &state, None, &Stop::default()).unwrap();
        state
    };
    let steps = count(Act::Undo(batch), posted);
    assert!(steps > 20, "only {steps} steps were found");
    for last in 1..=steps {
        for end in [End::Kill, End::PowerCut] {
            let mut scene = Scene::new();
            let state = posted(&mut scene);
            let Some((image, taken)) = scene.cut(Act::Undo(batch), &state, last, end) else { continue };
            let at = || format!("ended at step {last} of {steps}, {end:?}, after {:?}", &taken[taken.len().saturating_sub(4)..]);
            scene.run(Act::Undo(batch), &image, None, &Stop::default()).unwrap_or_else(|error| panic!("{error:#}: {}", at()));
            assert_eq!(scene.seen(), Vec::<String>::new(), "{}", at());
            let sums = scene.sums(&image);
            assert_eq!((sums.deliveries.undone, sums.deliveries.delivered), (8, 0), "{}", at());
            scene.run(Act::Backfill, &image, None, &Stop::default()).unwrap();
            assert_eq!(scene.seen(), Vec::<String>::new(), "nothing comes back: {}", at());
            assert!(scene.sums(&image).add_up());
        }
    }
}
