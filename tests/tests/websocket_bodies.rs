//! What the origin makes of the requests that carry a WebSocket's events. They go straight to it,
//! signed as a proxy's.

use gripware_interop::{Answer, ISSUER, Origin, Peer, Request, for_each_origin};
use serde_json::json;

for_each_origin! {
    an_answer_has_what_a_proxy_asks_for,
    a_body_that_is_no_list_of_events_is_a_bad_request,
    a_connection_has_an_id,
    a_body_may_have_a_million_bytes_and_no_more,
    other_requests_are_bad_ones,
    every_event_of_a_body_is_answered,
    a_close_for_a_connection_that_is_closed_already_is_answered,
    meta_goes_out_and_comes_back,
}

/// An origin, and a token that makes it believe.
struct Signed {
    origin: Origin,
    token: String,
}

impl Signed {
    async fn start(origin: &str) -> Self {
        let url = "http://127.0.0.1:9/?verify-key=changeme&verify-iss=pushpin";
        Self {
            origin: Origin::of(origin).env("GRIP_URL", url).start().await,
            token: Peer::python().token(&json!({"iss": ISSUER, "exp": 4_000_000_000_u64})),
        }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        self.origin
            .request(method, path)
            .header("grip-sig", &self.token)
    }

    fn events(&self, path: &str, body: impl Into<bytes::Bytes>) -> Request {
        self.request("POST", path)
            .header("content-type", "application/websocket-events")
            .header("accept", "application/websocket-events")
            .header("sec-websocket-extensions", "grip")
            .body(body)
    }

    async fn answer(&self, path: &str, body: impl Into<bytes::Bytes>) -> Answer {
        let request = self.events(path, body);
        request.header("connection-id", "c1").send().await
    }

    async fn reply(&self, path: &str, body: impl Into<bytes::Bytes>) -> String {
        let answer = self.answer(path, body).await;
        assert_eq!(answer.status(), 200);
        answer.text().await
    }
}

async fn an_answer_has_what_a_proxy_asks_for(origin: &str) {
    let proxy = Signed::start(origin).await;
    let answer = proxy.answer("/ws/echo", "OPEN\r\n").await;
    assert_eq!(answer.status(), 200);
    // To the byte: a proxy drops the client over a charset or an upper-case letter.
    assert_eq!(
        answer.header("content-type"),
        "application/websocket-events"
    );
    assert_eq!(answer.header("sec-websocket-extensions"), "grip");
    assert_eq!(answer.text().await, "OPEN\r\n");

    // Also where there is nothing to say: never 204, never without the type.
    for body in ["", "PONG 1\r\nx\r\n", "DISCONNECT\r\n"] {
        let answer = proxy.answer("/ws/echo", body).await;
        assert_eq!(answer.status(), 200, "{body:?}");
        assert_eq!(
            answer.header("content-type"),
            "application/websocket-events"
        );
        assert_eq!(answer.header("sec-websocket-extensions"), "");
        assert_eq!(answer.text().await, "");
    }
}

async fn a_body_that_is_no_list_of_events_is_a_bad_request(origin: &str) {
    let proxy = Signed::start(origin).await;
    for body in [
        "OPEN",
        "OPEN\n",
        "TEXT\r",
        "TEXT 5\r\nhi\r\n",
        "TEXT 2\r\nhi",
        "TEXT 2\r\nhi\n\n",
        "TEXT 2\r\nhello\r\n",
        "TEXT -1\r\n\r\n",
        "TEXT +2\r\nhi\r\n",
        "TEXT 0x2\r\nhi\r\n",
        "TEXT zz\r\nhi\r\n",
        "TEXT ffffffff\r\nhi\r\n",
        "TEXT fffffffffffffff0\r\n",
        "\r\n",
        "\0",
    ] {
        let answer = proxy.answer("/ws/echo", body).await;
        assert_eq!(answer.status(), 400, "{body:?}");
    }
}

async fn a_connection_has_an_id(origin: &str) {
    let proxy = Signed::start(origin).await;
    let answer = proxy.events("/ws/echo", "OPEN\r\n").send().await;
    assert_eq!(answer.status(), 400);
    let request = proxy.events("/ws/echo", "OPEN\r\n");
    let answer = request.header("connection-id", "").send().await;
    assert_eq!(answer.status(), 400);
}

async fn a_body_may_have_a_million_bytes_and_no_more(origin: &str) {
    let proxy = Signed::start(origin).await;
    let of_length = |length: usize| {
        let mut body = format!("OPEN\r\nBINARY {:x}\r\n", length - 22).into_bytes();
        body.resize(length - 2, b'x');
        body.extend(b"\r\n");
        assert_eq!(body.len(), length);
        body
    };
    // The log answers nothing to messages, so that its answer has no limit to keep.
    assert_eq!(
        proxy.reply("/ws/log", of_length(1_000_000)).await,
        "OPEN\r\n"
    );
    let answer = proxy.answer("/ws/log", of_length(1_000_001)).await;
    assert_eq!(answer.status(), 413);
}

async fn other_requests_are_bad_ones(origin: &str) {
    let proxy = Signed::start(origin).await;
    for request in [
        proxy.request("GET", "/ws/echo"),
        proxy.request("POST", "/ws/echo").body("OPEN\r\n"),
        proxy
            .request("POST", "/ws/echo")
            .header("content-type", "text/plain")
            .body("OPEN\r\n"),
        proxy
            .request("PUT", "/ws/echo")
            .header("content-type", "application/websocket-events")
            .body("OPEN\r\n"),
        proxy.request("POST", "/ws/log"),
        proxy.request("GET", "/ws/nothing"),
    ] {
        let request = request.header("connection-id", "c1");
        let what = format!("{request:?}");
        assert_eq!(request.send().await.status(), 400, "{what}");
    }
}

async fn every_event_of_a_body_is_answered(origin: &str) {
    let proxy = Signed::start(origin).await;
    let body =
        "OPEN\r\nTEXT 2\r\nhi\r\nPING 3\r\nyes\r\nTEXT\r\nBINARY 0\r\n\r\nTEXT A\r\n0123456789\r\n";
    let reply = proxy.reply("/ws/echo", body).await;
    // Where a pong stands among the messages is not laid down.
    let without_pong = reply.replace("PONG 3\r\nyes\r\n", "");
    assert_eq!(
        without_pong,
        "OPEN\r\nTEXT 4\r\nm:hi\r\nTEXT 2\r\nm:\r\nBINARY 2\r\nm:\r\nTEXT c\r\nm:0123456789\r\n"
    );
    assert!(reply.contains("PONG 3\r\nyes\r\n"), "{reply:?}");
}

async fn a_close_for_a_connection_that_is_closed_already_is_answered(origin: &str) {
    let proxy = Signed::start(origin).await;
    // After the origin's own close, the client's answer to it arrives as one more request.
    let answer = proxy
        .answer("/ws/close?code=4001&reason=x", "TEXT 1\r\ny\r\n")
        .await;
    assert_eq!(answer.bytes().await, &b"CLOSE 3\r\n\x0f\xa1x\r\n"[..]);
    for body in ["CLOSE\r\n", "CLOSE 2\r\n\x0f\x41\r\n"] {
        let reply = proxy.reply("/ws/close?code=4001", body).await;
        assert_eq!(reply, body);
    }
}

async fn meta_goes_out_and_comes_back(origin: &str) {
    let proxy = Signed::start(origin).await;
    let answer = proxy
        .answer("/ws/counter", "TEXT 1\r\nx\r\nTEXT 1\r\nx\r\n")
        .await;
    let (name, value) = answer
        .headers()
        .iter()
        .find(|(name, _)| name.as_str().starts_with("set-meta-"))
        .expect("a Set-Meta header");
    assert_eq!(value, "2");
    let name = name.as_str().replace("set-meta-", "meta-");
    let request = proxy.events("/ws/counter", "TEXT 1\r\nx\r\n");
    let answer = request
        .header("connection-id", "c1")
        .header(&name, "41")
        .send()
        .await;
    assert_eq!(answer.text().await, "TEXT 4\r\nm:42\r\n");
}
