//! Messages of WebSockets that are compressed (RFC 7692).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod support;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use gripware_axum::WsMessage;
use support::{Client, Site};

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
const AGREED: &str = "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; \
                      client_no_context_takeover\r\n";

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const DEFLATED: u8 = 0x40;

async fn compressing() -> Site {
    Site::with(|hub| hub.permessage_deflate(true)).await
}

impl Site {
    /// A client with a WebSocket, and the head of its answer.
    async fn offered(&self, headers: &str) -> (Client, String) {
        let mut client = self.connect().await;
        let head = client.upgrades_with("/ws?channel=news", headers).await;
        (client, head.to_ascii_lowercase())
    }

    async fn agreed(&self) -> Client {
        let (client, head) = self.offered(OFFER).await;
        assert!(head.contains(AGREED), "{head}");
        client
    }
}

/// What anybody's library makes of it.
fn inflated(payload: &[u8]) -> String {
    let whole = [payload, &[0, 0, 0xff, 0xff]].concat();
    let mut text = Vec::with_capacity(1 << 20);
    let mut inflater = Decompress::new(false);
    inflater
        .decompress_vec(&whole, &mut text, FlushDecompress::Sync)
        .unwrap();
    String::from_utf8(text).unwrap()
}

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(text.len() + 64);
    Compress::new(Compression::best(), false)
        .compress_vec(text, &mut payload, FlushCompress::Sync)
        .unwrap();
    payload.truncate(payload.len() - 4);
    payload
}

#[tokio::test]
async fn what_is_published_is_compressed_for_whoever_has_agreed() {
    let site = compressing().await;
    let (mut one, mut other) = (site.agreed().await, site.agreed().await);
    let (mut plain, head) = site.offered("").await;
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    let small = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n";
    let (mut small, head) = site.offered(small).await;
    assert!(head.contains("; server_max_window_bits=9\r\n"), "{head}");
    site.followed("news", 4).await;

    let text = "what is new? ".repeat(100);
    site.hub
        .publish("news", WsMessage::text(text.as_str()))
        .await
        .unwrap();
    let (first, payload) = one.frame().await;
    assert_eq!(first, DEFLATED | TEXT);
    assert!(10 * payload.len() < text.len(), "{}", payload.len());
    assert_eq!(inflated(&payload), text);
    assert_eq!(other.frame().await, (first, payload));
    assert_eq!(plain.frame().await, (TEXT, text.clone().into_bytes()));
    let (first, payload) = small.frame().await;
    assert_eq!((first, inflated(&payload)), (DEFLATED | TEXT, text));

    site.hub
        .publish("news", WsMessage::text("short"))
        .await
        .unwrap();
    for client in [&mut one, &mut other, &mut plain, &mut small] {
        assert_eq!(client.frame().await, (TEXT, b"short".to_vec()));
    }
}

#[tokio::test]
async fn a_turn_is_compressed_in_both_directions() {
    let mut site = compressing().await;
    let mut client = site.agreed().await;
    for text in ["short", &"a longer text, ".repeat(2000)] {
        client
            .sends_frame(DEFLATED | TEXT, &deflated(text.as_bytes()))
            .await;
        site.sees(text).await;
        let (first, payload) = client.frame().await;
        let answer = match first {
            TEXT => String::from_utf8(payload).unwrap(),
            _ => inflated(&payload),
        };
        assert_eq!(answer, text);
        let is_long = text.len() > 256;
        assert_eq!(first, if is_long { DEFLATED | TEXT } else { TEXT });
    }
    // It need not compress.
    client.sends_frame(TEXT, b"plain").await;
    site.sees("plain").await;
    assert_eq!(client.frame().await, (TEXT, b"plain".to_vec()));
}

#[tokio::test]
async fn a_client_that_breaks_it_is_closed_with_a_code() {
    let bomb = deflated(&vec![b'x'; 600 * 1024]);
    assert!(bomb.len() < 2000, "{}", bomb.len());
    let site = compressing().await;
    for (first, payload, code) in [
        (DEFLATED | TEXT, bomb, 1009_u16),
        (DEFLATED | TEXT, vec![0x07; 40], 1007),
        (DEFLATED | TEXT, deflated(b"\xff\xff"), 1007),
        (DEFLATED, b"no first frame".to_vec(), 1002),
        (DEFLATED | CLOSE, Vec::new(), 1002),
        (0x20 | TEXT, b"another bit".to_vec(), 1002),
    ] {
        let mut client = site.agreed().await;
        client.sends_frame(first, &payload).await;
        let (opcode, answer) = client.frame().await;
        assert_eq!(
            (opcode, answer.get(..2)),
            (CLOSE, Some(&code.to_be_bytes()[..]))
        );
    }
    // Nothing was agreed on.
    let (mut client, _) = site.offered("").await;
    client
        .sends_frame(DEFLATED | TEXT, &deflated(b"hello"))
        .await;
    let (opcode, answer) = client.frame().await;
    assert_eq!(
        (opcode, answer.get(..2)),
        (CLOSE, Some(&1002_u16.to_be_bytes()[..]))
    );
}

#[tokio::test]
async fn nothing_is_compressed_unless_it_is_set() {
    let site = Site::new().await;
    let (mut client, head) = site.offered(OFFER).await;
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    let text = "what is new? ".repeat(100);
    client.sends_frame(TEXT, text.as_bytes()).await;
    assert_eq!(client.frame().await, (TEXT, text.into_bytes()));
}
