//! The login: a token that opens one WebSocket.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Form,
    extract::{Query, Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{App, message::is_name};

/// How long a token is good for.
const LIFETIME: Duration = Duration::from_secs(60);
/// The most tokens that are not used yet; beyond it nobody can log in.
const MAX_TOKENS: usize = 10_000;

/// Who is at the other end of a connection.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) is_moderator: bool,
}

impl User {
    /// The channel of all connections of this user.
    pub(crate) fn channel(&self) -> String {
        Self::channel_of(&self.name)
    }

    pub(crate) fn channel_of(name: &str) -> String {
        format!("user-{name}")
    }
}

/// The tokens that are not used yet.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<String, (User, Instant)>>);

impl Tokens {
    fn issue(&self, user: User) -> Option<String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok()?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let mut tokens = self.tokens();
        tokens.retain(|_, (_, issued)| issued.elapsed() < LIFETIME);
        if tokens.len() >= MAX_TOKENS {
            return None;
        }
        tokens.insert(token.clone(), (user, Instant::now()));
        Some(token)
    }

    fn take(&self, token: &str) -> Option<User> {
        let (user, issued) = self.tokens().remove(token)?;
        (issued.elapsed() < LIFETIME).then_some(user)
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, (User, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
pub(crate) struct Login {
    name: String,
}

/// Returns a token. Whoever copies this asks for a password here, and looks up who may moderate.
pub(crate) async fn login(
    State(app): State<App>,
    Form(Login { name }): Form<Login>,
) -> Result<String, StatusCode> {
    if !is_name(&name) {
        return Err(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let is_moderator = name == "moderator";
    let token = app.tokens.issue(User { name, is_moderator });
    token.ok_or(StatusCode::SERVICE_UNAVAILABLE)
}

#[derive(Deserialize)]
pub(crate) struct Opening {
    token: String,
}

/// Lets in who has a token. It is in the query, as a browser can set no header of a WebSocket; so it
/// is in logs too, and of no use to who reads them.
pub(crate) async fn authenticate(
    State(app): State<App>,
    Query(Opening { token }): Query<Opening>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let user = app.tokens.take(&token).ok_or(StatusCode::UNAUTHORIZED)?;
    request.extensions_mut().insert(user);
    Ok(next.run(request).await)
}
