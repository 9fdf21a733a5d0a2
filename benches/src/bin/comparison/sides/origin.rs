use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use gripware_core::{
    Limits,
    ws::{Event, EventKind, decode, encode},
};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use super::{Held, Proxy, Side, Usage};
use crate::{Error, clients::Control};

/// The channel that all who are held are subscribed to.
pub(crate) const CHANNEL: &str = "load";

/// The application behind the proxies: it answers at once, and counts whom it held.
///
/// `/plain` is a plain answer, `/stream` and `/response` are holds, `/websocket` is a WebSocket
/// that is subscribed, `/echo` one that gets back what it says. A query names another channel than
/// [`CHANNEL`], or several with commas between them; `own=2x100` are the channels `c200` to `c299`.
#[derive(Debug)]
pub(crate) struct Origin {
    address: SocketAddr,
    held: Arc<AtomicUsize>,
}

impl Origin {
    pub(crate) async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let held = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&held);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                let count = Arc::clone(&count);
                let service = service_fn(move |request| answer(request, Arc::clone(&count)));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(socket), service);
                tokio::spawn(connection);
            }
        });
        Ok(Self { address, held })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests have been answered by a hold, WebSockets that were opened included.
    pub(crate) fn count(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.held)
    }
}

async fn answer(
    request: Request<Incoming>,
    held: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let channels = channels(request.uri().query());
    let mut response = match request.uri().path() {
        "/plain" => Ok(Response::new(Full::new("hello\n".into()))),
        "/stream" => hold("stream", &channels),
        "/response" => hold("response", &channels),
        "/websocket" => events(request, Some(&channels)).await,
        "/echo" => events(request, None).await,
        _ => Err("no such path".into()),
    };
    if let Ok(response) = &response
        && (response.headers().contains_key("grip-hold")
            || response.headers().contains_key("sec-websocket-extensions"))
    {
        held.fetch_add(1, Ordering::Relaxed);
    }
    if let Err(error) = &response {
        let mut refusal = Response::new(Full::new(error.to_string().into()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        response = Ok(refusal);
    }
    Ok(response.unwrap_or_default())
}

/// The channels that a query names.
fn channels(query: Option<&str>) -> String {
    let Some(query) = query else {
        return CHANNEL.to_owned();
    };
    let own = query
        .strip_prefix("own=")
        .and_then(|own| own.split_once('x'));
    let own = own.and_then(|(n, each)| Some((n.parse::<u32>().ok()?, each.parse::<u32>().ok()?)));
    let Some((n, each)) = own else {
        return query.to_owned();
    };
    let first = n.saturating_mul(each);
    let names = (first..first.saturating_add(each)).map(|channel| format!("c{channel}"));
    names.collect::<Vec<_>>().join(",")
}

fn hold(mode: &str, channels: &str) -> Result<Response<Full<Bytes>>, Error> {
    Ok(Response::builder()
        .header("content-type", "text/plain")
        .header("grip-hold", mode)
        .header("grip-channel", channels)
        .body(Full::default())?)
}

async fn events(
    request: Request<Incoming>,
    channels: Option<&str>,
) -> Result<Response<Full<Bytes>>, Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let mut answer = Vec::new();
    let mut opens = false;
    for event in decode(body, &Limits::default())? {
        match event.kind() {
            EventKind::Open => {
                opens = true;
                answer.push(event);
                for channel in channels
                    .into_iter()
                    .flat_map(|channels| channels.split(','))
                {
                    let subscribe = json!({"type": "subscribe", "channel": channel});
                    answer.push(Event::text(format!("c:{subscribe}")));
                }
            }
            EventKind::Text | EventKind::Close => answer.push(event),
            _ => {}
        }
    }
    let mut response = Response::builder().header("content-type", "application/websocket-events");
    if opens {
        // What has no prefix goes to the client as it is.
        response = response.header("sec-websocket-extensions", "grip; message-prefix=\"\"");
    }
    Ok(response.body(Full::new(encode(&answer)))?)
}

/// The origin with nothing before it.
#[derive(Debug)]
pub(super) struct Alone(SocketAddr);

impl Alone {
    pub(super) fn of(origin: &Origin) -> Self {
        Self(origin.address())
    }
}

impl Proxy for Alone {
    fn side(&self) -> Side {
        Side::Origin
    }

    fn client(&self) -> SocketAddr {
        self.0
    }

    fn control(&self) -> Control {
        Control::grip(self.0)
    }

    /// It is a part of this process, whose use says nothing.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    fn held(&self) -> Held {
        Held::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_channels_or_how_many_of_its_own() {
        assert_eq!(channels(None), "load");
        assert_eq!(channels(Some("a,b")), "a,b");
        assert_eq!(channels(Some("own=2x3")), "c6,c7,c8");
    }
}
