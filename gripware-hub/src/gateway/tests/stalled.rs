//! Clients that do not take their answers (slow read).

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{frames::*, *};

/// An origin over HTTP/1.1 with large answers, and how many connections it has.
async fn large() -> (HttpOrigin, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (open, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counts = (Arc::clone(&open), Arc::clone(&most));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (open, most) = (Arc::clone(&counts.0), Arc::clone(&counts.1));
            tokio::spawn(async move {
                let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                answer(socket).await;
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let origin = HttpOrigin::new(address.parse().unwrap());
    (origin, open, most)
}

/// Answers one request, and waits for the other side to close.
async fn answer(mut socket: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let length = match head.get(5) {
        Some(b's') => 5,
        // More than buffers on the way take.
        Some(b'h') => 16 << 20,
        _ => 100_000,
    };
    let mut response =
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes();
    response.resize(response.len() + length, b'x');
    if socket.write_all(&response).await.is_ok() {
        let _ = socket.read_u8().await;
    }
}

fn options(answer_timeout: Duration) -> Options {
    Options {
        answer_timeout,
        ..Options::default()
    }
}

/// A client of another address of the loopback network.
async fn other_asks(address: SocketAddr) -> String {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut client = Client(socket.connect(address).await.unwrap());
    client
        .send("GET /small HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    client.rest().await
}

#[tokio::test]
async fn a_thousand_stalled_answers_of_one_client_are_nobody_elses_concern() {
    let caught = Caught::new(false);
    let (origin, open, most) = large().await;
    let limit = Duration::from_millis(500);
    let address = gateway_with(&caught, origin, options(limit)).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = FrameClient::connect(address, 0).await;
        for number in 0..250 {
            client.get(2 * number + 1, "/large").await;
        }
        clients.push(client);
    }
    eventually("it is busy", || open.load(Ordering::SeqCst) >= 200).await;
    for _ in 0..5 {
        let answer = other_asks(address).await;
        assert!(answer.ends_with("\r\n\r\nxxxxx"), "{answer}");
    }
    eventually("they are ended", || {
        caught.metrics.stalled_closed.value() > 256
    })
    .await;
    for client in &mut clients {
        let ended = client.until(RST_STREAM).await;
        assert_eq!(ended.payload, [0, 0, 0, 8], "CANCEL");
    }
    drop(clients);
    eventually("the origin is free", || open.load(Ordering::SeqCst) == 0).await;
    // The origin learns of an end a moment after the place is somebody else's.
    assert!(most.load(Ordering::SeqCst) <= 2 * 256 + 5);
    assert_eq!(caught.metrics.bad_gateway.value(), 0);
}

#[tokio::test]
async fn over_http_1_a_client_that_takes_nothing_or_a_trickle_is_cut_off() {
    let caught = Caught::new(false);
    let limit = Duration::from_millis(300);
    let address = gateway_with(&caught, app(), options(limit)).await;
    for (ended, trickles) in [(1, false), (2, true)] {
        let mut client = Client::connect(address).await;
        client.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let trickle = async {
            if !trickles {
                std::future::pending::<()>().await;
            }
            loop {
                let _ = client.0.read_u8().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = trickle => {}
            () = eventually("it is cut off", || caught.metrics.stalled_closed.value() == ended) => {}
        }
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, client.0.read_to_end(&mut rest))
            .await
            .unwrap();
        assert!(rest.len() < 8 << 20);
    }
}

#[tokio::test]
async fn a_slow_client_that_takes_enough_gets_all_of_it() {
    let caught = Caught::new(false);
    let limit = Duration::from_secs(2);
    let address = gateway_with(&caught, app(), options(limit)).await;
    let mut client = Client::connect(address).await;
    client.send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n").await;
    client.until("\r\n\r\n").await;
    let mut piece = vec![0; 256 << 10];
    for _ in 0..32 {
        timeout(PATIENCE, client.0.read_exact(&mut piece))
            .await
            .unwrap()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(caught.metrics.stalled_closed.value(), 0);
}

#[tokio::test]
async fn an_origin_that_takes_its_time_stalls_nobody() {
    let caught = Caught::new(false);
    let app = Router::new().route(
        "/",
        routing::get(async || {
            let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(1);
            tokio::spawn(async move {
                for _ in 0..3 {
                    sender.send_data("part ".into()).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            });
            AxumBody::new(body)
        }),
    );
    let address = gateway_with(&caught, app, options(Duration::from_millis(100))).await;
    let mut client = Client::connect(address).await;
    client
        .send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    let mut frames = FrameClient::connect(address, 65_535).await;
    frames.get(1, "/").await;
    let answer = client.rest().await;
    assert_eq!(answer.matches("part ").count(), 3, "{answer}");
    for _ in 0..3 {
        assert_eq!(frames.until(DATA).await.payload, b"part ");
    }
    assert_eq!(caught.metrics.stalled_closed.value(), 0);
}

#[tokio::test]
async fn a_held_stream_is_its_shards_concern_until_the_shard_gives_it_up() {
    let caught = Caught::new(false);
    let limit = Duration::from_millis(100);
    let address = gateway_with(&caught, app(), options(limit)).await;
    let mut client = FrameClient::connect(address, 0).await;
    client.get(1, "/stream").await;
    let (_, line, head, _) = caught.stream().await;
    let mut wire = socket(line.socket);
    wire.write_all(head.as_bytes()).await.unwrap();
    let early = timeout(Duration::from_millis(500), wire.read_u8()).await;
    assert!(early.is_err(), "the client is still there");
    drop(wire);
    assert_eq!(client.until(RST_STREAM).await.stream, 1);
}

#[tokio::test]
async fn a_client_over_its_share_waits_for_itself_and_is_told_to_come_again() {
    let caught = Caught::new(false);
    let (origin, open, _) = large().await;
    let options = Options {
        max_client_requests: 1,
        ..Options::default()
    };
    let address = gateway_with(&caught, origin, options).await;
    let mut first = FrameClient::connect(address, 0).await;
    first.get(1, "/large").await;
    eventually("it is busy", || open.load(Ordering::SeqCst) == 1).await;
    let mut second = Client::connect(address).await;
    second.send("GET /small HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let answer = second.until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
    assert_eq!(caught.metrics.busy.value(), 1);
    second.send("GET /small HTTP/1.1\r\nHost: h\r\n\r\n").await;
    first.send(&frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])).await;
    let rest = async {
        let mut text = String::new();
        while !text.ends_with("\r\n\r\nxxxxx") {
            text = second.until("xxxxx").await;
        }
    };
    timeout(PATIENCE, rest).await.unwrap();
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_share_is_that_of_the_address_it_names() {
    let caught = Caught::new(false);
    let (origin, open, _) = large().await;
    let options = Options {
        max_client_requests: 1,
        trust_forwarded: true,
        ..Options::default()
    };
    let address = gateway_with(&caught, origin, options).await;
    let mut stalled = Vec::new();
    for (count, from) in [(1, "1.1.1.1, 10.0.0.1"), (2, "1.1.1.1, 10.0.0.2:99")] {
        let mut client = Client::connect(address).await;
        client
            .send(&format!(
                "GET /huge HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: {from}\r\n\r\n"
            ))
            .await;
        eventually("both are served", || open.load(Ordering::SeqCst) == count).await;
        stalled.push(client);
    }
}
