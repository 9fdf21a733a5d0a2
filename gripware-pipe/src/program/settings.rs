//! Everything that can be set. Flags, variables, the keys of the file, defaults and the help all come
//! from these tables.

/// A program with settings.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: &'static str,
    /// What its variables begin with.
    pub(super) prefix: &'static str,
    pub(super) usage: &'static str,
    pub(super) about: &'static str,
    pub(super) example: &'static str,
    pub(super) settings: &'static [&'static Setting],
}

/// One thing that can be set.
#[derive(Debug)]
pub(super) struct Setting {
    /// The flag without its dashes, and the key in the file.
    pub(super) name: &'static str,
    /// What the help calls its value. A switch has `BOOL`; one that may be repeated ends with `…`.
    pub(super) value: &'static str,
    pub(super) default: Option<&'static str>,
    pub(super) group: &'static str,
    pub(super) help: &'static str,
}

impl Setting {
    pub(super) fn is_switch(&self) -> bool {
        self.value == "BOOL"
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.ends_with('…')
    }

    /// Its name in the environment.
    pub(super) fn variable(&self, program: &Program) -> String {
        let name = self.name.replace('-', "_").to_ascii_uppercase();
        format!("{}_{name}", program.prefix)
    }
}

macro_rules! settings {
    ($($group:literal { $(
        $id:ident = $name:literal $value:literal $default:expr, $help:literal;
    )* })*) => {
        $($(
            pub(super) static $id: Setting = Setting {
                name: $name,
                value: $value,
                default: $default,
                group: $group,
                help: $help,
            };
        )*)*
    };
}

settings! {
    "Addresses" {
        PIPE = "pipe" "ADDR" Some("0.0.0.0:1234"),
            "Where clients dial. Port 0 is any that is free";
        SERVER_ADDRESS = "server" "HOST:PORT…" None,
            "The server to dial. Where there are several, the next one is tried whenever one fails. \
             Required";
        WEB = "web" "ADDR" None,
            "The local REST entrance: HOST:PORT or unix:PATH. A machine that only answers needs none";
        WEB_HOST = "web-host" "NAME…" None,
            "A host name with a dot under which a loopback entrance is reached";
        HANDLER = "handler" "URL" None,
            "What answers events: http://HOST:PORT or unix:PATH of an HTTP server in any language. \
             It gets `<verb> /<noun>//<params>`, and in Pipe-Caller who asks. Without it the \
             built-in handlers of `time` and `cat` do";
        STATSD = "statsd" "HOST:PORT" None,
            "Where statistics are sent, with RestPipe's names. Without it none are";
        CONFIG = "config" "FILE" None,
            "A TOML file with the same names as these flags";
    }
    "Trust" {
        CA = "ca" "FILE" None,
            "The certificate authority of both ends, in PEM. Required";
        CERT = "cert" "FILE" None,
            "The certificate of this end, in PEM. Required";
        KEY = "key" "FILE" None,
            "Its private key, in PEM. Required";
        REVOKED = "revoked" "FILE" None,
            "The certificates that are revoked, as restpipe-cert writes them (X.509 CRL in PEM)";
        SERVER_NAME = "server-name" "NAME" None,
            "The name that the server's certificate has to have. Default: the host that is dialled";
        REFRESH = "refresh" "TIME" Some("1s"),
            "How often these files are read again";
    }
    "Clients" {
        KNOWN = "known" "NAME…" None,
            "A client that is known before it connects: a call to it gets 503 and not 404";
        ONLY_KNOWN = "only-known" "BOOL" Some("false"),
            "Whether no other client is accepted";
        ALIAS = "alias" "ALIAS=NAME…" None,
            "Another name of a client in the entrance, such as its address";
        PASS_ON = "pass-on" "BOOL" Some("false"),
            "Whether clients may call each other through this server";
        MAX_CLIENTS = "max-clients" "COUNT" Some("10000"),
            "How many names of clients are remembered";
        MAX_HANDSHAKES = "max-handshakes" "COUNT" Some("1024"),
            "How many connections may be in their handshakes";
    }
    "Calls" {
        WAIT = "wait" "TIME" Some("0"),
            "How long a call waits for an end that is known and not connected. 0 is 503 at once";
        RESPONSE_TIMEOUT = "response-timeout" "TIME" Some("60s"),
            "How long a response may take";
        IDLE_TIMEOUT = "idle-timeout" "TIME" Some("300s"),
            "How long a body may go without a byte";
        MAX_CALLS = "max-calls" "COUNT" Some("256"),
            "How many calls may be under way on one pipe, in each direction";
        MAX_QUEUED = "max-queued" "COUNT" Some("1024"),
            "How many more may wait. Any more get 503";
        STREAM_WINDOW = "stream-window" "SIZE" Some("256KiB"),
            "What may be received of one body and not yet read";
        REPEAT = "repeat" "BOOL" Some("true"),
            "Whether an idempotent call without a body is sent once more when the pipe is lost";
    }
    "Connection" {
        HEARTBEAT = "heartbeat" "TIME" Some("5s"),
            "How long a connection may be silent before it is asked for a sign of life";
        HEARTBEAT_TIMEOUT = "heartbeat-timeout" "TIME" Some("5s"),
            "How long the answer may take";
        CONNECT_TIMEOUT = "connect-timeout" "TIME" Some("10s"),
            "How long TCP, TLS and the first exchange may take";
        RETRY = "retry" "TIME" Some("100ms"),
            "The first time between two attempts; it doubles up to --retry-max";
        RETRY_MAX = "retry-max" "TIME" Some("5s"),
            "The longest one. Up to half of it is left out by chance";
    }
    "Program" {
        DRAIN = "drain" "TIME" Some("3s"),
            "How long calls under way may take at the end";
        DEVELOPMENT = "development" "BOOL" Some("false"),
            "Whether exceptions have a traceback";
        LOG = "log" "FILTER" Some("warn"),
            "What is logged to standard error: error, warn, info, debug, trace, or a filter such as \
             gripware_pipe=debug";
    }
}

pub(super) static SERVER: Program = Program {
    name: "restpipe-server",
    prefix: "RP_SERVER",
    usage: "restpipe-server --ca FILE --cert FILE --key FILE [OPTIONS]",
    about: "The end of pipes that clients dial: calls go in both directions over connections that \
            machines behind a NAT or a firewall have made.",
    example: "  restpipe-cert ca --dir certs
  restpipe-cert server pipe.example.com --dir certs
  restpipe-cert client fileserver --dir certs

  restpipe-server --pipe 0.0.0.0:1234 --web 127.0.0.1:8611 --revoked certs/revoked \\
    --ca certs/ca.crt.pem --cert certs/pipe.example.com.crt.pem \\
    --key certs/pipe.example.com.key.pem

  curl http://127.0.0.1:8611/client/fileserver/time",
    settings: &[
        &PIPE,
        &WEB,
        &WEB_HOST,
        &HANDLER,
        &STATSD,
        &CONFIG,
        &CA,
        &CERT,
        &KEY,
        &REVOKED,
        &REFRESH,
        &KNOWN,
        &ONLY_KNOWN,
        &ALIAS,
        &PASS_ON,
        &MAX_CLIENTS,
        &MAX_HANDSHAKES,
        &WAIT,
        &RESPONSE_TIMEOUT,
        &IDLE_TIMEOUT,
        &MAX_CALLS,
        &MAX_QUEUED,
        &STREAM_WINDOW,
        &REPEAT,
        &HEARTBEAT,
        &HEARTBEAT_TIMEOUT,
        &CONNECT_TIMEOUT,
        &DRAIN,
        &DEVELOPMENT,
        &LOG,
    ],
};

pub(super) static CLIENT: Program = Program {
    name: "restpipe-client",
    prefix: "RP_CLIENT",
    usage: "restpipe-client --server HOST:PORT --ca FILE --cert FILE --key FILE [OPTIONS]",
    about: "The end of a pipe that dials, from behind a NAT or a firewall, and dials again for ever.",
    example: "  restpipe-client --server pipe.example.com:1234 --web 127.0.0.1:8612 \\
    --ca certs/ca.crt.pem --cert certs/fileserver.crt.pem --key certs/fileserver.key.pem \\
    --handler http://127.0.0.1:3000

  curl http://127.0.0.1:8612/server/time",
    settings: &[
        &SERVER_ADDRESS,
        &WEB,
        &WEB_HOST,
        &HANDLER,
        &STATSD,
        &CONFIG,
        &CA,
        &CERT,
        &KEY,
        &REVOKED,
        &SERVER_NAME,
        &REFRESH,
        &WAIT,
        &RESPONSE_TIMEOUT,
        &IDLE_TIMEOUT,
        &MAX_CALLS,
        &MAX_QUEUED,
        &STREAM_WINDOW,
        &REPEAT,
        &HEARTBEAT,
        &HEARTBEAT_TIMEOUT,
        &CONNECT_TIMEOUT,
        &RETRY,
        &RETRY_MAX,
        &DRAIN,
        &DEVELOPMENT,
        &LOG,
    ],
};
