//! On whose threads clients are served, and applications are called.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{io, sync::Arc, thread};

use axum::{Router, extract::ConnectInfo, routing::get};
use gripware_axum::{GripLayer, Hold, WebSocketContext, WebSocketRejection, websocket};
use gripware_core::{HttpResponse, Item};
use gripware_hub::{Hub, RouteServices, Routes};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Mutex,
};

async fn whose() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

async fn get_body(client: &mut TcpStream, path: &str) -> io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    client.write_all(request.as_bytes()).await?;
    let mut reader = BufReader::new(client);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let line = line.trim_ascii().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().map_err(io::Error::other)?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    String::from_utf8(body).map_err(io::Error::other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_application_in_this_process_is_called_on_its_own_runtime() {
    let hub = Hub::new();
    let app = Router::new().route("/", get(whose));
    let services = RouteServices::new().with("app", app.clone());
    let routes = Routes::parse_with(["* pipe:app"], services).unwrap();
    let (served, routed) = (listen().await, listen().await);
    let addresses = [served.local_addr().unwrap(), routed.local_addr().unwrap()];
    tokio::spawn(hub.serve(served, app).into_future());
    tokio::spawn(hub.forward_by(routed, &routes).into_future());
    for address in addresses {
        let mut client = TcpStream::connect(address).await.unwrap();
        let name = get_body(&mut client, "/").await.unwrap();
        assert!(!name.starts_with("gripware-hub"), "{name}");
    }
}

#[tokio::test]
async fn where_an_origin_refuses_the_next_is_asked() {
    let (closed, origin, clients) = (listen().await, listen().await, listen().await);
    let [refusing, answering, address] =
        [&closed, &origin, &clients].map(|it| it.local_addr().unwrap());
    drop(closed);
    let app = Router::new().route("/", get(|| async { "there" }));
    tokio::spawn(axum::serve(origin, app).into_future());
    let routes = format!("* http://{refusing} http://{answering}");
    let routes = Routes::parse([routes.as_str()]).unwrap();
    tokio::spawn(Hub::new().forward_by(clients, &routes).into_future());
    let mut client = TcpStream::connect(address).await.unwrap();
    for _ in 0..4 {
        assert_eq!(get_body(&mut client, "/").await.unwrap(), "there");
    }
}

/// Answers each message with the name of the thread.
async fn tell(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    if ws.is_opening() {
        ws.accept();
    }
    while ws.receive()?.is_some() {
        // Whatever is waited for, it goes on there.
        tokio::task::yield_now().await;
        ws.send_text(whose().await)?;
    }
    Ok(ws)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn turns_run_on_the_threads_of_the_hub_where_that_is_set() {
    for (builder, is_own) in [
        (Hub::builder(), false),
        (Hub::builder().turns_on_own_threads(), true),
    ] {
        let hub = builder.build().unwrap();
        let app = Router::new()
            .route("/ws", websocket(tell))
            .layer(GripLayer::new(&hub.grip()));
        let listener = listen().await;
        let address = listener.local_addr().unwrap();
        tokio::spawn(hub.serve(listener, app).into_future());
        let mut socket = BufReader::new(TcpStream::connect(address).await.unwrap());
        let handshake =
            b"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        socket.write_all(handshake).await.unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert_ne!(socket.read_line(&mut line).await.unwrap(), 0);
        }
        for _ in 0..2 {
            // A text of one byte, with a mask of zeros.
            let frame = [0x81, 0x81, 0, 0, 0, 0, b'?'];
            socket.write_all(&frame).await.unwrap();
            let mut head = [0; 2];
            socket.read_exact(&mut head).await.unwrap();
            assert_eq!(head[0], 0x81);
            let mut name = vec![0; head[1].into()];
            socket.read_exact(&mut name).await.unwrap();
            let name = String::from_utf8(name).unwrap();
            assert_eq!(name.starts_with("gripware-hub"), is_own, "{name}");
        }
    }
}

/// What a client does that polls: a request, a hold that an item ends, and a request again.
#[tokio::test]
async fn clients_of_an_application_elsewhere_come_back_from_their_holds() {
    let hub = Hub::builder().shards(2).build().unwrap();
    let peers = Arc::new(Mutex::new(Vec::new()));
    let app = Router::new()
        .route("/poll", get(|| async { Hold::response("news") }))
        .route(
            "/",
            get({
                let peers = Arc::clone(&peers);
                move |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>| async move {
                    peers.lock().await.push(peer);
                    "plain"
                }
            }),
        )
        .layer(GripLayer::new(&hub.grip()));
    let origin = listen().await;
    let address = format!("http://{}", origin.local_addr().unwrap());
    let app = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(axum::serve(origin, app).into_future());
    let listener = listen().await;
    let hub_address = listener.local_addr().unwrap();
    tokio::spawn(hub.forward(listener, &address).unwrap().into_future());

    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(TcpStream::connect(hub_address).await.unwrap());
    }
    for round in 0..3 {
        for client in &mut clients {
            assert_eq!(get_body(client, "/").await.unwrap(), "plain");
        }
        let polls = clients.drain(..).map(|mut client| async move {
            let body = get_body(&mut client, "/poll").await.unwrap();
            (client, body)
        });
        let polls: Vec<_> = polls.map(tokio::spawn).collect();
        while hub.connections().await.len() < 4 {
            tokio::task::yield_now().await;
        }
        let item = Item::from(HttpResponse::text(format!("item {round}")));
        assert_eq!(hub.publish("news", item).await.unwrap().response, 4);
        for poll in polls {
            let (client, body) = poll.await.unwrap();
            assert_eq!(body, format!("item {round}"));
            clients.push(client);
        }
    }
    // As many as have asked at once: the polls of all clients.
    let mut peers = peers.lock().await.clone();
    peers.sort_unstable();
    peers.dedup();
    assert!(peers.len() <= 4, "{peers:?}");
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}
