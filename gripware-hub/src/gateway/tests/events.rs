//! Server-sent events of the application's own.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::Frame;

use super::*;

/// One event, and no end. Tells when it is dropped.
struct Events {
    first: Option<Bytes>,
    watch: mpsc::UnboundedSender<()>,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let first = self.first.take();
        first.map_or(Poll::Pending, |first| {
            Poll::Ready(Some(Ok(Frame::data(first))))
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.watch.send(());
    }
}

fn telling(watch: mpsc::UnboundedSender<()>) -> Router {
    let events = async move || {
        let body = Events {
            first: Some("data: one\n\n".into()),
            watch: watch.clone(),
        };
        let kind = [("content-type", "Text/Event-Stream; charset=utf-8")];
        (kind, AxumBody::new(body))
    };
    Router::new().route("/events", routing::get(events))
}

#[tokio::test]
async fn a_client_that_sends_no_more_follows_no_more() {
    let caught = Caught::new(false);
    for is_inside in [true, false] {
        let (watch, mut watched) = mpsc::unbounded_channel();
        let address = if is_inside {
            gateway(&caught, telling(watch)).await
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(async { axum::serve(listener, telling(watch)).await });
            gateway(&caught, HttpOrigin::new(address.parse().unwrap())).await
        };
        let mut client = Client::connect(address).await;
        client.send("GET /events HTTP/1.1\r\nHost: h\r\n\r\n").await;
        client.until("data: one\n\n").await;
        client.0.shutdown().await.unwrap();
        // Well before what a client has that may only have half-closed its connection.
        let dropped = timeout(PATIENCE, watched.recv()).await;
        assert_eq!(dropped.expect("it has left"), Some(()));
    }
}
