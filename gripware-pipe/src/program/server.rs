use tokio::net::TcpListener;

use super::{Failure, end, given::Values, parse, settings as s};
use crate::{Entrance, Name, PipeServer, Serve, events::Events};

/// Reads the settings, and returns what runs.
pub(super) fn start(
    values: &Values,
    events: Events,
) -> Result<impl Future<Output = Result<(), Failure>> + use<>, Failure> {
    let pipe = values.require(&s::PIPE, parse::address)?;
    let web = values.read(&s::WEB, parse::place)?;
    let settings = end::settings(values)?;
    let handler = end::handler(values)?;
    let may_pass_on = values.require(&s::PASS_ON, parse::boolean)?;
    let max_clients = values.require(&s::MAX_CLIENTS, parse::count)?;
    let max_handshakes = values.require(&s::MAX_HANDSHAKES, parse::count)?;
    let mut builder = PipeServer::builder(end::identity(values)?)
        .settings(settings)
        .known(values.list(&s::KNOWN, str::parse::<Name>)?)
        .only_known(values.require(&s::ONLY_KNOWN, parse::boolean)?)
        .pass_on(move |_, _| may_pass_on)
        .max_clients(max_clients as usize)
        .max_handshakes(max_handshakes as usize);
    for (alias, name) in values.list(&s::ALIAS, alias)? {
        builder = builder.alias(alias, name);
    }
    if let Some(statsd) = values.read(&s::STATSD, parse::resolved)? {
        builder = builder.statsd(statsd);
    }
    let server = builder.build().map_err(|error| end::unbuilt(&error))?;
    let entrance = end::hosts(values, Entrance::of_server(&server))?;
    let events = events.development(values.require(&s::DEVELOPMENT, parse::boolean)?);
    Ok(async move {
        let listening = TcpListener::bind(&pipe).await;
        let cannot = |error| Failure::Other(format!("cannot listen on {pipe}: {error}"));
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
        let entrance = match web {
            Some(web) => {
                let listener = end::listen(&web).await?;
                lines += &format!("listening on {listener}\n");
                Some(entrance.serve(listener))
            }
            None => None,
        };
        end::announce(&lines);
        end::until_signal(serve, entrance).await
    })
}

fn alias(text: &str) -> Result<(String, Name), String> {
    let (alias, name) = text.split_once('=').ok_or("it has to be ALIAS=NAME")?;
    let name = name.parse().map_err(|error| format!("{name}: {error}"))?;
    Ok((alias.to_owned(), name))
}
