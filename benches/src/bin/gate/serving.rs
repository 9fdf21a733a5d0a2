//! A hub inside of a program, which is counted, and the same program without one.

use axum::{Router, routing::get};
use gripware_axum::{GripLayer, Hold, WebSocketContext, WebSocketRejection, websocket};
use gripware_hub::Hub;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::Error;

/// The argument that makes this program the one that is counted. `hub` or `axum` stands behind it.
pub(crate) const ARGUMENT: &str = "--serve";

/// Serves until a signal comes. One thread is for the application, one for the hub's clients.
pub(crate) fn run(what: Option<&str>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(what == Some("hub")))
}

async fn serve(is_hub: bool) -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut terminated = signal(SignalKind::terminate())?;
    println!("listening on {}", listener.local_addr()?);
    let routes = Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/hold", get(|| async { (Hold::stream("news"), "ok") }))
        .route("/echo", websocket(echo));
    let end = async move {
        terminated.recv().await;
    };
    if is_hub {
        let hub = Hub::builder().shards(1).build()?;
        let app = routes.layer(GripLayer::new(&hub.grip()));
        hub.serve(listener, app).with_graceful_shutdown(end).await?;
    } else {
        axum::serve(listener, routes)
            .with_graceful_shutdown(end)
            .await?;
    }
    Ok(())
}

async fn echo(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    if ws.is_opening() {
        ws.accept();
    }
    while let Some(message) = ws.receive()? {
        ws.send(message)?;
    }
    Ok(ws)
}
