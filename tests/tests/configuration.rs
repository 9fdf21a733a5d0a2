//! How the origin is set up, starts and ends.

use std::time::Duration;

use gripware_interop::{
    ISSUER, Layout, Origin, PATIENCE, Peer, Site, for_each_origin, for_each_site,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

for_each_site! {
    separate: [on_sigterm_it_ends_at_once_where_nothing_is_in_flight,]
    a_plain_request_is_answered_with_and_without_a_proxy,
    the_context_names_what_the_proxy_can_do,
    a_prefix_stands_before_every_channel_and_is_never_seen,
    where_a_proxy_is_required_nothing_else_is_answered,
}

for_each_origin! {
    a_bad_grip_url_is_named_without_its_key,
    a_prefix_is_taken_off_what_the_proxy_says,
    on_sigterm_it_finishes_what_is_in_flight,
}

async fn a_plain_request_is_answered_with_and_without_a_proxy(layout: Layout) {
    let site = Site::of(layout).await;
    for answer in [site.get("/plain").await, site.origin().get("/plain").await] {
        assert_eq!(answer.status(), 200);
        assert!(answer.header("content-type").starts_with("text/plain"));
        assert_eq!(answer.text().await, "plain\n");
    }
}

async fn the_context_names_what_the_proxy_can_do(layout: Layout) {
    let site = Site::of(layout).await;
    let context = site.get("/context").await.json().await;
    assert_eq!(context["proxied"], true);
    assert_eq!(context["signed"], true);
    assert_eq!(context["last"], json!({}));
    let features = context["features"].as_array().expect("a list");
    for feature in [
        "status",
        "link:next",
        "filter:skip-self",
        "filter:var-subst",
    ] {
        assert!(
            features.contains(&json!(feature)),
            "{feature} in {features:?}"
        );
    }
    // A client cannot say so itself: the proxy takes it off.
    let context = site
        .request("GET", "/context")
        .header("grip-last", "news; last-id=1")
        .header("grip-feature", "everything")
        .send()
        .await
        .json()
        .await;
    assert_eq!(context["last"], json!({}));
    assert!(
        !context["features"]
            .as_array()
            .expect("a list")
            .contains(&json!("everything"))
    );
}

async fn a_bad_grip_url_is_named_without_its_key(origin: &str) {
    for url in [
        "localhost:5561/?key=s3cret-k3y",
        "ftp://localhost/?key=s3cret-k3y",
        "http://?key=s3cret-k3y",
        "http://localhost:port/?key=s3cret-k3y",
        "http://localhost/?key=s3cret-k3y&key=s3cret-k3y",
        "http://localhost/?verify-key=base64:s3cret-k3y!",
        "http://localhost/?verify-key=-----BEGIN%20PUBLIC%20KEY-----s3cret-k3y",
        "http://localhost:5561/ ftp://localhost/?verify-key=s3cret-k3y",
    ] {
        let (status, errors) = Origin::of(origin)
            .env("GRIP_URL", url)
            .runs_to_its_end()
            .await;
        assert_eq!(status.code(), Some(2), "{url}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{url}: {errors}");
        assert!(!errors.contains("s3cret"), "{url}: {errors}");
    }
}

async fn a_prefix_stands_before_every_channel_and_is_never_seen(layout: Layout) {
    let site = Site::with(layout)
        .env("GRIP_PREFIX", "app1-")
        .with_losses()
        .start()
        .await;
    let mut stream = site.get("/hold/stream?channel=news").await;
    stream.receives("[open]\n").await;
    let mut instructed = site.get("/hold/instruct?mode=stream&channel=news").await;
    instructed.receives("[open]\n").await;
    let mut socket = site.socket("/ws/room?channel=news&user=anna").await;
    site.subscriptions("app1-news", 3).await;

    site.publish(r#"{"channel": "news", "http-stream": {"content": "no\n"}, "ws-message": {"content": "no"}}"#)
        .await;
    site.publish(r#"{"channel": "app1-news", "http-stream": {"content": "1\n"}, "ws-message": {"content": "1"}}"#)
        .await;
    stream.receives("1\n").await;
    instructed.receives("1\n").await;
    socket.receives("1").await;

    let answer = site
        .origin()
        .request("POST", "/publish/all?channel=news")
        .body("2\n")
        .send()
        .await;
    assert_eq!(answer.status(), 200);
    stream.receives("2\n").await;
    instructed.receives("2\n").await;
    socket.receives("2\n").await;
    socket.sends("3").await;
    socket.receives("3").await;

    let post = |line: &'static str| site.origin().request("POST", "/feed/f").body(line).send();
    post("one").await;
    let mut feed = site.get("/feed/f").await;
    feed.receives("one\n").await;
    post("two").await;
    feed.receives("two\n").await;
    // Over the proxy's look at what it may have missed, a second after the subscription.
    feed.stays_quiet(Duration::from_millis(1500)).await;
    site.valve().loses_next(1);
    post("three").await;
    post("four").await;
    feed.receives("three\nfour\n").await;
    feed.stays_quiet(Duration::from_millis(200)).await;
}

async fn a_prefix_is_taken_off_what_the_proxy_says(origin: &str) {
    let origin = Origin::of(origin)
        .env(
            "GRIP_URL",
            "http://127.0.0.1:9/?verify-key=changeme&verify-iss=pushpin",
        )
        .env("GRIP_PREFIX", "app1-")
        .start()
        .await;
    let token = Peer::python().token(&json!({"iss": ISSUER, "exp": 4_000_000_000_u64}));
    let context = origin
        .request("GET", "/context")
        .header("grip-sig", token)
        .header("grip-last", "app1-news; last-id=7")
        .send()
        .await
        .json()
        .await;
    assert_eq!(context["last"], json!({"news": "7"}));
}

async fn where_a_proxy_is_required_nothing_else_is_answered(layout: Layout) {
    let site = Site::with(layout)
        .env("GRIP_PROXY_REQUIRED", "true")
        .start()
        .await;
    assert_eq!(site.get("/plain").await.text().await, "plain\n");
    let mut client = site.socket("/ws/echo").await;
    client.sends("hello").await;
    client.receives("hello").await;

    for (method, path) in [
        ("GET", "/plain"),
        ("GET", "/context"),
        ("GET", "/hold/response?channel=news"),
        ("GET", "/sse?channel=news"),
        ("GET", "/feed/news"),
        ("POST", "/feed/news"),
        ("POST", "/publish/http-stream?channel=news"),
        ("GET", "/ws/log"),
        ("POST", "/ws/echo"),
    ] {
        let answer = site.origin().request(method, path).body("x").send().await;
        assert_eq!(answer.status(), 501, "{method} {path}");
        let forged = site
            .origin()
            .request(method, path)
            .header("grip-sig", "forged");
        assert_eq!(
            forged.body("x").send().await.status(),
            501,
            "{method} {path}"
        );
    }
}

async fn on_sigterm_it_ends_at_once_where_nothing_is_in_flight(layout: Layout) {
    let mut site = Site::of(layout).await;
    // The proxy keeps connections to the origin open, and holds for clients. Neither is in flight.
    let mut client = site.get("/hold/stream?channel=news").await;
    client.receives("[open]\n").await;
    let mut idle = TcpStream::connect(site.origin().address())
        .await
        .expect("a connection");
    idle.write_all(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("a request");
    let mut byte = [0];
    idle.read_exact(&mut byte).await.expect("an answer");

    let status = site.origin_mut().stop(Duration::from_secs(2)).await;
    assert_eq!(status.code(), Some(0));
    site.publish(r#"{"channel": "news", "http-stream": {"content": "still here\n"}}"#)
        .await;
    client.receives("still here\n").await;
}

async fn on_sigterm_it_finishes_what_is_in_flight(origin: &str) {
    let mut origin = Origin::of(origin)
        .env("GRIP_URL", "http://127.0.0.1:9/?verify-key=changeme")
        .start()
        .await;
    // Half a request: its handler waits for the rest.
    let mut half = TcpStream::connect(origin.address())
        .await
        .expect("a connection");
    half.write_all(b"POST /publish/close?channel=a&code=1005 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        .await
        .expect("half a request");
    tokio::time::sleep(Duration::from_millis(300)).await;
    origin.terminate();
    tokio::time::sleep(Duration::from_millis(300)).await;
    half.write_all(b"cd").await.expect("an open connection");

    let mut answer = Vec::new();
    let read = timeout(PATIENCE, half.read_to_end(&mut answer)).await;
    read.expect("the end of the connection").expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let status = origin.stop(Duration::from_secs(2)).await;
    assert_eq!(status.code(), Some(0));
    assert!(TcpStream::connect(origin.address()).await.is_err());
}
