//! What clients of other people make of compressed messages (permessage-deflate): Python's
//! `websockets` and Chromium.

use gripware_interop::{AXUM, Browser, Front, Layout, Peer, Site};
use serde_json::{Value, json};

async fn compressing() -> Site {
    let layout = Layout {
        front: Front::HubProgram,
        origin: AXUM,
    };
    let site = Site::with(layout).hub_argument("--permessage-deflate");
    site.start().await
}

/// Messages of some kinds, among them one that is not worth compressing and one that cannot be.
fn messages() -> Vec<String> {
    let noise = (1_u64..).map(|it| it.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let noise = noise.map(|it| char::from(b'!' + (it >> 57) as u8 % 90));
    vec![
        "short".to_owned(),
        "é ☃ 🦀 ".repeat(1000),
        noise.take(5_000).collect(),
        json!({"items": (0..500).map(|id| json!({"id": id, "text": "news"})).collect::<Vec<_>>()})
            .to_string(),
        String::new(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_talks_and_hears_compressed() {
    let site = compressing().await;
    let mut client = Peer::websockets();
    let open = |path: &str| json!({"url": format!("ws://{}{path}", site.client())});
    let agreed = client.ask("open", &open("/ws/echo"));
    let extension = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(agreed, Ok(json!([null, [extension]])));
    for text in messages() {
        let sent = client.ask("send", &json!({"content": text}));
        assert_eq!(sent, Ok(Value::Null));
        assert_eq!(client.ask("receive", &json!({})), Ok(json!(text)));
        let middle = text.char_indices().nth(text.chars().count() / 2);
        let parts = text.split_at(middle.map_or(0, |(index, _)| index));
        let sent = client.ask("send_parts", &json!({"parts": parts}));
        assert_eq!(sent, Ok(Value::Null));
        assert_eq!(client.ask("receive", &json!({})), Ok(json!(text)));
    }
    let agreed = client.ask("open", &open("/ws/room?channel=news&user=a"));
    assert_eq!(agreed, Ok(json!([null, [extension]])));
    site.subscriptions("news", 1).await;
    for text in messages() {
        let item = json!({"channel": "news", "ws-message": {"content": text}});
        site.publish(&item.to_string()).await;
        assert_eq!(client.ask("receive", &json!({})), Ok(json!(text)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_talks_and_hears_compressed() {
    let site = compressing().await;
    let mut browser = Browser::open(&format!("http://{}/plain", site.client()));
    let open = |path: &str| {
        format!(
            "window.seen = [];
             window.socket = new WebSocket('ws://' + location.host + '{path}');
             socket.onmessage = ({{ data }}) => seen.push(data);
             await new Promise((resume) => {{ socket.onopen = resume; }});
             return socket.extensions;"
        )
    };
    let extensions = browser.run(&open("/ws/echo"));
    let extensions = extensions.as_str().unwrap_or_default();
    assert!(extensions.starts_with("permessage-deflate"), "{extensions}");
    let texts = messages();
    for text in &texts {
        browser.run(&format!("socket.send({});", json!(text)));
    }
    browser.sees("seen", &json!(texts));
    browser.run(&open("/ws/room?channel=news&user=a"));
    site.subscriptions("news", 1).await;
    for text in &texts {
        let item = json!({"channel": "news", "ws-message": {"content": text}});
        site.publish(&item.to_string()).await;
    }
    browser.sees("seen", &json!(texts));
}
