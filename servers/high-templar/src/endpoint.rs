//! `POST /trigger/`: triggers by HTTP, from a backend that shares a key.

use std::{error::Error, time::SystemTime};

use axum::extract::State;
use bytes::Bytes;
use gripware_core::webhook::{ReplayError, WebhookError, WebhookVerifier};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;
use subtle::ConstantTimeEq as _;

use crate::{
    Trigger,
    app::{AcceptError, App},
};

type Answer = (StatusCode, String);

pub(crate) async fn trigger(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Answer {
    let id = match authenticate(&app, &headers, &body).await {
        Ok(id) => id,
        Err((status, reason)) => {
            tracing::warn!(reason, "a trigger was refused");
            return (status, format!("{reason}\n"));
        }
    };
    let answer = perform(&app, &body).await;
    if let (Some(id), false) = (id, answer.0.is_success()) {
        // It has had no effect, so it may be sent again.
        app.accept_again(id).await;
    }
    answer
}

async fn perform(app: &App, body: &[u8]) -> Answer {
    #[derive(Deserialize)]
    struct Rechecked {
        recheck: Box<RawValue>,
    }

    let bad_request = |error: &dyn Error| (StatusCode::BAD_REQUEST, format!("{error}\n"));
    let published = match serde_json::from_slice(body) {
        Ok(Rechecked { recheck }) => match serde_json::from_str(recheck.get()) {
            Ok(recheck) => app.recheck(&recheck).await,
            Err(error) => return bad_request(&error),
        },
        Err(_) => match Trigger::parse(body) {
            Ok(trigger) => app.trigger(&trigger).await,
            Err(error) => return bad_request(&error),
        },
    };
    match published {
        Ok(()) => (StatusCode::OK, "publish success".to_owned()),
        Err(error) => (error.status_code(), format!("{error}\n")),
    }
}

/// Returns the id of a signed request that is seen for the first time, or `None` for one that
/// shows the key itself.
async fn authenticate<'a>(
    app: &App,
    headers: &'a HeaderMap,
    body: &[u8],
) -> Result<Option<&'a str>, (StatusCode, &'static str)> {
    let keys = &app.settings().trigger_keys;
    if let Some(bearer) = bearer(headers) {
        let is_known = keys
            .iter()
            .any(|key| key.text.as_bytes().ct_eq(bearer).into());
        return match is_known {
            true => Ok(None),
            false => Err((StatusCode::FORBIDDEN, "the key is not known")),
        };
    }
    let now = SystemTime::now();
    let verifier = WebhookVerifier::new(keys.iter().map(|key| key.webhook.clone()));
    let id = verifier
        .verify(headers, body, now)
        .map_err(|error| match error {
            WebhookError::Missing => (StatusCode::UNAUTHORIZED, "a signature or a key is required"),
            WebhookError::Malformed => (StatusCode::FORBIDDEN, "the signature is malformed"),
            WebhookError::Expired => (StatusCode::FORBIDDEN, "the signature is not of this time"),
            _ => (
                StatusCode::FORBIDDEN,
                "the signature is not from a known key",
            ),
        })?;
    app.accept_once(id).await.map_err(|error| match error {
        AcceptError::Replay(ReplayError::Replayed) => {
            (StatusCode::CONFLICT, "this message was accepted before")
        }
        AcceptError::Replay(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many messages, try again later",
        ),
        AcceptError::State(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "it cannot be told whether this message was accepted before",
        ),
    })?;
    Ok(Some(id))
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
}
