//! What is kept of a request for its answer: no more than most answers need.

use actix_web::{
    dev::RequestHead,
    http::{
        Method as ActixMethod,
        header::{AUTHORIZATION, COOKIE},
    },
};
use gripware_core::{Admission, GripContext, Policy};
use http::Method;

/// What is kept of a request for its answer.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) admission: Admission,
    is_head: bool,
    has_login: bool,
}

impl Asked {
    pub(crate) fn of(head: &RequestHead, admission: Admission) -> Self {
        let is_there = |name| head.headers.contains_key(name);
        Self {
            admission,
            is_head: head.method == ActixMethod::HEAD,
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
}
