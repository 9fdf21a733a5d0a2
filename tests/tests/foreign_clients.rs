//! Clients of other people: Python's `websockets`, and curl. What a browser makes of it stands in
//! `browser.rs`.

use std::{
    process::{Command, Output},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_interop::{Difference, Layout, Peer, Site, escaped, for_each_site, run};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

for_each_site! {
    a_python_client_gets_its_messages_back,
    a_message_in_fragments_arrives_whole,
    a_long_message_arrives_whole,
    a_ping_of_a_python_client_is_answered,
    a_python_client_closes_with_its_code,
    a_python_client_is_closed_with_a_code,
    a_subprotocol_is_agreed_on_with_a_python_client,
    a_python_client_hears_what_is_published,
    curl_gets_plain_answers,
    curl_uses_its_connection_again_after_a_hold,
    curl_reads_a_stream_to_its_end,
    curl_speaks_http_1_0,
    curl_waits_for_a_continue,
    curl_sends_a_body_in_chunks,
    curl_speaks_http_2,
}

/// Python's `websockets`, connected.
struct Client(Peer);

impl Client {
    fn open(site: &Site, path: &str) -> Self {
        let (client, agreed) = Self::try_open(site, path, &json!({}));
        // Compression was offered, and is not agreed on.
        assert_eq!(agreed, Ok(json!([null, []])));
        client
    }

    fn try_open(site: &Site, path: &str, more: &Value) -> (Self, Result<Value, String>) {
        let mut client = Self(Peer::websockets());
        let mut arguments = more.clone();
        arguments["url"] = json!(format!("ws://{}{path}", site.client()));
        let agreed = client.0.ask("open", &arguments);
        (client, agreed)
    }

    fn sends(&mut self, content: impl Into<Value>) {
        let sent = self.0.ask("send", &json!({"content": content.into()}));
        assert_eq!(sent, Ok(Value::Null));
    }

    fn receives(&mut self, expected: impl Into<Value>) {
        assert_eq!(self.0.ask("receive", &json!({})), Ok(expected.into()));
    }
}

fn binary(content: &[u8]) -> Value {
    json!({"base64": STANDARD.encode(content)})
}

async fn a_python_client_gets_its_messages_back(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = Client::open(&site, "/ws/echo");
    for content in ["one", "", "é ☃ 🦀", "c:{}"] {
        client.sends(content);
        client.receives(content);
    }
    client.sends(binary(b"\0\xff"));
    client.receives(binary(b"\0\xff"));
}

async fn a_message_in_fragments_arrives_whole(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = Client::open(&site, "/ws/echo");
    for (parts, whole) in [
        (vec![json!("a"), json!("b"), json!("c")], json!("abc")),
        (vec![json!(""), json!("é"), json!("")], json!("é")),
        (vec![binary(b"\xff"), binary(b"\0")], binary(b"\xff\0")),
        (
            (0..100).map(|_| json!("0123456789")).collect(),
            json!("0123456789".repeat(100)),
        ),
    ] {
        let sent = client.0.ask("send_parts", &json!({"parts": parts}));
        assert_eq!(sent, Ok(Value::Null));
        client.receives(whole);
    }
}

async fn a_long_message_arrives_whole(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = Client::open(&site, "/ws/echo");
    let mut lengths = vec![125, 126, 127, 4096, 8192, 16_000];
    if site.differs(Difference::LONG_MESSAGES) {
        lengths.extend([16_384, 40_000, 65_535, 65_536, 150_000]);
    } else {
        let mut stalls = site.socket("/ws/echo").await;
        stalls.sends(&"x".repeat(100_000)).await;
        stalls.stays_quiet(Duration::from_secs(1)).await;
    }
    for length in lengths {
        let text: String = ('a'..='z').cycle().take(length).collect();
        client.sends(text.as_str());
        client.receives(text);
    }
}

async fn a_ping_of_a_python_client_is_answered(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = Client::open(&site, "/ws/echo");
    for content in [json!("ping"), json!(""), binary(&[0xff; 125])] {
        let answered = client.0.ask("ping", &json!({"content": content}));
        assert_eq!(answered, Ok(json!(true)));
    }
}

async fn a_python_client_closes_with_its_code(layout: Layout) {
    let site = Site::of(layout).await;
    for code in [1000, 1001, 3000, 4999] {
        let mut client = Client::open(&site, "/ws/echo");
        client.sends("before");
        client.receives("before");
        let answer = client
            .0
            .ask("close", &json!({"code": code, "reason": "enough, é"}));
        assert_eq!(answer.expect("a close")[0], code);
    }
}

async fn a_python_client_is_closed_with_a_code(layout: Layout) {
    let site = Site::of(layout).await;
    for (code, reason) in [(1000, ""), (1008, "no"), (4001, "é ☃")] {
        let path = format!("/ws/close?code={code}&reason={}", escaped(reason));
        let mut client = Client::open(&site, &path);
        client.sends("now");
        client.receives(json!([code, reason]));
    }
}

async fn a_subprotocol_is_agreed_on_with_a_python_client(layout: Layout) {
    let site = Site::of(layout).await;
    let open = |protocols: Value| {
        Client::try_open(&site, "/ws/protocols", &json!({"subprotocols": protocols})).1
    };
    assert_eq!(open(json!(["p1", "p2"])), Ok(json!(["p2", []])));
    for protocols in [json!(["p1"]), json!(null)] {
        let refusal = open(protocols).expect_err("a refusal");
        assert!(refusal.contains("400"), "{refusal}");
    }
}

async fn a_python_client_hears_what_is_published(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = Client::open(&site, "/ws/room?channel=news&user=a");
    site.subscriptions("news", 1).await;
    for n in 0..20 {
        let item = json!({"channel": "news", "ws-message": {"content": n.to_string()}});
        site.publish(&item.to_string()).await;
    }
    for n in 0..20 {
        client.receives(n.to_string());
    }
    site.publish(
        r#"{"channel": "news", "ws-message": {"action": "close", "code": 4002, "reason": "over"}}"#,
    )
    .await;
    client.receives(json!([4002, "over"]));
}

/// Runs curl, while the test goes on.
fn curl(site: &Site, arguments: &[&str]) -> JoinHandle<Output> {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--show-error",
        "--max-time",
        "30",
        "--noproxy",
        "*",
    ]);
    // One address, as one client has, wherever the next one would go.
    let address = format!("http://{}", site.client());
    for argument in arguments {
        command.arg(argument.replace("@site", &address));
    }
    tokio::spawn(run(command))
}

/// What curl writes where it succeeds.
async fn output(running: JoinHandle<Output>) -> String {
    let output = running.await.expect("a process");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

async fn curl_gets_plain_answers(layout: Layout) {
    let site = Site::of(layout).await;
    let got = output(curl(&site, &["--include", "@site/plain"])).await;
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
    assert!(got.ends_with("\r\n\r\nplain\n"), "{got}");
    let got = output(curl(&site, &["--head", "@site/plain"])).await;
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
    assert!(
        got.to_lowercase().contains("content-length: 6\r\n"),
        "{got}"
    );
    assert!(got.ends_with("\r\n\r\n"), "{got}");
    let got = output(curl(&site, &["--compressed", "@site/plain"])).await;
    assert_eq!(got, "plain\n");
}

async fn curl_uses_its_connection_again_after_a_hold(layout: Layout) {
    let site = Site::of(layout).await;
    let write = "%{http_code} %{num_connects}\n";
    let running = curl(
        &site,
        &[
            "--write-out",
            write,
            "@site/plain",
            "@site/hold/response?channel=news",
            "@site/plain",
        ],
    );
    site.settled("news").await;
    site.publish(r#"{"channel": "news", "http-response": {"body": "news\n"}}"#)
        .await;
    let expected = "plain\n200 1\nnews\n200 0\nplain\n200 0\n";
    assert_eq!(output(running).await, expected);
}

async fn curl_reads_a_stream_to_its_end(layout: Layout) {
    let site = Site::of(layout).await;
    let running = curl(
        &site,
        &[
            "--write-out",
            "%{num_connects}\n",
            "@site/hold/stream?channel=news",
            "@site/plain",
        ],
    );
    site.subscriptions("news", 1).await;
    for format in [
        json!({"content": "one\n"}),
        json!({"content": "two\n"}),
        json!({"action": "close"}),
    ] {
        let item = json!({"channel": "news", "http-stream": format});
        site.publish(&item.to_string()).await;
    }
    let got = output(running).await;
    assert!(got.starts_with("[open]\none\ntwo\n1\nplain\n"), "{got}");
}

async fn curl_speaks_http_1_0(layout: Layout) {
    let site = Site::of(layout).await;
    assert_eq!(
        output(curl(&site, &["--http1.0", "@site/plain"])).await,
        "plain\n"
    );
    let running = curl(
        &site,
        &["--http1.0", "--include", "@site/hold/stream?channel=news"],
    );
    site.subscriptions("news", 1).await;
    site.publish(r#"{"channel": "news", "http-stream": {"content": "one\n"}}"#)
        .await;
    site.publish(r#"{"channel": "news", "http-stream": {"action": "close"}}"#)
        .await;
    let got = output(running).await;
    assert!(!got.to_lowercase().contains("transfer-encoding"), "{got}");
    assert!(got.ends_with("\r\n\r\n[open]\none\n"), "{got}");
}

async fn curl_waits_for_a_continue(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.get("/hold/stream?channel=news").await;
    client.receives("[open]\n").await;
    let running = curl(
        &site,
        &[
            "--header",
            "Expect: 100-continue",
            "--expect100-timeout",
            "20",
            "--max-time",
            "15",
            "--data-binary",
            "a body",
            "@site/publish/http-stream?channel=news",
        ],
    );
    assert_eq!(output(running).await, "{\"published\":1}");
    client.receives("a body").await;
}

async fn curl_sends_a_body_in_chunks(layout: Layout) {
    let site = Site::of(layout).await;
    let mut client = site.get("/hold/stream?channel=news").await;
    client.receives("[open]\n").await;
    let long = "0123456789".repeat(1_000);
    let running = curl(
        &site,
        &[
            "--header",
            "Transfer-Encoding: chunked",
            "--data-binary",
            &long,
            "@site/publish/http-stream?channel=news",
        ],
    );
    assert_eq!(output(running).await, "{\"published\":1}");
    client.receives(long).await;
    client.stays_quiet(Duration::from_millis(100)).await;
}

async fn curl_speaks_http_2(layout: Layout) {
    let site = Site::of(layout).await;
    if !site.differs(Difference::HTTP_2) {
        let refused = curl(&site, &["--http2-prior-knowledge", "@site/plain"]).await;
        assert!(!refused.expect("a process").status.success());
        return;
    }
    let got = output(curl(
        &site,
        &["--http2-prior-knowledge", "--include", "@site/plain"],
    ))
    .await;
    assert!(got.starts_with("HTTP/2 200"), "{got}");
    assert!(got.ends_with("\r\n\r\nplain\n"), "{got}");

    let stream = curl(
        &site,
        &["--http2-prior-knowledge", "@site/hold/stream?channel=news"],
    );
    let response = curl(
        &site,
        &[
            "--http2-prior-knowledge",
            "@site/hold/response?channel=news",
        ],
    );
    site.subscriptions("news", 2).await;
    site.publish(r#"{"channel": "news", "http-stream": {"content": "one\n"}, "http-response": {"body": "news\n"}}"#)
        .await;
    site.publish(r#"{"channel": "news", "http-stream": {"action": "close"}}"#)
        .await;
    assert_eq!(output(stream).await, "[open]\none\n");
    assert_eq!(output(response).await, "news\n");
}
