//! A client that does as little as it can.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::Error;

/// A program under Valgrind is some fifty times as slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Error> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            socket,
            read: Vec::new(),
        })
    }

    /// Sends a request, with the headers of a small browser.
    pub(crate) fn get(&mut self, path: &str) -> Result<(), Error> {
        self.send(format!(
            "GET {path} HTTP/1.1\r\nHost: example.org\r\nUser-Agent: Mozilla/5.0\r\n\
             Accept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
        ))
    }

    /// Opens a WebSocket.
    pub(crate) fn open(&mut self, path: &str) -> Result<(), Error> {
        self.send(format!(
            "GET {path} HTTP/1.1\r\nHost: example.org\r\nUser-Agent: Mozilla/5.0\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))?;
        self.read_until("\r\n\r\n")
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
        Ok(self.socket.write_all(bytes.as_ref())?)
    }

    /// Reads until what has come ends with this, and forgets it.
    pub(crate) fn read_until(&mut self, end: &str) -> Result<(), Error> {
        let mut chunk = [0; 4096];
        while !self.read.ends_with(end.as_bytes()) {
            let length = self.socket.read(&mut chunk)?;
            self.read
                .extend_from_slice(chunk.get(..length).unwrap_or_default());
            if length == 0 || self.read.len() > 64 * 1024 {
                let read = String::from_utf8_lossy(&self.read);
                return Err(format!("{end:?} does not come, but {read:?}").into());
            }
        }
        self.read.clear();
        Ok(())
    }
}
