//! Where the application is: at an address, or at the other end of a pipe that it has dialled.

use std::{io, net::SocketAddr, path::PathBuf};

use clap::Args;
use gripware_core::ErrorChain;
use gripware_hub::{RouteError, Routes};
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

/// Where requests go.
pub(crate) enum Application {
    Routes(Routes),
    /// The client of this name, which dials in.
    Pipe(Name),
}

impl Application {
    /// Puts routes and origins together.
    pub(crate) fn new(origins: Vec<Origin>, routes: &[String]) -> Result<Self, Failure> {
        let is_alone = origins.len() == 1 && routes.is_empty();
        let mut urls = Vec::new();
        for origin in origins {
            match origin {
                Origin::Url(url) => urls.push(url),
                Origin::Pipe(name) if is_alone => return Ok(Self::Pipe(name)),
                Origin::Pipe(_) => {
                    return Err(wrong(
                        "--origin",
                        "pipe:NAME stands alone, without others or routes",
                    ));
                }
            }
        }
        if urls.is_empty() && routes.is_empty() {
            let what = "--origin is required (or GRIPWARE_HUB_ORIGIN, or origin in the file of \
                        --config), or --route; see --help";
            return Err(ConfigError::new(what).into());
        }
        let table = Routes::parse(routes.iter().map(String::as_str));
        let table = table.map_err(|error| wrong("--route", error))?;
        if urls.is_empty() {
            return Ok(Self::Routes(table));
        }
        let table = table.otherwise(urls.iter().map(String::as_str));
        Ok(Self::Routes(
            table.map_err(|error| wrong("--origin", error))?,
        ))
    }
}

/// The value of `--route`, if it is one.
pub(crate) fn route(text: &str) -> Result<String, RouteError> {
    Routes::parse([text]).map(|_| text.to_owned())
}

/// The end of the pipe that the application dials.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pipe")]
pub(crate) struct PipeFlags {
    /// Where an application dials in, of which --origin is pipe:NAME. The other end is
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
    server: PipeServer,
    name: Name,
    stop: CancellationToken,
    pub(crate) serving: JoinHandle<io::Result<()>>,
}

impl Origin {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix("pipe:") {
            Some(name) => {
                let name = name.parse().map(Self::Pipe);
                name.map_err(|error| format!("it is no name of a client: {error}"))
            }
            None if text.is_empty() => Err("it is empty".to_owned()),
            None => Ok(Self::Url(text.to_owned())),
        }
    }
}

impl Pipe {
    /// Listens for the application of this name. What it asks is handed to `control`, where it
    /// publishes.
    pub(crate) async fn start(
        name: Name,
        flags: PipeFlags,
        control: &str,
    ) -> Result<Self, Failure> {
        let missing = |name: &str| {
            let what = format_args!("{name} is required, as --origin is a pipe");
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
            .known([name.clone()])
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
            server,
            name,
            stop,
            serving: tokio::spawn(serving.into_future()),
        })
    }

    /// Returns the application, as a service.
    pub(crate) fn origin(&self) -> Remote {
        self.server.client(&self.name)
    }

    /// Ends, when nothing more is asked through it.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        let _ = self.serving.await;
    }
}
