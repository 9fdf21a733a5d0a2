//! What is set once, when a hub is built: the table of it. How clients are received is in the table of
//! `gateway::Options`.

use std::{num::NonZero, thread};

use gripware_core::{Limits, sig::Signer};

use crate::{
    channels::registry::MAX_SHARDS,
    setting,
    ws::{HeartbeatSettings, WsSettings},
};

/// What becomes of a client whose queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowClients {
    /// It is disconnected: a WebSocket with code 1013, a stream without its end, so that the
    /// client knows that something is missing and connects again.
    #[default]
    Close,
    /// What does not fit is dropped. A stream with a next link recovers it from the origin once the
    /// client reads again; any other connection has lost it.
    Drop,
}

/// What becomes of WebSockets where items of other nodes were lost on their way here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnLoss {
    /// The application gets an empty turn for each, as with an item's `refresh`, so that its handler
    /// can send what is missing.
    #[default]
    Poll,
    /// Each is closed with code 1012, so that its client comes back.
    Close,
    /// Nothing. They are counted.
    Nothing,
}

/// The table says so in figures.
const _: () = assert!(MAX_SHARDS == 64);

/// How many threads hold connections by default: one for each core, as far as the registry has bits
/// for them.
pub(crate) fn cores() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.min(MAX_SHARDS)
}

setting::settings! {
    /// What is set once, when a hub is built.
    settings: struct Settings {
        /// Signs requests to the origin, where the hub signs at all.
        signer: Option<Signer> = None,
    }

    "Clients" {
        /// what becomes of a client whose queue is full: `close` disconnects it, so that it knows and
        /// comes back; `drop` drops what does not fit.
        slow_clients: SlowClients = close;
        /// what one connection may have waiting for a client that does not read. A single message may
        /// be larger.
        queue_bytes: Size = 1 MiB, at least 1;
        /// how many messages one connection may have waiting for a client that does not read.
        queue_messages: Count = 10_000, at least 1;
        /// how many channels one connection may follow (GRIP 1.4). An answer of the application with which
        /// there would be more is refused: a hold gets 502, a stream ends, and a WebSocket is closed
        /// with code 1011; the log says why. An application in this process gets an error where it
        /// builds such an answer, since the limits of [`Hub::grip`](crate::Hub::grip) follow this
        /// setting.
        ///
        /// Each takes about 100 bytes, whether something is published to it or not.
        max_channels: Count = 20, at least 1, at most 10_000;
        /// how many items of meta a WebSocket may have for filters (GRIP 1.9). More are not set.
        max_meta: Count = 64, at least 1, at most 10_000;
        /// the least time between two polls of an idle WebSocket; an application that asks for less
        /// gets this (GRIP 2.3).
        min_keep_alive_interval as keep_alive_min: Time = 20 s, at least 1 ms;
        /// whether messages of WebSockets are compressed, in both directions, for clients that offer it
        /// (permessage-deflate; RFC 7692).
        ///
        /// What is published is compressed once for all clients that have agreed to the same window:
        /// 32 KiB, or where they ask for less 4 KiB or 512 bytes. Nothing is kept for a client from one
        /// message to the next. Messages under 256 bytes and over 1 MiB go as they are, as do those
        /// that would not become shorter. What a client sends counts by its length when it is
        /// decompressed; what is damaged closes it with code 1007.
        ///
        /// It saves traffic and costs processor time, for what is published once and for what a turn
        /// says each time. A message that has a secret beside a text that somebody else has chosen
        /// should not be compressed: its length tells about the secret (as in the attack CRIME).
        ///
        /// An application that answers a handshake itself with 101 agrees with the client about it, and
        /// not the hub, unless it chooses the extension `grip`.
        permessage_deflate: Switch = false;
        /// the largest message that a WebSocket client may send. A larger one closes it with code 1009.
        max_message: Size = 512 KiB, at least 1;
        /// how long a WebSocket client may take to go on with a message that it has begun. Within that
        /// time 1 KiB more of it has to come, or its end; otherwise the client is closed with code
        /// 1008 and what came of the message is given back.
        ///
        /// Time in which the hub does not read from it, since the application is slower, does not
        /// count.
        message_timeout: Time = 60 s, at least 1 ms;
        /// the largest body of a turn of a WebSocket, either way: what the client has said, of which one
        /// message always fits, and what the application answers, over which the client is closed with
        /// code 1011.
        ///
        /// The limits of [`Hub::grip`](crate::Hub::grip) follow this setting: an application in this
        /// process takes messages of this size less 64 bytes, so that
        /// [`max_message`](Self::max_message) should not be more, and gets an error where an answer is
        /// too large. With axum a route for more than 2 MiB has a `DefaultBodyLimit` of its own.
        max_turn: Size = 1_000_000, at least 16 KiB;
        /// from how many bytes on that wait for the application nothing more is read from a WebSocket
        /// client. One message may always come.
        turn_queue_bytes: Size = 200_000, at least 1;
    }

    "Vanished clients" {
        /// how often a WebSocket client is pinged: one that is there answers by itself, and proxies on the
        /// way see that the connection is in use. The pongs end at the hub. 0 s is never.
        ///
        /// An application's own pings are apart from these: their pongs go to it.
        ping_interval: Time = 25 s, at least 0 s;
        /// how long a WebSocket client may take after a ping until anything comes from it. Otherwise it
        /// counts as gone, and the application is told by DISCONNECT.
        ///
        /// Time in which the hub does not read from it, since the application is slower, does not
        /// count, and a client that has not taken all that was sent to it is not pinged.
        pong_timeout: Time = 20 s, at least 1 ms;
        /// after how long without traffic TCP asks a client's system whether the connection is still
        /// there, however the client is held. 0 s is never.
        tcp_keep_alive: Time = 45 s, at least 0 s;
        /// how long a client's system may leave unacknowledged what is sent to it or asked by
        /// [`tcp_keep_alive`](Self::tcp_keep_alive), after which the connection is closed
        /// (RFC 5482). 0 s leaves it to the operating system, which may take many minutes.
        ///
        /// The same goes for a client that is there and takes nothing of what waits for it.
        tcp_user_timeout: Time = 60 s, at least 0 s;
    }

    "Items" {
        /// how long an item waits for the one before it, its `prev-id` (GRIP 3.6).
        message_wait: Time = 5 s, at least 0 s;
        /// how long an id is remembered, so that an item that comes twice is delivered once
        /// (deduplication).
        id_memory: Time = 60 s, at least 0 s;
        /// the largest item, in bytes of the JSON object that stands for it where it is published over
        /// HTTP (GRIP 3.2). The same holds for an item that the application publishes in this process, and
        /// for all items of one request together. A larger one is refused, with its size in the error.
        max_item: Size = 16 MiB, at least 1;
        /// how many bytes of published items may wait to be handed to their connections, before whoever
        /// publishes waits (backpressure).
        backlog_bytes: Size = 16 MiB, at least 1;
    }

    "Origin" {
        /// how long the application may be silent while a plain request is in progress: until the head
        /// of its answer, and between two pieces of it. The client then gets 504, or the end of the
        /// connection. Time in which the client sends its request does not count. 0 s is no limit, as
        /// where no proxy is in front of the application.
        origin_idle_timeout: Time = 0 s, at least 0 s;
        /// how long the application may take for what the hub asks by itself: turns of WebSockets,
        /// next links, repeated requests.
        origin_timeout: Time = 60 s, at least 1 ms;
        /// how many such requests may be under way at a time.
        max_origin_requests: Count = 1024, at least 1;
        /// how many turns of WebSockets one client address may have under way to the application at a
        /// time: requests with what clients have said. An IPv6 address counts by its /64. More wait, and
        /// addresses take turns, so that clients of one address that keep a slow handler busy do not
        /// make those of another wait. All turns together have three quarters of
        /// [`max_origin_requests`](Self::max_origin_requests).
        ///
        /// Behind a proxy all clients have the proxy's address: set
        /// [`trust_forwarded`](Self::trust_forwarded), and the address that the proxy adds to
        /// `X-Forwarded-For` counts. Where no address is known, as on a unix socket, each connection
        /// counts by itself.
        max_turns_per_address: Count = 128, at least 1;
        /// the largest head of a request that can be held, in bytes of its target and headers. A larger
        /// one gets 431.
        ///
        /// A WebSocket's goes to the application with each message, a response hold's when it is asked
        /// again. Of a stream's head only the target and `Host` are kept, and count.
        max_held_head: Size = 16 KiB, at least 1;
        /// the largest body of a request that can be held, since it may have to be sent again. A request
        /// with a larger one that is answered by a hold gets 400.
        max_held_request: Size = 1 MiB, at least 1;
        /// the largest response that is kept: that of a response hold, or an
        /// `application/grip-instruct`.
        max_held_response: Size = 100_000, at least 1;
    }

    "Relay" {
        /// what becomes of WebSockets where items of other nodes were lost on their way here: `poll`
        /// gives the application an empty turn for each, so that its handler can send what is missing;
        /// `close` closes them with code 1012; `nothing` leaves them as they are.
        ///
        /// Streams with a next link ask it, and response holds are asked again, in any case. All of
        /// it is spread over 2 s.
        on_loss: OnLoss = poll;
        /// whether the clients of this node get what is published here at once, and not by way of the
        /// broker.
        ///
        /// They are spared its round trip, and get it while the broker is out of reach, too; whoever
        /// publishes is told of that as an error all the same. What it costs is the one order: between
        /// items of two nodes it may be another one here than elsewhere.
        local_first: Switch = false;
        /// how long the broker may take to accept an item, after which whoever publishes gets an
        /// error.
        publish_timeout: Time = 5 s, at least 1 ms;
        /// how long other nodes have to answer, where they are asked for lists and counts or to reach
        /// a connection.
        ask_timeout: Time = 500 ms, at least 1 ms;
    }

    "Running" {
        /// how many threads serve and hold connections.
        shards: Count = cores "one for each core, 64 at most", at least 1, at most 64;
        /// how long the end may take, after which what is left is cut off.
        drain: Time = 5 s, at least 0 s;
        /// whether clients are told why an instruction of the application was refused, which is in the
        /// log anyway. Not for the public.
        development: Switch = false;
    }
}

impl Settings {
    /// What a turn of a WebSocket may have.
    fn limits_of_turns(&self) -> Limits {
        let mut limits = Limits::default();
        limits.websocket_body = self.max_turn;
        limits.websocket_event = self.max_turn;
        limits
    }

    /// What of them holds for every WebSocket.
    pub(crate) fn websocket(&self) -> WsSettings {
        WsSettings {
            min_keep_alive_interval: self.min_keep_alive_interval,
            limits: self.limits_of_turns(),
            max_message: self.max_message,
            queue_bytes: self.turn_queue_bytes,
            message_timeout: self.message_timeout,
            heartbeat: HeartbeatSettings {
                interval: self.ping_interval,
                timeout: self.pong_timeout,
            },
            ..WsSettings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use crate::{BuildError, Hub, HubBuilder};

    #[test]
    fn every_setting_has_a_name_of_its_own() {
        let names: HashSet<_> = HubBuilder::settings().map(|it| it.name).collect();
        assert_eq!(names.len(), HubBuilder::settings().count());
    }

    #[test]
    fn what_is_out_of_its_range_is_refused_with_the_range() {
        for (builder, name, range) in [
            (Hub::builder().shards(0), "shards", "at least 1, at most 64"),
            (
                Hub::builder().shards(65),
                "shards",
                "at least 1, at most 64",
            ),
            (Hub::builder().queue_bytes(0), "queue_bytes", "at least 1"),
            (
                Hub::builder().max_header_size(100),
                "max_header_size",
                "at least 8 KiB",
            ),
            (Hub::builder().drain(Duration::MAX), "drain", "at least 0 s"),
        ] {
            let error = builder.build().unwrap_err();
            assert!(
                matches!(error, BuildError::OutOfRange { setting, limits } if (setting, limits) == (name, range)),
                "{error}"
            );
        }
        // More than a semaphore counts.
        assert!(Hub::builder().max_connections(usize::MAX).build().is_err());
        assert!(
            Hub::builder()
                .max_client_requests(usize::MAX)
                .build()
                .is_ok()
        );
    }

    /// The table of limits in the documentation of the crate has every figure that can be set.
    #[test]
    fn the_documentation_has_the_defaults() {
        for setting in HubBuilder::settings() {
            let setter = match setting.name {
                "keep_alive_min" => "min_keep_alive_interval",
                "head_timeout" => "header_timeout",
                "max_head" => "max_header_size",
                // None of them is a limit.
                "native_websockets" | "permessage_deflate" | "slow_clients" | "on_loss"
                | "local_first" | "development" | "shards" | "trust_forwarded" => {
                    continue;
                }
                name => name,
            };
            let row = format!("//! | [`{setter}`](HubBuilder::{setter}) |");
            let documentation = include_str!("lib.rs");
            let row = documentation.lines().find(|line| line.starts_with(&row));
            let default = setting.default.replace('_', " ");
            assert!(
                row.is_some_and(|row| row.contains(&default)),
                "{setter}: {row:?}"
            );
        }
    }
}
