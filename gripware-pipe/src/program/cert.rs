use std::{
    ffi::OsString,
    io::{self, Write},
};

use clap::{Arg, ArgMatches, Command, error::ErrorKind, value_parser};
use gripware_core::ErrorChain;
use gripware_program::{ConfigError, Failure, explain};

use crate::Authority;

const EXAMPLE: &str = "\
Example:
  restpipe-cert ca --dir certs
  restpipe-cert server pipe.example.com --dir certs
  restpipe-cert client fileserver --dir certs
  restpipe-cert revoke fileserver --dir certs

The server needs ca.crt.pem, its own two files, and revoked; a client ca.crt.pem and its own two.
ca.key.pem makes certificates: it belongs on neither. Both programs read renewed certificates, and
the server a new revoked, without a restart.

Exit status: 0 where all is done, 1 where it is not, 2 where the command line is wrong.";

pub(super) fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                let _ = io::stdout().write_all(error.to_string().as_bytes());
                return Ok(());
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let what = "ca, server, client or revoke is missing; see --help";
                return Err(ConfigError::new(what).into());
            }
            _ => return Err(explain(&error).into()),
        },
    };
    let Some((what, matches)) = matches.subcommand() else {
        return Ok(());
    };
    let text = |name| matches.get_one::<String>(name).map_or("", String::as_str);
    let folder = text("dir");
    let authority = Authority::open(folder);
    let done = match what {
        "ca" => Authority::create(folder).map(|_| ()),
        "server" => authority.server(text("name"), days(matches)),
        "client" => authority.client(text("name"), days(matches)),
        _ => authority.revoke(text("name")),
    };
    done.map_err(|error| Failure::other(ErrorChain(&error)))
}

fn days(matches: &ArgMatches) -> u32 {
    matches.get_one("days").copied().unwrap_or(DAYS)
}

/// How long a certificate is valid by default.
const DAYS: u32 = 365;

/// A hundred years. What is longer is longer than times can be written.
const MAX_DAYS: i64 = 36_500;

fn command() -> Command {
    let dir = Arg::new("dir")
        .long("dir")
        .value_name("DIR")
        .default_value(".")
        .help("The folder of the authority");
    let name = |help: &'static str| {
        Arg::new("name")
            .value_name("NAME")
            .required(true)
            .help(help)
    };
    let days = Arg::new("days")
        .long("days")
        .value_name("DAYS")
        .value_parser(value_parser!(u32).range(1..=MAX_DAYS))
        .help(format!("How long it is valid. Default: {DAYS}"));
    Command::new("restpipe-cert")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A small certificate authority for restpipe-server and restpipe-client.")
        .after_help(EXAMPLE)
        .max_term_width(100)
        .subcommand_required(true)
        .subcommands([
            Command::new("ca")
                .about("Makes the authority: ca.crt.pem, ca.key.pem, and an empty list revoked")
                .arg(dir.clone()),
            Command::new("server")
                .about("Makes or renews a server: NAME.crt.pem, NAME.key.pem")
                .args([
                    name("The host that clients dial: a DNS name or an IP address"),
                    dir.clone(),
                    days.clone(),
                ]),
            Command::new("client")
                .about("Makes or renews a client: NAME.crt.pem, NAME.key.pem")
                .args([name("What the server calls it"), dir.clone(), days]),
            Command::new("revoke")
                .about("Revokes every certificate of a name that was made until now")
                .args([name("The server's or client's"), dir]),
        ])
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
