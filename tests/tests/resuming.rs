//! WebSockets that resume by the history: what is published between reading it and the subscription's
//! effect reaches them without a poll, behind a hub by itself and behind Pushpin by its command socket.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, extract::State, routing::any};
use gripware_axum::{GripLayer, Publisher, WebSocketContext, WsMessage};
use gripware_interop::{Frame, HubProgram, ISSUER, KEY, Place, Pushpin, Socket, until};
use gripware_publish::{CommandSocket, Grip};
use gripware_state::{Draft, History};
use tokio::net::TcpListener;

/// Well before a proxy polls, which it does every 20 s where it is asked to. Here it is not.
const SOON: Duration = Duration::from_secs(10);

const SOCKETS: usize = 40;

#[derive(Clone)]
struct App {
    history: History,
    publisher: Publisher,
    /// Publishes in the moment between reading and subscribing.
    interrupts: Arc<AtomicBool>,
}

/// Keeps more than is published in a test.
fn history() -> History {
    gripware_state::State::memory().history().size(10_000)
}

/// A site, and what keeps it running.
struct Site {
    app: App,
    client: SocketAddr,
    _proxy: Proxy,
}

#[allow(dead_code, reason = "they run until they are dropped")]
enum Proxy {
    Pushpin(Pushpin),
    Hub(HubProgram),
}

impl Site {
    async fn behind_pushpin() -> Self {
        let place = Place::new();
        let [client, control, origin] = [(); 3].map(|()| place.free_address());
        let pushpin = Pushpin::start(place, client, control, origin, true);
        let commands = CommandSocket::new(&format!("tcp://{}", pushpin.command())).unwrap();
        let history = history();
        let history = history.refreshing(move |connection| {
            let commands = commands.clone();
            async move { Ok(commands.refresh_connection(&connection).await?) }
        });
        let app = App::serve(history, control, origin).await;
        let site = Self {
            app,
            client,
            _proxy: Proxy::Pushpin(pushpin),
        };
        // Its programs find each other in the background.
        until("a socket that hears", async || site.hears().await).await;
        site
    }

    async fn behind_the_hub() -> Self {
        let place = Place::new();
        let [client, control, origin] = [(); 3].map(|()| place.free_address());
        let history = history();
        let app = App::serve(history, control, origin).await;
        let hub = HubProgram::start(place, client, control, origin, &[]).await;
        Self {
            app,
            client,
            _proxy: Proxy::Hub(hub),
        }
    }

    /// Whether what is published reaches a socket.
    async fn hears(&self) -> bool {
        let Ok(Ok(mut socket)) = Socket::try_connect(self.client, "/room", &[]).await else {
            return false;
        };
        socket.sends("ready").await;
        let first = tokio::time::timeout(Duration::from_secs(2), socket.next()).await;
        first == Ok(Frame::Text("ready".to_owned()))
    }
}

impl App {
    async fn serve(history: History, control: SocketAddr, origin: SocketAddr) -> Self {
        let url = format!("http://{control}/?verify-iss={ISSUER}&verify-key={KEY}");
        let grip = Grip::from_vars(|name| (name == "GRIP_URL").then(|| url.clone())).unwrap();
        let app = Self {
            history,
            publisher: grip.publisher(),
            interrupts: Arc::default(),
        };
        let routes = Router::new()
            .route("/room", any(room))
            .route("/opening", any(opening))
            .layer(GripLayer::new(&grip))
            .with_state(app.clone());
        let listener = TcpListener::bind(origin).await.unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        app
    }

    async fn say(&self, text: String) {
        let draft = Draft::with_id(move |id| WsMessage::text(format!("{id} {text}")).into());
        let appended = self.history.append("room", draft).await.unwrap();
        if let Some(item) = appended.into_item() {
            self.publisher.publish("room", item).await.unwrap();
        }
    }

    async fn subscribe(&self, ws: &mut WebSocketContext, cursor: &str) {
        let room = self.history.socket("room").unwrap();
        room.subscribe(ws, Some(cursor)).await.unwrap();
        if self.interrupts.swap(false, Ordering::SeqCst) {
            self.say("in between".to_owned()).await;
        }
    }

    async fn catch_up(&self, ws: &mut WebSocketContext) {
        if ws.is_keep_alive() {
            let room = self.history.socket("room").unwrap();
            room.catch_up(ws).await.unwrap();
        }
    }
}

/// Subscribes when the client says the last that it has seen.
async fn room(State(app): State<App>, mut ws: WebSocketContext) -> WebSocketContext {
    if ws.is_opening() {
        ws.accept();
    }
    while let Some(message) = ws.receive().unwrap() {
        match message.to_str().unwrap() {
            "ready" => ws.send_text("ready").unwrap(),
            cursor => {
                app.subscribe(&mut ws, cursor.trim_start_matches("after "))
                    .await;
            }
        }
    }
    app.catch_up(&mut ws).await;
    ws
}

/// Subscribes while the connection opens.
async fn opening(State(app): State<App>, mut ws: WebSocketContext) -> WebSocketContext {
    if ws.is_opening() {
        ws.accept();
        app.subscribe(&mut ws, "").await;
    }
    while ws.receive().unwrap().is_some() {}
    app.catch_up(&mut ws).await;
    ws
}

async fn what_is_published_in_between_comes_soon(site: Site) {
    site.app.say("before".to_owned()).await;
    for path in ["/room", "/opening"] {
        site.app.interrupts.store(true, Ordering::SeqCst);
        let mut socket = Socket::open(site.client, path).await;
        if path == "/room" {
            socket.sends("after ").await;
        }
        let begin = Instant::now();
        let mut text = String::new();
        while !text.ends_with("in between") {
            let Frame::Text(next) = socket.next().await else {
                panic!("{path}: cut off");
            };
            text = next;
        }
        assert!(begin.elapsed() < SOON, "{path}: {:?}", begin.elapsed());
    }
}

/// Sockets open one after another while items are published.
async fn none_of_many_misses_any(site: Site) {
    let app = site.app.clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let publishing = tokio::spawn({
        let is_over = Arc::clone(&is_over);
        async move {
            let mut last = 0;
            while !is_over.load(Ordering::SeqCst) {
                last += 1;
                app.say(last.to_string()).await;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            app.say("end".to_owned()).await;
            last
        }
    });
    let mut sockets = Vec::new();
    for number in 0..SOCKETS {
        let path = ["/room", "/opening"][number % 2];
        let mut socket = Socket::open(site.client, path).await;
        if path == "/room" {
            socket.sends("after 0").await;
        }
        sockets.push(tokio::spawn(heard(socket)));
    }
    is_over.store(true, Ordering::SeqCst);
    let last = publishing.await.unwrap();
    for socket in sockets {
        let heard: Vec<u64> = socket.await.unwrap();
        // It began with those that were kept, and from there on has all.
        let first = heard.first().copied().unwrap_or(last + 1);
        let expected: Vec<u64> = (first..=last).collect();
        assert_eq!(heard, expected);
    }
}

/// The numbers that a client has got once it has the end and nothing more comes, each once.
async fn heard(mut socket: Socket) -> Vec<u64> {
    let mut heard = std::collections::BTreeSet::new();
    let mut is_over = false;
    loop {
        let next = tokio::time::timeout(Duration::from_secs(4), socket.next()).await;
        match next {
            Ok(Frame::Text(text)) => match text.rsplit_once(' ') {
                Some((_, "end")) => is_over = true,
                Some((_, number)) => drop(number.parse().map(|number| heard.insert(number))),
                None => {}
            },
            Ok(frame) => panic!("{frame:?}"),
            Err(_) if is_over => return heard.into_iter().collect(),
            Err(_) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_in_between_comes_soon_behind_pushpin() {
    what_is_published_in_between_comes_soon(Site::behind_pushpin().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_in_between_comes_soon_behind_the_hub() {
    what_is_published_in_between_comes_soon(Site::behind_the_hub().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_many_misses_any_behind_pushpin() {
    none_of_many_misses_any(Site::behind_pushpin().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_many_misses_any_behind_the_hub() {
    none_of_many_misses_any(Site::behind_the_hub().await).await;
}
