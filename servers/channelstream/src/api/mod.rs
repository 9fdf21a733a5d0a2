//! The API for the application's backend: one file for each subject.

mod channel_config;
mod connect;
mod disconnect;
mod info;
mod message;
mod subscribe;
mod user_state;

use std::{str, sync::atomic::Ordering::Relaxed};

use axum::{
    extract::{FromRequest, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{header, request::Parts};
use serde::Serialize;

pub(crate) use self::{
    channel_config::channel_config,
    connect::connect,
    disconnect::disconnect,
    info::{ChannelInfo, info},
    message::{delete, edit, post},
    subscribe::{subscribe, unsubscribe},
    user_state::{user_state, user_status},
};
use crate::{access, app::App, error::ApiError};

/// Lets those pass that may call the API.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(error) = access::check(app.settings(), &parts) {
        app.counts().refused.fetch_add(1, Relaxed);
        return ApiError::from(error).into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

/// An answer.
pub(crate) struct Answer(pub(crate) String);

impl Answer {
    pub(crate) fn new<T: Serialize + ?Sized>(value: &T) -> Self {
        Self(serde_json::to_string(value).unwrap_or_default())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

pub(crate) type Answered = Result<Answer, ApiError>;

/// A body, which is JSON if it is anything.
pub(crate) struct Body(pub(crate) Bytes);

impl Body {
    /// The JSON, which its reader looks at once more.
    pub(crate) fn json(&self) -> Result<&str, ApiError> {
        let text = str::from_utf8(&self.0).map_err(|_| ApiError::NotJson)?;
        match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => Ok(text),
            Err(_) => Err(ApiError::NotJson),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, state).await;
        bytes.map(Self).map_err(IntoResponse::into_response)
    }
}

/// A parameter of the query.
pub(crate) fn in_query(parts: &Parts, name: &str) -> Option<String> {
    access::query(parts, name)
}
