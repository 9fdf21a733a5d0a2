//! Clients of HTTP/2.

use super::*;

#[tokio::test]
async fn over_http_2_holds_are_streams_of_their_connection() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let stream = TcpStream::connect(address).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io)
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = |path: &str| {
            let request = Request::builder().uri(format!("http://h{path}"));
            request
                .version(Version::HTTP_2)
                .body(String::new())
                .unwrap()
        };
        let answer = client.send_request(request("/echo")).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(
            String::from_utf8_lossy(&body).contains("host: h\n"),
            "{body:?}"
        );

        let answer = client.send_request(request("/stream")).await.unwrap();
        let (replay, line, head, framing) = caught.stream().await;
        assert_eq!(
            (framing, replay.uri().to_string()),
            (Framing::Raw, "http://h/stream".to_owned())
        );
        let mut wire = socket(line.socket);
        wire.write_all(head.as_bytes()).await.unwrap();
        wire.write_all(b"new").await.unwrap();
        wire.shutdown().await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "hello\nnew");

        let answer = client.send_request(request("/stream")).await.unwrap();
        let (_, line, ..) = caught.stream().await;
        drop(line);
        assert!(
            answer.into_body().collect().await.is_err(),
            "it was cut off"
        );

        let answer = client.send_request(request("/stream")).await.unwrap();
        let (_, line, head, _) = caught.stream().await;
        let mut wire = socket(line.socket);
        wire.write_all(head.as_bytes()).await.unwrap();
        drop(answer);
        let gone = timeout(PATIENCE, wire.read_u8()).await.unwrap();
        assert!(gone.is_err(), "the client is gone");

        let held = async {
            let HoldKind::Response {
                instruction,
                reply: Reply::Channel(reply),
            } = caught.next().await.kind
            else {
                panic!("no response was held");
            };
            reply.send(instruction.into_response()).unwrap();
        };
        let (answer, ()) = tokio::join!(client.send_request(request("/response")), held);
        let body = answer
            .unwrap()
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes();
        assert_eq!(body, "nothing yet");
    }
}

#[tokio::test]
async fn a_websocket_over_http_2_is_an_extended_connect() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    // The server's settings say that it may be asked for: a request's answer comes behind them.
    let plain = Request::builder().uri("http://h/echo");
    let plain = plain.body(String::new()).unwrap();
    client.send_request(plain).await.unwrap();
    let mut request = Request::builder()
        .method("CONNECT")
        .uri("http://h/ws?http2")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "p2")
        .body(String::new())
        .unwrap();
    let protocol = hyper::ext::Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "p2");
    let upgraded = hyper::upgrade::on(answer).await.unwrap();
    let mut upgraded = hyper_util::rt::TokioIo::new(upgraded);
    let held = caught.next().await;
    let HoldKind::WebSocket { head, .. } = held.kind else {
        panic!("no WebSocket was held");
    };
    let line = held.conn.unwrap();
    assert!(head.is_empty());
    let mut wire = socket(line.socket);
    wire.write_all(b"down").await.unwrap();
    let mut read = [0; 4];
    upgraded.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"down");
    upgraded.write_all(b"up").await.unwrap();
    let mut read = [0; 2];
    wire.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"up");
}
