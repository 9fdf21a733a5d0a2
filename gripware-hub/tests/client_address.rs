//! Where handlers of axum find the client's address.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod support;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Extension, Router,
    extract::ConnectInfo,
    response::{IntoResponse, Response},
    routing::{any, get},
    serve::ListenerExt as _,
};
use gripware_axum::{Channel, GripContext, GripLayer, Hold, WebSocketContext};
use gripware_hub::{ClientAddr, Hub, Listener, RouteServices, Routes};
use support::Client;
use tokio::net::{TcpListener, TcpStream};

type Address = ConnectInfo<SocketAddr>;

async fn socket(ConnectInfo(address): Address, mut ws: WebSocketContext) -> WebSocketContext {
    if ws.is_opening() {
        ws.accept();
    }
    while ws.receive().unwrap().is_some() {
        ws.send(address.to_string()).unwrap();
    }
    ws
}

/// Holds, and answers when it is asked again.
async fn poll(ConnectInfo(address): Address, cx: GripContext) -> Response {
    if cx.last().get("orders").is_some() {
        return address.to_string().into_response();
    }
    let channel = Channel::new("orders").unwrap().with_prev_id("1").unwrap();
    Hold::response(channel).into_response()
}

/// A listener of tokio, one of axum's shape, and one of any other.
async fn listeners() -> [(SocketAddr, Listener); 3] {
    let [plain, axums, other] = {
        let bind = || TcpListener::bind("127.0.0.1:0");
        [
            bind().await.unwrap(),
            bind().await.unwrap(),
            bind().await.unwrap(),
        ]
    };
    let [first, second, third] = [&plain, &axums, &other].map(|it| it.local_addr().unwrap());
    let axums = Listener::axum(axums.tap_io(|stream| stream.set_nodelay(true).unwrap()));
    let other = Arc::new(other);
    let other = Listener::from_fn(move || {
        let other = Arc::clone(&other);
        async move {
            let (stream, peer) = other.accept().await?;
            Ok((tokio::io::BufStream::new(stream), Some(peer)))
        }
    });
    [(first, plain.into()), (second, axums), (third, other)]
}

async fn served(listener: Listener) -> Hub {
    let hub = Hub::new();
    let app = Router::new()
        .route(
            "/plain",
            get(
                |ConnectInfo(at): Address, Extension(same): Extension<ClientAddr>| async move {
                    assert_eq!(same.0, at);
                    format!("{at}\n")
                },
            ),
        )
        .route("/socket", any(socket))
        .route("/poll", get(poll))
        .layer(GripLayer::new(&hub.grip()));
    tokio::spawn(hub.serve(listener, app).into_future());
    hub
}

#[tokio::test]
async fn a_plain_request_and_every_turn_of_a_websocket_have_it() {
    for (address, listener) in listeners().await {
        let _hub = served(listener).await;
        let stream = TcpStream::connect(address).await.unwrap();
        let own = stream.local_addr().unwrap().to_string();
        let mut client = Client::new(stream);
        client.asks("/plain").await;
        let answer = client.reads_until("\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(client.reads_until("\n").await, format!("{own}\n"));
        client.upgrades("/socket").await;
        for _ in 0..2 {
            client.sends_frame(1, b"who am I").await;
            assert_eq!(client.frame().await, (1, own.clone().into_bytes()));
        }
    }
}

#[tokio::test]
async fn a_service_of_routes_that_come_while_a_hub_serves_has_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Routes::parse(["* http://127.0.0.1:1"]).unwrap();
    tokio::spawn(Hub::new().forward_by(listener, &routes).into_future());
    let whose = |ConnectInfo(at): Address| async move { format!("{at}\n") };
    let app = Router::new().route("/plain", get(whose));
    let services = RouteServices::new().with("app", app);
    routes.replace(&Routes::parse_with(["* pipe:app"], services).unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    let mut client = Client::new(stream);
    client.asks("/plain").await;
    client.reads_until("\r\n\r\n").await;
    assert_eq!(client.reads_until("\n").await, format!("{own}\n"));
}

#[tokio::test]
async fn a_long_poll_that_is_asked_again_has_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hub = served(listener.into()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    let mut client = Client::new(stream);
    client.asks("/poll").await;
    while hub.channels().is_empty() {
        tokio::task::yield_now().await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let control = TcpStream::connect(listener.local_addr().unwrap()).await;
    tokio::spawn(hub.control(listener).into_future());
    let mut control = Client::new(control.unwrap());
    let recover = "POST /recover/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    control.sends(recover).await;
    client.reads_until(&own).await;
}
