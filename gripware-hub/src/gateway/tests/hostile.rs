//! Clients and origins that send what they should not.

use super::*;

/// An origin that gives one answer to each request, byte for byte, and tells what it was asked.
async fn answering(answer: &'static str) -> (HttpOrigin, tokio::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = tokio::sync::mpsc::channel(10);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut origin = Client(socket);
                let mut request = origin.until("\r\n\r\n").await;
                if request.contains("transfer-encoding: chunked") {
                    request += &origin.until("0\r\n").await;
                    request += &origin.until("\r\n\r\n").await;
                }
                let _ = tell.send(request).await;
                origin.send(answer).await;
                // It stays open, whether the answer is whole or not.
                origin.rest().await;
            });
        }
    });
    (HttpOrigin::new(address.parse().unwrap(), PATIENCE), told)
}

const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_header_in_disguise_does_not_reach_the_origin() {
    let (origin, mut told) = answering(EMPTY).await;
    let address = gateway(&Caught::new(false), origin).await;
    let mut client = Client::connect(address).await;
    client
        .send(
            "GET / HTTP/1.1\r\nHost: a\r\nGrip_Sig: evil\r\nMeta_User: evil\r\nConnection_Id: \
             evil\r\nX_Forwarded_For: evil\r\nX_Real_Ip: evil\r\nContent-Bytes-Replayed: \
             evil\r\nMy_Own: fine\r\n\r\n",
        )
        .await;
    client.until("\r\n\r\n").await;
    let request = told.recv().await.unwrap();
    assert!(!request.contains("evil"), "{request}");
    assert!(request.contains("my_own: fine\r\n"), "{request}");
}

#[tokio::test]
async fn trailers_are_no_way_around_what_is_removed_of_headers() {
    let (origin, mut told) = answering(
        "HTTP/1.1 200 OK\r\nTrailer: Grip-Hold, X-T\r\nTransfer-Encoding: chunked\r\n\r\n\
         1\r\na\r\n0\r\nGrip-Hold: evil\r\nX-T: fine\r\n\r\n",
    )
    .await;
    let address = gateway(&Caught::new(false), origin).await;
    let mut client = Client::connect(address).await;
    client
        .send(
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: grip-sig, meta-user, \
             x_forwarded_for, x-t\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\
             Grip-Sig: evil\r\nMeta-User: evil\r\nX_Forwarded_For: evil\r\nX-T: fine\r\n\r\n",
        )
        .await;
    let answer = client.until("x-t: fine\r\n\r\n").await;
    assert!(!answer.contains("evil"), "{answer}");
    let request = told.recv().await.unwrap();
    assert!(!request.contains("evil"), "{request}");
    assert!(request.ends_with("x-t: fine\r\n\r\n"), "{request}");
}

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
    let holder: Arc<dyn Holder> = Arc::clone(&caught) as _;
    let options = Options {
        max_connections: Some(1),
        ..Options::default()
    };
    let gateway = Gateway::new(holder, app(), options);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(gateway.serve(listener.into(), std::future::pending()));

    let mut held = Client::connect(address).await;
    held.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (_, line, _, _) = caught.stream().await;
    let mut other = Client::connect(address).await;
    other.send("GET /status HTTP/1.1\r\nHost: a\r\n\r\n").await;
    other.until("\r\n\r\nx").await;

    let unread = Bytes::from("GET /status HTTP/1.1\r\nHost: a\r\n\r\n");
    line.take_back.unwrap().take_back(line.wire, unread);
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
