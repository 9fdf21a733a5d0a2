//! The application with the hub around it, and the same application without one.

use std::{
    env,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    extract::{Request, State},
    routing::{get, post},
    serve::ListenerExt as _,
};
use gripware_axum::{
    GripLayer, Hold, Item, Publisher, WebSocketContext, WebSocketRejection, WsMessage, websocket,
};
use gripware_hub::Hub;
use gripware_state::{Appended, History, State as States};
use tokio::net::TcpListener;
use tower_layer::layer_fn;
use tower_service::Service;

use super::{CHANNEL, Held, Running, Side};
use crate::{Error, clients::Control};

/// The argument that makes this program the application. [`What`] stands behind it.
pub(crate) const ARGUMENT: &str = "--serve-inside";

/// What is around the router.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    Hub,
    NoOp,
    Router,
}

impl What {
    const ALL: [Self; 3] = [Self::Hub, Self::NoOp, Self::Router];

    const fn argument(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::NoOp => "no-op",
            Self::Router => "router",
        }
    }
}

pub(super) fn start(side: Side, what: What) -> Result<Running, Error> {
    let mut command = Command::new(env::current_exe()?);
    command
        .args([ARGUMENT, what.argument()])
        .stderr(Stdio::null());
    let running = Running::start(side, &mut command, Control::grip, Held::Unknown)?;
    Ok(running.asked())
}

/// The process.
pub(crate) fn run(what: &str) -> Result<(), Error> {
    let what = What::ALL.into_iter().find(|it| it.argument() == what);
    let what = what.ok_or("no such application")?;
    // A thread for each core, as `tokio::main` has them.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(what))
}

async fn serve(what: What) -> Result<(), Error> {
    gripware_hub::raise_descriptor_limit()?;
    let clients = TcpListener::bind("127.0.0.1:0").await?;
    let control = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", clients.local_addr()?);
    println!("control on {}", control.local_addr()?);
    if what == What::Hub {
        let hub = Hub::new();
        let grip = hub.grip();
        let published = publishing(grip.publisher());
        let app = routes().merge(published).layer(GripLayer::new(&grip));
        tokio::spawn(hub.control(control).into_future());
        hub.serve(clients, app).await?;
        return Ok(());
    }
    let app = match what {
        What::NoOp => routes().layer(layer_fn(NoOp)),
        _ => routes(),
    };
    // The hub does so, too.
    let clients = clients.tap_io(|socket| drop(socket.set_nodelay(true)));
    axum::serve(clients, app).await?;
    Ok(())
}

/// What the origin has, too.
fn routes() -> Router {
    let held = Arc::<AtomicUsize>::default();
    Router::new()
        .route("/plain", get(|| async { "hello\n" }))
        .route("/stream", get(|| async { Hold::stream(CHANNEL) }))
        .route("/response", get(response))
        .route("/websocket", websocket(subscribe))
        .route("/echo", websocket(echo))
        .route("/held", get(count))
        .with_state(held)
}

async fn response(State(held): State<Arc<AtomicUsize>>) -> Hold {
    held.fetch_add(1, Ordering::Relaxed);
    Hold::response(CHANNEL)
}

async fn count(State(held): State<Arc<AtomicUsize>>) -> String {
    format!("{}\n", held.load(Ordering::Relaxed))
}

async fn subscribe(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    if ws.is_opening() {
        ws.accept();
        ws.subscribe(CHANNEL)?;
    }
    while ws.receive()?.is_some() {}
    Ok(ws)
}

async fn echo(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    if ws.is_opening() {
        ws.accept();
    }
    while let Some(message) = ws.receive()? {
        ws.send_text(message.to_str()?)?;
    }
    Ok(ws)
}

/// `POST /publish` publishes its body, and `POST /append` appends it to a history before.
fn publishing(publisher: Publisher) -> Router {
    let history = States::memory().history();
    Router::new()
        .route("/publish", post(publish))
        .route("/append", post(append))
        .with_state((publisher, history))
}

type Publishing = State<(Publisher, History)>;

async fn publish(State((publisher, _)): Publishing, message: String) -> &'static str {
    let item = Item::from(WsMessage::text(message));
    answer(publisher.publish(CHANNEL, item).await.is_ok())
}

async fn append(State((publisher, history)): Publishing, message: String) -> &'static str {
    let appended = history
        .append(CHANNEL, Item::from(WsMessage::text(message)))
        .await;
    let Some(item) = appended.ok().and_then(Appended::into_item) else {
        return answer(false);
    };
    answer(publisher.publish(CHANNEL, item).await.is_ok())
}

const fn answer(is_published: bool) -> &'static str {
    if is_published {
        "Published\n"
    } else {
        "Failed\n"
    }
}

/// A layer that does nothing.
#[derive(Clone, Debug)]
struct NoOp<S>(S);

impl<S: Service<Request>> Service<Request> for NoOp<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.call(request)
    }
}
