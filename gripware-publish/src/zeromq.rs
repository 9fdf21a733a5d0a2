//! The near end of a ZeroMQ connection: ZMTP 3.0 over TCP with the mechanism NULL.
//!
//! A PUSH socket greets, says its type, and writes messages. That is little enough to have here,
//! and a library in between would take items into a queue of its own, from which nothing tells
//! when they have left.

use std::io::{Error, ErrorKind};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Mutex,
};

use crate::{
    delivery::{Failed, Retry},
    failure::FailureReason,
};

const GREETING_LEN: usize = 64;
const COMMAND: u8 = 4;
const LONG: u8 = 2;
/// The most bytes of the peer's first command. One has its type and maybe its name.
const MAX_COMMAND: u8 = 255;
/// Says that what follows is JSON (GRIP 3.4).
const JSON: u8 = b'J';

/// A PUSH socket that connects when there is something to send.
#[derive(Debug)]
pub(crate) struct Push {
    authority: String,
    /// Taken out while it is written to, so that half a message is never followed by another.
    stream: Mutex<Option<TcpStream>>,
}

impl Push {
    pub(crate) fn new(authority: String) -> Self {
        Self {
            authority,
            stream: Mutex::new(None),
        }
    }

    /// Writes items, each as a message.
    pub(crate) async fn send(&self, items: impl Iterator<Item = &Bytes>) -> Result<(), Failed> {
        let mut slot = self.stream.lock().await;
        let mut stream = match slot.take().filter(is_alive) {
            Some(stream) => stream,
            None => connect(&self.authority, b"PUSH").await.map_err(|error| {
                let message = error.to_string();
                Failed::new(FailureReason::Connect { message }, Retry::Always)
            })?,
        };
        let messages = messages(items);
        stream.write_all(&messages).await.map_err(|error| {
            let message = error.to_string();
            Failed::new(FailureReason::Broken { message }, Retry::WithId)
        })?;
        *slot = Some(stream);
        Ok(())
    }
}

/// Whether the peer is still there, as far as is known. It has nothing to say to a PUSH socket
/// but that it goes.
fn is_alive(stream: &TcpStream) -> bool {
    let mut ignored = [0; 64];
    loop {
        match stream.try_read(&mut ignored) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

/// Connects as a socket of a kind: `PUSH` or `REQ`.
pub(crate) async fn connect(authority: &str, kind: &[u8]) -> Result<TcpStream, Error> {
    let mut stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&greeting()).await?;
    let mut theirs = [0; GREETING_LEN];
    stream.read_exact(&mut theirs).await?;
    check_greeting(&theirs)?;
    stream.write_all(&ready(kind)).await?;
    let (mut flags, mut length) = (0, 0);
    for byte in [&mut flags, &mut length] {
        *byte = stream.read_u8().await?;
    }
    if flags != COMMAND || length == MAX_COMMAND {
        return Err(refused("the peer did not start with a command"));
    }
    let mut command = vec![0; usize::from(length)];
    stream.read_exact(&mut command).await?;
    if !command.starts_with(b"\x05READY") {
        return Err(refused("the peer refused the connection"));
    }
    Ok(stream)
}

fn greeting() -> [u8; GREETING_LEN] {
    let mut greeting = [0; GREETING_LEN];
    // A signature of ten bytes, the version, the mechanism padded to 20 bytes, and zeros.
    let start = b"\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL";
    for (to, from) in greeting.iter_mut().zip(start) {
        *to = *from;
    }
    greeting
}

fn check_greeting(greeting: &[u8; GREETING_LEN]) -> Result<(), Error> {
    let [
        0xff,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        0x7f,
        version,
        _,
        mechanism @ ..,
    ] = greeting
    else {
        return Err(refused("the peer does not speak ZMTP"));
    };
    if *version < 3 {
        return Err(refused("the peer speaks ZMTP below 3"));
    }
    if !mechanism.starts_with(b"NULL\0") {
        return Err(refused("the peer asks for a security mechanism"));
    }
    Ok(())
}

/// The command that says what kind of socket this is.
fn ready(kind: &[u8]) -> Vec<u8> {
    let mut command = b"\x05READY\x0bSocket-Type\0\0\0".to_vec();
    command.push(u8::try_from(kind.len()).unwrap_or_default());
    command.extend_from_slice(kind);
    let mut frame = vec![COMMAND, u8::try_from(command.len()).unwrap_or_default()];
    frame.append(&mut command);
    frame
}

fn messages<'a>(items: impl Iterator<Item = &'a Bytes>) -> Vec<u8> {
    let mut out = Vec::new();
    for json in items {
        frame(&mut out, json.len() + 1);
        out.push(JSON);
        out.extend_from_slice(json);
    }
    out
}

/// Writes what stands before the last or only frame of a message.
pub(crate) fn frame(out: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(length) => out.extend_from_slice(&[0, length]),
        Err(_) => {
            out.push(LONG);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

pub(crate) fn refused(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_its_length_in_one_byte_or_in_eight() {
        let items = [
            Bytes::from_static(b"{}"),
            Bytes::from(vec![b'x'; 254]),
            Bytes::from(vec![b'x'; 255]),
        ];
        let out = messages(items.iter());
        let (first, rest) = out.split_at(5);
        assert_eq!(first, b"\0\x03J{}");
        let (second, third) = rest.split_at(257);
        assert!(second.starts_with(b"\0\xffJx"));
        assert!(third.starts_with(b"\x02\0\0\0\0\0\0\x01\0Jx"));
        assert_eq!(third.len(), 9 + 256);
    }

    #[test]
    fn a_peer_that_is_no_zeromq_is_told_apart() {
        let with = |change: fn(&mut [u8; GREETING_LEN])| {
            let mut theirs = greeting();
            change(&mut theirs);
            check_greeting(&theirs).map_err(|error| error.to_string())
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|greeting| greeting[11] = 1), Ok(()), "ZMTP 3.1");
        assert!(
            with(|greeting| greeting[0] = b'H')
                .unwrap_err()
                .contains("ZMTP")
        );
        assert!(
            with(|greeting| greeting[10] = 1)
                .unwrap_err()
                .contains("below")
        );
        assert!(
            with(|greeting| greeting[12] = b'P')
                .unwrap_err()
                .contains("security")
        );
    }
}
