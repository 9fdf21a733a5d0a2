use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Error, origin::CHANNEL};

/// The control API of a proxy. The connection is kept for as long as the proxy keeps it.
#[derive(Debug)]
pub(crate) struct Control {
    address: SocketAddr,
    socket: Option<TcpStream>,
}

impl Control {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            socket: None,
        }
    }

    /// Publishes these messages, in one request.
    pub(crate) async fn publish(&mut self, messages: &[String]) -> Result<(), Error> {
        let items: Vec<Value> = messages
            .iter()
            .map(|content| {
                json!({"channel": CHANNEL, "formats": {
                    "http-stream": {"content": content},
                    "http-response": {"body": content},
                    "ws-message": {"content": content},
                }})
            })
            .collect();
        let body = json!({ "items": items }).to_string();
        let request = format!(
            "POST /publish/ HTTP/1.1\r\nHost: control\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let kept = self.socket.take();
        let is_kept = kept.is_some();
        let socket = match kept {
            Some(socket) => socket,
            None => self.connect().await?,
        };
        match self.send(socket, &request).await {
            // It may have been closed by the proxy after the last answer.
            Err(_) if is_kept => {
                let socket = self.connect().await?;
                self.send(socket, &request).await
            }
            sent => sent,
        }
    }

    async fn connect(&self) -> Result<TcpStream, Error> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }

    async fn send(&mut self, mut socket: TcpStream, request: &str) -> Result<(), Error> {
        socket.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        loop {
            if socket.read_buf(&mut answer).await? == 0 {
                break;
            }
            if is_whole(&answer) {
                if !contains(&answer, b"connection: close") {
                    self.socket = Some(socket);
                }
                break;
            }
        }
        let text = String::from_utf8_lossy(&answer);
        match text.split(' ').nth(1) {
            Some("200") => Ok(()),
            _ => Err(format!("publishing was answered by {text:?}").into()),
        }
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim_ascii().parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}

fn contains(answer: &[u8], text: &[u8]) -> bool {
    answer
        .to_ascii_lowercase()
        .windows(text.len())
        .any(|part| part == text)
}
