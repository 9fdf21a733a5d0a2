//! Serving, from the options to the end.

use std::{fmt, fs, io, net::SocketAddr, time::Duration};

use gripware_core::ErrorChain;
use gripware_hub::{Hub, HubBuilder};
use gripware_program::{ConfigError, Failure, Signals, announce};
use tokio::{
    net::TcpListener,
    task::{JoinError, JoinHandle},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::options::{Options, Tls, Trust};

/// Serves until a signal comes, and then ends.
pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let drain = options.hub.drain;
    let builder = options.hub.builder.drain(within(drain));
    let builder = with_keys(builder, &options.trust)?;
    let hub = with_tls(builder, &options.tls)?
        .build()
        .map_err(|error| Failure::other(ErrorChain(&error)))?;
    let (front, front_address) = bind(&options.addresses.listen).await?;
    let (control, control_address) = bind(&options.addresses.control).await?;
    let stop = CancellationToken::new();
    let front = hub
        .forward(front, &options.addresses.origin)
        .map_err(|error| wrong("--origin", error))?
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let control = hub
        .control(control)
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    warn(&options.trust, control_address);
    let mut front = tokio::spawn(front.into_future());
    let mut control = tokio::spawn(control.into_future());
    announce(&format!(
        "listening on {front_address}\ncontrol on {control_address}\n"
    ));

    tokio::select! {
        () = signals.end() => {}
        ended = &mut front => return Err(ended_early("serving clients", ended)),
        ended = &mut control => return Err(ended_early("the control API", ended)),
    }
    tracing::info!(?drain, "ending; another signal ends at once");
    stop.cancel();
    tokio::select! {
        () = end(&hub, front, control, drain) => Ok(()),
        () = signals.end() => Err(Failure::other("ended by a second signal")),
    }
}

fn with_keys(builder: HubBuilder, trust: &Trust) -> Result<HubBuilder, Failure> {
    let builder = match &trust.sig_key {
        Some(key) => builder.sign_with(key.clone(), &trust.sig_iss),
        None => builder.unsigned(),
    };
    match &trust.control_key {
        Some(key) => builder
            .control_key(&key.0)
            .map_err(|error| wrong("control-key", error)),
        None => Ok(builder),
    }
}

fn with_tls(builder: HubBuilder, tls: &Tls) -> Result<HubBuilder, Failure> {
    let (certificates, key) = match (&tls.tls_cert, &tls.tls_key) {
        (Some(certificates), Some(key)) => (certificates, key),
        (None, None) => return Ok(builder),
        _ => return Err(wrong("--tls-cert and --tls-key", "they need each other")),
    };
    let read =
        |name, path| fs::read(path).map_err(|error| wrong(name, format_args!("{path}: {error}")));
    builder
        .tls(&read("tls-cert", certificates)?, &read("tls-key", key)?)
        .map_err(|error| wrong("tls-cert, tls-key", error))
}

fn wrong(name: &str, error: impl fmt::Display) -> Failure {
    ConfigError::new(format_args!("{name}: {error}")).into()
}

async fn bind(address: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        io::Result::Ok((listener, local))
    };
    bound
        .await
        .map_err(|error| Failure::other(format_args!("cannot listen on {address}: {error}")))
}

fn warn(trust: &Trust, control: SocketAddr) {
    if trust.sig_key.is_none() {
        tracing::warn!(
            "requests to the origin are not signed: an origin that checks Grip-Sig refuses to \
             hold; set --sig-key and give the origin the same key"
        );
    }
    if trust.control_key.is_none() && !control.ip().is_loopback() {
        tracing::warn!(
            %control,
            "whoever reaches the control address may publish: set --control-key, or keep it in a \
             network of its own"
        );
    }
}

/// How long the hub itself may take: a little less, so that its own end is not cut off.
fn within(drain: Duration) -> Duration {
    drain.saturating_sub((drain / 10).min(Duration::from_millis(500)))
}

type Serving = JoinHandle<io::Result<()>>;

/// Ends within `drain`: first what publishes, so that all which was accepted is there to be
/// delivered, and then all holds.
async fn end(hub: &Hub, front: Serving, control: Serving, drain: Duration) {
    let ended = async {
        if timeout(drain / 4, control).await.is_err() {
            tracing::warn!("requests to the control API were cut off");
        }
        hub.shutdown().await;
        let _ = front.await;
    };
    if timeout(drain, ended).await.is_err() {
        tracing::warn!(?drain, "requests were cut off at the end");
    }
}

fn ended_early(what: &str, ended: Result<io::Result<()>, JoinError>) -> Failure {
    Failure::other(match ended {
        Ok(Ok(())) => format!("{what} ended by itself"),
        Ok(Err(error)) => format!("{what} failed: {error}"),
        Err(error) => format!("{what} failed: {error}"),
    })
}
