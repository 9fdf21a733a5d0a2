//! Serving an application as it is, where another proxy is in front of it.

use std::{io, pin::pin, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{net::TcpListener, time::sleep};
use tower_service::Service;

use crate::{
    Body, ClientAddr,
    origin::{BoxError, Origin as _},
    serve::Stop,
};

/// Serves until it is told to stop, and then until all requests that are under way have their
/// answers.
pub(crate) async fn serve<S, B>(listener: TcpListener, app: S, stop: Stop) -> io::Result<()>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let graceful = GracefulShutdown::new();
    let mut stopped = pin!(stop.wait());
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly there are no file descriptors left, and a moment later there are.
                tracing::warn!(target: "gripware_hub", %error, "no connection can be accepted");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Where it fails the connection is slower.
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::passing);
            request.extensions_mut().insert(ClientAddr(peer));
            app.clone().ask(request)
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // Without a clock the head of a request may take for ever.
        builder.http1().timer(TokioTimer::new());
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(target: "gripware_hub", "a connection failed: {error}");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}
