//! Clients and origins that send what they should not.

use super::*;

#[tokio::test]
async fn an_answer_in_chunks_has_the_length_of_its_chunks() {
    let (origin, _told) = answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let address = gateway(&Caught::new(false), origin).await;
    let mut client = Client::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.until("hello\r\n0\r\n\r\n").await;
    assert!(!answer.contains("content-length"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_no_body_is_the_clients_fault() {
    let (origin, _told) = answering(EMPTY).await;
    let caught = Caught::new(false);
    let address = gateway(&caught, origin).await;
    for (body, status) in [
        (
            "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            400,
        ),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n", 400),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ] {
        let mut client = Client::connect(address).await;
        client
            .send(&format!("POST / HTTP/1.1\r\nHost: a\r\n{body}"))
            .await;
        let answer = client.until("\r\n\r\n").await;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{body}: {answer}");
    }
    assert_eq!(caught.metrics.bad_gateway.value(), 0);
}

#[tokio::test]
async fn over_http_2_a_cookie_in_pieces_is_one_for_the_origin() {
    let (origin, mut told) = answering(EMPTY).await;
    let address = gateway(&Caught::new(false), origin).await;
    let socket = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(socket);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://a/")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(String::new())
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    let request = told.recv().await.unwrap();
    assert!(request.contains("cookie: a=1; b=2\r\n"), "{request}");
    assert_eq!(request.matches("cookie").count(), 1, "{request}");
}

#[tokio::test]
async fn a_connection_that_comes_back_from_a_hold_counts_again() {
    let caught = Caught::new(false);
    let options = Options {
        max_connections: Some(1),
        ..Options::default()
    };
    let address = gateway_with(&caught, app(), options).await;

    let mut held = Client::connect(address).await;
    held.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (_, line, _, _) = caught.stream().await;
    let mut other = Client::connect(address).await;
    other.send("GET /status HTTP/1.1\r\nHost: a\r\n\r\n").await;
    other.until("\r\n\r\nx").await;

    let unread = Bytes::from("GET /status HTTP/1.1\r\nHost: a\r\n\r\n");
    line.resume_http
        .unwrap()
        .resume_http(line.socket, None, unread);
    let early = timeout(Duration::from_millis(200), held.until("\r\n\r\nx")).await;
    assert!(early.is_err(), "both are served");
    drop(other);
    held.until("\r\n\r\nx").await;
}

#[tokio::test]
async fn an_answer_that_is_held_and_does_not_end_is_given_up() {
    let (origin, _told) =
        answering("HTTP/1.1 200 OK\r\nGrip-Hold: response\r\nContent-Length: 9\r\n\r\nnot all")
            .await;
    let mut caught = Caught::new(true);
    Arc::get_mut(&mut caught).unwrap().settings.origin_timeout = Duration::from_millis(100);
    let address = gateway(&caught, origin).await;
    let mut client = Client::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
}
