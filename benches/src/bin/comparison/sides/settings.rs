use std::process::Command;

use super::Side;

impl Side {
    /// What its settings are, for whoever reads the figures.
    pub(crate) const fn settings(self) -> &'static str {
        match self {
            Self::Inside => {
                "axum with the hub around it (`Hub::new()`), in a process of its own; a worker of \
                 tokio and a shard for each core; no subscriber for the log; the control API at an \
                 address of its own"
            }
            Self::NoOp => "the same router, `axum::serve`, a tower layer that does nothing",
            Self::Router => "the same router, `axum::serve`, TCP_NODELAY",
            Self::Hub => {
                "`gripware-hub` as it comes, before the origin over HTTP, signing its requests \
                 (`--sig-key`); its log goes nowhere"
            }
            Self::Compressing => "the same with `--permessage-deflate`",
            Self::Pushpin => {
                "Debian's package with condure and zurl, as the interop tests configure it: \
                 `message_rate=0` (no limit; as shipped it is 2 500 messages a second, and what is \
                 over is dropped), `message_hwm=25000`, `client_maxconn=20000`, `log_level=1`"
            }
            Self::Nchan => {
                "Debian's nginx with libnginx-mod-nchan, a worker for each core, `reuseport`, \
                 20 000 connections a worker, no access log, messages in 512 MiB of shared memory \
                 (`nchan_message_buffer_length 20000`, `nchan_message_timeout 1m`); streams are \
                 EventSource; no application is asked about clients; messages are published one a \
                 request, pipelined"
            }
            Self::Nginx => {
                "Debian's nginx, a worker for each core, `reuseport`, `proxy_pass` with HTTP/1.1 and \
                 `keepalive 64` to the origin; its access log goes nowhere, as the hub's log does"
            }
            Self::Floor => {
                "hyper as a proxy, in a process of its own: a runtime of tokio for each core, \
                 `SO_REUSEPORT`, a connection to the origin for each client, no limits, no headers \
                 added, no log"
            }
            Self::Bare => {
                "a process of one thread that writes the message to each socket by a blocking call; \
                 it asks the origin about each client"
            }
            Self::Origin => {
                "the origin, hyper in the process of the clients, with nothing before it"
            }
        }
    }

    /// Which version was measured, where it says so.
    pub(crate) fn version(self) -> Option<String> {
        match self {
            Self::Pushpin => first_line("pushpin", &["--version"]),
            Self::Nginx => first_line("nginx", &["-v"]),
            Self::Nchan => {
                let nchan = first_line("dpkg-query", &["-W", "libnginx-mod-nchan"])?;
                Some(nchan.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
            }
            _ => Some(format!("gripware {}", env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// What a program says first, on either of its outputs.
pub(crate) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().find(|line| !line.is_empty())?;
    Some(line.to_owned())
}
