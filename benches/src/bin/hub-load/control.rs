use std::{collections::HashMap, net::SocketAddr};

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
        self.publish_to(CHANNEL, messages).await
    }

    /// Publishes these messages to another channel, in one request.
    pub(crate) async fn publish_to(
        &mut self,
        channel: &str,
        messages: &[String],
    ) -> Result<(), Error> {
        let items: Vec<Value> = messages
            .iter()
            .map(|content| {
                json!({"channel": channel, "formats": {
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
        self.ask(&request).await.map(drop)
    }

    /// The values of a hub's metrics by their names, added up over their labels.
    pub(crate) async fn metrics(&mut self) -> Result<HashMap<String, f64>, Error> {
        let text = self
            .ask("GET /metrics HTTP/1.1\r\nHost: control\r\n\r\n")
            .await?;
        let mut metrics = HashMap::new();
        for line in text
            .lines()
            .filter(|line| line.starts_with("gripware_hub_"))
        {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let name = name.split('{').next().unwrap_or(name);
            *metrics.entry(name.to_owned()).or_default() += value.parse::<f64>()?;
        }
        Ok(metrics)
    }

    async fn ask(&mut self, request: &str) -> Result<String, Error> {
        let kept = self.socket.take();
        let is_kept = kept.is_some();
        let socket = match kept {
            Some(socket) => socket,
            None => self.connect().await?,
        };
        match self.send(socket, request).await {
            // It may have been closed by the proxy after the last answer.
            Err(_) if is_kept => {
                let socket = self.connect().await?;
                self.send(socket, request).await
            }
            sent => sent,
        }
    }

    async fn connect(&self) -> Result<TcpStream, Error> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }

    async fn send(&mut self, mut socket: TcpStream, request: &str) -> Result<String, Error> {
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
            Some("200") => Ok(text.into_owned()),
            _ => Err(format!("the control API answered by {text:?}").into()),
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
