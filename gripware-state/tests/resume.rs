//! Handlers that resume, behind a pretend proxy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State as AppState},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use gripware_axum::{
    Channel, GripContext, GripLayer, Hold, HttpResponse, HttpStream, Item, LastEventId, Publisher,
    SseEvent, WebSocketContext, WsMessage,
};
use gripware_state::{
    Appended, Backends, Continuity, Draft, History, Member, Presence, State,
    resume::{MORE_INTERVAL, Missed, Polled, ResumedStream, SocketError, Start},
};
use gripware_test::{Instruction, Proxy, Published};
use serde_json::json;
use tokio::sync::Mutex;

#[derive(Clone)]
struct App {
    history: History,
    presence: Presence,
    publisher: Publisher,
    /// Is published between the answer that subscribes and its effect.
    in_between: Arc<Mutex<Option<&'static str>>>,
}

/// Presence of connections with leases of their own, whose users leave at once.
fn presence(publisher: &Publisher) -> Presence {
    State::new(Backends::memory())
        .presence()
        .grace(Duration::ZERO)
        .publishing(publisher)
}

fn app(history: &History) -> (Proxy, App) {
    let mut app = None;
    let proxy = Proxy::new(|grip| {
        let state = App {
            history: history.clone(),
            presence: presence(&grip.publisher()),
            publisher: grip.publisher(),
            in_between: Arc::default(),
        };
        app = Some(state.clone());
        Router::new()
            .route("/news", get(news))
            .route("/now", get(now))
            .route("/lines", get(lines))
            .route("/board", get(board))
            .route("/poll", get(poll))
            .route("/room", any(room))
            .route("/present", any(present))
            .route("/stay", get(stay))
            .route("/stay/{connection}", get(stay).post(go))
            .layer(GripLayer::new(grip))
            .with_state(state)
    });
    (proxy, app.unwrap())
}

async fn news(cx: GripContext, last: LastEventId, AppState(app): AppState<App>) -> ResumedStream {
    app.history
        .stream("news", "/news")
        .resume(&cx, &last)
        .await
        .unwrap()
}

async fn now(cx: GripContext, last: LastEventId, AppState(app): AppState<App>) -> ResumedStream {
    let stream = app.history.stream("news", "/now").start(Start::Now);
    stream.resume(&cx, &last).await.unwrap()
}

async fn lines(cx: GripContext, last: LastEventId, AppState(app): AppState<App>) -> ResumedStream {
    let stream = app
        .history
        .stream("lines", "/lines")
        .lines("text/plain", "(forget it)\n");
    stream.resume(&cx, &last).await.unwrap()
}

async fn board(cx: GripContext, last: LastEventId, AppState(app): AppState<App>) -> ResumedStream {
    let stream = app.history.stream("news", "/board").start(Start::Snapshot);
    let stream = stream.snapshot(|missed: Missed| async move {
        let why = missed.continuity.as_str();
        Ok::<_, std::io::Error>(SseEvent::new().event("all").data(why))
    });
    stream.resume(&cx, &last).await.unwrap()
}

async fn poll(cx: GripContext, last: LastEventId, AppState(app): AppState<App>) -> Response {
    match app.history.poll("polled").resume(&cx, &last).await.unwrap() {
        Polled::Missed(page) => {
            format!("{} missed {}", page.entries.len(), page.continuity.as_str()).into_response()
        }
        Polled::Held { hold, .. } => (Hold::from(hold), "nothing").into_response(),
    }
}

async fn room(AppState(app): AppState<App>, mut ws: WebSocketContext) -> WebSocketContext {
    turn(&app, &mut ws).await.unwrap();
    ws
}

async fn turn(app: &App, ws: &mut WebSocketContext) -> Result<(), SocketError> {
    let socket = app.history.socket("room")?;
    if ws.is_opening() {
        ws.accept();
    }
    while let Some(message) = ws.receive()? {
        match message.to_str()?.strip_prefix("seen ") {
            Some(id) => socket.seen(ws, id)?,
            None => drop(socket.subscribe(ws, Some(message.to_str()?)).await?),
        }
        if let Some(text) = app.in_between.lock().await.take() {
            app.say("room", WsMessage::text(text)).await;
        }
    }
    if ws.is_keep_alive() {
        socket.catch_up(ws).await?;
    }
    Ok(())
}

async fn stay(
    path: Option<Path<String>>,
    cx: GripContext,
    last: LastEventId,
    AppState(app): AppState<App>,
) -> ResumedStream {
    let connection = path.map_or_else(Member::random_connection, |Path(connection)| connection);
    let path = format!("/stay/{connection}");
    let member = Member::new("anna", &connection).unwrap();
    let stream = app.history.stream("room", path.clone());
    let stream = stream.present(&app.presence, member, path);
    stream.resume(&cx, &last).await.unwrap()
}

/// The gone link.
async fn go(Path(connection): Path<String>, AppState(app): AppState<App>) {
    app.presence.leave("room", &connection).await.unwrap();
}

async fn present(AppState(app): AppState<App>, mut ws: WebSocketContext) -> WebSocketContext {
    if ws.is_opening() {
        ws.accept();
        ws.subscribe("room:presence").unwrap();
    }
    let member = Member::new("anna", ws.connection_id().as_str()).unwrap();
    app.presence.turn(&mut ws, "room", &member).await.unwrap();
    ws
}

impl App {
    /// Appends and publishes.
    async fn say(&self, channel: &str, draft: impl Into<Draft>) -> String {
        let appended = self.lose(channel, draft).await;
        let id = appended.id().to_string();
        self.publish(channel, appended).await;
        id
    }

    /// Appends, and something happens before it is published.
    async fn lose(&self, channel: &str, draft: impl Into<Draft>) -> Appended {
        self.history.append(channel, draft).await.unwrap()
    }

    async fn publish(&self, channel: &str, appended: Appended) {
        let channel = Channel::new(channel).unwrap();
        self.publisher
            .publish(channel, appended.into_item().unwrap())
            .await
            .unwrap();
    }
}

fn data(text: &str) -> SseEvent {
    SseEvent::new().data(text)
}

fn history() -> History {
    State::memory().history()
}

#[tokio::test]
async fn a_stream_gets_each_event_once_whatever_is_lost() {
    let (proxy, app) = app(&history());
    let one = app.say("news", data("one")).await;
    let mut held = proxy.get("/news").hold().await;
    held.expect(&format!("id: {one}\ndata: one\n\n"));

    let two = app.say("news", data("two")).await;
    held.expect(&format!("id: {two}\ndata: two\n\n"));

    // The third is lost on its way, which the fourth shows.
    let _ = app.lose("news", data("three")).await;
    let four = app.say("news", data("four")).await;
    held.expect_nothing();
    proxy.recover().await;
    let three = four.replace(".4", ".3");
    held.expect(&format!(
        "id: {three}\ndata: three\n\nid: {four}\ndata: four\n\n"
    ));
    held.expect_nothing();

    // A browser that comes back says what it has.
    let mut again = proxy
        .get("/news")
        .header("last-event-id", &three)
        .hold()
        .await;
    again.expect(&format!("id: {four}\ndata: four\n\n"));
    let mut by_query = proxy.get(&format!("/news?lastEventId={four}")).hold().await;
    by_query.expect_nothing();
}

#[tokio::test]
async fn a_stream_that_cannot_know_is_told() {
    let (proxy, app) = app(&history().size(2));
    let mut ids = Vec::new();
    for text in ["1", "2", "3", "4"] {
        ids.push(app.say("news", data(text)).await);
    }
    let kept = format!("id: {}\ndata: 3\n\nid: {}\ndata: 4\n\n", ids[2], ids[3]);
    for (cursor, reason) in [
        (&*ids[0], "trimmed"),
        ("aaaaaaaa.3", "other-epoch"),
        ("17", "unknown"),
    ] {
        let mut held = proxy
            .get("/news")
            .header("last-event-id", cursor)
            .hold()
            .await;
        held.expect(&format!(
            "event: reset\ndata: {{\"reason\":\"{reason}\"}}\n\n{kept}"
        ));
        let mut board = proxy
            .get("/board")
            .header("last-event-id", cursor)
            .hold()
            .await;
        board.expect(&format!("event: all\ndata: {reason}\n\nid: {}\n\n", ids[3]));
    }

    // Clearing the channel reaches those who are held.
    let mut held = proxy.get("/news").hold().await;
    held.expect(&kept);
    let cleared = app.history.clear("news").await.unwrap();
    let marker = cleared.id();
    app.publish("news", cleared).await;
    proxy.settle().await;
    let reset = "event: reset\ndata: {\"reason\":\"other-epoch\"}\n\n";
    held.expect(&format!("{reset}id: {marker}\n\n"));
    let next = app.say("news", data("5")).await;
    held.expect(&format!("id: {next}\ndata: 5\n\n"));
}

#[tokio::test]
async fn a_new_client_begins_where_the_handler_says() {
    let (proxy, app) = app(&history());
    let mut empty = proxy.get("/news").hold().await;
    empty.expect("id: 0\n\n");
    let one = app.say("news", data("one")).await;
    empty.expect(&format!("id: {one}\ndata: one\n\n"));

    let mut now = proxy.get("/now").hold().await;
    now.expect(&format!("id: {one}\n\n"));
    let mut board = proxy.get("/board").hold().await;
    board.expect(&format!("event: all\ndata: complete\n\nid: {one}\n\n"));
    let two = app.say("news", data("two")).await;
    now.expect(&format!("id: {two}\ndata: two\n\n"));
    board.expect(&format!("id: {two}\ndata: two\n\n"));
}

#[tokio::test]
async fn lines_are_served_as_they_are() {
    let (proxy, app) = app(&history().size(1));
    let line = |text: &'static str| {
        Draft::with_id(move |id| Item::from(HttpStream::text(format!("{id} {text}\n"))))
    };
    let one = app.say("lines", line("one")).await;
    let mut held = proxy.get("/lines").hold().await;
    held.expect(&format!("{one} one\n"));
    let two = app.say("lines", line("two")).await;
    held.expect(&format!("{two} two\n"));
    let mut late = proxy.get("/lines?last-event-id=0").hold().await;
    late.expect(&format!("(forget it)\n{two} two\n"));
}

#[tokio::test]
async fn what_has_no_room_in_one_answer_comes_in_the_next() {
    let history = history().size(10);
    let (proxy, app) = app(&history);
    for _ in 0..3 {
        let _ = app.lose("news", data(&"x".repeat(200_000))).await;
    }
    let (cx, cursor) = direct();
    let resumed = history
        .stream("news", "/news")
        .resume(&cx, &cursor)
        .await
        .unwrap();
    assert_eq!(
        (resumed.body().len() / 200_000, resumed.position().number()),
        (2, 2)
    );
    let instruction = Instruction::of(resumed.hold()).unwrap();
    assert_eq!(instruction.next_timeout(), MORE_INTERVAL);

    let mut held = proxy.get("/news").hold().await;
    let text = held.read();
    assert_eq!(text.matches("data: ").count(), 3);
    assert_eq!(text.matches(".3\n").count(), 1);
}

/// A request without a proxy and without a cursor.
fn direct() -> (gripware_core::GripContext, gripware_core::LastEventId) {
    let policy = Arc::new(gripware_core::Policy::new());
    let cx = policy.admit(&http::HeaderMap::new(), std::time::SystemTime::now);
    (cx, gripware_core::LastEventId::default())
}

#[tokio::test]
async fn a_long_poll_is_answered_at_once_if_it_has_missed_something() {
    let (proxy, app) = app(&history());
    let text = |text: &str| Draft::from(HttpResponse::text(text));
    let held = proxy.get("/poll").hold().await;
    let one = app.say("polled", text("one")).await;
    held.answer().assert_text("one");
    proxy.get("/poll").await.assert_text("1 missed complete");

    let held = proxy
        .get(&format!("/poll?last-event-id={one}"))
        .hold()
        .await;
    let _ = app.say("polled", text("two")).await;
    held.answer().assert_text("two");
    let poll = async |cursor: &str| proxy.get(&format!("/poll?last-event-id={cursor}")).await;
    poll(&one).await.assert_text("1 missed complete");
    poll("aaaaaaaa.1").await.assert_text("2 missed other-epoch");
}

#[tokio::test]
async fn a_long_poll_that_knows_of_the_new_epoch_is_not_told_again() {
    let (proxy, app) = app(&history());
    let _ = app.say("polled", HttpResponse::text("one")).await;
    let marker = app.history.clear("polled").await.unwrap().id();
    // The proxy has the id of before, and says so whenever it asks again.
    let request = proxy.get(&format!("/poll?last-event-id={marker}"));
    let held = request.last("polled", "aaaaaaaa.1").hold().await;
    assert!(held.is_open());
    let _ = app.say("polled", HttpResponse::text("two")).await;
    held.answer().assert_text("two");
}

#[tokio::test]
async fn a_websocket_misses_nothing_between_reading_and_subscribing() {
    let (proxy, app) = app(&history());
    let message = |text: &'static str| {
        Draft::with_id(move |id| Item::from(WsMessage::json(&json!({ "id": id, "text": text }))))
    };
    let one = app.say("room", message("one")).await;
    let two = app.say("room", message("two")).await;
    let mut ws = proxy.open("/room").await.accepted();
    *app.in_between.lock().await = Some("in between");
    ws.text(&one).await;
    assert_eq!(ws.texts(), [format!(r#"{{"id":"{two}","text":"two"}}"#)]);
    ws.poll().await;
    assert_eq!(ws.texts(), ["in between"]);

    // From then on it comes from the channel, and what it has seen is not sent again.
    let four = app.say("room", message("four")).await;
    assert_eq!(ws.texts(), [format!(r#"{{"id":"{four}","text":"four"}}"#)]);
    ws.text(format!("seen {four}")).await;
    ws.poll().await;
    assert_eq!(ws.texts(), Vec::<String>::new());

    // A client of another life is told.
    let mut late = proxy.open("/room").await.accepted();
    late.text("aaaaaaaa.9").await;
    let texts = late.texts();
    assert_eq!(
        texts[0],
        r#"{"channel":"room","reason":"other-epoch","type":"reset"}"#
    );
    assert_eq!(texts.len(), 5);
}

#[tokio::test]
async fn a_resumed_stream_says_what_it_is() {
    let history = history();
    let (cx, cursor) = direct();
    let resumed = history
        .stream("news", "/news?user=anna")
        .resume(&cx, &cursor)
        .await
        .unwrap();
    assert_eq!(resumed.continuity(), Continuity::Complete);
    // What a proxy would not take is found where the hold is written.
    assert!(
        resumed
            .hold()
            .check(&gripware_core::Limits::default())
            .is_err()
    );
    let wrong = history
        .stream("news", "two words")
        .resume(&cx, &cursor)
        .await
        .unwrap();
    assert!(
        wrong
            .hold()
            .check(&gripware_core::Limits::default())
            .is_err()
    );
    let error = history
        .stream("a\nb", "/news")
        .resume(&cx, &cursor)
        .await
        .unwrap_err();
    assert!(error.is_invalid());
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_there_until_it_is_gone_or_no_longer_asked_for() {
    let (proxy, app) = app(&history());
    let users = async || app.presence.count("room").await.unwrap().users;
    let held = proxy.get("/stay").hold().await;
    assert_eq!(users().await, 1);
    let instruction = held.instruction();
    let gone = instruction.gone().unwrap();
    assert_eq!(instruction.next(), Some(gone));
    assert_eq!(instruction.next_timeout(), Duration::from_secs(20));

    // Each next link renews it.
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        held.fire_next().await;
        app.presence.sweep().await.unwrap();
        assert_eq!(users().await, 1);
    }
    proxy.post(gone).await.assert_status(200);
    assert_eq!(users().await, 0);

    // One that falls silent, as behind a Pushpin that knows no gone links.
    let _held = proxy.get("/stay").hold().await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    app.presence.sweep().await.unwrap();
    assert_eq!(users().await, 0);
}

#[tokio::test]
async fn a_websocket_is_there_until_it_is_closed_or_gone() {
    let (proxy, app) = app(&history());
    let mut phone = proxy.open("/present").await.accepted();
    let mut laptop = proxy.open("/present").await.accepted();
    laptop.poll().await;
    let count = async || {
        let count = app.presence.count("room").await.unwrap();
        (count.users, count.connections)
    };
    assert_eq!(count().await, (1, 2));
    phone.close(1000, "").await;
    assert_eq!(count().await, (1, 1));
    laptop.disconnect().await;
    assert_eq!(count().await, (0, 0));

    // One join and one leave, for both.
    let published = proxy.published();
    let told: Vec<_> = published.iter().map(Published::channel).collect();
    assert_eq!(told, ["room:presence", "room:presence"]);
}
