use std::{
    env,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;

use super::{Held, Origin, Running, Side};
use crate::{Error, clients::Control};

/// The argument that makes this program the bare loop.
pub(crate) const ARGUMENT: &str = "--bare-loop";

const STREAM: &[u8] = b"GET /stream HTTP/1.1\r\nHost: load\r\n\r\n";

const HELD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";

const PUBLISHED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nPublished\n";

/// Starts what a message to many streams costs at least: one thread that writes it to each, by a
/// blocking call, in a process of its own.
pub(super) fn start(origin: &Origin) -> Result<Running, Error> {
    let mut command = Command::new(env::current_exe()?);
    command.args([ARGUMENT, &origin.address().to_string()]);
    Running::start(
        Side::Bare,
        &mut command,
        Control::grip,
        Held::Count(origin.count()),
    )
}

/// A client, and whether it is a WebSocket.
type Client = (TcpStream, bool);

/// The process: it asks the origin about each client, as a proxy does, and holds it whatever the
/// answer.
pub(crate) fn run(origin: &str) -> Result<(), Error> {
    let clients = TcpListener::bind("127.0.0.1:0")?;
    let control = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", clients.local_addr()?);
    println!("control on {}", control.local_addr()?);
    let held = Arc::new(Mutex::new(Vec::new()));
    let mut origin = TcpStream::connect(origin)?;
    let publishing = Arc::clone(&held);
    thread::spawn(move || {
        for socket in control.incoming().flatten() {
            let _ = publish(socket, &publishing);
        }
    });
    for socket in clients.incoming() {
        // Who comes to nothing here has closed the connection.
        let _ = hold(socket?, &mut origin, &held);
    }
    Ok(())
}

fn hold(
    mut socket: TcpStream,
    origin: &mut TcpStream,
    held: &Mutex<Vec<Client>>,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let request = read_head(&mut socket)?;
    if request.starts_with(b"GET /plain ") {
        return socket.write_all(PLAIN);
    }
    let is_websocket = request.starts_with(b"GET /websocket ");
    // The origin is asked for a hold of any kind alike.
    origin.write_all(STREAM)?;
    read_head(origin)?;
    socket.write_all(if is_websocket { UPGRADED } else { HELD })?;
    if let Ok(mut held) = held.lock() {
        held.push((socket, is_websocket));
    }
    Ok(())
}

fn publish(mut control: TcpStream, held: &Mutex<Vec<Client>>) -> Result<(), Error> {
    loop {
        let head = String::from_utf8(read_head(&mut control)?)?;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let (_, begun) = head.split_once("\r\n\r\n").ok_or("no end of the head")?;
        let missing = length.ok_or("no length")?.parse::<usize>()? - begun.len();
        let mut rest = vec![0; missing];
        control.read_exact(&mut rest)?;
        let body = [begun.as_bytes(), &rest].concat();
        let body: Value = serde_json::from_slice(&body)?;
        // Whatever its clients are, it has one format.
        let formats = body.pointer("/items/0/formats").and_then(Value::as_object);
        let content = formats.and_then(|formats| formats.values().next()?.get("content"));
        let content = content.and_then(Value::as_str).ok_or("no content")?;
        let chunk = format!("{:x}\r\n{content}\r\n", content.len());
        let frame = frame(content)?;
        if let Ok(mut held) = held.lock() {
            held.retain_mut(|(socket, is_websocket)| {
                let bytes = if *is_websocket {
                    &frame
                } else {
                    chunk.as_bytes()
                };
                socket.write_all(bytes).is_ok()
            });
        }
        control.write_all(PUBLISHED)?;
    }
}

/// A text of up to 125 bytes (RFC 6455, 5.2).
fn frame(content: &str) -> Result<Vec<u8>, Error> {
    let length = u8::try_from(content.len())
        .ok()
        .filter(|length| *length < 126);
    let length = length.ok_or("a message is too long for the bare loop")?;
    Ok([&[0x81, length], content.as_bytes()].concat())
}

/// Whatever comes until a head has ended.
fn read_head(socket: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = socket.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
    Ok(bytes)
}
