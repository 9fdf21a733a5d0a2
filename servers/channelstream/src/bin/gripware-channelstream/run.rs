//! Serving, until a signal.

use std::{env, fmt::Display, net::IpAddr, pin::pin, time::Duration};

use gripware_channelstream::{ChannelStream, ChannelStreamBuilder};
use gripware_core::{ErrorChain, ws::AllowedOrigins};
use gripware_hub::{BuildError, Hub};
use gripware_program::{ConfigError, Failure, Signals, announce};
use gripware_state::State;
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use crate::options::Options;

/// How long clients and requests may take when the program ends.
const DRAIN: Duration = Duration::from_secs(3);

/// The hub ends within [`DRAIN`] by itself. An application behind another proxy does not, and is cut
/// off by then.
const CUT_OFF: Duration = Duration::from_secs(4);

/// The variable with the URL of what several processes share.
const STATE: &str = "GRIPWARE_STATE";

/// Channels of a socket beside those of its connection: the user's, and its own.
const OWN_CHANNELS: usize = 2;

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let max_channels = usize::from(options.max_channels) + OWN_CHANNELS;
    let hub = Hub::builder()
        .drain(DRAIN)
        .max_channels(max_channels)
        .trust_forwarded(!options.trusted_proxies.0.is_empty())
        // Pages are at the application's host, and no cookie opens a socket here.
        .grip_with(|grip| grip.allowed_origins(AllowedOrigins::any()))
        .brokers([gripware_redis::broker(), gripware_nats::broker()])
        .from_env()
        .map_err(|error| match error {
            BuildError::Grip(error) => ConfigError::new(ErrorChain(&error)).into(),
            BuildError::Relay(error) => wrong("GRIPWARE_RELAY", ErrorChain(&error)),
            error => Failure::other(ErrorChain(&error)),
        })?;
    let state = state()?;
    if state.is_none() && hub.relay().is_some() {
        tracing::warn!("without {STATE} each process has users and channels of its own");
    }
    if !hub.is_embedded() {
        tracing::warn!(
            "the proxy has to allow {max_channels} channels for one connection: Pushpin's \
             connection_subscription_max, or the hub's --max-channels"
        );
    }
    let builder = ChannelStream::builder(&hub.grip(), &options.secret.0);
    let builder = match &state {
        Some(state) => builder.state(state),
        None => builder,
    };
    // Another proxy may be a Pushpin.
    let builder = configured(builder, &options).address_sockets(!hub.is_embedded());
    let channelstream = builder.build();
    let listening = |error| wrong("--listen", error);
    let listener = TcpListener::bind(options.address())
        .await
        .map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = hub
        .serve(listener, channelstream.router())
        .with_graceful_shutdown(async {
            // It is dropped where it is meant as well.
            let _ = stopped.await;
        });
    let mut serving = pin!(serving.into_future());
    announce(&format!("listening on {address}\n"));
    tokio::select! {
        ended = &mut serving => {
            ended.map_err(Failure::other)?;
            return Err(Failure::other("serving ended by itself"));
        }
        () = signals.end() => drop(stop),
    }
    if timeout(CUT_OFF, serving).await.is_err() {
        tracing::warn!("what was still under way is cut off");
    }
    Ok(())
}

fn configured(builder: ChannelStreamBuilder, options: &Options) -> ChannelStreamBuilder {
    let builder = builder
        .wire(options.wire.into())
        .trusted_proxies(options.trusted_proxies.0.iter().copied())
        .allow_cors(options.allow_cors.0.iter().cloned())
        .validate_requests(options.validate_requests)
        .sign_paths(options.sign_paths)
        .enforce_https(options.enforce_https)
        .jsonp(options.jsonp)
        .demo(options.demo)
        .max_channels(usize::from(options.max_channels))
        .max_body(options.max_body);
    let callers = &options.allow_posting_from.0;
    let builder = match callers.contains(&IpAddr::from([0, 0, 0, 0])) {
        true => builder.allow_posting_from_anywhere(),
        false => builder.allow_posting_from(callers.iter().copied()),
    };
    match &options.admin_secret {
        Some(password) => {
            let cookies = options
                .cookie_secret
                .as_ref()
                .map(|secret| secret.0.as_str());
            let cookies = cookies.filter(|secret| !secret.is_empty());
            builder.admin(&options.admin_user, &password.0, cookies)
        }
        None => builder,
    }
}

/// What processes share, if they do.
fn state() -> Result<Option<State>, Failure> {
    if env::var_os(STATE).is_none_or(|url| url.is_empty()) {
        return Ok(None);
    }
    let state = State::with([gripware_redis::state()]).from_env();
    state
        .map(Some)
        .map_err(|error| wrong(STATE, ErrorChain(&error)))
}

fn wrong(name: &str, error: impl Display) -> Failure {
    ConfigError::new(format_args!("{name}: {error}")).into()
}
