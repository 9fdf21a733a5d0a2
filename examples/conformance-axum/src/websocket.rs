//! WebSockets over HTTP, one route for each behaviour.

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{Method, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::any,
};
use conformance::{Params, accepted};
use gripware_axum::{Item, WebSocketContext, WebSocketRejection, WsMessage};

use crate::{App, error::Error};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/echo", any(echo))
        .route("/room", any(room))
        .route("/counter", any(counter))
        .route("/protocols", any(protocols))
        .route("/refuse", any(refuse))
        .route("/close", any(close))
        .route("/detach", any(detach))
        .route("/keep-alive", any(keep_alive))
        .route("/log", any(log))
        .route(
            "/{*other}",
            any(|| async { WebSocketRejection::NotWebSocket }),
        )
}

async fn echo(mut ws: WebSocketContext) -> Result<WebSocketContext, Error> {
    ws.accept();
    while let Some(message) = ws.receive()? {
        ws.send(message)?;
    }
    Ok(ws)
}

/// What one says, all hear, with the name of who said it as the item's `sender`.
async fn room(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, Error> {
    let params = Params::parse(query.as_deref());
    let (channel, user) = (params.required("channel")?, params.required("user")?);
    if ws.is_opening() {
        ws.accept();
        ws.subscribe(params.to_channel(channel)?)?;
        ws.set_filter_meta("user", user)?;
    }
    while let Some(message) = ws.receive()? {
        let item = Item::from(WsMessage::text(message.into_text()?)).sender(user);
        accepted(app.publisher.publish(channel, item).await)?;
    }
    Ok(ws)
}

async fn counter(mut ws: WebSocketContext) -> Result<WebSocketContext, Error> {
    ws.accept();
    while ws.receive()?.is_some() {
        let count: u64 = ws
            .meta("count")
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
        let count = count.saturating_add(1).to_string();
        ws.insert_meta("count", &count)?;
        ws.send_text(count)?;
    }
    Ok(ws)
}

async fn protocols(mut ws: WebSocketContext) -> Result<WebSocketContext, Error> {
    if ws.is_opening() {
        match ws.select_protocol(&["p2"]) {
            Some(_) => ws.accept(),
            None => ws.refuse(StatusCode::BAD_REQUEST, "no protocol\n")?,
        }
    }
    Ok(ws)
}

async fn refuse(mut ws: WebSocketContext) -> Result<WebSocketContext, Error> {
    if ws.is_opening() {
        ws.refuse(StatusCode::FORBIDDEN, "no\n")?;
    }
    Ok(ws)
}

async fn close(
    RawQuery(query): RawQuery,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, Error> {
    let params = Params::parse(query.as_deref());
    let code = params.to_close_code()?;
    let reason = params.first("reason").unwrap_or_default();
    ws.accept();
    if ws.receive()?.is_some() {
        ws.close_with(code, reason)?;
    }
    Ok(ws)
}

async fn detach(
    RawQuery(query): RawQuery,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, Error> {
    let params = Params::parse(query.as_deref());
    if ws.is_opening() {
        ws.accept();
        ws.subscribe(params.to_channel(params.required("channel")?)?)?;
        ws.detach()?;
    }
    Ok(ws)
}

async fn keep_alive(
    RawQuery(query): RawQuery,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, Error> {
    let params = Params::parse(query.as_deref());
    if ws.is_opening() {
        ws.accept();
        ws.keep_alive(params.to_ws_keep_alive()?)?;
    }
    Ok(ws)
}

/// A socket's openings and endings are noted; a plain request reads the notes.
async fn log(
    method: Method,
    State(app): State<App>,
    ws: Option<WebSocketContext>,
) -> Result<Response, Error> {
    match ws {
        Some(mut ws) => {
            ws.accept();
            app.sockets.note(&ws);
            Ok(ws.into_response())
        }
        None if method == Method::GET => {
            Ok(([(CONTENT_TYPE, "application/json")], app.sockets.to_json()).into_response())
        }
        None => Err(WebSocketRejection::NotWebSocket.into()),
    }
}
