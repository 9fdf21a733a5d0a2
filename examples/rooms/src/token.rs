//! The login: a token that opens one WebSocket.

use std::time::Duration;

use axum::{
    Form,
    extract::{Query, Request, State},
    middleware::Next,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gripware_state::{Expect, StateError};
use serde::{Deserialize, Serialize};

use crate::{App, failure::Failure, message::is_name};

/// How long a token is good for.
const LIFETIME: Duration = Duration::from_secs(60);

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

#[derive(Deserialize)]
pub(crate) struct Login {
    name: String,
}

/// Returns a token. Whoever copies this asks for a password here, and looks up who may moderate.
pub(crate) async fn login(
    State(app): State<App>,
    Form(Login { name }): Form<Login>,
) -> Result<String, Failure> {
    if !is_name(&name) {
        return Err(Failure::NoName);
    }
    let is_moderator = name == "moderator";
    let token = random()?;
    // Records that have expired wait for somebody who takes them. Nobody asks for these, so each
    // login clears away more than it adds.
    app.records.take_expired("token", 2).await?;
    let user = User { name, is_moderator };
    let lifetime = Some(LIFETIME);
    app.records
        .put(&key(&token), &user, Expect::Absent, lifetime)
        .await?;
    Ok(token)
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
) -> Result<Response, Failure> {
    let user = app.take(&key(&token)).await?.ok_or(Failure::NoToken)?;
    request.extensions_mut().insert(user);
    Ok(next.run(request).await)
}

impl App {
    /// Takes the user of a token: of two who come with the same one, at whatever node, the first.
    async fn take(&self, key: &str) -> Result<Option<User>, StateError> {
        let record = match self.records.get::<User>(key).await {
            // What can be no key is no token either.
            Err(error) if error.is_invalid() => return Ok(None),
            record => record?,
        };
        let Some(record) = record else {
            return Ok(None);
        };
        let expect = Expect::Version(record.version);
        let is_first = self.records.remove(key, expect).await?;
        Ok(is_first.then_some(record.value))
    }
}

fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn key(token: &str) -> String {
    format!("token/{token}")
}
