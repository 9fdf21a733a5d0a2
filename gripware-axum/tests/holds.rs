//! Holds, as a proxy gets them and as everybody else does.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod proxy;

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, StatusCode, header},
    response::IntoResponse,
    routing::get as route,
};
use gripware_axum::{
    Channel, Filter, Grip, GripContext, GripLayer, GripUrl, Hold, KeepAlive, Limits,
};
use http_body_util::{BodyExt, StreamBody};
use proxy::{direct, from_proxy, get, grip, grip_with_prefix, send, signature};
use serde_json::json;
use tower::ServiceExt;

fn app(grip: &Grip) -> Router {
    Router::new()
        .route(
            "/events",
            route(|| async {
                Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)))
            }),
        )
        .route(
            "/poll",
            route(|| async {
                let hold = Hold::response("news").timeout(Duration::from_secs(25));
                (
                    StatusCode::NOT_FOUND,
                    [("etag", "\"1\"")],
                    hold,
                    "nothing\n",
                )
            }),
        )
        .route(
            "/not-modified",
            route(|| async { (StatusCode::NOT_MODIFIED, Hold::response("news")) }),
        )
        .route(
            "/hostile",
            route(|| async {
                let channel = Channel::new("a,b;\"c\"")
                    .unwrap()
                    .with_filter(Filter::SkipSelf);
                (
                    [("x-one", "1"), ("content-type", "text/x")],
                    Hold::stream(channel),
                    "first\n",
                )
            }),
        )
        .route(
            "/too-many",
            route(|| async {
                (0..30).fold(Hold::stream("a"), |hold, n| hold.channel(n.to_string()))
            }),
        )
        .route(
            "/long",
            route(|| async { (Hold::response("a"), vec![b'x'; 100_001]) }),
        )
        .route(
            "/by-hand",
            route(|| async { [("grip-hold", "stream"), ("grip-channel", "a")] }),
        )
        .route(
            "/link-by-hand",
            route(|| async { [("grip-link", "</secret>; rel=next")] }),
        )
        .route("/plain", route(|| async { "plain\n" }))
        .layer(GripLayer::new(grip))
}

#[tokio::test]
async fn a_stream_alone_is_an_event_stream_with_instructions() {
    let answer = send(&app(&grip()), get("/events")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("grip-hold"), "stream");
    assert_eq!(answer.header("grip-channel"), "news");
    assert_eq!(
        answer.header("grip-keep-alive"),
        r":\n\n; format=cstring; timeout=20"
    );
    assert_eq!(answer.text(), "");
}

#[tokio::test]
async fn first_bytes_of_an_event_stream_do_not_make_it_plain_text() {
    let sse = || Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)));
    let app = Router::new()
        .route(
            "/text",
            route(move || async move { (sse(), "data: 1\n\n") }),
        )
        .route(
            "/bytes",
            route(move || async move { (sse(), b"data: 1\n\n".to_vec()) }),
        )
        .route(
            "/own",
            route(move || async move { ([("content-type", "a/b")], sse(), "1") }),
        )
        .layer(GripLayer::new(&grip()));
    for (path, content_type) in [
        ("/text", "text/event-stream"),
        ("/bytes", "text/event-stream"),
        ("/own", "a/b"),
    ] {
        assert_eq!(
            send(&app, get(path)).await.header("content-type"),
            content_type
        );
    }
}

#[tokio::test]
async fn a_hold_keeps_the_status_headers_and_body_beside_it() {
    let answer = send(&app(&grip()), get("/poll")).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("grip-hold"), "response");
    assert_eq!(answer.header("grip-timeout"), "25");
    assert_eq!(answer.text(), "nothing\n");
}

#[tokio::test]
async fn a_304_travels_in_a_200() {
    let answer = send(&app(&grip()), get("/not-modified")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("grip-status"), "304 Not Modified");
}

#[tokio::test]
async fn a_name_that_headers_would_change_travels_in_a_body() {
    let answer = send(&app(&grip()), get("/hostile")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/grip-instruct");
    assert_eq!(answer.header("grip-hold"), "");
    assert_eq!(
        answer.json(),
        json!({
            "hold": {
                "mode": "stream",
                "channels": [{"name": "a,b;\"c\"", "filters": ["skip-self"]}],
            },
            "response": {
                "code": 200,
                "headers": [["content-type", "text/x"], ["x-one", "1"]],
                "body": "first\n",
            },
        })
    );
}

#[tokio::test]
async fn the_prefix_is_put_before_the_channel() {
    let answer = send(&app(&grip_with_prefix("app-")), get("/events")).await;
    assert_eq!(answer.header("grip-channel"), "app-news");
    let answer = send(&app(&grip_with_prefix("app-")), get("/hostile")).await;
    assert_eq!(
        answer.json()["hold"]["channels"][0]["name"],
        "app-a,b;\"c\""
    );
}

#[tokio::test]
async fn a_head_request_is_answered_and_not_held() {
    for path in ["/events", "/hostile"] {
        let request = from_proxy("HEAD", path).body(Body::empty()).unwrap();
        let answer = send(&app(&grip()), request).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .headers
                .keys()
                .all(|name| !name.as_str().starts_with("grip-"))
        );
    }
}

#[tokio::test]
async fn without_a_proxy_a_hold_is_a_501_that_is_the_same_for_every_cause() {
    let now = SystemTime::now();
    let hour = Duration::from_secs(3601);
    let mut texts = Vec::new();
    for sig in [
        None,
        Some("nonsense".to_owned()),
        Some(signature("forged", "pushpin", now)),
        Some(signature("secret", "somebody", now)),
        Some(signature("secret", "pushpin", now - hour)),
    ] {
        let mut request = direct("/events");
        if let Some(sig) = sig {
            request
                .headers_mut()
                .insert("grip-sig", sig.parse().unwrap());
        }
        let answer = send(&app(&grip()), request).await;
        assert_eq!(answer.status, 501);
        assert!(
            answer
                .headers
                .keys()
                .all(|name| !name.as_str().starts_with("grip-"))
        );
        texts.push(answer.text().to_owned());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    assert!(
        texts[0].contains("needs a GRIP proxy in front"),
        "{}",
        texts[0]
    );
}

#[tokio::test]
async fn two_signatures_are_none() {
    let request = from_proxy("GET", "/events").header(
        "grip-sig",
        signature("secret", "pushpin", SystemTime::now()),
    );
    let answer = send(&app(&grip()), request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 501);
}

#[tokio::test]
async fn without_a_verify_key_nothing_is_trusted() {
    let url = GripUrl::parse("http://localhost:5561/").unwrap();
    let grip = Grip::builder().url(url).build().unwrap();
    assert_eq!(send(&app(&grip), get("/events")).await.status, 501);
    assert_eq!(send(&app(&grip), get("/plain")).await.status, 200);
}

#[tokio::test]
async fn unsigned_proxies_are_trusted_only_where_that_is_asked_for() {
    let grip = Grip::builder().trust_unsigned_proxies().build().unwrap();
    let request = Request::get("/events").header("grip-feature", "status");
    let answer = send(&app(&grip), request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("grip-hold"), "stream");
    assert_eq!(send(&app(&grip), direct("/events")).await.status, 501);
}

#[tokio::test]
async fn a_required_proxy_is_required_on_every_route() {
    let url = GripUrl::parse("http://localhost:5561/?verify-key=secret").unwrap();
    let grip = Grip::builder()
        .url(url)
        .proxy_required(true)
        .build()
        .unwrap();
    let answer = send(&app(&grip), direct("/plain")).await;
    assert_eq!(answer.status, 501);
    assert!(answer.text().contains("only through its GRIP proxy"));
    assert_eq!(send(&app(&grip), get("/plain")).await.text(), "plain\n");
}

#[tokio::test]
async fn a_hold_that_no_proxy_would_take_is_a_500() {
    for path in ["/too-many", "/long"] {
        let answer = send(&app(&grip()), get(path)).await;
        assert_eq!(answer.status, 500, "{path}");
        assert!(answer.text().contains("no proxy would take"));
    }
}

#[tokio::test]
async fn wider_limits_are_those_of_the_application() {
    let mut limits = Limits::default();
    limits.channels = 31;
    let url = GripUrl::parse("http://localhost:5561/?verify-key=secret").unwrap();
    let grip = Grip::builder().url(url).limits(limits).build().unwrap();
    let answer = send(&app(&grip), get("/too-many")).await;
    assert_eq!(answer.header("grip-channel").split(", ").count(), 31);
}

#[tokio::test]
async fn instructions_written_by_hand_need_a_proxy_too() {
    assert_eq!(send(&app(&grip()), direct("/by-hand")).await.status, 501);
    assert_eq!(
        send(&app(&grip()), direct("/link-by-hand")).await.status,
        501
    );
    assert_eq!(
        send(&app(&grip()), get("/by-hand"))
            .await
            .header("grip-channel"),
        "a"
    );
}

#[tokio::test]
async fn instructions_written_by_hand_are_not_for_head_requests_either() {
    let request = from_proxy("HEAD", "/by-hand").body(Body::empty()).unwrap();
    let answer = send(&app(&grip()), request).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .headers
            .keys()
            .all(|name| !name.as_str().starts_with("grip-"))
    );
}

#[tokio::test]
async fn a_head_request_sees_the_head_of_what_a_get_is_answered_with() {
    let app = Router::new()
        .route(
            "/",
            route(|| async {
                let hold = Hold::stream("a")
                    .keep_alive(KeepAlive::sse(Duration::from_secs(20)))
                    .status(StatusCode::IM_A_TEAPOT)
                    .expose_headers(["content-type"]);
                ([("x-hidden", "1")], hold, "data: 1\n\n")
            }),
        )
        .layer(GripLayer::new(&grip()));
    let request = from_proxy("HEAD", "/").body(Body::empty()).unwrap();
    let answer = send(&app, request).await;
    assert_eq!(answer.status, 418);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("x-hidden"), "");
}

#[tokio::test]
async fn a_hold_that_got_lost_is_a_500() {
    let forgetful = |mut response: axum::response::Response| async {
        response.extensions_mut().clear();
        response
    };
    let app = Router::new()
        .route("/", route(|| async { Hold::stream("a") }))
        .layer(axum::middleware::map_response(forgetful))
        .layer(GripLayer::new(&grip()));
    assert_eq!(send(&app, get("/")).await.status, 500);
}

#[tokio::test]
async fn a_response_hold_takes_a_stream_up_to_the_limit_and_a_stream_hold_any() {
    let body = |size| {
        let frames = futures_util::stream::iter(vec![Ok::<_, Infallible>(vec![b'x'; 1000]); size]);
        Body::from_stream(frames)
    };
    let app = Router::new()
        .route(
            "/short",
            route(move || async move { (Hold::response("a"), body(100)) }),
        )
        .route(
            "/long",
            route(move || async move { (Hold::response("a"), body(101)) }),
        )
        .route(
            "/stream",
            route(move || async move { (Hold::stream("a"), body(300)) }),
        )
        .layer(GripLayer::new(&grip()));
    let short = send(&app, get("/short")).await;
    assert_eq!(
        (short.header("grip-hold"), short.body.len()),
        ("response", 100_000)
    );
    assert_eq!(send(&app, get("/long")).await.status, 500);
    assert_eq!(send(&app, get("/stream")).await.body.len(), 300_000);
}

#[tokio::test]
async fn without_the_layer_a_hold_says_what_is_missing() {
    let app = Router::new().route("/events", route(|| async { Hold::stream("news") }));
    let answer = send(&app, get("/events")).await;
    assert_eq!(
        answer.header("grip-hold"),
        "unwritten: no GRIP layer is around this route"
    );
}

#[tokio::test]
async fn a_single_route_and_a_nested_router_can_have_the_layer() {
    let single = route(|| async { Hold::stream("a") }).layer(GripLayer::new(&grip()));
    let nested = Router::new()
        .route("/b", route(|| async { Hold::stream("b") }))
        .layer(GripLayer::new(&grip()));
    let app = Router::new().route("/a", single).nest("/nested", nested);
    assert_eq!(send(&app, get("/a")).await.header("grip-channel"), "a");
    assert_eq!(
        send(&app, get("/nested/b")).await.header("grip-channel"),
        "b"
    );
    // Twice around the same route it does no more than once.
    let twice = app.layer(GripLayer::new(&grip()));
    assert_eq!(send(&twice, get("/a")).await.header("grip-channel"), "a");
}

#[tokio::test]
async fn a_streaming_body_is_passed_on_as_it_comes() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<&str>(1);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(Some(receiver)));
    let app = Router::new()
        .route(
            "/",
            route(move || async move {
                let receiver = receiver.lock().await.take().unwrap();
                let frames = tokio_stream(receiver);
                Body::new(StreamBody::new(frames))
            }),
        )
        .layer(GripLayer::new(&grip()));
    let mut body = app.oneshot(direct("/")).await.unwrap().into_body();
    for text in ["one", "two"] {
        sender.send(text).await.unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    drop(sender);
    assert!(body.frame().await.is_none());
}

fn tokio_stream(
    receiver: tokio::sync::mpsc::Receiver<&'static str>,
) -> impl futures_core::Stream<Item = Result<http_body::Frame<Bytes>, Infallible>> {
    futures_util::stream::unfold(receiver, |mut receiver| async {
        let text = receiver.recv().await?;
        Some((
            Ok(http_body::Frame::data(Bytes::from_static(text.as_bytes()))),
            receiver,
        ))
    })
}

#[tokio::test]
async fn the_context_shows_what_a_proxy_says_and_nothing_else() {
    async fn show(cx: GripContext) -> impl IntoResponse {
        let last: Vec<_> = cx
            .last()
            .iter()
            .map(|(channel, id)| format!("{channel}={id}"))
            .collect();
        format!(
            "{} {} {:?} {last:?}",
            cx.is_proxied(),
            cx.is_signed(),
            cx.features().collect::<Vec<_>>()
        )
    }
    let app = Router::new()
        .route("/", route(show))
        .layer(GripLayer::new(&grip_with_prefix("app-")));
    let add = |mut request: Request<Body>| {
        let headers = request.headers_mut();
        headers.insert("grip-feature", "status, link:next".parse().unwrap());
        headers.append("grip-last", "app-news; last-id=4".parse().unwrap());
        headers.append("grip-last", "other-news; last-id=5".parse().unwrap());
        request
    };
    assert_eq!(
        send(&app, add(get("/"))).await.text(),
        r#"true true ["status", "link:next"] ["news=4"]"#
    );
    assert_eq!(
        send(&app, add(direct("/"))).await.text(),
        "false false [] []"
    );
}

#[tokio::test]
async fn a_context_that_is_optional_is_none_without_the_layer() {
    let show = |cx: Option<GripContext>| async move { cx.is_some().to_string() };
    let app = Router::new().route("/", route(show));
    assert_eq!(send(&app, get("/")).await.text(), "false");
    let app = app.layer(GripLayer::new(&grip()));
    assert_eq!(send(&app, get("/")).await.text(), "true");

    let required = Router::new().route("/", route(|_: GripContext| async {}));
    let answer = send(&required, get("/")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("is GripLayer around this route?"));
    assert_eq!(
        answer.header(header::CONTENT_TYPE.as_str()),
        "text/plain; charset=utf-8"
    );
}
