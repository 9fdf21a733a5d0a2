//! Heads that would be kept, and sent again, and are too large for that.

use super::*;

async fn answer(address: SocketAddr, target: &str, cookie: usize, more: &str) -> String {
    let mut client = Client::connect(address).await;
    let cookie = "c".repeat(cookie);
    client
        .send(&format!(
            "GET {target} HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\n{more}\r\n"
        ))
        .await;
    client.until("\r\n\r\n").await
}

#[tokio::test]
async fn a_large_head_cannot_be_held() {
    let caught = Caught::new(false);
    let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let long = format!("/stream?{}", "q".repeat(17_000));
    for address in both(&caught).await {
        for (target, cookie, more) in [
            ("/response", 17_000, ""),
            ("/ws?head-is-large", 54_000, handshake),
            (long.as_str(), 0, ""),
        ] {
            let answer = answer(address, target, cookie, more).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        }
        assert!(caught.held.lock().unwrap().is_empty());
    }
    // The application was not even asked.
    let told = TOLD.lock().unwrap();
    assert!(!told.iter().any(|it| it.starts_with("head-is-large")));
}

#[tokio::test]
async fn a_large_head_is_no_matter_where_it_is_not_kept() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let answer = answer(address, "/echo", 54_000, "").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let mut client = Client::connect(address).await;
        let cookie = "c".repeat(54_000);
        let request = format!("GET /stream HTTP/1.1\r\nHost: h\r\nCookie: {cookie}\r\n\r\n");
        client.send(&request).await;
        let (replay, ..) = caught.stream().await;
        assert_eq!(replay.headers().len(), 1);
        assert_eq!(replay.headers()["host"], "h");
    }
}

/// The application in the same process, and an origin behind an address that both take and give many
/// headers. Of the second it is told what it was asked.
async fn with_many(caught: &Arc<Caught>) -> ([SocketAddr; 2], mpsc::Receiver<String>) {
    let many = "x: y\r\n".repeat(MANY);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{many}\r\n");
    let (origin, told) = answering(answer.leak()).await;
    let addresses = [gateway(caught, app()).await, gateway(caught, origin).await];
    (addresses, told)
}

#[tokio::test]
async fn many_small_headers_pass_in_both_directions() {
    let caught = Caught::new(false);
    let ([inside, outside], mut told) = with_many(&caught).await;
    let many = "x: y\r\n".repeat(MANY);
    for (address, path) in [(inside, "/many"), (outside, "/")] {
        let answer = answer(address, path, 0, &many).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(answer.matches("\r\nx: y").count(), MANY);
    }
    assert_eq!(told.recv().await.unwrap().matches("\r\nx: y").count(), MANY);
    let answer = answer(inside, "/echo", 0, &many).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn many_small_headers_pass_on_http_2_too() {
    let caught = Caught::new(false);
    let ([inside, outside], mut told) = with_many(&caught).await;
    for (address, path) in [(inside, "/many"), (outside, "/")] {
        let stream = TcpStream::connect(address).await.unwrap();
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut client, connection) = hyper::client::conn::http2::Builder::new(executor)
            .max_header_list_size(1 << 16)
            .handshake(hyper_util::rt::TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::get(format!("http://h{path}"));
        let mut request = request.body(String::new()).unwrap();
        for _ in 0..MANY {
            let value = HeaderValue::from_static("y");
            request.headers_mut().append("x", value);
        }
        let answer = client.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers().get_all("x").iter().count(), MANY);
    }
    assert_eq!(told.recv().await.unwrap().matches("\r\nx: y").count(), MANY);
}

#[tokio::test]
async fn more_headers_than_a_parser_makes_room_for_are_too_large_a_head() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    for (headers, status) in [(250, "200"), (257, "431")] {
        let answer = answer(address, "/echo", 0, &"x: y\r\n".repeat(headers)).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}
