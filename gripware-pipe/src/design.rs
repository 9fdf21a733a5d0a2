//! How a pipe is built, what it defends against, and its limits.
//!
//! # Two connections
//! A pipe is two connections, both dialled by the client to one address of the server, both TLS 1.3
//! with certificates on both sides. What they carry differs by ALPN:
//!
//! | ALPN | who makes requests | defined by |
//! |---|---|---|
//! | `h2` | the client | HTTP/2 (RFC 9113) |
//! | `h2-reverse` | the server | draft-bt-httpbis-reverse-http, section 3 |
//! | `d5 87 c9 a5` | the server | draft-thomson-ptth-potato, section 4.2: the same under another name |
//!
//! The second is HTTP/2 with the roles turned around after the handshake: whoever dialled is the HTTP
//! server. Nothing else about HTTP/2 changes, so streaming in both directions, flow control,
//! cancellation and many calls at once are HTTP's own, and hyper's. Neither draft lets both ends make
//! requests on one connection, and the second one says to use separate connections where both have to;
//! so does this. An end that speaks either draft, or plain HTTP/2, can be written in any language.
//!
//! *Not followed:* draft-bt has the client say which origins it serves in an `ORIGIN` frame, checked
//! against its certificate. Here the names in the certificate are the claim (draft-thomson, section
//! 5.1), since what a client serves is not an origin of the web, but itself.
//!
//! *Tried and left:* one connection with a multiplexer below HTTP (as yamux) halves the handshakes, and
//! puts a second flow control under HTTP/2's own, where one slow stream stops all. Requests of the
//! server inside responses to long polls of the client need no second role, and lose streaming.
//!
//! # How a pipe comes about
//! 1. The client dials `h2-reverse`. The server verifies it, gives it its place under every name of its
//!    certificate, and makes the first request: `GET /.well-known/gripware-pipe`. A client that is
//!    refused has its own handshake behind it in TLS 1.3, so that nothing but this request tells it that
//!    it is accepted.
//! 2. Meanwhile it dials `h2` at the same address.
//! 3. With both, [`Hooks::connected`](crate::Hooks::connected) is called. When either ends, the pipe is
//!    lost, and the client dials again: after 100 ms, then twice as long each time up to 5 s, each up to
//!    half less by chance. A pipe that lived for 10 s begins anew at 100 ms.
//!
//! A client with new certificates dials again, and leaves the older pipe when it has the newer one, so
//! that there is no gap.
//!
//! A client that connects again while its earlier connection is not yet known to be dead takes its own
//! place: new calls go to the newer connection, and calls under way on the older one may end there.
//!
//! # How it ends
//! An end that stops says so (`DELETE` on the same path), so that it is asked nothing more, and then
//! lets calls in both directions end for [`drain`](crate::Settings::drain) (HTTP/2 `GOAWAY`). What is
//! left is cut off.
//!
//! A dead peer sends nothing. Both ends send an HTTP/2 `PING` on both connections after 5 s of silence,
//! and give the connection up where there is no answer for another 5 s. The kernel is kept from holding
//! more than 128 KiB that are not yet sent (`TCP_NOTSENT_LOWAT`), since a `PING` waits behind them.
//!
//! # Calls that are lost
//! A call on a connection that dies is a [`CallError`](crate::CallError) of kind
//! [`Lost`](crate::CallErrorKind::Lost), which says whether it may have been handled. It is sent once
//! more on the next connection in two cases: where it has not left this machine, and where its method
//! is idempotent (RFC 9110, section 9.2.2) and it has no body. How long it waits for that connection is
//! [`wait`](crate::Settings::wait). A response whose body has begun is cut off, with an error of the
//! body.
//!
//! # Between clients
//! A client names another one in the header `Pipe-To` of a request to the server. Where the server's
//! settings allow it, it makes the call, with the first client's name in `Pipe-From`; what clients send
//! in that header is removed. A handler sees it as [`Peer::from`](crate::Peer::from). All headers that
//! begin with `Pipe-` and are the pipe's own are removed from what callers and handlers send.
//!
//! # What a call costs
//! A `GET` with 39 bytes of answer on loopback, both ends in one process, on two cores of an AMD EPYC
//! with Rust 1.95 and hyper 1.12; all four took turns in one run (`cargo bench -p gripware-pipe`), and
//! what stands here is the median of five rounds. Read the ratios.
//!
//! | | p50, one at a time | calls per second, 64 at once |
//! |---|---:|---:|
//! | HTTP/2 without TLS | 109 µs | 66 300 |
//! | HTTP/2 over TLS | 120 µs | 55 700 |
//! | a pipe, server to client | 152 µs | 43 800 |
//! | a pipe, client to server | 159 µs | 44 800 |
//!
//! 2 GB streamed to the client and 2 GB back took 3.0 s and 2.9 s, and the process with both ends grew
//! from 8.9 to 9.6 MB (`cargo bench -p gripware-pipe -- bulk`).
//!
//! A connection is cut at its socket. Watching for that in each task of each call was tried first, two
//! turns at the same lock for every stream: 21 200 to 24 700 calls per second, which became 29 100 on
//! the same machine, while it was busy with other things.
//!
//! # Threats
//! | threat | what is done |
//! |---|---|
//! | somebody without a certificate | TLS refuses; at most 1024 handshakes at once, each for 10 s |
//! | somebody between the ends | the client verifies the server, always, by the name it dials; there is no setting to leave it |
//! | a client poses as the server | extended key usage: a certificate is for one side |
//! | a client poses as another | its name is in its certificate; no header or address makes one |
//! | a stolen key | `restpipe-cert revoke`; the list is read every second, and open connections of whoever is on it are cut |
//! | a certificate that expires | every connection is verified again once a minute |
//! | an old session | no TLS resumption, so that every connection is verified |
//! | request smuggling | HTTP/2 has one length for each body; headers about one connection are removed on the way in and out |
//! | a caller says what only the ends say to each other | headers of the pipe's own are removed from every request, and without them the path is a handler's |
//! | rapid reset (CVE-2023-44487) | streams in each direction are bounded, and resets that are not yet handled to four times as many |
//! | a slow reader | each body has a window of its own (256 KiB); a connection's window is that of all calls together, so that those who do not read starve nobody |
//! | a caller at an entrance that does not read | it is cut off after the idle timeout |
//! | a head that the peer's HTTP/2 would end the connection for | it is measured before it is sent, in both directions |
//! | a page in a browser, DNS rebinding | see [`Entrance`](crate::Entrance) |
//! | a flood of calls | 256 at once and 1024 that wait, in each direction of each pipe; any more get 503 |
//!
//! A certificate of the authority is all that a client needs, so the authority should be for pipes
//! alone. Who may call whom beyond that is up to handlers: they are told who asks.
//!
//! # Limits
//! | what | limit | setting |
//! |---|---|---|
//! | calls of one direction of a pipe | 256, and 1024 waiting | [`max_calls`](crate::Settings::max_calls), [`max_queued`](crate::Settings::max_queued) |
//! | bytes of one body that are not read | 256 KiB | [`stream_window`](crate::Settings::stream_window) |
//! | bytes of all bodies of one direction of a pipe | the product: 64 MiB | |
//! | bytes of a head | 64 KiB | [`MAX_HEAD`](crate::MAX_HEAD) |
//! | bytes of an event | 1 MiB | [`Events::max_event`](crate::events::Events::max_event) |
//! | names of clients | 10 000 | [`max_clients`](crate::PipeServerBuilder::max_clients) |
//! | names in one certificate | 16, the rest is ignored | |
//! | handshakes at once | 1024 | [`max_handshakes`](crate::PipeServerBuilder::max_handshakes) |
//! | connections of one client for its calls | 8, the oldest ends | |
//! | connections to an entrance | 1024, the rest waits | [`max_connections`](crate::Entrance::max_connections) |
//! | bytes of a file of certificates | 16 MiB | |
