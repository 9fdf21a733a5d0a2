//! A handler that panics costs one answer, and the log says that it did.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{Router, routing::get};
use gripware_axum::GripLayer;
use gripware_hub::Hub;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_told_from_a_hub_that_has_ended() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let hub = Hub::new();
    let app = Router::new()
        .route(
            "/panic",
            get(async || -> () { panic!("out of {}", "luck") }),
        )
        .route("/plain", get(async || "plain"))
        .layer(GripLayer::new(&hub.grip()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(std::future::IntoFuture::into_future(
        hub.serve(listener, app),
    ));

    for (path, status) in [("/panic", "502"), ("/plain", "200")] {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(!answer.contains("luck"), "{answer}");
    }
    served.abort();
    let log = log.text();
    assert!(
        log.contains("the application panicked: out of luck"),
        "{log}"
    );
    assert!(!log.contains("has ended"), "{log}");
    // Nothing asked for a line of each request.
    assert!(!log.contains("/plain"), "{log}");
}
