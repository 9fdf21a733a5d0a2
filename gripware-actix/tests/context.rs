//! Who a request is from, as handlers are told: with the middleware that they have, and without.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod proxy;

use std::time::SystemTime;

use actix_http::Request;
use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    test::{TestRequest, init_service},
    web,
};
use gripware_actix::{Grip, GripContext, GripMiddleware};
use proxy::{direct, get, grip, send, signature};

async fn who(cx: GripContext) -> String {
    format!("{:?} {:?}", cx.trust(), cx.last().get("news"))
}

/// Another configuration than [`grip`], with a key of its own.
fn other() -> Grip {
    let url = "http://localhost:5561/?verify-iss=pushpin&verify-key=other";
    Grip::builder().url(url.parse().unwrap()).build().unwrap()
}

fn signed_with(key: &str) -> TestRequest {
    let token = signature(key, "pushpin", SystemTime::now());
    let request = direct("/").insert_header(("grip-sig", token));
    request.insert_header(("grip-last", "news; last-id=7"))
}

async fn seen<B: MessageBody>(
    app: &impl Service<Request, Response = ServiceResponse<B>, Error = Error>,
    request: TestRequest,
) -> String {
    send(app, request).await.text().to_owned()
}

#[actix_web::test]
async fn a_handler_is_told_the_same_by_the_first_middleware_of_a_process_and_by_others() {
    // In this order: the first is of the first policy.
    let middleware = [("secret", grip()), ("other", other())];
    for (key, grip) in middleware {
        let app = App::new().route("/", web::get().to(who));
        let app = init_service(app.wrap(GripMiddleware::new(&grip))).await;
        // A request of actix-web's is used again, and nothing stays in it.
        for _ in 0..2 {
            assert_eq!(seen(&app, direct("/")).await, "Direct None");
            assert_eq!(seen(&app, signed_with(key)).await, r#"Signed Some("7")"#);
            assert_eq!(
                seen(&app, signed_with("neither")).await,
                "Refused(Forged) None"
            );
        }
    }
}

#[actix_web::test]
async fn of_two_with_different_keys_the_inner_one_decides() {
    let (first, second) = (grip(), other());
    for (right, wrong, inner, outer) in [
        ("secret", "other", &first, &second),
        ("other", "secret", &second, &first),
    ] {
        let app = App::new().route("/", web::get().to(who));
        let app = app
            .wrap(GripMiddleware::new(inner))
            .wrap(GripMiddleware::new(outer));
        let app = init_service(app).await;
        assert_eq!(seen(&app, signed_with(right)).await, r#"Signed Some("7")"#);
        assert_eq!(seen(&app, signed_with(wrong)).await, "Refused(Forged) None");
        assert_eq!(seen(&app, direct("/")).await, "Direct None");
    }
}

#[actix_web::test]
async fn without_the_middleware_there_is_no_context() {
    let optional = async |cx: Option<GripContext>| cx.is_some().to_string();
    let inside = web::scope("/inside").wrap(GripMiddleware::new(&grip()));
    let app = App::new()
        .service(inside.route("", web::get().to(who)))
        .route("/optional", web::get().to(optional))
        .route("/", web::get().to(who));
    let app = init_service(app).await;
    assert_eq!(seen(&app, get("/inside")).await, "Signed None");
    let answer = send(&app, get("/")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        answer
            .text()
            .contains("is GripMiddleware around this route?")
    );
    assert_eq!(seen(&app, get("/optional")).await, "false");
}

#[actix_web::test]
async fn what_a_middleware_between_takes_away_is_not_believed() {
    let app = App::new().route("/", web::get().to(who));
    let app = app
        .wrap_fn(|mut request: ServiceRequest, service| {
            request.headers_mut().remove("grip-sig");
            service.call(request)
        })
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    assert_eq!(seen(&app, signed_with("secret")).await, "Direct None");

    let app = App::new().route("/", web::get().to(who));
    let app = app
        .wrap_fn(|mut request: ServiceRequest, service| {
            let name = HeaderName::from_static("grip-sig");
            let forged = HeaderValue::from_static("a.b.c");
            request.headers_mut().insert(name, forged);
            service.call(request)
        })
        .wrap(GripMiddleware::new(&grip()));
    let app = init_service(app).await;
    assert_eq!(seen(&app, direct("/")).await, "Refused(Malformed) None");
}
