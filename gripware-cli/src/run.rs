//! Serving, from the options to the end.

use std::{fmt, future::pending, io, time::Duration};

use gripware_core::ErrorChain;
use gripware_hub::{BuildError, Hub, HubBuilder, Routes};
use gripware_program::{Asked, ConfigError, Failure, Listener, Signals, announce};
use tokio::{
    task::{JoinError, JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    options::{Options, RelayFlags, Trust},
    origin::{Application, Dialled, Pipe},
    tls,
    tls::Certificates,
};

/// Serves until a signal comes, and then ends.
pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    #[cfg(unix)]
    match gripware_hub::raise_descriptor_limit() {
        Ok(limit) => tracing::debug!(limit, "open descriptors"),
        Err(error) => tracing::warn!(%error, "the limit of open descriptors is left as it was"),
    }
    let drain = options.hub.drain;
    let builder = options.hub.builder.drain(within(drain));
    let builder = with_keys(builder, &options.trust)?;
    let builder = with_relay(builder, options.relay);
    let application = Application::new(options.addresses.origin, options.addresses.route)?;
    let control_is_tls = options.tls.has_control();
    let (builder, certificates) = options.tls.apply(builder)?;
    let hub = builder.build().map_err(|error| match error {
        BuildError::Relay(error) => wrong("--relay", ErrorChain(&error)),
        error => Failure::other(ErrorChain(&error)),
    })?;
    let front = Listener::bind(&options.addresses.listen).await?;
    let control = Listener::bind(&options.addresses.control).await?;
    let mut lines = format!("listening on {front}\ncontrol on {control}\n");
    let is_private = control.is_local() || options.trust.control_key.is_some();
    let control_url = match &control {
        Listener::Tcp(_, address) => format!("http://{address}"),
        #[cfg(unix)]
        Listener::Unix(..) => control.to_string(),
    };
    let (front, _front_file) = for_hub(front);
    let (control, _control_file) = for_hub(control);
    let mut pipe = match &application.pipes[..] {
        [] => None,
        _ if control_is_tls => {
            let what = "it needs a control address without TLS, where the application publishes";
            return Err(wrong("pipe:NAME", what));
        }
        names => Some(Pipe::start(names.to_vec(), options.pipe, &control_url).await?),
    };
    let dialled = pipe.as_ref().map(|pipe| pipe.dialled.clone());
    let routes = application.routes(dialled.as_ref())?;
    let front = hub.forward_by(front, &routes);
    let mut files = Files {
        certificates,
        routes,
        dialled,
    };
    let stop = CancellationToken::new();
    let front = front.with_graceful_shutdown(stop.clone().cancelled_owned());
    let control = hub
        .control(control)
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    warn(&options.trust, is_private);
    let mut front = tokio::spawn(front.into_future());
    let mut control = tokio::spawn(control.into_future());
    if let Some(pipe) = &pipe {
        lines += &format!("pipe on {}\n", pipe.address);
    }
    announce(&lines);

    let pipe_ended = async {
        match &mut pipe {
            Some(pipe) => (&mut pipe.serving).await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = until_end(&mut signals, &mut files) => {}
        ended = &mut front => return Err(ended_early("serving clients", ended)),
        ended = &mut control => return Err(ended_early("the control API", ended)),
        ended = pipe_ended => return Err(ended_early("the pipe", ended)),
    }
    tracing::info!(?drain, "ending; another signal ends at once");
    stop.cancel();
    let ended = async {
        end(&hub, front, control, drain).await;
        // The application is told through it how clients have ended.
        if let Some(pipe) = pipe {
            pipe.end().await;
        }
    };
    tokio::select! {
        ended = timeout(drain, ended) => {
            if ended.is_err() {
                tracing::warn!(?drain, "requests were cut off at the end");
            }
            Ok(())
        }
        () = signals.end() => Err(Failure::other("ended by a second signal")),
    }
}

/// What is read again while the program serves.
struct Files {
    certificates: Vec<Certificates>,
    /// Those of `--route` and `--origin`.
    routes: Routes,
    /// Who may dial in, which does not change.
    dialled: Option<Dialled>,
}

/// Waits for the signal to end. Meanwhile files are read again: certificates now and then, and all at
/// a hang-up.
async fn until_end(signals: &mut Signals, files: &mut Files) {
    let mut looks = interval(tls::REFRESH);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            asked = signals.next() => match asked {
                Asked::End => return,
                _ => files.reload_routes().await,
            },
            _ = looks.tick() => {}
        }
        for certificates in &mut files.certificates {
            certificates.refresh().await;
        }
    }
}

impl Files {
    async fn reload_routes(&self) {
        let dialled = self.dialled.clone();
        let read = spawn_blocking(move || {
            let addresses = crate::options()?.map(|options| options.addresses);
            let routes =
                addresses.map(|it| Application::new(it.origin, it.route)?.routes(dialled.as_ref()));
            routes.transpose()
        });
        match read.await {
            Ok(Ok(Some(new))) => {
                self.routes.replace(&new);
                tracing::info!("routes were read again");
            }
            // Another one that dials in needs a restart.
            Ok(Err(error)) => tracing::warn!("{error}; the old routes stay"),
            Ok(Ok(None)) => tracing::warn!("there are no routes any more; the old ones stay"),
            Err(error) => tracing::error!("routes were not read again: {error}"),
        }
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

fn with_relay(builder: HubBuilder, relay: RelayFlags) -> HubBuilder {
    let builder = builder
        .brokers([gripware_redis::broker(), gripware_nats::broker()])
        .cluster(relay.cluster);
    let builder = match relay.relay {
        Some(url) => builder.relay(url),
        None => builder,
    };
    match relay.node {
        Some(node) => builder.node(node),
        None => builder,
    }
}

pub(crate) fn wrong(name: &str, error: impl fmt::Display) -> Failure {
    ConfigError::new(format_args!("{name}: {error}")).into()
}

/// A listener as the hub takes it, and the file to remove at the end.
#[cfg(unix)]
fn for_hub(listener: Listener) -> (gripware_hub::Listener, Option<gripware_program::SocketFile>) {
    match listener {
        Listener::Tcp(listener, _) => (listener.into(), None),
        Listener::Unix(listener, file) => (listener.into(), Some(file)),
    }
}

/// A listener as the hub takes it.
#[cfg(not(unix))]
fn for_hub(listener: Listener) -> (gripware_hub::Listener, ()) {
    let Listener::Tcp(listener, _) = listener;
    (listener.into(), ())
}

fn warn(trust: &Trust, is_private: bool) {
    if trust.sig_key.is_none() {
        tracing::warn!(
            "requests to the origin are not signed: an origin that checks Grip-Sig refuses to \
             hold; set --sig-key and give the origin the same key"
        );
    }
    if !is_private {
        tracing::warn!(
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

/// Ends what publishes first, so that all which was accepted is there to be delivered, and then all
/// holds.
async fn end(hub: &Hub, front: Serving, control: Serving, drain: Duration) {
    if timeout(drain / 4, control).await.is_err() {
        tracing::warn!("requests to the control API were cut off");
    }
    hub.shutdown().await;
    let _ = front.await;
}

fn ended_early(what: &str, ended: Result<io::Result<()>, JoinError>) -> Failure {
    Failure::other(match ended {
        Ok(Ok(())) => format!("{what} ended by itself"),
        Ok(Err(error)) => format!("{what} failed: {error}"),
        Err(error) => format!("{what} failed: {error}"),
    })
}
