//! `/admin`: a page that shows everything, and the same as JSON, for whoever has the password.

use std::{
    collections::BTreeMap,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, SystemTime},
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{Html, IntoResponse, Redirect, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde::Serialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::{
    access,
    api::{Answer, Answered, ChannelInfo},
    app::App,
    error::ApiError,
    name,
    settings::Admin,
    wire::{Info, Moment},
};

const COOKIE: &str = "channelstream_admin";

/// What the cookie of a login signs.
const SIGNED_IN: &str = "admin";

/// How long a login lasts.
const LOGIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long a wrong password is thought about, so that nobody tries many.
const WRONG: Duration = Duration::from_millis(500);

/// The most bytes of a login.
const MAX_FORM: usize = 4096;

const PAGE: &str = include_str!("pages/admin.html");
const SIGN_IN: &str = include_str!("pages/sign_in.html");

/// Lets the administrator pass, and callers of the API. Others are sent to the login where there is
/// one and it is a page that they asked for.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let refused = match is_signed_in(&app, &parts.headers) {
        true => Ok(()),
        false => access::check(app.settings(), &parts),
    };
    let is_page = parts.uri.path().contains("/admin");
    match refused {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(_) if is_page && app.settings().admin.is_some() => to("admin/sign_in", &parts),
        Err(error) => ApiError::from(error).into_response(),
    }
}

/// A redirect below where the router is nested.
fn to(path: &str, parts: &Parts) -> Response {
    let own = parts
        .extensions
        .get::<axum::extract::OriginalUri>()
        .map_or(parts.uri.path(), |original| original.0.path());
    let base = own.rfind("/admin").and_then(|at| own.get(..at));
    Redirect::to(&format!("{}/{path}", base.unwrap_or_default())).into_response()
}

fn is_signed_in(app: &App, headers: &HeaderMap) -> bool {
    let Some(admin) = &app.settings().admin else {
        return false;
    };
    let has_cookie = cookie(headers).is_some_and(|cookie| {
        let value = admin.cookies.unsign(cookie, SystemTime::now(), Some(LOGIN));
        value == Ok(SIGNED_IN)
    });
    has_cookie || has_password(admin, headers)
}

/// The password as HTTP has it, as with 0.2, and for those who collect metrics.
fn has_password(admin: &Admin, headers: &HeaderMap) -> bool {
    let basic = headers.get(header::AUTHORIZATION);
    let basic = basic.and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let decoded = basic.and_then(|basic| BASE64_STANDARD.decode(basic).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    text.as_deref()
        .and_then(|text| text.split_once(':'))
        .is_some_and(|(user, password)| admin.is(user, password))
}

impl Admin {
    fn is(&self, user: &str, password: &str) -> bool {
        let is_user = self.user.as_bytes().ct_eq(user.as_bytes());
        let is_password = self.password.as_bytes().ct_eq(password.as_bytes());
        (is_user & is_password).into()
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = lines.filter_map(|line| line.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|cookie| cookie.trim_ascii().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

pub(crate) async fn page() -> Html<&'static str> {
    Html(PAGE)
}

pub(crate) async fn sign_in_page() -> Html<&'static str> {
    Html(SIGN_IN)
}

pub(crate) async fn sign_in(State(app): State<App>, parts: Parts, form: Bytes) -> Response {
    let Some(admin) = &app.settings().admin else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let form = form.get(..MAX_FORM).unwrap_or(&form);
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(form);
        let field = fields.find(|(key, _)| key == name);
        field.map(|(_, value)| value.trim_ascii().to_owned())
    };
    let user = field("username").unwrap_or_default();
    let password = field("password").unwrap_or_default();
    if !admin.is(&user, &password) {
        tracing::warn!("somebody has given a wrong password for /admin");
        tokio::time::sleep(WRONG).await;
        return (StatusCode::FORBIDDEN, Html(SIGN_IN)).into_response();
    }
    let token = admin.cookies.sign(SIGNED_IN, SystemTime::now());
    with_cookie(&token, LOGIN.as_secs(), to("admin", &parts))
}

pub(crate) async fn sign_out(parts: Parts) -> Response {
    with_cookie("", 0, to("admin/sign_in", &parts))
}

fn with_cookie(value: &str, seconds: u64, response: Response) -> Response {
    let cookie = format!("{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict");
    ([(header::SET_COOKIE, cookie)], response).into_response()
}

#[derive(Serialize)]
struct Everything {
    remembered_user_count: u64,
    unique_user_count: usize,
    total_connections: usize,
    total_channels: u64,
    total_messages: u64,
    total_unique_messages: u64,
    channels: BTreeMap<String, ChannelInfo>,
    users: Vec<Active>,
    uptime: String,
    version: &'static str,
}

/// A user that has a connection.
#[derive(Serialize)]
struct Active {
    state: Map<String, Value>,
    user: String,
    uuid: String,
    connections: Vec<String>,
}

pub(crate) async fn json(State(app): State<App>) -> Answered {
    let connections = app.store().all_connections().await?;
    let mut users = Vec::with_capacity(connections.len());
    let total_connections = connections.values().map(Vec::len).sum();
    for (user, connections) in connections {
        if let Some(known) = app.store().user(&name::digest(&user)).await? {
            users.push(Active {
                state: known.public_state(),
                uuid: known.uuid,
                user,
                connections,
            });
        }
    }
    let everything = Everything {
        remembered_user_count: app.store().count_users().await?,
        unique_user_count: users.len(),
        total_connections,
        total_channels: app.store().count_channels().await?,
        total_messages: app.counts().items.load(Relaxed),
        total_unique_messages: app.counts().messages.load(Relaxed),
        channels: app.channels_info(&Info::default()).await?.channels,
        users,
        uptime: uptime(Moment::now().seconds_since(app.started())),
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(Answer::new(&everything))
}

/// As Python writes a `timedelta`.
fn uptime(seconds: u64) -> String {
    let clock = format!(
        "{}:{:02}:{:02}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    );
    match seconds / 86_400 {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

/// `/metrics`, for Prometheus.
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let counts = app.counts();
    let gauges = [
        ("connections", app.store().count_connections().await?),
        ("users", app.store().count_users().await?),
        ("channels", app.store().count_channels().await?),
    ];
    let counters = [
        ("messages_total", &counts.messages),
        ("items_total", &counts.items),
        ("items_lost_total", &counts.lost),
        ("connections_total", &counts.connections),
        ("connections_expired_total", &counts.expired),
        ("requests_refused_total", &counts.refused),
    ];
    let gauges = gauges.map(|(name, value)| line(name, "gauge", value));
    let counters = counters.map(|(name, count)| line(name, "counter", count.load(Relaxed)));
    let text = gauges.concat() + &counters.concat();
    let version = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((version, text).into_response())
}

fn line(name: &str, kind: &str, value: u64) -> String {
    format!("# TYPE channelstream_{name} {kind}\nchannelstream_{name} {value}\n")
}

/// `/openapi.json`: a description of the API.
pub(crate) async fn openapi() -> Answer {
    Answer(include_str!("pages/openapi.json").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_told_as_python_tells_it() {
        assert_eq!(uptime(4), "0:00:04");
        assert_eq!(uptime(86_400 + 3_661), "1 day, 1:01:01");
        assert_eq!(uptime(3 * 86_400), "3 days, 0:00:00");
    }

    #[test]
    fn the_description_is_json_and_has_every_path() {
        let told: Value = serde_json::from_str(include_str!("pages/openapi.json")).unwrap();
        for path in [
            "/connect",
            "/subscribe",
            "/unsubscribe",
            "/user_state",
            "/user_status",
            "/message",
            "/channel_config",
            "/info",
            "/disconnect",
            "/listen",
            "/ws",
            "/admin/admin.json",
        ] {
            assert!(told["paths"].get(path).is_some(), "{path}");
        }
    }
}
