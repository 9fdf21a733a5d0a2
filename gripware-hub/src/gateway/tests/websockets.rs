//! Clients that ask for a WebSocket.

use super::*;

pub(super) fn opening(name: &str) -> String {
    format!(
        "GET /ws?{name} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Accept-Encoding: gzip\r\n\
         Sec-WebSocket-Protocol: p1, p2\r\n\r\n"
    )
}

#[tokio::test]
async fn a_websocket_is_opened_with_the_origins_consent() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        // Frames may come before the 101.
        client.send(&(opening("accepted") + "frame")).await;
        let held = caught.next().await;
        assert_eq!(held.request.headers()["connection-id"], held.id.to_string());
        let HoldKind::WebSocket { head, .. } = held.kind else {
            panic!("no WebSocket was held");
        };
        let line = held.conn.unwrap();
        let head = String::from_utf8(head.to_vec()).unwrap();
        assert!(
            head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
            "{head}"
        );
        for part in [
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "sec-websocket-protocol: p2",
            "x-more: 1",
            "upgrade: websocket",
            "connection: upgrade",
        ] {
            assert!(head.contains(&format!("\r\n{part}\r\n")), "{head}");
        }
        assert!(!head.contains("content-type"), "{head}");
        let mut read = line.unread.to_vec();
        let mut socket = socket(line.socket);
        while read.len() < 5 {
            read.push(socket.read_u8().await.unwrap());
        }
        assert_eq!(read, b"frame");

        let mut client = Client::connect(address).await;
        client.send(&opening("refused")).await;
        let answer = client.until("no").await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(!answer.contains("grip-x"), "{answer}");
    }
}

#[tokio::test]
async fn the_origin_is_told_when_a_client_leaves_while_it_asks_for_a_websocket() {
    let caught = Caught::new(false);
    let address = gateway(&caught, app()).await;
    let mut client = Client::connect(address).await;
    client.send(&opening("slow-gone")).await;
    let told = |text: &str| TOLD.lock().unwrap().iter().any(|it| it == text);
    let waiting = async {
        while !told("slow-gone OPEN") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(client);
        while !told("slow-gone DISCONNECT") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}
