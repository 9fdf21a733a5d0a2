//! Why a client is not held, or the origin's response not passed on, and the response instead.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::error_response::{cut_off, head_too_large};
use crate::{
    http::refusal::{bad_gateway, refusal},
    settings::Settings,
};

/// Why an answer is not passed on.
#[derive(Debug)]
pub(super) enum Refused {
    Instruction(String),
    Failed(String),
    TooLarge,
    HeadTooLarge,
    RequestTooLarge,
    RequestFailed,
}

impl Refused {
    /// The reason, and what the client is told.
    pub(super) fn to_response(&self, settings: &Settings) -> (String, Response<Bytes>) {
        match self {
            Self::Instruction(why) => {
                let response = if settings.development {
                    refusal(
                        StatusCode::BAD_GATEWAY,
                        format!("Failed to parse accept instructions: {why}\n"),
                    )
                } else {
                    bad_gateway(None)
                };
                (why.clone(), response)
            }
            Self::Failed(why) => {
                let told = settings.development.then_some(why.as_str());
                (why.clone(), bad_gateway(told))
            }
            Self::TooLarge => {
                let limit = settings.max_held_response;
                let why = format!("the answer that is held has more than {limit} bytes");
                let text = "GRIP instruct response too large from origin\n";
                (why, refusal(StatusCode::BAD_GATEWAY, text))
            }
            Self::HeadTooLarge => {
                let limit = settings.max_held_head;
                let why =
                    format!("the head of the request that is held has more than {limit} bytes");
                (why, head_too_large())
            }
            Self::RequestTooLarge => {
                let limit = settings.max_held_request;
                let why = format!("the request that is held has more than {limit} bytes");
                let text = "Request too large to accept GRIP instruct.\n";
                (why, refusal(StatusCode::BAD_REQUEST, text))
            }
            Self::RequestFailed => {
                let why = "the request that is held could not be read to its end".to_owned();
                (why, cut_off())
            }
        }
    }
}
