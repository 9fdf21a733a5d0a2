//! Where applications are: at addresses, or at the other end of a pipe that they have dialled.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

use clap::Args;
use gripware_core::ErrorChain;
use gripware_hub::{RouteError, RouteServices, Routes};
use gripware_pipe::{HttpHandler, Identity, Name, PipeServer, Remote};
use gripware_program::{ConfigError, Failure};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::run::wrong;

/// The value of `--origin`.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Url(String),
    /// The client of this name, which dials in.
    Pipe(Name),
}

/// Where requests go: routes, and origins for what no route is for.
pub(crate) struct Application {
    routes: Vec<String>,
    origins: Vec<String>,
    /// Those that dial in.
    pub(crate) pipes: Vec<Name>,
}

impl Application {
    /// Puts routes and origins together.
    pub(crate) fn new(origins: Vec<Origin>, routes: Vec<String>) -> Result<Self, Failure> {
        if origins.is_empty() && routes.is_empty() {
            let what = "--origin is required (or GRIPWARE_HUB_ORIGIN, or origin in the file of \
                        --config), or --route; see --help";
            return Err(ConfigError::new(what).into());
        }
        let mut pipes = Vec::new();
        for name in routes.iter().flat_map(|route| names(route)) {
            let name = name.parse().map_err(no_name);
            pipes.push(name.map_err(|error| wrong("--route", error))?);
        }
        let mut urls = Vec::new();
        for origin in origins {
            urls.push(match origin {
                Origin::Url(url) => url,
                Origin::Pipe(name) => {
                    let url = format!("pipe:{name}");
                    pipes.push(name);
                    url
                }
            });
        }
        Ok(Self {
            routes,
            origins: urls,
            pipes,
        })
    }

    /// Returns the routes. Those that dial in come through the pipe.
    pub(crate) fn routes(&self, pipe: Option<&Dialled>) -> Result<Routes, Failure> {
        let services = self.pipes.iter().filter_map(|name| {
            let remote = pipe?.application(name)?;
            Some((name, remote))
        });
        let services = services.fold(RouteServices::new(), |all, (name, remote)| {
            all.with(name.as_str(), remote)
        });
        let table = Routes::parse_with(self.routes.iter().map(String::as_str), services);
        let table = table.map_err(|error| wrong("--route", error))?;
        if self.origins.is_empty() {
            return Ok(table);
        }
        let table = table.otherwise(self.origins.iter().map(String::as_str));
        table.map_err(|error| wrong("--origin", error))
    }
}

/// The value of `--route`, if it is one. Who dials in is known when all routes are.
pub(crate) fn route(text: &str) -> Result<String, RouteError> {
    if names(text).next().is_none() {
        Routes::parse([text])?;
    }
    Ok(text.to_owned())
}

/// The names of clients in the targets of a route.
fn names(route: &str) -> impl Iterator<Item = &str> {
    let targets = route.split_ascii_whitespace().skip(1);
    let names = targets.filter_map(|target| target.strip_prefix("pipe:"));
    names.map(|name| name.split(',').next().unwrap_or_default())
}

fn no_name(error: impl fmt::Display) -> String {
    format!("it is no name of a client: {error}")
}

/// The end of the pipe that the application dials.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pipe")]
pub(crate) struct PipeFlags {
    /// Where applications dial in, of which --origin or a --route has pipe:NAME. The other end is
    /// `restpipe-client` or a program with the library gripware-pipe, and what it asks this end goes to
    /// the control API
    #[arg(long, value_name = "ADDR", value_parser = gripware_program::parse::address)]
    pipe: Option<String>,
    /// The certificate authority of both ends, in PEM. This and the others are as `restpipe-cert`
    /// writes them, and are read again when they change
    #[arg(long, value_name = "FILE")]
    pipe_ca: Option<PathBuf>,
    /// The certificate of this end, in PEM
    #[arg(long, value_name = "FILE")]
    pipe_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE")]
    pipe_key: Option<PathBuf>,
    /// The certificates that are revoked (X.509 CRL in PEM)
    #[arg(long, value_name = "FILE")]
    pipe_revoked: Option<PathBuf>,
}

/// A pipe at work.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) address: SocketAddr,
    pub(crate) dialled: Dialled,
    stop: CancellationToken,
    pub(crate) serving: JoinHandle<io::Result<()>>,
}

/// The applications that may dial in.
#[derive(Clone, Debug)]
pub(crate) struct Dialled {
    server: PipeServer,
    names: Vec<Name>,
}

impl Dialled {
    /// Returns the application of this name, as a service; `None` if it may not dial in.
    fn application(&self, name: &Name) -> Option<Remote> {
        let is_known = self.names.contains(name);
        is_known.then(|| self.server.client(name))
    }
}

impl Origin {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("pipe:") {
            Some(name) => {
                let name = name.parse().map(Self::Pipe);
                name.map_err(no_name)
            }
            None if text.is_empty() => Err("it is empty".to_owned()),
            None => Ok(Self::Url(text.to_owned())),
        }
    }
}

impl Pipe {
    /// Listens for the applications of these names. What they ask is handed to `control`, where they
    /// publish.
    pub(crate) async fn start(
        names: Vec<Name>,
        flags: PipeFlags,
        control: &str,
    ) -> Result<Self, Failure> {
        let missing = |name: &str| {
            let what = format_args!("{name} is required, as there is pipe:NAME");
            Failure::from(ConfigError::new(what))
        };
        let address = flags.pipe.ok_or_else(|| missing("--pipe"))?;
        let mut identity = Identity::from_files(
            flags.pipe_ca.ok_or_else(|| missing("--pipe-ca"))?,
            flags.pipe_cert.ok_or_else(|| missing("--pipe-cert"))?,
            flags.pipe_key.ok_or_else(|| missing("--pipe-key"))?,
        );
        if let Some(revoked) = flags.pipe_revoked {
            identity = identity.with_revoked_file(revoked);
        }
        let server = PipeServer::builder(identity)
            .known(names.iter().cloned())
            .only_known(true)
            .build()
            .map_err(|error| wrong("--pipe", ErrorChain(&error)))?;
        let handler: HttpHandler = control.parse().map_err(Failure::other)?;
        let cannot = |error| Failure::other(format_args!("cannot listen on {address}: {error}"));
        let listener = TcpListener::bind(&address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let stop = CancellationToken::new();
        let serving = server
            .serve(listener, handler)
            .with_graceful_shutdown(stop.clone().cancelled_owned());
        Ok(Self {
            address,
            dialled: Dialled { server, names },
            stop,
            serving: tokio::spawn(serving.into_future()),
        })
    }

    /// Ends, when nothing more is asked through it.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        let _ = self.serving.await;
    }
}
