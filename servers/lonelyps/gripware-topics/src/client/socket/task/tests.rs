//! The task with a broadcaster by hand.

use futures_util::{SinkExt, StreamExt, stream::FusedStream};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;
use crate::{
    Identifier, Tracing,
    client::{
        Client, ClientBuilder,
        tests::{blocked, client, soon},
    },
    ws::{FromBroadcaster, FromSubscriber, StreamHead, StreamPart},
};

/// Larger than what is worked on at once.
const LARGE: usize = 100_000;

struct Broadcaster(WebSocketStream<TcpStream>);

impl Broadcaster {
    /// Takes the connection of a client.
    async fn of_client() -> (Self, Client) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = client(&url, ClientBuilder::websocket);
        let (stream, _) = soon(listener.accept()).await.unwrap();
        let mut this = Self(soon(accept_async(stream)).await.unwrap());
        let configure = this.hear().await;
        assert!(matches!(configure, FromSubscriber::Configure { .. }));
        let confirm = FromBroadcaster::ConfirmConfigure {
            nonce: [9; 32],
            authorization: None,
            tracing: Tracing::default(),
        };
        this.say(&confirm).await;
        (this, client)
    }

    async fn say(&mut self, message: &FromBroadcaster) {
        let message = Message::Binary(message.encode(true).unwrap());
        soon(self.0.send(message)).await.unwrap();
    }

    async fn hear(&mut self) -> FromSubscriber {
        assert!(!self.0.is_terminated());
        let Message::Binary(message) = soon(self.0.next()).await.unwrap().unwrap() else {
            panic!("it is not binary");
        };
        FromSubscriber::decode(message).unwrap()
    }

    async fn hear_notify(&mut self) -> usize {
        match self.hear().await {
            FromSubscriber::Notify { payload, .. } => payload.len(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_connection_goes_on_while_a_large_message_is_hashed_and_compressed() {
    let (runtime, release) = blocked();
    runtime.block_on(async {
        let (mut broadcaster, client) = Broadcaster::of_client().await;
        for length in [LARGE, 1] {
            let client = client.clone();
            tokio::spawn(async move { client.notify("t", vec![7; length]).await });
            tokio::task::yield_now().await;
        }
        let ping = Message::Ping(Bytes::new());
        soon(broadcaster.0.send(ping)).await.unwrap();
        let heard = soon(broadcaster.0.next()).await.unwrap().unwrap();
        assert!(matches!(heard, Message::Pong(_)), "{} bytes", heard.len());
        drop(release);
        // They keep their order.
        assert_eq!(broadcaster.hear_notify().await, LARGE);
        assert_eq!(broadcaster.hear_notify().await, 1);
    });
}

#[test]
fn a_connection_goes_on_while_a_large_message_that_came_is_hashed() {
    let (runtime, release) = blocked();
    runtime.block_on(async {
        let (mut broadcaster, client) = Broadcaster::of_client().await;
        for (identifier, length) in [(b"1", LARGE), (b"2", 1)] {
            let data = Bytes::from(vec![7; length]);
            let part = StreamPart {
                authorization: None,
                tracing: Tracing::default(),
                identifier: Identifier::try_from(identifier).unwrap(),
                part: Ok(StreamHead::uncompressed(
                    Topic::try_from("t").unwrap(),
                    &data,
                )),
                payload: data,
            };
            broadcaster.say(&FromBroadcaster::ReceiveStream(part)).await;
        }
        let early = timeout(Duration::from_secs(2), broadcaster.hear()).await;
        assert!(early.is_err(), "it is hashed already: {early:?}");
        // What is to be sent is sent meanwhile.
        let publishing = client.clone();
        tokio::spawn(async move { publishing.notify("t", "x").await });
        assert_eq!(broadcaster.hear_notify().await, 1);
        drop(release);
        for expected in [b"1", b"2"] {
            match broadcaster.hear().await {
                FromSubscriber::ConfirmReceive { identifier, .. } => {
                    assert_eq!(identifier.as_bytes(), expected);
                }
                other => panic!("{other:?}"),
            }
        }
    });
}
