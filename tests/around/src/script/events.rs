use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::{sleep, timeout};

use crate::{Transcript, Visitor, visitor::within};

/// Server-sent events of the application's own: each arrives when it is sent.
pub async fn events(visitor: &Visitor, transcript: &mut Transcript) {
    for (step, coding) in [
        ("server-sent events", "identity"),
        ("server-sent events to a browser", "gzip, deflate, br, zstd"),
    ] {
        transcript.step(step);
        let mut body = opens(visitor, transcript, coding).await;
        tells(visitor, "one").await;
        transcript.line(format!("| {}", next(&mut body).await));
        tells(visitor, "end").await;
        transcript.line(format!("| {}", next(&mut body).await));
        let rest = within("the end", body.collect()).await.expect("a body");
        assert_eq!(rest.to_bytes(), "");
    }
}

/// A client that leaves while it follows.
pub async fn leaving(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("a client that leaves");
    let body = opens(visitor, transcript, "identity").await;
    transcript.line(watchers(visitor).await);
    drop(body);
    let noticed = async {
        while watchers(visitor).await != "0" {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let is_noticed = timeout(Duration::from_secs(10), noticed).await.is_ok();
    transcript.line(format!("the application notices: {is_noticed}"));
}

async fn opens(visitor: &Visitor, transcript: &mut Transcript, coding: &str) -> Incoming {
    let request = Request::get("/events")
        .header("accept", "text/event-stream")
        .header("accept-encoding", coding)
        .body(Full::new(Bytes::new()).boxed_unsync());
    let answer = visitor.sends(request.expect("a request")).await;
    let (head, mut body) = answer.response.into_parts();
    transcript.line(head.status.to_string());
    for name in ["content-type", "content-encoding", "cache-control", "vary"] {
        for value in head.headers.get_all(name) {
            transcript.line(format!("{name}: {}", value.as_bytes().escape_ascii()));
        }
    }
    transcript.line(format!("| {}", next(&mut body).await));
    body
}

/// The next event, however it is cut into pieces.
async fn next(body: &mut Incoming) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\n\n") {
        let frame = within("an event", body.frame()).await.expect("an event");
        let data = frame.expect("a body").into_data();
        read.extend_from_slice(&data.expect("no trailers"));
    }
    read.escape_ascii().to_string()
}

async fn tells(visitor: &Visitor, event: &'static str) {
    let body = Full::new(Bytes::from(event)).boxed_unsync();
    let request = Request::post("/tell").body(body).expect("a request");
    let answer = visitor.sends(request).await;
    assert_eq!(answer.response.status(), 200);
}

/// How many follow the events.
async fn watchers(visitor: &Visitor) -> String {
    let body = Full::new(Bytes::new()).boxed_unsync();
    let request = Request::get("/watchers").body(body).expect("a request");
    let answer = visitor.sends(request).await.response;
    let body = answer.into_body().collect().await.expect("a body");
    String::from_utf8(body.to_bytes().to_vec()).expect("a number")
}
