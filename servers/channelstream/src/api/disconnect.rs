//! `/disconnect`: a browser says that it leaves. It needs no token but the connection's own id.

use axum::extract::State;
use gripware_state::Expect;
use http::{Method, request::Parts};

use super::{Answer, Answered, Body, in_query};
use crate::{app::App, name, wire::connection_id};

pub(crate) async fn disconnect(State(app): State<App>, parts: Parts, body: Body) -> Answered {
    let in_query = in_query(&parts, "conn_id");
    let id = match parts.method == Method::POST && !body.0.is_empty() {
        true => connection_id(Some(body.json()?), None)?,
        false => connection_id(None, in_query.as_deref())?,
    };
    let digest = name::digest(&id);
    let was_known = match app.store().connection(&digest).await? {
        Some(loaded) => app.drop_connection(&digest, &loaded, Expect::Any).await?,
        None => false,
    };
    Ok(Answer::new(&was_known))
}
