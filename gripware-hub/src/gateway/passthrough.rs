//! Serving an application as it is, where another proxy is in front of it and holds the clients.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio_util::sync::CancellationToken;

use crate::{
    descriptors::DescriptorReserve,
    http::{
        body::Body,
        header_count::{MAX_HEAD, MAX_HEADERS},
    },
    log::TARGET,
    origin::{ClientAddr, Origin},
    server::{Accepted, Listener, QuickAck, Server, TcpTimes},
    settings::Settings,
    threads::Threads,
};

/// Serves until it is told to stop, and then until all requests that are under way have their
/// answers.
pub(crate) async fn serve(
    listener: Listener,
    app: impl Origin,
    settings: &Settings,
    stop: CancellationToken,
) {
    let reserve = DescriptorReserve::of_clients();
    let times = TcpTimes::new(settings);
    let server = Server::new(Threads::of_caller(), stop.clone(), None, times, reserve);
    // Cloned for each connection. A service need not be `Sync`.
    let app = Arc::new(Mutex::new(app));
    server
        .serve(listener, move |accepted| {
            let app = app.lock().unwrap_or_else(PoisonError::into_inner);
            serve_connection(accepted, app.clone(), stop.clone())
        })
        .await;
}

async fn serve_connection(accepted: Accepted, app: impl Origin, stop: CancellationToken) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::passing);
        ClientAddr::insert(accepted.peer, request.extensions_mut());
        let app = app.clone();
        async move { app.send(&mut request).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // Without a clock the head of a request may take for ever.
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_headers(MAX_HEADERS);
    builder.http2().max_header_list_size(MAX_HEAD as u32);
    let io = TokioIo::new(QuickAck(accepted.socket));
    let connection = builder.serve_connection_with_upgrades(io, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(target: TARGET, "a connection failed: {error}");
    }
}
