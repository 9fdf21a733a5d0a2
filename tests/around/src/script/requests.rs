use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use crate::{Transcript, Visitor, visitor::within};

/// Plain requests: methods, targets, headers, bodies and addresses, as the application gets them,
/// and its answers as the client does.
pub async fn requests(visitor: &Visitor, transcript: &mut Transcript) {
    let get = |path: &str| Request::get(path).body("").expect("a request");
    visitor.asks(transcript, "a page", get("/hello")).await;
    visitor.asks(transcript, "no page", get("/missing")).await;
    let head = Request::head("/hello").body("").expect("a request");
    visitor.asks(transcript, "the head of a page", head).await;
    let post = Request::post("/hello").body("").expect("a request");
    visitor.asks(transcript, "a wrong method", post).await;
    visitor.asks(transcript, "an address", get("/peer")).await;
    visitor.asks(transcript, "cookies", get("/cookies")).await;
    visitor.asks(transcript, "a redirect", get("/moved")).await;
    visitor
        .asks(transcript, "no content", get("/nothing"))
        .await;
    visitor
        .asks(transcript, "an unknown status", get("/status/299"))
        .await;
    visitor
        .asks(transcript, "an error", get("/status/503"))
        .await;
    visitor
        .asks(transcript, "90 headers", get("/headers/90"))
        .await;
    echoes(visitor, transcript).await;
}

/// Requests of which the application tells what it has got.
async fn echoes(visitor: &Visitor, transcript: &mut Transcript) {
    let escapes = "/echo/%7Ea%2Fb/./../c//d;e=f?q=%20+x&empty=&%C3%A9";
    let plain = Request::get(escapes)
        .header("accept", "text/html;q=0.9, */*")
        .header("cookie", "a=1; b=\"2\"")
        .header("authorization", "Bearer secret")
        .header("user-agent", "visitor/1.0")
        .header("x-twice", "one")
        .header("x-twice", "two")
        .header("x-empty", "")
        .header(
            "x-latin",
            HeaderValue::from_bytes(b"caf\xe9").expect("a value"),
        )
        .header("if-none-match", "\"v1\"");
    let plain = plain.body("").expect("a request");
    visitor
        .asks(transcript, "a request as it arrives", plain)
        .await;
    for (step, method) in [
        ("PUT", "PUT"),
        ("PATCH", "PATCH"),
        ("DELETE", "DELETE"),
        ("OPTIONS", "OPTIONS"),
        ("a method of WebDAV", "PROPFIND"),
    ] {
        let request = Request::builder().method(method).uri("/echo");
        let request = request.header("content-type", "application/json");
        let request = request.body("{\"a\": [1, 2]}").expect("a request");
        visitor.asks(transcript, step, request).await;
    }
    let large = Request::post("/echo").body(vec![b'x'; 300_000]);
    let large = large.expect("a request");
    visitor.asks(transcript, "a large body", large).await;
}

/// Trailers in both directions.
pub async fn trailers(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("trailers");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", HeaderValue::from_static("abc"));
    let frames = [Frame::data(Bytes::from("body")), Frame::trailers(trailers)];
    let body = StreamBody::new(stream::iter(frames.map(Ok))).boxed_unsync();
    let request = Request::post("/trailers").header("trailer", "x-checksum");
    let request = request.header("te", "trailers").body(body);
    let answer = visitor.sends(request.expect("a request")).await;
    transcript.lines(within("trailers", answer.lines()).await);
}

/// A body that the application sends back while it comes.
pub async fn both_ways(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("both ways at once");
    let (sender, parts) = mpsc::unbounded_channel::<&str>();
    let parts = stream::unfold(parts, async |mut parts| Some((parts.recv().await?, parts)));
    let frames = parts.map(|part| Ok(Frame::data(Bytes::from(part))));
    let request = Request::post("/duplex").body(StreamBody::new(frames).boxed_unsync());
    sender.send("first").expect("a request");
    let answer = visitor.sends(request.expect("a request"));
    let answer = within("a head before the request's end", answer).await;
    let (head, mut body) = answer.response.into_parts();
    transcript.line(head.status.to_string());
    for part in ["second", "third"] {
        let frame = within("what was sent", body.frame()).await;
        let data = frame.expect("a frame").expect("a body").into_data();
        transcript.line(format!("| {}", data.expect("data").escape_ascii()));
        sender.send(part).expect("a request");
    }
    drop(sender);
    let rest = within("the rest", body.collect()).await.expect("a body");
    transcript.line(format!("| {}", rest.to_bytes().escape_ascii()));
}
