//! A list that grows, and streams that miss nothing of it.

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    web::{Bytes, Data, Json, Path},
};
use conformance::{BadRequest, Params, accepted};
use gripware_actix::{
    Channel, GripContext, Hold, HoldExt, HttpStream, Item, Limits, Link, Recovery,
};
use serde_json::json;

use crate::{State, error::Error};

/// The lines that the client has not seen, and then whatever comes.
pub(crate) async fn read(
    cx: GripContext,
    state: Data<State>,
    name: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let params = Params::parse(Some(request.query_string()));
    let after: usize = params.parsed("after")?.unwrap_or(0);
    let recovery =
        Recovery::new(cx.last(), format!("feed-{name}")).or_cursor(Some(after.to_string()));
    let seen = recovery.after().and_then(|id| id.parse().ok()).unwrap_or(0);
    let (lines, last) = state.feeds.after(&name, seen);
    let path = Link::encoded(request.path()).map_err(BadRequest::because)?;
    let hold = Hold::stream_after(&recovery, last.to_string(), path);
    hold.check(&Limits::default())
        .map_err(BadRequest::because)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain")
        .hold(hold)
        .body(lines))
}

/// Appends a line, and tells everybody who follows.
pub(crate) async fn append(
    state: Data<State>,
    name: Path<String>,
    body: Bytes,
) -> Result<impl Responder, Error> {
    let channel = Channel::new(format!("feed-{name}")).map_err(BadRequest::because)?;
    let line = std::str::from_utf8(&body).map_err(BadRequest::because)?;
    let id = state.feeds.append(&name, line).ok_or(Error::Full)?;
    let item = Item::from(HttpStream::text(format!("{line}\n")))
        .id(id.to_string())
        .prev_id((id - 1).to_string());
    accepted(state.publisher.publish(channel, item).await)?;
    Ok(Json(json!({ "id": id })))
}
