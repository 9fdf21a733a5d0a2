//! Clients of HTTP/2 that send frames for nothing.

use super::{frames::*, *};

const ENHANCE_YOUR_CALM: u8 = 0xb;

/// Sends frames until the connection ends.
async fn flood(address: SocketAddr, frames: &[u8]) {
    let client = FrameClient::connect(address, 65_535).await;
    let (mut read, mut write) = client.0.into_split();
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while read.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    });
    let mut frames_sent = 0_usize;
    while write.write_all(frames).await.is_ok() {
        frames_sent += 1;
        assert!(frames_sent < 100_000, "it is not refused");
        if reading.is_finished() {
            break;
        }
    }
    timeout(PATIENCE, reading).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_flood_of_cheap_frames_ends_its_connection_and_no_other() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    let mut other = Client::connect(address).await;
    let head = frame(HEADERS, 0, 1, &get("/status"));
    let open = frame(HEADERS, END_HEADERS, 1, &get("/status"));
    let floods: [(&str, Vec<u8>, Vec<u8>); 8] = [
        ("SETTINGS", vec![], frame(SETTINGS, 0, 0, &[])),
        (
            "acknowledged SETTINGS",
            vec![],
            frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9]),
        ),
        ("PING", vec![], frame(PING, 0, 0, &[0; 8])),
        ("answers to PING", vec![], frame(PING, ACK, 0, &[0; 8])),
        ("PRIORITY", vec![], frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 9])),
        (
            "WINDOW_UPDATE",
            vec![],
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        ),
        ("empty DATA", open, frame(DATA, 0, 1, &[])),
        ("CONTINUATION", head, frame(9, 0, 1, &[])),
    ];
    for (number, (name, before, frames)) in (1..).zip(floods) {
        let mut bytes = before;
        for _ in 0..2000 {
            bytes.extend(&frames);
        }
        flood(address, &bytes).await;
        eventually(name, || {
            caught.metrics.floods_closed.value() >= number || name == "CONTINUATION"
        })
        .await;
        other.send("GET /status HTTP/1.1\r\nHost: a\r\n\r\n").await;
        other.until("\r\n\r\nx").await;
    }
}

#[tokio::test]
async fn a_rapid_reset_ends_its_connection() {
    let caught = Caught::new(false);
    let (origin, _told) = answering("").await;
    let address = gateway(&caught, origin).await;
    let mut client = FrameClient::connect(address, 65_535).await;
    let mut sent = 0;
    for stream in (1..20_001).step_by(2) {
        let mut bytes = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get("/"));
        bytes.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
        if client.0.write_all(&bytes).await.is_err() {
            break;
        }
        sent += 1;
    }
    client.ended().await;
    assert!(sent > 0);
    // h2 may find that too many wait to be looked at, before their number is over the limit.
    assert!(caught.metrics.requests.value() <= 1000);
}

#[tokio::test]
async fn whoever_floods_is_told_to_be_calm() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    let mut client = FrameClient::connect(address, 65_535).await;
    client.until(SETTINGS).await;
    client.send(&frame(PING, 0, 0, &[0; 8]).repeat(220)).await;
    assert_eq!(client.ended().await, Some(ENHANCE_YOUR_CALM));
    assert_eq!(caught.metrics.floods_closed.value(), 1);
}

#[tokio::test]
async fn a_busy_client_is_no_flood() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    // Small windows have to be opened often.
    let (client, connection) = hyper::client::conn::http2::Builder::new(executor)
        .initial_stream_window_size(1000)
        .initial_connection_window_size(70_000)
        .handshake(io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let asks = (0..200).map(|number| {
        let mut client = client.clone();
        tokio::spawn(async move {
            let path = if number % 20 == 0 { "/some" } else { "/status" };
            let request = Request::get(format!("http://h{path}")).body(String::new());
            let answer = client.send_request(request.unwrap()).await.unwrap();
            answer.into_body().collect().await.unwrap().to_bytes().len()
        })
    });
    let asks: Vec<_> = asks.collect();
    let mut length = 0;
    for ask in asks {
        length += timeout(PATIENCE, ask).await.unwrap().unwrap();
    }
    assert_eq!(length, 190 + 10 * 200_000);
    assert_eq!(caught.metrics.floods_closed.value(), 0);
}
