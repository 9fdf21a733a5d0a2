//! An application that speaks WebSocket-over-HTTP and counts the turns without events of each
//! connection.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// How many turns a connection had, by its id. A client that Pushpin lost may still be one of its
/// connections, and has turns of its own.
type Turns = Arc<Mutex<HashMap<String, usize>>>;

/// Returns its address, and the ids of the connections that open.
pub(crate) async fn start() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (opened, ids) = mpsc::unbounded_channel();
    let turns = Turns::default();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, opened.clone(), Arc::clone(&turns)));
        }
    });
    (address, ids)
}

async fn serve(stream: TcpStream, opened: mpsc::UnboundedSender<String>, turns: Turns) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut length, mut id) = (0, String::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_ascii_end();
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(": ") else {
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "connection-id" => id = value.to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let answer = match &body[..] {
            b"" => {
                let mut turns = turns.lock().unwrap();
                let turn = turns.entry(id).or_default();
                *turn += 1;
                event("TEXT", &format!("m:turn {turn}"))
            }
            body if body.starts_with(b"OPEN\r\n") => {
                let _ = opened.send(id);
                let subscribe = r#"c:{"type":"subscribe","channel":"room"}"#;
                format!("OPEN\r\n{}", event("TEXT", subscribe))
            }
            _ => String::new(),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/websocket-events\r\n\
             Sec-WebSocket-Extensions: grip\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        let whole = format!("{head}{answer}");
        if stream.write_all(whole.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn event(kind: &str, content: &str) -> String {
    format!("{kind} {:x}\r\n{content}\r\n", content.len())
}
