use http::Request;

use crate::{Transcript, Visitor};

const BOUNDARY: &str = "----visitor";

/// Forms with files.
pub async fn uploads(visitor: &Visitor, transcript: &mut Transcript) {
    visitor
        .asks(transcript, "a form with a file", form(&[b'x'; 3000]))
        .await;
    let large: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    visitor
        .asks(transcript, "a form with a large file", form(&large))
        .await;
    let cut = form(b"cut").map(|body| body[..body.len() - 10].to_vec());
    visitor
        .asks(transcript, "a form without its end", cut)
        .await;
    let other = Request::post("/upload").header("content-type", "text/plain");
    let other = other.body("no form").expect("a request");
    visitor.asks(transcript, "no form at all", other).await;
}

fn form(file: &[u8]) -> Request<Vec<u8>> {
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA picture\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \u{e9}.png\"\r\n\
         Content-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    let request = Request::post("/upload").header(
        "content-type",
        format!("multipart/form-data; boundary={BOUNDARY}"),
    );
    request.body(body).expect("a request")
}
