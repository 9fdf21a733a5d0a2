//! Holds beside what actix-web has: responders, scopes, workers, bodies of one's own.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod proxy;

use std::{
    cell::RefCell,
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    App, HttpResponse, Responder,
    body::{BodySize, MessageBody},
    dev::Service,
    http::header,
    test::init_service,
    web::{self, Bytes},
};
use gripware_actix::{GripContext, GripMiddleware, Hold, HoldExt};
use proxy::{get, grip, send};

#[actix_web::test]
async fn a_hold_stands_beside_any_responder() {
    let held_json = async || Hold::stream("a").with(web::Json([1, 2]));
    let customized = async || Hold::stream("a").customize().insert_header(("x-one", "1"));
    let app = App::new()
        .route("/json", web::get().to(held_json))
        .route("/customized", web::get().to(customized))
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    let answer = send(&app, get("/json")).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("grip-hold"), "stream");
    assert_eq!(answer.text(), "[1,2]");

    let answer = send(&app, get("/customized")).await;
    assert_eq!(answer.header("x-one"), "1");
    assert_eq!(answer.header("grip-hold"), "stream");
}

#[actix_web::test]
async fn without_the_middleware_a_hold_says_what_is_missing() {
    let alone = async || Hold::stream("news");
    let built = async || {
        let hold = Hold::stream("news");
        HttpResponse::Ok().hold(hold).finish()
    };
    let app = init_service(
        App::new()
            .route("/alone", web::get().to(alone))
            .route("/built", web::get().to(built)),
    )
    .await;
    for path in ["/alone", "/built"] {
        assert_eq!(
            send(&app, get(path)).await.header("grip-hold"),
            "unwritten: no GRIP layer is around this route"
        );
    }
}

#[actix_web::test]
async fn a_resource_and_a_scope_can_have_the_middleware() {
    let scopes = || {
        let single = web::resource("/a")
            .route(web::get().to(async || Hold::stream("a")))
            .wrap(GripMiddleware::new(&grip()));
        let nested = web::scope("/nested")
            .route("/b", web::get().to(async || Hold::stream("b")))
            .wrap(GripMiddleware::new(&grip()));
        App::new().service(single).service(nested)
    };
    let app = init_service(scopes()).await;
    assert_eq!(send(&app, get("/a")).await.header("grip-channel"), "a");
    assert_eq!(
        send(&app, get("/nested/b")).await.header("grip-channel"),
        "b"
    );
    // Twice around the same route it does no more than once.
    let twice = init_service(scopes().wrap(GripMiddleware::new(&grip()))).await;
    assert_eq!(send(&twice, get("/a")).await.header("grip-channel"), "a");
}

#[actix_web::test]
async fn every_worker_gets_a_clone_of_the_middleware() {
    fn is_for_workers<T: Clone + Send + 'static>(_: &T) {}
    let middleware = GripMiddleware::new(&grip());
    is_for_workers(&middleware);
    for _ in 0..2 {
        let app = App::new()
            .route("/", web::get().to(async || Hold::stream("a")))
            .wrap(middleware.clone());
        let answer = send(&init_service(app).await, get("/")).await;
        assert_eq!(answer.header("grip-channel"), "a");
    }
}

/// A body whose chunks come when they come.
#[derive(Clone, Default)]
struct Chunks(Rc<RefCell<VecDeque<&'static str>>>);

impl MessageBody for Chunks {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        match self.0.borrow_mut().pop_front() {
            Some("") => Poll::Ready(None),
            Some(text) => Poll::Ready(Some(Ok(Bytes::from_static(text.as_bytes())))),
            None => Poll::Pending,
        }
    }
}

#[actix_web::test]
async fn a_streaming_body_is_passed_on_as_it_comes() {
    for path in ["/plain", "/held"] {
        let chunks = Chunks::default();
        let (plain, held) = (chunks.clone(), chunks.clone());
        let app = init_service(
            App::new()
                .route(
                    "/plain",
                    web::get().to(move || {
                        let response = HttpResponse::Ok().message_body(plain.clone());
                        async { response }
                    }),
                )
                .route(
                    "/held",
                    web::get().to(move || {
                        let hold = Hold::stream("a");
                        let response = HttpResponse::Ok().hold(hold).message_body(held.clone());
                        async { response }
                    }),
                )
                .wrap(GripMiddleware::new(&grip())),
        )
        .await;
        let response = app.call(get(path).to_request()).await.unwrap();
        let mut body = pin!(response.into_body());
        assert_eq!(body.size(), BodySize::Stream);
        for text in ["one", "two"] {
            let nothing = poll_fn(|cx| Poll::Ready(body.as_mut().poll_next(cx).is_pending()));
            assert!(nothing.await);
            chunks.0.borrow_mut().push_back(text);
            let chunk = poll_fn(|cx| body.as_mut().poll_next(cx)).await;
            assert_eq!(chunk.unwrap().ok().unwrap(), text);
        }
        chunks.0.borrow_mut().push_back("");
        assert!(poll_fn(|cx| body.as_mut().poll_next(cx)).await.is_none());
    }
}

#[actix_web::test]
async fn a_streaming_body_is_collected_where_the_hold_travels_around_it() {
    let chunks = Chunks::default();
    chunks.0.borrow_mut().extend(["one", "two", ""]);
    let stream = move || {
        let hold = Hold::stream("a").in_body();
        let response = HttpResponse::Ok().hold(hold).message_body(chunks.clone());
        async { response }
    };
    let app = App::new()
        .route("/", web::get().to(stream))
        .wrap(GripMiddleware::new(&grip()));
    let answer = send(&init_service(app).await, get("/")).await;
    assert_eq!(answer.json()["response"]["body"], "onetwo");
}

#[actix_web::test]
async fn a_context_that_is_optional_is_none_without_the_middleware() {
    let show = async |cx: Option<GripContext>| cx.is_some().to_string();
    let routes = || App::new().route("/", web::get().to(show));
    let app = init_service(routes()).await;
    assert_eq!(send(&app, get("/")).await.text(), "false");
    let app = init_service(routes().wrap(GripMiddleware::new(&grip()))).await;
    assert_eq!(send(&app, get("/")).await.text(), "true");

    let required = App::new().route("/", web::get().to(async |_: GripContext| ""));
    let answer = send(&init_service(required).await, get("/")).await;
    assert_eq!(answer.status, 500);
    assert!(
        answer
            .text()
            .contains("is GripMiddleware around this route?")
    );
    assert_eq!(
        answer.header(header::CONTENT_TYPE.as_str()),
        "text/plain; charset=utf-8"
    );
}
