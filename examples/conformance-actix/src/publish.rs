//! Publishes what the query and the body say.

use actix_web::{
    HttpRequest, Responder,
    web::{self, Bytes, Data, Json, Path},
};
use conformance::{Params, accepted, item};
use serde_json::json;

use crate::{State, error::Error};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/{what}").route(web::post().to(publish)));
}

async fn publish(
    state: Data<State>,
    what: Path<String>,
    request: HttpRequest,
    body: Bytes,
) -> Result<impl Responder, Error> {
    let params = Params::parse(Some(request.query_string()));
    let channel = params.required("channel")?;
    let item = item(&what, &params, &body)?.ok_or(Error::NotFound)?;
    accepted(state.publisher.publish(channel, item).await)?;
    Ok(Json(json!({ "published": 1 })))
}
