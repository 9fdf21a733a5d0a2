use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    Browser, Cable, ISSUER, KEY, PATIENCE, Place, Process, Pushpin, Refusal, Request, Socket,
    binary, until,
};

/// A program of `examples/`, with the hub inside or behind Pushpin, at the end of a cable.
#[derive(Debug)]
pub struct Example {
    name: &'static str,
    program: Process,
    starts: usize,
    listen: SocketAddr,
    front: SocketAddr,
    cable: Cable,
    pushpin: Option<Pushpin>,
    // After the processes, which write into it.
    place: Place,
}

impl Example {
    /// Starts it with nothing beside it.
    pub async fn alone(name: &'static str) -> Self {
        Self::start(name, false).await
    }

    /// Starts it behind Pushpin.
    pub async fn behind_pushpin(name: &'static str) -> Self {
        Self::start(name, true).await
    }

    async fn start(name: &'static str, is_behind: bool) -> Self {
        let place = Place::new();
        let listen = place.free_address();
        let pushpin = is_behind.then(|| {
            let [client, control] = [place.free_address(), place.free_address()];
            Pushpin::start(Place::new(), client, control, listen, true)
        });
        let front = pushpin.as_ref().map_or(listen, Pushpin::client);
        let mut example = Self {
            program: run(name, 1, &place, listen, pushpin.as_ref()),
            name,
            starts: 1,
            listen,
            front,
            cable: Cable::lay(place.free_address(), front).await,
            pushpin,
            place,
        };
        example.listens().await;
        example
    }

    /// A window of a browser with its page.
    #[must_use]
    pub fn window(&self) -> Browser {
        Browser::open(&format!("http://{}/", self.cable.address()))
    }

    /// What windows are connected by.
    #[must_use]
    pub fn cable(&self) -> &Cable {
        &self.cable
    }

    /// A request of a client that has a cable of its own.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, self.front, path)
    }

    /// A WebSocket of a client that has a cable of its own.
    ///
    /// # Errors
    /// Where it is refused.
    pub async fn socket(&self, path: &str) -> Result<Socket, Refusal> {
        Socket::connect(self.front, path, &[]).await
    }

    /// Ends the program, as a service manager does.
    ///
    /// # Panics
    /// Where it does not end well.
    pub async fn stop(&mut self) {
        assert!(self.program.stop(PATIENCE).await.success());
    }

    /// Starts the program again, after [`stop`](Self::stop). A proxy beside it goes on all the time.
    pub async fn start_again(&mut self) {
        self.starts += 1;
        self.program = run(
            self.name,
            self.starts,
            &self.place,
            self.listen,
            self.pushpin.as_ref(),
        );
        self.listens().await;
    }

    /// Waits until the program has said this since it was started.
    ///
    /// # Panics
    /// Where it has not for so long.
    pub async fn says(&mut self, text: &str, patience: Duration) {
        let start = Instant::now();
        while !self.program.output().contains(text) {
            if let Some(status) = self.program.ended() {
                panic!("{} ended with {status}", self.name);
            }
            assert!(start.elapsed() < patience, "it does not say {text:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn listens(&mut self) {
        self.says("listening on ", PATIENCE).await;
        // Pushpin may need a moment more.
        until("a page", async || {
            let answer = self.request("GET", "/").try_send().await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }
}

fn run(
    name: &str,
    start: usize,
    place: &Place,
    listen: SocketAddr,
    pushpin: Option<&Pushpin>,
) -> Process {
    let mut command = Command::new(binary::find(name));
    command
        .current_dir(place.directory())
        .env("LISTEN", listen.to_string())
        .env("DATA", place.directory().join("data"));
    match pushpin {
        Some(pushpin) => {
            let control = pushpin.control();
            let url = format!("http://{control}/?verify-iss={ISSUER}&verify-key={KEY}");
            command.env("GRIP_URL", url)
        }
        None => command.env_remove("GRIP_URL"),
    };
    Process::start(command, place.directory(), &format!("{name}-{start}"))
}
