use crate::{Transcript, Visitor, socket::Socket};

/// WebSockets of the application's own.
pub async fn websockets(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("a WebSocket");
    let mut socket = opens(visitor, transcript, "/ws", &[]).await;
    socket.sends("hello").await;
    transcript.line(socket.next().await);
    socket.sends_binary(&[0, 159, 255]).await;
    transcript.line(socket.next().await);
    socket.pings(b"are you there").await;
    transcript.line(socket.next().await);
    socket.sends(&"\u{e9}\u{1f600}".repeat(50_000)).await;
    transcript.line(socket.next().await);
    socket
        .sends_in_parts(&["one ", "message ", "in parts"])
        .await;
    transcript.line(socket.next().await);
    for n in 0..100 {
        socket.sends(&n.to_string()).await;
    }
    let mut answers = Vec::new();
    for _ in 0..100 {
        answers.push(socket.next().await);
    }
    transcript.line(answers.join(", "));
    socket.closes(4001, "enough").await;
    transcript.line(socket.next().await);
    transcript.line(socket.next().await);

    transcript.step("a WebSocket that the application closes");
    let mut socket = opens(visitor, transcript, "/ws?q=%20", &[]).await;
    socket.sends("bye").await;
    transcript.line(socket.next().await);
    transcript.line(socket.next().await);

    transcript.step("a WebSocket that the application lets go");
    let mut socket = opens(visitor, transcript, "/ws", &[]).await;
    socket.sends("drop").await;
    transcript.line(socket.next().await);

    transcript.step("subprotocols");
    let offer = [("sec-websocket-protocol", "v1.chat, v2.chat")];
    let mut socket = opens(visitor, transcript, "/ws", &offer).await;
    socket.sends("hello").await;
    transcript.line(socket.next().await);

    transcript.step("a subprotocol that the application does not know");
    let offer = [("sec-websocket-protocol", "unknown")];
    let mut socket = opens(visitor, transcript, "/ws", &offer).await;
    socket.sends("hello").await;
    transcript.line(socket.next().await);

    transcript.step("a WebSocket that the application refuses");
    refused(visitor, transcript, "/ws/denied").await;
    transcript.step("a WebSocket that is nowhere");
    refused(visitor, transcript, "/missing").await;
}

/// A WebSocket where there is a page. In HTTP/2 the page's 200 would accept it.
pub async fn no_websocket(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("a WebSocket where there is a page");
    refused(visitor, transcript, "/hello").await;
}

/// Opens one, and writes down how that is answered.
async fn opens(
    visitor: &Visitor,
    transcript: &mut Transcript,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Socket {
    match Socket::opens(visitor, path, headers).await {
        Ok((lines, socket)) => {
            transcript.lines(lines);
            socket
        }
        Err(lines) => panic!("{path}: {lines:?}"),
    }
}

/// Asks for one in vain, and writes down how that is answered.
async fn refused(visitor: &Visitor, transcript: &mut Transcript, path: &str) {
    match Socket::opens(visitor, path, &[]).await {
        Ok(_) => panic!("{path}: it was accepted"),
        Err(lines) => transcript.lines(lines),
    }
}
