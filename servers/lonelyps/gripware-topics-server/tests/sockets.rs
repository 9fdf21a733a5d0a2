//! Subscribers that keep a WebSocket, byte by byte.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{num::NonZeroU64, time::Duration};

use bytes::Bytes;
use gripware_topics::{
    Auth, Digest, Identifier, Pattern, Topic, Tracing,
    auth::Kind,
    ws::{FromBroadcaster, FromSubscriber, StreamHead, StreamPart},
};
use gripware_topics_server::Settings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{SOON, Served, client, serve_with_hub};

/// A connection.
struct Socket(TcpStream);

/// What comes over it: a message, or the code of a close.
type Heard = Result<FromBroadcaster, u16>;

impl Socket {
    async fn open(broadcaster: &Served) -> Self {
        let address = broadcaster.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = "GET /v1/websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(SOON, stream.read_u8()).await.unwrap().unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        Self(stream)
    }

    async fn configured(broadcaster: &Served) -> Self {
        let mut socket = Self::open(broadcaster).await;
        socket.say(&configure()).await;
        let heard = socket.hear().await;
        assert!(
            matches!(heard, Ok(FromBroadcaster::ConfirmConfigure { .. })),
            "{heard:?}"
        );
        socket
    }

    async fn say(&mut self, message: &FromSubscriber) {
        // Either kind of headers is read.
        self.send(0x82, &message.encode(false).unwrap()).await;
    }

    async fn send(&mut self, first: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap();
        let mut frame = vec![first];
        match u8::try_from(length) {
            Ok(length) if length < 126 => frame.push(0x80 | length),
            _ => {
                frame.push(0xfe);
                frame.extend_from_slice(&length.to_be_bytes());
            }
        }
        // A mask of zeros.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        // It may have been closed.
        let _ = self.0.write_all(&frame).await;
    }

    async fn hear(&mut self) -> Heard {
        timeout(SOON, async {
            let first = self.0.read_u8().await.unwrap();
            let length = match self.0.read_u8().await.unwrap() {
                126 => u64::from(self.0.read_u16().await.unwrap()),
                127 => self.0.read_u64().await.unwrap(),
                length => u64::from(length),
            };
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.unwrap();
            match first {
                0x82 => Ok(FromBroadcaster::decode(payload.into()).unwrap()),
                0x88 => Err(u16::from_be_bytes([payload[0], payload[1]])),
                other => panic!("{other:x}"),
            }
        })
        .await
        .unwrap()
    }

    async fn subscribe(&mut self, topic: &str) {
        self.say(&subscribe(topic)).await;
        let heard = self.hear().await;
        assert!(
            matches!(heard, Ok(FromBroadcaster::ConfirmSubscribe { .. })),
            "{heard:?}"
        );
    }
}

fn configure() -> FromSubscriber {
    FromSubscriber::Configure {
        nonce: [7; 32],
        zstd: true,
        training: false,
        initial_dict: 0,
        authorization: None,
        tracing: Tracing::default(),
    }
}

fn subscribe(topic: &str) -> FromSubscriber {
    FromSubscriber::Subscribe {
        authorization: None,
        tracing: Tracing::default(),
        pattern: Pattern::Exact(Topic::try_from(topic).unwrap()),
    }
}

fn part(number: u64, payload: &'static [u8]) -> FromSubscriber {
    let head = StreamHead {
        topic: Topic::try_from("t").unwrap(),
        compressor: 0,
        compressed_length: 10,
        decompressed_length: 10,
        digest: Digest::of(b"helloworld"),
    };
    FromSubscriber::NotifyStream(StreamPart {
        authorization: None,
        tracing: Tracing::default(),
        identifier: Identifier::try_from(b"id").unwrap(),
        part: NonZeroU64::new(number).map_or(Ok(head), Err),
        payload: Bytes::from_static(payload),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_answer_ends_the_connection_with_a_code() {
    let broadcaster = serve_with_hub(&Auth::none(), |builder| builder).await;
    let unsubscribe = FromSubscriber::Unsubscribe {
        authorization: None,
        tracing: Tracing::default(),
        pattern: Pattern::Exact(Topic::try_from("other").unwrap()),
    };
    let confirm = FromSubscriber::ConfirmReceive {
        identifier: Identifier::try_from(b"id").unwrap(),
        authorization: None,
        tracing: Tracing::default(),
        subscribers: 1,
    };
    for (message, code) in [
        (configure(), 1008),
        (unsubscribe, 1008),
        (confirm, 1008),
        (part(1, b"hello"), 1007),
    ] {
        let mut socket = Socket::configured(&broadcaster).await;
        socket.say(&message).await;
        assert_eq!(socket.hear().await, Err(code), "{message:?}");
    }
    let mut twice = Socket::configured(&broadcaster).await;
    twice.subscribe("t").await;
    twice.say(&subscribe("t")).await;
    assert_eq!(twice.hear().await, Err(1008));

    let mut text = Socket::open(&broadcaster).await;
    text.send(0x81, b"hello").await;
    assert_eq!(text.hear().await, Err(1003));
    let mut early = Socket::open(&broadcaster).await;
    early.say(&subscribe("t")).await;
    assert_eq!(early.hear().await, Err(1008));

    let auth = Auth::generate(Kind::Hmac, Kind::Hmac).unwrap();
    let signed = serve_with_hub(&auth, |builder| builder).await;
    let mut unsigned = Socket::open(&signed).await;
    unsigned.say(&configure()).await;
    assert_eq!(unsigned.hear().await, Err(1008));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_parts_is_published_when_it_is_complete() {
    let broadcaster = serve_with_hub(&Auth::none(), |builder| builder).await;
    let client = client(&Auth::none(), &broadcaster).await;
    let mut subscription = client.subscribe_exact("t").await.unwrap();
    let mut socket = Socket::configured(&broadcaster).await;
    socket.say(&part(0, b"hello")).await;
    let heard = socket.hear().await;
    assert!(
        matches!(heard, Ok(FromBroadcaster::ContinueNotify { part: 0, .. })),
        "{heard:?}"
    );
    socket.say(&part(1, b"world")).await;
    let message = timeout(SOON, subscription.next()).await.unwrap().unwrap();
    assert_eq!(message.data(), "helloworld");
    drop(message);
    let heard = socket.hear().await;
    assert!(
        matches!(
            heard,
            Ok(FromBroadcaster::ConfirmNotify { subscribers: 1, .. })
        ),
        "{heard:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_parts_do_not_come_in_time_ends_the_connection() {
    let settings = Settings::default().body_timeout(Duration::ZERO);
    let broadcaster = serve_with_hub(&Auth::none(), |builder| builder.settings(settings)).await;
    let mut socket = Socket::configured(&broadcaster).await;
    socket.say(&part(0, b"hello")).await;
    let heard = socket.hear().await;
    assert!(
        matches!(heard, Ok(FromBroadcaster::ContinueNotify { part: 0, .. })),
        "{heard:?}"
    );
    // Whatever it says then.
    socket.say(&subscribe("t")).await;
    assert_eq!(socket.hear().await, Err(1008));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_acknowledge_gets_three_and_learns_that_it_missed_the_fourth() {
    // Long enough for what is sent at once, and over before this test is.
    let settings = Settings::default().delivery_timeout(Duration::from_secs(5));
    let broadcaster = serve_with_hub(&Auth::none(), |builder| builder.settings(settings)).await;
    let client = client(&Auth::none(), &broadcaster).await;
    let mut socket = Socket::configured(&broadcaster).await;
    socket.subscribe("t").await;
    for _ in 0..4 {
        let client = client.clone();
        tokio::spawn(async move { client.notify("t", "x").await });
    }
    for _ in 0..3 {
        let heard = socket.hear().await;
        assert!(
            matches!(heard, Ok(FromBroadcaster::ReceiveStream(_))),
            "{heard:?}"
        );
    }
    let heard = socket.hear().await;
    assert!(
        matches!(heard, Ok(FromBroadcaster::Missed { .. })),
        "{heard:?}"
    );
}

/// Confirms whatever comes.
async fn confirm_all(mut socket: Socket) {
    while let Ok(FromBroadcaster::ReceiveStream(part)) = socket.hear().await {
        let confirm = FromSubscriber::ConfirmReceive {
            identifier: part.identifier,
            authorization: None,
            tracing: Tracing::default(),
            subscribers: 1,
        };
        socket.say(&confirm).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_subscribers_confirms_each_message() {
    const COUNT: u32 = 200;
    let broadcaster = serve_with_hub(&Auth::none(), |builder| builder).await;
    let client = client(&Auth::none(), &broadcaster).await;
    for _ in 0..COUNT {
        let mut socket = Socket::configured(&broadcaster).await;
        socket.subscribe("t").await;
        tokio::spawn(confirm_all(socket));
    }
    for _ in 0..5 {
        let sent = timeout(SOON, client.notify("t", "x")).await.unwrap();
        assert_eq!(sent.unwrap().subscribers, COUNT);
    }
}
