//! Applications that compress their answers.

use async_compression::tokio::write::GzipEncoder;
use tower_http::compression::CompressionLayer;

use super::*;

const TEXT: &str = "the same again and again, ";

fn compressing() -> Router {
    let text = || TEXT.repeat(800);
    Router::new()
        .route("/plain", routing::get(async move || text()))
        .route("/stream", routing::get(async move || stream(text())))
        .route(
            "/response",
            routing::get(async move || {
                let headers = [("grip-hold", "response"), ("grip-channel", "news")];
                (headers, text())
            }),
        )
        .route(
            "/instruct",
            routing::get(async move || {
                let body = format!(
                    r#"{{"hold": {{"mode": "response", "channels": [{{"name": "a"}}]}},
                        "response": {{"body": "{}"}}}}"#,
                    text()
                );
                ([("content-type", "application/grip-instruct")], body)
            }),
        )
        .route(
            "/bomb",
            routing::get(async move || {
                let headers = [("grip-hold", "response"), ("grip-channel", "news")];
                (headers, "x".repeat(50_000_000))
            }),
        )
        .layer(CompressionLayer::new())
}

/// The application in the same process, and the same behind an HTTP address.
async fn both_compressing(caught: &Arc<Caught>) -> [SocketAddr; 2] {
    let inside = gateway(caught, compressing()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, compressing()).await });
    let origin = HttpOrigin::new(address.parse().unwrap());
    [inside, gateway(caught, origin).await]
}

async fn ask(address: SocketAddr, path: &str, coding: &str) -> Client {
    let mut client = Client::connect(address).await;
    client
        .send(&format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n"
        ))
        .await;
    client
}

#[tokio::test]
async fn a_compressed_answer_passes_as_it_is() {
    let caught = Caught::new(false);
    for address in both_compressing(&caught).await {
        for coding in ["gzip", "br", "zstd", "deflate"] {
            let mut client = ask(address, "/plain", coding).await;
            let head = client.until("\r\n\r\n").await;
            let said = format!("\r\ncontent-encoding: {coding}\r\n");
            assert!(head.contains(&said), "{head}");
            let mut body = Vec::new();
            client.0.read_to_end(&mut body).await.unwrap();
            assert!(body.len() < 400, "{coding}: {} bytes", body.len());
        }
        let mut client = ask(address, "/plain", "identity").await;
        assert!(client.rest().await.ends_with(&TEXT.repeat(800)));
    }
}

#[tokio::test]
async fn a_compressed_instruction_is_decompressed_for_the_hold() {
    let caught = Caught::new(false);
    for address in both_compressing(&caught).await {
        for coding in ["gzip", "br", "zstd", "deflate"] {
            for path in ["/response", "/instruct"] {
                let _client = ask(address, path, coding).await;
                let held = caught.next().await;
                let HoldKind::Response { instruction, .. } = held.kind else {
                    panic!("no response was held");
                };
                let response = instruction.response();
                assert_eq!(*response.body(), TEXT.repeat(800), "{coding}");
                for gone in ["content-encoding", "content-length"] {
                    assert!(!response.headers().contains_key(gone), "{coding}");
                }
                // What the hub asks by itself is for the hub to read.
                assert!(!held.request.headers().contains_key("accept-encoding"));
            }
        }
    }
}

#[tokio::test]
async fn a_compressed_stream_is_decompressed_as_it_comes() {
    let caught = Caught::new(false);
    for address in both_compressing(&caught).await {
        for coding in ["gzip", "br", "zstd", "deflate"] {
            let mut client = ask(address, "/stream", coding).await;
            let (_, line, mut head, _) = caught.stream().await;
            let mut socket = socket(line.socket);
            socket.write_all(head.as_bytes()).await.unwrap();
            socket.write_all(b"3\r\nnew\r\n").await.unwrap();
            head = client.until("3\r\nnew\r\n").await;
            assert!(!head.contains("content-encoding"), "{head}");
            let said = head.matches(TEXT).count();
            // Chunks may cut it anywhere.
            assert!(said > 790, "{coding}: {said} times in {head}");
        }
    }
}

#[tokio::test]
async fn a_decompression_bomb_is_refused_as_a_large_answer_is() {
    let caught = Caught::new(false);
    for address in both_compressing(&caught).await {
        let mut client = ask(address, "/bomb", "gzip").await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        assert!(
            answer.contains("GRIP instruct response too large"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_instruction_in_an_unknown_coding_is_refused_with_its_name() {
    let coded = || async {
        let headers = [
            ("grip-hold", "stream"),
            ("grip-channel", "news"),
            ("content-encoding", "aes128gcm"),
        ];
        (headers, "secret")
    };
    let caught = Caught::new(true);
    let address = gateway(&caught, Router::new().fallback(coded)).await;
    let answer = ask(address, "/", "gzip").await.rest().await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(
        answer.contains(r#"Content-Encoding "aes128gcm" cannot"#),
        "{answer}"
    );
}

#[tokio::test]
async fn an_origin_that_compresses_whatever_it_says_may_accept_a_websocket() {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(b"OPEN\r\n").await.unwrap();
    encoder.shutdown().await.unwrap();
    let events = encoder.into_inner();
    let app = Router::new().fallback(async move |request: axum::extract::Request| {
        assert!(!request.headers().contains_key("accept-encoding"));
        let headers = [
            ("content-type", "application/websocket-events"),
            ("content-encoding", "gzip"),
        ];
        (headers, events.clone())
    });
    let caught = Caught::new(false);
    let address = gateway(&caught, app).await;
    let mut client = Client::connect(address).await;
    client.send(&websockets::opening("compressed")).await;
    let held = caught.next().await;
    let HoldKind::WebSocket { accepted, .. } = held.kind else {
        panic!("no WebSocket was held");
    };
    assert_eq!(accepted.body, "OPEN\r\n");
}
