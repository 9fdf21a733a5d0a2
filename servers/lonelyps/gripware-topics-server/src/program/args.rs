//! The command line and its variables.

use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use gripware_topics::auth::Kind;

use super::{Failure, setup::Setup};
use crate::{Network, Targets};

/// What is asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// To print a text.
    Print(String),
    /// To write secrets.
    Setup(Setup),
    /// To serve.
    Serve(Serve),
}

/// What to serve with.
#[derive(Debug)]
pub(super) struct Serve {
    pub(super) listen: SocketAddr,
    pub(super) secrets: Option<PathBuf>,
    /// `None`: in memory.
    pub(super) sqlite: Option<PathBuf>,
    pub(super) targets: Targets,
    pub(super) log: String,
}

pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, Failure> {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                    Ok(Asked::Print(error.to_string()))
                }
                _ => Err(wrong(&error)),
            };
        }
    };
    match matches.get_one::<String>("setup") {
        Some(folder) => setup(&matches, folder).map(Asked::Setup),
        None => serve(&matches).map(Asked::Serve),
    }
}

fn text<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

fn setup(matches: &ArgMatches, folder: &str) -> Result<Setup, Failure> {
    let kind = |name: &str| -> Result<Kind, Failure> {
        let kind = text(matches, name).parse();
        kind.map_err(|error| Failure::setting(&format!("--{name}"), error))
    };
    let to_broadcasters = kind("to-broadcasters-auth")?;
    if to_broadcasters == Kind::StandardWebhooks {
        return Err(Failure::setting(
            "--to-broadcasters-auth",
            gripware_topics::auth::SecretError::OnlyToSubscribers,
        ));
    }
    Ok(Setup {
        folder: folder.into(),
        to_broadcasters,
        to_subscribers: kind("to-subscribers-auth")?,
    })
}

fn serve(matches: &ArgMatches) -> Result<Serve, Failure> {
    let listen = text(matches, "listen")
        .parse()
        .map_err(|_| Failure::setting("--listen", "it is no address with a port"))?;
    let sqlite = match text(matches, "db") {
        "memory" => None,
        db => match db.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Some(path.into()),
            _ => {
                return Err(Failure::setting(
                    "--db",
                    "it is neither memory nor sqlite:PATH",
                ));
            }
        },
    };
    let networks = matches.get_many::<String>("allow-target");
    let mut targets = Targets::public();
    for network in networks.unwrap_or_default() {
        let network = network.parse::<Network>();
        targets =
            targets.allow(network.map_err(|error| Failure::setting("--allow-target", error))?);
    }
    Ok(Serve {
        listen,
        secrets: matches.get_one::<String>("secrets").map(Into::into),
        sqlite,
        targets,
        log: text(matches, "log").to_owned(),
    })
}

/// What is wrong with a command line, on one line.
fn wrong(error: &clap::Error) -> Failure {
    let argument = error.get(ContextKind::InvalidArg);
    let is_flag = matches!(argument, Some(ContextValue::String(text)) if text.starts_with("--"));
    if error.kind() == ErrorKind::UnknownArgument && !is_flag {
        return Failure::Setting(
            "there is a value without a flag in front of it; see --help".into(),
        );
    }
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let what = line.strip_prefix("error: ").unwrap_or(line);
    Failure::Setting(format!("{what}; see --help"))
}

fn command() -> Command {
    let flag = |name: &'static str, variable: &'static str, value: &'static str| {
        Arg::new(name).long(name).env(variable).value_name(value)
    };
    Command::new("gripware-topics")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Delivers the messages of topics to HTTP endpoints: a broadcaster of httppubsub.")
        .after_help(
            "Example:\n  gripware-topics --setup . --to-broadcasters-auth hmac --to-subscribers-auth hmac\n  \
             gripware-topics --secrets broadcaster-secrets.json --db sqlite:topics.db --allow-target 10.0.0.0/8",
        )
        .max_term_width(100)
        .args([
            flag("listen", "GRIPWARE_TOPICS_LISTEN", "ADDR")
                .default_value("127.0.0.1:3003")
                .help("Where to serve; port 0 takes a free one"),
            flag("secrets", "GRIPWARE_TOPICS_SECRETS", "FILE")
                .help("broadcaster-secrets.json; without it nothing is signed, on loopback alone"),
            flag("db", "GRIPWARE_TOPICS_DB", "DB")
                .default_value("memory")
                .help("Where subscriptions are kept: memory, or sqlite:PATH"),
            flag("allow-target", "GRIPWARE_TOPICS_ALLOW_TARGET", "CIDR")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .help("A network that it may POST to, beside public addresses; repeatable"),
            flag("log", "GRIPWARE_TOPICS_LOG", "FILTER")
                .default_value("info")
                .help("What is logged"),
            flag("setup", "GRIPWARE_TOPICS_SETUP", "DIR")
                .help("Write broadcaster-secrets.json and subscriber-secrets.json there, and end"),
            flag(
                "to-broadcasters-auth",
                "GRIPWARE_TOPICS_TO_BROADCASTERS_AUTH",
                "A",
            )
            .default_value("hmac")
            .help("With --setup: none, token or hmac"),
            flag(
                "to-subscribers-auth",
                "GRIPWARE_TOPICS_TO_SUBSCRIBERS_AUTH",
                "A",
            )
            .default_value("hmac")
            .help("With --setup: none, token, hmac or standard-webhooks"),
        ])
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
