//! A page in a browser.

use gripware_interop::{Peer, Place};
use serde_json::json;

use crate::{
    backend::Backend,
    servers::{Setup, ours},
};

// The browser is waited for without giving way to the API, which runs beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_browser_hears_its_rooms_and_one_of_another_site_does_not() {
    let place = Place::new();
    let backend = Backend::start().await;
    let page = format!("http://{}", backend.address);
    for (allowed, heard) in [("", "refused"), (page.as_str(), "publish")] {
        let setup = Setup {
            further: &["--trigger-key", "key", "--allowed-origins", allowed],
            ..Setup::default()
        };
        let server = ours(&place, backend.address, setup).await;
        let listen = server.listen;
        let mut browser = Peer::browser();
        let visited = browser.ask("visit", &json!({"url": format!("{page}/page/")}));
        assert_eq!(visited, Ok(json!(200)));
        let script = format!(
            r#"
            const socket = new WebSocket("ws://{listen}/ws/");
            const room = {{target: "m", customer: "1"}};
            return await new Promise((resolve) => {{
              socket.onerror = () => resolve("refused");
              socket.onmessage = (message) => {{
                const frame = JSON.parse(message.data);
                if (frame.is_authorized) {{
                  socket.send(JSON.stringify({{type: "subscribe", room, requestId: "a"}}));
                }} else if (frame.code) {{
                  fetch("/trigger/?templar={listen}", {{method: "POST"}});
                }} else {{
                  resolve(frame.type);
                }}
              }};
            }});
            "#
        );
        let answer = browser.ask("evaluate", &json!({"script": script}));
        assert_eq!(answer, Ok(json!(heard)), "{allowed:?}");
    }
}
