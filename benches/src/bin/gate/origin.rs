//! An application behind an address, which is not counted.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
const HOLD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nGrip-Hold: stream\r\n\
                    Grip-Channel: news\r\nContent-Length: 2\r\n\r\nok";

/// Starts it: `/hold` is the hold of a stream, and all else a plain answer.
pub(crate) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            // It ends with its connection.
            thread::spawn(move || serve(socket));
        }
    });
    Ok(address)
}

/// Answers requests without a body.
fn serve(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let length = socket.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        read.extend_from_slice(chunk.get(..length).unwrap_or_default());
        if read.ends_with(b"\r\n\r\n") {
            let is_hold = read.starts_with(b"GET /hold ");
            socket.write_all(if is_hold { HOLD } else { PLAIN }.as_bytes())?;
            read.clear();
        }
    }
}
