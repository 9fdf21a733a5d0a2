//! The frames of a subscriber's WebSocket, as cheaply as they can be had (RFC 6455, section 5).

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::client_async;

const BINARY: u8 = 2;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Whole messages of less than 64 KiB.
pub(crate) struct Frames {
    stream: TcpStream,
    unread: BytesMut,
}

impl Frames {
    pub(crate) async fn open(address: &str, path: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{address}{path}");
        let (opened, _) = client_async(url, stream).await.unwrap();
        Self {
            // The broadcaster says nothing before it is asked.
            stream: opened.into_inner(),
            unread: BytesMut::new(),
        }
    }

    /// Returns the next binary message, and answers pings before it.
    pub(crate) async fn read(&mut self) -> Bytes {
        loop {
            match self.take() {
                Some((BINARY, content)) => return content,
                Some((PING, content)) => self.write_frame(PONG, &content).await,
                Some((PONG, _)) => (),
                Some((opcode, content)) => panic!("{opcode}: {content:?}"),
                None => {
                    self.unread.reserve(4096);
                    let count = self.stream.read_buf(&mut self.unread).await.unwrap();
                    assert_ne!(count, 0, "it has ended");
                }
            }
        }
    }

    pub(crate) async fn write(&mut self, message: &[u8]) {
        self.write_frame(BINARY, message).await;
    }

    /// Takes a frame that is there as a whole.
    fn take(&mut self) -> Option<(u8, Bytes)> {
        let [first, second, rest @ ..] = &*self.unread else {
            return None;
        };
        assert_eq!(first & 0xf0, 0x80, "it is not all of a message");
        let (head, length) = match (second, rest) {
            (126, [high, low, ..]) => (4, u16::from_be_bytes([*high, *low]).into()),
            (126, _) => return None,
            (length, _) => (2, usize::from(*length)),
        };
        assert!(*second < 127, "it is long, or masked");
        let opcode = first & 0x0f;
        if self.unread.len() < head + length {
            return None;
        }
        self.unread.advance(head);
        Some((opcode, self.unread.split_to(length).freeze()))
    }

    async fn write_frame(&mut self, opcode: u8, content: &[u8]) {
        /// Each mask is as good as another one here.
        const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
        let mut frame = Vec::with_capacity(8 + content.len());
        frame.push(0x80 | opcode);
        match u8::try_from(content.len()) {
            Ok(length @ ..126) => frame.push(0x80 | length),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(
            content
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        self.stream.write_all(&frame).await.unwrap();
    }
}
