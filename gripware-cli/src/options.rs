//! The program's own flags. Those of the hub come from its table of settings.

use std::path::PathBuf;

use clap::Args;
use gripware_core::sig::Key;
use gripware_program::{LogFilter, parse};
use gripware_relay::{ClusterName, NodeId, RelayUrl};

use crate::{
    help,
    hub_settings::HubSettings,
    keys::{self, Secret},
    origin::{self, Origin, PipeFlags},
    tls::TlsFlags,
};

/// A GRIP proxy: it stands in front of an application in any language, holds its clients (long polls,
/// streams, server-sent events, WebSockets), and hands them what is published.
#[derive(Debug, clap::Parser)]
#[command(
    name = "gripware-hub",
    version,
    override_usage = "gripware-hub --origin URL [OPTIONS]",
    after_help = help::SHORT,
    after_long_help = help::LONG,
    max_term_width = 100
)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) addresses: Addresses,
    #[command(flatten)]
    pub(crate) trust: Trust,
    #[command(flatten)]
    pub(crate) tls: TlsFlags,
    #[command(flatten)]
    pub(crate) pipe: PipeFlags,
    #[command(flatten)]
    pub(crate) relay: RelayFlags,
    #[command(flatten)]
    pub(crate) hub: HubSettings,
    /// What is logged to stderr: error, warn, info, debug, trace, or targets with levels such as
    /// `info,gripware_hub=debug`. The target `gripware_hub::request` has a line for each request and
    /// each end of a hold
    #[arg(
        long,
        help_heading = "Running",
        value_name = "FILTER",
        default_value = "info,gripware_hub::request=debug",
        value_parser = LogFilter::parse
    )]
    pub(crate) log: LogFilter,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Addresses")]
pub(crate) struct Addresses {
    /// Where clients connect: HOST:PORT, where port 0 is any that is free, unix:PATH, or fd:NAME for
    /// a socket that systemd passes on, by its FileDescriptorName or its number from 0 on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7999", value_parser = parse::place)]
    pub(crate) listen: String,
    /// Where items are published, and where one looks into the hub: HOST:PORT, fd:NAME, or unix:PATH,
    /// which whoever may write to the socket reaches
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5561", value_parser = parse::place)]
    pub(crate) control: String,
    /// The application: http://HOST:PORT or https://HOST:PORT, with a path where it has one, unix:/PATH
    /// of a socket, or pipe:NAME where it dials in. WebSockets reach it as WebSocket-over-HTTP, or as
    /// they are with --native-websockets. Given
    /// several times, they take turns, and one that refuses connections is left out for 5 s. Required,
    /// unless there is a --route
    #[arg(long, value_name = "URL", value_parser = Origin::parse)]
    pub(crate) origin: Vec<Origin>,
    /// Which requests go to other applications: "CONDITION TARGET[ TARGET...]", where the first route
    /// that fits counts and all else goes to --origin. CONDITION is *, a host or *.HOST, then
    /// ,path_beg=PREFIX and ,ssl=yes or ,ssl=no. Several TARGETs take turns; each is a URL as of
    /// --origin or pipe:NAME, then ,native_ws for one that speaks WebSocket itself, ,timeout=SECONDS for
    /// the head of its answer, and ,untrusted for one that gets no signature and whose answers are no
    /// instructions. Origins and routes are read again on SIGHUP
    #[arg(long, value_name = "ROUTE", value_parser = origin::route)]
    pub(crate) route: Vec<String>,
    /// A TOML file with the same names as these flags
    #[arg(id = "config", long = "config", value_name = "FILE")]
    _config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct Trust {
    /// Who requests to the origin say they are from (the iss of Grip-Sig)
    #[arg(long, value_name = "TEXT", default_value = "gripware", value_parser = parse::text)]
    pub(crate) sig_iss: String,
    /// Signs requests to the origin: the text of a shared secret, base64: and a secret or key in
    /// base64, or file: and the path of a PEM private key or of a secret in hex. Without it they are
    /// not signed, and an origin that checks refuses to hold
    #[arg(long, value_name = "KEY", value_parser = keys::signing_key)]
    pub(crate) sig_key: Option<Key>,
    /// What requests to the control address have to send as `Authorization: Bearer KEY`: the text
    /// itself, or file: and the path of a file with it. Without it whoever reaches the address may
    /// publish, except pages in browsers
    #[arg(long, value_name = "KEY", value_parser = keys::secret)]
    pub(crate) control_key: Option<Secret>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Relay")]
pub(crate) struct RelayFlags {
    /// The broker that makes several nodes one, where each item reaches the clients of all: redis://,
    /// rediss://, redis+unix://, nats:// or tls://, with credentials where it asks for some, or file:
    /// and the path of a file with the URL. Without it the node is alone
    #[arg(long, value_name = "URL", value_parser = keys::relay)]
    pub(crate) relay: Option<RelayUrl>,
    /// Which nodes of the broker belong together: 1 to 32 of a-z, 0-9 and -
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) cluster: ClusterName,
    /// What this node is called in its cluster, where each has a name of its own, of the same
    /// characters. Without it a random one
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<NodeId>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use gripware_hub::HubBuilder;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_has_every_setting_of_the_hub() {
        let command = Options::command();
        command.clone().debug_assert();
        for setting in HubBuilder::settings() {
            let name = setting.name.replace('_', "-");
            let arg = command
                .get_arguments()
                .find(|arg| arg.get_long() == Some(&name));
            let help = arg.unwrap().get_long_help().unwrap().to_string();
            assert!(
                !help.contains("](") && !help.contains('\n'.to_string().repeat(3).as_str()),
                "{help}"
            );
            assert!(help.starts_with(char::is_uppercase), "{help}");
        }
    }
}
