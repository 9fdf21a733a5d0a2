//! What both programs do alike.

use std::{future::IntoFuture, process};

use gripware_core::ErrorChain;
use gripware_program::{ConfigError, Failure, Signals};
use tokio_util::sync::CancellationToken;

use crate::{BuildError, Listener, Serve};

/// An end that cannot be built has a setting that is wrong.
pub(super) fn unbuilt(error: &BuildError) -> ConfigError {
    ConfigError::new(ErrorChain(error))
}

pub(super) async fn listen(address: &str) -> Result<Listener, Failure> {
    let listening = Listener::bind(address).await;
    listening.map_err(|error| Failure::other(format_args!("cannot listen on {address}: {error}")))
}

/// Runs until a signal, and lets calls end.
pub(super) async fn until_signal(end: Serve, entrance: Option<Serve>) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
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
            return Err(Failure::other(why));
        }
        () = signals.end() => stop.cancel(),
    }
    let ending = async {
        let _ = end.await;
        if let Some(entrance) = entrance {
            let _ = entrance.await;
        }
    };
    tokio::select! {
        () = ending => Ok(()),
        () = signals.end() => process::exit(1),
    }
}
