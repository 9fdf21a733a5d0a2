use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use crate::{ISSUER, KEY, PATIENCE, Place, Process, Request, binary, looking, publishing};

/// A running `gripware-hub`, in front of an origin at an address.
#[derive(Debug)]
pub struct HubProgram {
    process: Process,
    arguments: Vec<String>,
    /// What it says when it is ready.
    ready: String,
    starts: usize,
    client: SocketAddr,
    control: SocketAddr,
    // After the process, which writes into it.
    place: Place,
}

impl HubProgram {
    /// Starts one in front of `origin`, with further arguments, and waits until it listens.
    ///
    /// # Panics
    /// Where it ends instead, or does not listen within [`PATIENCE`].
    pub async fn start(
        place: Place,
        client: SocketAddr,
        control: SocketAddr,
        origin: SocketAddr,
        further: &[&str],
    ) -> Self {
        let ready = format!("listening on {client}\ncontrol on {control}\n");
        let origin = format!("http://{origin}");
        let further = further.iter().map(|&argument| argument.to_owned());
        Self::with(place, client, control, &origin, further, ready).await
    }

    /// The same with any value of `--origin`, and with what it says when it is ready.
    pub(crate) async fn with(
        place: Place,
        client: SocketAddr,
        control: SocketAddr,
        origin: &str,
        further: impl IntoIterator<Item = String>,
        ready: String,
    ) -> Self {
        let fixed = [
            ("--listen", client.to_string()),
            ("--control", control.to_string()),
            ("--origin", origin.to_owned()),
            ("--sig-iss", ISSUER.to_owned()),
            ("--sig-key", KEY.to_owned()),
        ];
        let arguments = fixed
            .into_iter()
            .flat_map(|(flag, value)| [flag.to_owned(), value])
            .chain(further)
            .collect::<Vec<_>>();
        let process = run(&arguments, &place, 1);
        let mut hub = Self {
            process,
            arguments,
            ready,
            starts: 1,
            client,
            control,
            place,
        };
        hub.listens().await;
        hub
    }

    /// Where clients connect.
    #[must_use]
    pub fn client(&self) -> SocketAddr {
        self.client
    }

    /// Where items are published over HTTP.
    #[must_use]
    pub fn control(&self) -> SocketAddr {
        self.control
    }

    /// The id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has logged since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.errors()
    }

    /// Where its files are.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Publishes an item, as JSON.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn publish(&self, item: &str) {
        publishing::publish(self.control, item).await;
    }

    /// How many subscribers of any kind a channel has.
    pub async fn subscribers(&self, channel: &str) -> usize {
        looking::subscribers(self.control, channel).await.total()
    }

    /// The value of one of its metrics, added up over its labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let request = Request::new("GET", self.control, "/metrics");
        looking::metric(&request.send().await.text().await, name)
    }

    /// Sends SIGTERM, on which it ends its holds in the way each kind allows, and waits for the end.
    ///
    /// # Panics
    /// Where it does not end with 0.
    pub async fn stop(&mut self) {
        let status = self.process.stop(PATIENCE).await;
        assert_eq!(status.code(), Some(0), "{}", self.process.errors());
    }

    /// Starts it again at the same addresses, after [`stop`](Self::stop).
    pub async fn start_again(&mut self) {
        self.starts += 1;
        self.process = run(&self.arguments, &self.place, self.starts);
        self.listens().await;
    }

    async fn listens(&mut self) {
        let expected = &self.ready;
        let start = Instant::now();
        while self.process.output() != *expected {
            if let Some(status) = self.process.ended() {
                panic!("the hub ended with {status}");
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the hub said {:?} and not {expected:?}",
                self.process.output()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn run(arguments: &[String], place: &Place, start: usize) -> Process {
    let mut command = Command::new(binary::find("gripware-hub"));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GRIPWARE_HUB_") {
            command.env_remove(name);
        }
    }
    Process::start(command, place.directory(), &format!("hub-{start}"))
}
