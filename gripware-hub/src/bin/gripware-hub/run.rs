use std::{
    fmt,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use gripware_core::ErrorChain;
use gripware_hub::Hub;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinError, JoinHandle},
    time::timeout,
};

use crate::{config::Config, given::ConfigError, signals::Signals};

/// Why the program ends in another way than it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration turned out to be wrong.
    Config(ConfigError),
    Other(String),
}

/// Serves until a signal comes, and then ends.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    let mut signals =
        Signals::new().map_err(|error| Failure::Other(format!("no signals: {error}")))?;
    let drain = config.drain;
    let hub = hub(&config)?;
    let (front, front_address) = bind(&config.listen).await?;
    let (control, control_address) = bind(&config.control).await?;
    let (stop, stopped) = watch::channel(());
    let front = hub
        .forward(front, &config.origin)
        .map_err(|error| Failure::Config(ConfigError::new(format_args!("--origin: {error}"))))?
        .with_graceful_shutdown(dropped(stopped.clone()));
    let control = hub
        .control(control)
        .with_graceful_shutdown(dropped(stopped));
    warn(&config, control_address);
    let mut front = tokio::spawn(front.into_future());
    let mut control = tokio::spawn(control.into_future());
    announce(front_address, control_address);

    tokio::select! {
        () = signals.next() => {}
        ended = &mut front => return Err(ended_early("serving clients", ended)),
        ended = &mut control => return Err(ended_early("the control API", ended)),
    }
    tracing::info!(?drain, "ending; another signal ends at once");
    drop(stop);
    tokio::select! {
        () = end(&hub, front, control, drain) => Ok(()),
        () = signals.next() => Err(Failure::Other("ended by a second signal".to_owned())),
    }
}

/// The hub that the configuration describes.
fn hub(config: &Config) -> Result<Hub, Failure> {
    let mut builder = Hub::builder()
        .trust_forwarded(config.trust_forwarded)
        .slow_clients(config.slow_clients)
        .queue_bytes(config.queue_bytes)
        .queue_messages(config.queue_messages)
        .min_keep_alive_interval(config.keep_alive_min)
        .max_message(config.max_message)
        .message_timeout(config.message_timeout)
        .max_header_size(config.max_head)
        .header_timeout(config.head_timeout)
        .max_streams(config.max_streams as usize)
        .max_client_requests(config.max_client_requests)
        .answer_timeout(config.answer_timeout)
        .message_wait(config.message_wait)
        .id_memory(config.id_memory)
        .backlog_bytes(config.backlog_bytes)
        .origin_timeout(config.origin_timeout)
        .max_origin_requests(config.max_origin_requests)
        .max_turns_per_address(config.max_turns_per_address)
        .max_held_head(config.max_held_head)
        .max_held_request(config.max_held_request)
        .max_held_response(config.max_held_response)
        .drain(within(config.drain))
        .development(config.development);
    builder = match &config.signature {
        Some((key, issuer)) => builder.sign_with(key.clone(), issuer),
        None => builder.unsigned(),
    };
    if let Some(shards) = config.shards {
        builder = builder.shards(shards);
    }
    if let Some(count) = config.max_connections {
        builder = builder.max_connections(count);
    }
    let wrong = |name: &'static str, error: &dyn fmt::Display| {
        Failure::Config(ConfigError::new(format_args!("{name}: {error}")))
    };
    if let Some(key) = &config.control_key {
        builder = builder
            .control_key(&key.0)
            .map_err(|error| wrong("control-key", &error))?;
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &config.tls {
        let certificates = std::fs::read(&tls.certificates)
            .map_err(|error| wrong("tls-cert", &format!("{}: {error}", tls.certificates)))?;
        let key = std::fs::read(&tls.key)
            .map_err(|error| wrong("tls-key", &format!("{}: {error}", tls.key)))?;
        builder = builder
            .tls(&certificates, &key)
            .map_err(|error| wrong("tls-cert, tls-key", &error))?;
    }
    builder
        .build()
        .map_err(|error| Failure::Other(ErrorChain(&error).to_string()))
}

async fn bind(address: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        Ok((listener, local))
    };
    bound
        .await
        .map_err(|error: io::Error| Failure::Other(format!("cannot listen on {address}: {error}")))
}

fn warn(config: &Config, control: SocketAddr) {
    if config.signature.is_none() {
        tracing::warn!(
            "requests to the origin are not signed: an origin that checks Grip-Sig refuses to \
             hold; set --sig-key and give the origin the same key"
        );
    }
    if config.control_key.is_none() && !control.ip().is_loopback() {
        tracing::warn!(
            %control,
            "whoever reaches the control address may publish: set --control-key, or keep it in a \
             network of its own"
        );
    }
}

/// Says that it is ready. Where nobody can read it, it is ready all the same.
fn announce(front: SocketAddr, control: SocketAddr) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "listening on {front}\ncontrol on {control}");
    let _ = out.flush();
}

/// Waits until the sender is dropped.
async fn dropped(mut receiver: watch::Receiver<()>) {
    while receiver.changed().await.is_ok() {}
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
    Failure::Other(match ended {
        Ok(Ok(())) => format!("{what} ended by itself"),
        Ok(Err(error)) => format!("{what} failed: {error}"),
        Err(error) => format!("{what} failed: {error}"),
    })
}
