//! Origins that are away, slow or break off, and clients that go at any moment.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use gripware_interop::{
    AXUM, Answer, Frame, Front, Layout, PATIENCE, Place, RawOrigin, Site, Step, for_each_proxy,
    for_each_site, until,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

for_each_site! {
    separate: [
        an_origin_that_is_away_is_a_bad_gateway,
        an_origin_that_comes_back_is_asked_again,
        held_clients_stay_while_the_origin_restarts,
    ]
    a_client_that_goes_before_the_answer_leaves_nothing_behind,
    a_client_that_goes_while_it_is_held_leaves_nothing_behind,
    a_client_that_goes_in_the_middle_of_a_frame_leaves_nothing_behind,
    a_client_that_resets_its_connection_leaves_nothing_behind,
    clients_that_come_and_go_keep_nothing_from_those_who_stay,
}

for_each_proxy! {
    an_answer_that_is_cut_is_cut_for_the_client,
    an_answer_that_is_no_http_is_a_bad_gateway,
    a_slow_origin_keeps_nobody_else_waiting,
    a_slow_body_reaches_the_client_as_it_comes,
    a_client_that_goes_while_the_origin_thinks_is_never_held,
    a_client_that_goes_during_the_first_bytes_is_never_held,
    a_websocket_whose_origin_breaks_off_is_dropped,
}

async fn an_origin_that_is_away_is_a_bad_gateway(layout: Layout) {
    let mut site = Site::of(layout).await;
    site.origin_mut().stop(Duration::from_secs(2)).await;
    assert_eq!(site.get("/plain").await.status(), 502);
    assert_eq!(site.get("/hold/stream?channel=news").await.status(), 502);
    assert_eq!(site.post("/feed/news", "line").await.status(), 502);
    let refusal = site.try_socket("/ws/echo", &[]).await;
    assert_eq!(refusal.expect_err("a refusal").status, 502);
}

async fn an_origin_that_comes_back_is_asked_again(layout: Layout) {
    let place = Place::new();
    let address = place.free_address();
    let up = || async {
        RawOrigin::start(address, |path| (path == "/plain").then(|| vec![plain()])).await
    };
    let first = up().await;
    let site = Site::with(layout).origin_at(address).start().await;
    assert_eq!(site.get("/plain").await.text().await, "plain\n");
    drop(first);
    until("the origin to be away", async || {
        TcpStream::connect(address).await.is_err()
    })
    .await;
    assert_eq!(site.get("/plain").await.status(), 502);
    let _second = up().await;
    assert_eq!(site.get("/plain").await.text().await, "plain\n");
}

/// Ten thousand before one of the origins, or what the limit for open files leaves: each client has
/// one here and one in the proxy.
async fn held_clients_stay_while_the_origin_restarts(layout: Layout) {
    let wanted = match (layout.front, layout.origin) {
        // It has a limit of its own.
        (Front::Pushpin, _) => 200,
        (_, AXUM) => 10_000,
        _ => 2_000,
    };
    let count = wanted.min(descriptors().saturating_sub(500));
    let mut site = Site::of(layout).await;
    let opening = stream::iter(0..count).map(|n| {
        let request = site.request("GET", &format!("/hold/stream?channel=c{}", n % 10));
        async move {
            let mut client = request.send().await;
            client.receives("[open]\n").await;
            client
        }
    });
    let mut clients: Vec<Answer> = opening.buffer_unordered(50).collect().await;
    site.restart_origin().await;
    for channel in 0..10 {
        let item = json!({"channel": format!("c{channel}"), "http-stream": {"content": "after\n"}});
        site.publish(&item.to_string()).await;
    }
    for client in &mut clients {
        client.receives("after\n").await;
    }
    let mut new = site.get("/hold/stream?channel=c0").await;
    new.receives("[open]\n").await;
    assert_eq!(site.get("/plain").await.text().await, "plain\n");
}

async fn a_client_that_goes_before_the_answer_leaves_nothing_behind(layout: Layout) {
    let site = Site::of(layout).await;
    for request in [
        &b"G"[..],
        b"GET /hold/stream?channel=news HTTP/1.1\r\n",
        b"GET /hold/stream?channel=news HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /hold/response?channel=news HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /publish/http-stream?channel=news HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
        b"GET /ws/room?channel=news&user=a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
          Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ] {
        for _ in 0..5 {
            let mut client = TcpStream::connect(site.client()).await.expect("a connection");
            client.write_all(request).await.expect("an open connection");
        }
    }
    is_as_new(&site).await;
}

async fn a_client_that_goes_while_it_is_held_leaves_nothing_behind(layout: Layout) {
    let site = Site::of(layout).await;
    for _ in 0..5 {
        let mut stream = site.get("/hold/stream?channel=news").await;
        stream.receives("[open]\n").await;
        let response = site.hold("/hold/response?channel=news");
        let socket = site.socket("/ws/room?channel=news&user=a").await;
        site.settled("news").await;
        drop(stream);
        response.goes();
        socket.vanishes();
    }
    is_as_new(&site).await;
}

async fn a_client_that_goes_in_the_middle_of_a_frame_leaves_nothing_behind(layout: Layout) {
    let site = Site::of(layout).await;
    for half in [
        &b"\x81"[..],
        b"\x81\x85",
        b"\x81\x85\x01\x02",
        b"\x81\x85\x01\x02\x03\x04abc",
        b"\x81\xfe\x01",
        b"\x81\xff\0\0\0\0\0\x01\0\0\x01\x02\x03\x04abc",
        // The first part of a message.
        b"\x01\x81\0\0\0\0a",
    ] {
        let mut client = raw_socket(&site, "/ws/room?channel=news&user=a").await;
        client.write_all(half).await.expect("an open connection");
    }
    is_as_new(&site).await;
    // What was whole has arrived, and nothing of what was not.
    let mut room = site.socket("/ws/room?channel=news&user=b").await;
    site.subscriptions("news", 1).await;
    let mut client = raw_socket(&site, "/ws/room?channel=news&user=a").await;
    client
        .write_all(b"\x81\x82\0\0\0\0hi\x81\x82\0\0\0\0h")
        .await
        .expect("an open connection");
    drop(client);
    room.receives("hi").await;
    room.stays_quiet(Duration::from_millis(300)).await;
}

async fn a_client_that_resets_its_connection_leaves_nothing_behind(layout: Layout) {
    let site = Site::of(layout).await;
    for path in [
        "/hold/stream?channel=news",
        "/hold/response?channel=news",
        "/sse?channel=news",
    ] {
        let mut client = TcpStream::connect(site.client())
            .await
            .expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        client
            .write_all(request.as_bytes())
            .await
            .expect("an open connection");
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.set_zero_linger().expect("an option of TCP");
        drop(client);
    }
    let client = raw_socket(&site, "/ws/room?channel=news&user=a").await;
    client.set_zero_linger().expect("an option of TCP");
    drop(client);
    is_as_new(&site).await;
}

async fn clients_that_come_and_go_keep_nothing_from_those_who_stay(layout: Layout) {
    let site = Site::of(layout).await;
    let mut stays = site.get("/hold/stream?channel=news").await;
    stays.receives("[open]\n").await;
    let mut socket = site.socket("/ws/room?channel=news&user=a").await;
    site.subscriptions("news", 2).await;
    for n in 0..50 {
        let mut goes = site.get("/hold/stream?channel=news").await;
        if n % 2 == 0 {
            goes.receives("[open]\n").await;
        }
        let goes_too = site.socket("/ws/room?channel=news&user=b").await;
        drop(goes);
        let item = json!({
            "channel": "news",
            "http-stream": {"content": format!("{n}\n")},
            "ws-message": {"content": n.to_string()},
        });
        site.publish(&item.to_string()).await;
        goes_too.vanishes();
    }
    for n in 0..50 {
        stays.receives(format!("{n}\n")).await;
        socket.receives(&n.to_string()).await;
    }
}

async fn an_answer_that_is_cut_is_cut_for_the_client(layout: Layout) {
    let (_origin, site) = raw(layout, |path| {
        let end = match path {
            "/length" => "Content-Length: 10\r\n\r\nhalf\n",
            "/chunked" => "Transfer-Encoding: chunked\r\n\r\n5\r\nhalf\n\r\n",
            "/chunk" => "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf\n",
            _ => return None,
        };
        let start = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
        Some(vec![Step::send(start), Step::send(end)])
    })
    .await;
    for path in ["/length", "/chunked", "/chunk"] {
        // A proxy that has sent nothing yet may as well say so.
        match site.request("GET", path).try_send().await {
            Ok(answer) if answer.status() == 200 => {
                match timeout(Duration::from_secs(5), answer.try_bytes()).await {
                    Ok(Err(_)) => {}
                    // Pushpin 1.36 leaves the client waiting, or ends what has no length as if it were
                    // whole: which of the two depends on whether it has passed on what there was.
                    Ok(Ok(_)) => assert!(
                        layout.front == Front::Pushpin && path != "/length",
                        "{path} came to an end"
                    ),
                    Err(_) => assert_eq!(layout.front, Front::Pushpin, "{path}"),
                }
            }
            Ok(answer) => assert_eq!(answer.status(), 502, "{path}"),
            Err(_) => {}
        }
    }
}

async fn an_answer_that_is_no_http_is_a_bad_gateway(layout: Layout) {
    let (_origin, site) = raw(layout, |path| {
        Some(match path {
            "/nothing" => vec![],
            "/reset" => vec![Step::Reset],
            "/noise" => vec![Step::send("\0\x01\x02\r\n\r\n")],
            "/half" => vec![Step::send("HTTP/1.1 200 OK\r\nContent-Ty")],
            "/status" => vec![Step::send("HTTP/1.1 abc\r\n\r\n")],
            _ => return None,
        })
    })
    .await;
    for path in ["/nothing", "/reset", "/noise", "/half", "/status"] {
        match site.request("GET", path).try_send().await {
            Ok(answer) => assert_eq!(answer.status(), 502, "{path}"),
            // Pushpin 1.36 passes half a head on with the status 0.
            Err(error) => assert_eq!((layout.front, path), (Front::Pushpin, "/half"), "{error}"),
        }
    }
}

async fn a_slow_origin_keeps_nobody_else_waiting(layout: Layout) {
    let (_origin, site) = raw(layout, |path| match path {
        "/slow" => Some(vec![Step::Wait(Duration::from_secs(3)), plain()]),
        "/plain" => Some(vec![plain()]),
        _ => None,
    })
    .await;
    let slow: Vec<_> = (0..50).map(|_| site.hold("/slow")).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    assert_eq!(site.get("/plain").await.text().await, "plain\n");
    assert!(start.elapsed() < Duration::from_millis(2500));
    for slow in slow {
        assert_eq!(slow.answer().await.text().await, "plain\n");
    }
}

async fn a_slow_body_reaches_the_client_as_it_comes(layout: Layout) {
    let (_origin, site) = raw(layout, |path| {
        (path == "/parts").then(|| {
            vec![
                Step::send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"),
                Step::send("Transfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n"),
                Step::Wait(Duration::from_secs(2)),
                Step::send("4\r\ntwo\n\r\n0\r\n\r\n"),
            ]
        })
    })
    .await;
    let start = Instant::now();
    let mut answer = site.get("/parts").await;
    answer.receives("one\n").await;
    assert!(start.elapsed() < Duration::from_millis(1800));
    answer.receives("two\n").await;
    answer.ends().await;
}

async fn a_client_that_goes_while_the_origin_thinks_is_never_held(layout: Layout) {
    let (_origin, site) = raw(layout, |path| {
        let mode = path.strip_prefix("/hold-")?;
        let answer = format!(
            "HTTP/1.1 200 OK\r\nGrip-Hold: {mode}\r\nGrip-Channel: news\r\n\
             Content-Length: 5\r\nConnection: close\r\n\r\nopen\n"
        );
        Some(vec![
            Step::Wait(Duration::from_millis(600)),
            Step::send(&answer),
        ])
    })
    .await;
    for path in ["/hold-stream", "/hold-response"] {
        let clients: Vec<_> = (0..20).map(|_| site.hold(path)).collect();
        tokio::time::sleep(Duration::from_millis(200)).await;
        for client in clients {
            client.goes();
        }
    }
    tokio::time::sleep(Duration::from_millis(1200)).await;
    site.has_no_subscribers("news").await;
}

async fn a_client_that_goes_during_the_first_bytes_is_never_held(layout: Layout) {
    let (_origin, site) = raw(layout, |path| {
        if path != "/long" {
            return None;
        }
        let length = 400_000;
        let head = format!(
            "HTTP/1.1 200 OK\r\nGrip-Hold: stream\r\nGrip-Channel: news\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let half = vec![b'x'; length / 2];
        Some(vec![
            Step::send(&head),
            Step::Send(half.clone()),
            Step::Wait(Duration::from_millis(500)),
            Step::Send(half),
        ])
    })
    .await;
    for _ in 0..5 {
        let mut client = site.get("/long").await;
        client.receives("xxxx").await;
    }
    tokio::time::sleep(Duration::from_millis(1200)).await;
    site.has_no_subscribers("news").await;
    // Who stays gets all of it, and then what is published.
    let mut client = site.get("/long").await;
    assert_eq!(client.next_bytes(400_000).await.len(), 400_000);
    site.subscriptions("news", 1).await;
    site.publish(r#"{"channel": "news", "http-stream": {"content": "one\n"}}"#)
        .await;
    client.receives("one\n").await;
}

async fn a_websocket_whose_origin_breaks_off_is_dropped(layout: Layout) {
    let site = Site::with(layout)
        .scripted(|request| {
            if request.body.starts_with(b"OPEN") {
                return None;
            }
            let status = match &request.body[..] {
                b"TEXT 1\r\n4\r\n" => 404,
                b"TEXT 1\r\n5\r\n" => 500,
                b"TEXT 1\r\n2\r\n" => 204,
                _ => return None,
            };
            let mut response = http::Response::new(bytes::Bytes::new());
            *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
            Some(response)
        })
        .start()
        .await;
    for text in ["4", "5", "2"] {
        let mut client = site.socket("/ws/echo").await;
        client.sends("one").await;
        client.receives("one").await;
        client.sends(text).await;
        let frame = client.next().await;
        assert!(matches!(frame, Frame::Cut | Frame::Close(_)), "{frame:?}");
    }
}

/// A proxy before an origin that answers by bytes.
async fn raw(
    layout: Layout,
    steps: impl Fn(&str) -> Option<Vec<Step>> + Send + Sync + 'static,
) -> (RawOrigin, Site) {
    let origin = RawOrigin::start(Place::new().free_address(), steps).await;
    let site = Site::with(layout).origin_at(origin.address()).start().await;
    (origin, site)
}

fn plain() -> Step {
    Step::send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nplain\n")
}

/// A WebSocket, for frames that no library would send.
async fn raw_socket(site: &Site, path: &str) -> TcpStream {
    let mut client = TcpStream::connect(site.client())
        .await
        .expect("a connection");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    client
        .write_all(request.as_bytes())
        .await
        .expect("an open connection");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let read = timeout(PATIENCE, client.read_buf(&mut head)).await;
        assert!(read.expect("an answer").expect("an answer") > 0);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    client
}

/// Waits until nobody is subscribed any more, and checks that new clients are served as ever.
async fn is_as_new(site: &Site) {
    site.has_no_subscribers("news").await;
    let mut stream = site.get("/hold/stream?channel=news").await;
    stream.receives("[open]\n").await;
    site.publish(r#"{"channel": "news", "http-stream": {"content": "one\n"}}"#)
        .await;
    stream.receives("one\n").await;
    let mut socket = site.socket("/ws/echo").await;
    socket.sends("one").await;
    socket.receives("one").await;
    assert_eq!(site.get("/plain").await.text().await, "plain\n");
    drop(stream);
    site.has_no_subscribers("news").await;
}

/// How many files this process may have open.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("the limits");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_ascii_whitespace().nth(3));
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(1024)
}
