use std::{any::Any, error::Error, fmt::Write};

use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde::{Deserialize, Serialize};

use super::{FAILED, RETURN_CODE};
use crate::{Body, CallError, CallErrorKind, message::PIPE_ERROR};

/// An error of a handler, as it travels: `{"exception": {"message", "traceback", "class"}}`.
///
/// The traceback, the causes of the error one per line, is empty unless
/// [`Settings::development`](crate::Settings::development) is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Exception {
    /// What went wrong, for people.
    pub message: String,
    /// What caused it.
    #[serde(default)]
    pub traceback: String,
    /// What kind of error it is, for programs.
    #[serde(default)]
    pub class: String,
}

/// How it is written.
#[derive(Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) exception: Exception,
}

impl Exception {
    /// An exception without a traceback.
    pub fn new(class: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            traceback: String::new(),
            class: class.into(),
        }
    }

    /// An exception of an error, whose type is the class.
    pub fn of<E: Error>(error: &E, development: bool) -> Self {
        let class = std::any::type_name::<E>();
        let class = class.split('<').next().unwrap_or(class);
        let class = class.rsplit("::").next().unwrap_or(class);
        let mut exception = Self::new(class, error.to_string());
        if development {
            exception.traceback = causes(error);
        }
        exception
    }

    pub(crate) fn of_panic(panic: &(dyn Any + Send), development: bool) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref().map(String::as_str));
        let mut exception = Self::new("Panic", "the handler failed");
        if let Some(text) = text.filter(|_| development) {
            exception.traceback = text.to_owned();
        }
        exception
    }

    /// The response where a handler failed: 500, and code 251.
    pub(crate) fn into_response(self) -> Response<Body> {
        self.with_status(StatusCode::INTERNAL_SERVER_ERROR, FAILED)
    }

    pub(crate) fn with_status(self, status: StatusCode, code: u16) -> Response<Body> {
        let document = Document { exception: self };
        // Texts can always be written.
        let text = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response.headers_mut().insert(RETURN_CODE, code.into());
        response
    }

    /// The response where the pipe has none of a handler.
    pub(crate) fn of_kind(kind: CallErrorKind, message: impl Into<String>) -> Response<Body> {
        let class = format!("{kind:?}");
        let status = kind.status();
        let mut response = Self::new(class, message).with_status(status, status.as_u16());
        let word = HeaderValue::from_static(kind.as_str());
        response.headers_mut().insert(PIPE_ERROR, word);
        response
    }

    pub(crate) fn of_call(error: &CallError, development: bool) -> Response<Body> {
        let mut response = Self::of_kind(error.kind(), error.to_string());
        if development {
            let mut exception = Self::new(format!("{:?}", error.kind()), error.to_string());
            exception.traceback = causes(error);
            let document = Document { exception };
            *response.body_mut() = serde_json::to_vec(&document).unwrap_or_default().into();
        }
        response
    }
}

fn causes(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let _ = writeln!(text, "{error}");
        cause = error.source();
    }
    text
}
