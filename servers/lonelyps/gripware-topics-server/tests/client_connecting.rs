//! The client, and broadcasters that take no connection or say nothing over it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::time::Duration;

use gripware_topics::{
    Auth,
    client::{Client, ClientBuilder, ClientError},
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::{broadcaster, serve_with_hub, soon};

/// A host that drops packets: its queue of connections is full, so that a SYN is not answered.
async fn unreachable() -> (TcpListener, Vec<TcpStream>, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    // The queue is full with one more than its length.
    for _ in 0..2 {
        waiting.push(TcpStream::connect(address).await.unwrap());
    }
    (listener, waiting, format!("http://{address}"))
}

/// A host that takes connections, and never says anything.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn client(urls: [&str; 2], set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let [first, second] = urls;
    let builder = Client::builder(Auth::none())
        .broadcaster_with_priority(first, 0)
        .unwrap()
        .broadcaster_with_priority(second, 1)
        .unwrap()
        .rounds(1);
    set(builder).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcaster_that_drops_packets_is_followed_by_the_next() {
    let (_listener, _waiting, dropping) = unreachable().await;
    let (_silent, address) = silent().await;
    let broadcaster = broadcaster(&Auth::none()).await;
    // Over TLS the connection is there, and nobody answers the handshake.
    for first in [dropping, format!("https://{address}")] {
        let client = client([&first, &broadcaster.url], |builder| {
            builder.timeout(Duration::from_secs(20))
        });
        let sent = soon(client.notify("t", "x")).await;
        assert!(sent.is_ok(), "{first}: {sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_was_sent_where_nobody_can_be_reached() {
    let (_listener, _waiting, dropping) = unreachable().await;
    let (_silent, address) = silent().await;
    let tls = format!("https://{address}");
    for first in [&dropping, &tls] {
        let client = client([first, first], |builder| {
            builder.timeout(Duration::from_secs(4))
        });
        let error = soon(client.notify("t", "x")).await.unwrap_err();
        assert!(
            matches!(error, ClientError::Unreachable(_)),
            "{first}: {error:?}"
        );
        assert!(!error.is_ambiguous());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_is_not_opened_is_followed_by_the_next_broadcaster() {
    let (_listener, _waiting, dropping) = unreachable().await;
    let (_silent, address) = silent().await;
    let broadcaster = serve_with_hub(&Auth::none(), |builder| builder).await;
    // The last one takes the connection, and does not answer the opening of the WebSocket.
    for first in [
        dropping,
        format!("https://{address}"),
        format!("http://{address}"),
    ] {
        let client = client([&first, &broadcaster.url], |builder| {
            builder.websocket().timeout(Duration::from_secs(24))
        });
        let sent = soon(client.notify("t", "x")).await;
        assert!(sent.is_ok(), "{first}: {sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_was_not_begun_over_a_websocket_was_not_sent() {
    let (_silent, address) = silent().await;
    let url = format!("http://{address}");
    let client = client([&url, &url], |builder| {
        builder
            .websocket()
            .rounds(100)
            .timeout(Duration::from_secs(2))
    });
    let sent = soon(client.notify("t", "x")).await.map(drop);
    let subscribed = soon(client.subscribe_exact("t")).await.map(drop);
    for outcome in [sent, subscribed] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, ClientError::Unreachable(_)), "{error:?}");
        assert!(!error.is_ambiguous());
    }
    assert!(client.subscribed().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_and_sent_again_may_have_been_done() {
    let (_silent, address) = silent().await;
    let url = format!("http://{address}");
    let (_listener, _waiting, dropping) = unreachable().await;
    // The last one that is tried does not change that.
    for second in [&url, &dropping] {
        let client = client([&url, second], |builder| {
            builder
                .retry_ambiguous(true)
                .timeout(Duration::from_secs(2))
        });
        let error = soon(client.notify("t", "x")).await.unwrap_err();
        assert!(error.is_ambiguous(), "{error:?}");
    }
}
