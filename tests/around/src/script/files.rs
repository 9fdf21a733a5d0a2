use http::Request;

use crate::{Transcript, Visitor};

/// Files, whole and in ranges, and whether they are asked for in vain.
pub async fn files(visitor: &Visitor, transcript: &mut Transcript) {
    let get = |path: &str| Request::get(path).body("").expect("a request");
    let part = |range: &str| {
        let request = Request::get("/files/large.bin").header("range", range);
        request.body("").expect("a request")
    };
    visitor
        .asks(transcript, "a file", get("/files/page.html"))
        .await;
    visitor
        .asks(transcript, "a large file", get("/files/large.bin"))
        .await;
    for (step, range) in [
        ("the first bytes", "bytes=0-9"),
        ("from a place on", "bytes=999990-"),
        ("the last bytes", "bytes=-7"),
        ("a range across pieces", "bytes=65530-131080"),
        ("two ranges", "bytes=0-1,5-6"),
        ("a range behind the end", "bytes=2000000-"),
        ("a range that is none", "bytes=x-y"),
    ] {
        visitor.asks(transcript, step, part(range)).await;
    }
    let head = Request::head("/files/large.bin").body("");
    let head = head.expect("a request");
    visitor.asks(transcript, "the head of a file", head).await;
    let known = Request::get("/files/page.html");
    let known = known.header("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT");
    let known = known.body("").expect("a request");
    visitor
        .asks(transcript, "a file that is known", known)
        .await;
    let compressed = Request::get("/files/page.html").header("accept-encoding", "gzip");
    let compressed = compressed.body("").expect("a request");
    visitor
        .asks(transcript, "a compressed file", compressed)
        .await;
    let ranged = Request::get("/files/page.html").header("accept-encoding", "gzip");
    let ranged = ranged.header("range", "bytes=0-9").body("");
    let ranged = ranged.expect("a request");
    visitor
        .asks(transcript, "a range where it could be compressed", ranged)
        .await;
    visitor
        .asks(transcript, "a folder", get("/files/folder"))
        .await;
    visitor
        .asks(transcript, "an escaped name", get("/files/a%20%C3%A9.txt"))
        .await;
    visitor
        .asks(transcript, "no file", get("/files/none"))
        .await;
    visitor
        .asks(transcript, "a way out", get("/files/..%2fsecret.txt"))
        .await;
}
