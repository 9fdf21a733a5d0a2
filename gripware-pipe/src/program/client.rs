use super::{Failure, end, given::Values, parse, settings as s};
use crate::{Entrance, PipeClient, ServerAddress, events::Events};

/// Reads the settings, and returns what runs.
pub(super) fn start(
    values: &Values,
    events: Events,
) -> Result<impl Future<Output = Result<(), Failure>> + use<>, Failure> {
    // It is looked at first, since it has no default: without it nothing else matters.
    let servers = |text: &str| {
        let servers = text.split(',').map(|one| one.trim_ascii().parse());
        servers.collect::<Result<Vec<ServerAddress>, _>>()
    };
    let servers = values.require(&s::SERVER_ADDRESS, servers)?;
    let web = values.read(&s::WEB, parse::place)?;
    let handler = end::handler(values)?;
    let first = values.require(&s::RETRY, parse::time)?;
    let longest = values.require(&s::RETRY_MAX, parse::time)?;
    let mut builder = PipeClient::builder(end::identity(values)?)
        .settings(end::settings(values)?)
        .retry(first, longest);
    for server in servers {
        builder = builder.server(server);
    }
    if let Some(name) = values.read(&s::SERVER_NAME, parse::text)? {
        builder = builder.server_name(name);
    }
    if let Some(statsd) = values.read(&s::STATSD, parse::resolved)? {
        builder = builder.statsd(statsd);
    }
    let client = builder.build().map_err(|error| end::unbuilt(&error))?;
    let entrance = end::hosts(values, Entrance::of_client(&client))?;
    let events = events.development(values.require(&s::DEVELOPMENT, parse::boolean)?);
    Ok(async move {
        let entrance = match web {
            Some(web) => {
                let listener = end::listen(&web).await?;
                end::announce(&format!("listening on {listener}\n"));
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
