//! An origin on axum that uses every feature of gripware once.
//!
//! It prints `listening on ADDR` when it is ready, and ends on SIGTERM.

mod error;
mod feed;
mod holds;
mod publish;
mod websocket;

use std::{process::ExitCode, sync::Arc, time::Duration};

use axum::{Router, http::StatusCode, routing::get};
use conformance::{Feeds, Settings, SocketLog};
use gripware_axum::{GripLayer, Publisher};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::timeout,
};

/// How long requests in flight may take after SIGTERM.
const DRAIN: Duration = Duration::from_millis(1000);
/// How long items that are not published yet may take after that.
const FLUSH: Duration = Duration::from_millis(500);

#[derive(Clone)]
struct App {
    publisher: Publisher,
    feeds: Arc<Feeds>,
    sockets: Arc<SocketLog>,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    Settings::read()
        .and_then(|settings| serve(settings).map_err(|error| Settings::refuse(&error)))
        .map_or_else(|code| code, |()| ExitCode::SUCCESS)
}

#[tokio::main]
async fn serve(Settings { listen, grip }: Settings) -> std::io::Result<()> {
    let app = App {
        publisher: grip.publisher(),
        feeds: Arc::default(),
        sockets: Arc::default(),
    };
    let publisher = app.publisher.clone();
    let routes = Router::new()
        .route("/plain", get(holds::plain))
        .route("/context", get(holds::context))
        .route("/sse", get(holds::sse))
        .nest("/hold", holds::routes())
        .nest("/publish", publish::routes())
        .nest("/ws", websocket::routes())
        .route("/feed/{name}", get(feed::read).post(feed::append))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(GripLayer::new(&grip))
        .with_state(app);

    let listener = TcpListener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);

    let mut terminate = signal(SignalKind::terminate())?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = axum::serve(listener, routes).with_graceful_shutdown(async move {
        terminate.recv().await;
        drop(stop);
    });
    let serving = tokio::spawn(serving.into_future());
    let _ = stopped.await;
    let _ = timeout(DRAIN, serving).await;
    let _ = timeout(FLUSH, publisher.close()).await;
    Ok(())
}
