//! Clients of streams that count as present: behind Pushpin, which has no gone links and asks for next
//! links alone, and behind a hub as a program, which has both.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use gripware_axum::{GripContext, GripLayer, LastEventId};
use gripware_interop::{Answer, HubProgram, ISSUER, KEY, Place, Pushpin, Request, until};
use gripware_publish::Grip;
use gripware_state::{
    Backends, History, Member, Presence,
    presence::{STREAM_INTERVAL, SUFFIX},
    resume::ResumedStream,
};
use tokio::net::TcpListener;

/// How long a client counts as present after its proxy has asked: longer than it takes to ask again,
/// with room for a machine that is busy.
const MEMBER_TTL: Duration = Duration::from_secs(32);

/// Longer than a member's time and the proxy's interval together.
const LONG: Duration = Duration::from_secs(90);

#[derive(Clone)]
struct App {
    history: History,
    presence: Presence,
    /// How often the next link of somebody was asked for.
    asked: Arc<AtomicUsize>,
    gone: Arc<AtomicUsize>,
}

impl App {
    async fn serve(control: SocketAddr, origin: SocketAddr) -> Self {
        let url = format!("http://{control}/?verify-iss={ISSUER}&verify-key={KEY}");
        let grip = Grip::from_vars(|name| (name == "GRIP_URL").then(|| url.clone())).unwrap();
        let state = gripware_state::State::new(Backends::memory());
        let presence = state.presence().grace(Duration::ZERO);
        let app = Self {
            history: state.history(),
            presence: presence
                .member_ttl(MEMBER_TTL)
                .publishing(&grip.publisher()),
            asked: Arc::default(),
            gone: Arc::default(),
        };
        let running = app.presence.clone();
        tokio::spawn(async move { running.run(std::future::pending()).await });
        let routes = Router::new()
            .route("/room/{user}", get(enter))
            .route("/room/{user}/{connection}", get(stay).post(go))
            .route("/events", get(events))
            .layer(GripLayer::new(&grip))
            .with_state(app.clone());
        let listener = TcpListener::bind(origin).await.unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        app
    }

    async fn hold(
        &self,
        user: &str,
        connection: &str,
        cx: &GripContext,
        last: &LastEventId,
    ) -> ResumedStream {
        let member = Member::new(user, connection).unwrap();
        let path = format!("/room/{user}/{connection}");
        let stream = self.history.stream("room", path.clone());
        let stream = stream.present(&self.presence, member, path);
        stream.resume(cx, last).await.unwrap()
    }

    async fn users(&self) -> u64 {
        self.presence.count("room").await.unwrap().users
    }

    /// Waits longer than `until` does.
    async fn waits_for(&self, what: &str, is_so: impl AsyncFn(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self).await {
            assert!(start.elapsed() < LONG, "waited for {what} in vain");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn enter(
    Path(user): Path<String>,
    State(app): State<App>,
    cx: GripContext,
    last: LastEventId,
) -> ResumedStream {
    let connection = Member::random_connection();
    app.hold(&user, &connection, &cx, &last).await
}

/// The next link.
async fn stay(
    Path((user, connection)): Path<(String, String)>,
    State(app): State<App>,
    cx: GripContext,
    last: LastEventId,
) -> ResumedStream {
    app.asked.fetch_add(1, Ordering::SeqCst);
    app.hold(&user, &connection, &cx, &last).await
}

/// The gone link.
async fn go(Path((_, connection)): Path<(String, String)>, State(app): State<App>) -> StatusCode {
    app.gone.fetch_add(1, Ordering::SeqCst);
    app.presence.leave("room", &connection).await.unwrap();
    StatusCode::NO_CONTENT
}

/// Who comes and goes, for somebody who looks on.
async fn events(State(app): State<App>, cx: GripContext, last: LastEventId) -> ResumedStream {
    let stream = app.history.stream(format!("room{SUFFIX}"), "/events");
    // What a proxy loses while its programs find each other comes by this.
    let stream = stream.next_timeout(Duration::from_secs(5));
    stream.resume(&cx, &last).await.unwrap()
}

/// Looks on, once the proxy serves.
async fn looks_on(client: SocketAddr) -> Answer {
    let mut events = None;
    until("somebody can look on", async || {
        let answer = Request::new("GET", client, "/events").try_send().await;
        events = answer.ok().filter(|answer| answer.status() == 200);
        events.is_some()
    })
    .await;
    events.unwrap()
}

/// Waits until an event tells this.
async fn hears(events: &mut Answer, heard: &mut String, event: &str, user: &str) {
    let (start, told) = (Instant::now(), format!("\"user\":\"{user}\""));
    let is_told = |heard: &str| {
        heard
            .split("\n\n")
            .any(|it| it.contains(&format!("event: {event}\n")) && it.contains(&told))
    };
    while !is_told(heard) {
        assert!(start.elapsed() < LONG, "no {event} of {user}: {heard}");
        let more = events.collects(Duration::from_millis(100)).await;
        heard.push_str(std::str::from_utf8(&more).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_pushpin_they_stay_by_next_links_and_leave_when_their_time_is_over() {
    let place = Place::new();
    let [client, control, origin] = [(); 3].map(|()| place.free_address());
    let app = App::serve(control, origin).await;
    let _pushpin = Pushpin::start(place, client, control, origin, true);
    let (mut events, mut heard) = (looks_on(client).await, String::new());

    let anna = Request::new("GET", client, "/room/anna").send().await;
    assert_eq!(anna.status(), 200);
    hears(&mut events, &mut heard, "join", "anna").await;
    // Without its next links its time would be over by the second.
    assert!(STREAM_INTERVAL * 2 > MEMBER_TTL);
    let is_asked_twice = async |app: &App| app.asked.load(Ordering::SeqCst) >= 2;
    app.waits_for("two next links", is_asked_twice).await;
    assert_eq!(app.users().await, 1);
    assert!(!heard.contains("event: leave"), "{heard}");

    drop(anna);
    app.waits_for("it has left", async |app: &App| app.users().await == 0)
        .await;
    hears(&mut events, &mut heard, "leave", "anna").await;
    assert_eq!(app.gone.load(Ordering::SeqCst), 0, "Pushpin tells nobody");
    assert_eq!(heard.matches("event: join").count(), 1, "{heard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_hub_as_a_program_they_leave_when_they_go() {
    let place = Place::new();
    let [client, control, origin] = [(); 3].map(|()| place.free_address());
    let app = App::serve(control, origin).await;
    let _hub = HubProgram::start(place, client, control, origin, &[]).await;
    let (mut events, mut heard) = (looks_on(client).await, String::new());

    let anna = Request::new("GET", client, "/room/anna").send().await;
    let ben = Request::new("GET", client, "/room/ben").send().await;
    hears(&mut events, &mut heard, "join", "ben").await;
    drop(anna);
    hears(&mut events, &mut heard, "leave", "anna").await;
    assert_eq!(app.gone.load(Ordering::SeqCst), 1);
    assert_eq!(app.users().await, 1);

    // The other stays by its next links.
    let is_asked_twice = async |app: &App| app.asked.load(Ordering::SeqCst) >= 2;
    app.waits_for("two next links", is_asked_twice).await;
    assert_eq!(app.users().await, 1);
    drop(ben);
    hears(&mut events, &mut heard, "leave", "ben").await;
    assert_eq!(app.gone.load(Ordering::SeqCst), 2);
}
