use gripware_program::{Failure, announce};

use super::{end, options};
use crate::{Entrance, PipeClient, events::Events};

/// Reads the settings, and returns what runs.
pub(super) fn start(
    options: options::Client,
    events: Events,
) -> Result<impl Future<Output = Result<(), Failure>> + use<>, Failure> {
    let options::Client {
        server,
        addresses,
        identity,
        server_name,
        calls,
        connection,
        retry,
        retry_max,
        running,
    } = options;
    let settings = options::settings(&identity, &calls, &connection, &running);
    let mut builder = PipeClient::builder(identity.identity())
        .settings(settings)
        .retry(retry, retry_max);
    for server in server {
        builder = builder.server(server);
    }
    if let Some(name) = server_name {
        builder = builder.server_name(name);
    }
    if let Some(statsd) = addresses.statsd {
        builder = builder.statsd(statsd);
    }
    let client = builder.build().map_err(|error| end::unbuilt(&error))?;
    let hosts = addresses.web_host.into_iter();
    let entrance = hosts.fold(Entrance::of_client(&client), Entrance::host);
    let handler = addresses.handler;
    let handler = handler.map(|handler| handler.response_timeout(calls.response_timeout));
    let events = events.development(running.development);
    Ok(async move {
        let entrance = match addresses.web {
            Some(web) => {
                let listener = end::listen(&web).await?;
                announce(&format!("listening on {listener}\n"));
                Some(entrance.serve(listener))
            }
            None => None,
        };
        let serve = match handler {
            Some(handler) => client.serve(handler),
            None => client.serve(events),
        };
        end::until_signal(serve, entrance).await
    })
}
