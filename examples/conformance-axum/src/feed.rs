//! A list that grows, and streams that miss nothing of it.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{Uri, header::CONTENT_TYPE},
    response::IntoResponse,
};
use conformance::{BadRequest, Params, accepted};
use gripware_axum::{Channel, GripContext, Hold, HttpStream, Item, Limits, Link, Recovery};
use serde_json::{Value, json};

use crate::{App, error::Error};

/// The lines that the client has not seen, and then whatever comes.
pub(crate) async fn read(
    cx: GripContext,
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<impl IntoResponse, Error> {
    let after: usize = Params::parse(uri.query()).parsed("after")?.unwrap_or(0);
    let recovery =
        Recovery::new(cx.last(), format!("feed-{name}")).or_cursor(Some(after.to_string()));
    let seen = recovery.after().and_then(|id| id.parse().ok()).unwrap_or(0);
    let (lines, last) = app.feeds.after(&name, seen);
    let path = Link::encoded(uri.path()).map_err(BadRequest::because)?;
    let hold = Hold::stream_after(&recovery, last.to_string(), path);
    hold.check(&Limits::default())
        .map_err(BadRequest::because)?;
    Ok(([(CONTENT_TYPE, "text/plain")], hold, lines))
}

/// Appends a line, and tells everybody who follows.
pub(crate) async fn append(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Error> {
    let channel = Channel::new(format!("feed-{name}")).map_err(BadRequest::because)?;
    let line = std::str::from_utf8(&body).map_err(BadRequest::because)?;
    let id = app.feeds.append(&name, line).ok_or(Error::Full)?;
    let item = Item::from(HttpStream::text(format!("{line}\n")))
        .id(id.to_string())
        .prev_id((id - 1).to_string());
    accepted(app.publisher.publish(channel, item).await)?;
    Ok(Json(json!({ "id": id })))
}
