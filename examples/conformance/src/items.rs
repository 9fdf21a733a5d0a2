//! Builds items from the parameters of a query, the same for every framework.

use gripware_core::{HttpResponse, HttpStream, Item, WsMessage};
use gripware_publish::PublishError;

use crate::{BadRequest, Params};

/// What became of a publish: an item that one endpoint took is published, though another did not,
/// as the clients behind that one have it.
///
/// # Errors
/// Where no endpoint took it.
pub fn accepted(published: Result<(), PublishError>) -> Result<(), PublishError> {
    match published {
        Err(error) if error.is_partial() => Ok(()),
        published => published,
    }
}

/// The item that `POST /publish/{what}` is about. `None` where there is no such thing.
///
/// # Errors
/// Where a parameter is missing or malformed, or the item cannot be built.
pub fn item(what: &str, params: &Params, body: &[u8]) -> Result<Option<Item>, BadRequest> {
    let item = match what {
        "http-response" => Item::from(http_response(params, body)?),
        "http-stream" => Item::from(http_stream(body)),
        "ws-message" => Item::from(ws_message(params, body)?),
        "all" => Item::new()
            .http_response(http_response(params, body)?)
            .http_stream(http_stream(body))
            .ws_message(ws_message(params, body)?),
        "close" => {
            let code = params.parsed("code")?.unwrap_or(1000);
            let reason = params.first("reason").unwrap_or_default();
            Item::new()
                .http_stream(HttpStream::close())
                .ws_message(WsMessage::close(code, reason))
        }
        "hint" => Item::new()
            .http_response(HttpResponse::hint())
            .http_stream(HttpStream::hint()),
        "refresh" => Item::from(WsMessage::refresh()),
        _ => return Ok(None),
    };
    let item = with_parameters(item, params);
    item.check().map_err(BadRequest::because)?;
    Ok(Some(item))
}

fn with_parameters(mut item: Item, params: &Params) -> Item {
    if let Some(id) = params.first("id") {
        item = item.id(id);
    }
    if let Some(id) = params.first("prev_id") {
        item = item.prev_id(id);
    }
    if let Some(sender) = params.first("sender") {
        item = item.sender(sender);
    }
    if let Some(users) = params.first("skip_users") {
        item = item.skip_users(users.split(',').map(str::trim_ascii));
    }
    item
}

fn http_response(params: &Params, body: &[u8]) -> Result<HttpResponse, BadRequest> {
    let format = match std::str::from_utf8(body) {
        Ok(text) => HttpResponse::text(text),
        Err(_) => HttpResponse::bytes(body.to_vec()),
    };
    Ok(match params.parsed("code")? {
        Some(code) => format.code(code),
        None => format,
    })
}

fn http_stream(body: &[u8]) -> HttpStream {
    match std::str::from_utf8(body) {
        Ok(text) => HttpStream::text(text),
        Err(_) => HttpStream::bytes(body.to_vec()),
    }
}

fn ws_message(params: &Params, body: &[u8]) -> Result<WsMessage, BadRequest> {
    if params.parsed("binary")?.unwrap_or(false) {
        return Ok(WsMessage::binary(body.to_vec()));
    }
    match std::str::from_utf8(body) {
        Ok(text) => Ok(WsMessage::text(text)),
        Err(error) => Err(BadRequest::because(error)),
    }
}
