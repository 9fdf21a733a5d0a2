//! Who a request is from, as handlers are told: with the layers that they have, and without.

#![allow(clippy::unwrap_used, reason = "it is a test")]

mod proxy;

use std::time::SystemTime;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode},
    middleware::{Next, from_fn},
    routing::get as route,
};
use gripware_axum::{Grip, GripContext, GripLayer};
use proxy::{direct, get, grip, send, signature};
use tower::ServiceExt;

async fn who(cx: GripContext) -> String {
    format!("{:?} {:?}", cx.trust(), cx.last().get("news"))
}

fn app() -> Router {
    Router::new().route("/", route(who))
}

/// Another configuration than [`grip`], with a key of its own.
fn other() -> Grip {
    let url = "http://localhost:5561/?verify-iss=pushpin&verify-key=other";
    Grip::builder().url(url.parse().unwrap()).build().unwrap()
}

fn signed_with(key: &str) -> Request {
    let token = signature(key, "pushpin", SystemTime::now());
    let request = Request::get("/").header("grip-sig", token);
    let request = request.header("grip-last", "news; last-id=7");
    request.body(Body::empty()).unwrap()
}

async fn seen(app: &Router, request: Request) -> String {
    send(app, request).await.text().to_owned()
}

#[tokio::test]
async fn a_handler_is_told_the_same_by_the_first_layer_of_a_process_and_by_others() {
    // In this order: the first is of the first policy.
    let layers = [("secret", grip()), ("other", other())];
    for (key, grip) in layers {
        let app = app().layer(GripLayer::new(&grip));
        assert_eq!(seen(&app, direct("/")).await, "Direct None");
        assert_eq!(seen(&app, signed_with(key)).await, r#"Signed Some("7")"#);
        let forged = signed_with("neither");
        assert_eq!(seen(&app, forged).await, "Refused(Forged) None");
    }
}

#[tokio::test]
async fn of_layers_with_different_keys_the_inner_one_decides() {
    let (first, second) = (grip(), other());
    let layers = || [GripLayer::new(&first), GripLayer::new(&second)];
    for (key, [inner, outer]) in [
        ("secret", layers()),
        ("other", {
            let [first, second] = layers();
            [second, first]
        }),
    ] {
        let wrong = if key == "other" { "secret" } else { "other" };
        let app = app().layer(inner).layer(outer);
        assert_eq!(seen(&app, signed_with(key)).await, r#"Signed Some("7")"#);
        let refused = "Refused(Forged) None";
        assert_eq!(seen(&app, signed_with(wrong)).await, refused);
        assert_eq!(seen(&app, direct("/")).await, "Direct None");
    }
}

#[tokio::test]
async fn a_request_that_a_handler_makes_up_has_the_trust_of_its_own_headers() {
    let within = async |_: GripContext| seen(&app(), direct("/")).await;
    let outside = Router::new().route("/", route(within));
    let outside = outside.layer(GripLayer::new(&grip()));
    assert_eq!(seen(&outside, signed_with("secret")).await, "Direct None");
}

#[tokio::test]
async fn outside_of_the_layer_there_is_no_context_whatever_was_answered_before() {
    let panics = async |_: GripContext| -> StatusCode { panic!("on purpose") };
    let inside = app()
        .route("/panics", route(panics))
        .layer(GripLayer::new(&grip()));
    assert_eq!(seen(&inside, get("/")).await, "Signed None");
    // A task of this thread.
    let panicked = tokio::spawn(inside.oneshot(get("/panics"))).await;
    assert!(panicked.is_err());

    let answer = send(&app(), get("/")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.text().contains("is GripLayer around this route?"));
    let optional = async |cx: Option<GripContext>| cx.is_some().to_string();
    let optional = Router::new().route("/", route(optional));
    assert_eq!(seen(&optional, get("/")).await, "false");
}

#[tokio::test]
async fn a_layer_that_hands_requests_to_another_task_stands_around() {
    let elsewhere = from_fn(async |request: Request, next: Next| {
        tokio::spawn(next.run(request)).await.unwrap()
    });
    let layer = GripLayer::new(&grip());
    let around = app().layer(layer.clone()).layer(elsewhere.clone());
    assert_eq!(seen(&around, get("/")).await, "Signed None");

    let inside = app().layer(elsewhere).layer(layer);
    let answer = send(&inside, get("/")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.text().contains("in another task"));
}

#[tokio::test]
async fn what_a_layer_between_takes_away_is_not_believed() {
    let takes = from_fn(async |mut request: Request, next: Next| {
        request.headers_mut().remove("grip-sig");
        next.run(request).await
    });
    let app = app().layer(takes).layer(GripLayer::new(&grip()));
    assert_eq!(seen(&app, signed_with("secret")).await, "Direct None");
    let forges = from_fn(async |mut request: Request, next: Next| {
        let forged = HeaderValue::from_static("a.b.c");
        request.headers_mut().insert("grip-sig", forged);
        next.run(request).await
    });
    let app = self::app().layer(forges).layer(GripLayer::new(&grip()));
    assert_eq!(seen(&app, direct("/")).await, "Refused(Malformed) None");
}
