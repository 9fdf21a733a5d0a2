//! A client of HTTP/2 that sends what it likes.

use super::*;
use crate::gateway::frame_scanner::PREFACE;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const ACK: u8 = 1;

/// What the server has sent.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

pub(super) struct FrameClient(pub(super) TcpStream);

/// A frame as it is on the wire.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The head of a GET, in HPACK without compression.
pub(super) fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x01, 1, b'h', 0x04, path.len() as u8];
    block.extend(path.as_bytes());
    block
}

impl FrameClient {
    /// Connects, with windows of this size for answers.
    pub(super) async fn connect(address: SocketAddr, window: u32) -> Self {
        let mut client = Self(TcpStream::connect(address).await.unwrap());
        let mut setting = vec![0, 4];
        setting.extend(window.to_be_bytes());
        let mut first = PREFACE.to_vec();
        first.extend(frame(SETTINGS, 0, 0, &setting));
        client.send(&first).await;
        client
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    pub(super) async fn get(&mut self, stream: u32, path: &str) {
        let head = frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(path));
        self.send(&head).await;
    }

    /// `None` at the end of the connection, however it ends.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        let reading = async {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            Some(Frame {
                kind: head[3],
                flags: head[4],
                stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
                payload,
            })
        };
        timeout(PATIENCE, reading).await.expect("no frame comes")
    }

    /// Reads until a frame of this kind comes that acknowledges nothing.
    pub(super) async fn until(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().await.expect("the connection has ended");
            let acknowledges = matches!(kind, SETTINGS | PING) && frame.flags & ACK != 0;
            if frame.kind == kind && !acknowledges {
                return frame;
            }
        }
    }

    /// Reads to the end of the connection. Gives the code of the GOAWAY, where one came.
    pub(super) async fn ended(&mut self) -> Option<u8> {
        let mut code = None;
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                code = frame.payload.get(7).copied();
            }
        }
        code
    }
}
