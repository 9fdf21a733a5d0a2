//! Serving, until a signal.

use gripware_core::ErrorChain;
use gripware_hub::Hub;
use gripware_program::{
    ConfigError, DRAIN, Failure, Server,
    environment::{self, STATE},
};
use gripware_templar::{Backend, Broker, HeaderMapping, NotifyOnline, Templar, TemplarBuilder};
use http::HeaderName;

use crate::{
    options::{Options, RoomsMode, Secret},
    rabbitmq::Rabbitmq,
    request_kwargs::asked_with,
};

/// How many subscriptions a connection may have with the hub inside, where it is not said.
const MAX_SUBSCRIPTIONS: usize = 1000;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let origins = options.allowed_origins.clone();
    let max_subscriptions = options.max_subscriptions.map(usize::from);
    let of_hub = max_subscriptions.unwrap_or(MAX_SUBSCRIPTIONS);
    // The session of each connection has a channel as well, and so has its user.
    let own_channels = 1 + usize::from(!options.user_id_path.is_empty());
    let hub = Hub::builder()
        .drain(DRAIN)
        .max_channels(of_hub + own_channels)
        .max_meta(of_hub)
        .trust_forwarded(options.trust_forwarded)
        .grip_with(move |grip| {
            let grip = grip.allowed_origins(origins);
            match max_subscriptions {
                // Another proxy is said to allow as many.
                Some(max) => grip.limits_with(|limits| {
                    limits.channels = max + own_channels;
                    limits.meta = max;
                }),
                None => grip,
            }
        });
    let hub = environment::hub(hub)?;
    let state = environment::state()?;
    let is_alone = hub.is_embedded() && hub.relay().is_none();
    if !is_alone && state.is_none() && options.rooms == RoomsMode::Wildcard {
        tracing::warn!("without {STATE} a * reaches only the rooms that this process knows");
    }
    let builder = Templar::builder(&hub.grip(), backend(&options)?);
    let builder = match &state {
        Some(state) => builder.state(state),
        None => builder,
    };
    let templar = configured(builder, &options)?.build();
    let templar = templar.map_err(|error| Failure::setting("--max-subscriptions", error))?;
    let broker = broker(&options)?;
    if let (Some(max), false) = (max_subscriptions, hub.is_embedded()) {
        tracing::warn!(
            "the proxy has to allow {} channels for one connection: Pushpin's \
             connection_subscription_max, or the hub's --max-channels and --max-meta",
            max + own_channels
        );
    }
    let server = Server::bind("--listen", &options.listen).await?;
    if let Some(broker) = broker {
        // Each process publishes each trigger to clients of its own, or one of them to all.
        let broker = match is_alone {
            true => broker,
            false => broker.shared(),
        };
        let templar = templar.clone();
        tokio::spawn(async move { templar.listen(broker).await });
    }
    let serving = server.run(|listener, stop| {
        let serving = hub.serve(listener, templar.router());
        async move {
            let ended = serving.with_graceful_shutdown(stop).await;
            templar.finish_hooks().await;
            ended
        }
    });
    serving.await
}

fn backend(options: &Options) -> Result<Backend, Failure> {
    let url = options.api_url.as_deref();
    let backend = match (&options.api_socket, url) {
        (Some(path), url) => Backend::socket(path, url.unwrap_or("http://localhost/")),
        (None, Some(url)) => Backend::url(url),
        (None, None) => {
            return Err(ConfigError::new("--api-url is required, or --api-socket").into());
        }
    };
    let backend = backend.map_err(|error| Failure::setting("--api-url", ErrorChain(&error)))?;
    Ok(asked_with(backend, &options.request_kwargs))
}

fn broker(options: &Options) -> Result<Option<Broker>, Failure> {
    let rabbitmq =
        Rabbitmq::new(&options.rabbitmq).map_err(|error| Failure::setting("RABBITMQ", error))?;
    let of_rabbitmq = rabbitmq
        .as_ref()
        .map(|rabbitmq| (&rabbitmq.url, "RABBITMQ"));
    let of_amqp = options.amqp.as_ref().map(|amqp| (amqp, "--amqp"));
    let Some((Secret(url), name)) = of_amqp.or(of_rabbitmq) else {
        return Ok(None);
    };
    let broker = Broker::new(url).map_err(|error| Failure::setting(name, error))?;
    let exchange = options.exchange.as_ref();
    let exchange = exchange.or(rabbitmq.as_ref().and_then(|it| it.exchange_name.as_ref()));
    let broker = match exchange {
        Some(exchange) => broker.exchange(exchange),
        None => Ok(broker),
    };
    broker
        .map(Some)
        .map_err(|error| Failure::setting("--exchange", error))
}

fn configured(builder: TemplarBuilder, options: &Options) -> Result<TemplarBuilder, Failure> {
    let mut headers = HeaderMapping::default();
    if let Some(source) = &options.forward_ip {
        headers = headers.with(X_FORWARDED_FOR, source.clone());
    }
    for header in &options.headers {
        headers = headers.with(header.name.clone(), header.source.clone());
    }
    let user_id_path = options.user_id_path.iter();
    let user_id_path = user_id_path.flat_map(|names| names.split('.'));
    let mut builder = builder
        .headers(headers)
        .rooms(options.rooms.into())
        .idle(options.idle)
        .session_cookie(&options.session_cookie)
        .user_id_path(user_id_path)
        .request_ids_in_replies(options.request_ids_in_replies);
    if let Some(max) = options.max_subscriptions {
        builder = builder.max_subscriptions(usize::from(max));
    }
    for commands in &options.command_socket {
        builder = builder.command_socket(commands.clone());
    }
    for key in options.trigger_key.iter().flat_map(|keys| &keys.0) {
        let added = builder.trigger_key(&key.0);
        builder = added.map_err(|error| Failure::setting("--trigger-key", ErrorChain(&error)))?;
    }
    if options.notify_online {
        builder = builder.hooks(NotifyOnline);
    }
    Ok(builder)
}
