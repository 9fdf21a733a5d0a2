//! Holds of both kinds, with the parameters that the query names.

use actix_web::{HttpRequest, HttpResponse, Responder, web};
use conformance::{Params, hold_instruct, hold_response, hold_sse, hold_stream};
use gripware_actix::{GripContext, HoldExt};
use serde_json::json;

use crate::{error::Error, get};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/response").route(get().to(response)))
        .service(web::resource("/stream").route(get().to(stream)))
        .service(web::resource("/instruct").route(get().to(instruct)));
}

pub(crate) async fn plain() -> impl Responder {
    HttpResponse::Ok()
        .content_type("text/plain")
        .body("plain\n")
}

pub(crate) async fn context(cx: GripContext) -> impl Responder {
    let last: serde_json::Map<_, _> = cx
        .last()
        .iter()
        .map(|(channel, id)| (channel.to_owned(), id.into()))
        .collect();
    web::Json(json!({
        "proxied": cx.is_proxied(),
        "signed": cx.is_signed(),
        "features": cx.features().collect::<Vec<_>>(),
        "last": last,
    }))
}

async fn response(request: HttpRequest) -> Result<HttpResponse, Error> {
    let params = Params::parse(Some(request.query_string()));
    let (hold, body) = hold_response(&params)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain")
        .hold(hold)
        .body(body))
}

async fn stream(request: HttpRequest) -> Result<HttpResponse, Error> {
    let params = Params::parse(Some(request.query_string()));
    let (hold, body) = hold_stream(&params)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain")
        .hold(hold)
        .body(body))
}

async fn instruct(request: HttpRequest) -> Result<HttpResponse, Error> {
    let params = Params::parse(Some(request.query_string()));
    let (hold, body) = hold_instruct(&params)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain")
        .hold(hold)
        .body(body))
}

pub(crate) async fn sse(request: HttpRequest) -> Result<HttpResponse, Error> {
    let params = Params::parse(Some(request.query_string()));
    let (hold, body) = hold_sse(&params)?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .hold(hold)
        .body(body))
}
