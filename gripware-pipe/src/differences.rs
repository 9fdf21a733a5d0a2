//! What this does otherwise than RestPipe 0.2, and why.
//!
//! RestPipe is described by its documentation, and that description is kept, except for what is listed
//! here. Its own wire (a frame of ten bytes and a protobuf message) is not spoken: both ends have to be
//! of this kind.
//!
//! | RestPipe | here | why |
//! |---|---|---|
//! | one client: a second one breaks the first | as many as there are | that was promised |
//! | a client is its address | the name in its certificate; [`alias`](crate::PipeServerBuilder::alias) maps addresses to names | NAT: many clients have one address |
//! | the client does not verify the server | always | otherwise anybody is the server |
//! | the HTTP status is always 200 | the handler's own; 404, 500 and others where it failed | HTTP clients look at it |
//! | a call without a deadline hangs when the pipe breaks | an error, at once; 60 s at most | |
//! | a client that is not there: 503 after 20 s | 503 at once, or after [`wait`](crate::Settings::wait) | |
//! | query strings are lost | passed on | they were promised |
//! | `%2F` in a parameter splits it | it is a slash | it is decoded after it was split |
//! | bodies are UTF-8 texts in memory | bytes, as streams, of any size | |
//! | the traceback is always there | in development only | it says too much |
//! | a handler is a class that is named | Rust functions, or an HTTP server in any language (`--handler`) | |
//! | statistics are sent to localhost:8125 | to nobody, unless an address is set | it is nobody's business |
//! | heartbeats are messages, and counted | HTTP/2 `PING`, which is not seen, so there is no `client.connect.heartbeat.…` | |
//! | no attempt within 5 s of the last | from 100 ms to 5 s | |
//! | web servers of Python behind nginx | an entrance of its own, on an address or a unix socket | |
//! | 0.5 to 1 s for a call | below a millisecond on one machine | |
//!
//! # Variables
//! Each has a flag, and the flag wins. Every other flag has a variable too: `RP_SERVER_` or `RP_CLIENT_`
//! and its name.
//!
//! | variable | became |
//! |---|---|
//! | `BIND_IP`, `BIND_PORT`; `RP_SERVER_BIND_INTERFACE`, `RP_SERVER_BIND_PORT` | `--pipe` of the server; where one is missing, `0.0.0.0` and `1234` |
//! | `RP_CLIENT_TARGET_HOSTNAME`, `RP_CLIENT_TARGET_PORT` | `--server` of the client; without a port `1234` |
//! | `RP_SERVER_CERT_PATH`, `RP_CLIENT_CERT_PATH` | the folder of `--ca`, `--cert` and `--key` |
//! | `RP_CA_CRT_FILENAME` | the name of `--ca` in it; `ca.crt.pem` |
//! | `RP_SERVER_CRT_FILENAME`, `RP_CLIENT_CRT_FILENAME` | the name of `--cert` in it; `restpipe.server.crt.pem`, `restpipe.client.crt.pem` |
//! | `RP_SERVER_KEY_FILENAME`, `RP_CLIENT_KEY_FILENAME` | the name of `--key` in it; `restpipe.server.key.pem`, `restpipe.client.key.pem` |
//! | `RP_CLIENT_HEARTBEAT_INTERVAL_S`, `RP_CLIENT_HEARTBEAT_TIMEOUT_S` | `--heartbeat`, `--heartbeat-timeout` |
//! | `RP_STATSD_HOST`, `RP_STATSD_PORT` | `--statsd`, where neither is empty |
//! | `DEBUG` | `--development` and `--log debug`, unless it is empty or 0 |
//! | `RP_EVENT_HANDLER_FQ_CLASS` | nothing: `--handler`, or a program of one's own with `program::server` |
//! | `RP_CLIENT_USER_CONFIG_MODULE`, `RP_SERVER_USER_CONFIG_MODULE` | nothing: `--config`, a TOML file |
//! | `RP_CONNECTION_STATE_CHANGE_EVENT_CLASS` and those of one side | nothing: [`Hooks`](crate::Hooks) |
//! | `RP_GUNICORN_PATH` | nothing |
//!
//! # Statistics
//! Where an address of statsd is set: `client.connect.new.tick`, `client.connect.connected.tick`,
//! `client.connect.broken.tick`, `client.connect.new.attempt.timing`, `message.send.tick`,
//! `message.send.timing` (until the head of the response), `message.receive.tick`,
//! `message.receive.handle.timing`, and for each handler of [`events`](crate::events)
//! `message.received.handle.<verb>_<noun>.tick` and `.timing`.
