use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tokio::time::sleep;

use crate::{Transcript, Visitor, socket::Socket, visitor::within};

/// How long the library may lose what comes, while it begins or changes over.
const PAUSE: Duration = Duration::from_millis(200);

/// Socket.IO as its client speaks it: by long-polling, then over a WebSocket, and over a WebSocket
/// from the start (Engine.IO 4).
pub async fn socket_io(visitor: &Visitor, transcript: &mut Transcript) {
    transcript.step("Socket.IO by polling");
    let opened = get(visitor, "").await;
    transcript.line(hidden(&opened));
    let sid = sid_of(&opened).to_owned();
    transcript.line(post(visitor, &sid, "40").await);
    transcript.line(hidden(&polls(visitor, &sid).await));
    sleep(PAUSE).await;
    transcript.line(post(visitor, &sid, "42[\"say\",\"by post\"]").await);
    transcript.line(polls(visitor, &sid).await);
    let (held, posted) = tokio::join!(
        polls(visitor, &sid),
        post(visitor, &sid, "42[\"say\",\"while held\"]"),
    );
    transcript.line(held);
    transcript.line(posted);
    // It takes a WebSocket of HTTP/1.1 alone.
    if !visitor.is_http2() {
        over_websockets(visitor, transcript, &sid).await;
    }
}

async fn over_websockets(visitor: &Visitor, transcript: &mut Transcript, sid: &str) {
    transcript.step("Socket.IO over a WebSocket after polling");
    let mut socket = opens(visitor, transcript, sid).await;
    socket.sends("2probe").await;
    transcript.line(socket.next().await);
    socket.sends("5").await;
    sleep(PAUSE).await;
    socket.sends("42[\"say\",\"by socket\"]").await;
    transcript.line(next(&mut socket).await);
    socket.closes(1000, "").await;

    transcript.step("Socket.IO over a WebSocket from the start");
    let mut socket = opens(visitor, transcript, "").await;
    transcript.line(hidden(&next(&mut socket).await));
    socket.sends("40").await;
    transcript.line(hidden(&next(&mut socket).await));
    sleep(PAUSE).await;
    socket.sends("421[\"ask\",\"the time\"]").await;
    transcript.line(next(&mut socket).await);
    socket
        .sends("451-[\"show\",{\"_placeholder\":true,\"num\":0}]")
        .await;
    socket.sends_binary(&[1, 2, 255]).await;
    transcript.line(next(&mut socket).await);
    transcript.line(next(&mut socket).await);
}

fn path(transport: &str, sid: &str) -> String {
    let sid = match sid {
        "" => String::new(),
        sid => format!("&sid={sid}"),
    };
    format!("/socket.io/?EIO=4&transport={transport}{sid}")
}

async fn get(visitor: &Visitor, sid: &str) -> String {
    let request = Request::get(path("polling", sid)).body(Full::new(Bytes::new()).boxed_unsync());
    asks(visitor, request.expect("a request")).await
}

/// What comes by polling but pings, which come when they come and are answered.
async fn polls(visitor: &Visitor, sid: &str) -> String {
    loop {
        let answer = get(visitor, sid).await;
        let answer = answer.strip_prefix("200 OK: ").unwrap_or(&answer);
        let packets = answer.split('\u{1e}');
        let (pings, packets): (Vec<_>, Vec<_>) = packets.partition(|packet| *packet == "2");
        if !pings.is_empty() {
            post(visitor, sid, "3").await;
        }
        if !packets.is_empty() {
            return packets.join(" ");
        }
    }
}

async fn post(visitor: &Visitor, sid: &str, packet: &'static str) -> String {
    let body = Full::new(Bytes::from(packet)).boxed_unsync();
    let request = Request::post(path("polling", sid)).body(body);
    asks(visitor, request.expect("a request")).await
}

async fn asks(visitor: &Visitor, request: Request<crate::visitor::RequestBody>) -> String {
    let what = request.uri().to_string();
    let answer = within(&what, visitor.sends(request)).await.response;
    let status = answer.status();
    let body = within(&what, answer.into_body().collect()).await;
    let body = body.expect("a body").to_bytes();
    format!("{status}: {}", String::from_utf8_lossy(&body))
}

async fn opens(visitor: &Visitor, transcript: &mut Transcript, sid: &str) -> Socket {
    match Socket::opens(visitor, &path("websocket", sid), &[]).await {
        Ok((lines, socket)) => {
            transcript.lines(lines);
            socket
        }
        Err(lines) => panic!("{lines:?}"),
    }
}

/// The next packet but pings, which come when they come and are answered, and what ends a poll.
async fn next(socket: &mut Socket) -> String {
    let packet = async {
        loop {
            match socket.next().await.as_str() {
                "text \"2\"" => socket.sends("3").await,
                "text \"6\"" => {}
                line => return line.to_owned(),
            }
        }
    };
    within("a packet", packet).await
}

/// The id in a packet such as `0{"sid":"...",`.
fn sid_of(packet: &str) -> &str {
    let Some((_, packet)) = packet.split_once("sid") else {
        panic!("no id in {packet}");
    };
    let is_quote = |c: char| c == '"' || c == '\\';
    let mut texts = packet
        .split(is_quote)
        .filter(|text| !matches!(*text, "" | ":"));
    texts.next().expect("an id")
}

/// The packet without its id, which is by chance.
fn hidden(packet: &str) -> String {
    packet.replace(sid_of(packet), "...")
}
