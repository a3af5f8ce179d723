//! What goes wrong: at which call of which method, and whether the call takes effect all the same.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::stream;

/// Whether the call takes effect before it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// It does not.
    Before,
    /// It does.
    After,
}

/// What goes wrong with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is closed without an answer.
    HangUp(When),
    /// The connection is closed without an answer, and the call takes effect so much later.
    EffectLater(Duration),
    /// The answer breaks off in its midst; the call takes effect.
    HalfAnswer,
    /// Something else is answered.
    Answer(When, u16, String),
    /// 429, with or without `Retry-After`; the call takes no effect.
    RateLimited(Option<&'static str>),
    /// The answer comes late.
    Late(Duration),
}

impl Fault {
    /// An error of Slack's own.
    pub(crate) fn error(when: When, error: &str) -> Self {
        Self::Answer(when, 200, format!(r#"{{"ok":false,"error":"{error}"}}"#))
    }

    /// A page of a load balancer.
    pub(crate) fn page(when: When, status: u16) -> Self {
        Self::Answer(when, status, "<html><body>Sorry!</body></html>".to_owned())
    }
}

/// The plan: which call of a method, from 1, meets which fault.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    plan: BTreeMap<(String, u32), Fault>,
    always: BTreeMap<String, Fault>,
    seen: BTreeMap<String, u32>,
    storm: Option<Storm>,
}

impl Faults {
    /// The next call of the method goes wrong.
    pub(crate) fn on_next(&mut self, method: &str, fault: Fault) {
        let next = self.seen.get(method).copied().unwrap_or(0) + 1;
        self.on(method, next, fault);
    }

    /// The call of the method with this number goes wrong, counted from 1 and from the start.
    pub(crate) fn on(&mut self, method: &str, number: u32, fault: Fault) {
        self.plan.insert((method.to_owned(), number), fault);
    }

    /// Each call of the method goes wrong.
    pub(crate) fn on_each(&mut self, method: &str, fault: Fault) {
        self.always.insert(method.to_owned(), fault);
    }

    /// How often the method was called.
    pub(crate) fn seen(&self, method: &str) -> u32 {
        self.seen.get(method).copied().unwrap_or(0)
    }

    /// What the next call of the method meets.
    pub(crate) fn draw(&mut self, method: &str) -> Option<Fault> {
        let number = self.seen.entry(method.to_owned()).or_default();
        *number += 1;
        let planned = self.plan.remove(&(method.to_owned(), *number)).or_else(|| self.always.get(method).cloned());
        planned.or_else(|| self.storm.as_mut()?.next())
    }

    /// From now on each call of any method that has no plan of its own meets, with the probability `share`, a fault of any
    /// kind. The same seed gives the same faults to the same number of calls, in the order in which they come.
    pub(crate) fn storm(&mut self, seed: u64, share: f64) {
        self.storm = Some(Storm { state: seed, share });
    }

    /// Ends the storm.
    pub(crate) fn calm(&mut self) {
        self.storm = None;
    }
}

/// Lets a call take place, or go wrong.
pub(super) async fn play(fault: Option<Fault>, act: impl FnOnce() -> Response + Send + 'static) -> Response {
    let Some(fault) = fault else { return act() };
    match fault {
        Fault::HangUp(When::Before) => hang_up(),
        Fault::HangUp(When::After) => {
            drop(act());
            hang_up()
        }
        Fault::EffectLater(pause) => {
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                drop(act());
            });
            hang_up()
        }
        Fault::HalfAnswer => {
            drop(act());
            let pieces = [Ok("{\"ok\":tr"), Err(std::io::Error::other("cut"))];
            Response::new(Body::from_stream(stream::iter(pieces)))
        }
        Fault::Answer(when, status, body) => {
            if when == When::After {
                drop(act());
            }
            Response::builder().status(status).body(Body::from(body)).unwrap()
        }
        Fault::RateLimited(retry_after) => {
            let response = Response::builder().status(429);
            let response = match retry_after {
                Some(value) => response.header("retry-after", value),
                None => response,
            };
            response.body(Body::from(r#"{"ok":false,"error":"ratelimited"}"#)).unwrap()
        }
        Fault::Late(pause) => {
            tokio::time::sleep(pause).await;
            act()
        }
    }
}

/// Ends the task of the connection, which closes it; unlike a panic, without a word on standard error.
fn hang_up() -> Response {
    resume_unwind(Box::new("the fake hangs up"))
}

/// A generator of faults.
#[derive(Debug)]
struct Storm {
    state: u64,
    share: f64,
}

impl Storm {
    /// What the next call meets.
    fn next(&mut self) -> Option<Fault> {
        const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
        let meets = ((self.draw() >> 11) as f64) * UNIT < self.share;
        meets.then(|| self.fault())
    }

    fn fault(&mut self) -> Fault {
        let when = if self.draw().is_multiple_of(2) { When::Before } else { When::After };
        match self.draw() % 7 {
            0 => Fault::HangUp(when),
            1 => Fault::page(when, [500, 502, 503][self.below(3)]),
            2 => Fault::HalfAnswer,
            3 => Fault::RateLimited(Some(["0", "1"][self.below(2)])),
            4 => Fault::error(when, ["fatal_error", "internal_error"][self.below(2)]),
            5 => Fault::Late(Duration::from_millis(self.below(301) as u64)),
            _ => Fault::EffectLater(Duration::from_millis(self.below(500) as u64)),
        }
    }

    fn below(&mut self, bound: u64) -> usize {
        usize::try_from(self.draw() % bound).unwrap()
    }

    /// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
