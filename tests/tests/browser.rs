//! What a real browser makes of it: `fetch`, `EventSource` and `WebSocket` of Chromium.

use gripware_interop::{Browser, Layout, Site, for_each_site};
use serde_json::json;

for_each_site! {
    an_event_source_gets_events,
    a_fetch_reads_a_stream_as_it_grows,
    a_fetch_waits_for_its_answer,
    a_websocket_talks_and_closes,
    a_websocket_agrees_on_a_subprotocol,
}

/// A browser with a page of the site open.
fn browse(site: &Site) -> Browser {
    Browser::open(&format!("http://{}/plain", site.client()))
}

async fn an_event_source_gets_events(layout: Layout) {
    let site = Site::of(layout).await;
    let mut browser = browse(&site);
    browser.run(
        "window.seen = [];
         window.source = new EventSource('/sse?channel=news');
         source.addEventListener('open', (event) => { if (event.data) seen.push(event.data); });
         source.onmessage = (event) => seen.push([event.lastEventId, event.data]);",
    );
    browser.sees("seen", &json!(["{}"]));
    for n in 1..=3 {
        let event = format!("id: {n}\ndata: line one of {n}\ndata: line two, é ☃\n\n");
        let item = json!({"channel": "news", "http-stream": {"content": event}});
        site.publish(&item.to_string()).await;
    }
    browser.sees(
        "seen",
        &json!([
            "{}",
            ["1", "line one of 1\nline two, é ☃"],
            ["2", "line one of 2\nline two, é ☃"],
            ["3", "line one of 3\nline two, é ☃"],
        ]),
    );
}

async fn a_fetch_reads_a_stream_as_it_grows(layout: Layout) {
    let site = Site::of(layout).await;
    let mut browser = browse(&site);
    browser.run(
        "window.seen = [];
         const answer = await fetch('/hold/stream?channel=news');
         (async () => {
           for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
             seen.push(chunk);
           }
           seen.push('end');
         })();",
    );
    browser.sees("seen", &json!(["[open]\n"]));
    site.publish(r#"{"channel": "news", "http-stream": {"content": "one\n"}}"#)
        .await;
    browser.sees("seen", &json!(["[open]\n", "one\n"]));
    site.publish(r#"{"channel": "news", "http-stream": {"action": "close"}}"#)
        .await;
    browser.sees("seen", &json!(["[open]\n", "one\n", "end"]));
}

async fn a_fetch_waits_for_its_answer(layout: Layout) {
    let site = Site::of(layout).await;
    let mut browser = browse(&site);
    browser.run(
        "window.seen = [];
         fetch('/hold/response?channel=news')
           .then(async (answer) => seen.push([answer.status, await answer.text()]));",
    );
    site.settled("news").await;
    browser.sees("seen", &json!([]));
    site.publish(r#"{"channel": "news", "http-response": {"code": 201, "body": "news\n"}}"#)
        .await;
    browser.sees("seen", &json!([[201, "news\n"]]));
}

async fn a_websocket_talks_and_closes(layout: Layout) {
    let site = Site::of(layout).await;
    let mut browser = browse(&site);
    let open = |path: &str| {
        format!(
            "window.seen = [];
             window.socket = new WebSocket('ws://' + location.host + '{path}');
             socket.binaryType = 'arraybuffer';
             socket.onmessage = ({{ data }}) =>
               seen.push(typeof data === 'string' ? data : [...new Uint8Array(data)]);
             socket.onclose = ({{ code, reason, wasClean }}) => seen.push([code, reason, wasClean]);
             await new Promise((resume) => {{ socket.onopen = resume; }});"
        )
    };
    browser.run(&open("/ws/echo"));
    browser.run("socket.send('hello, é'); socket.send(new Uint8Array([0, 255]));");
    browser.sees("seen", &json!(["hello, é", [0, 255]]));
    browser.run("socket.close(4001, 'enough');");
    browser.sees(
        "seen.map((one) => one[0] === 4001 ? [one[0], one[2]] : one)",
        &json!(["hello, é", [0, 255], [4001, true],]),
    );

    browser.run(&open("/ws/close?code=4002&reason=go%20away"));
    browser.run("socket.send('x');");
    browser.sees("seen", &json!([[4002, "go away", true]]));

    browser.run(&open("/ws/room?channel=room&user=anna"));
    site.subscriptions("room", 1).await;
    let close = site.origin().request(
        "POST",
        "/publish/close?channel=room&code=4003&reason=closed",
    );
    assert_eq!(close.send().await.status(), 200);
    browser.sees("seen", &json!([[4003, "closed", true]]));
}

async fn a_websocket_agrees_on_a_subprotocol(layout: Layout) {
    let site = Site::of(layout).await;
    let mut browser = browse(&site);
    let script = |protocols: &str| {
        format!(
            "const socket = new WebSocket('ws://' + location.host + '/ws/protocols', {protocols});
             return await new Promise((resume) => {{
               socket.onopen = () => resume(socket.protocol);
               socket.onerror = () => resume('refused');
             }});"
        )
    };
    assert_eq!(browser.run(&script("['p1', 'p2']")), "p2");
    assert_eq!(browser.run(&script("['p1']")), "refused");
    assert_eq!(browser.run(&script("[]")), "refused");
}
