use http::Request;

use crate::{Transcript, Visitor};

/// An answer that the application compresses, where the client can read it so.
pub async fn compression(visitor: &Visitor, transcript: &mut Transcript) {
    for (step, coding) in [
        ("nothing is said of codings", None),
        ("gzip", Some("gzip")),
        ("what browsers say", Some("gzip, deflate, br, zstd")),
        ("brotli alone", Some("br")),
        ("no coding", Some("identity")),
        ("a preference", Some("br;q=0.1, gzip;q=0.9")),
    ] {
        let mut request = Request::get("/long");
        if let Some(coding) = coding {
            request = request.header("accept-encoding", coding);
        }
        let request = request.body("").expect("a request");
        visitor.asks(transcript, step, request).await;
    }
}
