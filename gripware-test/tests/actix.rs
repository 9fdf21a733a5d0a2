//! The proxy in front of actix-web.

#![cfg(feature = "actix")]

use actix_web::{App, HttpRequest, HttpResponse, error::ErrorImATeapot, test, web};
use bytes::Bytes;
use gripware_test::Proxy;

async fn echo(request: HttpRequest, body: Bytes) -> HttpResponse {
    let mut response = HttpResponse::Created();
    for value in request.headers().get_all("x-in") {
        response.append_header(("x-out", value));
    }
    let head = format!("{} {} ", request.method(), request.uri());
    response.body([head.as_bytes(), &body].concat())
}

#[actix_web::test]
async fn requests_and_answers_pass_as_they_are() {
    let app = App::new()
        .route(
            "/error",
            web::get().to(async || Err::<&str, _>(ErrorImATeapot("short and stout"))),
        )
        .default_service(web::to(echo));
    let proxy = Proxy::builder().origin(test::init_service(app).await);
    let request = proxy.request("PUT", "/a/b?c=d%20e").body(&b"\0\xff"[..]);
    let answer = request.header("x-in", "1").header("x-in", "2").await;
    answer.assert_status(201);
    assert_eq!(answer.body(), &b"PUT /a/b?c=d%20e \0\xff"[..]);
    let out: Vec<_> = answer.headers().get_all("x-out").iter().collect();
    assert_eq!(out, ["1", "2"]);

    proxy
        .get("/error")
        .await
        .assert_status(418)
        .assert_text("short and stout");
}
