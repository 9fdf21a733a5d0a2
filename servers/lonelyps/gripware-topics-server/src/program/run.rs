//! Serving, until a signal.

use std::{env, time::Duration};

use gripware_core::ErrorChain;
use gripware_hub::Hub;
use gripware_program::{
    DRAIN, Failure, Server,
    environment::{self, STATE},
};
use gripware_topics::{Auth, ws::MAX_MESSAGE};
use tokio::sync::oneshot;

use super::options::{Db, Options};
use crate::{Broadcaster, RecordsStore, Settings, SqliteStore, StoreLimits, Targets};

/// Most turns of WebSockets at a time that clients of one address have: many subscribers may be behind
/// one.
const MAX_TURNS: usize = 768;

/// Most requests in progress from one address. Those who publish are servers, many of which may be
/// behind one address, and each of their requests takes as long as its deliveries; what they take of
/// memory has a limit of its own ([`Settings::max_buffered`](crate::Settings::max_buffered)).
const MAX_REQUESTS: usize = 16_384;

/// The largest turn of a WebSocket: a message of the largest size, and what a turn has beside it.
const MAX_TURN: usize = MAX_MESSAGE + 1024 * 1024;

/// How long deliveries may take once the program is told to end. It is less than requests may take, so
/// that those who publish learn how many were reached.
const GRACE: Duration = Duration::from_secs(2);

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let auth = options.secrets.as_ref().map(Auth::from_file).transpose();
    let auth = auth.map_err(|error| Failure::setting("--secrets", ErrorChain(&error)))?;
    let is_behind = env::var_os("GRIP_URL").is_some_and(|url| !url.is_empty());
    if is_behind && options.tls.is_served() {
        let text = "clients connect to the proxy of GRIP_URL, which has the certificate then";
        return Err(Failure::setting("--tls-cert", text));
    }
    let hub = Hub::builder()
        .drain(DRAIN)
        .max_client_requests(MAX_REQUESTS)
        .max_turns_per_address(MAX_TURNS)
        .max_message(MAX_MESSAGE)
        .max_turn(MAX_TURN)
        // What is not acknowledged comes to no more.
        .queue_bytes(MAX_TURN)
        // What takes long in a turn is done elsewhere.
        .turns_on_own_threads()
        // A connection is woken where it is, whatever becomes of the broker.
        .local_first(true);
    let hub = environment::hub(options.tls.serve(hub)?)?;
    let server = Server::bind("--listen", &options.listen).await?;
    let auth = match auth {
        Some(auth) => auth,
        None if server.address().ip().to_canonical().is_loopback() => {
            tracing::warn!("without --secrets whoever reaches this may publish and subscribe");
            Auth::none()
        }
        None => {
            let text = "they are needed where others than this machine can connect";
            return Err(Failure::setting("--secrets", text));
        }
    };
    let targets = options.allow_target.into_iter();
    let targets = targets.fold(Targets::public(), Targets::allow);
    let mut builder = Broadcaster::builder(auth)
        .settings(Settings::default().compression(options.compression))
        .targets(targets.clone())
        .tls(options.tls.deliver()?)
        .grip(&hub.grip());
    if !hub.is_embedded() {
        tracing::warn!(
            "WebSockets carry what the proxy lets pass: behind Pushpin messages over about 16 KiB to a \
             subscriber stall, and 200 000 bytes from one end its connection"
        );
    }
    match options.command_socket {
        Some(_) if hub.is_embedded() => {
            tracing::warn!(
                "--command-socket is of no use: the proxy is inside, as GRIP_URL is not set"
            );
        }
        Some(commands) => {
            builder = builder.refreshing(move |id| {
                let commands = commands.clone();
                async move { Ok(commands.refresh_connection(&id).await?) }
            });
        }
        None => {}
    }
    let state = environment::state()?;
    let is_shared = state.is_some();
    builder = match (state, options.db) {
        (Some(_), Db::Sqlite(_)) => {
            let text = format_args!("a file is of one broadcaster, and {STATE} is of several");
            return Err(Failure::setting("--db", text));
        }
        (Some(state), Db::Memory) => {
            let store = RecordsStore::open(state.records(), StoreLimits::default()).await;
            builder.store(store.map_err(|error| Failure::other(ErrorChain(&error)))?)
        }
        (None, Db::Sqlite(path)) => {
            let store = SqliteStore::open(path, StoreLimits::default());
            builder.store(store.map_err(|error| Failure::setting("--db", ErrorChain(&error)))?)
        }
        (None, Db::Memory) => builder,
    };
    match options.host {
        Some(host) => {
            if targets.refuse(&host) {
                tracing::warn!(
                    "with an --allow-target as it is here, other broadcasters may not POST to --host"
                );
            }
            builder = builder.host(host);
        }
        None if is_shared => tracing::warn!(
            "without --host, WebSockets here get nothing that is published at other broadcasters of {STATE}"
        ),
        None => {}
    }
    #[cfg(unix)]
    raise_open_files();
    let broadcaster = builder
        .build()
        .map_err(|error| Failure::other(ErrorChain(&error)))?;
    let serving = server.run(|listener, stop| {
        let (ending, ends) = oneshot::channel::<()>();
        let stop = async move {
            stop.await;
            drop(ending);
        };
        let serving = hub.serve(listener, broadcaster.router());
        let serving = serving.with_graceful_shutdown(stop).into_future();
        async move {
            let finishing = async {
                // Nothing is sent: the other half is dropped.
                let _ = ends.await;
                broadcaster.finish(GRACE).await;
            };
            tokio::join!(serving, finishing).0
        }
    });
    serving.await
}

/// Takes as many open files as it may: each subscriber that is delivered to has a connection, and
/// keeps it for some seconds. The limit that a process begins with is often 1 024.
#[cfg(unix)]
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::debug!(?maximum, "open files"),
        Err(error) => tracing::warn!(?current, %error, "the limit of open files stays as it is"),
    }
}
