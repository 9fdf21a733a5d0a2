use std::{collections::HashMap, net::SocketAddr};

use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Kind;
use crate::{Error, sides::CHANNEL};

/// How something is published at a server.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    /// GRIP's control API: any number of items in one request.
    Grip,
    /// nchan's publisher endpoint: a message in each request, of which several go at once
    /// (pipelining).
    Nchan,
}

/// Where something is published. The connection is kept for as long as the server keeps it.
#[derive(Debug)]
pub(crate) struct Control {
    address: SocketAddr,
    protocol: Protocol,
    socket: Option<TcpStream>,
}

impl Control {
    /// The control API of a GRIP proxy.
    pub(crate) fn grip(address: SocketAddr) -> Self {
        Self::new(address, Protocol::Grip)
    }

    /// The publisher endpoint of nchan.
    pub(crate) fn nchan(address: SocketAddr) -> Self {
        Self::new(address, Protocol::Nchan)
    }

    fn new(address: SocketAddr, protocol: Protocol) -> Self {
        Self {
            address,
            protocol,
            socket: None,
        }
    }

    /// Publishes these messages for clients of one kind.
    pub(crate) async fn publish(&mut self, kind: Kind, messages: &[String]) -> Result<(), Error> {
        self.send_all(CHANNEL, &[kind], messages).await
    }

    /// Publishes these messages to another channel, for clients of all kinds.
    pub(crate) async fn publish_to(
        &mut self,
        channel: &str,
        messages: &[String],
    ) -> Result<(), Error> {
        self.send_all(channel, &Kind::ALL, messages).await
    }

    async fn send_all(
        &mut self,
        channel: &str,
        kinds: &[Kind],
        messages: &[String],
    ) -> Result<(), Error> {
        let (requests, answers) = match self.protocol {
            Protocol::Grip => (grip(channel, kinds, messages), 1),
            Protocol::Nchan => {
                let requests = messages.iter().map(|it| nchan(channel, it)).collect();
                (requests, messages.len())
            }
        };
        self.ask(&requests, answers).await.map(drop)
    }

    /// Sends a request with a body, and returns its answer.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Result<String, Error> {
        self.ask(&post(path, body), 1).await
    }

    /// Asks for what is there, and returns the answer.
    pub(crate) async fn get(&mut self, path: &str) -> Result<String, Error> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: control\r\n\r\n");
        self.ask(&request, 1).await
    }

    /// The values of a hub's metrics by their names, added up over their labels.
    pub(crate) async fn metrics(&mut self) -> Result<HashMap<String, f64>, Error> {
        let text = self.get("/metrics").await?;
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

    async fn ask(&mut self, requests: &str, answers: usize) -> Result<String, Error> {
        let kept = self.socket.take();
        let is_kept = kept.is_some();
        let socket = match kept {
            Some(socket) => socket,
            None => self.connect().await?,
        };
        match self.send(socket, requests, answers).await {
            // It may have been closed by the server after the last answer.
            Err(_) if is_kept => {
                let socket = self.connect().await?;
                self.send(socket, requests, answers).await
            }
            sent => sent,
        }
    }

    async fn connect(&self) -> Result<TcpStream, Error> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }

    async fn send(
        &mut self,
        mut socket: TcpStream,
        requests: &str,
        answers: usize,
    ) -> Result<String, Error> {
        let (mut from, mut to) = socket.split();
        let mut read = Vec::new();
        // Answers are read meanwhile: whoever is not heard stops to listen.
        let (written, missing) = tokio::join!(to.write_all(requests.as_bytes()), async {
            let mut missing = answers;
            while missing > 0 {
                match whole(&read) {
                    Some(length) => {
                        missing -= 1;
                        check(read.get(..length).unwrap_or_default())?;
                        if missing > 0 {
                            read.drain(..length);
                        }
                    }
                    None if from.read_buf(&mut read).await? == 0 => break,
                    None => {}
                }
            }
            Ok::<_, Error>(missing)
        });
        written?;
        let missing = missing?;
        let text = String::from_utf8_lossy(&read).into_owned();
        // Without a length the end of the connection is that of the answer.
        if missing > 0 {
            check(&read)?;
        }
        let is_closed = missing > 0 || text.to_ascii_lowercase().contains("connection: close");
        if !is_closed {
            self.socket = Some(socket);
        }
        Ok(text)
    }
}

fn grip(channel: &str, kinds: &[Kind], messages: &[String]) -> String {
    let item = |content: &String| {
        let formats: Map<String, Value> = kinds
            .iter()
            .map(|kind| match kind {
                Kind::Stream => ("http-stream", json!({"content": content})),
                Kind::Response => ("http-response", json!({"body": content})),
                Kind::WebSocket => ("ws-message", json!({"content": content})),
            })
            .map(|(name, format)| (name.to_owned(), format))
            .collect();
        json!({"channel": channel, "formats": formats})
    };
    let items: Vec<Value> = messages.iter().map(item).collect();
    post("/publish/", &json!({ "items": items }).to_string())
}

fn nchan(channel: &str, message: &str) -> String {
    post(&format!("/publish?{channel}"), message)
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: control\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The length of the first answer, where it is here whole and says how long it is.
fn whole(answers: &[u8]) -> Option<usize> {
    let head = answers.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(answers.get(..head)?).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim_ascii().parse::<usize>().ok())?;
    let length = head.checked_add(length)?;
    (answers.len() >= length).then_some(length)
}

/// An answer that is none is an error.
fn check(answer: &[u8]) -> Result<(), Error> {
    let text = String::from_utf8_lossy(answer);
    match text.split(' ').nth(1) {
        // nchan says whether there are subscribers, 201, or none, 202.
        Some("200" | "201" | "202") => Ok(()),
        _ => Err(format!("publishing was answered by {text:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_came_at_once_are_told_apart() {
        let one = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let two = [one.as_slice(), b"HTTP/1.1 500 No"].concat();
        assert_eq!(whole(&two), Some(one.len()));
        assert_eq!(whole(two.get(one.len()..).unwrap()), None);
        assert_eq!(whole(one.get(..one.len() - 1).unwrap()), None);
        assert!(check(one).is_ok());
        assert!(check(b"HTTP/1.1 403 Forbidden\r\n\r\n").is_err());
    }

    #[test]
    fn each_message_is_a_request_of_its_own_at_nchan() {
        let messages = ["a".to_owned(), "b".to_owned()];
        let requests: String = messages.iter().map(|it| nchan("load", it)).collect();
        assert_eq!(requests.matches("POST /publish?load HTTP/1.1").count(), 2);
        assert_eq!(
            grip("load", &Kind::ALL, &messages).matches("POST ").count(),
            1
        );
    }
}
