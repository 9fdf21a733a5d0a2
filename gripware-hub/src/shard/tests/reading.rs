//! Clients that send what nobody waits for, and clients that leave while they are not read from.

use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use gripware_core::{HttpStream, WsMessage, ws::CloseCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::spawn_local,
    time::{sleep, timeout},
};

use super::{
    super::Message,
    line::{Client, answer},
    *,
};
use crate::{
    handoff::ResumeHttp, session::websocket::WebSocketSession, shard::drive::MAX_UNREAD,
    socket::DetachedSocket,
};

const RESPONSE: &str = "Grip-Hold: response\nGrip-Channel: a";
const STREAM: &str = "Grip-Hold: stream\nGrip-Channel: a";
const DETACH: &str = "TEXT 13\r\nc:{\"type\":\"detach\"}\r\n";
const SUBSCRIBE: &str = "TEXT 24\r\nc:{\"type\":\"subscribe\",\"channel\":\"a\"}\r\n";

/// What becomes of connections after a hold.
#[derive(Debug)]
struct Back(Mutex<Option<oneshot::Sender<Bytes>>>);

impl ResumeHttp for Back {
    fn resume_http(self: Arc<Self>, _: DetachedSocket, _: Option<SocketAddr>, unread: Bytes) {
        if let Some(sender) = self.0.lock().unwrap().take() {
            let _ = sender.send(unread);
        }
    }
}

fn back() -> (Arc<Back>, oneshot::Receiver<Bytes>) {
    let (sender, receiver) = oneshot::channel();
    (Arc::new(Back(Mutex::new(Some(sender)))), receiver)
}

async fn tcp() -> (DetachedSocket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    let wire = accepted.unwrap().0.into_std().unwrap();
    (DetachedSocket::Tcp(wire), client.unwrap())
}

/// A client's frame; the mask is zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

#[test]
fn a_client_that_sends_much_while_it_is_held_is_cut_off() {
    for held in [RESPONSE, STREAM] {
        TestShard::play(async |line: TestShard| {
            let (wire, mut client) = tcp().await;
            let (resume_http, _back) = back();
            line.kept_alive(&answer(held, ""), wire, resume_http).await;
            // It may fail in the middle, and the client stays.
            let _ = client.write_all(&[b'x'; 60_000]).await;
            line.until(TestShard::is_empty).await;
            assert_eq!(line.subscribers(), 0);
            let end = timeout(Duration::from_secs(20), client.read(&mut [0; 10])).await;
            assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
        });
    }
}

#[test]
fn what_is_sent_ahead_within_the_bound_is_for_the_next_request() {
    TestShard::play(async |line: TestShard| {
        let (wire, mut client) = duplex(1 << 16);
        let (resume_http, unread) = back();
        let id = line
            .kept_alive(
                &answer(STREAM, ""),
                DetachedSocket::Other(Box::new(wire)),
                resume_http,
            )
            .await;
        client.write_all(&[b'x'; MAX_UNREAD]).await.unwrap();
        line.until(|line| line.connection(id).with(|it| it.unread.len()) == MAX_UNREAD)
            .await;
        line.publish("a", HttpStream::close());
        assert_eq!(unread.await.unwrap().len(), MAX_UNREAD);
    });
}

#[test]
fn a_websocket_client_that_leaves_is_noticed_although_the_origin_is_slow() {
    for is_reset in [false, true] {
        TestShard::play(async |line: TestShard| {
            let (wire, mut client) = tcp().await;
            let id = line.websocket(SUBSCRIBE, wire).await;
            let connection = line.connection(id);
            // More than the queue to the origin takes, which does not answer.
            client
                .write_all(&frame(0x82, b"x").repeat(5000))
                .await
                .unwrap();
            line.until(|_| !connection.with(|it| it.unread.is_empty()))
                .await;
            if is_reset {
                // Whoever closes with something unread resets the connection.
                line.publish("a", WsMessage::text("unread"));
                client.readable().await.unwrap();
            }
            drop(client);
            line.until(|_| connection.with(|it| it.wire.is_none()))
                .await;
            assert_eq!(line.subscribers(), 0);
        });
    }
}

#[test]
fn a_client_that_neither_reads_nor_is_read_from_is_noticed_to_leave() {
    TestShard::play(async |line: TestShard| {
        let (wire, client) = tcp().await;
        let (resume_http, _back) = back();
        line.kept_alive(&answer(STREAM, ""), wire, resume_http)
            .await;
        // More than the kernel takes.
        for _ in 0..20 {
            let item = HttpStream::text("x".repeat(1 << 19));
            line.publish("a", item);
        }
        line.publish("a", HttpStream::close());
        line.until(|line| line.subscribers() == 0).await;
        drop(client);
        line.until(TestShard::is_empty).await;
    });
}

#[test]
fn the_bounds_of_a_websockets_queue_are_looked_at_after_every_message() {
    TestShard::paused(async |line: TestShard| {
        let mut client = line.websocket_in_pipe("", 1 << 16).await;
        const COUNT: usize = 9000;
        let frames = frame(0x82, b"x").repeat(COUNT);
        let sender = spawn_local(async move {
            client.pipe.write_all(&frames).await.unwrap();
            client
        });
        let limit = line.shared.ws_settings.queue_events;
        let (mut told, mut turns) = (0, 0);
        while told < COUNT {
            line.until(|line| line.asks() > turns).await;
            line.settled().await;
            let id = *line.shard.by_id.borrow().keys().next().unwrap();
            assert!(line.connection(id).with(|it| it.unread.len()) <= MAX_UNREAD);
            for body in line.bodies() {
                let count = body.windows(6).filter(|it| it == b"BINARY").count();
                assert!(count <= limit, "{count} in one turn");
                told += count;
                turns += 1;
            }
            line.answer(
                http::Response::builder()
                    .header("content-type", "application/websocket-events")
                    .body(Bytes::new())
                    .unwrap(),
            );
        }
        assert_eq!(told, COUNT);
        drop(sender);
    });
}

/// A client that sends `frames` again and again, and how many bytes it has got rid of.
fn floods(client: Client, frames: Vec<u8>) -> Rc<Cell<usize>> {
    let sent = Rc::new(Cell::new(0));
    let counted = Rc::clone(&sent);
    let (mut reads, mut writes) = tokio::io::split(client.pipe);
    spawn_local(async move {
        while let Ok(count) = writes.write(&frames).await {
            counted.set(counted.get() + count);
        }
    });
    spawn_local(async move {
        let mut read = [0; 4096];
        while let Ok(1..) = reads.read(&mut read).await {}
    });
    sent
}

#[test]
fn a_flood_of_frames_does_not_make_the_others_of_the_thread_wait() {
    // An answer to each ping of a detached client; what a client says that was sent a close; empty
    // messages and pieces of messages.
    let pings = frame(0x89, b"").repeat(10_000);
    let fragments = [frame(0x01, b"x"), frame(0x00, b"x").repeat(10_000)].concat();
    let interleaved = [frame(0x00, b"x"), frame(0x89, b"")].concat().repeat(5000);
    let interleaved = [frame(0x01, b"x"), interleaved].concat();
    let texts = frame(0x81, b"").repeat(10_000);
    for (frames, is_closed) in [
        (pings.clone(), false),
        (pings, true),
        (fragments, false),
        (interleaved, false),
        (texts, false),
    ] {
        TestShard::play(async |line: TestShard| {
            let mut other = line.stream(answer(STREAM, ""), 1 << 16).await;
            let flooder = line.websocket_in_pipe(DETACH, 1 << 20).await;
            let id = flooder.id;
            let sent = floods(flooder, frames.clone());
            line.until(|_| sent.get() > 1 << 20).await;
            if is_closed {
                assert!(
                    line.publish_to(id, WsMessage::close(CloseCode::NORMAL, ""))
                        .await
                );
            }
            for _ in 0..10 {
                let before = sent.get();
                line.publish("a", HttpStream::text("on\n"));
                other.reads("on\n").await;
                let meanwhile = sent.get() - before;
                assert!(meanwhile < 1 << 18, "{meanwhile} bytes came first");
            }
        });
    }
}

#[test]
fn of_many_pings_the_latest_is_answered() {
    TestShard::paused(async |line: TestShard| {
        let mut client = line.websocket_in_pipe(DETACH, 64).await;
        let connection = line.connection(client.id);
        // It does not read, so that one more than the pipe takes is under way.
        let item = WsMessage::binary(vec![b'x'; 100]);
        assert!(line.publish_to(client.id, item).await);
        for n in 0..1000_u16 {
            client
                .pipe
                .write_all(&frame(0x89, &n.to_be_bytes()))
                .await
                .unwrap();
        }
        line.settled().await;
        assert!(connection.with(|it| it.outbox.messages()) <= 1);
        let mut read = vec![0; 102 + 4];
        client.pipe.read_exact(&mut read).await.unwrap();
        assert_eq!(read[102..], [0x8a, 2, 3, 231]);
        // And one by one each is answered.
        for n in [7, 8] {
            client.pipe.write_all(&frame(0x89, &[n])).await.unwrap();
            let mut pong = [0; 3];
            client.pipe.read_exact(&mut pong).await.unwrap();
            assert_eq!(pong, [0x8a, 1, n]);
        }
    });
}

/// The code of the close frame that a client gets.
async fn close_code(client: &mut Client) -> u16 {
    let mut frame = [0; 4];
    client.pipe.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[0], 0x88, "{frame:?}");
    u16::from_be_bytes([frame[2], frame[3]])
}

#[test]
fn a_message_that_does_not_go_on_is_given_up() {
    let head = frame(0x82, &[0; 60_000])[..8].to_vec();
    let long = [&head[..], &[0; 30_000]].concat();
    for begun in [&long[..], &head, &head[..1], &frame(0x01, b"x")] {
        TestShard::paused(async |line: TestShard| {
            let mut client = line.websocket_in_pipe("", 1 << 16).await;
            client.pipe.write_all(begun).await.unwrap();
            sleep(Duration::from_secs(59)).await;
            // A byte now and then, or a ping, is no progress.
            if begun.len() > 8 {
                client.pipe.write_all(b"x").await.unwrap();
            }
            let start = crate::clock::now();
            assert_eq!(close_code(&mut client).await, 1008);
            let waited = crate::clock::now() - start;
            assert!(waited <= Duration::from_secs(2), "{waited:?}");
        });
    }
}

#[test]
fn a_message_that_goes_on_may_take_its_time() {
    TestShard::paused(async |line: TestShard| {
        let mut client = line.websocket_in_pipe("", 1 << 16).await;
        let whole = frame(0x82, &[b'x'; 10_000]);
        for piece in whole.chunks(1500) {
            client.pipe.write_all(piece).await.unwrap();
            sleep(Duration::from_secs(50)).await;
        }
        line.until(|line| line.asks() == 1).await;
        assert!(line.bodies()[0].starts_with(b"BINARY 2710\r\n"));
    });
}

#[test]
fn a_message_is_not_given_up_while_the_hub_does_not_read() {
    TestShard::paused(async |line: TestShard| {
        let mut client = line.websocket_in_pipe("", 1 << 16).await;
        let connection = line.connection(client.id);
        // Pings in the middle of a message fill the queue.
        client.pipe.write_all(&frame(0x01, b"x")).await.unwrap();
        client
            .pipe
            .write_all(&frame(0x89, b"").repeat(1100))
            .await
            .unwrap();
        line.until(|_| !connection.with(|it| it.unread.is_empty()))
            .await;
        sleep(Duration::from_secs(50)).await;
        let answered = || {
            http::Response::builder()
                .header("content-type", "application/websocket-events")
                .body(Bytes::new())
                .unwrap()
        };
        let under_way = |line: &TestShard| {
            let takes = |socket: &WebSocketSession| socket.session.takes_items();
            let connection = line.connection(client.id);
            connection.with(|state| state.session.websocket().is_some_and(takes))
        };
        for _ in 0..3 {
            line.answer(answered());
        }
        sleep(Duration::from_secs(50)).await;
        assert!(under_way(&line), "it was closed");
        client.pipe.write_all(&frame(0x80, b"y")).await.unwrap();
        line.until(|line| {
            let bodies = line.bodies();
            bodies
                .iter()
                .any(|body| body.ends_with(b"TEXT 2\r\nxy\r\n"))
        })
        .await;
    });
}

#[test]
fn the_answer_to_a_close_is_read_although_the_origin_is_slow() {
    TestShard::paused(async |line: TestShard| {
        let mut client = line.websocket_in_pipe("", 1 << 16).await;
        let connection = line.connection(client.id);
        let frames = frame(0x82, b"x").repeat(1200);
        client.pipe.write_all(&frames).await.unwrap();
        line.until(|_| !connection.with(|it| it.unread.is_empty()))
            .await;
        let (found, is_found) = oneshot::channel();
        line.sends(Message::Close {
            id: client.id,
            found,
        });
        assert!(is_found.await.unwrap());
        assert_eq!(close_code(&mut client).await, 1000);
        let start = crate::clock::now();
        let close = frame(0x88, &1000_u16.to_be_bytes());
        client.pipe.write_all(&close).await.unwrap();
        assert_eq!(client.reads_to_end().await, "");
        // And not when the time for its answer is over.
        assert!(crate::clock::now() - start < Duration::from_secs(1));
    });
}
