use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use crate::{PATIENCE, Place, Process, scenario};

/// The issuer in the signatures of the tests' Pushpin.
pub const ISSUER: &str = "pushpin";

/// The key that the tests' Pushpin signs with.
pub const KEY: &str = "changeme";

/// A running Pushpin of Debian's package, with the HTTP worker it fetches from origins with.
///
/// It is configured as shipped, but for what a test needs: its own addresses and sockets, origins
/// on loopback, and no limit to the messages sent per second.
#[derive(Debug)]
pub struct Pushpin {
    processes: [Process; 2],
    // After the processes, whose files are in its place.
    configuration: Configuration,
}

#[derive(Debug)]
struct Configuration {
    place: Place,
    client: SocketAddr,
    control: SocketAddr,
    pull: SocketAddr,
    command: SocketAddr,
    debug: bool,
}

impl Pushpin {
    /// Starts one in front of `origin`. `client` is where browsers connect, `control` where items
    /// are published. With `debug`, clients are told what is wrong with an origin's answer.
    #[must_use]
    pub fn start(
        place: Place,
        client: SocketAddr,
        control: SocketAddr,
        origin: SocketAddr,
        debug: bool,
    ) -> Self {
        Self::routing(place, client, control, &over_http(origin), debug)
    }

    /// The same, with another origin for what is below `/native`, which speaks WebSocket itself.
    pub(crate) fn start_with_native(
        place: Place,
        client: SocketAddr,
        control: SocketAddr,
        [origin, native]: [SocketAddr; 2],
        debug: bool,
    ) -> Self {
        let routes = format!("*,path_beg=/native {native}\n{}", over_http(origin));
        Self::routing(place, client, control, &routes, debug)
    }

    fn routing(
        place: Place,
        client: SocketAddr,
        control: SocketAddr,
        routes: &str,
        debug: bool,
    ) -> Self {
        let configuration = Configuration {
            pull: place.free_address(),
            command: place.free_address(),
            place,
            client,
            control,
            debug,
        };
        configuration.write(routes);
        let processes = configuration.start();
        Self {
            processes,
            configuration,
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn client(&self) -> SocketAddr {
        self.configuration.client
    }

    /// Where items are published over HTTP.
    #[must_use]
    pub fn control(&self) -> SocketAddr {
        self.configuration.control
    }

    /// Where items are published over ZeroMQ, by PUSH.
    #[must_use]
    pub fn pull(&self) -> SocketAddr {
        self.configuration.pull
    }

    /// Where commands are taken over ZeroMQ, by REQ.
    #[must_use]
    pub fn command(&self) -> SocketAddr {
        self.configuration.command
    }

    /// Ends it: every client's connection is cut.
    pub async fn stop(&mut self) {
        let [pushpin, zurl] = &mut self.processes;
        pushpin.stop(PATIENCE).await;
        zurl.stop(PATIENCE).await;
    }

    /// Starts it again at the same addresses, after [`stop`](Self::stop).
    pub fn start_again(&mut self) {
        self.processes = self.configuration.start();
    }

    /// Waits until so many subscriptions to a channel have been made.
    ///
    /// Pushpin's log is the one place that tells of them.
    ///
    /// # Panics
    /// Where they have not within [`PATIENCE`].
    pub async fn subscriptions(&self, channel: &str, times: usize) {
        let end = format!(" channel={channel}");
        self.subscribes(|line| line.ends_with(&end), times).await;
    }

    /// Waits until so many subscriptions have been made to channels whose names begin like this.
    ///
    /// # Panics
    /// Where they have not within [`PATIENCE`].
    pub async fn subscriptions_below(&self, prefix: &str, times: usize) {
        let part = format!(" channel={prefix}");
        self.subscribes(|line| line.contains(&part), times).await;
    }

    /// Waits until so many requests with a hold on a channel have been sent to the origin a second
    /// time, and been held again.
    ///
    /// # Panics
    /// Where they have not within [`PATIENCE`].
    pub async fn repeats(&self, channel: &str, times: usize) {
        let end = format!(" channel={channel} retry");
        self.subscribes(|line| line.ends_with(&end), times).await;
    }

    /// How often the log has this text so far.
    pub(crate) fn times_logged(&self, text: &str) -> usize {
        let [pushpin, _] = &self.processes;
        pushpin.output().matches(text).count()
    }

    /// Waits until so many of these lines about subscriptions have been logged.
    async fn subscribes(&self, is_one: impl Fn(&str) -> bool, times: usize) {
        let [pushpin, _] = &self.processes;
        let start = Instant::now();
        loop {
            let found = pushpin
                .output()
                .lines()
                .filter(|line| line.contains("[handler] subscribe ") && is_one(line))
                .count();
            if found >= times {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "Pushpin logged {found} subscriptions, not {times}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Fails where one of the programs has ended by itself.
    pub(crate) fn assert_running(&mut self) {
        for process in &mut self.processes {
            if let Some(status) = process.ended() {
                panic!("a program of the proxy ended with {status}");
            }
        }
    }
}

/// The route of everything, to an origin that gets WebSockets by events.
fn over_http(origin: SocketAddr) -> String {
    format!("* {origin},over_http\n")
}

impl Drop for Pushpin {
    fn drop(&mut self) {
        let [pushpin, _] = &self.processes;
        if pushpin
            .output()
            .contains("message out of sequence, canceling")
        {
            scenario::pushpin_has_cut();
        }
    }
}

impl Configuration {
    fn write(&self, routes: &str) {
        let directory = self.place.directory().display().to_string();
        assert!(
            directory.len() < 70,
            "a socket's path has at most 107 bytes, and {directory} is too long a start"
        );
        let _ = self.place.write("routes", routes);
        let fill = |template: &str| {
            template
                .replace("@dir@", &directory)
                .replace("@client@", &self.client.to_string())
                .replace("@control-ip@", &self.control.ip().to_string())
                .replace("@control-port@", &self.control.port().to_string())
                .replace("@pull@", &self.pull.to_string())
                .replace("@command@", &self.command.to_string())
                .replace("@debug@", if self.debug { "true" } else { "false" })
                .replace("@iss@", ISSUER)
                .replace("@key@", KEY)
        };
        let _ = self
            .place
            .write("pushpin.conf", &fill(include_str!("pushpin.conf")));
        let _ = self
            .place
            .write("zurl.conf", &fill(include_str!("zurl.conf")));
    }

    fn start(&self) -> [Process; 2] {
        ["pushpin", "zurl"].map(|program| {
            let directory = self.place.directory();
            let mut command = Command::new(program);
            command.arg(format!(
                "--config={directory}/{program}.conf",
                directory = directory.display()
            ));
            if program == "pushpin" {
                command.arg("--merge-output");
            }
            Process::start(command, directory, program)
        })
    }
}
