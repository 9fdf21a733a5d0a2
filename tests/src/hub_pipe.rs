use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use gripware_pipe::Authority;

use crate::{HubProgram, PATIENCE, Place, Process, Request, binary};

/// A `gripware-hub` whose origin dials in: `restpipe-client` beside the origin, which is its handler.
#[derive(Debug)]
pub(crate) struct HubPipe {
    // Before the hub, in whose directory its files are.
    pipe: Process,
    hub: HubProgram,
}

impl HubPipe {
    /// Starts both, and waits until the origin answers.
    pub(crate) async fn start(
        place: Place,
        client: SocketAddr,
        control: SocketAddr,
        origin: SocketAddr,
        further: &[&str],
    ) -> Self {
        let authority = Authority::create(place.directory()).expect("an authority");
        authority.server("localhost", 1).expect("a certificate");
        authority.client("app", 1).expect("a certificate");
        let file = |name: &str| place.directory().join(name).display().to_string();
        let pipe = place.free_address();
        let mut arguments = vec!["--pipe".to_owned(), pipe.to_string()];
        arguments.extend(identity("--pipe-", "localhost", file));
        arguments.extend(further.iter().map(|&argument| argument.to_owned()));
        let mut command = Command::new(binary::find("restpipe-client"));
        command
            .args(["--server", &pipe.to_string(), "--server-name", "localhost"])
            .args(["--handler", &format!("http://{origin}")])
            .args(identity("--", "app", file));
        let ready = format!("listening on {client}\ncontrol on {control}\npipe on {pipe}\n");
        let hub = HubProgram::with(place, client, control, "pipe:app", arguments, ready).await;
        let pipe = Process::start(command, hub.place().directory(), "restpipe-client");
        let mut this = Self { pipe, hub };
        this.is_connected().await;
        this
    }

    pub(crate) fn hub(&self) -> &HubProgram {
        &self.hub
    }

    /// Ends the hub alone, as the other end dials for ever.
    pub(crate) async fn stop(&mut self) {
        self.hub.stop().await;
    }

    pub(crate) async fn start_again(&mut self) {
        self.hub.start_again().await;
        self.is_connected().await;
    }

    /// Until the origin has dialled in, the hub has nobody to ask.
    async fn is_connected(&mut self) {
        let start = Instant::now();
        loop {
            let request = Request::new("GET", self.hub.client(), "/");
            if request.send().await.status() != 502 {
                return;
            }
            assert!(self.pipe.ended().is_none(), "the pipe has ended");
            assert!(start.elapsed() < PATIENCE, "the origin does not dial in");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The flags of an identity in a directory of `restpipe-cert`.
fn identity(prefix: &str, name: &str, file: impl Fn(&str) -> String) -> [String; 6] {
    [
        format!("{prefix}ca"),
        file("ca.crt.pem"),
        format!("{prefix}cert"),
        file(&format!("{name}.crt.pem")),
        format!("{prefix}key"),
        file(&format!("{name}.key.pem")),
    ]
}
