//! Connections of HTTP/2 on which nothing is asked.

use super::{frames::*, *};

async fn short(caught: &Arc<Caught>) -> SocketAddr {
    let options = Options {
        header_timeout: Duration::from_millis(300),
        max_connections: Some(1),
        ..Options::default()
    };
    gateway_with(caught, app(), options).await
}

/// Asks as another client, which waits for the one before it to end.
async fn another_is_served(address: SocketAddr) {
    let mut other = Client::connect(address).await;
    other
        .send("GET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(other.rest().await.ends_with("\r\n\r\nx"));
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_asked_ends_and_makes_room() {
    let mut cases = tokio::task::JoinSet::new();
    for first in [
        vec![],
        frame(PING, 0, 0, &[0; 8]),
        // A head that does not end, and one that does not even end its frame.
        frame(HEADERS, END_STREAM, 1, &get("/status")),
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/status"))[..12].to_vec(),
    ] {
        // At once, since each takes as long as a client may to go.
        cases.spawn(async move {
            let address = short(&Caught::new(false)).await;
            let mut client = FrameClient::connect(address, 65_535).await;
            client.send(&first).await;
            another_is_served(address).await;
            client.ended().await;
        });
    }
    cases.join_all().await;
}

#[tokio::test]
async fn pings_and_their_answers_do_not_keep_a_connection() {
    let caught = Caught::new(false);
    let address = short(&caught).await;
    let client = FrameClient::connect(address, 65_535).await;
    let (mut read, mut write) = client.0.into_split();
    let pinging = tokio::spawn(async move {
        let ping = frame(PING, 0, 0, &[0; 8]);
        while write.write_all(&ping).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    });
    another_is_served(address).await;
    let mut rest = Vec::new();
    let _ = timeout(PATIENCE, read.read_to_end(&mut rest))
        .await
        .unwrap();
    timeout(PATIENCE, pinging).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_answers_goes_as_soon_as_it_is_told() {
    let caught = Caught::new(false);
    let address = short(&caught).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("http://h/status").body(String::new()).unwrap();
    assert_eq!(client.send_request(request).await.unwrap().status(), 404);
    timeout(PATIENCE, connection)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_held_stream_keeps_its_connection_and_half_a_head_beside_it_does_not() {
    let caught = Caught::new(false);
    let address = short(&caught).await;
    let mut client = FrameClient::connect(address, 65_535).await;
    client.get(1, "/stream").await;
    let (_, line, head, _) = caught.stream().await;
    let mut wire = socket(line.socket);
    wire.write_all(head.as_bytes()).await.unwrap();
    client.until(DATA).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    wire.write_all(b"later").await.unwrap();
    assert_eq!(client.until(DATA).await.payload, b"later");
    client.send(&frame(HEADERS, END_STREAM, 3, &get("/"))).await;
    client.ended().await;
}
