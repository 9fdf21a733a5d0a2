//! The responses of the control API. Those of requests that Pushpin knows are its own, byte for byte.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{self, ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use http_body_util::Full;

use super::{accept::Form, access::Denied};
use crate::{
    cluster::RelayError,
    nodes::{Found, Nodes},
    page::CursorError,
};

pub(super) type Answer = Response<Full<Bytes>>;

/// `Retry-After` for a client that got no place, in seconds: a place is free as soon as one publisher
/// goes, or an unknown connection can be pushed out.
pub(super) const RETRY_AFTER: u8 = 1;

/// How many nodes have answered, and how many were asked: `2/3`.
const NODES: HeaderName = HeaderName::from_static("grip-nodes");

/// Why a request is not served, for whoever sent it.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    line: Cow<'static, str>,
    /// Which nodes have answered, where that is why.
    nodes: Option<Nodes>,
}

impl Refused {
    /// The line for a client that gets no place.
    pub(super) const BUSY: &str = "Too many connections.";

    pub(super) fn new(status: StatusCode, line: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            line: line.into(),
            nodes: None,
        }
    }

    pub(super) fn not_acceptable() -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "Not Acceptable. Supported formats are text/plain and application/json.",
        )
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    /// Of a connection that is at no node, or perhaps at one that has not answered.
    pub(super) fn unless_found(found: Found) -> Result<(), Self> {
        match found {
            Found::Yes => Ok(()),
            Found::No => Err(Self::not_found()),
            Found::Partial(nodes) => Err(Self {
                nodes: Some(nodes),
                ..Self::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "Not found at the nodes that answered.",
                )
            }),
        }
    }

    /// Of an item that the broker has not accepted, or not in time. Those before it in the same body
    /// were accepted.
    #[cfg(feature = "relay")]
    pub(super) fn not_relayed(error: &RelayError) -> Self {
        let status = match error {
            RelayError::Item(_) => StatusCode::BAD_REQUEST,
            RelayError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            RelayError::Unknown => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }

    #[cfg(not(feature = "relay"))]
    pub(super) fn not_relayed(error: &RelayError) -> Self {
        match *error {}
    }

    pub(super) fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Self::BUSY)
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        let mut answer = text(refused.status, &refused.line);
        if refused.status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from(u16::from(RETRY_AFTER));
            answer.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        match refused.nodes {
            Some(nodes) => of_nodes(answer, nodes),
            None => answer,
        }
    }
}

impl From<CursorError> for Refused {
    fn from(_: CursorError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid cursor.")
    }
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A line of text; its end is added.
pub(super) fn text(status: StatusCode, line: &str) -> Answer {
    whole(status, TEXT, format!("{line}\n"))
}

/// Pushpin's answer to a request that was carried out.
pub(super) fn done(form: Form, word: &'static str) -> Answer {
    match form {
        Form::Text => text(StatusCode::OK, word),
        Form::Json => whole(
            StatusCode::OK,
            JSON,
            format!("{{\"message\":\"{word}\"}}\n"),
        ),
    }
}

pub(super) fn not_allowed(method: &http::Method, allowed: &'static str) -> Answer {
    let mut answer = text(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("Method not allowed: {method}."),
    );
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

pub(super) fn denied(denied: Denied) -> Answer {
    match denied {
        Denied::Key => {
            let mut answer = text(StatusCode::UNAUTHORIZED, "Unauthorized");
            answer
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            answer
        }
        Denied::Page => text(
            StatusCode::FORBIDDEN,
            "Requests from pages in browsers need a control key.",
        ),
        Denied::Name => text(
            StatusCode::FORBIDDEN,
            "Requests by a domain name over the loopback interface need a control key.",
        ),
    }
}

pub(super) fn no_content() -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// Whether clients are to be sent here.
pub(super) fn ready(is_ready: bool) -> Answer {
    match is_ready {
        true => text(StatusCode::OK, "Ready"),
        false => text(StatusCode::SERVICE_UNAVAILABLE, "Not ready"),
    }
}

pub(super) fn metrics(text: String) -> Answer {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    whole(StatusCode::OK, kind, text)
}

/// JSON of what there is at the moment.
pub(super) fn list(json: String) -> Answer {
    let mut answer = whole(StatusCode::OK, JSON, json);
    answer
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Adds how many nodes it is from.
pub(super) fn of_nodes(mut answer: Answer, nodes: Nodes) -> Answer {
    if let Ok(value) = HeaderValue::try_from(nodes.to_string()) {
        answer.headers_mut().insert(NODES, value);
    }
    answer
}

fn whole(status: StatusCode, kind: HeaderValue, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
