//! What is kept of a request for its answer: no more than most answers need.

use axum_core::response::Response;
use gripware_core::{Admission, GripContext, Hold, Policy, Refusal, log};
use http::{
    Method, Request,
    header::{AUTHORIZATION, COOKIE},
    uri::PathAndQuery,
};

use crate::respond::reply;

/// What is kept of a request for its answer.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) admission: Admission,
    /// For the log, where a hold is refused.
    path: Option<PathAndQuery>,
    is_head: bool,
    has_login: bool,
}

impl Asked {
    pub(crate) fn of<B>(request: &Request<B>, admission: Admission) -> Self {
        let is_there = |name| request.headers().contains_key(name);
        Self {
            admission,
            path: request.uri().path_and_query().cloned(),
            is_head: request.method() == Method::HEAD,
            // It is a hint for development, and asked for there alone.
            has_login: cfg!(debug_assertions) && (is_there(COOKIE) || is_there(AUTHORIZATION)),
        }
    }

    pub(crate) fn context(&self) -> GripContext {
        let cx = self.admission.context_for_response();
        cx.with_login(self.has_login)
    }

    pub(crate) fn policy(&self) -> &Policy {
        self.admission.policy()
    }

    pub(crate) fn method(&self) -> Method {
        if self.is_head {
            Method::HEAD
        } else {
            Method::GET
        }
    }

    pub(crate) fn refuse(&self, refusal: &Refusal, hold: Option<&Hold>) -> Response {
        let path = self.path.as_ref().map_or("", PathAndQuery::path);
        refuse(&self.context(), refusal, path, hold)
    }
}

/// Says in the log why a request or its answer is stopped, and returns what the client is told.
pub(crate) fn refuse(
    cx: &GripContext,
    refusal: &Refusal,
    path: &str,
    hold: Option<&Hold>,
) -> Response {
    log::refusal(cx, refusal, path, hold);
    reply(refusal.to_reply())
}
