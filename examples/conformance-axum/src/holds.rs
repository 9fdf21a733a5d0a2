//! Holds of both kinds, with the parameters that the query names.

use axum::{
    Json, Router,
    extract::RawQuery,
    http::{HeaderName, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use conformance::{Params, hold_instruct, hold_response, hold_sse, hold_stream};
use gripware_axum::{GripContext, Hold};
use serde_json::{Value, json};

use crate::{App, error::Error};

const TEXT: [(HeaderName, &str); 1] = [(CONTENT_TYPE, "text/plain")];

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/response", get(response))
        .route("/stream", get(stream))
        .route("/instruct", get(instruct))
}

pub(crate) async fn plain() -> impl IntoResponse {
    (TEXT, "plain\n")
}

pub(crate) async fn context(cx: GripContext) -> Json<Value> {
    let last: serde_json::Map<_, _> = cx
        .last()
        .iter()
        .map(|(channel, id)| (channel.to_owned(), id.into()))
        .collect();
    Json(json!({
        "proxied": cx.is_proxied(),
        "signed": cx.is_signed(),
        "features": cx.features().collect::<Vec<_>>(),
        "last": last,
    }))
}

async fn response(RawQuery(query): RawQuery) -> Result<impl IntoResponse, Error> {
    let params = Params::parse(query.as_deref());
    let (hold, body) = hold_response(&params)?;
    Ok((TEXT, Hold::from(hold), body))
}

async fn stream(RawQuery(query): RawQuery) -> Result<impl IntoResponse, Error> {
    let params = Params::parse(query.as_deref());
    let (hold, body) = hold_stream(&params)?;
    Ok((TEXT, Hold::from(hold), body))
}

async fn instruct(RawQuery(query): RawQuery) -> Result<impl IntoResponse, Error> {
    let params = Params::parse(query.as_deref());
    let (hold, body) = hold_instruct(&params)?;
    Ok((TEXT, Hold::from(hold), body))
}

pub(crate) async fn sse(RawQuery(query): RawQuery) -> Result<impl IntoResponse, Error> {
    let params = Params::parse(query.as_deref());
    let (hold, body) = hold_sse(&params)?;
    Ok((
        [(CONTENT_TYPE, "text/event-stream")],
        Hold::from(hold),
        body,
    ))
}
