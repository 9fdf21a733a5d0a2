//! What both programs do alike.

use std::{
    future::IntoFuture,
    io::{self, Write},
    path::PathBuf,
    process,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    Failure,
    given::{ConfigError, Values},
    parse, settings as s,
};
use crate::{
    BuildError, Entrance, HttpHandler, Identity, Listener, Serve, Settings, causes::causes,
};

pub(super) fn identity(values: &Values) -> Result<Identity, ConfigError> {
    let path = |text: &str| parse::text(text).map(PathBuf::from);
    let authority = values.require(&s::CA, path)?;
    let certificate = values.require(&s::CERT, path)?;
    let identity = Identity::from_files(authority, certificate, values.require(&s::KEY, path)?);
    Ok(match values.read(&s::REVOKED, path)? {
        Some(revoked) => identity.with_revoked_file(revoked),
        None => identity,
    })
}

pub(super) fn settings(values: &Values) -> Result<Settings, ConfigError> {
    let time = |setting| values.require(setting, parse::time);
    Ok(Settings::new()
        .heartbeat(time(&s::HEARTBEAT)?, time(&s::HEARTBEAT_TIMEOUT)?)
        .connect_timeout(time(&s::CONNECT_TIMEOUT)?)
        .response_timeout(time(&s::RESPONSE_TIMEOUT)?)
        .idle_timeout(time(&s::IDLE_TIMEOUT)?)
        .wait(time(&s::WAIT)?)
        .drain(time(&s::DRAIN)?)
        .refresh(time(&s::REFRESH)?)
        .max_calls(values.require(&s::MAX_CALLS, parse::count)?)
        .max_queued(values.require(&s::MAX_QUEUED, parse::count)?)
        .stream_window(values.require(&s::STREAM_WINDOW, parse::size)?)
        .repeat_idempotent(values.require(&s::REPEAT, parse::boolean)?)
        .development(values.require(&s::DEVELOPMENT, parse::boolean)?))
}

pub(super) fn handler(values: &Values) -> Result<Option<HttpHandler>, ConfigError> {
    let limit: Duration = values.require(&s::RESPONSE_TIMEOUT, parse::time)?;
    let handler = values.read(&s::HANDLER, str::parse::<HttpHandler>)?;
    Ok(handler.map(|handler| handler.response_timeout(limit)))
}

pub(super) fn hosts(values: &Values, entrance: Entrance) -> Result<Entrance, ConfigError> {
    let hosts = values.list(&s::WEB_HOST, parse::text)?;
    Ok(hosts.into_iter().fold(entrance, Entrance::host))
}

/// An end that cannot be built has a setting that is wrong.
pub(super) fn unbuilt(error: &BuildError) -> ConfigError {
    ConfigError::new(causes(error))
}

pub(super) async fn listen(address: &str) -> Result<Listener, Failure> {
    let listening = Listener::bind(address).await;
    listening.map_err(|error| Failure::Other(format!("cannot listen on {address}: {error}")))
}

/// Says that it is ready. Where nobody can read it, it is ready all the same.
pub(super) fn announce(lines: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(lines.as_bytes());
    let _ = out.flush();
}

/// Runs until a signal, and lets calls end.
pub(super) async fn until_signal(end: Serve, entrance: Option<Serve>) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::Other(error.to_string()))?;
    let stop = CancellationToken::new();
    let serving = |serve: Serve| {
        let stop = stop.clone().cancelled_owned();
        tokio::spawn(serve.with_graceful_shutdown(stop).into_future())
    };
    let mut end = serving(end);
    let entrance = entrance.map(serving);
    tokio::select! {
        ended = &mut end => {
            let why = match ended {
                Ok(Ok(())) => "it has ended by itself".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            return Err(Failure::Other(why));
        }
        () = signals.next() => stop.cancel(),
    }
    let ending = async {
        let _ = end.await;
        if let Some(entrance) = entrance {
            let _ = entrance.await;
        }
    };
    tokio::select! {
        () = ending => Ok(()),
        () = signals.next() => process::exit(1),
    }
}

/// The signals that end the program. A hang-up is taken and ignored.
#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    _hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one. Safe to cancel.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
