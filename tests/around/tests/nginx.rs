//! nginx in front of a hub, and a hub in front of nginx.

use std::net::SocketAddr;

use gripware_around::{
    Around, Axum, Difference, Files, Nginx, Served, Transcript, Visitor, differences::*, script,
};
use gripware_hub::Hub;
use gripware_interop::{AXUM, Frame, Front, ISSUER, KEY, Layout, Origin, Request, Site, Socket};
use http::Version;
use serde_json::json;

/// nginx in front of the application, and then of a hub with it inside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_front_of_a_hub() {
    let files = Files::new();
    let mut seen = Vec::new();
    for around in [Around::Nothing, Around::Serve] {
        let hub = Hub::builder().trust_forwarded(true).build();
        let app = Axum::router(&files);
        let served = Served::axum_with(hub.expect("a hub"), app, around).await;
        let nginx = Nginx::start(served.address(), None).await;
        let visitor = Visitor::new(nginx.address(), Version::HTTP_11);
        seen.push(visit(&visitor).await);
    }
    seen[0].is_kept_by(&seen[1], &[SIGNED, APPENDED]);
}

/// The application behind nginx, which serves the files, and then a hub in front of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_hub() {
    let files = Files::new();
    let mut seen = Vec::new();
    for around in [Around::Nothing, Around::Program] {
        let served = Served::axum(Axum::router(&files), Around::Nothing).await;
        let nginx = Nginx::start(served.address(), Some(files.root())).await;
        let hub = match around {
            Around::Nothing => None,
            _ => Some(Served::behind_program(nginx.address()).await),
        };
        let address = hub.as_ref().map_or(nginx.address(), Served::address);
        seen.push(visit(&Visitor::new(address, Version::HTTP_11)).await);
    }
    let differences = [SIGNED, APPENDED, HALF_CLOSED, OWN_SERVER, HTTP_1_0, KEPT];
    seen[0].is_kept_by(&seen[1], &differences);
}

/// Each of the two names who has asked it.
const APPENDED: Difference = Difference {
    steps: &[],
    without: &["| x-forwarded-for: 127.9.9.9", "| told 127.9.9.9"],
    with: &[
        "| x-forwarded-for: 127.9.9.9, 127.0.0.1",
        "| told 127.9.9.9, 127.0.0.1",
    ],
    why: "the second of two proxies names the first, behind the client",
};

/// nginx's name in an answer that only comes with the hub.
const OWN_SERVER: Difference = Difference {
    steps: &["a client that has said all"],
    without: &[],
    with: &["server: nginx"],
    why: HALF_CLOSED.why,
};

/// That a connection stays.
const KEPT: Difference = Difference {
    steps: &["two at once"],
    without: &["connection: keep-alive"],
    with: &[],
    why: "it goes without saying in HTTP/1.1",
};

async fn visit(visitor: &Visitor) -> Transcript {
    let mut transcript = Transcript::default();
    script::requests(visitor, &mut transcript).await;
    script::files(visitor, &mut transcript).await;
    script::uploads(visitor, &mut transcript).await;
    script::compression(visitor, &mut transcript).await;
    script::events(visitor, &mut transcript).await;
    script::leaving(visitor, &mut transcript).await;
    script::websockets(visitor, &mut transcript).await;
    script::socket_io(visitor, &mut transcript).await;
    script::no_websocket(visitor, &mut transcript).await;
    script::other_protocol(visitor, &mut transcript).await;
    script::wire(visitor, &mut transcript).await;
    transcript
}

#[tokio::test]
async fn holds_pass_it_in_front_of_a_hub() {
    let site = Site::of(HUB).await;
    let nginx = Nginx::start(site.client(), None).await;
    holds(nginx.address(), &site, "identity").await;
}

/// It compresses what the origin answers, instructions as well.
#[tokio::test]
async fn holds_pass_it_behind_a_hub() {
    let url = format!("http://127.0.0.1:9/?verify-key={KEY}&verify-iss={ISSUER}");
    let origin = Origin::of(AXUM).env("GRIP_URL", &url).start().await;
    let nginx = Nginx::start(origin.address(), None).await;
    let site = Site::with(HUB).origin_at(nginx.address()).start().await;
    holds(site.client(), &site, "gzip, deflate, br").await;
}

const HUB: Layout = Layout {
    front: Front::HubProgram,
    origin: AXUM,
};

async fn holds(address: SocketAddr, site: &Site, codings: &str) {
    let get = |path: &str| {
        let request = Request::new("GET", address, path);
        request.header("accept-encoding", codings)
    };
    let mut stream = get("/hold/stream?channel=news").send().await;
    stream.receives("[open]\n").await;
    let response = get("/hold/response?channel=news&body=stored%0A").send_and_wait();
    let mut socket = Socket::open(address, "/ws/room?channel=news&user=a").await;
    site.subscriptions("news", 3).await;
    for content in ["one", "two"] {
        let item = json!({
            "channel": "news",
            "http-response": {"body": format!("{content}\n")},
            "http-stream": {"content": format!("{content}\n")},
            "ws-message": {"content": content},
        });
        site.publish(&item.to_string()).await;
        stream.receives(format!("{content}\n")).await;
        socket.receives(content).await;
    }
    assert_eq!(response.answer().await.text().await, "one\n");
    socket.pings(b"there").await;
    assert_eq!(socket.next().await, Frame::Pong(b"there".to_vec()));
    socket.closes(4001, "enough").await;
    socket.is_closed(4001, "enough").await;
    drop(stream);
    site.has_no_subscribers("news").await;
}
