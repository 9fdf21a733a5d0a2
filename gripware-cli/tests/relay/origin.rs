//! Two applications that share what they know: a feed of numbered lines, from any place on.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Uri},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;

/// The last line of the feed. What a line says is its number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feed(Arc<AtomicU64>);

impl Feed {
    /// Adds a line, and returns its number. It is there before it is published.
    pub(crate) fn append(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn last(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Serves it at a free address.
    pub(crate) async fn serve(&self) -> SocketAddr {
        let app = Router::new()
            .route("/feed", get(feed))
            .with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }
}

/// The lines after the last one that the proxy or the client has seen, and a hold that goes on.
async fn feed(State(feed): State<Feed>, uri: Uri, headers: HeaderMap) -> impl IntoResponse {
    let of_proxy = headers.get("grip-last").and_then(|it| it.to_str().ok());
    let of_proxy = of_proxy.and_then(|it| it.split_once("last-id=").map(|(_, id)| id));
    let of_client = uri.query().and_then(|it| it.strip_prefix("after="));
    let after = of_proxy.or(of_client).and_then(|it| it.parse().ok());
    let (after, last) = (after.unwrap_or(0), feed.last());
    let lines: String = (after + 1..=last)
        .map(|number| format!("{number}\n"))
        .collect();
    let headers = [
        ("grip-hold", "stream".to_owned()),
        ("grip-channel", format!("feed; prev-id={last}")),
        ("grip-link", format!("</feed?after={last}>; rel=next")),
    ];
    (headers, lines)
}
