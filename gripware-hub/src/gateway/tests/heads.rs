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
