//! Together with other middleware.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod proxy;

use std::time::Duration;

use actix_cors::Cors;
use actix_http::Request;
use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    error::{ErrorConflict, ErrorRequestTimeout},
    http::StatusCode,
    middleware::{
        Compress, DefaultHeaders, ErrorHandlerResponse, ErrorHandlers, Logger, Next, from_fn,
    },
    rt::time::timeout,
    test::{TestRequest, init_service},
    web,
};
use gripware_actix::{
    Channel, GripMiddleware, Hold, HoldExt, WebSocketContext, WebSocketRejection,
};
use proxy::{direct, events, get, grip, send};

async fn socket(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    ws.accept();
    while let Some(message) = ws.receive()? {
        ws.send_text(message.to_str()?)?;
    }
    Ok(ws)
}

fn routes(config: &mut web::ServiceConfig) {
    let stream = async || {
        let hold = Hold::stream("a");
        HttpResponse::Ok().hold(hold).body("x".repeat(1000))
    };
    let hostile = async || {
        let channel = Channel::new("a,b").unwrap();
        Hold::stream(channel).with("x".repeat(1000))
    };
    config
        .route("/stream", web::get().to(stream))
        .route("/hostile", web::get().to(hostile))
        .route("/socket", web::to(socket));
}

/// Turns every error into a 418.
fn error_handlers<B: 'static>() -> ErrorHandlers<B> {
    ErrorHandlers::new().default_handler(|response| {
        let response = response.into_response(HttpResponse::ImATeapot().finish());
        Ok(ErrorHandlerResponse::Response(
            response.map_into_right_body(),
        ))
    })
}

async fn stacked()
-> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    init_service(
        App::new()
            .configure(routes)
            .wrap(GripMiddleware::new(&grip()))
            .wrap(error_handlers())
            .wrap(DefaultHeaders::new().add_content_type())
            .wrap(Compress::default())
            .wrap(Cors::permissive())
            .wrap(Logger::default()),
    )
    .await
}

/// Gives up on what is too slow.
async fn bounded<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    match timeout(Duration::from_millis(50), next.call(request)).await {
        Ok(answer) => answer,
        Err(_) => Err(ErrorRequestTimeout("too slow")),
    }
}

fn from_a_browser(request: TestRequest) -> TestRequest {
    request
        .insert_header(("origin", "http://a.example"))
        .insert_header(("accept-encoding", "gzip"))
}

#[actix_web::test]
async fn middleware_around_leaves_a_hold_what_it_is() {
    let answer = send(&stacked().await, from_a_browser(get("/stream"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("grip-hold"), "stream");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "http://a.example"
    );
    // The proxy asked for gzip itself, and unpacks it.
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert!(answer.body.len() < 1000);
}

#[actix_web::test]
async fn middleware_around_leaves_a_socket_what_it_is() {
    let app = stacked().await;
    let request =
        events("/socket", "TEXT 2\r\nhi\r\n").insert_header(("origin", "http://a.example"));
    let answer = send(&app, request).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/websocket-events"
    );
    assert_eq!(answer.text(), "TEXT 4\r\nm:hi\r\n");

    let empty = send(&app, from_a_browser(events("/socket", ""))).await;
    assert_eq!(empty.status, 200);
    assert_eq!(empty.header("content-type"), "application/websocket-events");
    assert_eq!(empty.text(), "");

    let failed = send(&app, events("/socket", &b"TEXT 1\r\n\xff\r\n"[..])).await;
    assert_eq!(failed.status, 200);
    assert_eq!(
        failed.header("content-type"),
        "application/websocket-events"
    );
    assert_eq!(failed.body, &b"CLOSE 2\r\n\x03\xef\r\n"[..]);
}

#[actix_web::test]
async fn error_handlers_around_see_what_is_refused() {
    assert_eq!(
        send(&stacked().await, direct("/stream")).await.status,
        StatusCode::IM_A_TEAPOT
    );
}

#[actix_web::test]
async fn a_timeout_bounds_the_handler_and_closes_an_open_socket() {
    async fn slow() -> Hold {
        std::future::pending().await
    }
    let routes = || App::new().route("/", web::to(slow));
    let around = routes()
        .wrap(GripMiddleware::new(&grip()))
        .wrap(from_fn(bounded));
    let around = init_service(around).await;
    assert_eq!(send(&around, get("/")).await.status, 408);
    let inside = routes()
        .wrap(from_fn(bounded))
        .wrap(GripMiddleware::new(&grip()));
    let inside = init_service(inside).await;
    assert_eq!(send(&inside, get("/")).await.status, 408);

    let turn = || events("/", "TEXT 2\r\nhi\r\n").insert_header(("content-length", "12"));
    assert_eq!(send(&around, turn()).await.status, 408);
    let closed = send(&inside, turn()).await;
    assert_eq!(closed.body, &b"CLOSE 2\r\n\x03\xf3\r\n"[..]);
}

#[actix_web::test]
async fn compression_inside_is_fine_unless_the_hold_travels_as_a_body() {
    let app = App::new()
        .configure(routes)
        .wrap(Compress::default())
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    let answer = send(&app, from_a_browser(get("/stream"))).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("grip-hold")),
        (200, "stream")
    );
    assert_eq!(
        send(&app, from_a_browser(get("/hostile"))).await.status,
        500
    );
    assert_eq!(send(&app, get("/hostile")).await.status, 200);
}

#[actix_web::test]
async fn error_handlers_inside_do_not_end_an_open_socket() {
    async fn fail(mut ws: WebSocketContext) -> Result<WebSocketContext, Error> {
        ws.accept();
        Err(ErrorConflict("no"))
    }
    let app = App::new()
        .route("/", web::to(fail))
        .wrap(error_handlers())
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    assert_eq!(send(&app, events("/", "OPEN\r\n")).await.status, 418);
    let open = send(&app, events("/", "TEXT 2\r\nhi\r\n")).await;
    assert_eq!(open.body, &b"CLOSE 2\r\n\x03\xf3\r\n"[..]);
}
