//! Requests that are passed on.

use super::*;

#[tokio::test]
async fn a_plain_request_reaches_either_origin_cleaned_and_signed() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send(
                "POST /echo?a=b HTTP/1.1\r\nHost: example.org\r\nGrip-Sig: forged\r\nGrip-Last: x\r\n\
                 Meta-User: admin\r\nConnection-Id: 1\r\nAccept-Encoding: gzip\r\nX-Forwarded-For: \
                 1.2.3.4\r\nConnection: x-hop\r\nX-Hop: 1\r\nCookie: a=1\r\nContent-Length: \
                 4\r\n\r\nbody",
            )
            .await;
        let answer = client.until("end").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        for part in [
            "POST /echo?a=b\n",
            "host: example.org\n",
            "cookie: a=1\n",
            "accept-encoding: gzip\n",
            "x-forwarded-for: 127.0.0.1\n",
            "x-forwarded-proto: http\n",
            "grip-feature: status,",
            "grip-sig: ey",
            "body: body\n",
        ] {
            assert!(answer.contains(part), "{part} is not in {answer}");
        }
        for part in [
            "forged",
            "grip-last",
            "admin",
            "connection-id",
            "1.2.3.4",
            "x-hop",
        ] {
            assert!(!answer.contains(part), "{part} is in {answer}");
        }
        assert_eq!(answer.matches("grip-sig").count(), 1, "{answer}");
    }
    assert_eq!(caught.metrics.requests.value(), 2);
}

#[tokio::test]
async fn what_cannot_be_passed_on_is_refused_and_said_why_in_development() {
    let body = "x".repeat(100_001);
    let too_large =
        format!("POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n{body}");
    for development in [false, true] {
        let caught = Caught::new(development);
        for address in both(&caught).await {
            for (request, status, told, kept) in [
                (
                    "GET /bad HTTP/1.1\r\nHost: h\r\n",
                    "502 Bad Gateway",
                    "Failed to parse accept instructions: ",
                    "Error while proxying to origin.\n",
                ),
                (
                    "GET /large HTTP/1.1\r\nHost: h\r\n",
                    "502 Bad Gateway",
                    "GRIP instruct response too large from origin\n",
                    "GRIP instruct response too large from origin\n",
                ),
                (
                    "TRACE /echo HTTP/1.1\r\nHost: h\r\n",
                    "405 Method Not Allowed",
                    "not allowed",
                    "not allowed",
                ),
                ("GET /echo HTTP/1.1\r\n", "400 Bad Request", "host", "host"),
                (
                    "GET /echo HTTP/1.1\r\nHost: a b\r\n",
                    "400 Bad Request",
                    "host",
                    "host",
                ),
                (
                    "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
                    "400 Bad Request",
                    "host",
                    "host",
                ),
                (
                    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n",
                    "426 Upgrade Required",
                    "13",
                    "13",
                ),
                (
                    &*too_large,
                    "400 Bad Request",
                    "Request too large to accept GRIP instruct.\n",
                    "Request too large to accept GRIP instruct.\n",
                ),
            ] {
                let mut client = Client::connect(address).await;
                if request.len() > 1000 {
                    client.send(request).await;
                } else {
                    client
                        .send(&format!("{request}Connection: close\r\n\r\n"))
                        .await;
                }
                let expected = if development { told } else { kept };
                let answer = client.until(expected).await;
                assert!(
                    answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                    "{answer}"
                );
            }
        }
        assert_eq!(caught.held.lock().unwrap().len(), 0);
    }
}

#[tokio::test]
async fn a_status_without_a_hold_replaces_that_of_the_answer() {
    let caught = Caught::new(false);
    for address in both(&caught).await {
        let mut client = Client::connect(address).await;
        client
            .send("GET /status HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 404 Not Here\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nx"), "{answer}");
        assert!(!answer.contains("grip"), "{answer}");
        let mut client = Client::connect(address).await;
        client
            .send("HEAD /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .await;
        let answer = client.rest().await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn an_origin_that_is_not_there_is_a_bad_gateway() {
    let caught = Caught::new(true);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let origin = HttpOrigin::new(nobody.parse().unwrap());
    let address = gateway(&caught, origin).await;
    let mut client = Client::connect(address).await;
    client
        .send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    let answer = client.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("Error while proxying to origin: the origin cannot be reached"),
        "{answer}"
    );
    assert_eq!(caught.metrics.bad_gateway.value(), 1);
}

#[tokio::test]
async fn an_origin_that_is_silent_for_too_long_is_a_gateway_timeout() {
    let mut caught = Caught::new(false);
    let settings = &mut Arc::get_mut(&mut caught).unwrap().settings;
    settings.origin_idle_timeout = Duration::from_millis(100);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silence = format!("http://{}", silent.local_addr().unwrap());
    let origin = HttpOrigin::new(silence.parse().unwrap());
    let address = gateway(&caught, origin).await;
    let mut client = Client::connect(address).await;
    client
        .send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    let answer = client.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"),
        "{answer}"
    );
    assert!(
        answer.ends_with("Error while proxying to origin.\n"),
        "{answer}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn origin_and_clients_may_be_on_unix_sockets() {
    let caught = Caught::new(false);
    let folder = tempfile::tempdir().unwrap();
    let (behind, front) = (folder.path().join("app"), folder.path().join("hub"));
    let listener = tokio::net::UnixListener::bind(&behind).unwrap();
    tokio::spawn(async { axum::serve(listener, app()).await });
    let address = format!("unix:{}", behind.display());
    let origin = HttpOrigin::new(address.parse().unwrap());
    let holder: Arc<dyn Holder> = Arc::clone(&caught) as _;
    let listener = tokio::net::UnixListener::bind(&front).unwrap();
    let gateway = Gateway::new(
        holder,
        Threads::of_caller(),
        origin,
        Options::default(),
        CancellationToken::new(),
    );
    tokio::spawn(gateway.serve(listener.into()));
    let mut client = tokio::net::UnixStream::connect(&front).await.unwrap();
    client
        .write_all(b"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("host: h\n"), "{answer}");
    assert!(!answer.contains("x-forwarded-for"), "{answer}");
}
