//! WebSockets over HTTP, turn by turn.

mod proxy;

use axum::{
    Router,
    body::Body,
    extract::DefaultBodyLimit,
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use gripware_axum::{GripLayer, WebSocketContext, WebSocketError, WebSocketRejection};
use proxy::{direct, events, from_proxy, get, grip, grip_with_prefix, send};

async fn echo(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    if ws.is_opening() {
        ws.accept();
        ws.subscribe("room")?;
    }
    while let Some(message) = ws.receive()? {
        ws.send(message)?;
    }
    Ok(ws)
}

/// Fails whenever it gets a message, as a handler of its own would.
async fn failing(mut ws: WebSocketContext) -> Result<WebSocketContext, Failure> {
    ws.accept();
    if ws.is_opening() && ws.meta("fail").is_some() {
        return Err(Failure);
    }
    match ws.receive()? {
        Some(_) => Err(Failure),
        None => Ok(ws),
    }
}

struct Failure;

impl From<WebSocketError> for Failure {
    fn from(_: WebSocketError) -> Self {
        Self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::IM_A_TEAPOT, "no tea\n").into_response()
    }
}

async fn page_or_socket(ws: Option<WebSocketContext>) -> Response {
    match ws {
        Some(mut ws) => {
            ws.accept();
            ws.into_response()
        }
        None => "a page\n".into_response(),
    }
}

fn app() -> Router {
    Router::new()
        .route("/echo", any(echo))
        .route("/failing", any(failing))
        .route("/page", any(page_or_socket))
        .layer(GripLayer::new(&grip()))
}

#[tokio::test]
async fn a_conversation_is_one_turn_after_the_other() {
    let opened = send(&app(), events("/echo", "OPEN\r\n")).await;
    assert_eq!(opened.status, 200);
    assert_eq!(
        opened.header("content-type"),
        "application/websocket-events"
    );
    assert_eq!(opened.header("sec-websocket-extensions"), "grip");
    assert_eq!(
        opened.text(),
        "OPEN\r\nTEXT 27\r\nc:{\"type\":\"subscribe\",\"channel\":\"room\"}\r\n"
    );

    let echoed = send(
        &app(),
        events("/echo", "TEXT 2\r\nhi\r\nBINARY 1\r\n\0\r\n"),
    )
    .await;
    assert_eq!(echoed.text(), "TEXT 4\r\nm:hi\r\nBINARY 3\r\nm:\0\r\n");
    assert_eq!(echoed.header("sec-websocket-extensions"), "");

    let closed = send(&app(), events("/echo", "CLOSE 5\r\n\x0f\x21bye\r\n")).await;
    assert_eq!(closed.text(), "CLOSE 5\r\n\x0f\x21bye\r\n");
}

#[tokio::test]
async fn an_empty_answer_still_says_what_it_is() {
    let answer = send(&app(), events("/echo", "")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/websocket-events"
    );
    assert_eq!(answer.text(), "");
}

#[tokio::test]
async fn the_prefix_is_put_before_the_channel() {
    let app = Router::new()
        .route("/echo", any(echo))
        .layer(GripLayer::new(&grip_with_prefix("app-")));
    let answer = send(&app, events("/echo", "OPEN\r\n")).await;
    assert!(answer.text().contains("\"channel\":\"app-room\""));
}

#[tokio::test]
async fn events_that_nobody_signed_are_refused() {
    let mut request = events("/echo", "OPEN\r\n");
    request.headers_mut().remove("grip-sig");
    let answer = send(&app(), request).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("only from a trusted GRIP proxy"));

    let mut request = events("/echo", "OPEN\r\n");
    request
        .headers_mut()
        .insert("grip-sig", "forged".parse().unwrap());
    request.headers_mut().insert(
        "content-type",
        "Application/WebSocket-Events; x=y".parse().unwrap(),
    );
    assert_eq!(send(&app(), request).await.status, 403);
}

#[tokio::test]
async fn a_request_that_is_no_websocket_is_a_400() {
    assert_eq!(send(&app(), direct("/echo")).await.status, 400);
    assert_eq!(send(&app(), get("/echo")).await.status, 400);
    let post = from_proxy("POST", "/echo")
        .body(Body::from("OPEN\r\n"))
        .unwrap();
    assert_eq!(send(&app(), post).await.status, 400);
    let put = events("/echo", "OPEN\r\n");
    let (mut head, body) = put.into_parts();
    head.method = "PUT".parse().unwrap();
    assert_eq!(
        send(&app(), Request::from_parts(head, body)).await.status,
        400
    );
}

#[tokio::test]
async fn broken_events_are_a_400_and_large_ones_a_413() {
    for body in [
        "TEXT 5\r\nhi",
        "OPEN\n",
        "nonsense",
        "TEXT fffffffffffffff0\r\n",
    ] {
        assert_eq!(
            send(&app(), events("/echo", body)).await.status,
            400,
            "{body:?}"
        );
    }
    let mut request = events("/echo", "OPEN\r\n");
    request.headers_mut().remove("connection-id");
    assert_eq!(send(&app(), request).await.status, 400);

    let large = vec![b'x'; 1_000_001];
    assert_eq!(send(&app(), events("/echo", large)).await.status, 413);
}

#[tokio::test]
async fn a_smaller_body_limit_of_the_application_counts() {
    let app = app().layer(DefaultBodyLimit::max(10));
    assert_eq!(
        send(&app, events("/echo", "TEXT 5\r\nhello\r\n"))
            .await
            .status,
        413
    );
    assert_eq!(send(&app, events("/echo", "TEXT\r\n")).await.status, 200);
}

#[tokio::test]
async fn one_route_serves_pages_and_sockets() {
    assert_eq!(send(&app(), direct("/page")).await.text(), "a page\n");
    assert_eq!(
        send(&app(), events("/page", "OPEN\r\n")).await.text(),
        "OPEN\r\n"
    );
    assert_eq!(send(&app(), events("/page", "broken")).await.status, 400);
}

#[tokio::test]
async fn a_handler_that_fails_closes_an_open_socket_and_refuses_an_opening_one() {
    let failed = send(&app(), events("/failing", "TEXT 2\r\nhi\r\n")).await;
    assert_eq!(failed.status, 200);
    assert_eq!(
        failed.header("content-type"),
        "application/websocket-events"
    );
    assert_eq!(failed.body, &b"CLOSE 2\r\n\x03\xf3\r\n"[..]);

    let mut opening = events("/failing", "OPEN\r\n");
    opening
        .headers_mut()
        .insert("meta-fail", "1".parse().unwrap());
    let refused = send(&app(), opening).await;
    assert_eq!((refused.status.as_u16(), refused.text()), (418, "no tea\n"));
}

#[tokio::test]
async fn whoever_refuses_an_open_socket_before_the_handler_closes_it() {
    let refusing = axum::middleware::from_fn(|_: Request<Body>, _: axum::middleware::Next| async {
        StatusCode::UNAUTHORIZED
    });
    let app = Router::new()
        .route("/echo", any(echo))
        .layer(refusing)
        .layer(GripLayer::new(&grip()));
    let with_length = |body: &'static str| {
        let mut request = events("/echo", body);
        let length = body.len().to_string().parse().unwrap();
        request.headers_mut().insert("content-length", length);
        request
    };
    assert_eq!(send(&app, with_length("OPEN\r\n")).await.status, 401);
    let closed = send(&app, with_length("TEXT 2\r\nhi\r\n")).await;
    assert_eq!(closed.status, 200);
    assert_eq!(closed.body, &b"CLOSE 2\r\n\x03\xf3\r\n"[..]);
}

#[tokio::test]
async fn a_refusal_without_a_body_has_no_content_type() {
    async fn refuse(ws: WebSocketContext) -> WebSocketContext {
        ws
    }
    let app = Router::new()
        .route("/", any(refuse))
        .layer(GripLayer::new(&grip()));
    let answer = send(&app, events("/", "OPEN\r\n")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (403, "")
    );
}

#[tokio::test]
async fn a_message_that_is_not_what_the_handler_takes_closes_with_1007() {
    async fn text_only(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
        while let Some(message) = ws.receive()? {
            ws.send_text(message.to_str()?)?;
        }
        Ok(ws)
    }
    let app = Router::new()
        .route("/", any(text_only))
        .layer(GripLayer::new(&grip()));
    let answer = send(&app, events("/", &b"TEXT 1\r\n\xff\r\n"[..])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, &b"CLOSE 2\r\n\x03\xef\r\n"[..]);
}

#[tokio::test]
async fn without_the_layer_the_answer_says_what_is_missing() {
    let app = Router::new().route("/echo", any(echo));
    let answer = send(&app, events("/echo", "OPEN\r\n")).await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("is GripLayer around this route?"));
}
