//! Applications that speak another protocol than HTTP themselves, such as WebSocket.

use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{websockets::opening, *};
use crate::gateway::options::Handshakes;

/// Answers 101 and then sends back whatever comes, as frameworks do that speak WebSocket.
async fn echoing(mut request: axum::extract::Request) -> Response {
    let headers = request.headers().clone();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut socket = TokioIo::new(upgrade.await.unwrap());
        let mut bytes = [0; 100];
        while let Ok(length @ 1..) = socket.read(&mut bytes).await {
            socket.write_all(&bytes[..length]).await.unwrap();
        }
    });
    let mut answer = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let said = answer.headers_mut();
    for name in ["upgrade", "connection"] {
        said.insert(name, headers[name].clone());
    }
    if let Some(key) = headers.get("sec-websocket-key") {
        let accept = crate::ws::handshake::accept_key(key);
        said.insert("sec-websocket-accept", accept);
    }
    let chosen = HeaderValue::from_static("permessage-deflate");
    said.insert("sec-websocket-extensions", chosen);
    said.insert("grip-hold", HeaderValue::from_static("stream"));
    answer
}

/// The same for one that chooses all extensions that are offered.
async fn choosing(request: axum::extract::Request) -> Response {
    let offered = request.headers().get("sec-websocket-extensions").cloned();
    let mut answer = echoing(request).await;
    let said = answer.headers_mut();
    said.insert("sec-websocket-extensions", offered.unwrap());
    said.insert("sec-websocket-protocol", HeaderValue::from_static("p"));
    said.insert("set-meta-user", HeaderValue::from_static("anna"));
    answer
}

/// Takes the events of a WebSocket, and no handshake but one that offers to take them.
async fn conversing(headers: axum::http::HeaderMap, body: String) -> Response {
    let is_offered = headers
        .get("grip-offer")
        .is_some_and(|it| it == "websocket-events");
    let is_turn = headers
        .get("content-type")
        .is_some_and(|it| it == "application/websocket-events");
    assert!(headers.contains_key("connection-id") && headers.contains_key("grip-sig"));
    match (is_offered, is_turn, &*body) {
        (true, false, "") | (false, true, "OPEN\r\n") => {
            let method = if is_offered { "GET" } else { "POST" };
            (
                [
                    ("content-type", "application/websocket-events"),
                    ("x-by", method),
                ],
                "OPEN\r\n",
            )
                .into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn speaking() -> Router {
    Router::new()
        .route("/native", routing::get(echoing))
        .route("/grip", routing::get(choosing))
        .route("/any", routing::any(conversing))
        .route("/post", routing::post(conversing))
        .route(
            "/denied",
            routing::any(async || (StatusCode::FORBIDDEN, "who are you?")),
        )
        .route("/page", routing::get(async || "a page"))
        .route("/pages", routing::any(async || "a page"))
        .route(
            "/pieces",
            routing::any(async || {
                let body = http_body_util::Full::<Bytes>::from("a page of no length");
                AxumBody::from_stream(body.into_data_stream())
            }),
        )
        .fallback(async |method: axum::http::Method| {
            (StatusCode::NOT_FOUND, format!("no {method}"))
        })
}

fn with(handshakes: Handshakes) -> Options {
    Options {
        handshakes,
        ..Options::default()
    }
}

async fn by_address(caught: &Arc<Caught>, handshakes: Handshakes) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, speaking()).await });
    let origin = HttpOrigin::new(address.parse().unwrap());
    gateway_with(caught, origin, with(handshakes)).await
}

/// Embedded, and as `Hub::front` does it.
async fn either(caught: &Arc<Caught>) -> [SocketAddr; 2] {
    [
        gateway_with(caught, speaking(), with(Handshakes::Within)).await,
        by_address(caught, Handshakes::Either).await,
    ]
}

fn handshake(path: &str) -> String {
    opening("it").replace("/ws?it", path)
}

#[tokio::test]
async fn a_handler_that_answers_101_gets_the_bytes() {
    let caught = Caught::new(false);
    let [within, front] = either(&caught).await;
    for address in [within, front, by_address(&caught, Handshakes::Native).await] {
        let mut client = Client::connect(address).await;
        // Frames may come before the 101.
        client.send(&(handshake("/native") + "early")).await;
        let head = client.until("\r\n\r\n").await;
        assert!(
            head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
            "{head}"
        );
        for part in [
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "sec-websocket-extensions: permessage-deflate",
            "upgrade: websocket",
            "connection: upgrade",
        ] {
            assert!(head.contains(&format!("\r\n{part}\r\n")), "{part}: {head}");
        }
        assert!(!head.contains("grip"), "{head}");
        client.until("early").await;
        client.send("late").await;
        client.until("late").await;
        assert_eq!(caught.passed.len(), 1);
        drop(client);
        eventually("it is no longer listed", || caught.passed.len() == 0).await;
    }
    assert_eq!(caught.metrics.passed_sockets.value(), 3);
}

#[tokio::test]
async fn a_client_that_has_said_all_hears_the_rest() {
    let caught = Caught::new(false);
    for address in either(&caught).await {
        let mut client = Client::connect(address).await;
        client.send(&handshake("/native")).await;
        // Before it has its 101, it would count as one that has left.
        client.until("\r\n\r\n").await;
        client.send("all").await;
        client.0.shutdown().await.unwrap();
        assert_eq!(client.rest().await, "all");
    }
}

#[tokio::test]
async fn a_socket_that_is_passed_through_ends_with_the_hub_and_by_its_id() {
    let caught = Caught::new(false);
    let [within, front] = either(&caught).await;
    let mut clients = Vec::new();
    for address in [within, front] {
        let mut client = Client::connect(address).await;
        client.send(&handshake("/native")).await;
        client.until("\r\n\r\n").await;
        clients.push(client);
    }
    let (first, _) = caught
        .passed
        .list(None)
        .into_iter()
        .min_by_key(|it| it.0)
        .unwrap();
    assert!(caught.passed.close(first.id));
    assert_eq!(clients[0].rest().await, "");
    caught.passed.end();
    assert_eq!(clients[1].rest().await, "");
}

#[tokio::test]
async fn a_handler_of_events_gets_the_conversation() {
    let caught = Caught::new(false);
    for address in either(&caught).await {
        for (path, by) in [("/any", "GET"), ("/post", "POST")] {
            let mut client = Client::connect(address).await;
            client.send(&handshake(path)).await;
            let held = caught.next().await;
            let HoldKind::WebSocket { accepted, head, .. } = held.kind else {
                panic!("no WebSocket was held");
            };
            assert_eq!(accepted.body, "OPEN\r\n");
            assert_eq!(accepted.headers["x-by"], by);
            assert!(head.starts_with(b"HTTP/1.1 101 "));
            // What comes next is no handshake.
            assert!(!held.request.headers().contains_key("grip-offer"));
            assert_eq!(held.request.to_request().method(), "POST");
        }
    }
    assert_eq!(caught.passed.len(), 0);
}

#[tokio::test]
async fn a_handshake_that_is_refused_is_refused_as_without_a_hub() {
    let caught = Caught::new(false);
    for address in either(&caught).await {
        for (path, status, body) in [
            ("/denied", "403 Forbidden", "who are you?"),
            ("/page", "200 OK", "a page"),
            ("/nothing", "404 Not Found", "no GET"),
        ] {
            let mut client = Client::connect(address).await;
            client.send(&handshake(path)).await;
            let answer = client.until(body).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                "{answer}"
            );
            // The connection is good for the next request.
            client
                .send("GET /page HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                .await;
            assert!(client.rest().await.ends_with("a page"));
        }
    }
    assert_eq!(caught.metrics.bad_gateway.value(), 0);
}

#[tokio::test]
async fn a_client_cannot_offer_anything_itself() {
    let (origin, mut told) = answering(EMPTY).await;
    let options = with(Handshakes::Native);
    let address = gateway_with(&Caught::new(false), origin, options).await;
    let mut client = Client::connect(address).await;
    let forged = "Grip-Offer: websocket-events\r\nConnection-Id: 1\r\nSec-WebSocket-Version";
    client
        .send(&handshake("/").replace("Sec-WebSocket-Version", forged))
        .await;
    client.until("\r\n\r\n").await;
    let request = told.recv().await.unwrap();
    assert!(request.contains("upgrade: websocket\r\n"), "{request}");
    for forged in ["grip-offer", "connection-id"] {
        assert!(!request.contains(forged), "{request}");
    }
}

#[tokio::test]
async fn other_protocols_pass_and_http_2_without_tls_does_not() {
    let caught = Caught::new(false);
    let [within, front] = either(&caught).await;
    let events = by_address(&caught, Handshakes::Events).await;
    let ask = |protocol: &str| {
        format!(
            "GET /native HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\r\n"
        )
    };
    for address in [within, front, events] {
        let mut client = Client::connect(address).await;
        client.send(&(ask("echo/1") + "hello")).await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains("\r\nupgrade: echo/1\r\n"), "{head}");
        client.until("hello").await;
        let mut client = Client::connect(address).await;
        client
            .send(&ask("echo/1").replace("/native", "/page"))
            .await;
        client.until("a page").await;
        let mut client = Client::connect(address).await;
        // The handler fails without the header, and its connection with it.
        client.send(&ask("h2c").replace("/native", "/page")).await;
        let answer = client.until("a page").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let (origin, mut told) = answering(EMPTY).await;
    let address = gateway(&caught, origin).await;
    let mut client = Client::connect(address).await;
    client.send(&ask("h2c")).await;
    client.until("\r\n\r\n").await;
    let request = told.recv().await.unwrap();
    assert!(!request.contains("upgrade"), "{request}");
}

/// Asks for a WebSocket over HTTP/2.
async fn connect(address: SocketAddr, path: &str) -> http::Response<hyper::body::Incoming> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    // The server's settings say that it may be asked for: a request's answer comes behind them.
    let plain = Request::builder().uri("http://h/page");
    let plain = plain.body(String::new()).unwrap();
    client.send_request(plain).await.unwrap();
    let mut request = Request::builder()
        .method("CONNECT")
        .uri(format!("http://h{path}"))
        .header("sec-websocket-version", "13")
        .body(String::new())
        .unwrap();
    let protocol = hyper::ext::Protocol::from_static("websocket");
    request.extensions_mut().insert(protocol);
    client.send_request(request).await.unwrap()
}

#[tokio::test]
async fn a_native_websocket_over_http_2_is_an_extended_connect() {
    let caught = Caught::new(false);
    for address in either(&caught).await {
        let answer = connect(address, "/native").await;
        assert_eq!(answer.status(), 200);
        for gone in ["sec-websocket-accept", "upgrade", "connection"] {
            assert!(!answer.headers().contains_key(gone), "{gone}");
        }
        let mut socket = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
        socket.write_all(b"hello").await.unwrap();
        let mut read = [0; 5];
        socket.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hello");
        assert_eq!(caught.passed.len(), 1);
        drop(socket);
        eventually("it is no longer listed", || caught.passed.len() == 0).await;
    }
}

#[tokio::test]
async fn a_page_is_no_websocket_over_http_2() {
    let caught = Caught::new(false);
    let [within, front] = either(&caught).await;
    let native = by_address(&caught, Handshakes::Native).await;
    let events = by_address(&caught, Handshakes::Events).await;
    for address in [within, front, native, events] {
        for path in ["/pages", "/pieces"] {
            let answer = connect(address, path).await;
            assert_eq!(answer.status(), 501, "{path}");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "There is no WebSocket here.\n");
        }
        let answer = connect(address, "/denied").await;
        assert_eq!(answer.status(), 403);
    }
}

#[tokio::test]
async fn a_handler_that_takes_the_extension_of_grip_is_held_with_its_client() {
    let caught = Caught::new(false);
    let [within, front] = either(&caught).await;
    let native = by_address(&caught, Handshakes::Native).await;
    for address in [within, front, native] {
        // One that takes what compresses as well is asked once more.
        for extensions in ["", "Sec-WebSocket-Extensions: permessage-deflate\r\n"] {
            let mut client = Client::connect(address).await;
            let asked = handshake("/grip").replace("Host:", &format!("{extensions}Host:"));
            client.send(&(asked + "early")).await;
            let held = caught.next().await;
            let HoldKind::WebSocket {
                accepted,
                head,
                origin: Some(mut origin),
            } = held.kind
            else {
                panic!("no WebSocket of its own is held");
            };
            assert!(accepted.is_native);
            assert_eq!(accepted.mode, gripware_core::proxy::MessageMode::Grip);
            let head = String::from_utf8(head.to_vec()).unwrap();
            for part in [
                "HTTP/1.1 101 Switching Protocols",
                "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                "sec-websocket-protocol: p",
            ] {
                assert!(head.contains(&format!("{part}\r\n")), "{part}: {head}");
            }
            for part in ["extensions", "grip", "set-meta"] {
                assert!(!head.contains(part), "{part}: {head}");
            }
            assert_eq!(held.conn.unwrap().unread, "early");
            // The socket is the application's, which sends back whatever comes.
            origin.0.write_all(b"hello").await.unwrap();
            let mut read = [0; 5];
            origin.0.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"hello");
        }
    }
    assert_eq!(caught.passed.len(), 0);
    assert_eq!(caught.metrics.held_websockets.value(), 6);
}
