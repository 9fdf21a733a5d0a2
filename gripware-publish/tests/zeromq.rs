//! What a PULL socket gets.
#![cfg(feature = "zeromq")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows tests by their attribute, not what they call"
)]

use std::time::Duration;

use gripware_core::WsMessage;
use gripware_publish::{BuildError, Endpoint, FailureReason, Publisher};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The other end of one connection, with the handshake done.
async fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut greeting = [0; 64];
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting[..12], b"\xff\0\0\0\0\0\0\0\0\x7f\x03\0");
    assert_eq!(&greeting[12..17], b"NULL\0");
    stream.write_all(&greeting).await.unwrap();
    let mut ready = [0; 2 + 26];
    stream.read_exact(&mut ready).await.unwrap();
    assert_eq!(
        &ready[..],
        b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH"
    );
    stream
        .write_all(b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL")
        .await
        .unwrap();
    stream
}

async fn message(stream: &mut TcpStream) -> Value {
    let length = match stream.read_u8().await.unwrap() {
        0 => usize::from(stream.read_u8().await.unwrap()),
        2 => usize::try_from(stream.read_u64().await.unwrap()).unwrap(),
        other => panic!("{other}"),
    };
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await.unwrap();
    assert_eq!(message[0], b'J');
    serde_json::from_slice(&message[1..]).unwrap()
}

async fn start() -> (TcpListener, Publisher) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let endpoint = Endpoint::zeromq(&address).unwrap();
    let builder = Publisher::builder().endpoint(endpoint);
    let publisher = builder.timeout(Duration::from_secs(2)).build().unwrap();
    (listener, publisher)
}

#[tokio::test]
async fn each_item_is_one_message_in_order() {
    let (listener, publisher) = start().await;
    let peer = tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        let mut texts = Vec::new();
        for _ in 0..1000 {
            let item = message(&mut stream).await;
            assert_eq!(item["channel"], "c");
            let content = &item["formats"]["ws-message"]["content"];
            texts.push(content.as_str().unwrap().to_owned());
        }
        texts
    });
    let texts: Vec<_> = (0..1000).map(|number| "x".repeat(number)).collect();
    for text in &texts {
        publisher
            .enqueue("c", WsMessage::text(text.as_str()))
            .unwrap();
    }
    publisher.close().await.unwrap();
    assert_eq!(peer.await.unwrap(), texts);
}

#[tokio::test]
async fn a_peer_that_went_away_is_connected_to_again() {
    let (listener, publisher) = start().await;
    for text in ["1", "2", "3"] {
        let (publish, mut stream) = tokio::join!(
            publisher.publish("c", WsMessage::text(text)),
            accept(&listener),
        );
        publish.unwrap();
        let item = message(&mut stream).await;
        assert_eq!(item["formats"]["ws-message"]["content"], text);
        drop(stream);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_told() {
    let (listener, _) = start().await;
    let address = format!("zmq+tcp://{}/", listener.local_addr().unwrap());
    drop(listener);
    let endpoint = Endpoint::zeromq(&address).unwrap();
    let publisher = Publisher::builder()
        .endpoint(endpoint)
        .retries(1)
        .build()
        .unwrap();
    let error = publisher
        .publish("c", WsMessage::text("x"))
        .await
        .unwrap_err();
    let failure = &error.failures()[0];
    assert_eq!(failure.attempts(), 2);
    assert!(matches!(failure.reason(), FailureReason::Connect { .. }));
    assert!(failure.endpoint().starts_with("tcp://127.0.0.1:"));
}

#[test]
fn an_address_has_a_host_and_a_port() {
    for address in [
        "tcp://127.0.0.1:5560",
        "zmq+tcp://push:5560/",
        "tcp://[::1]:5560",
    ] {
        assert!(Endpoint::zeromq(address).is_ok(), "{address}");
    }
    for address in [
        "",
        "127.0.0.1:5560",
        "http://a:1",
        "tcp://a",
        "tcp://a:0",
        "tcp://:5560",
        "tcp://u@a:1",
        "tcp://a:1/x",
        "ipc:///a",
    ] {
        let refused = Endpoint::zeromq(address).map(|_| ()).unwrap_err();
        assert!(
            matches!(refused, BuildError::ZeroMqAddress { .. }),
            "{address}"
        );
    }
}
