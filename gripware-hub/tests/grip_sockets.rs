//! An application that speaks GRIP on its own WebSockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics"
)]

mod support;

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use gripware_axum::WsMessage;
use gripware_hub::{ConnectionKind, Hub, Routes};
use hyper::{client::conn::http2::handshake, ext::Protocol, upgrade::Upgraded};
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::{Client, PATIENCE};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// The application's end of a WebSocket.
struct Socket(TokioIo<Upgraded>);

impl Socket {
    async fn sends(&mut self, text: &str) {
        let mut frame = vec![0x80 | TEXT, text.len() as u8];
        frame.extend_from_slice(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    /// Reads a short frame, which is masked; `None` at the end.
    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let reading = async {
            let mut head = [0; 6];
            self.0.read_exact(&mut head).await.ok()?;
            let [first, length, mask @ ..] = head;
            assert!(length >= 0x80, "it is not masked");
            let mut payload = vec![0; usize::from(length & 0x7f)];
            self.0.read_exact(&mut payload).await.ok()?;
            let masks = mask.iter().cycle();
            payload
                .iter_mut()
                .zip(masks)
                .for_each(|(byte, mask)| *byte ^= mask);
            Some((first & 0xf, payload))
        };
        timeout(PATIENCE, reading)
            .await
            .expect("a frame or the end")
    }
}

/// Takes the handshake, and hands its socket to the test.
async fn socket(State(opened): State<mpsc::UnboundedSender<Socket>>, request: Request) -> Response {
    let extensions = request.headers()["sec-websocket-extensions"].clone();
    assert_eq!(extensions, "grip");
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let _ = opened.send(Socket(TokioIo::new(upgrade.await.unwrap())));
    });
    let headers = [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("sec-websocket-extensions", "grip"),
    ];
    let headers = headers.map(|(name, value)| {
        let value = HeaderValue::from_static(value);
        (name.parse().unwrap(), value)
    });
    (
        StatusCode::SWITCHING_PROTOCOLS,
        HeaderMap::from_iter(headers),
    )
        .into_response()
}

struct Site {
    hub: Hub,
    address: SocketAddr,
    opened: mpsc::UnboundedReceiver<Socket>,
}

/// How the application is reached.
#[derive(Clone, Copy, Debug)]
enum Way {
    Inside,
    Front,
    Route,
}

impl Site {
    async fn start(way: Way) -> Self {
        let hub = Hub::builder().build().unwrap();
        let (sender, opened) = mpsc::unbounded_channel();
        let app = Router::new().route("/ws", get(socket)).with_state(sender);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = match way {
            Way::Inside => hub.serve(listener, app),
            Way::Front => {
                drop(listener);
                let (inner, serve) = hub.front(address).await.unwrap();
                let inner = TcpListener::from_std(inner).unwrap();
                tokio::spawn(async { axum::serve(inner, app).await });
                serve
            }
            Way::Route => {
                let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let route = format!(
                    "*,path_beg=/ws http://{},native_ws",
                    inner.local_addr().unwrap()
                );
                tokio::spawn(async { axum::serve(inner, app).await });
                let routes = Routes::parse([&*route]).unwrap();
                hub.forward_by(listener, &routes)
            }
        };
        tokio::spawn(serve.into_future());
        Self {
            hub,
            address,
            opened,
        }
    }

    async fn open(&mut self) -> (Client, Socket) {
        let mut client = Client::new(TcpStream::connect(self.address).await.unwrap());
        client.upgrades("/ws").await;
        (client, self.opened().await)
    }

    /// The same by an extended CONNECT (RFC 8441).
    async fn open_over_http2(&mut self) -> (Client<TokioIo<Upgraded>>, Socket) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        // The hub's settings say that it may be asked for: they have come with an answer.
        let plain = hyper::Request::builder().uri("http://h/plain");
        let plain = client.send_request(plain.body(String::new()).unwrap());
        plain.await.unwrap();
        let request = hyper::Request::builder()
            .method("CONNECT")
            .uri("http://h/ws")
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static("websocket"));
        let request = client.send_request(request.body(String::new()).unwrap());
        let answer = request.await.unwrap();
        assert_eq!(answer.status(), 200);
        for gone in [
            "sec-websocket-accept",
            "sec-websocket-extensions",
            "upgrade",
        ] {
            assert!(!answer.headers().contains_key(gone), "{gone}");
        }
        let stream = hyper::upgrade::on(answer).await.unwrap();
        (Client::new(TokioIo::new(stream)), self.opened().await)
    }

    async fn opened(&mut self) -> Socket {
        let socket = timeout(PATIENCE, self.opened.recv()).await;
        socket.unwrap().unwrap()
    }

    async fn followed(&self, count: usize) {
        let followed = async {
            while self
                .hub
                .channels()
                .first()
                .map_or(0, |it| it.subscribers.websocket)
                != count
            {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, followed).await.expect("it is followed");
    }
}

#[tokio::test]
async fn it_is_obeyed_and_what_is_published_comes_in_between() {
    for way in [Way::Inside, Way::Front, Way::Route] {
        let mut site = Site::start(way).await;
        let (client, socket) = site.open().await;
        is_obeyed(&site, client, socket).await;
    }
}

#[tokio::test]
async fn it_is_obeyed_for_clients_over_http_2() {
    for way in [Way::Inside, Way::Front, Way::Route] {
        let mut site = Site::start(way).await;
        let (client, socket) = site.open_over_http2().await;
        is_obeyed(&site, client, socket).await;
    }
}

async fn is_obeyed<S>(site: &Site, mut client: Client<S>, mut socket: Socket)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    socket
        .sends(r#"c:{"type":"subscribe","channel":"news"}"#)
        .await;
    socket.sends("m:hello").await;
    assert_eq!(client.frame().await, (TEXT, b"hello".to_vec()));
    site.followed(1).await;
    assert_eq!(
        site.hub
            .publish("news", WsMessage::text("item"))
            .await
            .unwrap()
            .websocket,
        1
    );
    assert_eq!(client.frame().await, (TEXT, b"item".to_vec()));
    client.sends_frame(TEXT, b"what the client says").await;
    assert_eq!(socket.frame().await.unwrap().1, b"what the client says");
    let [info] = &site.hub.connections().await[..] else {
        panic!("one is held");
    };
    assert_eq!(info.kind, ConnectionKind::WebSocket);
    assert_eq!(info.channels, ["news"]);
    assert!(site.hub.close(&info.id).await);
    assert_eq!(client.frame().await, (CLOSE, b"\x03\xe8".to_vec()));
    client.sends_frame(CLOSE, b"\x03\xe8").await;
    assert_eq!(socket.frame().await.unwrap(), (CLOSE, b"\x03\xe8".to_vec()));
    assert!(socket.frame().await.is_none());
    site.followed(0).await;
}

#[tokio::test]
async fn a_client_over_http_2_that_leaves_and_an_application_that_does_are_noticed() {
    let mut site = Site::start(Way::Route).await;
    let (client, mut socket) = site.open_over_http2().await;
    drop(client);
    assert!(socket.frame().await.is_none());

    let (mut client, mut socket) = site.open_over_http2().await;
    socket.sends("m:last").await;
    assert_eq!(client.frame().await, (TEXT, b"last".to_vec()));
    drop(socket);
    assert_eq!(client.reads_to_end().await, "");
}

#[tokio::test]
async fn the_hubs_end_closes_both_sides() {
    let mut site = Site::start(Way::Inside).await;
    let (mut client, mut socket) = site.open().await;
    let hub = site.hub.clone();
    let ending = tokio::spawn(async move { hub.shutdown().await });
    assert_eq!(client.frame().await, (CLOSE, b"\x03\xe9".to_vec()));
    client.sends_frame(CLOSE, b"\x03\xe9").await;
    assert_eq!(socket.frame().await.unwrap(), (CLOSE, b"\x03\xe9".to_vec()));
    drop(client);
    timeout(PATIENCE, ending).await.expect("it ends").unwrap();
}
