//! An origin on axum that uses every feature of gripware once.

mod error;
mod feed;
mod holds;
mod publish;
mod websocket;

use std::sync::Arc;

use axum::{Router, http::StatusCode, routing::get};
use conformance::{Feeds, SocketLog};
use gripware_axum::{Grip, GripLayer, Publisher};

#[derive(Clone)]
struct App {
    publisher: Publisher,
    feeds: Arc<Feeds>,
    sockets: Arc<SocketLog>,
}

/// The whole application, with nothing remembered yet.
pub fn app(grip: &Grip) -> Router {
    Router::new()
        .route("/plain", get(holds::plain))
        .route("/context", get(holds::context))
        .route("/sse", get(holds::sse))
        .nest("/hold", holds::routes())
        .nest("/publish", publish::routes())
        .nest("/ws", websocket::routes())
        .route("/feed/{name}", get(feed::read).post(feed::append))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(GripLayer::new(grip))
        .with_state(App {
            publisher: grip.publisher(),
            feeds: Arc::default(),
            sockets: Arc::default(),
        })
}
