//! Who a request is from, by a cookie.

use axum::{
    Form,
    extract::{FromRequestParts, State},
    http::{
        HeaderMap, StatusCode,
        header::{COOKIE, SET_COOKIE},
        request::Parts,
    },
    response::{AppendHeaders, IntoResponse},
};
use serde::Deserialize;

use crate::{App, Failure};

/// The user who is logged in. 401 for everybody else.
pub(crate) struct User(pub(crate) String);

impl FromRequestParts<App> for User {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, StatusCode> {
        session(&parts.headers)
            .and_then(|session| app.store.user_of(session))
            .map(Self)
            .ok_or(StatusCode::UNAUTHORIZED)
    }
}

#[derive(Deserialize)]
pub(crate) struct Login {
    name: String,
}

/// Logs in. Whoever copies this asks for a password here.
pub(crate) async fn login(
    State(app): State<App>,
    Form(login): Form<Login>,
) -> Result<impl IntoResponse, Failure> {
    if !is_name(&login.name) {
        return Ok(StatusCode::UNPROCESSABLE_ENTITY.into_response());
    }
    let session = app.store.log_in(login.name)?;
    // No script reads it, and no form of another site sends it.
    let cookie = format!("session={session}; Path=/; HttpOnly; SameSite=Lax");
    Ok((
        StatusCode::NO_CONTENT,
        AppendHeaders([(SET_COOKIE, cookie)]),
    )
        .into_response())
}

/// Logs out. A stream that is open goes on until it is closed: see "Logins" in the manual.
pub(crate) async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    if let Some(session) = session(&headers) {
        app.store.log_out(session)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Whether it may stand in the name of a channel.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split("; "));
    cookies.find_map(|cookie| cookie.strip_prefix("session="))
}
