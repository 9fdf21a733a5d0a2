//! WebSockets over HTTP, one route for each behaviour.

use actix_web::{HttpRequest, HttpResponse, Responder, http::Method, web};
use conformance::{Params, accepted};
use gripware_actix::{Item, WebSocketContext, WebSocketRejection, WsMessage, http::StatusCode};

use crate::{State, error::Error};

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/echo", web::to(echo))
        .route("/room", web::to(room))
        .route("/counter", web::to(counter))
        .route("/protocols", web::to(protocols))
        .route("/refuse", web::to(refuse))
        .route("/close", web::to(close))
        .route("/detach", web::to(detach))
        .route("/keep-alive", web::to(keep_alive))
        .route("/log", web::to(log))
        .route("/{other:.+}", web::to(other));
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
    state: web::Data<State>,
    request: HttpRequest,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, Error> {
    let params = Params::parse(Some(request.query_string()));
    let (channel, user) = (params.required("channel")?, params.required("user")?);
    if ws.is_opening() {
        ws.accept();
        ws.subscribe(params.to_channel(channel)?)?;
        ws.set_filter_meta("user", user)?;
    }
    while let Some(message) = ws.receive()? {
        let item = Item::from(WsMessage::text(message.into_text()?)).sender(user);
        accepted(state.publisher.publish(channel, item).await)?;
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

async fn close(request: HttpRequest, mut ws: WebSocketContext) -> Result<WebSocketContext, Error> {
    let params = Params::parse(Some(request.query_string()));
    let code = params.to_close_code()?;
    let reason = params.first("reason").unwrap_or_default();
    ws.accept();
    if ws.receive()?.is_some() {
        ws.close_with(code, reason)?;
    }
    Ok(ws)
}

async fn detach(request: HttpRequest, mut ws: WebSocketContext) -> Result<WebSocketContext, Error> {
    let params = Params::parse(Some(request.query_string()));
    if ws.is_opening() {
        ws.accept();
        ws.subscribe(params.to_channel(params.required("channel")?)?)?;
        ws.detach()?;
    }
    Ok(ws)
}

async fn keep_alive(
    request: HttpRequest,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, Error> {
    let params = Params::parse(Some(request.query_string()));
    if ws.is_opening() {
        ws.accept();
        ws.keep_alive(params.to_ws_keep_alive()?)?;
    }
    Ok(ws)
}

/// A socket's openings and endings are noted; a plain request reads the notes.
async fn log(
    state: web::Data<State>,
    request: HttpRequest,
    ws: Result<WebSocketContext, WebSocketRejection>,
) -> Result<HttpResponse, Error> {
    match ws {
        Ok(mut ws) => {
            ws.accept();
            state.sockets.note(&ws);
            Ok(ws.respond_to(&request).map_into_boxed_body())
        }
        Err(WebSocketRejection::NotWebSocket) if request.method() == Method::GET => {
            Ok(HttpResponse::Ok()
                .content_type("application/json")
                .body(state.sockets.to_json()))
        }
        Err(rejection) => Err(rejection.into()),
    }
}

async fn other() -> Result<HttpResponse, Error> {
    Err(WebSocketRejection::NotWebSocket.into())
}
