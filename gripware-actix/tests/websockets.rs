//! WebSocket routes as actix-web has them: extractors, payloads, middleware that fails.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod proxy;

use std::{cell::Cell, rc::Rc};

use actix_http::Request;
use actix_web::{
    App, Either, Error, HttpRequest, HttpResponse, Responder,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    error::{ErrorForbidden, ErrorUnauthorized, PayloadError},
    http::header::{HeaderName, HeaderValue},
    middleware::{Next, from_fn},
    test::init_service,
    web::{self, Bytes},
};
use gripware_actix::{
    GripMiddleware, WebSocketContext, WebSocketError, WebSocketErrorKind, WebSocketRejection,
};
use proxy::{direct, events, from_proxy, grip, send};

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

async fn page_or_socket(ws: Option<WebSocketContext>) -> impl Responder {
    match ws {
        Some(mut ws) => {
            ws.accept();
            Either::Left(ws)
        }
        None => Either::Right("a page\n"),
    }
}

async fn refusing(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    if ws.is_opening() {
        let headers = ws.handshake_headers_mut();
        headers.append(
            "set-cookie",
            gripware_actix::http::HeaderValue::from_static("a=1"),
        );
        headers.append(
            "set-cookie",
            gripware_actix::http::HeaderValue::from_static("b=2"),
        );
        ws.refuse(gripware_actix::http::StatusCode::FORBIDDEN, "no\n")?;
    }
    Ok(ws)
}

async fn app() -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error>
{
    init_service(
        App::new()
            .route("/echo", web::to(echo))
            .route("/page", web::to(page_or_socket))
            .route("/refusing", web::to(refusing))
            .wrap(GripMiddleware::new(&grip())),
    )
    .await
}

#[actix_web::test]
async fn an_answer_has_no_other_headers_than_the_conversation_set() {
    let answer = send(&app().await, events("/echo", "TEXT 2\r\nhi\r\n")).await;
    let headers: Vec<_> = answer.headers.iter().collect();
    assert_eq!(
        headers,
        [(
            &HeaderName::from_static("content-type"),
            &HeaderValue::from_static("application/websocket-events")
        )]
    );
}

#[actix_web::test]
async fn a_refused_client_gets_the_status_the_headers_and_the_body() {
    let answer = send(&app().await, events("/refusing", "OPEN\r\n")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (403, "no\n"));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[actix_web::test]
async fn events_are_read_beyond_the_limit_that_actix_has_for_other_bodies() {
    let message = "x".repeat(900_000);
    let body = format!("TEXT {:x}\r\n{message}\r\n", message.len());
    let app = App::new()
        .app_data(web::PayloadConfig::new(10))
        .route("/echo", web::to(echo))
        .wrap(GripMiddleware::new(&grip()));
    let answer = send(&init_service(app).await, events("/echo", body)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 900_000);
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_a_400_and_one_cut_by_a_limit_a_413() {
    for (error, status) in [
        (PayloadError::Incomplete(None), 400),
        (PayloadError::Overflow, 413),
    ] {
        let broken = Rc::new(Cell::new(Some(error)));
        let cut = from_fn(move |mut request: ServiceRequest, next: Next<_>| {
            let error = broken.take().unwrap();
            let stream = futures_util::stream::iter([Ok(Bytes::from("TEXT")), Err(error)]);
            request.set_payload(actix_web::dev::Payload::Stream {
                payload: Box::pin(stream),
            });
            next.call(request)
        });
        let app = App::new()
            .route("/echo", web::to(echo))
            .wrap(GripMiddleware::new(&grip()))
            .wrap(cut);
        let answer = send(&init_service(app).await, events("/echo", "")).await;
        assert_eq!(answer.status.as_u16(), status);
    }
}

#[actix_web::test]
async fn one_route_serves_pages_and_sockets() {
    let app = app().await;
    assert_eq!(send(&app, direct("/page")).await.text(), "a page\n");
    assert_eq!(
        send(&app, events("/page", "OPEN\r\n")).await.text(),
        "OPEN\r\n"
    );
    // The handler has seen `None`, and the proxy does not get its page.
    let broken = send(&app, events("/page", "broken")).await;
    assert_eq!(broken.status, 400);
    assert_eq!(
        broken.text(),
        "the body is not a list of WebSocket events\n"
    );
    let large = vec![b'x'; 1_000_001];
    assert_eq!(send(&app, events("/page", large)).await.status, 413);
}

#[actix_web::test]
async fn a_handler_that_looks_at_the_rejection_answers_it_itself() {
    async fn handler(
        request: HttpRequest,
        ws: Result<WebSocketContext, WebSocketRejection>,
    ) -> HttpResponse {
        match ws {
            Ok(ws) => ws.respond_to(&request).map_into_boxed_body(),
            Err(WebSocketRejection::NotWebSocket) => HttpResponse::Ok().body("a page\n"),
            Err(_) => HttpResponse::ImATeapot().body("no tea\n"),
        }
    }
    let app = App::new()
        .route("/", web::to(handler))
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    assert_eq!(send(&app, direct("/")).await.text(), "a page\n");
    assert_eq!(
        send(&app, events("/", "PING 1\r\n!\r\n")).await.text(),
        "PONG 1\r\n!\r\n"
    );
    assert_eq!(send(&app, events("/", "broken")).await.text(), "no tea\n");
}

#[actix_web::test]
async fn a_body_that_is_no_websockets_is_left_to_other_extractors() {
    async fn upload(ws: Option<WebSocketContext>, body: String) -> String {
        assert!(ws.is_none());
        body
    }
    let app = App::new()
        .route("/", web::post().to(upload))
        .wrap(GripMiddleware::new(&grip()));
    let request = from_proxy("POST", "/").set_payload("text");
    assert_eq!(send(&init_service(app).await, request).await.text(), "text");
}

#[actix_web::test]
async fn a_middleware_that_fails_after_the_handler_closes_an_open_socket() {
    let failing = from_fn(async |request, next: Next<actix_web::body::BoxBody>| {
        next.call(request).await?;
        Err::<ServiceResponse, _>(ErrorForbidden("no"))
    });
    let app = App::new()
        .route("/echo", web::to(echo))
        .wrap(failing)
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    let failed = send(&app, events("/echo", "TEXT 2\r\nhi\r\n")).await;
    assert_eq!(failed.status, 200);
    assert_eq!(failed.body, &b"CLOSE 2\r\n\x03\xf3\r\n"[..]);

    let refused = send(&app, events("/echo", "OPEN\r\n")).await;
    assert_eq!((refused.status.as_u16(), refused.text()), (403, "no"));
}

#[actix_web::test]
async fn whoever_refuses_an_open_socket_before_the_handler_closes_it() {
    let with_length = |body: &'static str| {
        events("/echo", body).insert_header(("content-length", body.len().to_string()))
    };
    for fails in [false, true] {
        let refusing = from_fn(
            move |request: ServiceRequest, _: Next<actix_web::body::BoxBody>| async move {
                if fails {
                    return Err(ErrorUnauthorized("no"));
                }
                Ok(request.into_response(HttpResponse::Unauthorized().body("no")))
            },
        );
        let app = App::new()
            .route("/echo", web::to(echo))
            .wrap(refusing)
            .wrap(GripMiddleware::new(&grip()));
        let app = init_service(app).await;
        let refused = send(&app, with_length("OPEN\r\n")).await;
        assert_eq!((refused.status.as_u16(), refused.text()), (401, "no"));
        let closed = send(&app, with_length("TEXT 2\r\nhi\r\n")).await;
        assert_eq!(closed.status, 200);
        assert_eq!(
            closed.header("content-type"),
            "application/websocket-events"
        );
        assert_eq!(closed.body, &b"CLOSE 2\r\n\x03\xf3\r\n"[..]);
    }
}

#[actix_web::test]
async fn a_rejection_that_middleware_passes_on_stays_what_it_is() {
    let failing = from_fn(async |request, next: Next<actix_web::body::BoxBody>| {
        next.call(request).await?;
        let not_utf8 = WebSocketError::from(WebSocketErrorKind::NotUtf8);
        Err::<ServiceResponse, _>(WebSocketRejection::from(not_utf8).into())
    });
    // Twice around it is no other answer than once.
    let app = App::new()
        .route("/echo", web::to(echo))
        .wrap(failing)
        .wrap(GripMiddleware::new(&grip()))
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    let closed = send(&app, events("/echo", "TEXT 2\r\nhi\r\n")).await;
    assert_eq!(closed.body, &b"CLOSE 2\r\n\x03\xef\r\n"[..]);
}

#[actix_web::test]
async fn without_the_middleware_the_answer_says_what_is_missing() {
    let app = init_service(App::new().route("/echo", web::to(echo))).await;
    let answer = send(&app, events("/echo", "OPEN\r\n")).await;
    assert_eq!(answer.status, 500);
    assert!(
        answer
            .text()
            .contains("is GripMiddleware around this route?")
    );
}

async fn without_a_database(
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, WebSocketRejection> {
    ws.accept();
    let topic = Err::<String, _>(std::io::Error::other("the database at 10.0.0.5 is down"));
    ws.send_text(topic.map_err(WebSocketRejection::other)?)?;
    Ok(ws)
}

#[actix_web::test]
async fn any_error_of_a_handler_closes_an_open_socket_and_refuses_an_opening_one() {
    let app = init_service(
        App::new()
            .route("/topic", web::to(without_a_database))
            .wrap(GripMiddleware::new(&grip())),
    )
    .await;
    let refused = send(&app, events("/topic", "OPEN\r\n")).await;
    assert_eq!(refused.status.as_u16(), 500);
    assert_eq!(
        refused.text(),
        "the WebSocket events could not be handled\n"
    );
    let closed = send(&app, events("/topic", "TEXT 2\r\nhi\r\n")).await;
    assert_eq!(closed.status.as_u16(), 200);
    assert_eq!(closed.body[..], *b"CLOSE 2\r\n\x03\xf3\r\n");
}

#[cfg(feature = "state")]
#[test]
fn errors_of_the_state_need_no_conversion() {
    use gripware_state::{StateError, StateErrorKind, resume::SocketError};

    let fails = |error: SocketError| -> Result<(), WebSocketRejection> { Err(error)? };
    let down = StateError::from(StateErrorKind::Unavailable);
    let rejection = WebSocketRejection::from(down);
    assert_eq!(rejection.status().as_u16(), 500);
    assert!(matches!(rejection, WebSocketRejection::Other(_)));
    let down = StateError::from(StateErrorKind::Unavailable);
    assert!(matches!(
        fails(down.into()),
        Err(WebSocketRejection::Other(_))
    ));
    // What the client did wrong closes it as without the state.
    let text = WebSocketError::from(WebSocketErrorKind::InvalidEvents);
    assert!(matches!(
        fails(text.into()),
        Err(WebSocketRejection::Events(_))
    ));
}
