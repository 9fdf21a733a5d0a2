use gripware_program::{Failure, announce};
use tokio::net::TcpListener;

use super::{end, options};
use crate::{Entrance, PipeServer, Serve, events::Events};

/// Reads the settings, and returns what runs.
pub(super) fn start(
    options: options::Server,
    events: Events,
) -> Result<impl Future<Output = Result<(), Failure>> + use<>, Failure> {
    let options::Server {
        pipe,
        addresses,
        identity,
        clients,
        calls,
        connection,
        running,
    } = options;
    let settings = options::settings(&identity, &calls, &connection, &running);
    let mut builder = PipeServer::builder(identity.identity())
        .settings(settings)
        .known(clients.known)
        .only_known(clients.only_known)
        .pass_on(move |_, _| clients.pass_on)
        .max_clients(clients.max_clients as usize)
        .max_handshakes(clients.max_handshakes as usize);
    for (alias, name) in clients.alias {
        builder = builder.alias(alias, name);
    }
    if let Some(statsd) = addresses.statsd {
        builder = builder.statsd(statsd);
    }
    let server = builder.build().map_err(|error| end::unbuilt(&error))?;
    let hosts = addresses.web_host.into_iter();
    let entrance = hosts.fold(Entrance::of_server(&server), Entrance::host);
    let handler = addresses.handler;
    let handler = handler.map(|handler| handler.response_timeout(calls.response_timeout));
    let events = events.development(running.development);
    Ok(async move {
        let listening = TcpListener::bind(&pipe).await;
        let cannot = |error| Failure::other(format_args!("cannot listen on {pipe}: {error}"));
        let listener = listening.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (serve, entrance): (Serve, Entrance) = match handler {
            Some(handler) => (
                server.serve(listener, handler.clone()),
                entrance.here(handler),
            ),
            None => (
                server.serve(listener, events.clone()),
                entrance.here(events),
            ),
        };
        let mut lines = format!("pipe on {address}\n");
        let entrance = match addresses.web {
            Some(web) => {
                let listener = end::listen(&web).await?;
                lines += &format!("listening on {listener}\n");
                Some(entrance.serve(listener))
            }
            None => None,
        };
        announce(&lines);
        end::until_signal(serve, entrance).await
    })
}
