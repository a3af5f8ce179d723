//! A strict fake Slack: real HTTP on loopback over one [`World`], which is the state of the other side. It refuses what
//! Slack refuses, and the test gets the world back to see what happened.
//!
//! It runs on a thread of its own, so that tests may be synchronous, asynchronous, or run the program as a process.

mod answer;
mod blocks;
mod chat;
mod conversations;
mod faults;
mod files;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::request::Parts;
use axum::response::Response;
use mailferry::delivery::DestinationName;
use mailferry::destination::SlackDestination;
use mailferry::destination::slack::SlackSettings;
use tokio::sync::oneshot;

pub(crate) use self::faults::{Fault, When};
pub(crate) use self::world::{Call, Channel, Message, World};

/// A fake Slack that runs until it is dropped.
pub(crate) struct FakeSlack {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeSlack {
    /// A workspace without channels, and a bot with all scopes that we ask for.
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(World::new(format!("http://{address}/upload/"))));
        let (stop, stopped) = oneshot::channel();
        let app = Router::new().fallback(serve).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&world));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, app) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address, world, stop: Some(stop), thread: Some(thread) }
    }

    /// Where its API is.
    pub(crate) fn api_url(&self) -> String {
        format!("http://{}/api/", self.address)
    }

    /// The state of the other side. Do not hold it while something is called.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settings for it, fast and with the right token.
    pub(crate) fn settings(&self) -> SlackSettings {
        SlackSettings {
            token: self.world().token.clone().into(),
            api_url: self.api_url(),
            posts_per_second: 1000.0,
            workspace_posts_per_minute: 100_000.0,
            settle: Duration::from_millis(600),
        }
    }

    /// A destination that posts to it.
    pub(crate) fn destination(&self) -> SlackDestination {
        SlackDestination::new(DestinationName::new("slack"), self.settings()).unwrap()
    }
}

/// When it is gone, it is gone: nothing is answered any more.
impl Drop for FakeSlack {
    fn drop(&mut self) {
        self.stop.take();
        drop(self.thread.take().map(JoinHandle::join));
    }
}

async fn serve(State(world): State<Arc<Mutex<World>>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let (method, fault) = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let method = if path.starts_with("/upload/") { "upload" } else { path.trim_start_matches("/api/") };
        (method.to_owned(), world.faults.draw(method))
    };
    let act = move || {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        react(&mut world, &method, &path, &parts, &body)
    };
    faults::play(fault, act).await
}

fn react(world: &mut World, method: &str, path: &str, parts: &Parts, body: &[u8]) -> Response {
    if method == "upload" {
        world.calls.push(Call { method: method.to_owned(), fields: Vec::new() });
        return files::upload(world, path, &parts.headers, body);
    }
    let request = answer::Request::read(method, &parts.headers, body);
    world.calls.push(Call { method: method.to_owned(), fields: request.fields.clone() });
    let mut response = request.answer(world);
    if let Ok(scopes) = world.scopes.iter().cloned().collect::<Vec<_>>().join(",").parse() {
        response.headers_mut().insert("x-oauth-scopes", scopes);
    }
    response
}

fn json(status: u16, value: &serde_json::Value) -> Response {
    let content_type = "application/json; charset=utf-8";
    Response::builder().status(status).header("content-type", content_type).body(Body::from(value.to_string())).unwrap()
}
