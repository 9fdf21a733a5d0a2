//! Serving, until a signal.

use std::net::IpAddr;

use gripware_channelstream::{ChannelStream, ChannelStreamBuilder};
use gripware_core::ws::AllowedOrigins;
use gripware_hub::Hub;
use gripware_program::{
    DRAIN, Failure, Server,
    environment::{self, STATE},
};

use crate::options::Options;

/// Channels of a socket beside those of its connection: the user's, and its own.
const OWN_CHANNELS: usize = 2;

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let max_channels = usize::from(options.max_channels) + OWN_CHANNELS;
    let hub = Hub::builder()
        .drain(DRAIN)
        .max_channels(max_channels)
        .trust_forwarded(!options.trusted_proxies.0.is_empty())
        // Pages are at the application's host, and no cookie opens a socket here.
        .grip_with(|grip| grip.allowed_origins(AllowedOrigins::any()));
    let hub = environment::hub(hub)?;
    let state = environment::state()?;
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
    let mut builder = configured(builder, &options).address_sockets(!hub.is_embedded());
    match options.command_socket.clone() {
        Some(_) if hub.is_embedded() => {
            tracing::warn!(
                "command_socket is of no use: the proxy is inside, as GRIP_URL is not set"
            );
        }
        Some(commands) => {
            builder = builder.refreshing(move |socket| {
                let commands = commands.clone();
                async move { Ok(commands.refresh_connection(&socket).await?) }
            });
        }
        None => {}
    }
    let channelstream = builder.build();
    let server = Server::bind("--listen", &options.address()).await?;
    let serving = server.run(|listener, stop| {
        let serving = hub.serve(listener, channelstream.router());
        serving.with_graceful_shutdown(stop).into_future()
    });
    serving.await
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
