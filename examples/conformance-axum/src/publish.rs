//! Publishes what the query and the body say.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    routing::post,
};
use conformance::{Params, accepted, item};
use serde_json::{Value, json};

use crate::{App, error::Error};

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/{what}", post(publish))
}

async fn publish(
    State(app): State<App>,
    Path(what): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let params = Params::parse(query.as_deref());
    let channel = params.required("channel")?;
    let item = item(&what, &params, &body)?.ok_or(Error::NotFound)?;
    accepted(app.publisher.publish(channel, item).await)?;
    Ok(Json(json!({ "published": 1 })))
}
