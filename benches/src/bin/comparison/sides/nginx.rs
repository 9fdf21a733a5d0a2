use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{Held, Origin, Proxy, Side, Usage, places::free_addresses, usage};
use crate::{Error, clients::Control};

/// Where Debian's package has it.
const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// What stands in every configuration. `settings` names what of it matters.
const CONFIGURATION: &str = include_str!("nginx.conf");

const PROXY: &str = "
    upstream origin {
        server @origin@;
        keepalive 64;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }
    server {
        listen @client@ reuseport;
        access_log /dev/null;
        location / {
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
        }
    }";

const CHANNELS: &str = "
    nchan_shared_memory_size 512M;
    nchan_message_buffer_length 20000;
    nchan_message_timeout 1m;
    server {
        listen @client@ reuseport;
        location = /plain { return 200 \"hello\\n\"; }
        location = /stream { nchan_subscriber eventsource; nchan_channel_id load; }
        location = /websocket { nchan_subscriber websocket; nchan_channel_id load; }
    }
    server {
        listen @control@ reuseport;
        location = /publish { nchan_publisher http; nchan_channel_id $args; }
    }";

/// nginx of Debian's package: before the origin, or with nchan and nothing behind it.
#[derive(Debug)]
pub(super) struct Nginx {
    side: Side,
    process: Child,
    client: SocketAddr,
    control: SocketAddr,
    held: Held,
    _directory: TempDir,
}

impl Nginx {
    /// A reverse proxy whose connections to the origin are kept.
    pub(super) fn proxy(origin: &Origin) -> Result<Self, Error> {
        let held = Held::Count(origin.count());
        Self::start(
            Side::Nginx,
            "",
            &PROXY.replace("@origin@", &origin.address().to_string()),
            held,
        )
    }

    /// Channels without an application.
    pub(super) fn nchan() -> Result<Self, Error> {
        if !Path::new(NCHAN).exists() {
            return Err("nchan is not installed: run tests/peers".into());
        }
        Self::start(
            Side::Nchan,
            &format!("load_module {NCHAN};"),
            CHANNELS,
            Held::Unknown,
        )
    }

    fn start(side: Side, module: &str, servers: &str, held: Held) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("load-").tempdir()?;
        let [client, control] = free_addresses()?;
        let path = directory.path();
        // Without rights of their own the workers are who started them.
        let user = if rustix::process::geteuid().is_root() {
            "user root;"
        } else {
            ""
        };
        let text = CONFIGURATION
            .replace("@module@", module)
            .replace("@user@", user)
            .replace("@servers@", servers)
            .replace("@dir@", &path.display().to_string())
            .replace("@client@", &client.to_string())
            .replace("@control@", &control.to_string());
        let file = path.join("nginx.conf");
        fs::write(&file, text)?;
        let log = fs::File::create(path.join("nginx.out"))?;
        let process = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(path)
            .arg("-e")
            .arg(path.join("error.log"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("nginx does not start ({error}): run tests/peers"))?;
        Ok(Self {
            side,
            process,
            client,
            control,
            held,
            _directory: directory,
        })
    }
}

impl Proxy for Nginx {
    fn side(&self) -> Side {
        self.side
    }

    fn client(&self) -> SocketAddr {
        self.client
    }

    fn control(&self) -> Control {
        Control::nchan(self.control)
    }

    fn usage(&self) -> Usage {
        Usage::of(&[self.process.id()])
    }

    fn held(&self) -> Held {
        self.held.clone()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        usage::end(std::slice::from_mut(&mut self.process));
    }
}
