//! Everything that can be set. Flags, the keys of the file, the names in the environment, defaults
//! and the help all come from this table.

/// One thing that can be set.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The flag without its dashes, and the key in the file.
    pub(crate) name: &'static str,
    /// What the help calls its value. A switch has `BOOL`.
    pub(crate) value: &'static str,
    pub(crate) default: Option<&'static str>,
    pub(crate) group: &'static str,
    pub(crate) help: &'static str,
}

impl Setting {
    /// Its name in the environment.
    pub(crate) fn variable(&self) -> String {
        let name = self.name.replace('-', "_").to_ascii_uppercase();
        format!("GRIPWARE_HUB_{name}")
    }

    pub(crate) fn is_switch(&self) -> bool {
        self.value == "BOOL"
    }
}

macro_rules! settings {
    ($($group:literal { $(
        $(#[$attribute:meta])*
        $id:ident = $name:literal $value:literal $default:expr, $help:literal;
    )* })*) => {
        $($(
            $(#[$attribute])*
            pub(crate) static $id: Setting = Setting {
                name: $name,
                value: $value,
                default: $default,
                group: $group,
                help: $help,
            };
        )*)*

        /// The whole table, in the order of the help.
        pub(crate) static ALL: &[&Setting] = &[$($($(#[$attribute])* &$id,)*)*];
    };
}

settings! {
    "Addresses" {
        LISTEN = "listen" "ADDR" Some("127.0.0.1:7999"),
            "Where clients connect. Port 0 is any that is free";
        CONTROL = "control" "ADDR" Some("127.0.0.1:5561"),
            "Where items are published, and where one looks into the hub";
        ORIGIN = "origin" "URL" None,
            "The application: http://HOST:PORT, with a path where it has one, or unix:/PATH of a \
             socket. WebSockets reach it as WebSocket-over-HTTP. Required";
        CONFIG = "config" "FILE" None,
            "A TOML file with the same names as these flags";
    }
    "Trust" {
        SIG_ISS = "sig-iss" "TEXT" Some("gripware"),
            "Who requests to the origin say they are from (the iss of Grip-Sig)";
        SIG_KEY = "sig-key" "KEY" None,
            "Signs requests to the origin: the text of a shared secret, base64: and a secret or \
             key in base64, or file: and the path of a PEM private key or of a secret in hex. \
             Without it they are not signed, and an origin that checks refuses to hold";
        CONTROL_KEY = "control-key" "KEY" None,
            "What requests to the control address have to send as `Authorization: Bearer KEY`: \
             the text itself, or file: and the path of a file with it. Without it whoever reaches \
             the address may publish, except pages in browsers";
        TRUST_FORWARDED = "trust-forwarded" "BOOL" Some("false"),
            "Whether X-Forwarded-* of clients is passed on and added to. Right only behind a proxy \
             that sets it";
    }
    "TLS" {
        #[cfg(feature = "tls")]
        TLS_CERT = "tls-cert" "FILE" None,
            "The certificates for the clients' address, in PEM. Needs --tls-key";
        #[cfg(feature = "tls")]
        TLS_KEY = "tls-key" "FILE" None,
            "The private key of the first certificate, in PEM";
    }
    "Clients" {
        SLOW_CLIENTS = "slow-clients" "WHAT" Some("close"),
            "What happens to a client whose queue is full: `close` disconnects it, so that it \
             knows and comes back; `drop` drops what does not fit";
        QUEUE_BYTES = "queue-bytes" "SIZE" Some("1MiB"),
            "What may wait for one client that does not read";
        QUEUE_MESSAGES = "queue-messages" "COUNT" Some("10000"),
            "The same in messages";
        KEEP_ALIVE_MIN = "keep-alive-min" "TIME" Some("20s"),
            "The least time between two Keep-Alive-Interval polls of an idle WebSocket";
        MAX_MESSAGE = "max-message" "SIZE" Some("512KiB"),
            "The largest message of a WebSocket client. A larger one closes it with code 1009";
        MESSAGE_TIMEOUT = "message-timeout" "TIME" Some("60s"),
            "How long a WebSocket client may take to go on with a message that it has begun. One that \
             does not is closed with code 1008";
        MAX_HEAD = "max-head" "SIZE" Some("64KiB"),
            "The largest head of a request. A larger one gets 431";
        HEAD_TIMEOUT = "head-timeout" "TIME" Some("60s"),
            "How long a head may take, and how long an idle connection is kept";
        MAX_STREAMS = "max-streams" "COUNT" Some("250"),
            "How many requests may be in progress on one HTTP/2 connection, held ones included";
        MAX_CLIENT_REQUESTS = "max-client-requests" "COUNT" Some("256"),
            "How many requests of one address may be in progress at the origin. More wait up to \
             10 s, and get 503. Behind a proxy set --trust-forwarded, or more";
        ANSWER_TIMEOUT = "answer-timeout" "TIME" Some("60s"),
            "How long a client may leave an answer untaken that is not held. It has to take 16 KiB \
             or all that waits in this time";
        MAX_CONNECTIONS = "max-connections" "COUNT" None,
            "How many connections may be open that are not held. More wait. Default: no limit";
    }
    "Items" {
        MESSAGE_WAIT = "message-wait" "TIME" Some("5s"),
            "How long an item waits for the one before it (its prev-id)";
        ID_MEMORY = "id-memory" "TIME" Some("60s"),
            "How long an item's id is remembered; the same id again is dropped";
        BACKLOG_BYTES = "backlog-bytes" "SIZE" Some("16MiB"),
            "What may be accepted and not yet handed to its clients. A publish waits beyond it";
    }
    "Origin" {
        ORIGIN_TIMEOUT = "origin-timeout" "TIME" Some("60s"),
            "How long the origin may take for what the hub asks by itself";
        MAX_ORIGIN_REQUESTS = "max-origin-requests" "COUNT" Some("1024"),
            "How many requests of the hub's own may be under way to the origin";
        MAX_TURNS_PER_ADDRESS = "max-turns-per-address" "COUNT" Some("128"),
            "How many of them may be about the WebSockets of one client address. Behind a proxy set \
             --trust-forwarded as well";
        MAX_HELD_HEAD = "max-held-head" "SIZE" Some("16KiB"),
            "The largest head of a request that can be held, since it may be sent again. A larger one \
             gets 431";
        MAX_HELD_REQUEST = "max-held-request" "SIZE" Some("100000"),
            "The largest body of a request that can be held, since it may be sent again";
        MAX_HELD_RESPONSE = "max-held-response" "SIZE" Some("100000"),
            "The largest response that is kept while a client is held";
    }
    "Running" {
        SHARDS = "shards" "COUNT" None,
            "How many threads hold clients. Default: one for each processor";
        DRAIN = "drain" "TIME" Some("5s"),
            "How long the end may take after SIGTERM";
        DEVELOPMENT = "development" "BOOL" Some("false"),
            "Tells clients why a hold was refused. Not for the public";
        LOG = "log" "FILTER" Some("info"),
            "What is logged to stderr: error, warn, info, debug, trace, or targets with levels \
             such as `info,gripware_hub=debug`";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_setting_has_a_name_of_its_own() {
        let names: HashSet<_> = ALL.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert_eq!(KEEP_ALIVE_MIN.variable(), "GRIPWARE_HUB_KEEP_ALIVE_MIN");
        for setting in ALL {
            assert!(!setting.help.ends_with('.'), "{}", setting.name);
        }
    }
}
