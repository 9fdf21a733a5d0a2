//! Clients that say what only a proxy may say.

use super::*;

/// What may join the words of a name, beside the hyphen (RFC 9110, section 5.6.2).
const SEPARATORS: &str = "!#$%&'*+.^_`|~";

/// Headers that a client cannot send, however it joins their words.
const FORGED: [&str; 14] = [
    "Grip-Sig",
    "Meta-User",
    "Connection-Id",
    "Content-Bytes-Replayed",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Real-Ip",
    "Client-Ip",
    "True-Client-Ip",
    "Cf-Connecting-Ip",
    "Fastly-Client-Ip",
    "X-Client-Ip",
    "X-Cluster-Client-Ip",
    "Forwarded",
];

#[tokio::test]
async fn a_header_in_disguise_does_not_reach_the_origin() {
    for separator in SEPARATORS.chars().chain(['-']) {
        let (origin, mut told) = answering(EMPTY).await;
        let address = gateway(&Caught::new(false), origin).await;
        let forged: String = FORGED
            .iter()
            .map(|name| format!("{}: evil\r\n", name.replace('-', &separator.to_string())))
            .collect();
        let mut client = Client::connect(address).await;
        client
            .send(&format!(
                "GET / HTTP/1.1\r\nHost: a\r\n{forged}My{separator}Own: fine\r\n\r\n"
            ))
            .await;
        client.until("\r\n\r\n").await;
        let request = told.recv().await.unwrap();
        assert!(!request.contains("evil"), "{request}");
        let own = format!("my{separator}own: fine\r\n");
        assert!(request.contains(&own), "{request}");
    }
}

#[tokio::test]
async fn what_a_trusted_proxy_says_of_an_address_passes_and_its_disguise_does_not() {
    let (origin, mut told) = answering(EMPTY).await;
    let options = Options {
        trust_forwarded: true,
        ..Options::default()
    };
    let address = gateway_with(&Caught::new(false), origin, options).await;
    let mut client = Client::connect(address).await;
    client
        .send(
            "GET / HTTP/1.1\r\nHost: a\r\nTrue-Client-Ip: 10.1.1.1\r\nX-Forwarded-For: \
             10.1.1.2\r\nForwarded: for=10.1.1.3\r\nTrue.Client.Ip: evil\r\nX~Forwarded~For: \
             evil\r\n\r\n",
        )
        .await;
    client.until("\r\n\r\n").await;
    let request = told.recv().await.unwrap();
    for part in ["10.1.1.1", "10.1.1.2, 127.0.0.1", "for=10.1.1.3"] {
        assert!(request.contains(part), "{request}");
    }
    assert!(!request.contains("evil"), "{request}");
}

#[tokio::test]
async fn trailers_are_no_way_around_what_is_removed_of_headers() {
    let (origin, mut told) = answering(
        "HTTP/1.1 200 OK\r\nTrailer: Grip-Hold, X-T\r\nTransfer-Encoding: chunked\r\n\r\n\
         1\r\na\r\n0\r\nGrip-Hold: evil\r\nX-T: fine\r\n\r\n",
    )
    .await;
    let address = gateway(&Caught::new(false), origin).await;
    let mut client = Client::connect(address).await;
    client
        .send(
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: grip-sig, meta.user, \
             x_forwarded_for, client~ip, x-t\r\nTransfer-Encoding: chunked\r\n\r\n\
             1\r\na\r\n0\r\nGrip-Sig: evil\r\nMeta.User: evil\r\nX_Forwarded_For: evil\r\n\
             Client~Ip: evil\r\nX-T: fine\r\n\r\n",
        )
        .await;
    let answer = client.until("x-t: fine\r\n\r\n").await;
    assert!(!answer.contains("evil"), "{answer}");
    let request = told.recv().await.unwrap();
    assert!(!request.contains("evil"), "{request}");
    assert!(request.ends_with("x-t: fine\r\n\r\n"), "{request}");
}

#[tokio::test]
async fn the_origin_is_told_that_a_client_takes_trailers_and_of_no_transfer_coding() {
    for (said, is_told) in [
        ("TE: trailers\r\nConnection: TE\r\n", true),
        ("TE: gzip;q=0.5, Trailers\r\n", true),
        ("TE: gzip\r\nTE: trailers\r\n", true),
        ("TE: gzip\r\nConnection: TE\r\n", false),
        ("TE: trailers;q=0\r\n", false),
        ("", false),
    ] {
        let (origin, mut told) = answering(EMPTY).await;
        let address = gateway(&Caught::new(false), origin).await;
        let mut client = Client::connect(address).await;
        client
            .send(&format!("GET / HTTP/1.1\r\nHost: a\r\n{said}\r\n"))
            .await;
        client.until("\r\n\r\n").await;
        let request = told.recv().await.unwrap();
        let has = ["\r\nte: trailers\r\n", "\r\nconnection: te\r\n"];
        let has = has.map(|line| request.to_lowercase().contains(line));
        assert_eq!(has, [is_told; 2], "{said}: {request}");
        assert!(!request.contains("gzip"), "{request}");
    }
}

#[tokio::test]
async fn a_client_cannot_send_websocket_events_itself() {
    let (origin, mut told) = answering(EMPTY).await;
    let caught = Caught::new(false);
    let address = gateway(&caught, origin).await;
    for types in [
        "Content-Type: application/websocket-events\r\n",
        "content-type:Application/WebSocket-Events ; charset=utf-8\r\n",
        "Content-Type: text/plain\r\nContent-Type: application/websocket-events\r\n",
        "Content-Type: text/plain, application/websocket-events\r\n",
    ] {
        for method in ["POST", "GET"] {
            let mut client = Client::connect(address).await;
            client
                .send(&format!(
                    "{method} / HTTP/1.1\r\nHost: a\r\n{types}Content-Length: 6\r\n\r\nOPEN\r\n"
                ))
                .await;
            let answer = client.until("\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{types}: {answer}");
        }
    }
    let mut client = Client::connect(address).await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/websocket-eventsx\r\n\r\n")
        .await;
    client.until("\r\n\r\n").await;
    let request = told.recv().await.unwrap();
    assert!(request.contains("websocket-eventsx"), "{request}");
    assert_eq!(caught.metrics.bad_gateway.value(), 0);
}

#[tokio::test]
async fn a_path_does_not_leave_the_base_of_the_origin() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/base", listener.local_addr().unwrap());
    let app = Router::new().fallback(async |uri: axum::http::Uri| uri.to_string());
    tokio::spawn(async { axum::serve(listener, app).await });
    let origin = HttpOrigin::new(base.parse().unwrap());
    let caught = Caught::new(false);
    let address = gateway(&caught, origin).await;
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (path, more, expected) in [
        ("/../secret", "", "400 Bad Request"),
        ("/%2e%2E/secret", "", "400 Bad Request"),
        ("/./..//../secret", "", "400 Bad Request"),
        ("/..\\secret", "", "400 Bad Request"),
        ("/../secret", upgrade, "400 Bad Request"),
        ("/a/../b?../..", "", "200 OK"),
    ] {
        let mut client = Client::connect(address).await;
        client
            .send(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n{more}\r\n"))
            .await;
        let answer = client.until("\r\n\r\n").await;
        let status = format!("HTTP/1.1 {expected}\r\n");
        assert!(answer.starts_with(&status), "{path}: {answer}");
    }
    assert_eq!(caught.metrics.bad_gateway.value(), 0);
}
