//! Limits that an application in this process, or another one, is told of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{error::Error as _, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    routing::{any, get},
};
use gripware_axum::{GripLayer, Hold, WebSocketContext, WebSocketRejection, WsMessage};
use gripware_hub::{Hub, HubError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A hub in front of an application.
async fn serve(hub: &Hub, app: Router) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(hub.serve(listener, app).into_future());
    TcpStream::connect(address).await.unwrap()
}

async fn ask(client: &mut TcpStream, path: &str, headers: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
}

async fn reads_until(client: &mut TcpStream, end: &[u8]) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !read.windows(end.len()).any(|it| it == end) {
            assert_ne!(client.read_buf(&mut read).await.unwrap(), 0);
        }
    };
    let is_in_time = timeout(PATIENCE, reading).await.is_ok();
    let read = String::from_utf8_lossy(&read).into_owned();
    assert!(is_in_time, "{read}");
    read
}

fn channels(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("c{n}"))
}

fn hold(count: usize) -> Hold {
    channels(count).fold(Hold::stream("first"), |hold, name| hold.channel(&*name))
}

#[tokio::test]
async fn an_embedded_handler_may_hold_as_many_channels_as_the_hub_allows_and_is_told_of_more() {
    for (max, count) in [(20, 19), (3000, 2999)] {
        let hub = Hub::builder().max_channels(max).build().unwrap();
        let app = Router::new()
            .route("/fits", get(async move || hold(count).in_body()))
            .route("/over", get(async move || hold(count + 1).in_body()))
            .layer(GripLayer::new(&hub.grip()));
        let mut client = serve(&hub, app).await;
        // A typed error in the adapter, which answers with it.
        ask(&mut client, "/over", "").await;
        let refused = reads_until(&mut client, b"\r\n\r\n").await;
        assert!(refused.starts_with("HTTP/1.1 500 "), "{refused}");
        assert!(hub.channels().is_empty());

        let mut client = TcpStream::connect(client.peer_addr().unwrap())
            .await
            .unwrap();
        ask(&mut client, "/fits", "").await;
        let held = reads_until(&mut client, b"\r\n\r\n").await;
        assert!(held.starts_with("HTTP/1.1 200 "), "{held}");
        let all = async {
            while hub.channels().len() != max {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, all).await.unwrap();
    }
}

#[tokio::test]
async fn a_hold_of_another_application_with_too_many_channels_is_refused() {
    let hub = Hub::builder()
        .max_channels(3)
        .development(true)
        .build()
        .unwrap();
    let names = |count| channels(count).collect::<Vec<_>>().join(", ");
    let answer = move |count| {
        [
            ("Grip-Hold", "stream".to_owned()),
            ("Grip-Channel", names(count)),
        ]
    };
    let body = |count| {
        let channels: Vec<_> = channels(count)
            .map(|it| format!(r#"{{"name":"{it}"}}"#))
            .collect();
        let hold = format!(
            r#"{{"hold":{{"mode":"response","channels":[{}]}}}}"#,
            channels.join(",")
        );
        ([("Content-Type", "application/grip-instruct")], hold)
    };
    let app = Router::new()
        .route("/headers", get(async move || answer(4)))
        .route("/body", get(async move || body(4)))
        .route("/fits", get(async move || answer(3)));
    let mut client = serve(&hub, app).await;
    for path in ["/headers", "/body"] {
        ask(&mut client, path, "").await;
        let refused = reads_until(&mut client, b"(max_channels)\n").await;
        assert!(refused.starts_with("HTTP/1.1 502 "), "{refused}");
        assert!(
            refused.contains("it has 4 channels, over the limit of 3"),
            "{refused}"
        );
    }
    ask(&mut client, "/fits", "").await;
    let held = reads_until(&mut client, b"\r\n\r\n").await;
    assert!(held.starts_with("HTTP/1.1 200 "), "{held}");
}

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn a_websocket_with_too_many_channels_is_closed_and_its_handler_told_where_it_can_be() {
    let hub = Hub::builder().max_channels(3).build().unwrap();
    let app = Router::new()
        .route(
            "/ws",
            any(
                async |State(seen): State<tokio::sync::mpsc::UnboundedSender<String>>,
                       mut ws: WebSocketContext| {
                    if ws.is_opening() {
                        ws.accept();
                        for name in ["a", "b", "c"] {
                            ws.subscribe(name).unwrap();
                        }
                        let error = ws.subscribe("d").unwrap_err();
                        seen.send(error.to_string()).unwrap();
                        return ws;
                    }
                    // It cannot know of the earlier turn here.
                    while let Ok(Some(_)) = ws.receive() {
                        ws.subscribe("e").unwrap();
                        ws.send_text("never").unwrap();
                    }
                    ws
                },
            ),
        )
        .layer(GripLayer::new(&hub.grip()));
    let (seen, mut seen_by_handler) = tokio::sync::mpsc::unbounded_channel();
    let mut client = serve(&hub, app.with_state(seen)).await;
    ask(&mut client, "/ws", HANDSHAKE).await;
    let head = reads_until(&mut client, b"\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(
        seen_by_handler.recv().await.unwrap(),
        "more than 3 channels"
    );
    client.write_all(b"\x81\x81\0\0\0\0x").await.unwrap();
    let mut close = [0; 4];
    timeout(PATIENCE, client.read_exact(&mut close))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(close, [0x88, 2, 0x03, 0xf3], "1011, and nothing before it");
}

#[tokio::test]
async fn a_turn_has_the_size_that_is_set_in_both_directions() {
    async fn echo(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
        if ws.is_opening() {
            ws.accept();
        }
        while let Some(message) = ws.receive()? {
            ws.send(message)?;
        }
        Ok(ws)
    }

    const LENGTH: usize = 3 << 20;
    for (max_turn, first_byte) in [(4 << 20, 0x82), (1 << 20, 0x88)] {
        let hub = Hub::builder()
            .max_message(LENGTH)
            .max_turn(max_turn)
            .turn_queue_bytes(1)
            .build()
            .unwrap();
        let route = any(echo).layer(DefaultBodyLimit::disable());
        let app = Router::new()
            .route("/", route)
            .layer(GripLayer::new(&hub.grip()));
        let mut client = serve(&hub, app).await;
        ask(&mut client, "/", HANDSHAKE).await;
        reads_until(&mut client, b"\r\n\r\n").await;
        let mut frame = vec![0x82, 0xff];
        frame.extend_from_slice(&(LENGTH as u64).to_be_bytes());
        // A mask of zeros.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&vec![7; LENGTH]);
        client.write_all(&frame).await.unwrap();
        let mut head = [0; 2];
        let reading = timeout(PATIENCE, client.read_exact(&mut head)).await;
        reading.unwrap().unwrap();
        assert_eq!(head[0], first_byte, "a message, or a close");
        if first_byte == 0x82 {
            let mut rest = vec![0; 8 + LENGTH];
            let reading = timeout(PATIENCE, client.read_exact(&mut rest)).await;
            reading.unwrap().unwrap();
            assert!(rest[8..].iter().all(|byte| *byte == 7));
        }
    }
}

#[tokio::test]
async fn an_item_has_one_limit_and_the_error_says_how_long_it_is() {
    let hub = Hub::builder().max_item(1000).build().unwrap();
    let item = |length: usize| {
        let json = r#"{"channel":"a","formats":{"ws-message":{"content":""}}}"#;
        WsMessage::text("x".repeat(length - json.len()))
    };
    let said = "an item of 1001 bytes as JSON is over the limit of 1000";
    hub.publish("a", item(1000)).await.unwrap();
    let error = hub.publish("a", item(1001)).await.unwrap_err();
    assert!(matches!(error, HubError::Item(_)));
    assert_eq!(error.source().unwrap().to_string(), said);
    let publisher = hub.grip().publisher();
    publisher.publish("a", item(1000)).await.unwrap();
    let error = publisher.publish("a", item(1001)).await.unwrap_err();
    assert!(error.to_string().contains(said), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(hub.control(listener).into_future());
    let publish = async |length: usize| {
        let mut json = Vec::new();
        let item = gripware_axum::Item::from(item(length));
        item.encode_json("a", "", &mut json).unwrap();
        assert_eq!(json.len(), length);
        let json = String::from_utf8(json).unwrap();
        let body = format!(r#"{{"items":[{json}]}}"#);
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /publish/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let taken = publish(1000).await;
    assert!(taken.starts_with("HTTP/1.1 200 "), "{taken}");
    let refused = publish(1100).await;
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    assert!(
        refused.contains("1112 bytes, and the limit is 1064"),
        "{refused}"
    );
}

/// The default of 16 MiB, in memory and over HTTP.
#[tokio::test]
async fn large_items_are_taken_by_default() {
    let hub = Hub::new();
    let large = || WsMessage::text("x".repeat((16 << 20) - 1000));
    hub.publish("a", large()).await.unwrap();
    assert!(
        hub.publish("a", WsMessage::text("x".repeat(40_000_000)))
            .await
            .is_err()
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(hub.control(listener).into_future());
    let url = gripware_core::GripUrl::parse(&format!("http://{address}/")).unwrap();
    let publisher = gripware_publish::Publisher::builder()
        .urls([url])
        .build()
        .unwrap();
    publisher.publish("a", large()).await.unwrap();
}

#[tokio::test]
async fn a_request_with_a_body_of_1_mib_can_be_held() {
    let hub = Hub::new();
    let app = Router::new()
        .route("/", any(async |_: axum::body::Bytes| Hold::stream("a")))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .layer(GripLayer::new(&hub.grip()));
    for (length, status) in [(1 << 20, 200), ((1 << 20) + 1, 400)] {
        let mut client = serve(&hub, app.clone()).await;
        let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![b'x'; length]).await.unwrap();
        let mut head = vec![0; 12];
        timeout(PATIENCE, client.read_exact(&mut head))
            .await
            .unwrap()
            .unwrap();
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
    }
}
