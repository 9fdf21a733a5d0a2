//! Instructions: the same headers, and the same JSON.

use std::time::Duration;

use gripware_core::{
    Channel, Filter, Hold, KeepAlive, Limits,
    http::{HeaderMap, StatusCode},
};
use gripware_interop::Peer;
use serde_json::{Value, json};

fn headers(hold: &Hold) -> Value {
    assert!(hold.is_header_safe("", &Limits::default()));
    let mut headers = HeaderMap::new();
    let status = hold.write_headers("", &Limits::default(), StatusCode::OK, &mut headers);
    assert_eq!(
        status.expect("a hold that headers can carry"),
        StatusCode::OK
    );
    headers
        .iter()
        .map(|(name, value)| {
            let value = value.to_str().expect("ASCII");
            // The reason behind the code is ours to write, and theirs to leave out.
            let code = value.split(' ').next().filter(|_| name == "grip-status");
            (name.to_string(), json!(code.unwrap_or(value)))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn lower_case_names(headers: &Value) -> Value {
    let headers = headers.as_object().expect("an object");
    headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[test]
fn headers_are_the_same() {
    let mut node = Peer::node();
    let with_id = Channel::new("b")
        .and_then(|b| b.with_prev_id("9"))
        .expect("a channel");
    let cases = [
        (
            Hold::stream("a"),
            json!({"mode": "stream", "channels": [{"name": "a"}]}),
        ),
        (
            Hold::response("a")
                .channel(with_id)
                .timeout(Duration::from_secs(20)),
            json!({"mode": "response", "channels": [{"name": "a"}, {"name": "b", "prev_id": "9"}],
                "timeout": 20}),
        ),
        (
            Hold::response("a").status(StatusCode::NOT_MODIFIED),
            json!({"mode": "response", "channels": [{"name": "a"}], "status": 304}),
        ),
        (
            Hold::stream("a")
                .keep_alive(KeepAlive::text(":\n\n").timeout(Duration::from_secs(20)))
                .next("/next/a"),
            json!({"mode": "stream", "channels": [{"name": "a"}], "keep_alive": ":\n\n",
                "keep_alive_timeout": 20, "next_link": "/next/a"}),
        ),
        (
            Hold::stream("a")
                .meta("seat", "a; b, c")
                .meta("user", "anna"),
            json!({"mode": "stream", "channels": [{"name": "a"}],
                "meta": {"seat": "a; b, c", "user": "anna"}}),
        ),
    ];
    for (hold, question) in cases {
        let theirs = node.ask("hold", &question).expect("headers");
        assert_eq!(headers(&hold), lower_case_names(&theirs), "{question}");
    }
}

/// Keep-alives that @fanoutio/grip writes differently, and what a proxy would read there
/// (GRIP 1.6).
const KEEP_ALIVES: &[(&str, &str, &str, &str)] = &[
    (
        "a\tb",
        "a\\x09b",
        "a\\tb",
        "a proxy drops an escape it does not know, and sends `ab`",
    ),
    (
        "a;b",
        "a\\x3bb",
        "a;b",
        "a proxy ends the content at the first `;`, and sends `a`",
    ),
];

#[test]
fn keep_alives_differ_where_theirs_do_not_arrive() {
    let mut node = Peer::node();
    for (content, ours, theirs, reason) in KEEP_ALIVES {
        let header = KeepAlive::text(*content).to_header().expect("a header");
        assert!(header.starts_with(&format!("{ours};")), "{header}");
        let question = json!({"mode": "stream", "channels": [{"name": "a"}],
            "keep_alive": content, "keep_alive_timeout": 55});
        let headers = node.ask("hold", &question).expect("headers");
        let header = headers["Grip-Keep-Alive"].as_str().expect("a header");
        assert!(
            header.starts_with(&format!("{theirs};")),
            "{header}: {reason}"
        );
    }
}

#[test]
fn channels_are_written_the_same() {
    let mut python = Peer::python();
    let channel = Channel::new("a b")
        .and_then(|a| a.with_prev_id("7-é"))
        .expect("a channel")
        .with_filter(Filter::SkipSelf)
        .with_filter(Filter::VarSubst);
    let hold = Hold::response(channel).channel("c");
    let question = json!({"channels": [
        {"name": "a b", "prev_id": "7-é", "filters": ["skip-self", "var-subst"]},
        {"name": "c"},
    ]});
    let mut headers = HeaderMap::new();
    hold.write_headers("", &Limits::default(), StatusCode::OK, &mut headers)
        .expect("a hold that headers can carry");
    let ours = std::str::from_utf8(headers["grip-channel"].as_bytes()).expect("UTF-8");
    assert_eq!(python.ask("channel_header", &question), Ok(json!(ours)));
}

#[test]
fn bodies_are_the_same_json() {
    let mut python = Peer::python();
    let channel = Channel::new("a,b; \"c\" \\ é")
        .and_then(|channel| channel.with_prev_id("1;2"))
        .expect("a channel");
    let hold = Hold::response(channel).timeout(Duration::from_secs(20));
    let mut response = HeaderMap::new();
    response.insert("content-type", "text/plain".parse().expect("a value"));
    for body in [&b"late \"\xc3\xa9\"\n"[..], b"\xff\x00"] {
        let (outer, ours) = hold
            .to_instruct(
                "",
                &Limits::default(),
                StatusCode::NOT_FOUND,
                &response,
                body,
            )
            .expect("a hold");
        assert_eq!(outer["content-type"], "application/grip-instruct");
        let mut ours: Value = serde_json::from_slice(&ours).expect("JSON");
        let question = json!({
            "mode": "response",
            "channels": [{"name": "a,b; \"c\" \\ é", "prev_id": "1;2"}],
            "timeout": 20,
            "response": {"code": 404, "headers": [["content-type", "text/plain"]],
                "body": super::bytes(body)},
        });
        let theirs = python.ask("hold", &question).expect("JSON");
        // gripcontrol knows no filters here; an empty list says nothing.
        for channel in ours["hold"]["channels"].as_array_mut().expect("a list") {
            let channel = channel.as_object_mut().expect("an object");
            channel.retain(|_, value| value != &json!([]));
        }
        assert_eq!(ours, theirs);
    }
}
