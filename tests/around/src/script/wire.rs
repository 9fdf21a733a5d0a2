use std::fmt::Write as _;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::{
    Transcript, Visitor,
    raw_answer::read_answer,
    visitor::{Names, connect, within},
};

/// What clients send that no library of HTTP/1.1 sends, byte by byte.
pub async fn wire(visitor: &Visitor, transcript: &mut Transcript) {
    let host = visitor.site();
    for (step, request) in [
        ("HTTP/1.0", "GET /hello HTTP/1.0\r\n\r\n".to_owned()),
        (
            "HTTP/1.0 that stays",
            "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /hello HTTP/1.0\r\n\r\n"
                .to_owned(),
        ),
        (
            "two at once",
            format!(
                "GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n\
                 GET /hello HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            ),
        ),
        (
            "an upload in chunks",
            format!(
                "POST /echo HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\
                 Connection: close\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n"
            ),
        ),
        (
            "a target with its host",
            format!(
                "GET http://{host}/echo?a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            ),
        ),
        (
            "white space around values",
            format!(
                "GET /echo HTTP/1.1\r\nhOsT:{host}\r\nX-A:\t a b \t\r\nConnection: close\r\n\r\n"
            ),
        ),
        (
            "a head of 20 kB",
            format!(
                "GET /hello HTTP/1.1\r\nHost: {host}\r\nCookie: {}\r\nConnection: close\r\n\r\n",
                "x".repeat(20_000)
            ),
        ),
        ("90 headers of a request", ninety_headers(&host.to_string())),
    ] {
        transcript.step(step);
        let mut stream = connect(visitor.site()).await;
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a reader");
        reads_all(visitor, transcript, stream, &request).await;
    }
    half_closes(visitor, transcript).await;
    waits_for_100(visitor, transcript).await;
}

fn ninety_headers(host: &str) -> String {
    let mut head = format!("GET /hello HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for n in 0..88 {
        let _ = write!(head, "X-{n}: {n}\r\n");
    }
    head + "\r\n"
}

/// A client that closes its sending side after the request, as `nc -N` does.
async fn half_closes(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("a client that has said all");
    let mut stream = connect(visitor.site()).await;
    let request = format!("GET /slow HTTP/1.1\r\nHost: {}\r\n\r\n", visitor.site());
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a reader");
    stream.shutdown().await.expect("a reader");
    reads_all(visitor, transcript, stream, &request).await;
}

/// A client that sends its body once it may.
async fn waits_for_100(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("a body that waits for 100");
    let mut stream = connect(visitor.site()).await;
    let request = format!(
        "POST /echo HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\
         Connection: close\r\n\r\n",
        visitor.site()
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a reader");
    let mut interim = Vec::new();
    while !interim.ends_with(b"\r\n\r\n") {
        let byte = within("100", stream.read_u8()).await;
        interim.push(byte.expect("100"));
    }
    transcript.line(interim.escape_ascii().to_string());
    stream.write_all(b"hello").await.expect("a reader");
    reads_all(visitor, transcript, stream, &request).await;
}

/// A client that leaves HTTP for another protocol than WebSocket.
pub async fn other_protocol(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("another protocol");
    let mut stream = BufReader::new(connect(visitor.site()).await);
    let client = stream.get_ref().local_addr().expect("an address");
    let request = format!(
        "GET /other HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n",
        visitor.site()
    );
    let written = stream.write_all(request.as_bytes()).await;
    written.expect("a reader");
    let names = Names::of(client, visitor.site());
    let answer = within("an answer", read_answer(&mut stream, true, &names)).await;
    transcript.lines(answer.expect("an answer"));
    stream.write_all(b"hello").await.expect("a reader");
    let mut said = [0; 5];
    let read = within("the same", stream.read_exact(&mut said)).await;
    read.expect("the same");
    transcript.line(format!("| {}", said.escape_ascii()));
    stream.shutdown().await.expect("a reader");
    let mut rest = Vec::new();
    let read = within("the end", stream.read_to_end(&mut rest)).await;
    read.expect("an end");
    transcript.line(format!("the end {}", rest.escape_ascii()));
}

/// An upload over the application's own limit, which it refuses before it has all of it.
pub async fn too_much(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("an upload that is too large");
    let stream = connect(visitor.site()).await;
    let (reader, mut writer) = stream.into_split();
    let request = format!(
        "POST /limited HTTP/1.1\r\nHost: {}\r\nContent-Length: 30000000\r\n\r\n",
        visitor.site()
    );
    let upload = tokio::spawn(async move {
        writer.write_all(request.as_bytes()).await?;
        // Whoever has answered may stop reading.
        for _ in 0..300 {
            writer.write_all(&[b'x'; 100_000]).await?;
        }
        Ok::<_, std::io::Error>(())
    });
    let mut reader = BufReader::new(reader);
    let names = Names::of(
        reader.get_ref().local_addr().expect("an address"),
        visitor.site(),
    );
    let answer = within("an answer", read_answer(&mut reader, false, &names)).await;
    // Whether it keeps the connection is up to who answers.
    let is_shown = |line: &String| !line.starts_with("connection:");
    transcript.lines(answer.expect("an answer").into_iter().filter(is_shown));
    upload.abort();
}

/// Writes down all answers, to the end of the connection.
async fn reads_all(
    visitor: &Visitor,
    transcript: &mut Transcript,
    stream: TcpStream,
    requests: &str,
) {
    let client = stream.local_addr().expect("an address");
    let names = Names::of(client, visitor.site());
    let mut reader = BufReader::new(stream);
    let requests = requests
        .split("\r\n\r\n")
        .filter(|request| !request.is_empty());
    for request in requests {
        let is_head = request.starts_with("HEAD ");
        let answer = within("an answer", read_answer(&mut reader, is_head, &names)).await;
        let Some(lines) = answer else {
            break;
        };
        transcript.lines(lines);
    }
    let mut rest = Vec::new();
    within("the end", reader.read_to_end(&mut rest))
        .await
        .expect("an end");
    transcript.line(format!("the end {}", rest.escape_ascii()));
}
