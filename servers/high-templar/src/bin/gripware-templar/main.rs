//! The program: rooms for a backend at an HTTP address or behind a unix socket.

mod settings;

use std::{
    io::{self, Write as _},
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use gripware_core::ErrorChain;
use gripware_hub::Hub;
use gripware_templar::Templar;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::timeout,
};

use self::settings::{Settings, SettingsError};

/// How long clients and requests may take after SIGTERM.
const DRAIN: Duration = Duration::from_secs(3);

/// The hub ends within [`DRAIN`] by itself. An application behind another proxy does not, and is cut
/// off by then.
const CUT_OFF: Duration = Duration::from_secs(4);

/// How many subscriptions a connection may have. Behind a proxy that allows fewer the log says so.
const MAX_SUBSCRIPTIONS: usize = 1000;

/// What wrong settings end with.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(io::stderr)
        .init();
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(error) => return refuse(&error),
    };
    match serve(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&*error),
    }
}

fn refuse(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    if let Some(SettingsError::Usage(usage)) = error.downcast_ref()
        && !usage.use_stderr()
    {
        // Help or the version, which were asked for.
        let _ = usage.print();
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(io::stderr(), "gripware-templar: {}", ErrorChain(error));
    ExitCode::from(WRONG)
}

#[tokio::main]
async fn serve(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let origins = settings.allowed_origins()?;
    let hub = Hub::builder()
        .drain(DRAIN)
        // The session of each connection has a channel as well.
        .max_channels(MAX_SUBSCRIPTIONS + 1)
        .max_meta(MAX_SUBSCRIPTIONS)
        .grip_with(move |grip| grip.allowed_origins(origins))
        .from_env()?;
    let mut templar = Templar::builder(&hub.grip(), settings.backend()?)
        .headers(settings.headers()?)
        .rooms(settings.rooms)
        .max_subscriptions(MAX_SUBSCRIPTIONS)
        .request_ids_in_replies(settings.request_ids_in_replies);
    for key in settings.trigger_keys()? {
        templar = templar.trigger_key(&key)?;
    }
    if settings.notify_online {
        templar = templar.hooks(gripware_templar::NotifyOnline);
    }
    let templar = templar.build();
    if !hub.is_embedded() {
        tracing::warn!(
            "the proxy has to allow {} channels for one connection: Pushpin's \
             connection_subscription_max, or the hub's max-channels",
            MAX_SUBSCRIPTIONS + 1
        );
    }

    let mut terminate = signal(SignalKind::terminate())?;
    let listener =
        TcpListener::bind(&settings.listen)
            .await
            .map_err(|error| SettingsError::Listen {
                address: settings.listen.clone(),
                error,
            })?;
    println!("listening on {}", listener.local_addr()?);
    if let Some(broker) = settings.broker(hub.is_embedded()) {
        let templar = templar.clone();
        tokio::spawn(async move { templar.listen(broker).await });
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = hub
        .serve(listener, templar.router())
        .with_graceful_shutdown(async {
            // It is dropped where it is meant as well.
            let _ = stopped.await;
        });
    let mut serving = pin!(serving.into_future());
    tokio::select! {
        ended = &mut serving => return Ok(ended?),
        _ = terminate.recv() => drop(stop),
        _ = tokio::signal::ctrl_c() => drop(stop),
    }
    if timeout(CUT_OFF, serving).await.is_err() {
        tracing::warn!("what was still under way is cut off");
    }
    Ok(())
}
